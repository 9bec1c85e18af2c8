/**
 * An application that asks a site for keys over ETSI GS QKD 014, with its own client certificate.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { join } from 'node:path'

/** One answer of a KME. */
export interface NorthAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

export interface ServedKey {
  readonly key_ID: string
  readonly key: string
}

/** Key, certificate and trust anchor of an application, as `pki issue-sae` writes them. */
export interface SaeCredentials {
  readonly key: string
  readonly cert: string
  readonly ca: string
}

export const credentialsAt = (folder: string): SaeCredentials => {
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
  return { key: read('key.pem'), cert: read('cert.pem'), ca: read('ca.pem') }
}

/** An application at one site. Keeps its connections until disposal. */
export class Sae implements Disposable {
  readonly id: string
  readonly #port: number
  readonly #agent: Agent

  constructor(id: string, port: number, credentials: SaeCredentials) {
    this.id = id
    this.#port = port
    this.#agent = new Agent({ ...credentials, keepAlive: true, maxSockets: 8 })
  }

  /** One request, whatever is answered. Rejects if the connection breaks before the end. */
  ask(method: 'GET' | 'POST', path: string, body?: object): Promise<NorthAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<NorthAnswer>()
    const octets = body === undefined ? undefined : JSON.stringify(body)
    const call = request(
      {
        host: '127.0.0.1',
        port: this.#port,
        method,
        path: `/api/v1/keys/${path}`,
        agent: this.#agent,
        timeout: 30_000,
        headers: octets === undefined ? {} : { 'content-type': 'application/json' },
      },
      (answer) => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.once('end', () => {
          const text = Buffer.concat(chunks).toString('utf8')
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text })
        })
        answer.once('error', reject)
        answer.once('close', () => reject(new Error('The answer was cut off')))
      },
    )
    call.once('timeout', () => call.destroy(new Error('The KME did not answer in time')))
    call.once('error', reject)
    call.end(octets)
    return promise
  }

  /** Keys for a slave, or undefined if the KME gives none now. */
  async encKeys(slave: string, number = 1): Promise<readonly ServedKey[] | undefined> {
    const answer = await this.ask('POST', `${slave}/enc_keys`, { number, size: 256 })
    return answer.status === 200 ? keysIn(answer) : undefined
  }

  /** Keys that a master has made, or undefined if the KME does not give them. */
  async decKeys(master: string, ids: readonly string[]): Promise<readonly ServedKey[] | undefined> {
    const key_IDs = ids.map((key_ID) => ({ key_ID }))
    const answer = await this.ask('POST', `${master}/dec_keys`, { key_IDs })
    return answer.status === 200 ? keysIn(answer) : undefined
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }
}

/** The keys of a Key container. */
export const keysIn = ({ body }: NorthAnswer): readonly ServedKey[] =>
  (JSON.parse(body) as { keys: readonly ServedKey[] }).keys
