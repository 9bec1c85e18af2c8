import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuidOctets, type Uuid } from '#base'
import { parseSearch, type JsonObject } from '#health'
import {
  all,
  BRISTOL,
  bundleOf,
  by,
  CAMBRIDGE,
  faultsOf,
  importCohort,
  IPSWICH,
  newSite,
  resource,
  send,
  type TestSite,
} from './fixture.test.ts'

const asked = { actor: 'tester', act: 'find', judge: () => true } as const

/** Names of what a search finds. */
async function found(site: TestSite, target: string): Promise<string[]> {
  const [type, query = ''] = target.split('?')
  const parameters = [...new URLSearchParams(query)]
  const now = site.time.view().now()
  const page = await site.vault.search(parseSearch({ type, parameters, now, bases: [] }), asked)
  return page.matches.map((one) => `${one.type}/${one.id}`).toSorted()
}

const about = (patient: string) => ({ subject: { reference: `Patient/${patient}` } })
const condition = (id: string, patient: string): JsonObject => ({
  ...{ resourceType: 'Condition', id, code: { text: 'asthma' }, ...about(patient) },
})
const marksOf = async ({ store }: TestSite, object: Uuid) =>
  await store.read({
    sql: 'select field, tag from vault_mark where object_id = ? order by field, tag',
    parameters: [uuidOctets(object)],
  })

test('what was received is indexed in the commit in which it comes, and a scrub finds it so', async () => {
  const bristol = await newSite(BRISTOL)
  const cambridge = await newSite(CAMBRIDGE)
  const [patient] = await importCohort(bristol.vault, 1)
  const { patients } = await send(bristol, cambridge, patient)
  const conditions = await found(cambridge, 'Observation')
  assert(conditions.length > 0 && conditions.every((name) => name.includes('/from-bristol.')))
  assert.equal((await cambridge.vault.patients()).length, 1)
  const query = { types: ['Observation'], filters: [], whose: 'patients' } as const
  const steps = await all(cambridge.vault.walk(query, { ...asked, act: 'bulk' }))
  const walked = steps.flatMap(({ opened }) => opened.map(({ type, id }) => `${type}/${id}`))
  assert.deepEqual(walked.toSorted(), conditions, 'an export walks over it too')
  assert.deepEqual(await faultsOf(cambridge.vault), [])
  const [{ object }] = await all(cambridge.vault.listPatient(patients[0], by))
  assert((await marksOf(cambridge, object)).length > 3)
})

test('a mark or a chart of something received that is not as it should be is found', async () => {
  const bristol = await newSite(BRISTOL)
  const cambridge = await newSite(CAMBRIDGE)
  const [patient] = await importCohort(bristol.vault, 1)
  const { patients } = await send(bristol, cambridge, patient)
  const [{ object }] = await all(cambridge.vault.listPatient(patients[0], by))
  const sql = 'delete from vault_mark where object_id = ?'
  await cambridge.store.commit([{ sql, parameters: [uuidOctets(object)] }])
  const faults = await faultsOf(cambridge.vault)
  assert(
    faults.length > 0 && faults.every((fault) => /^vault_mark .*: the row is missing/.test(fault)),
  )
})

test('a store from before received records were indexed gets them when it opens, and no other chart anew', async () => {
  const bristol = await newSite(BRISTOL)
  const cambridge = await newSite(CAMBRIDGE)
  const [patient] = await importCohort(bristol.vault, 1)
  const long = 'x'.repeat(60)
  await cambridge.vault.importRecords(bundleOf({ resourceType: 'Patient', id: 'own' }), by)
  const [own] = await cambridge.vault.patients()
  const { patients } = await bristol.vault.importRecords(
    bundleOf({ resourceType: 'Patient', id: long }, condition('c', long)),
    by,
  )
  await send(bristol, cambridge, patient)
  await send(bristol, cambridge, patients[0])
  const before = await found(cambridge, 'Patient')
  const chart = () =>
    cambridge.store.read({
      sql: 'select edition, head from vault_chart where holder_id = ?',
      parameters: [uuidOctets(own.patient)],
    })
  const kept = await chart()
  // As the first form had it: no marks of what came, charts in the words of its site, no long names.
  await cambridge.store.commit([
    { sql: 'update vault_upto set edition = 1', parameters: [] },
    {
      sql: `delete from vault_mark where object_id in
        (select object_id from vault_object where origin <> site_id)`,
      parameters: [],
    },
    {
      sql: `delete from vault_page where holder_id in (select holder_id from vault_holding
        natural join vault_object where origin <> site_id)`,
      parameters: [],
    },
  ])
  const again = { ...cambridge, vault: await cambridge.reopen() }
  assert.deepEqual(await found(again, 'Patient'), before)
  assert.deepEqual(await faultsOf(again.vault), [])
  assert.deepEqual(await chart(), kept)
})

