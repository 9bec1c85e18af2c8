/**
 * Search, compartments and `$everything`: Bundles of what a session may find.
 *
 * The vault finds and judges; a hidden resource is not found, not counted, and orders nothing. Pages
 * are links that only whoever got them can follow.
 *
 * @see FHIR R4 §3.1.1 search, §3.1.0.11.3 compartments, Patient-operation-everything
 * @module
 */

import { isoTime, present, textOf } from '#base'
import {
  ALWAYS,
  inPatientCompartment,
  parseSearch,
  referencesOf,
  type Interval,
  type JsonObject,
  type SearchQuery,
} from '#health'
import type { Opened, SearchPage } from '#vault'
import { askedBy, checkAllowed, FHIR_BASE, searchText, type Answer, type Call } from './context.ts'
import { withMerged } from './merged.ts'
import { checkSent } from './negotiation.ts'
import { FhirRefusal, notFound } from './refusal.ts'
import { servedResource } from './resources.ts'
import { askedForSearch } from './showing.ts'
import { PART_PARAMETERS, subsetOf } from './subset.ts'
import { timeIn } from './times.ts'

/** `GET [type]?…`, `POST [type]/_search`, and the same for all types. */
export async function search(call: Call): Promise<Answer> {
  await checkAllowed(call, 'search', call.type)
  return await found(call, queryOf(call, parametersIn(call)))
}

/** `GET Patient/[id]/[type]?…` and `GET Patient/[id]/*?…`. */
export async function searchCompartment(call: Call): Promise<Answer> {
  await checkAllowed(call, 'search', call.type)
  const query = queryOf(call, parametersIn(call))
  const patient = present(call.id, 'the patient of a compartment')
  return await found(call, { ...query, filters: [...query.filters, inPatientCompartment(patient)] })
}

/** `GET Patient/[id]/$everything`: the compartment, and whom and what it names. */
export async function everything(call: Call): Promise<Answer> {
  const { options } = call
  const id = present(call.id, 'the patient of everything')
  await checkAllowed(call, 'read', 'Patient')
  const asked = askedBy(call, 'read', 'all')
  const patient = await options.vault.consult({ type: 'Patient', id }, asked)
  if (patient === undefined) throw notFound()
  if (patient.isGone) throw new FhirRefusal('FHIR_DELETED', 'The resource was deleted')
  const query = everythingQuery(call)
  const filters = [...query.filters, inPatientCompartment(id)]
  const page = await findPage(call, { ...query, filters })
  const named = await namedBy(call, page.matches)
  return bundleOf(call, query, { ...page, included: named })
}

/** `start` and `end` are of care, `_since` is of the record. */
function everythingQuery(call: Call): SearchQuery {
  const parameters = parametersIn(call)
  if (parameters.some(([name]) => !EVERYTHING.includes(name))) {
    const message = `A parameter is not known here; known are ${EVERYTHING.join(', ')}`
    throw new FhirRefusal('FHIR_PARAMETER_UNKNOWN', message)
  }
  const isOwn = ([name]: readonly [string, string]): boolean => !OF_EVERYTHING.includes(name)
  const query = queryOf(call, parameters.filter(isOwn))
  const [since, start, end] = OF_EVERYTHING.map((name) =>
    timeIn(
      name,
      parameters.flatMap(([own, value]) => (own === name ? [value] : [])),
    ),
  )
  const filters = [...query.filters]
  if (start !== undefined || end !== undefined) {
    const range: Interval = [start?.[0] ?? ALWAYS[0], end?.[1] ?? ALWAYS[1]]
    filters.push({ kind: 'dated', range })
  }
  if (since !== undefined) {
    const operand = { kind: 'date', prefix: 'ge', range: [since[0], since[0]] } as const
    filters.push({ kind: 'updated', anyOf: [operand] })
  }
  return { ...query, filters, understood: parameters.filter(([name]) => name !== '_page') }
}

async function found(call: Call, query: SearchQuery): Promise<Answer> {
  return bundleOf(call, query, await findPage(call, query))
}

/** A page of what a query finds for the session. */
export async function findPage(call: Call, query: SearchQuery): Promise<SearchPage> {
  const { options } = call
  const asked = await askedForSearch(call, query, 'find', searchText(call))
  return await options.vault.search(await withMerged(call, query), asked)
}

