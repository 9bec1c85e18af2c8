/**
 * A client of ETSI GS QKD 014 over mutual TLS 1.3, as any application would be one.
 *
 * Takes the certificate of an application from a folder, as `pki issue-sae` writes it, and trusts
 * the root in it alone. Keeps no key: what comes back is the caller's.
 *
 * @see ETSI GS QKD 014 V1.1.1
 * @module
 */

import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { door, Type, Whole, type Static } from '#base'
import { CliRefusal } from './exit.ts'

/** Where a KME listens, and as whom to ask it. */
export interface KmeAccess {
  /** Such as `https://localhost:9443`. */
  readonly url: string
  /** Folder of cert.pem, key.pem and ca.pem. */
  readonly certificates: string
}

const AnyObject = Type.Record(Type.String(), Type.Unknown())
const KeyContainerShape = Type.Object({
  keys: Type.Array(
    Type.Object({
      key_ID: Type.String({ maxLength: 64 }),
      key: Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$', maxLength: 16_384 }),
      key_extension: Type.Optional(AnyObject),
    }),
    { minItems: 1, maxItems: 1024 },
  ),
})
/** Key container of §6.3. */
export type KeyContainer = Static<typeof KeyContainerShape>

const StatusShape = Type.Object({
  source_KME_ID: Type.String(),
  target_KME_ID: Type.String(),
  master_SAE_ID: Type.String(),
  slave_SAE_ID: Type.String(),
  key_size: Whole(0),
  stored_key_count: Whole(0),
  max_key_count: Whole(0),
  max_key_per_request: Whole(0),
  max_key_size: Whole(0),
  min_key_size: Whole(0),
  max_SAE_ID_count: Whole(0),
})
/** Status of §6.1. */
export type KeyStatus = Static<typeof StatusShape>

/** A Key request of §6.2, as far as the command line makes one. */
export interface KeyRequest {
  readonly number: number
  readonly size?: number
  readonly additional_slave_SAE_IDs?: readonly string[]
}

/** How many keys can be had for a slave SAE. */
export const keyStatus = async (access: KmeAccess, slave: string): Promise<KeyStatus> =>
  openStatus(await ask(access, { sae: slave, action: 'status', body: undefined }))

/** Keys shared with a slave SAE; whoever makes them is their master. */
export const encKeys = async (
  access: KmeAccess,
  slave: string,
  body: KeyRequest,
): Promise<KeyContainer> =>
  openContainer(await ask(access, { sae: slave, action: 'enc_keys', body }))

/** Keys that a master SAE has made, each once. */
export const decKeys = async (
  access: KmeAccess,
  master: string,
  ids: readonly string[],
): Promise<KeyContainer> => {
  const body = { key_IDs: ids.map((key_ID) => ({ key_ID })) }
  return openContainer(await ask(access, { sae: master, action: 'dec_keys', body }))
}

/** One answer of a KME, whatever it says. */
export interface KmeAnswer {
  readonly status: number
  readonly body: unknown
  /** Key exchange group of the connection. */
  readonly group: string
}

/** One request below `/api/v1/keys/`. @throws CliRefusal if there is no answer, or not one in JSON */
export async function callKme(
  { url, certificates }: KmeAccess,
  path: string,
  body?: object,
): Promise<KmeAnswer> {
  const octets = body === undefined ? undefined : JSON.stringify(body)
  const { promise, resolve, reject } = Promise.withResolvers<KmeAnswer>()
  const call = request(
    `${url.replace(/\/+$/, '')}/api/v1/keys/${path}`,
    {
      ...credentialsIn(certificates),
      method: body === undefined ? 'GET' : 'POST',
      minVersion: 'TLSv1.3',
      agent: false,
      timeout: ANSWER_MS,
      headers: octets === undefined ? {} : { 'content-type': 'application/json' },
    },
    (answer) => {
      const { socket } = answer as unknown as { socket: TLSSocket }
      const info = socket.getEphemeralKeyInfo() as { name?: string } | null
      const chunks: Buffer[] = []
      let length = 0
      answer.on('data', (chunk: Buffer) => {
        length += chunk.length
        if (length > ANSWER_OCTETS_MAX) call.destroy(new Error('The answer is too long'))
        else chunks.push(chunk)
      })
      answer.once('error', reject)
      answer.once('end', () => {
        const text = Buffer.concat(chunks)
        const { statusCode: status = 0 } = answer
        resolve({ status, body: jsonIn(text), group: info?.name ?? 'unknown' })
        for (const chunk of [...chunks, text]) chunk.fill(0)
      })
    },
  )
  call.once('timeout', () => call.destroy(new Error('No answer in time')))
  call.once('error', reject)
  call.end(octets)
  try {
    return await promise
  } catch (cause) {
    throw unanswered(url, cause)
  }
}

