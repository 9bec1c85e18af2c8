import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { epochMs, type SqlValue } from '#base'
import { fulfils, indexValuesOf, parseSearch, type JsonObject, type SearchQuery } from '#health'
import type { Opened, SearchAsked, SearchPage, Vault } from '#vault'
import { bundleOf, by, importCohort, newSite, resource } from './fixture.test.ts'
import { octetsOf } from './rows.ts'

const everyone: SearchAsked = { actor: 'tester', act: 'find', judge: () => true }

function queryOf(text: string): SearchQuery {
  const [type, parameters = ''] = text.split('?')
  return parseSearch({
    type: type === '' ? undefined : type,
    parameters: new URLSearchParams(parameters),
    now: epochMs(Date.UTC(2026, 0, 1)),
    bases: [],
  })
}

const namesOf = (opened: readonly Opened[]): string[] =>
  opened.map(({ type, id }) => `${type}/${id}`)

const searched = (vault: Vault, text: string, asked = everyone): Promise<SearchPage> =>
  vault.search(queryOf(text), asked)

/** Names of the matches of a search, in order. */
const found = async (vault: Vault, text: string, asked = everyone): Promise<string[]> =>
  namesOf((await searched(vault, text, asked)).matches)

const patient = (id: string, family: string, more: JsonObject = {}): JsonObject => ({
  resourceType: 'Patient',
  id,
  name: [{ family, given: ['Kim'] }],
  identifier: [{ system: 'urn:hospital', value: `H-${id}` }],
  generalPractitioner: [{ reference: 'Practitioner/gp' }],
  ...more,
})
const observation = (id: string, of: string, code: string, more: JsonObject = {}): JsonObject => ({
  resourceType: 'Observation',
  id,
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code }] },
  subject: { reference: `Patient/${of}` },
  encounter: { reference: `Encounter/e-${of}` },
  ...more,
})
const encounter = (of: string): JsonObject => ({
  resourceType: 'Encounter',
  id: `e-${of}`,
  status: 'finished',
  class: { code: 'AMB' },
  subject: { reference: `Patient/${of}` },
  serviceProvider: { reference: 'Organization/ward' },
})

const resources: readonly JsonObject[] = [
  { resourceType: 'Organization', id: 'ward', name: 'Ward 7' },
  { resourceType: 'Practitioner', id: 'gp', name: [{ family: 'Grey' }] },
  patient('a', 'Ähnlich', { birthDate: '1980-03-14', gender: 'female' }),
  patient('b', 'Ahnert', { birthDate: '1980', gender: 'male' }),
  patient('c', 'Berg', {
    birthDate: '1981-01-02',
    link: [{ other: { reference: 'Patient/a' }, type: 'seealso' }],
  }),
  ...['a', 'b', 'c'].map(encounter),
  observation('o1', 'a', '8302-2', {
    effectiveDateTime: '2020-01-01',
    valueQuantity: { value: 170 },
  }),
  observation('o2', 'a', '8302-2', {
    effectiveDateTime: '2021-01-01',
    valueQuantity: { value: 171 },
  }),
  observation('o3', 'a', '29463-7', { effectiveDateTime: '2021-01-01' }),
  observation('o4', 'b', '8302-2', { effectiveDateTime: '2019-01-01' }),
  {
    resourceType: 'Task',
    id: 'loose',
    status: 'draft',
    intent: 'order',
    focus: { reference: 'Encounter/e-a' },
  },
]

async function ward() {
  const at = await newSite()
  await at.vault.importRecords(bundleOf(...resources), { actor: 'tester' })
  return at
}

