/** What stays opened is given out only for the row from which it was opened, and only with a key. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '#health'
import { by, newSite, resource } from './fixture.test.ts'
import { contentOf } from './kept-versions.ts'

const asked = { ...by, act: 'open', judge: () => true } as const
const NAME = { type: 'Observation', id: 'o1' }

async function siteWithOne() {
  const site = await newSite()
  await site.vault.importRecords(
    resource({
      ...{ resourceType: 'Observation', id: 'o1', status: 'final', code: { text: 'weight' } },
      ...{ subject: { reference: 'Patient/p1' }, valueQuantity: { value: 60 } },
    }),
    by,
  )
  const read = async (): Promise<JsonObject> => {
    const opened = await site.vault.consult(NAME, asked)
    assert(opened !== undefined)
    return opened.value
  }
  return { ...site, read }
}

test('who reads again is given the same content, in a value of his own that nobody changes', async () => {
  const { read, time } = await siteWithOne()
  const [one, other] = [await read(), await read()]
  assert.notEqual(one, other)
  assert.deepEqual(one, other)
  assert.notEqual(contentOf(one), undefined)
  assert.equal(contentOf(one), contentOf(other))
  for (const change of [
    () => (one['status'] = 'amended'),
    () => ((one['valueQuantity'] as JsonObject)['value'] = 61),
  ]) {
    assert.throws(change, TypeError)
  }
  await time.advance(5 * 60_000)
  assert.notEqual(contentOf(await read()), contentOf(one))
})

for (const [what, sql] of [
  ['the container', "update vault_edition set container = container || x'00'"],
  ['the size', 'update vault_edition set octets = octets + 1'],
  ['the hash', "update vault_edition set hash = x'00'"],
  ['the place in its group', 'update vault_edition set place = 7'],
  ['the group', "update vault_edition set group_id = x'00000000000000000000000000000000'"],
  ['the row', 'delete from vault_edition'],
  ['the site that sealed it', "update vault_object set origin = 'cambridge'"],
  ['the key of its holder', "update vault_holder set wrapped = x'00' where kind = 3"],
  ['the holder', 'delete from vault_holder where kind = 3'],
] as const) {
  test(`what was read before is refused once ${what} was changed or removed`, async () => {
    const { read, store } = await siteWithOne()
    await read()
    await store.commit([{ sql, parameters: [] }])
    await assert.rejects(read(), { code: 'VAULT_DAMAGED' })
  })
}

test('what is about an erased patient is not shown from memory', async () => {
  const { read, vault } = await siteWithOne()
  await read()
  const patient = await vault.patientNamed('Patient/p1')
  assert(patient !== undefined)
  await vault.erase(patient, { cause: 'wish', actor: by.actor })
  await assert.rejects(read(), { code: 'VAULT_ERASED' })
})
