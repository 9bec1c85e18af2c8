/**
 * A client of the admin sockets of sites and fibres: the same routes as the command line uses.
 *
 * @module
 */

import { request } from 'node:http'
import { join } from 'node:path'
import type { AnswerOf, BodyOf, FibreRoutes, QueryOf, SiteRoutes } from '#contract'
import { fibreRoutes, requestPath, siteRoutes } from '#contract'

export interface RawAnswer {
  readonly status: number
  readonly body: string
}

/** A refusal of a daemon, as it came over the socket. */
export class AdminError extends Error {
  override readonly name = 'AdminError'
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(`${status} ${code}: ${message}`)
    this.status = status
    this.code = code
  }
}

/** One request over the socket, whatever it says. */
export function ask(
  socketPath: string,
  { method, path, body }: { method: string; path: string; body?: Uint8Array | string | undefined },
): Promise<RawAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>()
  const headers = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  const call = request({ socketPath, method, path, headers, timeout: 120_000 }, (answer) => {
    const chunks: Buffer[] = []
    answer.on('data', (chunk: Buffer) => chunks.push(chunk))
    answer.once('end', () => {
      resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') })
    })
    answer.once('error', reject)
    // Cut off in the middle, as by a kill: neither `end` nor always `error` comes then.
    answer.once('close', () => reject(new Error('The answer was cut off')))
  })
  call.once('timeout', () => call.destroy(new Error('The daemon did not answer in time')))
  call.once('error', reject)
  call.end(body)
  return promise
}

interface AnyRoute {
  readonly method: string
  readonly path: string
  readonly stream?: boolean
}

type Table = SiteRoutes | FibreRoutes

/** The routes of one daemon. A stream is gathered into an array. */
export class Admin<T extends Table> {
  readonly socketPath: string
  readonly #table: T

  constructor(folder: string, table: T) {
    this.socketPath = join(folder, 'admin.sock')
    this.#table = table
  }

  /** Calls a route. @throws AdminError if the daemon refuses */
  async call<N extends keyof T>(
    name: N,
    query: QueryOf<T[N]>,
    body: BodyOf<T[N]>,
  ): Promise<AnswerOf<T[N]>> {
    const lines = await this.#lines(name, query, body)
    return lines[0] as AnswerOf<T[N]>
  }

  /** Calls a route that answers line by line, and gathers the lines. @throws AdminError */
  async all<N extends keyof T>(
    name: N,
    query: QueryOf<T[N]>,
    body: BodyOf<T[N]>,
  ): Promise<AnswerOf<T[N]>[]> {
    return (await this.#lines(name, query, body)) as AnswerOf<T[N]>[]
  }

  async #lines(name: keyof T, query: unknown, body: unknown): Promise<unknown[]> {
    const route = this.#table[name] as AnyRoute
    const { status, body: text } = await ask(this.socketPath, {
      method: route.method,
      path: requestPath(route.path, query as Readonly<Record<string, string | undefined>>),
      body: bodyOf(body),
    })
    const texts = route.stream === true ? text.split('\n').filter((line) => line !== '') : [text]
    const values = texts.map((line) => JSON.parse(line) as { error?: { code: string } })
    for (const { error } of values) {
      if (error !== undefined) throw new AdminError(status, error.code, JSON.stringify(error))
    }
    return values
  }
}

export type SiteAdmin = Admin<SiteRoutes>
export type FibreAdmin = Admin<FibreRoutes>

export const siteAdmin = (folder: string): SiteAdmin => new Admin(folder, siteRoutes)
export const fibreAdmin = (folder: string): FibreAdmin => new Admin(folder, fibreRoutes)

function bodyOf(body: unknown): Uint8Array | string | undefined {
  if (body === null) return undefined
  return body instanceof Uint8Array ? body : JSON.stringify(body)
}
