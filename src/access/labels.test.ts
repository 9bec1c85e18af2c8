import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { intervalOfDate, isResourceType } from '#health'
import { classOf } from './classes.ts'
import { resourceFacts } from './facts.ts'
import { json, PATIENT } from './fixture.test.ts'
import { highWaterMark, labelsOf, securityTags, type Labels } from './labels.ts'
import { ACT_CODE, CONFIDENTIALITY, ICD_10, ICD_10_CM, LOINC, SNOMED } from './systems.ts'
import { CONFIDENTIALITIES, SENSITIVITIES } from './vocabulary.ts'

const coded = (system: string, code: string, more: object = {}) =>
  json({
    resourceType: 'Condition',
    id: 'c1',
    subject: { reference: PATIENT },
    code: { coding: [{ system, code }] },
    ...more,
  })

test('codes of diagnoses, findings and tests call for labels', () => {
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    [ICD_10, 'F32.1', ['PSY']],
    [ICD_10_CM, 'F10.20', ['ETH']],
    [ICD_10, 'B24', ['HIV']],
    [ICD_10, 'A54.9', ['STD']],
    [ICD_10, 'T74.1', ['SDV']],
    [ICD_10, 'Z30.0', ['SEX']],
    [ICD_10, 'D57.1', ['SCA']],
    [ICD_10, 'Q90.9', ['GDIS']],
    [ICD_10, 'F64.0', ['PSY', 'SEX']],
    [ICD_10, 'f32', ['PSY']],
    [SNOMED, '86406008', ['HIV']],
    [SNOMED, '7200002', ['ETH']],
    [LOINC, '44261-6', ['PSY']],
    [LOINC, '20507-0', ['STD']],
    [ICD_10, 'I10', []],
    [ICD_10, 'F70', []],
    [ICD_10, 'A49', []],
    [ICD_10, 'A65', []],
    [SNOMED, '38341003', []],
    [LOINC, '8302-2', []],
    ['urn:example', 'F32', []],
  ]
  for (const [system, code, expected] of cases) {
    const { sensitivity, confidentiality } = labelsOf(coded(system, code))
    assert.deepEqual(sensitivity, expected, code)
    assert.equal(confidentiality, expected.length > 0 ? 'R' : 'N', code)
  }
})

test('a code counts wherever it stands, contained resources included, but not in meta', () => {
  const hiv = { coding: [{ system: SNOMED, code: '86406008' }] }
  const places = [
    { evidence: [{ code: [hiv] }] },
    { contained: [{ resourceType: 'Condition', code: hiv }] },
    { extension: [{ url: 'urn:x', valueCodeableConcept: hiv }] },
  ]
  for (const place of places) {
    assert.deepEqual(labelsOf(coded(ICD_10, 'I10', place)).sensitivity, ['HIV'])
  }
  const tag = { meta: { tag: [{ system: SNOMED, code: '86406008' }] } }
  assert.deepEqual(labelsOf(coded(ICD_10, 'I10', tag)).sensitivity, [])
})

test('labels that are there count, and are only raised', () => {
  const security = (...codes: readonly object[]) => ({ meta: { security: codes } })
  const level = (code: string) => ({ system: CONFIDENTIALITY, code })
  const said = (...codes: readonly object[]) => labelsOf(coded(ICD_10, 'I10', security(...codes)))
  assert.equal(said(level('L')).confidentiality, 'L')
  assert.equal(said(level('V'), level('L')).confidentiality, 'V')
  assert.equal(said(level('whatever')).confidentiality, 'V')
  assert.deepEqual(said({ system: ACT_CODE, code: 'PSYTHPN' }), {
    confidentiality: 'R',
    sensitivity: ['PSYTHPN'],
  })
  assert.deepEqual(said({ system: ACT_CODE, code: 'ETHUD' }).sensitivity, ['ETH'])
  const low = labelsOf(coded(ICD_10, 'B20', security(level('U'))))
  assert.deepEqual(low, { confidentiality: 'R', sensitivity: ['HIV'] })
})

const parts = fc.record<Labels>({
  confidentiality: fc.constantFrom(...CONFIDENTIALITIES),
  sensitivity: fc.subarray([...SENSITIVITIES]),
})

test('a whole is as sensitive as its parts, in whatever order and grouping', () => {
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 6 }), fc.nat(6), (items, at) => {
      const whole = highWaterMark(items)
      assert.deepEqual(highWaterMark(items.toReversed()), whole)
      const halves = [highWaterMark(items.slice(0, at)), highWaterMark(items.slice(at))]
      assert.deepEqual(highWaterMark(halves), whole)
      for (const { confidentiality, sensitivity } of items) {
        const rank = CONFIDENTIALITIES.indexOf(whole.confidentiality)
        assert(CONFIDENTIALITIES.indexOf(confidentiality) <= rank)
        assert(sensitivity.every((label) => whole.sensitivity.includes(label)))
      }
    }),
    { seed: 9 },
  )
  assert.deepEqual(highWaterMark([]), { confidentiality: 'U', sensitivity: [] })
})

