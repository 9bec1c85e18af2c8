import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ed25519 } from '@noble/curves/ed25519.js'
import { ml_dsa44, ml_dsa65, ml_dsa87 } from '@noble/post-quantum/ml-dsa.js'
import { concat, fromHex, hex, utf8 } from '#base'
import {
  newDualSigner,
  newSigningKeyPair,
  seedOf,
  sign,
  signBareEd25519,
  signBareMlDsa,
  signDual,
  signingKeyPairOf,
  verifierOf,
  verify,
  verifyBareEd25519,
  verifyBareMlDsa,
  verifyDual,
  type SignatureName,
} from './mod.ts'

const names: readonly SignatureName[] = ['ml-dsa-44', 'ml-dsa-65', 'ml-dsa-87', 'ed25519']
const oracles = { 'ml-dsa-44': ml_dsa44, 'ml-dsa-65': ml_dsa65, 'ml-dsa-87': ml_dsa87 } as const
const exactly = (size: number) => fc.uint8Array({ minLength: size, maxLength: size })
const message = utf8('a statement')

test('Ed25519 gives the public key and signature of RFC 8032 §7.1, test 1', () => {
  const keys = signingKeyPairOf(
    'ed25519',
    fromHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'),
  )
  assert.equal(
    hex(keys.publicKey),
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
  )
  assert.equal(
    hex(signBareEd25519(keys, new Uint8Array(0))),
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b' +
      'd25bf5f0595bbe24655141438e7a100b',
  )
})

test('keys of a seed are those an oracle makes, and the seed comes back', () => {
  fc.assert(
    fc.property(fc.constantFrom(...names), exactly(32), (name, seed) => {
      const keys = signingKeyPairOf(name, seed)
      const expected =
        name === 'ed25519' ? ed25519.getPublicKey(seed) : oracles[name].keygen(seed).publicKey
      assert.equal(hex(keys.publicKey), hex(expected))
      assert.deepEqual(seedOf(keys), seed)
    }),
    { numRuns: 12 },
  )
})

test('an oracle accepts our signature under the label as ML-DSA context, and we accept its', () => {
  for (const name of ['ml-dsa-44', 'ml-dsa-65', 'ml-dsa-87'] as const) {
    const seed = new Uint8Array(32).fill(5)
    const keys = signingKeyPairOf(name, seed)
    const context = utf8('photonward/test')
    const ours = sign(keys, 'photonward/test', message)
    assert(oracles[name].verify(ours, message, keys.publicKey, { context }))
    assert(!oracles[name].verify(ours, message, keys.publicKey))
    const theirs = oracles[name].sign(message, oracles[name].keygen(seed).secretKey, { context })
    assert(verify(keys, 'photonward/test', message, theirs))
    assert(oracles[name].verify(signBareMlDsa(keys, message), message, keys.publicKey))
  }
})

test('under Ed25519 the label stands before the message, with its length', () => {
  const keys = newSigningKeyPair('ed25519')
  const signature = sign(keys, 'ab', message)
  const signed = concat(Uint8Array.of(0, 0, 0, 2), utf8('ab'), message)
  assert(ed25519.verify(signature, signed, keys.publicKey))
})

test('a signature holds for its label, message and key only', () => {
  for (const name of names) {
    const keys = newSigningKeyPair(name)
    const signature = sign(keys, 'photonward/one', message)
    assert(verify(keys, 'photonward/one', message, signature))
    assert(!verify(keys, 'photonward/two', message, signature))
    assert(!verify(keys, 'photonward/on', utf8('ea statement'), signature))
    assert(!verify(keys, 'photonward/one', utf8('a statemenu'), signature))
    assert(!verify(newSigningKeyPair(name), 'photonward/one', message, signature))
    for (const at of [0, 1, signature.length >> 1, signature.length - 1]) {
      assert(!verify(keys, 'photonward/one', message, signature.with(at, signature[at] ^ 1)))
    }
    for (const size of [0, signature.length - 1]) {
      assert(!verify(keys, 'photonward/one', message, signature.subarray(0, size)))
    }
    assert(!verify(keys, 'photonward/one', message, concat(signature, Uint8Array.of(0))))
  }
})

test('a bare signature is none under a label, and the other way round', () => {
  const ed = newSigningKeyPair('ed25519')
  const ml = newSigningKeyPair('ml-dsa-65')
  assert(verifyBareEd25519(ed.publicKey, message, signBareEd25519(ed, message)))
  assert(!verify(ed, 'photonward/one', message, signBareEd25519(ed, message)))
  assert(!verifyBareEd25519(ed.publicKey, message, sign(ed, 'photonward/one', message)))
  assert(verifyBareMlDsa(ml, message, signBareMlDsa(ml, message)))
  assert(!verify(ml, 'photonward/one', message, signBareMlDsa(ml, message)))
  assert(!verifyBareMlDsa(ml, message, sign(ml, 'photonward/one', message)))
  assert.throws(() => signBareEd25519(ml, message), { name: 'AssertionFailure' })
  assert.throws(() => signBareMlDsa(ed, message), { name: 'AssertionFailure' })
})

test('a malformed public key makes a signature not good, it does not throw', () => {
  for (const name of names) {
    const signature = sign(newSigningKeyPair(name), 'photonward/one', message)
    for (const publicKey of [new Uint8Array(0), new Uint8Array(31), new Uint8Array(5000)]) {
      assert.equal(verify({ name, publicKey }, 'photonward/one', message, signature), false)
    }
  }
})

test('labels of 0 and of 256 octets are bugs, one of 255 is the longest', () => {
  const keys = newSigningKeyPair('ed25519')
  for (const label of ['', 'a'.repeat(256), 'é'.repeat(128)]) {
    assert.throws(() => sign(keys, label, message), { name: 'AssertionFailure' })
    assert.throws(() => verify(keys, label, message, new Uint8Array(64)), {
      name: 'AssertionFailure',
    })
  }
  const longest = 'a'.repeat(255)
  for (const name of names) {
    const pair = newSigningKeyPair(name)
    assert(verify(pair, longest, message, sign(pair, longest, message)))
  }
})

test('a dual signature needs both of its halves', () => {
  const [signer, other] = [newDualSigner(), newDualSigner()]
  const by = verifierOf(signer)
  const good = signDual(signer, 'photonward/one', message)
  const bad = signDual(other, 'photonward/one', message)
  assert(verifyDual(by, 'photonward/one', message, good))
  for (const mixed of [
    { mlDsa: good.mlDsa, ed25519: bad.ed25519 },
    { mlDsa: bad.mlDsa, ed25519: good.ed25519 },
    { mlDsa: good.mlDsa, ed25519: new Uint8Array(0) },
    { mlDsa: new Uint8Array(0), ed25519: good.ed25519 },
  ]) {
    assert(!verifyDual(by, 'photonward/one', message, mixed))
  }
  assert(!verifyDual(by, 'photonward/two', message, good))
  assert(!verifyDual(verifierOf(other), 'photonward/one', message, good))
})

test('a seed of another size is refused', () => {
  for (const name of names) {
    for (const size of [0, 31, 33, 64]) {
      assert.throws(() => signingKeyPairOf(name, new Uint8Array(size)), { code: 'KEY_INVALID' })
    }
  }
})
