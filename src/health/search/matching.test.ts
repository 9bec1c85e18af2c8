import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { epochMs } from '#base'
import {
  compareEntries,
  fulfils,
  indexValuesOf,
  parseSearch,
  PREFIXES,
  sortKeysOf,
  type Json,
  type JsonObject,
  type Prefix,
  type SearchEntry,
} from '#health'

const now = epochMs(Date.UTC(2026, 0, 1))

const entryOf = (resource: JsonObject): SearchEntry => ({
  type: resource['resourceType'] as string,
  id: resource['id'] as string,
  lastUpdated: epochMs(1_700_000_000_000),
  values: indexValuesOf(resource),
})

/** Ids of the resources that a search finds. */
function found(resources: readonly JsonObject[], search: string): readonly string[] {
  const [type, text = ''] = search.split('?')
  const parameters = new URLSearchParams(text)
  const query = parseSearch({ type, parameters, now, bases: ['https://here/fhir'] })
  const entries = resources.map(entryOf).filter((entry) => entry.type === type)
  const keyed = entries
    .filter((entry) => query.filters.every((filter) => fulfils(entry, filter, new Map())))
    .map((entry) => [entry, sortKeysOf(entry, query.sort)] as const)
  return keyed.toSorted((a, b) => compareEntries(query.sort, a, b)).map(([{ id }]) => id)
}

const patient = (id: string, members: JsonObject): JsonObject => ({
  resourceType: 'Patient',
  id,
  ...members,
})
const observation = (id: string, members: JsonObject): JsonObject => ({
  resourceType: 'Observation',
  id,
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code: '8302-2', display: 'Body height' }] },
  ...members,
})

const people: readonly JsonObject[] = [
  patient('anna', {
    name: [{ family: 'Müller-Lüdenscheidt', given: ['Anna', 'Zoë'] }],
    gender: 'female',
    birthDate: '1980-03-14',
    identifier: [
      {
        system: 'https://fhir.nhs.uk/Id/nhs-number',
        value: '999 000 0018',
        type: { coding: [{ system: 'http://t/v2-0203', code: 'NH' }], text: 'NHS number' },
      },
    ],
    telecom: [{ system: 'phone', value: '020 7946 0001' }],
    generalPractitioner: [{ reference: 'Practitioner/p1/_history/2' }],
    active: true,
  }),
  patient('bea', {
    name: [{ family: 'O’Neill', text: 'Dr Bea O’Neill' }],
    gender: 'male',
    birthDate: '1980',
    identifier: [{ value: 'B-1' }],
    generalPractitioner: [{ identifier: { system: 'urn:gp', value: '7' } }],
    deceasedDateTime: '2020-01-01T10:00:00Z',
  }),
  patient('carl', { name: [{ family: 'Muller' }], birthDate: '1981-01-01' }),
]

test('strings are found by their beginning, whatever their case and accents', () => {
  assert.deepEqual(found(people, 'Patient?family=mul'), ['anna', 'carl'])
  assert.deepEqual(found(people, 'Patient?family=MÜLLER LUD'), ['anna'])
  assert.deepEqual(found(people, 'Patient?family=oneill,muller'), ['anna', 'bea', 'carl'])
  assert.deepEqual(found(people, 'Patient?family=ller'), [])
  assert.deepEqual(found(people, 'Patient?family:contains=ller'), ['anna', 'carl'])
  assert.deepEqual(found(people, 'Patient?family:exact=Muller'), ['carl'])
  assert.deepEqual(found(people, 'Patient?family:exact=muller'), [])
  assert.deepEqual(found(people, 'Patient?given=zoe&family=mul'), ['anna'])
})

test('tokens are found by code, by system and code, by either alone', () => {
  const nhs = 'https://fhir.nhs.uk/Id/nhs-number'
  assert.deepEqual(found(people, `Patient?identifier=${nhs}|9990000018`), ['anna'])
  assert.deepEqual(found(people, 'Patient?identifier=9990000018'), ['anna'])
  assert.deepEqual(found(people, `Patient?identifier=${nhs}|`), ['anna'])
  assert.deepEqual(found(people, 'Patient?identifier=|9990000018'), [])
  assert.deepEqual(found(people, 'Patient?identifier=|b-1'), ['bea'])
  assert.deepEqual(found(people, 'Patient?phone=020 7946 0001'), ['anna'])
  assert.deepEqual(found(people, 'Patient?email=020 7946 0001'), [])
  assert.deepEqual(found(people, 'Patient?active=true'), ['anna'])
  assert.deepEqual(found(people, 'Patient?deceased=true'), ['bea'])
  assert.deepEqual(found(people, 'Patient?deceased=false'), ['anna', 'carl'])
})

