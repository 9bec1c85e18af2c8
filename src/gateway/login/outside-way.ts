/**
 * The way to a provider of sign-in: questions over HTTPS to the origins of its configuration, and to
 * no others, whatever its documents or answers name.
 *
 * Redirections are not followed; time and size of an answer are bounded.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { Agent } from 'node:https'
import { join, resolve } from 'node:path'
import type { CustomFetch } from 'openid-client'
import type { ProviderConfiguration } from '#site'
import { exchangeHttps } from '../https-exchange.ts'
import { GatewayRefusal } from '../refusal.ts'
import { systemCode } from '../system.ts'

/** A provider, and how it is asked. */
export interface OutsideWay {
  readonly origins: readonly string[]
  readonly fetch: CustomFetch
  readonly close: () => void
}

/** @param folder   of the site, from which files count. @throws GatewayRefusal `PERMISSION_DENIED` */
export function outsideWay(provider: ProviderConfiguration, folder: string): OutsideWay {
  const { issuer, origins: further, caFile } = provider
  const origins = [new URL(issuer).origin, ...further.map((one) => new URL(one).origin)]
  const ca = caFile === undefined ? {} : { ca: readNear(folder, caFile) }
  const agent = new Agent({ minVersion: 'TLSv1.2', maxSockets: SOCKETS_MAX, ...ca })
  const fetch: CustomFetch = async (url, { method, headers, body }) => {
    if (!origins.includes(new URL(url).origin)) throw new ForeignOrigin()
    const text = body instanceof URLSearchParams ? body.toString() : body
    if (typeof text !== 'string' && text !== undefined && text !== null) throw new ForeignOrigin()
    const answer = await exchangeHttps({
      ...{ agent, method, url, headers, timeoutMs: ANSWER_MS, connectMs: CONNECT_MS },
      ...{ body: text ? new TextEncoder().encode(text) : undefined, octetsMax: ANSWER_OCTETS_MAX },
    })
    const type = answer.headers['content-type']
    const isEmpty = answer.status === 204 || answer.status === 304
    return new Response(isEmpty ? null : new Uint8Array(answer.body), {
      status: answer.status,
      headers: type === undefined ? {} : { 'content-type': type },
    })
  }
  return { origins, fetch, close: () => agent.destroy() }
}

/** A document of a provider names an address that its configuration does not. */
export class ForeignOrigin extends Error {
  override readonly name = 'ForeignOrigin'
}

/** A file of the configuration. @throws GatewayRefusal `PERMISSION_DENIED` */
export function readNear(folder: string, file: string): string {
  try {
    return readFileSync(resolve(join(folder), file), 'utf8')
  } catch (cause) {
    const facts = { file, system: systemCode(cause) ?? 'unknown' }
    throw new GatewayRefusal('PERMISSION_DENIED', `Cannot read ${file}`, { cause, facts })
  }
}

const SOCKETS_MAX = 4
const CONNECT_MS = 3000
/** From the first packet to the last octet. */
const ANSWER_MS = 5000
/** Documents and key sets have some kilobytes. */
const ANSWER_OCTETS_MAX = 256 * 1024
