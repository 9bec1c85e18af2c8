/**
 * The connection to a vendor's KME: HTTPS with certificates on both sides, a limit on everything.
 *
 * TLS 1.2 is the least that GS QKD 014 asks for, and all that some devices have; the KME is in the
 * same building. Nobody is trusted but the authority in the file of the link. The files are read
 * anew after every failure, so that a renewed certificate needs no restart.
 *
 * @see ETSI GS QKD 014 V1.1.1 §5.1
 * @module
 */

import { readFile } from 'node:fs/promises'
import { Agent } from 'node:https'
import { resolve } from 'node:path'
import {
  KmeClientRefusal,
  type KmeClientRequest,
  type KmeClientResponse,
  type KmeClientTransport,
  type KmeLinkConfiguration,
} from '#site'
import { AnswerTooLong, exchangeHttps } from './https-exchange.ts'
import { systemCode } from './system.ts'

/** Connections to the vendor's KME of each link. @param folder   from which its files count */
export const vendorKmesAt =
  (folder: string) =>
  (link: Pick<KmeLinkConfiguration, 'kme' | 'timeoutMs'>): KmeClientTransport => {
    let agent: Agent | undefined
    return async (asked) => {
      try {
        agent ??= await agentFor(folder, link)
        return await exchange(agent, link, asked)
      } catch (error) {
        agent?.destroy()
        agent = undefined
        if (error instanceof KmeClientRefusal) throw error
        const reason = systemCode(error) ?? 'no-answer'
        throw unanswered(`The KME at ${link.kme.url} gave no answer`, reason, error)
      }
    }
  }

async function agentFor(
  folder: string,
  { kme, timeoutMs }: Pick<KmeLinkConfiguration, 'kme' | 'timeoutMs'>,
): Promise<Agent> {
  const read = async (file: string): Promise<Buffer> => {
    const path = resolve(folder, file)
    try {
      return await readFile(path)
    } catch (cause) {
      throw unanswered(`Cannot read ${path}`, systemCode(cause) ?? 'unreadable', cause)
    }
  }
  const [cert, key, ca] = await Promise.all([read(kme.certificate), read(kme.key), read(kme.ca)])
  const { serverName } = kme
  return new Agent({
    ...{ cert, key, ca, minVersion: 'TLSv1.2', ecdhCurve: GROUPS },
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...{ keepAlive: true, maxSockets: 1, timeout: timeoutMs },
  })
}

async function exchange(
  agent: Agent,
  { kme, timeoutMs }: Pick<KmeLinkConfiguration, 'kme' | 'timeoutMs'>,
  { method, path, body }: KmeClientRequest,
): Promise<KmeClientResponse> {
  const typed = body === undefined ? undefined : { 'content-type': JSON_TYPE }
  const url = `${kme.url.replace(/\/$/, '')}${path}`
  const headers = { accept: JSON_TYPE, ...typed }
  const limits = { timeoutMs, octetsMax: ANSWER_OCTETS_MAX }
  try {
    return await exchangeHttps({ ...{ agent, method, url, headers, body }, ...limits })
  } catch (error) {
    if (!(error instanceof AnswerTooLong)) throw error
    const message = `Expected of the KME at most ${ANSWER_OCTETS_MAX} octets`
    throw new KmeClientRefusal('KME_CLIENT_ANSWER_TOO_LONG', message)
  }
}

const unanswered = (message: string, reason: string, cause: unknown): KmeClientRefusal =>
  new KmeClientRefusal('KME_CLIENT_UNANSWERED', message, { cause, facts: { reason } })

const JSON_TYPE = 'application/json'
/** Hybrid where the KME knows it. */
const GROUPS = 'X25519MLKEM768:X25519:P-256:P-384'
const ANSWER_OCTETS_MAX = 2 * 1024 * 1024
