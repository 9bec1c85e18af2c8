/**
 * Events of accesses over FHIR: AuditEvents of this site's own log, to search and to read.
 *
 * `GET AuditEvent?…` finds what the log says of accesses, newest first, and nothing else; what other
 * systems file as AuditEvents are records, found by `Patient/[id]/AuditEvent`. Nothing here writes.
 * Each event is decided about like any resource, as something about whom it names as its patient, and
 * looking is an access itself. An event that is given out is the one that its entry in the log binds.
 *
 * Does not look for ever: where few events match, a page may be short, and its link goes on.
 *
 * @see FHIR R4 AuditEvent; IHE ITI-81 (ATNA, retrieve ATNA audit event)
 * @module
 */

import { epochMs, isoTime } from '#base'
import { eventOfParts } from '#audit'
import {
  fulfils,
  indexValuesOf,
  isObject,
  type Filter,
  type Interval,
  type JsonObject,
  type SearchQuery,
} from '#health'
import type { TrailEvent, TrailPage, TrailQuery } from '#vault'
import { checkAllowed, searchText, toldBy, type Answer, type Call } from './context.ts'
import { versionHeaders } from './reading.ts'
import { FhirRefusal, notFound } from './refusal.ts'
import { parametersIn, queryOf, searchset } from './searching.ts'
import { askedForSearch, shownFrom, type Finding } from './showing.ts'
import { partIn, subsetOf } from './subset.ts'

/** `GET AuditEvent?…`; undefined for a search of another type. */
export async function searchEvents(call: Call): Promise<Answer | undefined> {
  if (call.type !== TYPE) return undefined
  await checkAllowed(call, 'search', TYPE)
  const query = queryOf(call, parametersIn(call))
  checkSimple(query)
  // Before anything is looked up: what is shown masked finds nothing.
  const { judge } = await askedForSearch(call, query, 'find')
  const wanted = await wantedBy(call, query)
  const { found, next } = await pageOf(call, wanted, judge)
  const entry = found.map(({ shown, id }) => ({
    fullUrl: `${call.base}/${TYPE}/${id}`,
    resource: subsetOf(shown, query),
    search: { mode: 'match' },
  }))
  return searchset(call, query, { entry, next: next?.toString() })
}

/** `GET AuditEvent/log-[index]`; undefined for what is not of the log. */
export async function readEvent(call: Call): Promise<Answer | undefined> {
  const index = call.type === TYPE ? OWN_ID.exec(call.id ?? '')?.[1] : undefined
  if (index === undefined) return undefined
  await checkAllowed(call, 'read', TYPE)
  const part = partIn({ ...call, query: call.request.query })
  const { events } = await eventsOf(call, { index: Number(index), limit: 1 }, 'open')
  const event = events.at(0)
  if (event === undefined) throw notFound()
  const about = decidedAs(event)
  const { permit } = await call.session.decide({ action: 'read', type: TYPE, resource: about })
  if (!permit) {
    call.log.isTold = false
    throw notFound()
  }
  const resource = subsetOf(shownFrom(about, servedEvent(event)), part)
  return { status: 200, headers: versionHeaders({ version: 1, at: event.at }), resource }
}

/** What stands in the log is written by nobody. @throws FhirRefusal `FHIR_METHOD_WRONG` */
export function checkNotLogged({ resourceType, id }: JsonObject): void {
  if (resourceType !== TYPE || typeof id !== 'string' || !OWN_ID.test(id)) return
  throw new FhirRefusal('FHIR_METHOD_WRONG', 'Events of the log of this site are read alone')
}

/** What is looked for in the log, and what is then held against each event. */
interface Wanted {
  readonly query: Omit<TrailQuery, 'limit'> | undefined
  /** The reference by which the patient was asked for. */
  readonly patient: string | undefined
  readonly filters: readonly Filter[]
  readonly count: number
}

async function wantedBy(call: Call, query: SearchQuery): Promise<Wanted> {
  const { vault } = call.options
  const patients = query.filters.flatMap((filter) => patientIn(filter) ?? [])
  const [patient] = patients
  const isOne = new Set(patients).size === 1
  // Found by its tag, so that events count which name the patient by our own id.
  const filters = isOne
    ? query.filters.filter((one) => patientIn(one) === undefined)
    : query.filters
  const holder = isOne ? await vault.patientNamed(patient) : undefined
  const about = { filters, patient: isOne ? patient : undefined, count: query.count ?? COUNT }
  if (isOne && holder === undefined) return { ...about, query: undefined }
  const before = query.page === undefined ? undefined : placeIn(query.page)
  return { ...about, query: { patient: holder, before, ...spanOf(query.filters) } }
}

async function pageOf(call: Call, wanted: Wanted, judge: Finding) {
  const { query, filters, patient, count } = wanted
  // Whoever is not known here: that somebody asked is told all the same.
  if (query === undefined) {
    await eventsOf(call, { before: 0, limit: 1 }, 'find')
    return { found: [], next: undefined }
  }
  const found: { readonly id: string; readonly shown: JsonObject }[] = []
  let { before } = query
  for (let looks = 0; looks < LOOKS_MAX; looks++) {
    const limit = filters.length === 0 ? Math.min(count, LOOK) : LOOK
    const { events, next } = await eventsOf(call, { ...query, before, limit }, 'find')
    for (const event of events) {
      const served = servedEvent(event)
      if (!isFitting(filters, event, served)) continue
      const about = decidedAs(event, patient)
      if (!(await judge({ type: TYPE, value: about, holders: [] }))) continue
      found.push({ id: idOf(event), shown: shownFrom(about, served) })
      if (found.length === count) return { found, next: nextAfter(event, events, next) }
    }
    before = next
    if (next === undefined) break
  }
  return { found, next: before }
}

