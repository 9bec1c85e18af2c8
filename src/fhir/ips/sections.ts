/**
 * The sections of an International Patient Summary: what belongs in each, and what stands where
 * nothing is known.
 *
 * @see HL7 FHIR International Patient Summary 1.1.0, Composition-uv-ips
 * @module
 */

import { isObject, type Json, type JsonObject } from '#health'

/** One section. */
export interface Section {
  readonly title: string
  /** LOINC. */
  readonly code: string
  readonly display: string
  readonly types: readonly string[]
  /** Search parameter by which the latest come first. */
  readonly newestBy?: string
  /** Whether a resource of these types belongs here. */
  readonly holds: (resource: JsonObject) => boolean
  /** For a section that must be there: what says that nothing is known. */
  readonly absent?: (patient: JsonObject) => JsonObject
}

/** The required sections of the guide, then recommended ones and vital signs, in their order. */
export const SECTIONS: readonly Section[] = [
  {
    title: 'Medication summary',
    ...{ code: '10160-0', display: 'History of Medication use Narrative' },
    types: ['MedicationStatement', 'MedicationRequest'],
    holds: ({ status }) => among(status, ['active', 'intended', 'on-hold', 'unknown']),
    absent: (subject) => ({
      ...{ resourceType: 'MedicationStatement', status: 'unknown' },
      medicationCodeableConcept: unknown('no-medication-info', 'No information about medications'),
      subject,
      _effectiveDateTime: { extension: [{ url: ABSENT_REASON, valueCode: 'unknown' }] },
    }),
  },
  {
    title: 'Allergies and intolerances',
    ...{ code: '48765-2', display: 'Allergies and adverse reactions Document' },
    types: ['AllergyIntolerance'],
    holds: (resource) => isTrue(resource) && isOngoing(resource),
    absent: (patient) => ({
      ...{ resourceType: 'AllergyIntolerance', clinicalStatus: active('allergyintolerance') },
      code: unknown('no-allergy-info', 'No information about allergies'),
      patient,
    }),
  },
  {
    title: 'Problem list',
    ...{ code: '11450-4', display: 'Problem list - Reported' },
    types: ['Condition'],
    holds: (resource) => isTrue(resource) && isOngoing(resource),
    absent: (subject) => ({
      ...{ resourceType: 'Condition', clinicalStatus: active('condition') },
      code: unknown('no-problem-info', 'No information about problems'),
      subject,
    }),
  },
  {
    title: 'Immunizations',
    ...{ code: '11369-6', display: 'History of Immunization Narrative' },
    types: ['Immunization'],
    holds: ({ status }) => among(status, ['completed']),
  },
  {
    title: 'History of procedures',
    ...{ code: '47519-4', display: 'History of Procedures Document' },
    types: ['Procedure'],
    holds: ({ status }) => !among(status, ['entered-in-error', 'not-done', 'preparation']),
  },
  {
    title: 'Medical devices',
    ...{ code: '46264-8', display: 'History of medical device use' },
    types: ['DeviceUseStatement'],
    holds: ({ status }) => !among(status, ['entered-in-error']),
  },
  {
    title: 'Diagnostic results',
    ...{ code: '30954-2', display: 'Relevant diagnostic tests/laboratory data Narrative' },
    ...{ types: ['Observation'], newestBy: 'date' },
    holds: (resource) => isFinal(resource) && isIn(resource, ['laboratory', 'imaging']),
  },
  {
    title: 'Vital signs',
    ...{ code: '8716-3', display: 'Vital signs' },
    ...{ types: ['Observation'], newestBy: 'date' },
    holds: (resource) => isFinal(resource) && isIn(resource, ['vital-signs']),
  },
  {
    title: 'History of past illness',
    ...{ code: '11348-0', display: 'History of Past illness Narrative' },
    types: ['Condition'],
    holds: (resource) => isTrue(resource) && !isOngoing(resource),
  },
]

/** A section's LOINC code as a concept. */
export const loinc = (code: string, display: string): JsonObject => ({
  coding: [{ system: 'http://loinc.org', code, display }],
})

const among = (value: Json | undefined, words: readonly string[]): boolean =>
  typeof value === 'string' && words.includes(value)

const isTrue = ({ verificationStatus }: JsonObject): boolean =>
  !codesIn(verificationStatus).some((code) => ['entered-in-error', 'refuted'].includes(code))

/** Of what has no status nobody said that it is over. */
const isOngoing = ({ clinicalStatus }: JsonObject): boolean =>
  !codesIn(clinicalStatus).some((code) => ['inactive', 'resolved', 'remission'].includes(code))

const isFinal = ({ status }: JsonObject): boolean =>
  among(status, ['final', 'amended', 'corrected'])

const isIn = ({ category }: JsonObject, words: readonly string[]): boolean =>
  (Array.isArray(category) ? category : []).some((one) =>
    codesIn(one).some((code) => words.includes(code)),
  )

function codesIn(concept: Json | undefined): readonly string[] {
  const codings = isObject(concept) ? concept['coding'] : undefined
  const list = Array.isArray(codings) ? codings.filter(isObject) : []
  return list.flatMap(({ code }) => (typeof code === 'string' ? [code] : []))
}

const active = (of: 'allergyintolerance' | 'condition'): JsonObject => ({
  coding: [{ system: `http://terminology.hl7.org/CodeSystem/${of}-clinical`, code: 'active' }],
})

const unknown = (code: string, display: string): JsonObject => ({
  coding: [{ system: ABSENT_UNKNOWN, code, display }],
})

const ABSENT_UNKNOWN = 'http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips'
const ABSENT_REASON = 'http://hl7.org/fhir/StructureDefinition/data-absent-reason'
