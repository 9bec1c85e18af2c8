/**
 * What leaves: every resource that is given out, as its decision obliges.
 *
 * A session of the host is tracked: whatever it permits about a resource is remembered with that
 * resource, and what is served is looked up here. A resource about which nothing was decided is not
 * shown, so that a way out that forgets to ask shows nothing. What was written is shown as if it
 * were read: whoever may change something may not therefore see all of it.
 *
 * Searches are asked with what they compare and sort by: a resource that shows one of these elements
 * masked is not found by it.
 *
 * @module
 */

import { isoTime, type Clock } from '#base'
import type { Obligation } from '#access'
import type { Filter, JsonObject, SearchParameter, SearchQuery } from '#health'
import { hides, shown, type ShownAs } from '#privacy'
import type { Act } from '#audit'
import type { Asked, Opened } from '#vault'
import { askedBy, type Teller } from './context.ts'
import { noteMarks } from './marking.ts'
import { FhirRefusal } from './refusal.ts'
import type { Action, Decision, DecisionFacts, Session } from './session.ts'

/** What showing needs of the host. */
export interface Showing {
  readonly clock: Clock
  /** A name that stands for another in what is shown by pseudonyms; left out, none is shown. */
  readonly pseudonymOf?: ((name: string) => string) | undefined
}

/** The session, whose permissions are remembered with what they are about. */
export function tracked(session: Session, { clock, pseudonymOf = nameless }: Showing): Session {
  const by = { today: isoTime(clock.now()).slice(0, 'YYYY-MM-DD'.length), pseudonymOf }
  const note = (resource: JsonObject, decision: Decision): void => {
    if (!decision.permit) return
    noteMarks(resource, decision)
    const as = shownAs(decision.obligations ?? [])
    ways.set(resource, { as, show: (served) => shown(served, as, by) })
  }
  const decide = async (facts: DecisionFacts): Promise<Decision> => {
    const decision = await session.decide(facts)
    const { resource, action, type } = facts
    if (resource === undefined || !decision.permit) return decision
    if (WRITING.includes(action)) {
      note(resource, await session.decide({ action: 'read', type, resource }))
      // What the change was permitted by is what is told of it.
      noteMarks(resource, decision)
    } else note(resource, decision)
    return decision
  }
  return { ...session, decide }
}

/** A served resource as it may be shown. @throws FhirRefusal `FHIR_NOT_FOUND` if nobody decided */
export function shownFrom(value: JsonObject, served: JsonObject): JsonObject {
  const way = ways.get(value)
  if (way !== undefined) return way.show(served)
  throw new FhirRefusal('FHIR_NOT_FOUND', 'There is no such resource')
}

/** Whether something that was decided about may be shown at all. */
export const isShown = (value: JsonObject): boolean => ways.has(value)

/** Whether something that may be shown is shown as it is. */
export function isWhole(value: JsonObject): boolean {
  const as = ways.get(value)?.as
  return as !== undefined && as.masked.size === 0 && as.form === undefined
}

/** Whether something may be found; noted for the events of the call. */
export type Finding = (found: Pick<Opened, 'type' | 'value' | 'holders'>) => Promise<boolean>

/** How the vault is asked for a search: neither what is hidden, nor what only a masked element finds. */
export async function askedForSearch(
  call: Teller,
  query: Pick<SearchQuery, 'types' | 'filters' | 'sort'>,
  act: Act,
  text?: string,
): Promise<Asked & { readonly judge: Finding }> {
  const { session } = call
  const elements = elementsIn(query)
  for (const type of elements.keys()) {
    if (type === ANY_TYPE) continue
    const decision = await session.decide({ action: 'search', type })
    if (decision.permit && isHidden(elements, type, decision)) {
      const message = `Elements of ${type} that are shown masked cannot be searched or sorted by`
      throw new FhirRefusal('FHIR_FORBIDDEN', message)
    }
  }
  return {
    ...askedBy(call, 'search', act, text),
    judge: async ({ type, value, holders }) => {
      const decision = await session.decide({ action: 'search', type, resource: value })
      call.log.marking.note(value, holders)
      return decision.permit && !isHidden(elements, type, decision)
    },
  }
}

type Elements = ReadonlyMap<string, ReadonlySet<string>>

function isHidden(
  elements: Elements,
  type: string,
  { obligations = [] }: Extract<Decision, { readonly permit: true }>,
): boolean {
  if (obligations.length === 0) return false
  const as = shownAs(obligations)
  return [type, ANY_TYPE].some((key) =>
    (elements.get(key) ?? new Set()).values().some((element) => hides(as, element)),
  )
}

/** Which elements of which types a query compares or sorts by. */
function elementsIn({ types, filters, sort }: Parameters<typeof askedForSearch>[1]): Elements {
  const found = new Map<string, Set<string>>()
  const add = (of: readonly string[], parameter: SearchParameter): void => {
    for (const type of of.length === 0 ? [ANY_TYPE] : of) {
      const known = found.get(type) ?? new Set()
      found.set(type, known)
      for (const element of parameter.elements) known.add(element)
    }
  }
  const visit = (of: readonly string[], filter: Filter): void => {
    if ('parameter' in filter && filter.kind !== 'has') add(of, filter.parameter)
    if (filter.kind === 'has') {
      add([filter.type], filter.parameter)
      visit([filter.type], filter.filter)
    }
    if (filter.kind === 'chain') {
      for (const branch of filter.branches) visit([branch.type], branch.filter)
    }
  }
  for (const filter of filters) visit(types, filter)
  for (const { by } of sort) if (typeof by !== 'string') add(types, by)
  return found
}

function shownAs(obligations: readonly Obligation[]): ShownAs {
  const masked = obligations.flatMap((one) => (one.kind === 'mask' ? one.elements : []))
  const form = obligations.find((one) => one.kind === 'form')?.form
  const labels = obligations.flatMap((one) =>
    one.kind === 'refrain'
      ? [{ system: ACT_CODE, code: one.code }]
      : one.kind === 'banner'
        ? [{ system: ACT_REASON, code: 'BTG' }]
        : [],
  )
  return { masked: new Set(masked), form, labels }
}

interface Way {
  readonly as: ShownAs
  readonly show: (served: JsonObject) => JsonObject
}

/** How what was decided about may be shown. By identity: what is opened is one request's alone. */
const ways = new WeakMap<JsonObject, Way>()
const nameless = (): string => '…'
const WRITING: readonly Action[] = ['create', 'update', 'delete']
const ANY_TYPE = '*'
const ACT_CODE = 'http://terminology.hl7.org/CodeSystem/v3-ActCode'
const ACT_REASON = 'http://terminology.hl7.org/CodeSystem/v3-ActReason'