test('a search finds by what has marks, by what is in one chart, and by what is everybody’s', async () => {
  const { vault } = await ward()
  for (const [text, expected] of [
    ['Patient?identifier=urn:hospital|H-a', ['Patient/a']],
    ['Patient?identifier=h-b', ['Patient/b']],
    ['Patient?identifier=urn:other|H-a', []],
    ['Patient?family=ahn', ['Patient/a', 'Patient/b']],
    ['Patient?family=ahnlich', ['Patient/a']],
    ['Patient?family:exact=Ähnlich', ['Patient/a']],
    ['Patient?family=ahn&birthdate=1980-03-14', ['Patient/a']],
    ['Patient?birthdate=1980', ['Patient/a', 'Patient/b']],
    ['Patient?_id=a,c,z', ['Patient/a', 'Patient/c']],
    ['Patient?link=Patient/a', ['Patient/c']],
    ['Patient?general-practitioner=gp', ['Patient/a', 'Patient/b', 'Patient/c']],
    ['Observation?patient=a&code=8302-2', ['Observation/o1', 'Observation/o2']],
    ['Observation?subject=Patient/a&date=ge2021', ['Observation/o2', 'Observation/o3']],
    ['Observation?encounter=Encounter/e-b', ['Observation/o4']],
    ['Practitioner?family=grey', ['Practitioner/gp']],
    ['Organization?name=ward', ['Organization/ward']],
    ['Task?focus=Encounter/e-a', ['Task/loose']],
    ['?_id=a&_type=Patient,Encounter', ['Patient/a']],
  ] as const) {
    assert.deepEqual(await found(vault, text), expected, text)
  }
})

test('chains and reverse chains are followed from either end', async () => {
  const { vault } = await ward()
  for (const [text, expected] of [
    ['Observation?subject:Patient.family=ahnert', ['Observation/o4']],
    ['Observation?patient.identifier=H-a&code=29463-7', ['Observation/o3']],
    [
      'Observation?patient=a&encounter.class=AMB',
      ['Observation/o1', 'Observation/o2', 'Observation/o3'],
    ],
    ['Observation?patient=a&encounter.class=IMP', []],
    ['Observation?encounter.service-provider.name=ward&patient=b', ['Observation/o4']],
    ['Patient?_has:Observation:patient:code=8302-2', ['Patient/a', 'Patient/b']],
    ['Patient?family=ahn&_has:Observation:patient:code=29463-7', ['Patient/a']],
    ['Patient?general-practitioner.family=grey&birthdate=1981-01-02', ['Patient/c']],
  ] as const) {
    assert.deepEqual(await found(vault, text), expected, text)
  }
})

test('a result follows versions: changed, moved to another patient, deleted', async () => {
  const { vault } = await ward()
  const code = 'Observation?patient=a&code=8302-2'
  const put = (value: JsonObject) => vault.importRecords(resource(value), { actor: 'tester' })
  await put(observation('o1', 'a', '29463-7'))
  assert.deepEqual(await found(vault, code), ['Observation/o2'])
  await put(observation('o2', 'b', '8302-2'))
  assert.deepEqual(await found(vault, code), [])
  assert.deepEqual(await found(vault, 'Observation?patient=b'), [
    'Observation/o2',
    'Observation/o4',
  ])
  await put(observation('o2', 'a', '8302-2'))
  assert.deepEqual(await found(vault, code), ['Observation/o2'])
  await vault.write({
    actor: 'tester',
    plan: () => [{ kind: 'remove', type: 'Observation', id: 'o2' }],
  })
  assert.deepEqual(await found(vault, code), [])
  await put(patient('a', 'Zweig', { identifier: [{ system: 'urn:hospital', value: 'H-z' }] }))
  assert.deepEqual(await found(vault, 'Patient?identifier=H-a'), [])
  assert.deepEqual(await found(vault, 'Patient?identifier=H-z'), ['Patient/a'])
})

test('a chart of many single writes is merged, and finds what it found', async () => {
  const { vault, store } = await ward()
  const expected: string[] = []
  const sealed: number[] = []
  for (let at = 100; at < 420; at++) {
    const value = observation(`n${at}`, 'a', 'n')
    await vault.importRecords(resource(value), { actor: 'tester' })
    expected.push(`Observation/n${at}`)
    const pages = await store.read({ sql: 'SELECT sealed FROM vault_page', parameters: [] })
    assert(pages.length < 40, `expected few pages, got ${pages.length}`)
    sealed.push(Math.max(...pages.map((row) => octetsOf(row, 'sealed').length)))
  }
  assert.deepEqual(await found(vault, 'Observation?patient=a&code=n&_count=400'), expected)
  // Tiny pages become a small one, many small ones a large one: none grows by and by.
  const growths = sealed.filter((octets, at) => at > 0 && octets > 1.1 * sealed[at - 1])
  assert(growths.length <= 4, `the largest page grew ${growths.length} times`)
})

