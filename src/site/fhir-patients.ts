/**
 * What decisions have to know of a patient: ties, consents, whether it is somebody well known.
 *
 * Surveyed in the patient's own chart and kept by the vault until one of these resources changes:
 * whoever withdraws a consent, or is discharged, finds it so at the next request. Only this site's own
 * records tie people to a patient. A directive that came with a record speaks of what came from there.
 *
 * Records that were merged are one patient's: whoever is tied to one is tied to all, and what the
 * patient directed in one holds in all, until they are two again.
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
import { mergedWith } from '#fhir'
import { parseSearch, type JsonObject, type Subject } from '#health'
import { sealedBy, type Survey, type Vault } from '#vault'

/** One patient, as decisions need it. */
export interface PatientFacts {
  /** `Patient/id`, or undefined for an identifier that leads to no one patient here. */
  readonly name: string | undefined
  /** All names of the patient: `name`, and those of records that were merged with it. */
  readonly names: readonly string[]
  readonly relationships: readonly Relationship[]
  readonly directives: readonly Directive[]
  readonly vip: boolean
}

/** The facts of all patients of a vault. */
export function patientsOf(
  vault: Pick<Vault, 'survey' | 'patientsLinkedTo'>,
  clock: Clock,
): Survey<PatientFacts> {
  const searches = [...TIE_SEARCHES, ['Consent', [['status', 'active']]] as const]
  const queries = searches.map(([type, parameters]) =>
    parseSearch({ type, parameters, now: clock.now(), bases: [] }),
  )
  const each = vault.survey({ queries, derive: factsOf })
  const wholes = new WeakMap<RecordFacts, Whole>()
  return {
    of: async (patient) => {
      const parts = await recordsOf({ each, vault }, patient)
      const [first] = parts
      if (parts.length === 1) return first
      // The same while none of its parts changes: decisions are kept by it.
      const known = wholes.get(first)
      const isSame =
        known?.parts.length === parts.length && known.parts.every((one, at) => one === parts[at])
      if (known !== undefined && isSame) return known.facts
      const facts = togetherOf(parts)
      wholes.set(first, { parts, facts })
      return facts
    },
  }
}

/** What one record says of its patient. */
interface RecordFacts extends PatientFacts {
  /** Names of the records that this one says it was merged with. */
  readonly merged: readonly string[]
}

interface Whole {
  readonly parts: readonly RecordFacts[]
  readonly facts: PatientFacts
}

/** The facts of a patient's record, and of those that it was merged with, however often. */
async function recordsOf(
  {
    each,
    vault,
  }: {
    readonly each: Survey<RecordFacts>
    readonly vault: Pick<Vault, 'patientsLinkedTo'>
  },
  patient: Subject,
): Promise<readonly RecordFacts[]> {
  const first = await each.of(patient)
  const parts = [first]
  const seen = new Set(first.names)
  for (const { name, merged } of parts) {
    const abroad = name === undefined ? [] : await vault.patientsLinkedTo(name.split('/')[1])
    const linked = abroad.map((id) => `Patient/${id}`)
    for (const other of [...merged, ...linked]) {
      if (seen.has(other) || parts.length === RECORDS_MAX) continue
      const part = await each.of({ kind: 'reference', reference: other })
      // Records may be linked without being one.
      if (!merged.includes(other) && !part.merged.includes(name ?? '')) continue
      seen.add(other)
      parts.push(part)
    }
  }
  return parts
}

function togetherOf(parts: readonly RecordFacts[]): PatientFacts {
  const [{ name }] = parts
  const names = [...new Set(parts.flatMap((part) => part.names))]
  if (name === undefined) return { name, names, relationships: [], directives: [], vip: false }
  return {
    ...{ name, names },
    relationships: parts.flatMap(({ relationships }) =>
      relationships.map((tie) => ({ ...tie, patient: name })),
    ),
    directives: parts.flatMap(({ directives }) =>
      directives.map((directive) => ({ ...directive, patient: name })),
    ),
    vip: parts.some(({ vip }) => vip),
  }
}

function factsOf(resources: readonly JsonObject[], patient: Subject): RecordFacts {
  const own = resources.filter((resource) => sealedBy(resource) === undefined)
  const records = resources.filter(isPatient)
  const name = patient.kind === 'reference' ? patient.reference : onlyName(own, records)
  if (name === undefined) {
    return { name, names: [], merged: [], relationships: [], directives: [], vip: false }
  }
  const self = records.filter(({ id }) => typeof id === 'string' && name === `Patient/${id}`)
  return {
    ...{ name, names: [name] },
    merged: self.flatMap(mergedWith).map((id) => `Patient/${id}`),
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

/** Records of one patient that are taken together. */
const RECORDS_MAX = 32
const isPatient = ({ resourceType }: JsonObject): boolean => resourceType === 'Patient'
