/**
 * History of one resource, of a type, of the whole server: Bundles of versions, newest first.
 *
 * A page gives a link to the next. There is no total: it would count what the caller may not see,
 * or cost the opening of everything.
 *
 * @see FHIR R4 §3.1.0.14
 * @module
 */

import { isUuid, isoTime, uuid } from '#base'
import type { JsonObject } from '#health'
import type { Opened, PastPlace } from '#vault'
import { askedBy, checkAllowed, type Answer, type Call } from './context.ts'
import { nameIn } from './reading.ts'
import { invalidRequest, notFound } from './refusal.ts'
import { etagOf, servedResource } from './resources.ts'

/** `GET [type]/[id]/_history`. */
export async function instanceHistory(call: Call): Promise<Answer> {
  const { options, session, request } = call
  const name = nameIn(call)
  await checkAllowed(call, 'history', name.type)
  const page = request.query.get('_page')
  if (page !== null && !/^[1-9][0-9]{0,8}$/.test(page)) throw pageInvalid()
  const query = { limit: countIn(call), ...(page !== null && { before: Number(page) }) }
  const found = await options.vault.instancePast(name, query, asked(session))
  if (found === undefined) throw notFound()
  return bundle(call, found.versions, found.next?.toString())
}

/** `GET [type]/_history` and `GET _history`. */
export async function history(call: Call): Promise<Answer> {
  const { options, session, request, type } = call
  await checkAllowed(call, 'history', type)
  const page = request.query.get('_page')
  const query = {
    limit: countIn(call),
    ...(type !== undefined && { type }),
    ...(page !== null && { after: placeIn(page) }),
  }
  const { versions, next } = await options.vault.past(query, asked(session))
  return bundle(call, versions, next && `${next.rank}.${next.group}.${next.place}`)
}

const asked = (session: Call['session']) => askedBy(session, 'history', 'past')

function bundle(call: Call, versions: readonly Opened[], next: string | undefined): Answer {
  const { base, type, id, options } = call
  const path = [type, id].filter((part) => part !== undefined).join('/')
  const self = `${base}${path === '' ? '' : '/'}${path}/_history`
  const link: JsonObject[] = [{ relation: 'self', url: self }]
  if (next !== undefined) {
    const url = `${self}?_count=${countIn(call)}&_page=${next}`
    link.push({ relation: 'next', url })
  }
  const entry = versions.map((version) => entryOf(base, version))
  const resource = {
    ...{ resourceType: 'Bundle', type: 'history' },
    meta: { lastUpdated: isoTime(options.clock.now()) },
    ...{ link, ...(entry.length > 0 && { entry }) },
  }
  return { status: 200, resource }
}

function entryOf(base: string, opened: Opened): JsonObject {
  const { type, id, version, at, isGone } = opened
  const method = isGone ? 'DELETE' : version === 1 ? 'POST' : 'PUT'
  const status = isGone ? '204' : version === 1 ? '201' : '200'
  return {
    fullUrl: `${base}/${type}/${id}`,
    ...(isGone ? {} : { resource: servedResource(opened) }),
    request: { method, url: method === 'POST' ? type : `${type}/${id}` },
    response: { status, etag: etagOf(version), lastModified: isoTime(at) },
  }
}

/** Versions of one page. */
function countIn({ request }: Call): number {
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

const PAGE = /^(\d{1,16})\.([0-9a-f-]{36})\.(\d{1,5})$/
/** Versions in one page, unless said, and at most. */
const COUNT = 50
const COUNT_MAX = 500