test('pages follow each other without gap or repetition, for whoever asked, for a while', async () => {
  const { vault, time } = await ward()
  const text = 'Observation?patient=a,b&_sort=-date,_id&_count=1'
  const names: string[] = []
  let next: string | undefined
  let first: string | undefined
  for (let page = 0; page < 4; page++) {
    const query = { ...queryOf(text), page: next }
    const result = await vault.search(query, everyone)
    assert.equal(result.total, 4)
    names.push(...namesOf(result.matches))
    next = result.next
    first ??= next
  }
  assert.equal(next, undefined)
  assert.deepEqual(names, ['Observation/o2', 'Observation/o3', 'Observation/o1', 'Observation/o4'])
  const again = (page: string, asked = everyone, other = text) =>
    vault.search({ ...queryOf(other), page }, asked)
  const refused = { code: 'VAULT_PLACE_UNKNOWN' }
  assert(first !== undefined && !first.includes('Observation'))
  await again(first)
  await assert.rejects(again(first, { ...everyone, actor: 'another' }), refused)
  await assert.rejects(again(first, everyone, `${text}&status=final`), refused)
  await assert.rejects(again(`${first.startsWith('A') ? 'B' : 'A'}${first.slice(1)}`), refused)
  await assert.rejects(again('nonsense'), refused)
  await time.advance(16 * 60_000)
  await assert.rejects(again(first), refused)
})

test('includes follow references forwards, backwards, and on from there', async () => {
  const { vault } = await ward()
  const added = async (text: string) => namesOf((await searched(vault, text)).included).toSorted()
  assert.deepEqual(await added('Observation?_id=o4&_include=Observation:patient'), ['Patient/b'])
  assert.deepEqual(await added('Observation?_id=o4&_include=Observation:*'), [
    'Encounter/e-b',
    'Patient/b',
  ])
  assert.deepEqual(
    await added(
      'Observation?_id=o4&_include=Observation:encounter&_include:iterate=Encounter:service-provider',
    ),
    ['Encounter/e-b', 'Organization/ward'],
  )
  assert.deepEqual(await added('Patient?_id=b&_revinclude=Observation:patient'), ['Observation/o4'])
  assert.deepEqual(await added('Observation?_id=o4&_include=Observation:subject:Device'), [])
})

test('what may not be seen changes no count, order, chain or include', async () => {
  const { vault } = await ward()
  const hidden = new Set(['Observation/o2', 'Patient/b', 'Encounter/e-a'])
  const asked: SearchAsked = { ...everyone, judge: ({ type, id }) => !hidden.has(`${type}/${id}`) }
  const page = await searched(vault, 'Observation?patient=a', asked)
  assert.deepEqual([namesOf(page.matches), page.total], [['Observation/o1', 'Observation/o3'], 2])
  assert.deepEqual(await found(vault, 'Observation?subject:Patient.family=ahnert', asked), [])
  assert.deepEqual(await found(vault, 'Observation?patient=a&encounter.class=AMB', asked), [])
  assert.deepEqual(await found(vault, 'Patient?_has:Observation:patient:date=2021-01-01', asked), [
    'Patient/a',
  ])
  assert.deepEqual(
    await found(vault, 'Patient?_has:Observation:patient:value-quantity=171', asked),
    [],
  )
  const including = await searched(vault, 'Observation?_id=o4&_include=Observation:*', asked)
  assert.deepEqual(namesOf(including.included), ['Encounter/e-b'])
  const counted = await searched(vault, 'Observation?patient=a&_summary=count', asked)
  assert.deepEqual([counted.matches, counted.total], [[], 2])
})

/** What a search must find, by looking at every resource: slow and obvious. */
const looked = (text: string, hidden: ReadonlySet<string>): string[] => {
  const { types, filters } = queryOf(text)
  return resources
    .map((value) => ({
      ...{ type: value['resourceType'] as string, id: value['id'] as string },
      ...{ lastUpdated: epochMs(0), values: indexValuesOf(value) },
    }))
    .filter(({ type, id }) => types.includes(type) && !hidden.has(`${type}/${id}`))
    .filter((entry) => filters.every((filter) => fulfils(entry, filter, new Map())))
    .map(({ type, id }) => `${type}/${id}`)
    .toSorted()
}