/** What resources name that belongs to no patient: people, places, organisations. */
export async function namedBy(call: Call, matches: readonly Opened[]) {
  const known = new Set(matches.map(({ type, id }) => `${type}/${id}`))
  const named = new Set(matches.flatMap(({ value }) => referencesOf(value)))
  const included: Opened[] = []
  for (const reference of named) {
    const [type, id] = reference.split('/')
    if (known.has(reference) || !NAMED.includes(type)) continue
    const opened = await call.options.vault.consult({ type, id }, askedBy(call, 'read', 'all'))
    if (opened !== undefined && !opened.isGone) included.push(opened)
  }
  return included
}

type Parameters = readonly (readonly [name: string, value: string])[]

/** Parameters of the query, and of the form of a `_search`. */
export function parametersIn({ request }: Call): Parameters {
  const isForm = request.method === 'POST' && request.body.length > 0
  if (isForm) checkSent(request.contentType, [FORM])
  if (request.body.length > FORM_OCTETS_MAX) {
    throw new FhirRefusal('FHIR_TOO_LARGE', `Expected a form of at most ${FORM_OCTETS_MAX} octets`)
  }
  const form = isForm ? new URLSearchParams(textOf(request.body)) : []
  return [...request.query, ...form].filter(([name]) => !FORMAT.includes(name))
}

/** A search as it was asked. @throws HealthRefusal */
export const queryOf = ({ options, base, type }: Call, parameters: Parameters): SearchQuery =>
  parseSearch({ type, parameters, now: options.clock.now(), bases: [base] })

function bundleOf(
  call: Call,
  query: SearchQuery,
  { matches, included, total, next }: SearchPage,
): Answer {
  const { base } = call
  const entry = [
    ...matches.map((match) => entryOf(base, match, 'match', query)),
    ...included.map((one) => entryOf(base, one, 'include', query)),
  ]
  return searchset(call, query, { entry, next, ...(query.total !== 'none' && { total }) })
}

/** A page of a search as its answer. */
export function searchset(
  { base, request, options }: Call,
  query: SearchQuery,
  page: {
    readonly entry: readonly JsonObject[]
    readonly total?: number
    readonly next: string | undefined
  },
): Answer {
  const { entry, total, next } = page
  const below = request.path.slice(FHIR_BASE.length).replace(/\/_search$/, '')
  const url = (more: readonly (readonly [string, string])[]): string => {
    const asked = [...query.understood, ...more].map(([name, value]) => [name, value])
    return asked.length === 0
      ? base + below
      : `${base}${below}?${new URLSearchParams(asked).toString()}`
  }
  const link = [{ relation: 'self', url: url([]) }]
  if (next !== undefined) link.push({ relation: 'next', url: url([['_page', next]]) })
  const resource = {
    ...{ resourceType: 'Bundle', type: 'searchset' },
    meta: { lastUpdated: isoTime(options.clock.now()) },
    ...(total !== undefined && { total }),
    ...{ link, ...(entry.length > 0 && { entry: [...entry] }) },
  }
  return { status: 200, resource }
}

const entryOf = (
  base: string,
  opened: Opened,
  mode: 'match' | 'include',
  query: SearchQuery,
): JsonObject => ({
  fullUrl: `${base}/${opened.type}/${opened.id}`,
  resource: subsetOf(servedResource(opened), query),
  search: { mode },
})

const OF_EVERYTHING: readonly string[] = ['_since', 'start', 'end']
const EVERYTHING: readonly string[] = [
  ...OF_EVERYTHING,
  '_type',
  '_count',
  '_page',
  ...PART_PARAMETERS,
]
/** What a record names beside itself, and what belongs to nobody. */
const NAMED: readonly string[] = [
  ...['Practitioner', 'PractitionerRole', 'Organization', 'Location', 'HealthcareService'],
  ...['Medication', 'Endpoint'],
]
const FORM = 'application/x-www-form-urlencoded'
const FORM_OCTETS_MAX = 64 * 1024
const FORMAT: readonly string[] = ['_format', '_pretty']
