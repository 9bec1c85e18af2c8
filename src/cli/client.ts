/**
 * A client of the admin socket: the only way in which the command line talks to a daemon.
 *
 * @module
 */

import { request, type IncomingMessage } from 'node:http'
import { door, type TSchema } from '#base'
import { requestPath, type AnswerOf, type BodyOf, type QueryOf, type Route } from '#contract'
import { CliRefusal } from './exit.ts'

type AnyRoute = Route<TSchema, TSchema, TSchema>
export type Table = Readonly<Record<string, AnyRoute>>

export interface Client<T extends Table> {
  /** Calls a route that answers once. */
  call<N extends keyof T>(
    name: N,
    query: QueryOf<T[N]>,
    body: BodyOf<T[N]>,
  ): Promise<AnswerOf<T[N]>>
  /** Calls a route that answers line by line. */
  stream<N extends keyof T>(
    name: N,
    query: QueryOf<T[N]>,
    body: BodyOf<T[N]>,
  ): AsyncIterable<AnswerOf<T[N]>>
}

/** @param socketPath the admin socket in the folder of a site or a fibre */
export function newClient<T extends Table>(table: T, socketPath: string): Client<T> {
  const send = (route: AnyRoute, query: unknown, body: unknown): Promise<IncomingMessage> =>
    exchange(socketPath, route, query as Readonly<Record<string, string>>, body)
  return {
    call: async (name, query, body) => {
      const answer = await send(table[name], query, body)
      const text = await textOf(answer)
      return checked(table[name], parsed(text)) as AnswerOf<T[typeof name]>
    },
    stream: async function* (name, query, body) {
      const answer = await send(table[name], query, body)
      for await (const line of linesOf(answer)) {
        const value = parsed(line)
        if (isFailure(value)) throw refusalOf(value.error)
        yield checked(table[name], value) as AnswerOf<T[typeof name]>
      }
    },
  }
}

async function exchange(
  socketPath: string,
  { method, path }: AnyRoute,
  query: Readonly<Record<string, string | undefined>>,
  body: unknown,
): Promise<IncomingMessage> {
  const octets = body instanceof Uint8Array ? body : jsonOctets(body)
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const call = request({
    socketPath,
    // A connection that is kept may have been closed by the daemon while we were busy.
    agent: false,
    method,
    path: requestPath(path, query),
    headers: {
      accept: 'application/json',
      ...(octets === undefined ? {} : { 'content-length': String(octets.length) }),
      ...(octets === undefined
        ? {}
        : { 'content-type': body instanceof Uint8Array ? RAW : 'application/json' }),
    },
  })
  call.once('response', resolve)
  call.once('error', (cause) => reject(notRunning(socketPath, cause)))
  call.end(octets)
  const answer = await promise
  if (answer.statusCode !== 200) throw await refusalFrom(answer)
  return answer
}

const jsonOctets = (body: unknown): Uint8Array | undefined =>
  body === null ? undefined : new TextEncoder().encode(JSON.stringify(body))

async function refusalFrom(answer: IncomingMessage): Promise<CliRefusal> {
  const value = parsed(await textOf(answer))
  if (isFailure(value)) return refusalOf(value.error)
  return new CliRefusal('SITE_REFUSED', `The daemon answered ${String(answer.statusCode)}`)
}

interface Failure {
  readonly error: { readonly code: string; readonly message: string }
}

function isFailure(value: unknown): value is Failure {
  if (typeof value !== 'object' || value === null || !('error' in value)) return false
  const { error } = value
  return typeof error === 'object' && error !== null && 'code' in error && 'message' in error
}

const refusalOf = ({ code, message }: Failure['error']): CliRefusal => new CliRefusal(code, message)

function notRunning(socketPath: string, cause: unknown): CliRefusal {
  const folder = socketPath.split('/').slice(0, -1).join('/')
  return new CliRefusal('SITE_NOT_RUNNING', `No daemon answers in ${folder}`, {
    cause,
    next: `photonward serve --site ${folder}`,
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new CliRefusal('SITE_ANSWER_INVALID', 'The daemon answered something that is not JSON', {
      cause,
    })
  }
}

function checked(route: AnyRoute, value: unknown): unknown {
  let open = doors.get(route)
  if (open === undefined) {
    open = door(route.answer, `answer of ${route.path}`)
    doors.set(route, open)
  }
  return open(value)
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

async function* linesOf(answer: IncomingMessage): AsyncGenerator<string> {
  let rest = ''
  answer.setEncoding('utf8')
  for await (const chunk of answer) {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line !== '') yield line
  }
  if (rest !== '') yield rest
}

const doors = new WeakMap<AnyRoute, (value: unknown) => unknown>()
const RAW = 'application/fhir+json'
