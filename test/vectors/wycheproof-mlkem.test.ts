/**
 * Wycheproof ML-KEM-768 through `#crypto`.
 *
 * OpenSSL's encapsulation cannot be given its randomness. The encapsulation cases are therefore
 * run with @noble/post-quantum as the oracle, and ours must accept and refuse the same keys.
 */

import assert from 'node:assert/strict'
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js'
import { fromHex, hex } from '#base'
import { decapsulate, encapsulate, kemKeyPairOf } from '#crypto'
import { wycheproof, type Case, type Group } from './wycheproof.ts'

interface DecapsulationCase extends Case {
  readonly seed: string
  readonly ek?: string
  readonly c: string
  readonly K: string
}

interface EncapsulationCase extends Case {
  readonly m: string
  readonly ek: string
  readonly c: string
  readonly K: string
}

wycheproof<Group<DecapsulationCase>>(
  'mlkem_768_test.json',
  'ML-KEM-768 keys and decapsulation agree with Wycheproof, implicit rejection included',
  (one) => {
    const run = (): Uint8Array => {
      const pair = kemKeyPairOf('ml-kem-768', fromHex(one.seed))
      if (one.ek !== undefined) assert.equal(hex(pair.encapsulationKey), one.ek)
      return decapsulate('ml-kem-768', pair.decapsulationKey, fromHex(one.c))
    }
    if (one.result === 'valid') {
      assert.equal(hex(run()), one.K)
    } else {
      const code = one.seed.length === 128 ? 'CIPHERTEXT_INVALID' : 'KEY_INVALID'
      assert.throws(run, { name: 'CryptoRefusal', code })
    }
  },
)

let [accepted, refusedKeys] = [0, 0]

wycheproof<Group<EncapsulationCase>>(
  'mlkem_768_encaps_test.json',
  'ML-KEM-768 encapsulation refuses the keys Wycheproof calls invalid; the rest meet an oracle',
  (one) => {
    const ek = fromHex(one.ek)
    if (one.result === 'invalid') {
      refusedKeys++
      assert.throws(() => encapsulate('ml-kem-768', ek), {
        name: 'CryptoRefusal',
        code: 'KEY_INVALID',
      })
      return
    }
    accepted++
    const expected = ml_kem768.encapsulate(ek, fromHex(one.m))
    assert.equal(hex(expected.cipherText), one.c)
    assert.equal(hex(expected.sharedSecret), one.K)
    const ours = encapsulate('ml-kem-768', ek)
    assert.equal(ours.ciphertext.length, expected.cipherText.length)
    assert.equal(ours.sharedSecret.length, 32)
    assert.notEqual(hex(ours.sharedSecret), one.K)
  },
  () => assert.deepEqual([accepted, refusedKeys], [133, 132]),
)
