/**
 * Consents that patients give here, as FHIR R4, and any Consent in words.
 *
 * Pure. What a Consent means in the end, the site's decision says, which reads all of it.
 *
 * @module
 */

import { calledBy, type Chart } from './chart-model.ts'
import { conceptText, fieldsIn, fieldsOf, textIn, type Resource } from './fhir.ts'

export interface ConsentWish {
  /** Research; leaving this site; one member of the staff. */
  readonly about: 'research' | 'elsewhere' | 'person'
  readonly says: 'permit' | 'deny'
  /** `Practitioner/id`, for `person`. */
  readonly who: string
}

/** The Consent of a wish. */
export function consentFor(patient: string, wish: ConsentWish, at: Date): Resource {
  const { about, says, who } = wish
  const told = {
    research: { purpose: [{ system: `${TERMS}/v3-ActReason`, code: 'HRESCH' }] },
    elsewhere: { action: [{ coding: [{ system: `${TERMS}/consentaction`, code: 'disclose' }] }] },
    person: {
      actor: [
        {
          role: { coding: [{ system: `${TERMS}/v3-ParticipationType`, code: 'IRCP' }] },
          reference: { reference: who },
        },
      ],
    },
  }[about]
  return {
    ...{ resourceType: 'Consent', status: 'active', dateTime: at.toISOString() },
    scope: { coding: [{ system: `${TERMS}/consentscope`, code: 'patient-privacy' }] },
    category: [{ coding: [{ system: 'http://loinc.org', code: '59284-0' }] }],
    patient: { reference: `Patient/${patient}` },
    policyRule: {
      coding: [{ system: `${TERMS}/v3-ActCode`, code: says === 'permit' ? 'OPTIN' : 'OPTOUT' }],
    },
    provision: { type: says, ...told },
  }
}

/** Words for what a Consent says. */
export interface ConsentTexts {
  readonly permit: string
  readonly deny: string
  readonly abouts: Readonly<Record<ConsentWish['about'], string>>
  readonly other: string
}

/** What a Consent says, in short; what is not one of ours by its purposes and people. */
export function consentWords(
  { provision, policyRule }: Resource,
  names: Chart['names'],
  words: ConsentTexts,
): string {
  const root = fieldsOf(provision)
  const says = textIn(root['type']) ?? (conceptText(policyRule) === 'OPTIN' ? 'permit' : 'deny')
  const people = fieldsIn(root['actor']).flatMap(
    ({ reference }) => calledBy(names, reference) ?? [],
  )
  const purposes = fieldsIn(root['purpose']).flatMap((one) => textIn(one['code']) ?? [])
  const actions = fieldsIn(root['action']).flatMap((one) => conceptText(one) ?? [])
  const abouts = [
    ...purposes.map((code) => (code === 'HRESCH' ? words.abouts.research : code)),
    ...actions.map((code) => (code === 'disclose' ? words.abouts.elsewhere : code)),
    ...people,
    ...(root['provision'] === undefined ? [] : [words.other]),
  ]
  const about = abouts.length === 0 ? words.other : abouts.join(', ')
  return `${says === 'permit' ? words.permit : words.deny}: ${about}`
}

const TERMS = 'http://terminology.hl7.org/CodeSystem'
