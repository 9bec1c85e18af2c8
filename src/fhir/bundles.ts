/**
 * Bundles as requests: read into entries, each of which is a call of its own.
 *
 * @see FHIR R4 §3.1.0.11 (batch and transaction), §3.1.0.11.2 (rules)
 * @module
 */

import {
  BUNDLE_ENTRIES_MAX,
  invalid,
  isObject,
  issuesOf,
  type Json,
  type JsonObject,
} from '#health'
import { FHIR_BASE, newCallLog, type Answer, type Call } from './context.ts'
import { resourceIn } from './incoming.ts'
import { FhirRefusal } from './refusal.ts'
import { httpStatus } from './status.ts'
import { routeOf } from './routes.ts'

/** Answers one call, refusals included. */
export type Perform = (call: Call) => Promise<Answer>

/** One entry of a Bundle. */
export interface BundleEntry {
  /** `Bundle.entry[3]`. */
  readonly place: string
  readonly fullUrl: string | undefined
  /** What the entry asks, routed as if it had come by itself. */
  readonly call: Call
}

/** A batch or a transaction. */
export interface BundleRequest {
  readonly type: 'batch' | 'transaction'
  /** What was wrong with an entry stands in its place: a batch goes on without it. */
  readonly entries: readonly (BundleEntry | FhirRefusal)[]
}

/** Reads the Bundle of a body. @throws FhirRefusal, HealthRefusal */
export async function bundleIn(call: Call): Promise<BundleRequest> {
  const bundle = await resourceIn({ ...call, type: 'Bundle' })
  const { entry = [], ...shell } = bundle
  const issues = issuesOf(shell, 'Bundle')
  if (issues.length > 0) throw invalid(issues)
  const { type } = shell
  if (type !== 'batch' && type !== 'transaction') {
    throw bundleInvalid('Bundle.type', 'expected batch or transaction')
  }
  if (!Array.isArray(entry)) throw bundleInvalid('Bundle.entry', 'expected an array')
  if (entry.length > BUNDLE_ENTRIES_MAX) {
    const message = `Expected at most ${BUNDLE_ENTRIES_MAX} entries, got ${entry.length}`
    throw new FhirRefusal('FHIR_TOO_LARGE', message)
  }
  const seen = new Set<string>()
  const entries = entry.map((item, index) => {
    try {
      return entryOf(call, item, `Bundle.entry[${index}]`, seen)
    } catch (error) {
      if (type === 'batch' && error instanceof FhirRefusal) return error
      throw error
    }
  })
  return { type, entries }
}

function entryOf(call: Call, item: Json, place: string, seen: Set<string>): BundleEntry {
  if (!isObject(item)) throw bundleInvalid(place, 'expected an object')
  const { fullUrl, request, resource } = item
  if (fullUrl !== undefined && (typeof fullUrl !== 'string' || !/^\S+$/.test(fullUrl))) {
    throw bundleInvalid(`${place}.fullUrl`, 'expected a URL')
  }
  if (fullUrl !== undefined && seen.has(fullUrl)) {
    throw bundleInvalid(`${place}.fullUrl`, 'stands in two entries')
  }
  if (fullUrl !== undefined) seen.add(fullUrl)
  if (!isObject(request)) throw bundleInvalid(`${place}.request`, 'expected a request')
  if (resource !== undefined && !isObject(resource)) {
    throw bundleInvalid(`${place}.resource`, 'expected a resource')
  }
  return { place, fullUrl, call: callOf(call, request, resource, place) }
}

/** The call that an entry's request describes. */
function callOf(
  call: Call,
  request: JsonObject,
  resource: JsonObject | undefined,
  place: string,
): Call {
  const { method, url } = request
  if (typeof method !== 'string' || typeof url !== 'string') {
    throw bundleInvalid(`${place}.request`, 'expected a method and a URL')
  }
  const own = url.startsWith(`${call.base}/`) ? url.slice(call.base.length + 1) : url
  const [path, ...rest] = own.replace(/^\//, '').split('?')
  const query = new URLSearchParams(rest.join('?'))
  const headers = new Map<string, string>()
  for (const [name, header] of CONDITIONS) {
    const value = request[name]
    if (value === undefined) continue
    if (typeof value !== 'string')
      throw bundleInvalid(`${place}.request.${name}`, 'expected a text')
    headers.set(header, value)
  }
  try {
    const routed = routeOf(method, path, query)
    if (routed.interaction === 'bundle' || routed.interaction === 'capabilities') {
      throw bundleInvalid(`${place}.request`, 'expected an interaction with resources')
    }
    if (BODILY.includes(method) && resource === undefined) {
      throw bundleInvalid(`${place}.resource`, 'expected a resource')
    }
    const header = (name: string): string | undefined => headers.get(name)
    const asked = { ...call.request, method, path: `${FHIR_BASE}/${path}`, query, header }
    return { ...call, ...routed, request: asked, sent: resource, log: newCallLog() }
  } catch (error) {
    if (!(error instanceof FhirRefusal) || error.code === 'FHIR_BUNDLE_INVALID') throw error
    const { code, message } = error
    throw new FhirRefusal(code, `${place}.request: ${message}`, { cause: error })
  }
}

/** The entry of a response Bundle for what an entry was answered. */
export function responseEntry({
  status,
  headers = {},
  resource,
  isOutcome = false,
}: Answer): JsonObject {
  const { location, etag } = headers
  return {
    ...(resource && !isOutcome && { resource }),
    response: {
      status: httpStatus(status),
      ...(location && { location }),
      ...(etag && { etag }),
      ...(resource && isOutcome && { outcome: resource }),
    },
  }
}

/** A response Bundle. */
export const bundleOf = (
  type: 'batch-response' | 'transaction-response',
  entry: readonly JsonObject[],
): JsonObject => ({
  ...{ resourceType: 'Bundle', type },
  ...(entry.length > 0 && { entry: [...entry] }),
})

/** A Bundle that cannot be processed. */
export const bundleInvalid = (place: string, reason: string): FhirRefusal =>
  new FhirRefusal('FHIR_BUNDLE_INVALID', `At ${place}: ${reason}`, { facts: { place } })

const BODILY: readonly string[] = ['POST', 'PUT', 'PATCH']
/** Members of `Bundle.entry.request`, and the headers they stand for. */
const CONDITIONS = [
  ['ifMatch', 'if-match'],
  ['ifNoneMatch', 'if-none-match'],
  ['ifModifiedSince', 'if-modified-since'],
  ['ifNoneExist', 'if-none-exist'],
] as const
