/**
 * What decisions have to know of a patient: ties, consents, whether it is somebody well known.
 *
 * Surveyed in the patient's own chart and kept by the vault until one of these resources changes:
 * whoever withdraws a consent, or is discharged, finds it so at the next request. Consents and ties
 * of records from other sites do not count: their references name other people than ours.
 *
 * @module
 */

import type { Clock } from '#base'
import {
  readConsent,
  resourceFacts,
  tiesIn,
  TIE_SEARCHES,
  type Directive,
  type Relationship,
} from '#access'
import { parseSearch, type JsonObject, type Subject } from '#health'
import type { Survey, Vault } from '#vault'

/** One patient, as decisions need it. */
export interface PatientFacts {
  /** `Patient/id`, or undefined for an identifier that leads to no one patient here. */
  readonly name: string | undefined
  readonly relationships: readonly Relationship[]
  readonly directives: readonly Directive[]
  readonly vip: boolean
}

/** The facts of all patients of a vault. */
export function patientsOf(vault: Pick<Vault, 'survey'>, clock: Clock): Survey<PatientFacts> {
  const searches = [...TIE_SEARCHES, ['Consent', [['status', 'active']]] as const]
  const queries = searches.map(([type, parameters]) =>
    parseSearch({ type, parameters, now: clock.now(), bases: [] }),
  )
  return vault.survey({ queries, derive: factsOf })
}

function factsOf(resources: readonly JsonObject[], patient: Subject): PatientFacts {
  const own = resources.filter(({ resourceType }) => resourceType === 'Patient')
  const [only, ...others] = own.flatMap(({ id }) => (typeof id === 'string' ? [id] : []))
  const found = others.length === 0 && own.length > 0 ? `Patient/${only}` : undefined
  const name = patient.kind === 'reference' ? patient.reference : found
  if (name === undefined) return { name, relationships: [], directives: [], vip: false }
  return {
    name,
    relationships: resources.flatMap((resource) => tiesIn(resource, name)),
    directives: resources.flatMap((resource) => readConsent(resource, name) ?? []),
    vip: own.some((resource) => resourceFacts(resource).vip),
  }
}
