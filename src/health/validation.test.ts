import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '#base'
import {
  issuesOf,
  isResourceType,
  readJson,
  RESOURCE_VALUES_MAX,
  type Issue,
  type JsonObject,
} from '#health'

const issues = (text: string): readonly Issue[] => issuesOf(readJson(utf8(text)) as JsonObject)

const patient = (members: string): string => `{"resourceType":"Patient","id":"p1",${members}}`
const observation = (members: string): string =>
  `{"resourceType":"Observation","status":"final","code":{"text":"x"},${members}}`

/** Each valid resource beside its nearest invalid neighbour, with the place and kind of the fault. */
const neighbours: readonly (readonly [string, string, string, Issue['kind']])[] = [
  [patient('"birthDate":"1980-02-29"'), patient('"birthDate":"1981-02-29"'), 'birthDate', 'value'],
  [patient('"birthDate":"1980"'), patient('"birthDate":"80"'), 'birthDate', 'value'],
  [patient('"gender":"other"'), patient('"gender":"martian"'), 'gender', 'code-invalid'],
  [patient('"active":true'), patient('"active":"true"'), 'active', 'value'],
  [patient('"name":[{"given":["A"]}]'), patient('"name":{"given":["A"]}'), 'name', 'structure'],
  [patient('"name":[{"given":["A"]}]'), patient('"name":[]'), 'name', 'structure'],
  [patient('"name":[{"given":["A"]}]'), patient('"name":[{}]'), 'name[0]', 'structure'],
  [patient('"name":[{"given":["A"]}]'), patient('"name":[[{}]]'), 'name[0]', 'structure'],
  [patient('"active":false'), patient('"active":null'), 'active', 'value'],
  [
    patient(
      '"name":[{"given":["A",null],"_given":[null,{"extension":[{"url":"u:x","valueCode":"y"}]}]}]',
    ),
    patient(
      '"name":[{"given":["A",null],"_given":[{"extension":[{"url":"u:x","valueCode":"y"}]},null]}]',
    ),
    'name[0].given[1]',
    'value',
  ],
  [
    observation('"valueQuantity":{"value":1.10,"comparator":"<"}'),
    observation('"valueQuantity":{"value":1.10,"comparator":"~"}'),
    'valueQuantity.comparator',
    'code-invalid',
  ],
  [
    '{"resourceType":"Observation","status":"final","code":{"text":"x"}}',
    '{"resourceType":"Observation","status":"final"}',
    'code',
    'required',
  ],
  [
    '{"resourceType":"Patient","contact":[{"name":{"family":"A"}}]}',
    '{"resourceType":"Patient","contact":[{"relationship":[{"text":"A"}]}]}',
    'contact[0]',
    'invariant',
  ],
  [
    '{"resourceType":"Basic","id":"a.B-1","code":{"text":"x"}}',
    '{"resourceType":"Basic","id":"a_B","code":{"text":"x"}}',
    'id',
    'value',
  ],
  [
    '{"resourceType":"Binary","contentType":"text/plain","data":"YWJj\\nZGVm"}',
    '{"resourceType":"Binary","contentType":"text/plain","data":"YWJjZGV"}',
    'data',
    'value',
  ],
  [
    patient(
      '"contained":[{"resourceType":"Organization","id":"o","name":"N"}],"managingOrganization":{"reference":"#o"}',
    ),
    patient(
      '"contained":[{"resourceType":"Wizard","id":"o","name":"N"}],"managingOrganization":{"reference":"#o"}',
    ),
    'contained[0].resourceType',
    'value',
  ],
]

for (const [good, bad, place, kind] of neighbours) {
  test(`validation tells ${good} from ${bad}`, () => {
    assert.deepEqual(issues(good), [])
    const [first] = issues(bad)
    assert.equal(first.place, place)
    assert.equal(first.kind, kind)
  })
}

test('an unknown member is named if FHIR knows the word, else counted', () => {
  const secret = 'Ottoline'
  const found = issues(patient(`"valueString":"x","${secret}":"y","maritalStatus":{"text":"z"}`))
  assert.deepEqual(
    found.map(({ place }) => place),
    ['valueString', '{member 4}'],
  )
  assert(!JSON.stringify(found).includes(secret))
})

test('no issue repeats a value', () => {
  const secret = 'Ottoline7'
  for (const text of [
    patient(`"birthDate":"${secret}","gender":"${secret}","active":"${secret}"`),
    patient(`"name":"${secret}","telecom":[{"system":"${secret}","value":"${secret}"}]`),
    patient(`"managingOrganization":{"reference":"${secret} x","${secret}":null}`),
    `{"resourceType":"${secret}"}`,
    `{"resourceType":"Patient","id":"${secret} "}`,
  ]) {
    const found = issues(text)
    assert(found.length > 0)
    assert(!JSON.stringify(found).includes(secret), JSON.stringify(found))
  }
})

test('all faults of a resource are reported, up to the limit asked for', () => {
  const bad = patient('"birthDate":"x","gender":"y","active":1')
  const places = issues(bad).map(({ place }) => place)
  assert.deepEqual(places.toSorted(), ['active', 'birthDate', 'gender'])
  assert.equal(issuesOf(readJson(utf8(bad)) as JsonObject, '', 1).length, 1)
})

test('a resource of very many values is refused in a moment, at the value that is too many', () => {
  const given = (count: number): string =>
    patient(`"name":[{"given":[${'"ab",'.repeat(count - 1)}"ab"]}]`)
  // The id and the name are values as well.
  assert.deepEqual(issues(given(RESOURCE_VALUES_MAX - 2)), [])
  const places = issues(given(RESOURCE_VALUES_MAX)).map(({ place }) => place)
  assert.deepEqual(places, [`name[0].given[${RESOURCE_VALUES_MAX - 2}]`])
})

test('thousands of faults are cut off, not gathered', () => {
  const nulls = patient(`"name":[${'null,'.repeat(19_000)}null]`)
  assert.equal(issues(nulls).length, 50)
})

test('abstract and unknown types are not resource types', () => {
  assert(isResourceType('Patient'))
  for (const bad of ['Resource', 'DomainResource', 'patient', 'HumanName', '', '__proto__']) {
    assert(!isResourceType(bad), bad)
  }
})

test('a text that no validator expects is a fault, not a crash', () => {
  for (const text of [
    '{"resourceType":"Patient","name":[1]}',
    patient('"meta":[{"profile":"x"}]'),
    patient('"contact":"x"'),
    patient('"managingOrganization":[{"reference":"Organization/1"}]'),
  ]) {
    assert(issues(text).length > 0, text)
  }
})
