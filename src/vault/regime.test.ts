import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BRISTOL, bundleOf, by, importCohort, newSite, ROOT } from './fixture.test.ts'

const NHS = 'https://fhir.nhs.uk/Id/nhs-number'
const person = (id: string, nhs: string): object => ({
  resourceType: 'Patient',
  id,
  identifier: [{ system: NHS, value: nhs }],
})
const INVENTED = '9990000018'
const ISSUED = '9434765919'
const flag = { resourceType: 'Flag', id: 'f', status: 'active', code: { text: 'allergic' } }
const refused = { code: 'VAULT_NOT_SYNTHETIC' }

test('a store that holds anybody who may be real does not open under the demo profile', async () => {
  for (const imports of [
    [bundleOf(person('p', ISSUED))],
    [bundleOf(person('p', ISSUED)), bundleOf(person('p', INVENTED))],
    [bundleOf({ ...flag, subject: { reference: 'Patient/unknown' } })],
    [bundleOf({ resourceType: 'Observation', status: 'final', code: { text: 'x' } })],
    [
      bundleOf({
        resourceType: 'Organization',
        name: 'N',
        contained: [{ resourceType: 'Patient', id: 'c' }],
        contact: [{ name: { text: 'A' } }],
      }),
    ],
  ]) {
    const { vault, reopen } = await newSite()
    await importCohort(vault, 1)
    for (const octets of imports) await vault.importRecords(octets, by)
    await assert.rejects(reopen(ROOT, true), refused)
    await assert.rejects(reopen(ROOT, true), refused)
    assert((await (await reopen()).count()).patients >= 1)
  }
})

test('a store of invented patients opens under either profile, and is looked through each way', async () => {
  const { vault, reopen } = await newSite()
  await importCohort(vault, 2)
  await vault.importRecords(bundleOf(person('p', INVENTED)), by)
  const demo = await reopen(ROOT, true)
  await assert.rejects(demo.importRecords(bundleOf(person('q', ISSUED)), by), refused)
  const production = await reopen(ROOT, false)
  await production.importRecords(bundleOf(person('q', ISSUED)), by)
  await assert.rejects(reopen(ROOT, true), refused)
})

test('a store that was only ever open under the demo profile is not looked through again', async () => {
  const site = await newSite(BRISTOL, { synthetic: true })
  await importCohort(site.vault, 1)
  // Were it opened record by record, this would be found.
  await site.store.commit([{ sql: "update vault_edition set hash = x'00'", parameters: [] }])
  await site.reopen()
  await site.reopen(ROOT, false)
  await assert.rejects(site.reopen(ROOT, true), { code: 'VAULT_DAMAGED' })
})
