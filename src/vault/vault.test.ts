import assert from 'node:assert/strict'
import { test } from 'node:test'
import { epochMs, PortRefusal, type Statement, utf8 } from '#base'
import { generateCohort } from '#health'
import { ROW_OCTETS_MAX, SUBJECTS_MAX, VaultRefusal } from '#vault'
import {
  all,
  blobsOf,
  BRISTOL,
  bundleOf,
  by,
  dump,
  faultsOf,
  importCohort,
  newSite,
  resource,
  textsOf,
} from './fixture.test.ts'

const NHS = 'https://fhir.nhs.uk/Id/nhs-number'
const patient = (id: string, nhs?: string, more: object = {}): object => ({
  resourceType: 'Patient',
  id,
  ...(nhs && { identifier: [{ system: NHS, value: nhs }] }),
  ...more,
})
const flag = (id: string, about: string): object => ({
  resourceType: 'Flag',
  id,
  status: 'active',
  code: { text: 'allergic' },
  subject: { reference: about },
})
const seen = (id: string, ...by: readonly string[]): object => ({
  resourceType: 'Observation',
  id,
  status: 'final',
  code: { text: 'reported' },
  performer: by.map((reference) => ({ reference })),
})
const code = (expected: string) => (error: unknown) =>
  error instanceof VaultRefusal && error.code === expected

test('what is read is what was imported, to the letter', async () => {
  const { vault } = await newSite()
  const text =
    '{"resourceType":"Observation","id":"o1","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.10}}'
  const spaced = text.replaceAll(',', ' ,\n ').replaceAll(':', ' :\t')
  const outcome = await vault.importRecords(utf8(spaced), by)
  assert.deepEqual(outcome, { entries: 1, written: 1, unchanged: 0, patients: [] })
  const read = await vault.readRecord({ type: 'Observation', id: 'o1' }, by)
  assert.equal(read.text, text)
  assert.equal(read.version, 1)
})

test('importing twice changes nothing, a changed resource becomes the next version', async () => {
  const { vault, store } = await newSite()
  const first = await vault.importRecords(bundleOf(patient('p'), flag('f', 'Patient/p')), by)
  const commits = store.commits
  const again = await vault.importRecords(bundleOf(patient('p'), flag('f', 'Patient/p')), by)
  assert.deepEqual(again, { ...first, written: 0, unchanged: 2 })
  assert.equal(store.commits, commits)
  const changed = { ...patient('p'), active: true }
  const third = await vault.importRecords(bundleOf(changed, flag('f', 'Patient/p')), by)
  assert.deepEqual(third, { ...first, written: 1, unchanged: 1 })
  const { text, version, object } = await vault.readRecord({ type: 'Patient', id: 'p' }, by)
  assert.deepEqual([JSON.parse(text), version], [changed, 2])
  assert.equal((await vault.showItem(object, 1)).version, 1)
  await assert.rejects(vault.showItem(object, 3), code('VAULT_NOT_FOUND'))
  assert.deepEqual(await faultsOf(vault), [])
})

