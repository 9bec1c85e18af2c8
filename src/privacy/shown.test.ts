import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hides, isMasked, shown, type ShownAs } from '#privacy'
import type { JsonObject } from '#health'

const by = { today: '2026-11-21', pseudonymOf: (name: string) => `~${name.length}` }
const as = (more: Partial<ShownAs>): ShownAs => ({
  ...{ masked: new Set<string>(), form: undefined, labels: [], ...more },
})
const patient: JsonObject = {
  ...{ resourceType: 'Patient', id: 'p1', gender: 'female', birthDate: '1980-02-03' },
  text: { status: 'generated', div: '<div>Ida Winter 9434765919</div>' },
  extension: [{ url: 'urn:x', valueString: 'Ida Winter' }],
  identifier: [{ system: 'urn:nhs', value: '943 476 5919' }, { value: '12' }],
  name: [{ use: 'official', family: 'Winter', given: ['Ida', 'Maud'], text: 'Ida Winter' }],
  telecom: [
    { system: 'phone', value: '0117 496 0123' },
    { system: 'email', value: 'i@w.example' },
  ],
  address: [{ line: ['1 High Street'], city: 'Bristol', postalCode: 'BS1 4ND', country: 'GB' }],
  photo: [{ data: 'AAAA' }],
  contained: [{ resourceType: 'RelatedPerson', name: [{ family: 'Winter' }], birthDate: '1950' }],
}
const ELEMENTS = ['identifier', 'name', 'telecom', 'address', 'photo', 'birthDate']

test('of masked elements so much is left as one works with, and nothing repeats the rest', () => {
  const seen = shown(patient, as({ masked: new Set(ELEMENTS) }), by)
  assert.deepEqual(seen, {
    ...{ resourceType: 'Patient', id: 'p1', gender: 'female', birthDate: '1980' },
    identifier: [{ system: 'urn:nhs', value: '…919' }, { value: '…' }],
    name: [{ use: 'official', family: 'W.', given: ['I.', 'M.'] }],
    telecom: [{ system: 'phone', value: '…23' }, { system: 'email' }],
    address: [{ country: 'GB', postalCode: 'BS1' }],
    contained: [{ resourceType: 'RelatedPerson', name: [{ family: 'W.' }], birthDate: '1950' }],
    meta: {
      security: [
        { system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue', code: 'MASKED' },
      ],
    },
  })
  assert(isMasked(seen))
  assert(!isMasked(patient))
})

test('of people of ninety and more no year is left', () => {
  const masked = as({ masked: new Set(['birthDate']) })
  const of = (birthDate: string) => shown({ resourceType: 'Patient', birthDate }, masked, by)
  assert.equal(of('1937-01-01')['birthDate'], '1937')
  assert.equal(of('1936-12-31')['birthDate'], undefined)
})

test('codes alone are without text, notes and results', () => {
  const condition: JsonObject = {
    ...{ resourceType: 'Condition', id: 'c', subject: { reference: 'Patient/p1', display: 'Ida' } },
    code: { coding: [{ system: 'urn:icd', code: 'I10', display: 'Ida has it' }], text: 'poor Ida' },
    note: [{ text: 'Ida' }],
    evidence: [{ code: [{ text: 'Ida' }] }],
  }
  const seen = shown(condition, as({ form: 'codes-only' }), by)
  assert(!JSON.stringify(seen).includes('Ida'))
  assert.deepEqual(seen['code'], { coding: [{ system: 'urn:icd', code: 'I10' }] })
  assert.deepEqual(seen['subject'], { reference: 'Patient/p1' })
})

test('an audit event names people by pseudonyms alone', () => {
  const event: JsonObject = {
    ...{ resourceType: 'AuditEvent', recorded: '2026-11-21T08:00:00Z' },
    agent: [{ who: { reference: 'Practitioner/d1', display: 'Dr Winter' }, name: 'Dr Winter' }],
    entity: [{ what: { reference: 'Patient/p1' }, query: 'd2ludGVy' }],
  }
  const seen = JSON.stringify(shown(event, as({ form: 'pseudonymised' }), by))
  for (const word of ['Winter', 'Practitioner/d1', 'Patient/p1', 'd2ludGVy']) {
    assert(!seen.includes(word), word)
  }
  assert(seen.includes('~10') && seen.includes('~15'))
})

test('what is not shown as it is hides from searches, and everything else does not', () => {
  const masked = as({ masked: new Set(['birthDate']) })
  assert(hides(masked, 'birthDate') && !hides(masked, 'gender'))
  const codes = as({ form: 'codes-only' })
  assert(hides(codes, 'note') && !hides(codes, 'code'))
  assert(hides(as({ form: 'pseudonymised' }), 'agent'))
})

test('labels are added once, and without obligations nothing changes', () => {
  const label = { system: 'urn:s', code: 'NORDSCLCD' }
  const once = shown(patient, as({ labels: [label] }), by)
  assert.deepEqual(shown(once, as({ labels: [label] }), by), once)
  assert.equal(shown(patient, as({}), by), patient)
})