test('whatever is asked and hidden, the answer is what looking at everything gives', async () => {
  const { vault } = await ward()
  const conditions = {
    Patient: [
      'family=ahn',
      'family:exact=Berg',
      'birthdate=1980',
      'birthdate=ge1981',
      'gender:not=male',
      'identifier=H-a,H-c',
      'identifier:missing=true',
      'link=Patient/a',
      'name=kim',
      '_id=a,b',
    ],
    Observation: [
      'patient=a',
      'subject=Patient/b,Patient/a',
      'code=8302-2',
      'date=lt2021',
      'encounter=e-a',
      'value-quantity=ge170',
      'status=final',
      'code-value-quantity=8302-2$gt170',
      '_id=o1,o4',
    ],
  } as const
  const asked = fc
    .constantFrom('Patient' as const, 'Observation' as const)
    .chain((type) =>
      fc.tuple(fc.constant(type), fc.subarray([...conditions[type]], { maxLength: 3 })),
    )
  const names = resources.map(
    (value) => `${value['resourceType'] as string}/${value['id'] as string}`,
  )
  await fc.assert(
    fc.asyncProperty(asked, fc.subarray(names), async ([type, some], without) => {
      const text = `${type}?${some.join('&')}`
      const hidden = new Set(without)
      const judge = ({ type: of, id }: Opened): boolean => !hidden.has(`${of}/${id}`)
      const page = await searched(vault, text, { ...everyone, judge })
      assert.deepEqual(namesOf(page.matches), looked(text, hidden), text)
      assert.equal(page.total, page.matches.length)
    }),
    { numRuns: 150 },
  )
})

test('a search that would look into more records than it may is refused, with what helps', async () => {
  const { vault } = await newSite()
  await importCohort(vault, 3)
  const all = (looksMax: number) =>
    searched(vault, 'Patient?_summary=count', { ...everyone, looksMax })
  // Three patients, and two charts of the site itself: nothing narrows it.
  assert.equal((await all(5)).total, 3)
  await assert.rejects(all(4), { code: 'VAULT_SEARCH_COSTLY', message: /name a patient/ })
})

test('every search is in the log, once for each whose record it opened', async () => {
  const { vault, log } = await ward()
  await searched(vault, 'Observation?patient=a,b')
  const entries = (await log.entries()).filter(({ event }) => event.kind === 'vault.sought')
  assert.equal(entries.length, 2)
  assert(entries.every(({ event }) => event.facts['items'] === 4))
})

test('a store without an index is indexed when it opens, and an index that is there is kept', async () => {
  const { vault, store, reopen } = await ward()
  const text = 'Observation?patient=a&code=8302-2'
  const before = await found(vault, text)
  for (const table of ['vault_chart', 'vault_page', 'vault_mark', 'vault_upto']) {
    await store.commit([{ sql: `DELETE FROM ${table}`, parameters: [] }])
  }
  const again = await reopen()
  assert.deepEqual(await found(again, text), before)
  assert.deepEqual(await found(again, 'Patient?identifier=H-a'), ['Patient/a'])
  const count = async () =>
    (await store.read({ sql: 'SELECT * FROM vault_page', parameters: [] })).length
  const pages = await count()
  await reopen()
  assert.equal(await count(), pages)
})

test('a page that is gone is noticed by the next search, an older chart by what it would find', async () => {
  const { vault, store, reopen } = await ward()
  const text = 'Observation?patient=a&code=8302-2'
  const TABLES = ['vault_chart', 'vault_page']
  const run = (sql: string, ...parameters: SqlValue[]) => store.commit([{ sql, parameters }])
  const before = await Promise.all(
    TABLES.map((table) => store.read({ sql: `SELECT * FROM ${table}`, parameters: [] })),
  )
  await vault.importRecords(resource(observation('o1', 'a', '29463-7')), by)
  assert.deepEqual(await found(vault, text), ['Observation/o2'])
  for (const [at, table] of TABLES.entries()) {
    await run(`DELETE FROM ${table}`)
    for (const row of before[at]) {
      const marks = Object.keys(row)
        .map(() => '?')
        .join(', ')
      const columns = Object.keys(row).join(', ')
      await run(`INSERT INTO ${table} (${columns}) VALUES (${marks})`, ...Object.values(row))
    }
  }
  await assert.rejects(found(vault, text), { code: 'VAULT_DAMAGED', message: /^vault_chart / })
  await run('DELETE FROM vault_page')
  await assert.rejects(found(await reopen(), text), {
    code: 'VAULT_DAMAGED',
    message: /^vault_page /,
  })
})
