/**
 * Fastify as both listeners use it: bounded, with our headers, and our words in every error.
 *
 * Whatever Fastify or Node's HTTP parser refuses by itself is answered in the form that the clients
 * of the listener expect, and never with text of a library or of the request.
 *
 * @module
 */

import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Server as TlsServer } from 'node:https'
import type { Socket } from 'node:net'
import {
  fastify,
  type ConnectionError,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import { noteOf, Refusal, type Log } from '#base'

export interface WebOptions {
  /** Name of the listener in the log. */
  readonly name: string
  readonly server: Server | TlsServer
  readonly bodyOctetsMax: number
  readonly log: Log
  /** The JSON of an error that no handler has answered. */
  readonly errorBody: (status: number, message: string) => string
  /** Its content type; JSON unless said. */
  readonly errorType?: string
  /** Answers a request without Fastify; false leaves it to Fastify. */
  readonly direct?: (request: IncomingMessage, response: ServerResponse) => boolean
}

/** A Fastify instance over a server of ours; the server is listened on and closed by its owner. */
export function newWeb(options: WebOptions): FastifyInstance {
  const { server, bodyOctetsMax, log, name, errorBody, errorType = JSON_TYPE, direct } = options
  const refuse = (reply: FastifyReply, status: number): FastifyReply =>
    reply
      .code(status)
      .type(errorType)
      .send(errorBody(status, wordsFor(status, bodyOctetsMax)))
  const web = fastify({
    serverFactory: (handler) =>
      server.on('request', (request: IncomingMessage, response: ServerResponse) => {
        if (direct?.(request, response) !== true) handler(request, response)
      }),
    bodyLimit: bodyOctetsMax,
    exposeHeadRoutes: false,
    // RFC 9112 §3.2.2: a server takes the absolute form of a target as well.
    rewriteUrl: ({ url = '/' }) => url.replace(/^https?:\/\/[^/?]*(?=\/)/i, ''),
    return503OnClosing: false,
    routerOptions: { maxParamLength: PARAMETER_MAX },
    clientErrorHandler: (error, socket) => {
      log.write('info', 'http-refused', { listener: name, code: error.code })
      const bodyFor = (status: number) => errorBody(status, wordsFor(status, bodyOctetsMax))
      answerRaw(error, socket, { errorType, bodyFor })
    },
    frameworkErrors: (_error, _request, reply) => void refuse(reply, 400),
  })
  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    const body = errorBody(417, wordsFor(417, bodyOctetsMax))
    response.writeHead(417, rawHeaders(body, errorType))
    response.end(body)
  })
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    server.emit('request', request, response)
  })
  web.addHook('preParsing', ({ raw, routeOptions }, reply, payload, done) => {
    // A client that asks first is told to send only what will be read.
    const fits = Number(raw.headers['content-length'] ?? 0) <= routeOptions.bodyLimit
    if (raw.headers.expect !== undefined && fits) reply.raw.writeContinue()
    done(null, payload)
  })
  web.addHook('onRequest', (request, reply, done) => {
    reply.headers(SECURITY_HEADERS)
    // Node's own check of the host header answers without a body; the servers have it off.
    const { url, headers } = request.raw
    if (headers.host !== undefined && url?.startsWith('/') === true) done()
    else refuse(reply.header('connection', 'close'), 400)
  })
  web.setNotFoundHandler((_request, reply) => refuse(reply, 404))
  web.setErrorHandler((error: FastifyError, request, reply) => {
    const status = error.statusCode ?? 500
    if (status === 413) linger(request, reply)
    if (status < 500) return refuse(reply, status)
    noteFailure(options, error)
    return refuse(reply, 500)
  })
  return web
}

/** Ours, not the client's: the log says which, the answer does not. */
export function noteFailure({ log, name }: Pick<WebOptions, 'log' | 'name'>, error: unknown): void {
  const other = error instanceof Error ? error.name : 'unknown'
  const code = error instanceof Refusal ? noteOf(error).code : other
  log.write('error', 'http-failed', { listener: name, code })
}

/**
 * Takes in, for a while, the rest of a body that is not read: to close under a client that is still
 * sending would reset the connection before it has read why (RFC 9112 §9.6).
 */
function linger({ raw }: FastifyRequest, reply: FastifyReply): void {
  const { socket } = raw
  const cut = setTimeout(() => socket.destroy(), LINGER_MS).unref()
  let octets = 0
  raw.on('data', ({ length }: Uint8Array) => {
    octets += length
    if (octets > LINGER_OCTETS_MAX) socket.destroy()
  })
  raw.once('close', () => clearTimeout(cut))
  // Fastify's own: Node would close as soon as the answer is written.
  reply.removeHeader('connection')
}

/** Answers what Node's parser could not read as a request. There is no reply object then. */
function answerRaw(
  { code }: ConnectionError,
  socket: Socket,
  {
    errorType,
    bodyFor,
  }: { readonly errorType: string; readonly bodyFor: (status: number) => string },
): void {
  if (code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const status = RAW_STATUS[code] ?? 400
  const body = bodyFor(status)
  const headers = Object.entries(rawHeaders(body, errorType)).map(
    ([name, value]) => `${name}: ${value}`,
  )
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...headers]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

const rawHeaders = (body: string, type: string): Readonly<Record<string, string>> => ({
  'content-type': type,
  'content-length': String(Buffer.byteLength(body)),
  connection: 'close',
  ...SECURITY_HEADERS,
})

/** What an answer of a status says that no handler made. */
export function wordsFor(status: number, bodyOctetsMax = 0): string {
  if (status === 413) return `The body of a request has at most ${bodyOctetsMax} octets`
  return WORDS[status] ?? 'The request was refused'
}

const WORDS: Readonly<Record<number, string>> = {
  400: 'The request is not well formed',
  404: 'There is nothing at this path',
  405: 'The path does not know this method',
  408: 'The request did not arrive in time',
  414: 'The path of the request is too long',
  415: 'The content type of the request is not well formed',
  417: 'The expectation of the request cannot be met',
  431: 'The header of the request is too long',
  500: 'Internal failure; the log of this site says more',
  503: 'Too many requests are under way; try again',
}

const RAW_STATUS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}

/** For an API: nothing is to be stored, sniffed, framed or run. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

/** Content type of every JSON answer. */
export const JSON_TYPE = 'application/json; charset=utf-8'
/** How long, and how much, a client may go on sending a body that was refused. */
const LINGER_MS = 1000
const LINGER_OCTETS_MAX = 16 * 1024 * 1024
/** UTF-16 units of one path parameter. */
const PARAMETER_MAX = 256
/** Octets of request line and headers together. */
export const HEADER_OCTETS_MAX = 16 * 1024
