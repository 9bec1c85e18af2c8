/**
 * The admin socket: the route table of `#contract`, served over HTTP on a Unix socket.
 *
 * Whoever can open the socket is the operator: it has mode 0600 in a folder of mode 0700, and asks
 * for nothing more. Every request is checked against the shapes of its route before its handler
 * sees it, and every answer before the client does. Errors are `{ "error": RefusalNote }`; in a
 * stream that has begun, such an error is its last line.
 *
 * @module
 */

import { createServer, type Server } from 'node:http'
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  door,
  noteOf,
  Refusal,
  ShapeRefusal,
  textOf,
  type Door,
  type Log,
  type RefusalNote,
  type TSchema,
} from '#base'
import { rawBody, type Handlers, type Route } from '#contract'
import { listenUnix } from './listen.ts'
import { GatewayRefusal } from './refusal.ts'
import { HEADER_OCTETS_MAX, JSON_TYPE, newWeb } from './web.ts'

export type AdminRoute = Route<TSchema, TSchema, TSchema>
export type AdminTable = Readonly<Record<string, AdminRoute>>

export interface AdminOptions<Table extends AdminTable> {
  /** Path of the socket; its folder is ours alone. */
  readonly path: string
  readonly table: Table
  readonly handlers: Handlers<Table>
  readonly log: Log
}

/** Opens the admin socket. @throws GatewayRefusal */
export async function openAdmin<Table extends AdminTable>(
  options: AdminOptions<Table>,
): Promise<AdminListener> {
  const listener = new AdminListener(options.log)
  for (const [name, route] of Object.entries(options.table)) {
    listener.serve(route, options.handlers[name] as AnyHandler)
  }
  await listener.listen(options.path)
  return listener
}

/** A handler as the table's types allow it for any of its routes. */
type AnyHandler = (
  query: unknown,
  body: unknown,
  signal: AbortSignal,
) => Promise<unknown> | AsyncIterable<unknown>

/** A route with its shapes compiled. */
interface Served {
  readonly route: AdminRoute
  readonly handler: AnyHandler
  readonly openQuery: Door<unknown>
  readonly openBody: Door<unknown>
  readonly checkAnswer: Door<unknown>
}

/** Owns the socket. Made by `openAdmin`. */
export class AdminListener implements AsyncDisposable {
  readonly #log: Log
  readonly #server: Server
  readonly #web: ReturnType<typeof newWeb>

  constructor(log: Log) {
    this.#log = log
    this.#server = createServer({ maxHeaderSize: HEADER_OCTETS_MAX, requireHostHeader: false })
    this.#server.maxConnections = CONNECTIONS_MAX
    this.#web = newWeb({
      name: 'admin',
      server: this.#server,
      bodyOctetsMax: BODY_OCTETS_MAX,
      log,
      errorBody: (status, message) =>
        errorJson({ code: CODES[status] ?? 'REQUEST_INVALID', message, facts: {} }),
    })
    this.#web.removeAllContentTypeParsers()
    this.#web.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
      done(null, body)
    })
  }

  /** Used by `openAdmin`, before `listen`. */
  serve(route: AdminRoute, handler: AnyHandler): void {
    const served = {
      route,
      handler,
      openQuery: door(route.query, 'parameters'),
      openBody: route.body === rawBody ? (body: unknown) => body : door(route.body, 'body'),
      checkAnswer: door(route.answer, 'answer'),
    }
    this.#web.route({
      method: route.method,
      url: route.path,
      bodyLimit: route.body === rawBody ? RAW_BODY_OCTETS_MAX : BODY_OCTETS_MAX,
      handler: (request, reply) => this.#perform(served, request, reply),
    })
  }

  /** Used by `openAdmin`. */
  async listen(path: string): Promise<void> {
    await this.#web.ready()
    await listenUnix(this.#server, path)
    this.#log.write('info', 'listening', { listener: 'admin', address: path })
  }

  /** Takes no new connections; what is under way goes on. */
  stopListening(): void {
    this.#server.close()
    this.#server.closeIdleConnections()
  }

  /** Ends every connection; handlers of streams see their signal. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stopListening()
    this.#server.closeAllConnections()
    await this.#web.close()
  }

  async #perform(
    served: Served,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const gone = new AbortController()
    reply.raw.once('close', () => gone.abort())
    try {
      const query = served.openQuery(parametersOf(request))
      const body = served.openBody(bodyOf(request, served.route))
      const answer = served.handler(query, body, gone.signal)
      if (served.route.stream === true) return await this.#stream(served, answer, gone, reply)
      const checked = served.checkAnswer(await answer)
      return await reply.type(JSON_TYPE).send(JSON.stringify(checked))
    } catch (error) {
      const note = this.#noteOf(error, served.route)
      return await reply.code(statusOf(note.code)).type(JSON_TYPE).send(errorJson(note))
    }
  }

  /** Answers once the first line is there, so that an early refusal still has its status. */
  async #stream(
    served: Served,
    answer: unknown,
    gone: AbortController,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const lines = (answer as AsyncIterable<unknown>)[Symbol.asyncIterator]()
    const first = await lines.next()
    const text = this.#lines(served, lines, first, gone)
    return reply.type(NDJSON_TYPE).send(Readable.from(text))
  }

  async *#lines(
    { route, checkAnswer }: Served,
    lines: AsyncIterator<unknown>,
    first: IteratorResult<unknown>,
    gone: AbortController,
  ): AsyncGenerator<string> {
    try {
      for (let next = first; next.done !== true; next = await lines.next()) {
        yield `${JSON.stringify(checkAnswer(next.value))}\n`
      }
    } catch (error) {
      yield `${errorJson(this.#noteOf(error, route))}\n`
    } finally {
      gone.abort()
      await lines.return?.()
    }
  }

  /** What the client is told; failures of ours also go to the log. */
  #noteOf(error: unknown, { path }: AdminRoute): RefusalNote {
    const note = noteOf(error)
    const answerBroken = error instanceof ShapeRefusal && error.message.startsWith('Invalid answer')
    if (error instanceof Refusal && !answerBroken) return note
    const what = answerBroken ? String(error.facts['place']) : nameOf(error)
    this.#log.write('error', 'admin-failed', { path, what })
    return noteOf(undefined)
  }
}

