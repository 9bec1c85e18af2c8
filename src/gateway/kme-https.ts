/**
 * The connection of an application to a KME: HTTPS with certificates on both sides, a limit on
 * everything.
 *
 * TLS 1.2 is the least that GS QKD 014 asks for, and all that some devices have; the KME is in the
 * same building. Nobody is trusted but the authority that is named.
 *
 * @see ETSI GS QKD 014 V1.1.1 §5.1
 * @module
 */

import { Agent } from 'node:https'
import {
  KmeClientRefusal,
  type KmeClientRefusalCode,
  type KmeClientRequest,
  type KmeClientResponse,
  type KmeClientTransport,
} from '#kme/client'
import { AnswerTooLong, exchangeHttps, NotReached } from './https-exchange.ts'
import { systemCode } from './system.ts'

/** Where a KME listens, and who asks it. */
export interface KmeHttpsOptions {
  /** Such as `https://kme.example:8443`; a path is put before those of the standard. */
  readonly url: string
  /** Certificate of the application with what leads to its root, in PEM. */
  readonly cert: string | Uint8Array
  readonly key: string | Uint8Array
  /** Of the key, if it is under one. */
  readonly passphrase?: string
  /** The authority of the KME's certificate, in PEM; nobody else is trusted. */
  readonly ca: string | Uint8Array
  /** The name in the KME's certificate, where it is not the one in the URL. */
  readonly serverName?: string
  /** From the first packet of a request to the last octet of its answer. Left out: 30 s. */
  readonly timeoutMs?: number
}

/** Connections that are kept until disposal; one request at a time on each. */
export interface KmeHttps extends Disposable {
  readonly ask: KmeClientTransport
}

export function kmeOverHttps(options: KmeHttpsOptions): KmeHttps {
  const { url, cert, key, passphrase, ca, serverName, timeoutMs = ANSWER_MS } = options
  const agent = new Agent({
    // Copies, so that what is handed in may be of any kind of octets.
    ...{ cert: pem(cert), key: pem(key), ca: pem(ca) },
    ...(passphrase === undefined ? {} : { passphrase }),
    ...{ minVersion: 'TLSv1.2', ecdhCurve: GROUPS },
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...{ keepAlive: true, maxSockets: SOCKETS_MAX, timeout: timeoutMs },
  })
  const base = url.replace(/\/+$/, '')
  return {
    ask: (asked) => exchange({ agent, base, timeoutMs }, asked),
    [Symbol.dispose]: () => agent.destroy(),
  }
}

async function exchange(
  { agent, base, timeoutMs }: { agent: Agent; base: string; timeoutMs: number },
  { method, path, body }: KmeClientRequest,
): Promise<KmeClientResponse> {
  const typed = body === undefined ? undefined : { 'content-type': JSON_TYPE }
  const headers = { accept: JSON_TYPE, ...typed }
  const question = { agent, method, url: `${base}${path}`, headers, body }
  try {
    const answer = await exchangeHttps({ ...question, timeoutMs, octetsMax: ANSWER_OCTETS_MAX })
    const { status, body: octets } = answer
    const after = Number(answer.headers['retry-after'] ?? NaN)
    return after >= 0 ? { status, body: octets, retryAfterS: after } : { status, body: octets }
  } catch (error) {
    if (error instanceof AnswerTooLong) {
      const message = `Expected of the KME at most ${ANSWER_OCTETS_MAX} octets`
      throw new KmeClientRefusal('KME_CLIENT_ANSWER_TOO_LONG', message)
    }
    if (error instanceof NotReached) {
      throw failed('KME_CLIENT_UNREACHED', `The KME at ${base} was not reached`, error)
    }
    throw failed('KME_CLIENT_UNANSWERED', `The KME at ${base} gave no answer`, error)
  }
}

function failed(code: KmeClientRefusalCode, message: string, cause: unknown): KmeClientRefusal {
  const reason = systemCode(cause) ?? 'no-answer'
  return new KmeClientRefusal(code, message, { cause, facts: { reason } })
}

const pem = (text: string | Uint8Array): string | Buffer =>
  typeof text === 'string' ? text : Buffer.from(text)

const JSON_TYPE = 'application/json'
/** Hybrid where the KME knows it. */
const GROUPS = 'X25519MLKEM768:X25519:P-256:P-384'
const ANSWER_MS = 30_000
const ANSWER_OCTETS_MAX = 2 * 1024 * 1024
const SOCKETS_MAX = 4
