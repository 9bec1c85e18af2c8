import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { expand, extract, hkdf as nobleHkdf } from '@noble/hashes/hkdf.js'
import { hmac as nobleHmac } from '@noble/hashes/hmac.js'
import { sha256 as noble256, sha384 as noble384, sha512 as noble512 } from '@noble/hashes/sha2.js'
import { concat, fromHex, hex, utf8 } from '#base'
import { hkdf, hkdfExpand, hmac, sameSecret, sha256, Sha256, sha384, sha512 } from './mod.ts'

const oracles = { sha256: noble256, sha384: noble384, sha512: noble512 } as const
const names = Object.keys(oracles) as (keyof typeof oracles)[]
const octets = (maxLength: number, minLength = 0) => fc.uint8Array({ minLength, maxLength })

test('SHA-2 gives the digests of FIPS 180-4 for "abc"', () => {
  assert.equal(
    hex(sha256(utf8('abc'))),
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  )
  assert.match(hex(sha384(utf8('abc'))), /^cb00753f45a35e8bb5a03d699ac65007272c32ab0eded163/)
  assert.match(hex(sha512(utf8('abc'))), /^ddaf35a193617abacc417349ae20413112e6fa4e89a97ea2/)
})

test('a digest of parts is the digest of the parts joined, as an oracle computes it', () => {
  fc.assert(
    fc.property(fc.array(octets(300), { maxLength: 5 }), (parts) => {
      const joined = concat(...parts)
      assert.deepEqual(sha256(...parts), noble256(joined))
      assert.deepEqual(sha384(...parts), noble384(joined))
      assert.deepEqual(sha512(...parts), noble512(joined))
      const stepwise = new Sha256()
      for (const part of parts) stepwise.update(part)
      assert.deepEqual(stepwise.digest(), noble256(joined))
    }),
  )
})

test('HMAC agrees with an oracle for keys below, at and above the block size', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...names),
      octets(200),
      fc.array(octets(100), { maxLength: 4 }),
      (name, key, parts) => {
        assert.deepEqual(hmac(name, key, ...parts), nobleHmac(oracles[name], key, concat(...parts)))
      },
    ),
  )
})

test('HKDF gives the output of RFC 5869 appendix A.1', () => {
  const okm = hkdf('sha256', {
    secret: new Uint8Array(22).fill(0x0b),
    salt: fromHex('000102030405060708090a0b0c'),
    info: fromHex('f0f1f2f3f4f5f6f7f8f9'),
    length: 42,
  })
  assert.equal(
    hex(okm),
    '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  )
})

test('HKDF and its expanding half agree with an oracle', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...names),
      octets(100),
      octets(100),
      octets(100),
      fc.integer({ min: 1, max: 255 * 32 }),
      (name, secret, salt, info, length) => {
        const oracle = oracles[name]
        assert.deepEqual(
          hkdf(name, { secret, salt, info, length }),
          nobleHkdf(oracle, secret, salt, info, length),
        )
        const key = extract(oracle, secret, salt)
        assert.deepEqual(hkdfExpand(name, { key, info, length }), expand(oracle, key, info, length))
      },
    ),
  )
})

test('HKDF-Expand stops at 255 hashes and asks for a uniform key', () => {
  const [key, info] = [new Uint8Array(32), new Uint8Array(0)]
  assert.equal(hkdfExpand('sha256', { key, info, length: 255 * 32 }).length, 255 * 32)
  for (const [name, size] of [
    ['sha256', 32],
    ['sha384', 48],
    ['sha512', 64],
  ] as const) {
    assert.throws(() => hkdfExpand(name, { key, info, length: 255 * size + 1 }), {
      name: 'AssertionFailure',
    })
  }
  const short = { key: new Uint8Array(31), info, length: 32 }
  assert.throws(() => hkdfExpand('sha256', short), { name: 'AssertionFailure' })
})

test('secrets compare equal only in every octet, and lengths never throw', () => {
  fc.assert(
    fc.property(octets(64), fc.nat(63), fc.integer({ min: 1, max: 255 }), (secret, at, change) => {
      assert(sameSecret(secret, secret.slice()))
      assert(!sameSecret(secret, concat(secret, Uint8Array.of(0))))
      if (secret.length === 0) return
      const other = secret.slice()
      other[at % secret.length] ^= change
      assert(!sameSecret(secret, other))
    }),
  )
})
