/**
 * The northbound listener: HTTPS for applications that fetch keys, with client certificates.
 *
 * HTTP/1.1 over TLS 1.3 with an ECDSA hierarchy, because that is what today's clients speak; hybrid
 * key exchange is preferred and X25519 allowed, and each request says which it was. What a request
 * means is the handler's business: it gets octets and the verified certificate.
 *
 * A client without a certificate is told so by a TLS alert. One whose certificate is not accepted
 * (foreign, expired, revoked) is cut off without a word, because Node ends it that way.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { TLSSocket } from 'node:tls'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ClientCertificate, HttpRequest, HttpResponse, Log } from '#base'
import { AdmittedSockets } from './admitted.ts'
import { addressText, listenTcp, type TcpAddress } from './listen.ts'
import type { WholeRequest } from './login/server.ts'
import {
  certificateFields,
  NORTH_TLS,
  tlsOptions,
  tlsRefusalReason,
  tlsSession,
  type Credentials,
  type TlsSession,
} from './tls.ts'
import {
  HEADER_OCTETS_MAX,
  JSON_TYPE,
  newWeb,
  noteFailure,
  wordsFor,
  type WebOptions,
} from './web.ts'
import {
  isPlain,
  plainRequestOf,
  requestOf,
  send,
  sendPlain,
  type StreamedResponse,
  type WebRequest,
} from './web-request.ts'

/** A request and what protected it on its way. */
export interface NorthRequest extends WebRequest, HttpRequest {
  /** The session of its connection: whether key exchange was hybrid, among others. */
  readonly session: TlsSession
}

export interface HttpOptions {
  /** Name of the listener in the log: `kme`. */
  readonly name: string
  readonly listen: TcpAddress
  readonly credentials: Credentials
  /** An `HttpHandler` will do. What it rejects with becomes a 500 without details. */
  readonly handler: (request: NorthRequest) => Promise<HttpResponse | StreamedResponse>
  readonly log: Log
  /** Body and type of the errors that no handler answers; `{"message"}` as JSON unless said. */
  readonly errors?: Pick<WebOptions, 'errorBody' | 'errorType'>
  /**
   * Whether a client may come without a certificate: then the request has to say who asks. One that
   * is shown must be good all the same. `needed` unless said.
   */
  readonly certificates?: 'needed' | 'welcome'
  /** Answers some of the requests by itself, headers and all. */
  readonly apart?: {
    readonly isFor: (request: IncomingMessage, body: Uint8Array) => boolean
    readonly answer: (whole: WholeRequest) => Promise<void>
  }
  /** Longest request body; 1 MiB unless said. */
  readonly bodyOctetsMax?: number
  /** Time from the first octet of a request to its last; 30 s unless said. */
  readonly requestMs?: number
}

/** Opens the listener. @throws GatewayRefusal */
export async function openHttp(options: HttpOptions): Promise<HttpListener> {
  const listener = new HttpListener(options)
  await listener.listen(options.listen)
  return listener
}

interface Client {
  readonly socket: TLSSocket
  readonly certificate: ClientCertificate | undefined
  readonly session: TlsSession
}

/** Owns the listening socket and its connections. Made by `openHttp`. */
export class HttpListener implements AsyncDisposable {
  readonly #options: HttpOptions
  readonly #server: Server
  readonly #web: ReturnType<typeof newWeb>
  /** What the handshake of each connection said; requests on it only look it up. */
  readonly #clients = new WeakMap<object, Client>()
  readonly #admitted = new AdmittedSockets()
  readonly #sessions = new Map<string, number>()
  #address: TcpAddress | undefined
  #underWay = 0
  #idle: PromiseWithResolvers<void> | undefined

