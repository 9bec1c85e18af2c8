/**
 * The route table of `#contract` over HTTP, as the admin socket and the console both serve it.
 *
 * Every request is checked against the shapes of its route before its handler sees it, and every
 * answer before the client does. Errors are `{ "error": RefusalNote }`; in a stream that has begun,
 * such an error is its last line. A stream is NDJSON, or server-sent events for whoever asks for
 * those: each line is then a message, and an error an event of that name.
 *
 * Who may ask is the listener's business.
 *
 * @module
 */

import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
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
import { GatewayRefusal } from './refusal.ts'
import { JSON_TYPE } from './web.ts'

export type AnyRoute = Route<TSchema, TSchema, TSchema>
export type AnyTable = Readonly<Record<string, AnyRoute>>

/** Serves a whole table. @param prefix   before the path of each route */
export function serveRoutes<Table extends AnyTable>(
  web: FastifyInstance,
  about: {
    readonly table: Table
    /** By the request, where it is not all one who asks. What it throws is the answer. */
    readonly handlers: Handlers<Table> | HandlersFor<Table>
    readonly log: Log
    readonly prefix?: string
  },
): void {
  web.removeAllContentTypeParsers()
  web.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body)
  })
  const { table, handlers, log, prefix = '' } = about
  for (const [name, route] of Object.entries(table)) {
    const served = {
      route,
      handlerFor: (request: FastifyRequest) => {
        const own = typeof handlers === 'function' ? handlers(request, name) : handlers
        return own[name] as AnyHandler
      },
      openQuery: door(route.query, 'parameters'),
      openBody: route.body === rawBody ? (body: unknown) => body : door(route.body, 'body'),
      checkAnswer: door(route.answer, 'answer'),
      log,
    }
    web.route({
      method: route.method,
      url: prefix + route.path,
      bodyLimit: route.body === rawBody ? RAW_BODY_OCTETS_MAX : BODY_OCTETS_MAX,
      handler: (request, reply) => perform(served, request, reply),
    })
  }
}

/** The JSON of an error that no handler answers. */
export const routeErrorBody = (status: number, message: string): string =>
  errorJson({ code: CODES[status] ?? 'REQUEST_INVALID', message, facts: {} })

/** The handlers for whoever sends a request to a route. @throws Refusal for whoever may not */
export type HandlersFor<Table> = (
  request: FastifyRequest,
  route: keyof Table & string,
) => Handlers<Table>

/** A handler as the table's types allow it for any of its routes. */
type AnyHandler = (
  query: unknown,
  body: unknown,
  signal: AbortSignal,
) => Promise<unknown> | AsyncIterable<unknown>

/** A route with its shapes compiled. */
interface Served {
  readonly route: AnyRoute
  readonly handlerFor: (request: FastifyRequest) => AnyHandler
  readonly openQuery: Door<unknown>
  readonly openBody: Door<unknown>
  readonly checkAnswer: Door<unknown>
  readonly log: Log
}

async function perform(
  served: Served,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  try {
    const query = served.openQuery(parametersOf(request))
    const body = served.openBody(bodyOf(request, served.route))
    const answer = served.handlerFor(request)(query, body, gone.signal)
    if (served.route.stream === true) {
      const wantsEvents = request.headers.accept === EVENTS_TYPE
      return await stream(served, answer, gone, { reply, wantsEvents })
    }
    const checked = served.checkAnswer(await answer)
    return await reply.type(JSON_TYPE).send(JSON.stringify(checked))
  } catch (error) {
    const note = noteFor(error, served)
    return await reply.code(statusOf(note.code)).type(JSON_TYPE).send(errorJson(note))
  }
}

/** Answers once the first line is there, so that an early refusal still has its status. */
async function stream(
  served: Served,
  answer: unknown,
  gone: AbortController,
  { reply, wantsEvents }: { readonly reply: FastifyReply; readonly wantsEvents: boolean },
): Promise<FastifyReply> {
  const items = (answer as AsyncIterable<unknown>)[Symbol.asyncIterator]()
  const first = await items.next()
  const form = wantsEvents ? EVENTS : LINES
  const text = textsOf(served, items, first, { gone, form })
  return reply.type(form.type).send(Readable.from(text))
}

async function* textsOf(
  served: Served,
  items: AsyncIterator<unknown>,
  first: IteratorResult<unknown>,
  { gone, form }: { readonly gone: AbortController; readonly form: StreamForm },
): AsyncGenerator<string> {
  try {
    for (let next = first; next.done !== true; next = await items.next()) {
      yield form.item(JSON.stringify(served.checkAnswer(next.value)))
    }
  } catch (error) {
    yield form.error(errorJson(noteFor(error, served)))
  } finally {
    gone.abort()
    await items.return?.()
  }
}

/** What the client is told; failures of ours also go to the log. */
function noteFor(error: unknown, { route, log }: Served): RefusalNote {
  const note = noteOf(error)
  const answerBroken = error instanceof ShapeRefusal && error.message.startsWith('Invalid answer')
  if (error instanceof Refusal && !answerBroken) return note
  const what = answerBroken ? String(error.facts['place']) : nameOf(error)
  log.write('error', 'admin-failed', { path: route.path, what })
  return noteOf(undefined)
}

/** How the items of a stream are written. */
interface StreamForm {
  readonly type: string
  readonly item: (json: string) => string
  readonly error: (json: string) => string
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

function bodyOf({ body }: FastifyRequest, route: AnyRoute): unknown {
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

const LINES: StreamForm = {
  type: 'application/x-ndjson; charset=utf-8',
  item: (json) => `${json}\n`,
  error: (json) => `${json}\n`,
}
const EVENTS_TYPE = 'text/event-stream'
const EVENTS: StreamForm = {
  type: EVENTS_TYPE,
  item: (json) => `data: ${json}\n\n`,
  error: (json) => `event: refusal\ndata: ${json}\n\n`,
}
/** Octets of a body that is JSON. */
export const BODY_OCTETS_MAX = 1024 * 1024
/** Octets of a body that is passed on as it is: a bundle of one patient's whole life. */
const RAW_BODY_OCTETS_MAX = 64 * 1024 * 1024
