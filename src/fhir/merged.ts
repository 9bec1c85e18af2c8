/**
 * Searches about a patient into whose record others were merged find what is written under each.
 *
 * A look at the index tells whether a patient's record is linked to others at all, which it rarely
 * is; only then the record is read, as the session, and what it replaces is searched for as well.
 *
 * @module
 */

import type { Filter, Operand, SearchQuery } from '#health'
import { askedBy, type Call } from './context.ts'
import { linksOf } from './links.ts'

/** The query as it has to be asked. */
export async function withMerged(call: Call, query: SearchQuery): Promise<SearchQuery> {
  const filters: Filter[] = []
  for (const filter of query.filters) filters.push(await widened(call, filter))
  return { ...query, filters }
}

async function widened(call: Call, filter: Filter): Promise<Filter> {
  if (filter.kind === 'compartment') {
    const more = await replacedBy(call, filter.references.flatMap(patientIn))
    return { ...filter, references: [...filter.references, ...more] }
  }
  if (filter.kind !== 'parameter' || filter.parameter.type !== 'reference') return filter
  const ids = filter.anyOf.flatMap(patientAsked)
  if (ids.length === 0) return filter
  const more = (await replacedBy(call, ids)).map((reference): Operand => {
    return { kind: 'reference', reference }
  })
  return more.length === 0 ? filter : { ...filter, anyOf: [...filter.anyOf, ...more] }
}

/** References of the records that these replace, and of those that they do. */
async function replacedBy(call: Call, ids: readonly string[]): Promise<readonly string[]> {
  const { vault } = call.options
  const found = new Set<string>()
  const waiting = [...ids]
  for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
    const name = { type: 'Patient', id }
    if ((await vault.referencesIndexed(name, 'link')).length === 0) continue
    const patient = await vault.consult(name, askedBy(call, 'search', 'find'))
    if (patient === undefined || patient.isGone) continue
    for (const replaced of linksOf(patient.value, 'replaces')) {
      if (found.has(`Patient/${replaced}`) || found.size === REPLACED_MAX) continue
      found.add(`Patient/${replaced}`)
      waiting.push(replaced)
    }
  }
  return [...found]
}

/** Ids of the patients here whose records replace one that another site sealed, if they may be seen. */
export async function replacing(call: Call, id: string): Promise<readonly string[]> {
  const { vault } = call.options
  const found: string[] = []
  for (const linked of await vault.patientsLinkedTo(id)) {
    const name = { type: 'Patient', id: linked }
    const patient = await vault.consult(name, askedBy(call, 'search', 'match'))
    if (patient === undefined || patient.isGone) continue
    if (linksOf(patient.value, 'replaces').includes(id)) found.push(linked)
  }
  return found
}

/** The patient that an operand means. */
function patientAsked(operand: Operand): readonly string[] {
  if (operand.kind === 'reference') return patientIn(operand.reference)
  if (operand.kind !== 'target-id') return []
  const { id, targets } = operand
  return targets.length === 0 || targets.includes('Patient') ? [id] : []
}

const patientIn = (reference: string): readonly string[] =>
  reference.startsWith('Patient/') ? [reference.slice('Patient/'.length)] : []

/** Records that one may replace, those it replaces indirectly included. */
const REPLACED_MAX = 32
