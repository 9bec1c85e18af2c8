import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { x25519 } from '@noble/curves/ed25519.js'
import { ml_kem1024, ml_kem768 } from '@noble/post-quantum/ml-kem.js'
import { fromHex, hex } from '#base'
import {
  agreeX25519,
  decapsulate,
  encapsulate,
  KEM_SIZES,
  kemKeyPairOf,
  newKemKeyPair,
  newX25519KeyPair,
  x25519KeyPairOf,
  type KemName,
} from './mod.ts'

const oracles = { 'ml-kem-768': ml_kem768, 'ml-kem-1024': ml_kem1024 } as const
const names = Object.keys(oracles) as KemName[]
const exactly = (size: number) => fc.uint8Array({ minLength: size, maxLength: size })

test('a key pair of a seed is the pair an oracle makes of it', () => {
  fc.assert(
    fc.property(fc.constantFrom(...names), exactly(64), (name, seed) => {
      const { publicKey } = oracles[name].keygen(seed)
      assert.equal(hex(kemKeyPairOf(name, seed).encapsulationKey), hex(publicKey))
    }),
    { numRuns: 20 },
  )
})

test('we decapsulate what an oracle encapsulated, and it what we encapsulated', () => {
  fc.assert(
    fc.property(fc.constantFrom(...names), exactly(64), exactly(32), (name, seed, message) => {
      const oracle = oracles[name]
      const pair = kemKeyPairOf(name, seed)
      const theirs = oracle.encapsulate(pair.encapsulationKey, message)
      const ours = encapsulate(name, pair.encapsulationKey)
      assert.equal(
        hex(decapsulate(name, pair.decapsulationKey, theirs.cipherText)),
        hex(theirs.sharedSecret),
      )
      const { secretKey } = oracle.keygen(seed)
      assert.equal(hex(oracle.decapsulate(ours.ciphertext, secretKey)), hex(ours.sharedSecret))
      assert.equal(
        hex(decapsulate(name, pair.decapsulationKey, ours.ciphertext)),
        hex(ours.sharedSecret),
      )
    }),
    { numRuns: 20 },
  )
})

test('a changed ciphertext gives another secret, the same each time, and no error', () => {
  for (const name of names) {
    const pair = newKemKeyPair(name)
    const { sharedSecret, ciphertext } = encapsulate(name, pair.encapsulationKey)
    const changed = ciphertext.with(7, ciphertext[7] ^ 1)
    const rejected = decapsulate(name, pair.decapsulationKey, changed)
    assert.equal(rejected.length, 32)
    assert.notEqual(hex(rejected), hex(sharedSecret))
    assert.equal(hex(decapsulate(name, pair.decapsulationKey, changed)), hex(rejected))
  }
})

test('wrong lengths and encapsulation keys beyond the modulus are refused', () => {
  for (const name of names) {
    const { encapsulationKey, decapsulationKey } = newKemKeyPair(name)
    assert.equal(encapsulationKey.length, KEM_SIZES[name].encapsulationKey)
    // The first coefficient becomes 4095, above q = 3329 (FIPS 203 §7.2, modulus check).
    const beyond = encapsulationKey.with(0, 0xff).with(1, encapsulationKey[1] | 0x0f)
    for (const bad of [beyond, encapsulationKey.subarray(1), new Uint8Array(0)]) {
      assert.throws(() => encapsulate(name, bad), { code: 'KEY_INVALID' })
    }
    for (const size of [0, KEM_SIZES[name].ciphertext - 1, KEM_SIZES[name].ciphertext + 1]) {
      assert.throws(() => decapsulate(name, decapsulationKey, new Uint8Array(size)), {
        code: 'CIPHERTEXT_INVALID',
      })
    }
    for (const size of [32, 63, 65]) {
      assert.throws(() => kemKeyPairOf(name, new Uint8Array(size)), { code: 'KEY_INVALID' })
    }
  }
})

test('a ciphertext of the other parameter set is refused', () => {
  const pair = newKemKeyPair('ml-kem-1024')
  const other = encapsulate('ml-kem-768', newKemKeyPair('ml-kem-768').encapsulationKey)
  assert.throws(() => decapsulate('ml-kem-1024', pair.decapsulationKey, other.ciphertext), {
    code: 'CIPHERTEXT_INVALID',
  })
})

test('X25519 agrees with RFC 7748 §6.1 and with an oracle', () => {
  const alice = x25519KeyPairOf(fromHex(A))
  const bob = x25519KeyPairOf(fromHex(B))
  assert.equal(hex(agreeX25519(alice.privateKey, bob.publicKey)), SHARED)
  assert.equal(hex(agreeX25519(bob.privateKey, alice.publicKey)), SHARED)
  fc.assert(
    fc.property(exactly(32), (secret) => {
      const peer = newX25519KeyPair()
      const own = x25519KeyPairOf(secret)
      assert.deepEqual(own.publicKey, x25519.getPublicKey(secret))
      assert.deepEqual(
        agreeX25519(own.privateKey, peer.publicKey),
        x25519.getSharedSecret(secret, peer.publicKey),
      )
    }),
    { numRuns: 30 },
  )
})

test('points of low order and keys of another length are refused', () => {
  const { privateKey } = newX25519KeyPair()
  const lowOrder = [
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000000',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  ]
  for (const point of lowOrder) {
    assert.throws(() => agreeX25519(privateKey, fromHex(point)), { code: 'KEY_INVALID' }, point)
  }
  for (const size of [0, 31, 33]) {
    assert.throws(() => agreeX25519(privateKey, new Uint8Array(size)), { code: 'KEY_INVALID' })
    assert.throws(() => x25519KeyPairOf(new Uint8Array(size)), { code: 'KEY_INVALID' })
  }
})

const A = '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a'
const B = '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'
const SHARED = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742'
