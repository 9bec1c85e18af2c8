import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { epochMs } from '#base'
import { HealthRefusal, parseSearch, type HealthRefusalCode, type SearchQuery } from '#health'

const now = epochMs(Date.UTC(2026, 0, 1))

function parsed(search: string): SearchQuery {
  const [type, text = ''] = search.split('?')
  const parameters = new URLSearchParams(text)
  return parseSearch({ type: type === '' ? undefined : type, parameters, now, bases: [] })
}

function refusalOf(search: string): HealthRefusal {
  try {
    parsed(search)
  } catch (error) {
    assert(error instanceof HealthRefusal)
    return error
  }
  assert.fail(`not refused: ${search}`)
}

/** Each search that is understood beside its nearest neighbour that is not, with code and place. */
const neighbours: readonly (readonly [string, string, HealthRefusalCode, string])[] = [
  ['Patient?family=a', 'Patient?familly=a', 'HEALTH_SEARCH_UNKNOWN', '{parameter 1}'],
  ['Patient?family=a', 'Patient?code=a', 'HEALTH_SEARCH_UNKNOWN', 'code'],
  ['Patient?family:exact=a', 'Patient?family:text=a', 'HEALTH_SEARCH_MODIFIER', 'family:text'],
  [
    'Patient?family:exact=a',
    'Patient?family:exact:exact=a',
    'HEALTH_SEARCH_MODIFIER',
    'family:exact:exact',
  ],
  ['Patient?gender:not=male', 'Patient?gender:in=male', 'HEALTH_SEARCH_MODIFIER', 'gender:in'],
  [
    'Patient?gender:missing=true',
    'Patient?gender:missing=yes',
    'HEALTH_SEARCH_VALUE',
    'gender:missing',
  ],
  [
    'Patient?birthdate=1980-02-29',
    'Patient?birthdate=1981-02-29',
    'HEALTH_SEARCH_VALUE',
    'birthdate',
  ],
  ['Patient?birthdate=ge1980', 'Patient?birthdate=>=1980', 'HEALTH_SEARCH_VALUE', 'birthdate'],
  ['Patient?identifier=a|b', 'Patient?identifier=a|b|c', 'HEALTH_SEARCH_VALUE', 'identifier'],
  ['Patient?identifier=|b', 'Patient?identifier=|', 'HEALTH_SEARCH_VALUE', 'identifier'],
  ['Patient?family=a\\,b', 'Patient?family=a\\b', 'HEALTH_SEARCH_VALUE', 'family'],
  ['Patient?link=Patient/a', 'Patient?link=Pat/a', 'HEALTH_SEARCH_VALUE', 'link'],
  ['Patient?link:Patient=a', 'Patient?link:Device=a', 'HEALTH_SEARCH_MODIFIER', 'link:Device'],
  ['Patient?_id=a', 'Patient?_id=a_b', 'HEALTH_SEARCH_VALUE', '_id'],
  [
    'Patient?_lastUpdated=gt2020',
    'Patient?_lastUpdated=now',
    'HEALTH_SEARCH_VALUE',
    '_lastUpdated',
  ],
  ['Patient?_count=10', 'Patient?_count=-1', 'HEALTH_SEARCH_VALUE', '_count'],
  ['Patient?_count=10', 'Patient?_count=10&_count=20', 'HEALTH_SEARCH_VALUE', '_count'],
  ['Patient?_sort=-birthdate', 'Patient?_sort=+birthdate', 'HEALTH_SEARCH_VALUE', '_sort'],
  ['Patient?_total=none', 'Patient?_total=all', 'HEALTH_SEARCH_VALUE', '_total'],
  ['Patient?_summary=count', 'Patient?_summary=yes', 'HEALTH_SEARCH_VALUE', '_summary'],
  [
    'Patient?_summary=text&_total=none',
    'Patient?_summary=text&_include=Patient:organization',
    'HEALTH_SEARCH_VALUE',
    '_summary',
  ],
  ['Patient?_elements=name', 'Patient?_elements=nmae', 'HEALTH_SEARCH_VALUE', '_elements'],
  ['Patient?_format=json', 'Patient?_text=json', 'HEALTH_SEARCH_UNSUPPORTED', '_text'],
  [
    'Patient?_contained=false',
    'Patient?_contained=true',
    'HEALTH_SEARCH_UNSUPPORTED',
    '_contained',
  ],
  [
    'Observation?value-quantity=5|s|c',
    'Observation?value-quantity=5|s',
    'HEALTH_SEARCH_VALUE',
    'value-quantity',
  ],
  [
    'Observation?code-value-quantity=a$5',
    'Observation?code-value-quantity=a',
    'HEALTH_SEARCH_VALUE',
    'code-value-quantity',
  ],
  ['Location?near=1|2|3|km', 'Location?near=91|2|3|km', 'HEALTH_SEARCH_VALUE', 'near'],
  [
    'Observation?subject:Patient.name=a',
    'Observation?subject:Patient.code=a',
    'HEALTH_SEARCH_UNKNOWN',
    'subject:Patient.code',
  ],
  ['Observation?patient.name=a', 'Observation?code.name=a', 'HEALTH_SEARCH_VALUE', 'code.name'],
  [
    'Observation?subject:Patient.birthdate=1980',
    'Observation?subject.birthdate=8',
    'HEALTH_SEARCH_VALUE',
    'subject.birthdate',
  ],
  [
    'Patient?_has:Observation:patient:code=1',
    'Patient?_has:Observation:patient=1',
    'HEALTH_SEARCH_VALUE',
    '_has:Observation:patient',
  ],
  [
    'Patient?_has:Observation:patient:code=1',
    'Patient?_has:Observation:code:code=1',
    'HEALTH_SEARCH_VALUE',
    '_has:Observation:code:code',
  ],
  [
    'Patient?_include=Patient:link',
    'Patient?_include=Patient:name',
    'HEALTH_SEARCH_VALUE',
    '_include',
  ],
  ['Patient?_include=Patient:*', 'Patient?_include=*', 'HEALTH_SEARCH_VALUE', '_include'],
  [
    'Patient?_include=Patient:link',
    'Patient?_include=Observation:patient',
    'HEALTH_SEARCH_VALUE',
    '_include',
  ],
  [
    'Patient?_revinclude=Observation:patient',
    'Patient?_revinclude:all=Observation:patient',
    'HEALTH_SEARCH_MODIFIER',
    '{parameter 1}',
  ],
  ['?_tag=a', '?family=a', 'HEALTH_SEARCH_UNKNOWN', 'family'],
  [
    '?_type=Patient,Practitioner&family=a',
    '?_type=Patient,Device&family=a',
    'HEALTH_SEARCH_UNKNOWN',
    'family',
  ],
  ['?_type=Patient', '?_type=Patients', 'HEALTH_SEARCH_VALUE', '_type'],
]