test('modifiers of tokens look at texts, at types of identifiers, or at what is not', () => {
  assert.deepEqual(found(people, 'Patient?identifier:text=nhs num'), ['anna'])
  assert.deepEqual(found(people, 'Patient?identifier:of-type=http://t/v2-0203|NH|9990000018'), [
    'anna',
  ])
  assert.deepEqual(found(people, 'Patient?identifier:of-type=http://t/v2-0203|MR|9990000018'), [])
  assert.deepEqual(found(people, 'Patient?gender:not=male'), ['anna', 'carl'])
  assert.deepEqual(found(people, 'Patient?gender:missing=true'), ['carl'])
  assert.deepEqual(found(people, 'Patient?gender:missing=false'), ['anna', 'bea'])
})

test('the text of a code is not a code', () => {
  const height = [observation('height', { code: { text: 'tall' } })]
  assert.deepEqual(found(height, 'Observation?code=tall'), [])
  assert.deepEqual(found(height, 'Observation?code=|'.replace('|', 'x')), [])
  assert.deepEqual(found(height, 'Observation?code:text=tall'), ['height'])
})

test('references are found by id, by type and id, in any version, and by identifier', () => {
  for (const form of ['p1', 'Practitioner/p1', 'https://here/fhir/Practitioner/p1']) {
    assert.deepEqual(found(people, `Patient?general-practitioner=${form}`), ['anna'])
  }
  assert.deepEqual(found(people, 'Patient?general-practitioner:Practitioner=p1'), ['anna'])
  assert.deepEqual(found(people, 'Patient?general-practitioner:Organization=p1'), [])
  assert.deepEqual(found(people, 'Patient?general-practitioner=https://there/Practitioner/p1'), [])
  assert.deepEqual(found(people, 'Patient?general-practitioner:identifier=urn:gp|7'), ['bea'])
})

test('a date that says less is found where all that it may mean is asked for', () => {
  assert.deepEqual(found(people, 'Patient?birthdate=1980'), ['anna', 'bea'])
  assert.deepEqual(found(people, 'Patient?birthdate=1980-03'), ['anna'])
  assert.deepEqual(found(people, 'Patient?birthdate=ne1980-03-14'), ['bea', 'carl'])
  assert.deepEqual(found(people, 'Patient?birthdate=ge1980-06'), ['bea', 'carl'])
  assert.deepEqual(found(people, 'Patient?birthdate=sa1980'), ['carl'])
  assert.deepEqual(found(people, 'Patient?birthdate=lt1980-03-14'), ['bea'])
  assert.deepEqual(found(people, 'Patient?birthdate=ge1980-01-01&birthdate=le1980-12-31'), [
    'anna',
    'bea',
  ])
  assert.deepEqual(found(people, 'Patient?death-date=2020-01-01T11:00:00+01:00'), ['bea'])
  assert.deepEqual(found(people, 'Patient?death-date=2020-01-01T10:00:00%2B01:00'), [])
  // Somebody forgot to encode the plus.
  assert.deepEqual(found(people, 'Patient?death-date=eq2020-01-01T11:00+01:00'), ['bea'])
})

const heights: readonly JsonObject[] = [
  observation('short', {
    valueQuantity: { value: 5.4, system: 'http://u', code: 'mg', unit: 'mg' },
  }),
  observation('exact', { valueQuantity: { value: 5.404, system: 'http://u', code: 'mg' } }),
  observation('below', { valueQuantity: { value: 3, comparator: '<', unit: 'milligram' } }),
  observation('pressure', {
    component: [
      { code: { coding: [{ system: 's', code: 'sys' }] }, valueQuantity: { value: 107 } },
      { code: { coding: [{ system: 's', code: 'dia' }] }, valueQuantity: { value: 60 } },
    ],
  }),
]

test('numbers are found by what they round to, compared exactly otherwise', () => {
  assert.deepEqual(found(heights, 'Observation?value-quantity=5.4'), ['exact', 'short'])
  assert.deepEqual(found(heights, 'Observation?value-quantity=5.40'), ['exact', 'short'])
  assert.deepEqual(found(heights, 'Observation?value-quantity=5.400'), ['short'])
  assert.deepEqual(found(heights, 'Observation?value-quantity=gt5.4'), ['exact'])
  assert.deepEqual(found(heights, 'Observation?value-quantity=le5.4'), ['below', 'short'])
  assert.deepEqual(found(heights, 'Observation?value-quantity=ap5'), ['exact', 'short'])
  assert.deepEqual(found(heights, 'Observation?value-quantity=5.4|http://u|mg'), ['exact', 'short'])
  assert.deepEqual(found(heights, 'Observation?value-quantity=5.4|http://u|g'), [])
  assert.deepEqual(found(heights, 'Observation?value-quantity=lt3||milligram'), ['below'])
})

test('a composite asks for both in one element, not in two', () => {
  const at = (values: string) =>
    found(heights, `Observation?component-code-value-quantity=${values}`)
  assert.deepEqual(at('s|sys$gt100'), ['pressure'])
  assert.deepEqual(at('s|dia$gt100'), [])
  assert.deepEqual(at('dia$lt70,none$1'), ['pressure'])
})