test('a name too long to say what it stands for is found all the same', async () => {
  const bristol = await newSite(BRISTOL)
  const cambridge = await newSite(CAMBRIDGE)
  const long = `${'x'.repeat(59)}.1`
  const record = bundleOf({ resourceType: 'Patient', id: long }, condition('c', long))
  const { patients } = await bristol.vault.importRecords(record, by)
  await send(bristol, cambridge, patients[0])
  const [name] = await found(cambridge, 'Patient')
  const [, id] = name.split('/')
  assert.match(id, /^from\.[0-9a-f]{56}$/)
  const opened = await cambridge.vault.consult({ type: 'Patient', id }, { ...asked, act: 'open' })
  assert.equal(opened?.id, id)
  assert.deepEqual(await found(cambridge, `Patient?_id=${id}`), [name])
  assert.deepEqual(await found(cambridge, `Condition?subject=${name}`), [
    'Condition/from-bristol.c',
  ])
  const own = await cambridge.vault.importRecords(resource(condition('own', id)), by)
  assert.deepEqual(own.patients, [(await cambridge.vault.patients())[0].patient])
  assert.deepEqual(await faultsOf(cambridge.vault), [])
})

test('what a second site writes about a received patient belongs to the same one at a third and at home', async () => {
  const bristol = await newSite(BRISTOL)
  const cambridge = await newSite(CAMBRIDGE)
  const ipswich = await newSite(IPSWICH)
  const record = bundleOf({ resourceType: 'Patient', id: 'p' }, condition('c', 'p'))
  const { patients } = await bristol.vault.importRecords(record, by)
  const second = await send(bristol, cambridge, patients[0])
  await cambridge.vault.importRecords(resource(condition('d', 'from-bristol.p')), by)
  const third = await send(cambridge, ipswich, second.patients[0])
  assert.equal(third.patients.length, 1)
  assert.deepEqual(await found(ipswich, 'Condition?subject=Patient/from-bristol.p'), [
    ...['Condition/from-bristol.c', 'Condition/from-cambridge.d'],
  ])
  await send(ipswich, bristol, third.patients[0])
  assert.equal((await bristol.vault.patients()).length, 1)
  assert.deepEqual(await found(bristol, 'Condition?subject=Patient/p'), [
    ...['Condition/c', 'Condition/from-cambridge.d'],
  ])
  for (const site of [bristol, cambridge, ipswich]) assert.deepEqual(await faultsOf(site.vault), [])
})

test('an erasure leaves no mark, chart or opened copy of what was received', async () => {
  const bristol = await newSite(BRISTOL)
  const cambridge = await newSite(CAMBRIDGE)
  const record = bundleOf({ resourceType: 'Patient', id: 'p' }, condition('c', 'p'))
  const { patients } = await bristol.vault.importRecords(record, by)
  const { patients: there } = await send(bristol, cambridge, patients[0])
  assert.deepEqual(await found(cambridge, 'Condition'), ['Condition/from-bristol.c'])
  const items = await all(bristol.vault.exportItems({ patient: patients[0], to: CAMBRIDGE, ...by }))
  await cambridge.vault.erase(there[0], { cause: 'wish', actor: 'tester' })
  assert.deepEqual(await found(cambridge, 'Condition'), [])
  const name = { type: 'Condition', id: 'from-bristol.c' }
  await assert.rejects(cambridge.vault.consult(name, { ...asked, act: 'open' }), {
    code: 'VAULT_ERASED',
  })
  for (const { object } of items) assert.deepEqual(await marksOf(cambridge, object), [])
  for (const table of ['vault_page', 'vault_chart']) {
    const sql = `select * from ${table} where holder_id = ?`
    assert.deepEqual(await cambridge.store.read({ sql, parameters: [uuidOctets(there[0])] }), [])
  }
  await assert.rejects(send(bristol, cambridge, patients[0]), { code: 'VAULT_ERASED' })
})
