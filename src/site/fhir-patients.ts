/**
 * What decisions have to know of a patient: ties, consents, whether it is somebody well known.
 *
 * Surveyed in the patient's own chart and kept by the vault until one of these resources changes:
 * whoever withdraws a consent, or is discharged, finds it so at the next request. Only this site's own
 * records tie people to a patient. A directive that came with a record speaks of what came from there.
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
import { sealedBy, type Survey, type Vault } from '#vault'

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
  const own = resources.filter((resource) => sealedBy(resource) === undefined)
  const records = resources.filter(isPatient)
  const name = patient.kind === 'reference' ? patient.reference : onlyName(own, records)
  if (name === undefined) return { name, relationships: [], directives: [], vip: false }
  return {
    name,
    relationships: own.flatMap((resource) => tiesIn(resource, name)),
    directives: resources.flatMap((resource) => {
      const directive = readConsent(resource, name)
      const from = sealedBy(resource)
      return directive === undefined
        ? []
        : [from === undefined ? directive : { ...directive, from }]
    }),
    vip: records.some((resource) => resourceFacts(resource).vip),
  }
}

/** Whom an identifier means: our own record of the person, or the only one there is. */
function onlyName(own: readonly JsonObject[], records: readonly JsonObject[]): string | undefined {
  const ours = own.filter(isPatient)
  const [only, ...others] = ours.length > 0 ? ours : records
  const id = others.length === 0 && records.length > 0 ? only['id'] : undefined
  return typeof id === 'string' ? `Patient/${id}` : undefined
}

const isPatient = ({ resourceType }: JsonObject): boolean => resourceType === 'Patient'
