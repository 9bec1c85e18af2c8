/**
 * Subscriptions as they are taken in: what may be watched, and where a site may knock.
 *
 * Only `rest-hook` without payload: whoever is told, is told that there is something new, and reads
 * it as himself. Only endpoints that the operator listed, so that nobody can make a site ask
 * addresses inside the hospital. The criteria are a search that one resource answers by itself.
 *
 * Who wrote a subscription last is whose rights decide what it tells of; that stands in the stored
 * resource, and is not shown.
 *
 * @see FHIR R4 Subscription
 * @module
 */

import { isObject, isResourceType, parseSearch, type Filter, type JsonObject } from '#health'
import type { Change } from '#vault'
import type { Call, FhirOptions } from '../context.ts'
import { FhirRefusal } from '../refusal.ts'
import { withOwner } from './owner.ts'

/** What a subscription watches, and whom it tells. */
export interface Watched {
  readonly type: string
  readonly filters: readonly Filter[]
  readonly endpoint: string
  /** Headers of each knock, by their lower-case names. */
  readonly headers: Readonly<Record<string, string>>
}

/** Changes with their subscriptions checked and owned. @throws FhirRefusal, HealthRefusal */
export const withOwners = (
  { options, session, base }: Pick<Call, 'options' | 'session' | 'base'>,
  changes: readonly Change[],
): readonly Change[] =>
  changes.map((change) => {
    if (change.kind !== 'put' || change.type !== 'Subscription') return change
    const { status } = change.value
    if (status !== 'requested' && status !== 'off') {
      throw refused('status', 'expected requested or off, for the server says when it is active')
    }
    watchedBy(options, base, change.value)
    return { ...change, value: withOwner(change.value, session.account.actor) }
  })

/** What a Subscription asks for. @throws FhirRefusal `FHIR_RULE_BROKEN`; HealthRefusal */
export function watchedBy(
  { clock, hooks }: Pick<FhirOptions, 'clock' | 'hooks'>,
  base: string,
  { criteria, channel }: JsonObject,
): Watched {
  const { type: kind, endpoint, payload, header } = isObject(channel) ? channel : {}
  if (kind !== 'rest-hook') throw refused('channel.type', 'expected rest-hook')
  if (payload !== undefined) throw refused('channel.payload', 'expected none: nothing is sent')
  if (typeof endpoint !== 'string' || !isListed(endpoint, hooks?.endpoints ?? [])) {
    throw refused('channel.endpoint', 'expected an address that this site lists for hooks')
  }
  const [type, ...rest] = typeof criteria === 'string' ? criteria.split('?') : ['']
  if (!isResourceType(type)) throw refused('criteria', 'expected Type?parameters')
  const parameters = [...new URLSearchParams(rest.join('?'))]
  const query = parseSearch({ type, parameters, now: clock.now(), bases: [base] })
  const { filters, includes, revIncludes, sort, count, page } = query
  const isPlain = filters.every(({ kind: of }) => of !== 'chain' && of !== 'has')
  const shapes = includes.length + revIncludes.length + sort.length
  if (!isPlain || shapes > 0 || count !== undefined || page !== undefined) {
    throw refused('criteria', 'expected conditions on the resource itself, and nothing else')
  }
  return { type, filters, endpoint, headers: headersIn(header) }
}

/** Whether an address is one of these, or below one that ends with a slash. */
export function isListed(endpoint: string, listed: readonly string[]): boolean {
  if (!URL.canParse(endpoint)) return false
  const { protocol, username, password, origin, pathname, hash } = new URL(endpoint)
  if (protocol !== 'https:' || username + password + hash !== '') return false
  return listed.some((one) => {
    const allowed = new URL(one)
    if (allowed.origin !== origin) return false
    return allowed.pathname.endsWith('/')
      ? pathname.startsWith(allowed.pathname)
      : pathname === allowed.pathname
  })
}

function headersIn(header: unknown): Readonly<Record<string, string>> {
  const lines = header === undefined ? [] : Array.isArray(header) ? header : [header]
  if (lines.length > HEADERS_MAX) throw refused('channel.header', `at most ${HEADERS_MAX}`)
  const read = lines.map((line): readonly [string, string] => {
    const found = typeof line === 'string' ? HEADER.exec(line) : null
    if (found === null) throw refused('channel.header', 'expected Authorization or X-…: value')
    return [found[1].toLowerCase(), found[2]]
  })
  return Object.fromEntries(read)
}

const refused = (member: string, reason: string): FhirRefusal => {
  const place = `Subscription.${member}`
  return new FhirRefusal('FHIR_RULE_BROKEN', `At ${place}: ${reason}`, { facts: { place } })
}

const HEADERS_MAX = 8
/** Headers that mean something to the endpoint alone, in visible characters. */
const HEADER =
  /^(authorization|x-[a-z0-9-]{1,64}): ?([\x21-\x7e](?:[\x20-\x7e]{0,2046}[\x21-\x7e])?)$/i
