/**
 * History of one resource, of a type, of the whole server: Bundles of versions, newest first.
 *
 * A page gives a link to the next. There is no total: it would count what the caller may not see,
 * or cost the opening of everything.
 *
 * @see FHIR R4 §3.1.0.14
 * @module
 */

import { epochMs, isUuid, isoTime, uuid, type EpochMs } from '#base'
import type { Interval, JsonObject } from '#health'
import type { Opened, PastPlace } from '#vault'
import { askedBy, checkAllowed, type Answer, type Call } from './context.ts'
import { nameIn } from './reading.ts'
import { invalidRequest, notFound } from './refusal.ts'
import { etagOf, servedResource } from './resources.ts'
import { partIn, subsetOf, type Part } from './subset.ts'
import { timeIn } from './times.ts'

/** `GET [type]/[id]/_history`. */
export async function instanceHistory(call: Call): Promise<Answer> {
  const { options, request } = call
  const name = nameIn(call)
  await checkAllowed(call, 'history', name.type)
  const page = request.query.get('_page')
  if (page !== null && !/^[1-9][0-9]{0,8}$/.test(page)) throw pageInvalid()
  const part = partIn({ ...call, query: request.query })
  const query = { ...wantedIn(call), ...(page !== null && { before: Number(page) }) }
  const found = await options.vault.instancePast(name, query, asked(call))
  if (found === undefined) throw notFound()
  return bundle(call, { ...found, next: found.next?.toString(), part })
}

/** `GET [type]/_history` and `GET _history`. */
export async function history(call: Call): Promise<Answer> {
  const { options, request, type } = call
  await checkAllowed(call, 'history', type)
  const page = request.query.get('_page')
  const part = partIn({ ...call, query: request.query })
  const query = {
    ...wantedIn(call),
    ...(type !== undefined && { type }),
    ...(page !== null && { after: placeIn(page) }),
  }
  const { versions, next } = await options.vault.past(query, asked(call))
  return bundle(call, { versions, next: next && `${next.rank}.${next.group}.${next.place}`, part })
}

const asked = (call: Call) => askedBy(call, 'history', 'past')

interface Page {
  readonly versions: readonly Opened[]
  /** For the link to the next page. */
  readonly next: string | undefined
  readonly part: Part
}

function bundle(call: Call, { versions, next, part }: Page): Answer {
  const { base, type, id, options, request } = call
  const path = [type, id].filter((segment) => segment !== undefined).join('/')
  const url = (more: readonly (readonly [string, string])[]): string => {
    const asked = [...request.query].filter(([name]) => !BESIDE.includes(name))
    const query = new URLSearchParams([...asked, ...more].map(([name, value]) => [name, value]))
    return `${base}${path === '' ? '' : '/'}${path}/_history${query.size > 0 ? `?${query.toString()}` : ''}`
  }
  const link: JsonObject[] = [{ relation: 'self', url: url([]) }]
  if (next !== undefined) link.push({ relation: 'next', url: url([['_page', next]]) })
  const entry = versions.map((version) => entryOf(base, version, part))
  const resource = {
    ...{ resourceType: 'Bundle', type: 'history' },
    meta: { lastUpdated: isoTime(options.clock.now()) },
    ...{ link, ...(entry.length > 0 && { entry }) },
  }
  return { status: 200, resource }
}

function entryOf(base: string, opened: Opened, part: Part): JsonObject {
  const { type, id, version, at, isGone } = opened
  const method = isGone ? 'DELETE' : version === 1 ? 'POST' : 'PUT'
  const status = isGone ? '204' : version === 1 ? '201' : '200'
  return {
    fullUrl: `${base}/${type}/${id}`,
    ...(isGone ? {} : { resource: subsetOf(servedResource(opened), part) }),
    request: { method, url: method === 'POST' ? type : `${type}/${id}` },
    response: { status, etag: etagOf(version), lastModified: isoTime(at) },
  }
}

/** Which versions are wanted: `_count`, `_since`, `_at`. */
function wantedIn(call: Pick<Call, 'request'>): {
  readonly limit: number
  readonly since?: EpochMs
  readonly during?: Interval
} {
  const [since, during] = ['_since', '_at'].map((name) =>
    timeIn(name, call.request.query.getAll(name)),
  )
  return {
    limit: countIn(call),
    ...(since && { since: epochMs(Math.max(0, since[0])) }),
    ...(during && { during }),
  }
}

/** Versions of one page. */
function countIn({ request }: Pick<Call, 'request'>): number {
  const count = request.query.get('_count')
  if (count === null) return COUNT
  if (!/^[1-9][0-9]{0,8}$/.test(count)) throw invalidRequest('Expected _count to be 1 or more')
  return Math.min(Number(count), COUNT_MAX)
}

function placeIn(page: string): PastPlace {
  const found = PAGE.exec(page)
  if (found === null || !isUuid(found[2])) throw pageInvalid()
  const [, rank, group, place] = found
  return { rank: Number(rank), group: uuid(group), place: Number(place) }
}

const pageInvalid = () => invalidRequest('Expected _page as a next link of this server gives it')

/** Parameters that links do not repeat. */
const BESIDE: readonly string[] = ['_page', '_format', '_pretty']
const PAGE = /^(\d{1,16})\.([0-9a-f-]{36})\.(\d{1,5})$/
/** Versions in one page, unless said, and at most. */
const COUNT = 50
const COUNT_MAX = 500
