/**
 * The three methods of GS QKD 014, by path and verb.
 *
 * @see ETSI GS QKD 014 V1.1.1 §5.1 (table 2)
 * @module
 */

import type { HttpRequest, SaeId } from '#base'
import { KmeRefusal } from './refusal.ts'
import { readSaeId } from './wire.ts'

/** A method of the standard, and the SAE its path names. */
export interface Route {
  readonly kind: 'status' | 'enc_keys' | 'dec_keys'
  readonly method: 'GET' | 'POST'
  /** Out of the path: the slave for status and enc_keys, the master for dec_keys. */
  readonly sae: SaeId
}

/** @throws KmeRefusal `KME_ROUTE_UNKNOWN`, `KME_METHOD_WRONG`, `KME_REQUEST_INVALID` */
export function routeOf({ method, path }: Pick<HttpRequest, 'method' | 'path'>): Route {
  const [, name = '', action = ''] = ROUTE.exec(path) ?? []
  const kind = KINDS.get(action)
  if (kind === undefined) {
    throw new KmeRefusal('KME_ROUTE_UNKNOWN', 'No such method of ETSI GS QKD 014')
  }
  if (method !== 'GET' && (method !== 'POST' || kind === 'status')) {
    const allow = kind === 'status' ? 'GET' : 'GET, POST'
    throw new KmeRefusal('KME_METHOD_WRONG', `Expected ${allow} for ${kind}`, { facts: { allow } })
  }
  return { kind, method, sae: readSaeId(name) }
}

const ROUTE = /^\/api\/v1\/keys\/([^/]*)\/([a-z_]+)$/
const KINDS: ReadonlyMap<string, Route['kind']> = new Map([
  ['status', 'status'],
  ['enc_keys', 'enc_keys'],
  ['dec_keys', 'dec_keys'],
])