test('labels survive being written into a resource', () => {
  fc.assert(
    fc.property(parts, (labels) => {
      const meta = { meta: { security: securityTags(labels) } }
      const read = labelsOf(coded(ICD_10, 'I10', meta))
      assert.deepEqual(read.sensitivity, labels.sensitivity)
      const least = labels.sensitivity.length > 0 ? ['R', 'V'] : [labels.confidentiality]
      assert(least.includes(read.confidentiality))
    }),
    { seed: 10 },
  )
})

test('every type of R4 has a class, and none has two', () => {
  const path = join(import.meta.dirname, '../health/definitions/r4.json')
  const { resources } = JSON.parse(readFileSync(path, 'utf8')) as {
    readonly resources: Readonly<Record<string, string>>
  }
  const known = { categories: [], personal: true }
  const open = ['SubscriptionStatus']
  const unclassified = Object.keys(resources)
    .filter(isResourceType)
    .filter((type) => classOf(type, known) === 'unclassified')
  assert.deepEqual(unclassified.toSorted(), open)
  const source = readFileSync(join(import.meta.dirname, 'classes.ts'), 'utf8')
  const table = source.slice(source.indexOf('const TYPES'), source.indexOf('const BY_TYPE'))
  const named = [...table.matchAll(/\b[A-Z][A-Za-z]{3,}\b/g)]
    .map(([word]) => word)
    .filter(isResourceType)
  assert.equal(new Set(named).size, named.length)
})

test('categories part observations and reports; unknown types are unclassified', () => {
  const of = (type: string, ...codes: readonly string[]) =>
    classOf(type, { categories: codes.map((code) => ({ system: '', code })), personal: true })
  assert.equal(of('Observation', 'vital-signs'), 'observation')
  assert.equal(of('Observation', 'laboratory'), 'laboratory')
  assert.equal(of('Observation', 'imaging'), 'imaging')
  assert.equal(of('DiagnosticReport', 'LAB'), 'laboratory')
  assert.equal(of('DiagnosticReport', 'RAD'), 'imaging')
  assert.equal(of('DiagnosticReport'), 'document')
  assert.equal(of('MedicationRequest'), 'prescription')
  assert.equal(of('Nonsense'), 'unclassified')
  assert.equal(of('constructor'), 'unclassified')
  const stock = classOf('Device', { categories: [], personal: false })
  assert.deepEqual([of('Device'), stock], ['clinical', 'directory'])
})

test('the facts of a resource are its patients, authors, dates, codes and labels', () => {
  const facts = resourceFacts(
    json({
      resourceType: 'Observation',
      id: 'o1',
      status: 'final',
      category: [{ coding: [{ system: 'sys', code: 'laboratory' }] }],
      code: { coding: [{ system: LOINC, code: '7917-8' }] },
      subject: { reference: PATIENT },
      encounter: { reference: 'Encounter/e1' },
      performer: [{ reference: 'Practitioner/d1/_history/2' }, { display: 'somebody' }],
      effectivePeriod: { start: '2024-05-01', end: '2024-05-03' },
    }),
  )
  assert.deepEqual(facts.patients, [PATIENT])
  assert.equal(facts.personal, true)
  assert.equal(facts.reference, 'Observation/o1')
  assert.equal(facts.class, 'laboratory')
  assert.deepEqual(facts.sensitivity, ['HIV'])
  assert.deepEqual(facts.authors, ['Practitioner/d1'])
  assert.deepEqual(facts.dated, [
    intervalOfDate('2024-05-01')?.[0],
    intervalOfDate('2024-05-03')?.[1],
  ])
  assert(facts.related.includes('Encounter/e1'))
})

test('what names no patient is about nobody, or about somebody unknown', () => {
  const shared = resourceFacts(json({ resourceType: 'Organization', id: 'o1', name: 'x' }))
  assert.deepEqual([shared.patients, shared.personal], [[], false])
  const orphan = resourceFacts(json({ resourceType: 'Condition', id: 'c1' }))
  assert.deepEqual([orphan.patients, orphan.personal], [[], true])
  const logical = json({
    resourceType: 'Condition',
    subject: { type: 'Patient', identifier: { system: 'urn:x', value: '1' } },
  })
  assert.deepEqual(resourceFacts(logical).patients, [])
  assert.equal(resourceFacts(logical).personal, true)
  assert.deepEqual(resourceFacts(logical, { patients: [PATIENT] }).patients, [PATIENT])
})

test('procedures name performers by actor; celebrities and staff are VIPs', () => {
  const procedure = resourceFacts(
    json({
      resourceType: 'Procedure',
      subject: { reference: PATIENT },
      performer: [{ actor: { reference: 'Practitioner/d1' } }],
      performedDateTime: '2024',
      meta: { security: [{ system: ACT_CODE, code: 'CEL' }] },
    }),
  )
  assert.deepEqual(procedure.authors, ['Practitioner/d1'])
  assert.deepEqual(procedure.dated, intervalOfDate('2024'))
  assert.equal(procedure.vip, true)
  const plain = resourceFacts(coded(ICD_10, 'I10'), { held: true })
  assert.deepEqual([plain.vip, plain.held, plain.dated], [false, true, undefined])
})
