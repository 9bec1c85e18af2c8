import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ecb, gcm } from '@noble/ciphers/aes.js'
import { expand } from '@noble/hashes/hkdf.js'
import { sha512 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { concat, fromHex, hex, utf8 } from '#base'
import { ChunkCipher, CHUNKS_MAX, plaintextLength } from './cobblestone.ts'
import { openMessage, payloadOctets, sealMessage } from './mod.ts'

const exactly = (size: number) => fc.uint8Array({ minLength: size, maxLength: size })
const dataKey = new Uint8Array(32).fill(1)
const context = utf8('context')
const borders = [0, 1, 16, 16_383, 16_384, 16_385, 32_767, 32_768, 32_769, 49_152]

test('a message has the layout of the specification, by another library', () => {
  fc.assert(
    fc.property(
      exactly(32),
      exactly(24),
      fc.uint8Array({ maxLength: 64 }),
      fc.constantFrom(...borders),
      (key, salt, context, length) => {
        const plaintext = pattern(length)
        const payload = sealed(key, plaintext, { salt, context })
        assert.equal(hex(payload), hex(written({ key, salt, context }, plaintext)))
        assert.deepEqual(openMessage(key, context, payload), plaintext)
      },
    ),
    { numRuns: 15 },
  )
})

test('the last chunk is always short, so every length has one chunking only', () => {
  for (const length of borders) {
    const payload = sealed(dataKey, pattern(length))
    assert.equal(payload.length, payloadOctets(length))
    assert.equal(plaintextLength(payload.length), length)
    assert.equal((payload.length - 56) % 16_400 < 16_400, true)
  }
  // 56 + k · 16,400 is a message without its end; up to 15 octets more are less than a tag.
  for (let chunks = 0; chunks < 3; chunks++) {
    for (let more = 0; more < 16; more++) {
      assert.throws(() => plaintextLength(56 + chunks * 16_400 + more), REFUSED)
    }
    assert.equal(plaintextLength(56 + chunks * 16_400 + 16), chunks * 16_384)
  }
  for (let size = 0; size < 56; size++) assert.throws(() => plaintextLength(size), REFUSED)
})

test('chunk numbers are XORed into the nonce as a big-endian number, up to 2^38', () => {
  const salt = new Uint8Array(24)
  using cipher = new ChunkCipher(dataKey, salt, context)
  const okm = derived({ key: dataKey, salt, context })
  const base = BigInt(`0x${hex(okm.subarray(32, 44))}`)
  for (const number of [0, 1, 255, 256, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 38 - 1]) {
    const out = new Uint8Array(20)
    cipher.seal(number, utf8('text'), out)
    const nonce = fromHex((base ^ BigInt(number)).toString(16).padStart(24, '0'))
    assert.equal(hex(out), hex(gcm(okm.slice(0, 32), nonce).encrypt(utf8('text'))))
    const opened = new Uint8Array(4)
    assert.equal(cipher.open(number, out, opened), 4)
    assert.deepEqual(opened, utf8('text'))
    assert.throws(() => cipher.open(number === 0 ? 1 : 0, out, opened))
  }
  for (const number of [-1, CHUNKS_MAX]) {
    assert.throws(() => cipher.seal(number, context, new Uint8Array(40)), {
      name: 'AssertionFailure',
    })
  }
})

test('no two chunks of a message share a nonce, and no two messages a key', () => {
  const seen = new Set<string>()
  for (let message = 0; message < 200; message++) {
    const salt = new Uint8Array(24).fill(message)
    seen.add(hex(derived({ key: dataKey, salt, context }).subarray(0, 44)))
  }
  assert.equal(seen.size, 200)
})

test('another key, context, salt or commitment is refused before any chunk is opened', () => {
  const payload = sealed(dataKey, pattern(20_000))
  for (let at = 0; at < 56; at++) {
    assert.throws(() => openMessage(dataKey, context, flipped(payload, at)), REFUSED)
  }
  assert.throws(() => openMessage(flipped(dataKey, 31), context, payload), REFUSED)
  assert.throws(() => openMessage(dataKey, utf8('contexu'), payload), REFUSED)
  assert.throws(() => openMessage(dataKey, new Uint8Array(0), payload), REFUSED)
  assert.throws(() => openMessage(new Uint8Array(31), context, payload), REFUSED)
})

test('chunks cut off, doubled, exchanged, repeated from elsewhere or added are refused', () => {
  const plaintext = pattern(3 * 16_384 + 100)
  const payload = sealed(dataKey, plaintext)
  const prefix = payload.subarray(0, 56)
  const chunk = [0, 1, 2, 3].map((number) =>
    payload.subarray(56 + number * 16_400, 56 + (number + 1) * 16_400),
  )
  const [a, b, c, end] = chunk
  const other = sealed(dataKey, plaintext, { salt: new Uint8Array(24).fill(9), context })
  assert.deepEqual(openMessage(dataKey, context, concat(prefix, a, b, c, end)), plaintext)
  for (const changed of [
    [a, b, c],
    [a, b, end],
    [a, end],
    [end],
    [],
    [b, a, c, end],
    [a, a, b, c, end],
    [a, b, c, c, end],
    [a, b, c, end, end],
    [a, b, c, end, a],
    [a, b, other.subarray(56 + 2 * 16_400, 56 + 3 * 16_400), end],
    [a, b, c, other.subarray(56 + 3 * 16_400)],
    [a, b, c, end.subarray(0, 16)],
    [a, b, c, end, Uint8Array.of(0)],
  ]) {
    assert.throws(() => openMessage(dataKey, context, concat(prefix, ...changed)), REFUSED)
  }
})

test('a ciphertext made to open under two keys opens under the committed one only', () => {
  const salt = new Uint8Array(24).fill(3)
  const keys = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
  const okms = keys.map((key) => derived({ key, salt, context }))
  const chunk = twoKeyChunk(okms)
  for (const okm of okms) {
    assert.equal(gcm(okm.slice(0, 32), okm.slice(32, 44)).decrypt(chunk).length, 32)
  }
  for (const [committed, okm] of okms.entries()) {
    const payload = concat(salt, okm.subarray(44), chunk)
    assert.equal(openMessage(keys[committed], context, payload).length, 32)
    assert.throws(() => openMessage(keys[1 - committed], context, payload), REFUSED)
  }
})

interface Derivation {
  readonly key: Uint8Array
  readonly salt: Uint8Array
  readonly context: Uint8Array
}

function sealed(
  key: Uint8Array,
  plaintext: Uint8Array,
  by = { salt: new Uint8Array(24).fill(7), context },
): Uint8Array {
  const payload = new Uint8Array(payloadOctets(plaintext.length))
  assert.equal(sealMessage({ dataKey: key, ...by }, plaintext, payload), payload.length)
  return payload
}

function derived({ key, salt, context }: Derivation): Uint8Array {
  const info = concat(utf8('c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0'), salt, context)
  // The oracle wants a whole hash of key; HMAC pads with zeros, so that these are the same.
  return expand(sha512, concat(key, new Uint8Array(32)), info, 76)
}

/** The specification as it is written: chunk by chunk, nonce by big number. */
function written(by: Derivation, plaintext: Uint8Array): Uint8Array {
  const okm = derived(by)
  const base = BigInt(`0x${hex(okm.subarray(32, 44))}`)
  const chunks = []
  for (let number = 0; number * 16_384 <= plaintext.length; number++) {
    const nonce = fromHex((base ^ BigInt(number)).toString(16).padStart(24, '0'))
    const chunk = plaintext.subarray(number * 16_384, (number + 1) * 16_384)
    chunks.push(gcm(okm.slice(0, 32), nonce).encrypt(chunk))
  }
  return concat(by.salt, okm.subarray(44), ...chunks)
}

/**
 * Two blocks and a tag that AES-GCM accepts under both keys: the tags' difference is linear in
 * the second block, so it is solved for (Dodis, Grubbs, Ristenpart, Woodage, CRYPTO 2018).
 */
function twoKeyChunk(okms: readonly Uint8Array[]): Uint8Array {
  const c0 = 0x0123456789abcdefn
  const sides = okms.map((okm) => {
    const [key, nonce] = [okm.slice(0, 32), okm.slice(32, 44)]
    const h = number(blockOf(key, new Uint8Array(16)))
    const mask = number(blockOf(key, concat(nonce, Uint8Array.of(0, 0, 0, 1))))
    return { h, mask }
  })
  const [x, y] = sides
  const lengths = 256n
  const [h2x, h2y] = [multiply(x.h, x.h), multiply(y.h, y.h)]
  const known =
    multiply(c0, multiply(h2x, x.h) ^ multiply(h2y, y.h)) ^
    multiply(lengths, x.h ^ y.h) ^
    x.mask ^
    y.mask
  const c1 = multiply(known, inverse(h2x ^ h2y))
  const tag = multiply(multiply(multiply(c0, x.h) ^ c1, x.h) ^ lengths, x.h) ^ x.mask
  return fromHex([c0, c1, tag].map((block) => block.toString(16).padStart(32, '0')).join(''))
}

/** One block of AES-256. */
function blockOf(key: Uint8Array, block: Uint8Array): Uint8Array {
  return ecb(key, { disablePadding: true }).encrypt(block)
}

function multiply(x: bigint, y: bigint): bigint {
  let [product, shifted] = [0n, y]
  for (let bit = 127n; bit >= 0n; bit--) {
    if (((x >> bit) & 1n) === 1n) product ^= shifted
    shifted = (shifted & 1n) === 1n ? (shifted >> 1n) ^ (0xe1n << 120n) : shifted >> 1n
  }
  return product
}

/** x^(2^128 − 2). */
function inverse(x: bigint): bigint {
  let [result, square] = [1n << 127n, multiply(x, x)]
  for (let bit = 1; bit < 128; bit++) {
    result = multiply(result, square)
    square = multiply(square, square)
  }
  return result
}

const number = (octets: Uint8Array): bigint => BigInt(`0x${hex(octets)}`)
const pattern = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, at) => at * 7)
const flipped = (octets: Uint8Array, at: number): Uint8Array => octets.with(at, octets[at] ^ 1)
const REFUSED = { name: 'EnvelopeRefusal', code: 'CONTAINER_REFUSED' }
