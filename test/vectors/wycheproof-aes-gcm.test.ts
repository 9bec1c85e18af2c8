/** Wycheproof AES-GCM through `#crypto`. */

import assert from 'node:assert/strict'
import { fromHex, hex, concat } from '#base'
import { CryptoRefusal, open, seal } from '#crypto'
import { wycheproof, type Case, type Group } from './wycheproof.ts'

interface AeadCase extends Case {
  readonly key: string
  readonly iv: string
  readonly aad: string
  readonly msg: string
  readonly ct: string
  readonly tag: string
}

interface AeadGroup extends Group<AeadCase> {
  readonly keySize: number
  readonly ivSize: number
  readonly tagSize: number
}

let [ran, refusedSizes] = [0, 0]

wycheproof<AeadGroup>(
  'aes_gcm_test.json',
  'AES-256-GCM agrees with Wycheproof, and refuses key and nonce sizes that are not ours',
  (one, { keySize, ivSize, tagSize }) => {
    const input = { key: fromHex(one.key), nonce: fromHex(one.iv), associated: fromHex(one.aad) }
    const sealed = concat(fromHex(one.ct), fromHex(one.tag))
    if (keySize !== 256 || ivSize !== 96 || tagSize !== 128) {
      refusedSizes++
      assert.throws(() => open('aes-256-gcm', input, sealed), { code: 'KEY_INVALID' })
      assert.throws(() => seal('aes-256-gcm', input, fromHex(one.msg)), { code: 'KEY_INVALID' })
      return
    }
    ran++
    if (one.result === 'valid') {
      assert.equal(hex(open('aes-256-gcm', input, sealed)), one.msg)
      assert.equal(hex(seal('aes-256-gcm', input, fromHex(one.msg))), hex(sealed))
    } else {
      assert.throws(
        () => open('aes-256-gcm', input, sealed),
        (error) => error instanceof CryptoRefusal && error.code === 'DECRYPTION_FAILED',
      )
    }
  },
  () => {
    assert.equal(ran, 66)
    assert.equal(refusedSizes, 250)
  },
)
