/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat, utf8, type Uuid } from '#base'
import { finish, readJsonSteps } from '#health'
import {
  all,
  BRISTOL,
  by,
  CAMBRIDGE,
  known,
  newSite,
  resource,
  textsOf,
  type TestSite,
} from './fixture.test.ts'

const exported = async ({ vault }: TestSite, patient: Uuid): Promise<Uint8Array> => {
  const texts = await all(vault.portableRecord(patient, { ...by, to: 'age:0123' }))
  return concat(...texts.map((text) => utf8(text)))
}

const patientOf = (city: string) => ({
  resourceType: 'Patient',
  id: 'p1',
  address: [{ city }],
})
const weightOf = (value: string) =>
  `{"resourceType":"Observation","id":"o1","status":"final","code":{"text":"weight"},` +
  `"subject":{"reference":"Patient/p1"},"valueQuantity":{"value":${value},"unit":"kg"}}`

/** A record with a past: changed, removed and come back, decimals to the letter. */
async function withPast(site: TestSite): Promise<Uuid> {
  const { vault } = site
  const { patients } = await vault.importRecords(resource(patientOf('Ely')), by)
  await vault.importRecords(utf8(weightOf('70.50')), by)
  await vault.importRecords(resource(patientOf('Bath')), by)
  await vault.write({ ...by, plan: () => [{ kind: 'remove', type: 'Observation', id: 'o1' }] })
  await vault.importRecords(utf8(weightOf('71.0')), by)
  return patients[0]
}

test('a record comes back to the letter with its past, at a site that never saw it', async () => {
  const bristol = await newSite(BRISTOL)
  const patient = await withPast(bristol)
  const file = await exported(bristol, patient)
  assert.doesNotThrow(() => finish(readJsonSteps(file)))
  const cambridge = await newSite(CAMBRIDGE)
  const came = await cambridge.vault.importPortable(file, by)
  assert.deepEqual([came.versions, came.written, came.proven], [5, 5, 5])
  const [there] = came.patients
  assert.deepEqual(await textsOf(cambridge.vault, there), await textsOf(bristol.vault, patient))
  assert.deepEqual(pastOf(await exported(cambridge, there)), pastOf(file))
  assert(pastOf(file).includes(`Observation/o1 PUT ${weightOf('70.50')}`), 'decimals stay')
  assert(pastOf(file).includes('Observation/o1 DELETE '), 'what was removed stands in it')
})

test('taking in the same twice, or at its own site, changes nothing', async () => {
  const bristol = await newSite(BRISTOL)
  const file = await exported(bristol, await withPast(bristol))
  assert.equal((await bristol.vault.importPortable(file, by)).written, 0)
  const cambridge = await newSite(CAMBRIDGE)
  assert.equal((await cambridge.vault.importPortable(file, by)).written, 5)
  assert.equal((await cambridge.vault.importPortable(file, by)).written, 0)
  // What was begun and cut off is gone on with.
  const ipswich = await newSite(CAMBRIDGE)
  await ipswich.vault.importRecords(resource(patientOf('Ely')), by)
  assert.equal((await ipswich.vault.importPortable(file, by)).written, 4)
  await ipswich.vault.importRecords(resource(patientOf('York')), by)
  assert.equal((await ipswich.vault.importPortable(file, by)).written, 0)
})

test('a resource that has another past here stops the whole import', async () => {
  const bristol = await newSite(BRISTOL)
  const file = await exported(bristol, await withPast(bristol))
  const cambridge = await newSite(CAMBRIDGE)
  await cambridge.vault.importRecords(resource(patientOf('York')), by)
  await assert.rejects(cambridge.vault.importPortable(file, by), { code: 'VAULT_IMPORT_CONFLICT' })
  assert.equal((await cambridge.vault.count()).items, 1)
})

test('a text that is not the one its site sealed is refused, and so is one without proof', async () => {
  const bristol = await newSite(BRISTOL)
  const text = new TextDecoder().decode(await exported(bristol, await withPast(bristol)))
  const cambridge = await newSite(CAMBRIDGE)
  const changed = [text.replace('"Bath"', '"Kent"'), text.replace('70.50', '70.5')]
  for (const one of changed) {
    assert.notEqual(one, text)
    await assert.rejects(cambridge.vault.importPortable(utf8(one), by), {
      code: 'VAULT_ITEM_REFUSED',
    })
  }
  for (const wrong of [
    text.replaceAll('valueBase64Binary', 'valueString'),
    text.replace('"history"', '"collection"'),
    '{}',
    '[]',
  ]) {
    await assert.rejects(cambridge.vault.importPortable(utf8(wrong), by), {
      code: 'VAULT_FILE_INVALID',
    })
  }
  assert.equal((await cambridge.vault.count()).items, 0)
})

test('a site that nobody here knows is taken at its word, and told to be', async () => {
  const bristol = await newSite(BRISTOL)
  const file = await exported(bristol, await withPast(bristol))
  known.delete(BRISTOL)
  const cambridge = await newSite(CAMBRIDGE)
  const came = await cambridge.vault.importPortable(file, by)
  assert.deepEqual([came.versions, came.written, came.proven], [5, 5, 0])
})

test('who was erased neither leaves in a file nor comes back in one', async () => {
  const bristol = await newSite(BRISTOL)
  const patient = await withPast(bristol)
  const file = await exported(bristol, patient)
  await bristol.vault.erase(patient, { ...by, cause: 'wish' })
  await assert.rejects(exported(bristol, patient), { code: 'VAULT_ERASED' })
  await assert.rejects(bristol.vault.importPortable(file, by), { code: 'VAULT_ERASED' })
})

test('that a record left is in the log before its first letter is given out', async () => {
  const bristol = await newSite(BRISTOL)
  const patient = await withPast(bristol)
  const record = bristol.vault.portableRecord(patient, { ...by, to: 'age:0123' })
  await record.next()
  await record.return(undefined)
  const kinds = (await bristol.log.entries({}, 100)).map(({ event }) => event.kind)
  assert(kinds.includes('vault.taken-out'))
})

/** What a file says of each version, without what differs from site to site. */
function pastOf(file: Uint8Array): readonly string[] {
  const bundle = JSON.parse(
    new TextDecoder().decode(file).replaceAll(/"value":([0-9.]+)/g, '"value":"$1!"'),
  ) as { entry: { resource?: object; request: { method: string; url: string } }[] }
  return bundle.entry.map(({ resource: one, request: { method, url } }) => {
    const text = one === undefined ? '' : JSON.stringify(one).replaceAll(/"([0-9.]+)!"/g, '$1')
    return `${url} ${method} ${text}`
  })
}