  constructor(options: HttpOptions) {
    const {
      name,
      credentials,
      log,
      bodyOctetsMax = BODY_OCTETS_MAX,
      errors = JSON_ERRORS,
    } = options
    this.#options = options
    this.#server = newServer(credentials, options)
    this.#server.on('secureConnection', (socket: TLSSocket) => this.#meet(socket))
    this.#server.on('tlsClientError', (error: Error & { code?: string }, socket) => {
      const from = socket.remoteAddress ?? 'unknown'
      log.write('warning', 'tls-refused', {
        listener: name,
        from,
        reason: tlsRefusalReason(error, socket),
      })
    })
    this.#web = newWeb({
      name,
      server: this.#server,
      bodyOctetsMax,
      log,
      ...errors,
      direct: (request, response) => this.#serveDirectly(request, response),
    })
    this.#web.removeAllContentTypeParsers()
    this.#web.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
      done(null, body)
    })
    this.#web.all('/*', (request, reply) => this.#serve(request, reply))
  }

  /** Used by `openHttp`. */
  async listen(address: TcpAddress): Promise<void> {
    await this.#web.ready()
    this.#address = await listenTcp(this.#server, address)
    this.#options.log.write('info', 'listening', {
      listener: this.#options.name,
      address: addressText(this.#address),
    })
  }

  /** Where it listens, with the port that was chosen. */
  get address(): TcpAddress | undefined {
    return this.#address
  }

  /** Connections so far, by key exchange group. */
  get sessions(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#sessions)
  }

  /**
   * Uses other credentials and lists. Connections that were let in under the old ones end, after the
   * answer that is under way.
   *
   * @throws GatewayRefusal `CREDENTIALS_INVALID`
   */
  reload(credentials: Credentials): void {
    this.#server.setSecureContext(tlsOptions(NORTH_TLS, credentials))
    this.#admitted.endAll()
  }

  /** Takes no new connections; requests under way are answered, idle connections closed. */
  stopListening(): void {
    this.#server.close()
    this.#server.closeIdleConnections()
  }

  /** Resolves when every request under way has been answered. */
  async drained(): Promise<void> {
    if (this.#underWay === 0) return
    this.#idle = Promise.withResolvers()
    await this.#idle.promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopListening()
    this.#server.closeAllConnections()
    await this.#web.close()
  }

  #meet(socket: TLSSocket): void {
    const certificate = socket.getPeerX509Certificate()
    if (certificate !== undefined && !socket.authorized) {
      const from = socket.remoteAddress ?? 'unknown'
      const reason = String(socket.authorizationError)
      const { name, log } = this.#options
      log.write('warning', 'tls-refused', { listener: name, from, reason })
      socket.destroy()
      return
    }
    this.#admitted.admit(socket)
    const session = tlsSession(socket)
    const group = session.group ?? 'unknown'
    this.#sessions.set(group, (this.#sessions.get(group) ?? 0) + 1)
    this.#clients.set(socket, {
      socket,
      certificate: certificate === undefined ? undefined : certificateFields(certificate),
      session,
    })
  }

  async #serve(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const ways = { read: () => requestOf(request), leave: () => reply.hijack() }
    const answer = await this.#answer(request.raw, reply.raw, ways)
    return answer === undefined ? reply : send(reply, answer)
  }

  /** Answers what needs nothing of Fastify, which is most of what is asked. */
  #serveDirectly(request: IncomingMessage, response: ServerResponse): boolean {
    if (!isPlain(request)) return false
    const ways = { read: () => plainRequestOf(request), leave: () => undefined }
    this.#answer(request, response, ways).then(
      (answer) => {
        if (answer !== undefined) sendPlain(response, answer)
      },
      (error: unknown) => {
        noteFailure(this.#options, error)
        if (response.headersSent) response.destroy()
        else sendPlain(response, this.#refusal(500, wordsFor(500)))
      },
    )
    return true
  }

  /** @returns undefined if nothing is to be sent, which `leave` was told before */
  async #answer(
    raw: IncomingMessage,
    response: ServerResponse,
    { read, leave }: { readonly read: () => WebRequest; readonly leave: () => void },
  ): Promise<HttpResponse | StreamedResponse | undefined> {
    const client = this.#clients.get(raw.socket)
    if (client === undefined || this.#underWay >= REQUESTS_MAX) return this.#refusal(503, BUSY)
    const { socket, certificate, session } = client
    if (!this.#admitted.begin(socket)) {
      leave()
      return undefined
    }
    this.#underWay++
    let isEndless = false
    // Not at the end of this function: the answer is under way until its last octet has left.
    response.once('close', () => {
      this.#underWay--
      if (!isEndless) this.#admitted.done(socket)
      if (this.#underWay === 0) this.#idle?.resolve()
    })
    const asked = read()
    const { apart, handler } = this.#options
    if (apart?.isFor(raw, asked.body) === true) {
      leave()
      await apart.answer({ raw, response, body: asked.body })
      return undefined
    }
    const answer = await handler({ ...asked, client: certificate, session })
    isEndless = 'stream' in answer
    if (isEndless) this.#admitted.done(socket)
    return answer
  }

  #refusal(status: number, words: string): HttpResponse {
    const { errorBody, errorType = JSON_TYPE } = this.#options.errors ?? JSON_ERRORS
    return { status, headers: { 'content-type': errorType }, body: errorBody(status, words) }
  }
}

function newServer(
  credentials: Credentials,
  { certificates = 'needed', requestMs = REQUEST_MS }: HttpOptions,
): Server {
  const server = createServer({
    ...tlsOptions(NORTH_TLS, credentials),
    requestCert: true,
    // Else `#meet` looks: Node would refuse whoever has none.
    rejectUnauthorized: certificates === 'needed',
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: HANDSHAKE_MS,
    maxHeaderSize: HEADER_OCTETS_MAX,
    headersTimeout: Math.min(requestMs, HEADERS_MS),
    requestTimeout: requestMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: Math.min(requestMs / 4, CHECK_MS),
    noDelay: true,
    requireHostHeader: false,
  })
  server.maxConnections = CONNECTIONS_MAX
  return server
}

const JSON_ERRORS: Pick<WebOptions, 'errorBody' | 'errorType'> = {
  errorBody: (_status, message) => JSON.stringify({ message }),
}
const BUSY = 'Too many requests are under way; try again'
const BODY_OCTETS_MAX = 1024 * 1024
const CONNECTIONS_MAX = 1024
const REQUESTS_MAX = 512
const REQUEST_MS = 30_000
const HEADERS_MS = 10_000
const HANDSHAKE_MS = 10_000
const KEEP_ALIVE_MS = 60_000
/** How often Node looks for requests that take too long. */
const CHECK_MS = 5000
