import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noteVerifierOf } from './cosignature.ts'
import { eventNumber, Place, signerFor } from './fixtures.test.ts'
import { verifyHead } from './head.ts'

const check = ({ site, store, signer }: Place) =>
  verifyHead({ site, store }, noteVerifierOf(signer))

test('the head of a log is its newest checkpoint, whatever was added since', async () => {
  const place = new Place()
  assert.deepEqual(await check(place), { kind: 'unsigned', entries: 0 })
  const log = await place.filled(600, [300, 600])
  await log.record(eventNumber(600))
  const head = await check(place)
  assert(head.kind === 'verified')
  assert.deepEqual([head.size, head.entries], [600, 601])
})

test('a head does not verify after entries, tiles or signatures were changed', async () => {
  const damages: readonly (readonly [string, RegExp])[] = [
    ['delete from audit_entry where ix > 4', /5 entries are stored, and 600 were signed/],
    ['update audit_tile set hashes = zeroblob(32 * 88) where level = 0 and ix = 2', /./],
    ['delete from audit_tile where level = 1', /./],
    ["update audit_checkpoint set note = x'00' where size = 600", /not valid/],
  ]
  for (const [sql, expected] of damages) {
    const place = new Place()
    await place.filled(600)
    await place.tamper(sql)
    const head = await check(place)
    assert(head.kind === 'refused', sql)
    assert.match(head.problem, expected)
  }
})

test('a head does not verify under keys of another log', async () => {
  const place = new Place()
  await place.filled(3)
  const { site, store, signer } = place
  const other = noteVerifierOf(signerFor(9, signer.name))
  const head = await verifyHead({ site, store }, other)
  assert.equal(head.kind, 'refused')
})