interface Question {
  readonly sae: string
  readonly action: 'status' | 'enc_keys' | 'dec_keys'
  readonly body: object | undefined
}

async function ask(access: KmeAccess, { sae, action, body }: Question): Promise<unknown> {
  const answer = await callKme(access, `${encodeURIComponent(sae)}/${action}`, body)
  if (answer.status === 200) return answer.body
  throw refused(answer)
}

/** What a KME refuses, as a refusal of ours; the message is the KME's. */
function refused({ status, body }: KmeAnswer): CliRefusal {
  const said = isError(body) ? body.message.slice(0, MESSAGE_MAX) : 'no reason'
  const message = `The KME answered ${String(status)}: ${said}`
  const facts = { status }
  if (status === 401) return new CliRefusal('KME_DENIED', message, { facts })
  if (status === 503) return new CliRefusal('KME_KEYS_REFUSED', message, { facts })
  const missing = status === 404 || /not found on KME/.test(said)
  return new CliRefusal(missing ? 'KME_KEY_NOT_FOUND' : 'KME_REQUEST_INVALID', message, { facts })
}

/** No answer: who would not talk to whom, as far as TLS says. */
function unanswered(url: string, cause: unknown): CliRefusal {
  const { code = '', message = '' } = cause as { code?: string; message?: string }
  if (SERVER_UNTRUSTED.test(code)) {
    return new CliRefusal('KME_TRUST_DENIED', `The KME at ${url} cannot be trusted: ${code}`, {
      cause,
      next: 'the root in ca.pem must be the one of this KME, and the URL must name a host of it',
    })
  }
  if (/ALERT|ECONNRESET|EPIPE/.test(code) || message.includes('socket hang up')) {
    return new CliRefusal('KME_CERTIFICATE_DENIED', `The KME at ${url} ended the connection`, {
      cause,
      next: 'photonward pki inspect <folder>/cert.pem; the log of the site says why',
    })
  }
  return new CliRefusal('KME_UNREACHABLE', `No KME answers at ${url}`, { cause })
}

function credentialsIn(folder: string) {
  const read = (name: string): Buffer => {
    try {
      return readFileSync(join(folder, name))
    } catch (cause) {
      throw new CliRefusal('FILE_UNREADABLE', `Cannot read ${join(folder, name)}`, {
        cause,
        next: 'photonward pki issue-sae <authority> <sae> <folder>',
      })
    }
  }
  return { cert: read('cert.pem'), key: read('key.pem'), ca: read('ca.pem') }
}

function jsonIn(octets: Buffer): unknown {
  try {
    return JSON.parse(octets.toString('utf8'))
  } catch {
    return undefined
  }
}

const isError = (body: unknown): body is { readonly message: string } =>
  typeof body === 'object' && body !== null && 'message' in body && typeof body.message === 'string'

const openContainer = door(KeyContainerShape, 'Key container of the KME')
const openStatus = door(StatusShape, 'Status of the KME')
const ANSWER_MS = 30_000
const ANSWER_OCTETS_MAX = 4 * 1024 * 1024
const MESSAGE_MAX = 300
const SERVER_UNTRUSTED =
  /^(?:ERR_TLS_CERT_ALTNAME_INVALID|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_SSL_(?:UNSUPPORTED|WRONG|NO_))/
