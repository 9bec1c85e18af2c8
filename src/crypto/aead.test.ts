import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { gcm, gcmsiv } from '@noble/ciphers/aes.js'
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { fromHex, hex } from '#base'
import { open, openInto, seal, sealInto, TAG_OCTETS, type AeadInput, type AeadName } from './mod.ts'

const oracles = {
  'aes-256-gcm': gcm,
  'aes-256-gcm-siv': gcmsiv,
  'chacha20-poly1305': chacha20poly1305,
} as const
const names = Object.keys(oracles) as AeadName[]
const exactly = (size: number) => fc.uint8Array({ minLength: size, maxLength: size })
const upTo = (size: number) => fc.uint8Array({ maxLength: size })
const inputs: fc.Arbitrary<AeadInput> = fc.record({
  key: exactly(32),
  nonce: exactly(12),
  associated: upTo(80),
})

test('AES-256-GCM gives the ciphertext and tag of GCM test case 14', () => {
  const input = { key: new Uint8Array(32), nonce: new Uint8Array(12), associated: EMPTY }
  assert.equal(
    hex(seal('aes-256-gcm', input, new Uint8Array(16))),
    'cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919',
  )
})

test('AES-256-GCM-SIV gives the result of RFC 8452 appendix C.2', () => {
  const input = {
    key: fromHex('0100000000000000000000000000000000000000000000000000000000000000'),
    nonce: fromHex('030000000000000000000000'),
    associated: EMPTY,
  }
  assert.equal(
    hex(seal('aes-256-gcm-siv', input, fromHex('0100000000000000'))),
    'c2ef328e5c71c83b843122130f7364b761e0b97427e3df28',
  )
})

test('sealing agrees with an oracle, and opening gives back what was sealed', () => {
  fc.assert(
    fc.property(fc.constantFrom(...names), inputs, upTo(300), (name, input, plaintext) => {
      const sealed = seal(name, input, plaintext)
      const oracle = oracles[name](input.key, input.nonce, input.associated)
      assert.deepEqual(sealed, oracle.encrypt(plaintext))
      assert.deepEqual(open(name, input, sealed), plaintext)
    }),
  )
})

test('one changed bit anywhere is refused, and always in the same words', () => {
  for (const name of names) {
    const input = {
      key: new Uint8Array(32).fill(7),
      nonce: new Uint8Array(12).fill(3),
      associated: fromHex('0a0b0c'),
    }
    const sealed = seal(name, input, fromHex('00112233445566778899aabbccddeeff0011'))
    const refusals = new Set<string>()
    const refuse = (changed: Partial<AeadInput>, octets = sealed): void =>
      assert.throws(
        () => open(name, { ...input, ...changed }, octets),
        (error: Error & { code: string; cause?: unknown }) => {
          refusals.add(`${error.name} ${error.code} ${error.message} ${String(error.cause)}`)
          return error.code === 'DECRYPTION_FAILED'
        },
      )
    for (let bit = 0; bit < sealed.length * 8; bit++) refuse({}, flipped(sealed, bit))
    for (let bit = 0; bit < 256; bit += 17) refuse({ key: flipped(input.key, bit) })
    for (let bit = 0; bit < 96; bit++) refuse({ nonce: flipped(input.nonce, bit) })
    for (let bit = 0; bit < 24; bit++) refuse({ associated: flipped(input.associated, bit) })
    refuse({ associated: EMPTY })
    for (let size = 0; size < sealed.length; size++) refuse({}, sealed.subarray(0, size))
    assert.equal(refusals.size, 1)
  }
})

test('nothing is written where the tag is wrong', () => {
  for (const name of names) {
    const input = { key: new Uint8Array(32), nonce: new Uint8Array(12), associated: EMPTY }
    const sealed = seal(name, input, new Uint8Array(64).fill(0xaa))
    const out = new Uint8Array(64).fill(0x55)
    assert.throws(() => openInto(name, input, flipped(sealed, sealed.length * 8 - 1), out))
    assert.deepEqual(out, new Uint8Array(64).fill(0x55))
    assert.equal(openInto(name, input, sealed, out), 64)
    assert.deepEqual(out, new Uint8Array(64).fill(0xaa))
  }
})

test('sealing into a buffer writes exactly the text and its tag', () => {
  const input = { key: new Uint8Array(32), nonce: new Uint8Array(12), associated: EMPTY }
  const out = new Uint8Array(40).fill(0x55)
  const written = sealInto('aes-256-gcm', input, new Uint8Array(10), out)
  assert.equal(written, 10 + TAG_OCTETS)
  assert.deepEqual(out.subarray(0, written), seal('aes-256-gcm', input, new Uint8Array(10)))
  assert.deepEqual(out.subarray(written), new Uint8Array(14).fill(0x55))
  const tight = new Uint8Array(25)
  assert.throws(() => sealInto('aes-256-gcm', input, new Uint8Array(10), tight), {
    name: 'AssertionFailure',
  })
})

test('keys and nonces of any other size are refused before anything is computed', () => {
  const right = { key: new Uint8Array(32), nonce: new Uint8Array(12), associated: EMPTY }
  for (const wrong of [
    { key: new Uint8Array(16) },
    { key: new Uint8Array(31) },
    { key: new Uint8Array(33) },
    { nonce: new Uint8Array(11) },
    { nonce: new Uint8Array(13) },
    { nonce: EMPTY },
  ]) {
    for (const name of names) {
      const input = { ...right, ...wrong }
      assert.throws(() => seal(name, input, EMPTY), { code: 'KEY_INVALID' })
      assert.throws(() => open(name, input, new Uint8Array(16)), { code: 'KEY_INVALID' })
    }
  }
})

function flipped(octets: Uint8Array, bit: number): Uint8Array {
  const changed = octets.slice()
  changed[bit >> 3] ^= 1 << (bit & 7)
  return changed
}

const EMPTY = new Uint8Array(0)