/** Where a page goes on that is full with this event. */
const nextAfter = (
  { index }: TrailEvent,
  events: readonly TrailEvent[],
  next: number | undefined,
): number | undefined => (events.at(-1)?.index === index && next === undefined ? undefined : index)

const eventsOf = (call: Call, query: TrailQuery, act: 'find' | 'open'): Promise<TrailPage> => {
  const { account } = call.session
  const text = act === 'find' ? searchText(call) : undefined
  call.log.isTold = true
  return call.options.vault.events(query, { actor: account.actor, act, told: toldBy(call, text) })
}

/** An event as it is served. What the log binds is this without `id` and the server's own `meta`. */
function servedEvent(event: TrailEvent): JsonObject {
  const { general, particular, at } = event
  const { resourceType, meta, ...rest } = eventOfParts(general.text, particular?.text) as JsonObject
  const own = { versionId: '1', lastUpdated: isoTime(at) }
  return { resourceType, id: idOf(event), meta: { ...own, ...(isObject(meta) && meta) }, ...rest }
}

/**
 * An event as decisions see it: about its patient, and not about whoever took part and is a patient
 * elsewhere, such as a proxy.
 */
function decidedAs(event: TrailEvent, patient?: string): JsonObject {
  const named = event.about?.patient
  const what = patient === undefined ? named : { reference: patient }
  const isPersonal = what !== undefined || event.holder !== undefined
  const unknown = { identifier: { value: event.holder ?? '' } }
  return {
    ...{ resourceType: TYPE, id: idOf(event), recorded: isoTime(event.at) },
    ...(isPersonal && { entity: [{ what: { type: 'Patient', ...(what ?? unknown) } }] }),
  }
}

const idOf = ({ index }: Pick<TrailEvent, 'index'>): string => `log-${index}`

const isFitting = (filters: readonly Filter[], event: TrailEvent, value: JsonObject): boolean => {
  if (filters.length === 0) return true
  const entry = { type: TYPE, id: idOf(event), lastUpdated: event.at, values: indexValuesOf(value) }
  return filters.every((filter) => fulfils(entry, filter, NOTHING))
}

/** The patient that a condition asks for, if it asks for one. */
function patientIn(filter: Filter): string | undefined {
  if (filter.kind !== 'parameter' || filter.parameter.code !== 'patient') return undefined
  const [operand, ...others] = filter.anyOf
  if (others.length > 0 || filter.modifier !== undefined) return undefined
  if (operand.kind === 'target-id') return `Patient/${operand.id}`
  return operand.kind === 'reference' ? operand.reference : undefined
}

/** The time that conditions leave, as far as single ones bound it. */
function spanOf(filters: readonly Filter[]): Pick<TrailQuery, 'since' | 'until'> {
  let [low, high]: Interval = [0, Number.MAX_SAFE_INTEGER]
  for (const filter of filters) {
    if (filter.kind !== 'parameter' || filter.parameter.code !== 'date') continue
    const [operand, ...others] = filter.anyOf
    if (operand.kind !== 'date' || others.length > 0) continue
    const { prefix, range } = operand
    if (FROM.includes(prefix)) low = Math.max(low, range[0])
    if (UPTO.includes(prefix)) high = Math.min(high, range[1])
  }
  return {
    ...(low > 0 && { since: epochMs(Math.floor(low)) }),
    ...(high < Number.MAX_SAFE_INTEGER && { until: epochMs(Math.max(0, Math.ceil(high))) }),
  }
}

/** @throws FhirRefusal `FHIR_PARAMETER_UNKNOWN` for what the log is not searched by */
function checkSimple(query: SearchQuery): void {
  const { filters, includes, revIncludes, sort, count, summary } = query
  const isCounted = count === 0 || summary === 'count'
  const isChained = filters.some(({ kind }) => kind === 'chain' || kind === 'has')
  const isSorted = sort.some(({ by, descending }) => {
    return !descending || typeof by === 'string' || by.code !== 'date'
  })
  if (!isCounted && !isChained && !isSorted && includes.length + revIncludes.length === 0) return
  const message =
    'Events of the log are found newest first, without chains, includes, _has or counts'
  throw new FhirRefusal('FHIR_PARAMETER_UNKNOWN', message)
}

function placeIn(page: string): number {
  if (/^\d{1,15}$/.test(page)) return Number(page)
  throw new FhirRefusal('FHIR_REQUEST_INVALID', 'Expected _page as a link of this server has it')
}

const TYPE = 'AuditEvent'
const OWN_ID = /^log-(\d{1,15})$/
const FROM: readonly string[] = ['eq', 'ge', 'gt', 'sa']
const UPTO: readonly string[] = ['eq', 'le', 'lt', 'eb']
/** Events of one page, unless said. */
const COUNT = 50
/** Events that are looked at with one question to the log, and questions for one page. */
const LOOK = 200
const LOOKS_MAX = 10
const NOTHING = new Map<never, never>()
