/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ml_kem768_x25519 as oracle } from '@noble/post-quantum/hybrid.js'
import {
  decapsulateHybrid,
  encapsulateHybrid,
  HYBRID_CIPHERTEXT_OCTETS,
  hybridPublicKeyOf,
} from './mod.ts'

test('MLKEM768-X25519 agrees with an independent implementation, both ways', () => {
  for (let round = 0; round < 4; round++) {
    const seed = new Uint8Array(32).fill(round + 1)
    const publicKey = hybridPublicKeyOf(seed)
    assert.deepEqual(publicKey, oracle.getPublicKey(seed))
    const ours = encapsulateHybrid(publicKey)
    assert.deepEqual(oracle.decapsulate(ours.ciphertext, seed), ours.sharedSecret)
    const theirs = oracle.encapsulate(publicKey)
    assert.deepEqual(decapsulateHybrid(seed, theirs.cipherText), theirs.sharedSecret)
  }
})

test('keys and ciphertexts of another size are refused, a changed ciphertext gives another secret', () => {
  const seed = new Uint8Array(32).fill(1)
  const publicKey = hybridPublicKeyOf(seed)
  const { ciphertext, sharedSecret } = encapsulateHybrid(publicKey)
  for (const size of [0, publicKey.length - 1, publicKey.length + 1]) {
    assert.throws(() => encapsulateHybrid(new Uint8Array(size)), { code: 'KEY_INVALID' })
  }
  assert.throws(() => hybridPublicKeyOf(new Uint8Array(31)), { code: 'KEY_INVALID' })
  const short = new Uint8Array(HYBRID_CIPHERTEXT_OCTETS - 1)
  assert.throws(() => decapsulateHybrid(seed, short), { code: 'CIPHERTEXT_INVALID' })
  for (const at of [0, 1087, 1088, 1100]) {
    const changed = new Uint8Array(ciphertext)
    changed[at] ^= 1
    assert.notDeepEqual(decapsulateHybrid(seed, changed), sharedSecret)
  }
})
