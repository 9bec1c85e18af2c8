/**
 * The resources of an invented chart, one function for each type. Pure but for the generator.
 *
 * @module
 */

import { base64, epochMs, HOUR_MS, isoTime, utf8, type EpochMs, type SeededRandom } from '#base'
import { numberOf, type JsonObject } from '../json.ts'
import type { Concept, EncounterKind, Measure } from './lists.ts'
import { DIASTOLIC, SYSTOLIC } from './lists.ts'

/** What all resources of one visit share. */
export interface Visit {
  /** `urn:uuid:` of the patient. */
  readonly patient: string
  readonly encounter: string
  /** `Practitioner/id` and `Organization/id`, stored before. */
  readonly practitioner: string
  readonly hospital: string
  readonly at: EpochMs
}

export function encounter(visit: Visit, kind: EncounterKind): JsonObject {
  return {
    resourceType: 'Encounter',
    status: 'finished',
    class: { system: ACT_CODE, code: kind.class },
    type: [snomed(kind)],
    subject: { reference: visit.patient },
    participant: [{ individual: { reference: visit.practitioner } }],
    period: { start: isoTime(visit.at), end: isoTime(later(visit.at, kind.hours)) },
    serviceProvider: { reference: visit.hospital },
  }
}

export function condition(visit: Visit, what: Concept): JsonObject {
  return {
    resourceType: 'Condition',
    clinicalStatus: coded(`${TERMINOLOGY}/condition-clinical`, 'active'),
    verificationStatus: coded(`${TERMINOLOGY}/condition-ver-status`, 'confirmed'),
    code: snomed(what),
    subject: { reference: visit.patient },
    encounter: { reference: visit.encounter },
    onsetDateTime: isoTime(visit.at).slice(0, 10),
    recorder: { reference: visit.practitioner },
  }
}

export function allergy(visit: Visit, what: Concept): JsonObject {
  return {
    resourceType: 'AllergyIntolerance',
    clinicalStatus: coded(`${TERMINOLOGY}/allergyintolerance-clinical`, 'active'),
    verificationStatus: coded(`${TERMINOLOGY}/allergyintolerance-verification`, 'confirmed'),
    code: snomed(what),
    patient: { reference: visit.patient },
    recordedDate: isoTime(visit.at),
  }
}

export function observation(visit: Visit, random: SeededRandom, measure: Measure): JsonObject {
  return { ...observed(visit, measure), valueQuantity: quantity(random, measure) }
}

export function bloodPressure(visit: Visit, random: SeededRandom): JsonObject {
  const panel = {
    category: 'vital-signs',
    code: '85354-9',
    display: 'Blood pressure panel',
  } as const
  return {
    ...observed(visit, panel),
    component: [SYSTOLIC, DIASTOLIC].map((measure) => ({
      code: { coding: [{ system: LOINC, ...named(measure) }] },
      valueQuantity: quantity(random, measure),
    })),
  }
}

export function medicationRequest(
  visit: Visit,
  what: Concept & { readonly dose: string },
): JsonObject {
  return {
    resourceType: 'MedicationRequest',
    status: 'active',
    intent: 'order',
    medicationCodeableConcept: snomed(what),
    subject: { reference: visit.patient },
    encounter: { reference: visit.encounter },
    authoredOn: isoTime(visit.at),
    requester: { reference: visit.practitioner },
    dosageInstruction: [{ sequence: 1, text: what.dose }],
  }
}

/** A letter, as plain text inside the resource. */
export function letter(visit: Visit, body: string): JsonObject {
  const data = base64(utf8(body))
  const day = isoTime(visit.at).slice(0, 10)
  return {
    resourceType: 'DocumentReference',
    status: 'current',
    type: { coding: [{ system: LOINC, code: '18842-5', display: 'Discharge summary' }] },
    subject: { reference: visit.patient },
    date: isoTime(visit.at),
    author: [{ reference: visit.practitioner }],
    content: [{ attachment: { contentType: 'text/plain', data, title: `Letter of ${day}` } }],
    context: { encounter: [{ reference: visit.encounter }] },
  }
}

const observed = (
  visit: Visit,
  what: Concept & { readonly category: 'vital-signs' | 'laboratory' },
): JsonObject => ({
  resourceType: 'Observation',
  status: 'final',
  category: [coded(`${TERMINOLOGY}/observation-category`, what.category)],
  code: { coding: [{ system: LOINC, ...named(what) }], text: what.display },
  subject: { reference: visit.patient },
  encounter: { reference: visit.encounter },
  effectiveDateTime: isoTime(visit.at),
  performer: [{ reference: visit.practitioner }],
})

/** Written with all its decimals, as a laboratory would: `4.10`. */
function quantity(random: SeededRandom, { low, high, decimals, unit }: Measure): JsonObject {
  const value = numberOf((low + random.unit() * (high - low)).toFixed(decimals))
  return { value, unit, system: 'http://unitsofmeasure.org', code: unit }
}

const later = (at: EpochMs, hours: number): EpochMs => epochMs(at + hours * HOUR_MS)
const named = ({ code, display }: Concept): JsonObject => ({ code, display })
const coded = (system: string, code: string): JsonObject => ({ coding: [{ system, code }] })
const snomed = (what: Concept): JsonObject => ({
  coding: [{ system: 'http://snomed.info/sct', ...named(what) }],
  text: what.display,
})

const TERMINOLOGY = 'http://terminology.hl7.org/CodeSystem'
const ACT_CODE = `${TERMINOLOGY}/v3-ActCode`
const LOINC = 'http://loinc.org'