test('URIs are equal, above or below; places are near', () => {
  const sets: JsonObject[] = [
    'http://acme.org/fhir',
    'http://acme.org/fhir/1',
    'http://acme.org/fh',
  ].map((url, at) => ({ resourceType: 'ValueSet', id: `v${at}`, status: 'active', url }))
  assert.deepEqual(found(sets, 'ValueSet?url=http://acme.org/fhir'), ['v0'])
  assert.deepEqual(found(sets, 'ValueSet?url:below=http://acme.org/fhir'), ['v0', 'v1'])
  assert.deepEqual(found(sets, 'ValueSet?url:above=http://acme.org/fhir/1/2'), ['v0', 'v1'])
  const bristol: Json = { latitude: 51.4545, longitude: -2.5879 }
  const places = [{ resourceType: 'Location', id: 'bristol', position: bristol }]
  assert.deepEqual(found(places, 'Location?near=51.3758|-2.3599|20|km'), ['bristol'])
  assert.deepEqual(found(places, 'Location?near=51.3758|-2.3599|10|mi'), [])
})

test('an order goes by the first value in its direction, and ends with those that have none', () => {
  assert.deepEqual(
    found(people, 'Patient?_sort=birthdate'),
    ['anna', 'bea', 'carl'].toSorted((a, b) => (a === 'bea' ? -1 : b === 'bea' ? 1 : 0)),
  )
  assert.deepEqual(found(people, 'Patient?_sort=-birthdate'), ['carl', 'bea', 'anna'])
  assert.deepEqual(found(people, 'Patient?_sort=gender,-_id'), ['anna', 'bea', 'carl'])
  assert.deepEqual(found(people, 'Patient?_sort=-gender'), ['bea', 'anna', 'carl'])
})

test('common conditions hold for every type', () => {
  const tagged = [
    observation('t', { meta: { tag: [{ system: 'a', code: 'b' }], source: 'urn:x' } }),
  ]
  assert.deepEqual(found(tagged, 'Observation?_tag=a|b&_source=urn:x&_id=t,u'), ['t'])
  assert.deepEqual(found(tagged, 'Observation?_lastUpdated=2023-11-14'), ['t'])
  assert.deepEqual(found(tagged, 'Observation?_lastUpdated=gt2023-11-15'), [])
})

/** The words of FHIR R4 §3.1.1.4.5.1 over milliseconds one by one: slow and obvious. */
function asWritten(prefix: Prefix, search: readonly number[], target: readonly number[]): boolean {
  const isWithin = target.every((at) => search.includes(at))
  const isAbove = target.some((at) => at > Math.max(...search))
  const isBelow = target.some((at) => at < Math.min(...search))
  const overlaps = target.some((at) => search.includes(at))
  switch (prefix) {
    case 'eq':
      return isWithin
    case 'ne':
      return !isWithin
    case 'gt':
      return isAbove
    case 'lt':
      return isBelow
    case 'ge':
      return isAbove || isWithin
    case 'le':
      return isBelow || isWithin
    case 'sa':
      return !overlaps && isAbove && !isBelow
    case 'eb':
      return !overlaps && isBelow && !isAbove
    case 'ap':
      return overlaps
  }
}

test('every prefix is what the specification says of the two intervals', () => {
  const interval = fc.tuple(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 1, max: 6 }))
  const listed = ([low, size]: readonly [number, number]) =>
    Array.from({ length: size }, (_, at) => low + at)
  const [parameter] = parseSearch({
    type: 'Patient',
    parameters: [['birthdate', '2000']],
    now,
    bases: [],
  }).filters
  assert(parameter.kind === 'parameter')
  fc.assert(
    fc.property(fc.constantFrom(...PREFIXES), interval, interval, (prefix, search, target) => {
      const entry: SearchEntry = {
        ...entryOf(patient('x', {})),
        values: new Map([['birthdate', [[target[0], target[0] + target[1]]]]]),
      }
      const range = [search[0], search[0] + search[1]] as const
      const filter = { ...parameter, anyOf: [{ kind: 'date', prefix, range } as const] }
      assert.equal(
        fulfils(entry, filter, new Map()),
        asWritten(prefix, listed(search), listed(target)),
        prefix,
      )
    }),
    { numRuns: 2000 },
  )
})

test('what :not finds is exactly what is not found without it', () => {
  const gender = fc.constantFrom('male', 'female', 'other', undefined)
  fc.assert(
    fc.property(
      fc.array(gender),
      fc.constantFrom('male', 'female,other', 'unknown'),
      (all, asked) => {
        const crowd = all.map((one, at) =>
          patient(`p${at}`, one === undefined ? {} : { gender: one }),
        )
        const [is, isNot] = ['gender', 'gender:not'].map((name) =>
          found(crowd, `Patient?${name}=${asked}`),
        )
        assert.deepEqual(
          [...is, ...isNot].toSorted(),
          crowd.map(({ id }) => id as string).toSorted(),
        )
        assert.equal(new Set([...is, ...isNot]).size, crowd.length)
      },
    ),
  )
})