for (const [good, bad, code, place] of neighbours) {
  test(`${good} is understood, ${bad} is refused`, () => {
    parsed(good)
    const refused = refusalOf(bad)
    assert.deepEqual([refused.code, refused.issues[0].place], [code, place])
  })
}

test('a refusal repeats no value and no name that is not from FHIR', () => {
  const secret = 'zq-secret-zq'
  for (const search of [
    `Patient?birthdate=${secret}`,
    `Patient?${secret}=1`,
    `Patient?family:${secret}=1`,
    `Patient?${secret}.family=1`,
    `Patient?_has:${secret}:a:b=1`,
    `Patient?_sort=${secret}`,
    `Patient?_include=${secret}`,
    `?_type=${secret}`,
  ]) {
    const { message, facts, issues } = refusalOf(search)
    assert(!JSON.stringify([message, facts, issues]).includes(secret), search)
  }
})

test('a search has limits in length, parts and depth', () => {
  const many = (count: number, part: string, by: string) => Array(count).fill(part).join(by)
  parsed(`Patient?${many(64, 'family=a', '&')}`)
  parsed(`Patient?family=${many(256, 'a', ',')}`)
  parsed(`Patient?link:Patient.link:Patient.link:Patient.link:Patient.family=a`)
  for (const search of [
    `Patient?${many(65, 'family=a', '&')}`,
    `Patient?family=${many(257, 'a', ',')}`,
    `Patient?family=${'a'.repeat(16_384)}`,
    `Patient?${many(6, 'link:Patient', '.')}.family=a`,
    'Provenance?target.patient.link.link.family=a',
    `Patient?_sort=${many(9, 'family', ',')}`,
    `Patient?${many(17, '_include=Patient:link', '&')}`,
  ]) {
    assert.equal(refusalOf(search).code, 'HEALTH_SEARCH_TOO_LARGE', search.slice(0, 80))
  }
})

test('no search, whatever it holds, is answered with anything but a query or a refusal', () => {
  const word = fc.constantFrom(
    ...'Patient,family,_has,:,.,|,$,\\,,_sort,_include,Observation,subject,ge,1980,exact,-,~'.split(
      ',',
    ),
    ',',
    '',
  )
  const text = fc.oneof(
    fc.string(),
    fc.array(word, { maxLength: 12 }).map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text), { maxLength: 4 }), (parameters) => {
      try {
        parseSearch({ type: 'Patient', parameters, now, bases: [] })
      } catch (error) {
        assert(error instanceof HealthRefusal)
      }
    }),
    { numRuns: 2000 },
  )
})