test('a whole cohort is filed by patient, the patient’s own resource first', async () => {
  const { vault, reopen } = await newSite()
  const ids = await importCohort(vault, 3)
  assert.equal(new Set(ids).size, 3)
  const expected = [...generateCohort({ seed: 1, patients: 3 })].slice(1)
  const restarted = await reopen()
  for (const [index, id] of ids.entries()) {
    const { entry } = JSON.parse(new TextDecoder().decode(expected[index].octets)) as {
      entry: { resource: { resourceType: string; id: string } }[]
    }
    const texts = await textsOf(restarted, id)
    assert.deepEqual(
      [...texts.keys()].toSorted(),
      entry.map(({ resource: { resourceType, id: of } }) => `${resourceType}/${of}`).toSorted(),
    )
    assert.match([...texts.keys()][0], /^Patient\//)
    assert.equal((await all(restarted.listPatient(id, by))).length, entry.length)
  }
  const page = await vault.patients({ limit: 2 })
  const rest = await vault.patients({ after: page[1].patient })
  assert.deepEqual(await vault.patients({ at: ids[1] }), [
    [...page, ...rest].find((entry) => entry.patient === ids[1]),
  ])
  assert.deepEqual(
    [...page, ...rest].map((entry) => entry.patient),
    ids.toSorted(),
  )
  assert.deepEqual(await vault.count(), {
    patients: 3,
    items: 17 + expected.reduce((sum, { octets }) => sum + occurrences(octets, '"fullUrl"'), 0),
  })
})

test('a patient is found by identifier, with and without its system, and only who has it now', async () => {
  const { vault } = await newSite()
  const { patients } = await vault.importRecords(resource(patient('p', '999 000 0018')), by)
  const find = (value: string, system?: string) =>
    vault.findPatient({ value, ...(system !== undefined && { system }) }, by)
  assert.deepEqual(await find('9990000018', NHS), patients)
  assert.deepEqual(await find('999 000 0018', NHS), patients)
  assert.deepEqual(await find('9990000018'), patients)
  assert.deepEqual(await find('9990000018', 'urn:other'), [])
  assert.deepEqual(await find('9990000026', NHS), [])
  await vault.importRecords(resource(patient('p', '9990000026')), by)
  assert.deepEqual(await find('9990000018', NHS), [])
  assert.deepEqual(await find('9990000026', NHS), patients)
  assert.deepEqual(await faultsOf(vault), [])
})

test('one person is one holder: NHS number and date of birth together, neither alone', async () => {
  const { vault } = await newSite()
  const born = { birthDate: '1980-04-01' }
  const ids = async (value: object) => (await vault.importRecords(resource(value), by)).patients
  const [first] = await ids(patient('a', '9990000018', born))
  assert.deepEqual(await ids(patient('b', '9990000018', born)), [first])
  assert.notDeepEqual(await ids(patient('c', '9990000018', { birthDate: '1980-04-02' })), [first])
  assert.notDeepEqual(await ids(patient('d', '9990000018')), [first])
  assert.notDeepEqual(await ids(patient('e', '9990000026', born)), [first])
  assert.equal((await textsOf(vault, first)).size, 2)
  assert.deepEqual(await faultsOf(vault), [])
})

test('a record filed before its patient is found once the patient comes', async () => {
  const { vault } = await newSite()
  const [early] = (await vault.importRecords(resource(flag('f', 'Patient/p')), by)).patients
  const [late] = (await vault.importRecords(resource(patient('p')), by)).patients
  assert.equal(early, late)
  assert.deepEqual([...(await textsOf(vault, early)).keys()], ['Patient/p', 'Flag/f'])
})

test('a resource about two patients is in both records, and in one when it changes so', async () => {
  const { vault } = await newSite()
  const both = seen('o', 'Patient/a', 'Patient/b')
  await vault.importRecords(bundleOf(patient('a'), patient('b'), both), by)
  const holders = async (): Promise<boolean[]> => {
    const held: boolean[] = []
    for (const { patient: id } of await vault.patients()) {
      held.push((await textsOf(vault, id)).has('Observation/o'))
    }
    return held.toSorted()
  }
  assert.deepEqual(await holders(), [true, true])
  assert.deepEqual(await faultsOf(vault), [])
  await vault.importRecords(resource(seen('o', 'Patient/a')), by)
  assert.deepEqual(await holders(), [false, true])
  assert.deepEqual(await faultsOf(vault), [])
})

test('a resource about a crowd is refused', async () => {
  const { vault } = await newSite()
  const crowd = (count: number) =>
    resource({
      resourceType: 'Group',
      id: 'g',
      type: 'person',
      actual: true,
      member: Array.from({ length: count }, (_, at) => ({
        entity: { reference: `Patient/p${at}` },
      })),
    })
  await vault.importRecords(crowd(SUBJECTS_MAX), by)
  await assert.rejects(
    vault.importRecords(crowd(SUBJECTS_MAX + 1), by),
    code('VAULT_TOO_MANY_SUBJECTS'),
  )
})

test('large containers are files, and read like any other', async () => {
  const { vault, disk } = await newSite()
  const value = (octets: number) => ({
    ...flag('f', 'Patient/p'),
    code: { text: 'x'.repeat(octets) },
  })
  await vault.importRecords(resource(value(ROW_OCTETS_MAX - 2000)), by)
  assert.equal(blobsOf(disk).length, 0)
  await vault.importRecords(resource(value(ROW_OCTETS_MAX)), by)
  assert.equal(blobsOf(disk).length, 1)
  const { text, object } = await vault.readRecord({ type: 'Flag', id: 'f' }, by)
  assert.deepEqual(JSON.parse(text), value(ROW_OCTETS_MAX))
  assert((await vault.showItem(object)).octets > ROW_OCTETS_MAX)
  assert.deepEqual(await faultsOf(vault), [])
})

test('an import that cannot be committed leaves nothing, and its files are swept', async () => {
  const { vault, store, disk, rig, reopen } = await newSite()
  const before = await dump(store)
  rig(full)
  const large = { ...flag('f', 'Patient/p'), code: { text: 'x'.repeat(ROW_OCTETS_MAX) } }
  await assert.rejects(vault.importRecords(bundleOf(patient('p'), large), by), {
    code: 'STORE_FULL',
  })
  rig(undefined)
  assert.deepEqual(await dump(store), before)
  assert.equal(blobsOf(disk).length, 1)
  disk.octetsMax = 10
  const again = await reopen()
  assert.equal(blobsOf(disk).length, 1)
  assert.equal(await again.sweep(new AbortController().signal), 1)
  assert.equal(blobsOf(disk).length, 0)
  await assert.rejects(vault.importRecords(resource(large), by), { code: 'DISK_FULL' })
  assert.deepEqual(await dump(store), before)
})

test('an invalid bundle is refused whole, before anything is written', async () => {
  const { vault, store } = await newSite()
  const before = await dump(store)
  await assert.rejects(
    vault.importRecords(bundleOf(patient('p'), { ...patient('q'), active: 1 }), by),
    {
      code: 'HEALTH_RESOURCE_INVALID',
    },
  )
  assert.deepEqual(await dump(store), before)
})

test('imports at the same time are written one after another', async () => {
  const { vault } = await newSite()
  const versions = Array.from({ length: 8 }, (_, at) => ({ ...patient('p'), active: at % 2 === 0 }))
  await Promise.all(versions.map((value) => vault.importRecords(resource(value), by)))
  assert.equal((await vault.readRecord({ type: 'Patient', id: 'p' }, by)).version, 8)
  assert.deepEqual(await vault.count(), { patients: 1, items: 1 })
  assert.deepEqual(await faultsOf(vault), [])
})

test('a group is one commit, and everything in it is in the log', async () => {
  const { vault, store, log } = await newSite()
  const commits = store.commits
  const [, { octets }] = generateCohort({ seed: 1, patients: 1 })
  const { written } = await vault.importRecords(octets, by)
  assert.equal(store.commits, commits + 1)
  const entries = await log.entries({ kind: 'vault' })
  assert.deepEqual(
    entries.map(({ event }) => [event.kind, event.actor, event.facts['items'] ?? null]),
    [
      ['vault.sealed', 'tester', written],
      ['vault.filed', 'tester', null],
    ],
  )
})

test('a statement of the commit that loses a race undoes the whole import', async () => {
  const { vault, store, rig } = await newSite()
  await vault.importRecords(resource(patient('p')), by)
  const before = await dump(store)
  const setNewest = (to: number): Statement => ({
    sql: `update vault_object set newest = ${to}`,
    parameters: [],
  })
  rig(async (statements) => {
    await store.commit([setNewest(9)])
    try {
      return await store.commit(statements)
    } finally {
      await store.commit([setNewest(1)])
    }
  })
  const change = vault.importRecords(resource({ ...patient('p'), active: true }), by)
  await assert.rejects(change, { code: 'STORE_CONFLICT' })
  assert.deepEqual(await dump(store), before)
})

test('every reading is in the log before it is given out, and no log means no record', async () => {
  const { vault, log, rig } = await newSite()
  const { patients } = await vault.importRecords(bundleOf(patient('p', '9990000018')), by)
  const kinds = async () =>
    (await log.entries({ kind: 'vault' })).map(({ event }) => event.kind).slice(2)
  await vault.readRecord({ type: 'Patient', id: 'p' }, by)
  await textsOf(vault, patients[0])
  await all(vault.listPatient(patients[0], by))
  await vault.findPatient({ value: '9990000018' }, by)
  await all(vault.exportItems({ patient: patients[0], to: BRISTOL, ...by }))
  const expected = ['vault.opened', 'vault.opened', 'vault.listed', 'vault.found', 'vault.exported']
  assert.deepEqual(await kinds(), expected)
  rig(full)
  for (const reading of [
    () => vault.readRecord({ type: 'Patient', id: 'p' }, by),
    () => textsOf(vault, patients[0]),
    () => all(vault.listPatient(patients[0], by)),
    () => vault.findPatient({ value: '9990000018' }, by),
    () => all(vault.exportItems({ patient: patients[0], to: BRISTOL, ...by })),
  ]) {
    await assert.rejects(reading, { code: 'STORE_FULL' })
  }
})

test('in the log a patient is a value that never repeats', async () => {
  const { vault, log } = await newSite()
  const { patients } = await vault.importRecords(resource(patient('p', '9990000018')), by)
  for (let count = 0; count < 5; count++) await vault.readRecord({ type: 'Patient', id: 'p' }, by)
  const traces = (await log.entries({ kind: 'vault' })).slice(1).map(({ event }) => event)
  const seen = new Set(
    traces.map(({ commitment }) => Buffer.from(commitment ?? []).toString('hex')),
  )
  assert.equal(seen.size, 6)
  for (const { facts } of traces) assert(!JSON.stringify(facts).includes(patients[0]))
})

test('two entries about one object say nothing in common but what they did', async () => {
  const { vault, log } = await newSite()
  await vault.importRecords(resource(patient('p', '9990000018')), by)
  for (let count = 0; count < 2; count++) await vault.readRecord({ type: 'Patient', id: 'p' }, by)
  const [{ event: one }, { event: other }] = await log.entries({ kind: 'vault.opened' })
  assert.deepEqual([one.kind, one.actor], [other.kind, other.actor])
  const values = new Set(Object.values(one.facts))
  assert.deepEqual(
    Object.values(other.facts).filter((value) => values.has(value)),
    ['open'],
  )
  assert.notDeepEqual(one.commitment, other.commitment)
})

test('the demo profile takes invented patients and their records, and nothing else', async () => {
  const { vault } = await newSite(BRISTOL, { synthetic: true })
  const known = patient('p', '9990000018')
  const refused = code('VAULT_NOT_SYNTHETIC')
  for (const bad of [
    bundleOf(patient('q', '9434765919')),
    bundleOf(patient('q')),
    bundleOf(flag('f', 'Patient/p')),
    bundleOf({ resourceType: 'Observation', status: 'final', code: { text: 'x' } }),
    bundleOf(known, flag('f', 'Patient/q')),
    bundleOf({
      resourceType: 'Organization',
      name: 'N',
      contact: [{ name: { text: 'A' } }],
      contained: [{ resourceType: 'Patient', id: 'c' }],
    }),
  ]) {
    await assert.rejects(vault.importRecords(bad, by), refused)
  }
  assert.deepEqual(await vault.count(), { patients: 0, items: 0 })
  await vault.importRecords(bundleOf(known), by)
  await vault.importRecords(bundleOf(flag('f', 'Patient/p')), by)
  await vault.importRecords(bundleOf({ resourceType: 'Organization', name: 'N' }), by)
  assert.deepEqual(await vault.count(), { patients: 1, items: 3 })
})

test('what is not here is not found', async () => {
  const { vault } = await newSite()
  const nobody = '00000000-0000-4000-8000-000000000000'
  await importCohort(vault, 1)
  const refused = code('VAULT_NOT_FOUND')
  await assert.rejects(vault.readRecord({ type: 'Patient', id: 'nobody' }, by), refused)
  await assert.rejects(textsOf(vault, nobody as never), refused)
  await assert.rejects(vault.showItem(nobody as never), refused)
  const [{ patient: id }] = await vault.patients()
  const [{ object }] = await all(vault.listPatient(id, by))
  await assert.rejects(textsOf(vault, object), refused)
})

test('a wrong root key opens nothing, the right one everything again', async () => {
  const { vault, reopen, store } = await newSite()
  const [id] = await importCohort(vault, 1)
  const before = await dump(store)
  await assert.rejects(reopen(new Uint8Array(32).fill(8)), code('VAULT_ROOT_WRONG'))
  assert.deepEqual(await dump(store), before)
  const texts = await textsOf(vault, id)
  assert.deepEqual(await textsOf(await reopen(), id), texts)
  vault[Symbol.dispose]()
  await assert.rejects(textsOf(vault, id), { name: 'AssertionFailure' })
})

test('times come from the clock of the site', async () => {
  const { vault } = await newSite()
  const [id] = await importCohort(vault, 1)
  const [{ since }] = await vault.patients()
  const [{ storedAt }] = await all(vault.listPatient(id, by))
  assert.deepEqual([since, storedAt], [epochMs(1_767_225_600_000), epochMs(1_767_225_600_000)])
})

const full = () => Promise.reject(new PortRefusal('STORE_FULL', 'The disk is full'))
const occurrences = (octets: Uint8Array, text: string): number =>
  new TextDecoder().decode(octets).split(text).length - 1
