/** Wycheproof ML-DSA-65 through `#crypto`: a context is our label; without one, the bare entry. */

import assert from 'node:assert/strict'
import { fromHex, textOf } from '#base'
import { verify, verifyBareMlDsa } from '#crypto'
import { wycheproof, type Case, type Group } from './wycheproof.ts'

interface MlDsaCase extends Case {
  readonly msg: string
  readonly sig: string
  readonly ctx?: string
}

interface MlDsaGroup extends Group<MlDsaCase> {
  readonly publicKey: string
}

let [bare, labelled, tooLong] = [0, 0, 0]

wycheproof<MlDsaGroup>(
  'mldsa_65_verify_test.json',
  'ML-DSA-65 agrees with Wycheproof, with our label as its context',
  (one, group) => {
    const key = { name: 'ml-dsa-65', publicKey: fromHex(group.publicKey) } as const
    const [message, signature] = [fromHex(one.msg), fromHex(one.sig)]
    if (one.ctx === undefined || one.ctx === '') {
      bare++
      assert.equal(verifyBareMlDsa(key, message, signature), one.result === 'valid')
      assert.equal(verify(key, 'photonward/test', message, signature), false)
      return
    }
    const label = textOf(fromHex(one.ctx))
    assert.equal(verifyBareMlDsa(key, message, signature), false)
    if (one.ctx.length > 2 * 255) {
      tooLong++
      assert.throws(() => verify(key, label, message, signature), { name: 'AssertionFailure' })
    } else {
      labelled++
      assert.equal(verify(key, label, message, signature), one.result === 'valid')
    }
  },
  () => assert.deepEqual([bare, labelled, tooLong], [203, 2, 5]),
)