/** Path and query parameters together; each may be there once. */
function parametersOf({ params, raw }: FastifyRequest): Readonly<Record<string, string>> {
  const named = Object.entries(params as Readonly<Record<string, string>>)
  const asked = new URLSearchParams((raw.url ?? '').split('?').slice(1).join('?'))
  const all = [...named, ...asked]
  const parameters = Object.fromEntries(all)
  if (Object.keys(parameters).length === all.length) return parameters
  throw new GatewayRefusal('REQUEST_INVALID', 'A parameter is there twice')
}

function bodyOf({ body }: FastifyRequest, route: AdminRoute): unknown {
  const octets = body instanceof Uint8Array ? new Uint8Array(body) : new Uint8Array(0)
  if (route.body === rawBody) return octets
  if (octets.length === 0) return null
  try {
    return JSON.parse(textOf(octets))
  } catch (cause) {
    throw new GatewayRefusal('REQUEST_INVALID', 'The body of the request is not JSON', { cause })
  }
}

const errorJson = (error: RefusalNote): string => JSON.stringify({ error })

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : typeof error)

/** HTTP status of a refusal's code; the one table of the admin API. */
export function statusOf(code: string): number {
  return STATUS.find(([pattern]) => pattern.test(code))?.[1] ?? 422
}

const STATUS: readonly (readonly [RegExp, number])[] = [
  [/^INTERNAL$/, 500],
  [/_TOO_LARGE$/, 413],
  [/_(INVALID|UNREADABLE|NOT_DETERMINISTIC)$/, 400],
  [/_(DENIED|FORBIDDEN|REVOKED|NOT_SYNTHETIC)$/, 403],
  [/_(UNKNOWN|NOT_FOUND|ABSENT)$|UNKNOWN_/, 404],
  [/_(CONFLICT|IN_USE|EXISTS)$/, 409],
  [/_FULL$/, 507],
  [/TIMEOUT$/, 504],
  [/KEYS?_(REFUSED|EXHAUSTED)|UNREACHABLE|UNAVAILABLE|_CLOSED$|BUSY|TRY_AGAIN|_FAILED$/, 503],
]

/** Codes of what Fastify and Node refuse before a handler is called. */
const CODES: Readonly<Record<number, string>> = {
  404: 'ROUTE_UNKNOWN',
  413: 'BODY_TOO_LARGE',
  500: 'INTERNAL',
}

const NDJSON_TYPE = 'application/x-ndjson; charset=utf-8'
const BODY_OCTETS_MAX = 1024 * 1024
/** Octets of a body that is passed on as it is: a bundle of one patient's whole life. */
const RAW_BODY_OCTETS_MAX = 64 * 1024 * 1024
const CONNECTIONS_MAX = 64
