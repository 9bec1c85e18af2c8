import assert from 'node:assert/strict'
import { createCipheriv } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromHex, hex } from '#base'
import { PolynomialHash } from './mod.ts'

const exactly = (size: number) => fc.uint8Array({ minLength: size, maxLength: size })
const upTo = (size: number) => fc.uint8Array({ maxLength: size })
const digest = (key: Uint8Array, message: Uint8Array): Uint8Array => {
  using hash = new PolynomialHash(key)
  return hash.digest(message)
}

test('the hash is GHASH of GCM test case 2', () => {
  const key = fromHex('66e94bd4ef8a2c3b884cfa59ca342b2e')
  const message = fromHex('0388dace60b6a392f328c2b971b2fe78')
  assert.equal(hex(digest(key, message)), 'f38cbb1ad69223dcc3457ae5b6b0f885')
})

test('the hash agrees with a bit-by-bit multiplication in GF(2^128)', () => {
  fc.assert(
    fc.property(exactly(16), upTo(100), (key, message) => {
      assert.deepEqual(digest(key, message), slowDigest(key, message))
    }),
    { numRuns: 60 },
  )
})

test('masked with the block OpenSSL masks with, the hash is the tag of AES-256-GCM', () => {
  fc.assert(
    fc.property(exactly(32), exactly(12), upTo(2000), (key, nonce, plaintext) => {
      const cipher = createCipheriv('aes-256-gcm', key, nonce)
      const ciphertext = new Uint8Array([...cipher.update(plaintext), ...cipher.final()])
      const hashKey = block(key, new Uint8Array(16))
      const pad = block(key, Uint8Array.of(...nonce, 0, 0, 0, 1))
      const tag = digest(hashKey, ciphertext).map((octet, at) => octet ^ pad[at])
      assert.equal(hex(tag), cipher.getAuthTag().toString('hex'))
    }),
  )
})

test('a message in parts has the hash of the message, however it is cut', () => {
  fc.assert(
    fc.property(exactly(16), fc.array(upTo(50), { maxLength: 8 }), (key, parts) => {
      using hash = new PolynomialHash(key)
      const whole = Uint8Array.from(parts.flatMap((part) => [...part]))
      assert.deepEqual(hash.digestOf(parts), hash.digest(whole))
    }),
  )
})

test('padding is not ambiguous: appended zeros change the hash', () => {
  const key = fromHex('000102030405060708090a0b0c0d0e0f')
  const seen = new Set<string>()
  for (let size = 0; size <= 64; size++) seen.add(hex(digest(key, new Uint8Array(size))))
  assert.equal(seen.size, 65)
})

test('the hash is linear: XOR of equally long messages is XOR of hashes and that of zeros', () => {
  const pair = fc
    .nat(80)
    .chain((size) => fc.tuple(exactly(16), exactly(size), exactly(size), fc.constant(size)))
  fc.assert(
    fc.property(pair, ([key, a, b, size]) => {
      const xor = (x: Uint8Array, y: Uint8Array) => x.map((octet, at) => octet ^ y[at])
      const left = digest(key, xor(a, b))
      const right = xor(xor(digest(key, a), digest(key, b)), digest(key, new Uint8Array(size)))
      assert.deepEqual(left, right)
    }),
  )
})

test('a key of another size is a bug, and a disposed hash has forgotten its key', () => {
  for (const size of [0, 15, 17, 32]) {
    assert.throws(() => new PolynomialHash(new Uint8Array(size)), { name: 'AssertionFailure' })
  }
  const hash = new PolynomialHash(fromHex('000102030405060708090a0b0c0d0e0f'))
  hash[Symbol.dispose]()
  assert.deepEqual(hash.digest(fromHex('ff')), new Uint8Array(16))
})

/** SP 800-38D §6.3 and §6.4, step by step, with no table and no shared code. */
function slowDigest(key: Uint8Array, message: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil(message.length / 16) * 16 + 16)
  padded.set(message)
  new DataView(padded.buffer).setUint32(padded.length - 4, message.length * 8)
  let state = 0n
  for (let at = 0; at < padded.length; at += 16) {
    state = multiply(state ^ toNumber(padded.subarray(at, at + 16)), toNumber(key))
  }
  return fromHex(state.toString(16).padStart(32, '0'))
}

function multiply(x: bigint, y: bigint): bigint {
  let [product, shifted] = [0n, y]
  for (let bit = 127n; bit >= 0n; bit--) {
    if (((x >> bit) & 1n) === 1n) product ^= shifted
    shifted = (shifted & 1n) === 1n ? (shifted >> 1n) ^ (0xe1n << 120n) : shifted >> 1n
  }
  return product
}

const toNumber = (octets: Uint8Array): bigint => BigInt(`0x${hex(octets)}`)

const block = (key: Uint8Array, octets: Uint8Array): Uint8Array =>
  createCipheriv('aes-256-ecb', key, null).setAutoPadding(false).update(octets)
