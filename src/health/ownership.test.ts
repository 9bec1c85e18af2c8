import assert from 'node:assert/strict'
import { test } from 'node:test'
import parameters from './definitions/search-parameters.json' with { type: 'json' }
import { identifiersOf, isSynthetic, ownershipOf, referencesOf, type JsonObject } from '#health'
import { patientElements } from './definitions.ts'

const NHS = 'https://fhir.nhs.uk/Id/nhs-number'
const subjects = (resource: JsonObject): unknown[] => {
  const ownership = ownershipOf(resource)
  if (ownership.kind !== 'patients') return [ownership.kind]
  return ownership.subjects.map((item) =>
    item.kind === 'reference' ? item.reference : item.identifier,
  )
}

test('a resource belongs to every patient that it names where the compartment says', () => {
  assert.deepEqual(
    subjects({ resourceType: 'Patient', id: 'a', link: [{ other: { reference: 'Patient/b' } }] }),
    ['Patient/a'],
  )
  assert.deepEqual(
    subjects({
      resourceType: 'Observation',
      subject: { reference: 'Patient/a/_history/3' },
      performer: [
        { reference: 'Practitioner/x' },
        { reference: 'Patient/b' },
        { reference: 'Patient/a' },
      ],
      focus: [{ reference: 'Patient/c' }],
    }),
    ['Patient/a', 'Patient/b'],
  )
  assert.deepEqual(
    subjects({ resourceType: 'Appointment', participant: [{ actor: { reference: 'Patient/a' } }] }),
    ['Patient/a'],
  )
  assert.deepEqual(subjects({ resourceType: 'Task', for: { reference: 'Patient/a' } }), [
    'Patient/a',
  ])
  assert.deepEqual(subjects({ resourceType: 'Device', patient: { reference: 'Patient/a' } }), [
    'Patient/a',
  ])
  assert.deepEqual(
    subjects({ resourceType: 'Binary', securityContext: { reference: 'Patient/a' } }),
    ['Patient/a'],
  )
})

test('a patient elsewhere and a patient named by identifier are patients too', () => {
  const elsewhere = 'https://elsewhere.example/fhir/Patient/a'
  assert.deepEqual(subjects({ resourceType: 'Flag', subject: { reference: elsewhere } }), [
    elsewhere,
  ])
  const identifier = { system: NHS, value: '999 000 0018' }
  assert.deepEqual(subjects({ resourceType: 'Flag', subject: { identifier } }), [
    { system: NHS, value: '9990000018' },
  ])
  const other = { identifier: { system: 'urn:x', value: '1' } }
  assert.equal(ownershipOf({ resourceType: 'Flag', subject: other }).kind, 'unassigned')
  assert.deepEqual(subjects({ resourceType: 'Flag', subject: { ...other, type: 'Patient' } }), [
    other.identifier,
  ])
})

test('what should name a patient and does not is unassigned, never shared', () => {
  const kind = (resource: JsonObject): string => ownershipOf(resource).kind
  assert.equal(kind({ resourceType: 'Organization' }), 'shared')
  assert.equal(kind({ resourceType: 'Device' }), 'shared')
  assert.equal(
    kind({ resourceType: 'Observation', subject: { display: 'somebody' } }),
    'unassigned',
  )
  assert.equal(
    kind({ resourceType: 'Observation', subject: { reference: 'Group/1' } }),
    'unassigned',
  )
  assert.equal(kind({ resourceType: 'Binary' }), 'unassigned')
  const contained = [{ resourceType: 'Coverage', beneficiary: { reference: 'Patient/a' } }]
  assert.deepEqual(subjects({ resourceType: 'Organization', contained }), ['Patient/a'])
  assert.equal(
    kind({ resourceType: 'Organization', contained: [{ resourceType: 'Condition' }] }),
    'unassigned',
  )
})

test('every type that can be searched by patient has an element that names one', () => {
  for (const { code, base, type, target } of parameters as readonly {
    code: string
    base: readonly string[]
    type: string
    target?: readonly string[]
  }[]) {
    if (code !== 'patient' || type !== 'reference' || target?.includes('Patient') !== true) continue
    for (const item of base) assert((patientElements(item)?.length ?? 0) > 0, item)
  }
})

test('references are found at any depth, without their versions', () => {
  assert.deepEqual(
    referencesOf({
      resourceType: 'Encounter',
      participant: [{ individual: { reference: 'Practitioner/x/_history/2' } }],
      serviceProvider: { reference: 'Organization/y' },
      contained: [
        { resourceType: 'Location', managingOrganization: { reference: 'Organization/y' } },
      ],
      basedOn: [{ reference: '#c' }, { reference: 'https://e.example/Practitioner/z' }],
    }),
    ['Practitioner/x', 'Organization/y'],
  )
})

test('an NHS number is one number however it is spaced', () => {
  const spaced = {
    resourceType: 'Patient',
    identifier: [{ system: NHS, value: ' 999 000-0018 ' }, {}],
  }
  assert.deepEqual(identifiersOf(spaced), [{ system: NHS, value: '9990000018' }])
})

test('a patient is synthetic by test number, Synthea or label, and never with an issued number', () => {
  const patient = (...identifier: JsonObject[]): JsonObject => ({
    resourceType: 'Patient',
    identifier,
  })
  const label = {
    security: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason', code: 'HTEST' }],
  }
  const synthea = { system: 'https://github.com/synthetichealth/synthea', value: 'x' }
  assert(isSynthetic(patient({ system: NHS, value: '999 000 0018' })))
  assert(isSynthetic(patient(synthea)))
  assert(isSynthetic({ ...patient(), meta: label }))
  assert(!isSynthetic(patient()))
  assert(!isSynthetic(patient({ system: 'urn:x', value: '9990000018' })))
  assert(!isSynthetic(patient({ system: NHS, value: '9434765919' })))
  assert(!isSynthetic({ ...patient(synthea, { system: NHS, value: '9434765919' }), meta: label }))
  assert(!isSynthetic(patient({ system: NHS, value: '9990000019' })))
})
