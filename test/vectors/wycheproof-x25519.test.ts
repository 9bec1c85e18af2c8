/** Wycheproof X25519 through `#crypto`. Unlike RFC 7748's "MAY", low-order points are refused. */

import assert from 'node:assert/strict'
import { fromHex, hex } from '#base'
import { agreeX25519, x25519KeyPairOf } from '#crypto'
import { wycheproof, type Case, type Group } from './wycheproof.ts'

interface XdhCase extends Case {
  readonly public: string
  readonly private: string
  readonly shared: string
}

let [agreed, lowOrder] = [0, 0]

wycheproof<Group<XdhCase>>(
  'x25519_test.json',
  'X25519 agrees with Wycheproof, and every point of low order is refused',
  (one) => {
    const { privateKey } = x25519KeyPairOf(fromHex(one.private))
    const agree = (): Uint8Array => agreeX25519(privateKey, fromHex(one.public))
    if (one.flags.includes('ZeroSharedSecret')) {
      lowOrder++
      assert.throws(agree, { name: 'CryptoRefusal', code: 'KEY_INVALID' })
    } else {
      agreed++
      assert.equal(hex(agree()), one.shared)
    }
  },
  () => assert.deepEqual([agreed, lowOrder], [487, 31]),
)
