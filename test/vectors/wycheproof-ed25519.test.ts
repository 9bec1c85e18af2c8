/** Wycheproof Ed25519 through `#crypto`, by the entry point for bare messages. */

import assert from 'node:assert/strict'
import { fromHex } from '#base'
import { verify, verifyBareEd25519 } from '#crypto'
import { wycheproof, type Case, type Group } from './wycheproof.ts'

interface EddsaCase extends Case {
  readonly msg: string
  readonly sig: string
}

interface EddsaGroup extends Group<EddsaCase> {
  readonly publicKey: { readonly pk: string }
}

wycheproof<EddsaGroup>(
  'ed25519_test.json',
  'Ed25519 agrees with Wycheproof, and a bare signature is never one under a label',
  (one, { publicKey: { pk } }) => {
    const [message, signature] = [fromHex(one.msg), fromHex(one.sig)]
    assert.equal(verifyBareEd25519(fromHex(pk), message, signature), one.result === 'valid')
    const key = { name: 'ed25519', publicKey: fromHex(pk) } as const
    assert.equal(verify(key, 'photonward/test', message, signature), false)
  },
)
