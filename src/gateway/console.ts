/**
 * The console's listener: its pages, and the admin API for whoever is logged in.
 *
 * Speaks HTTP, so it listens on this machine alone; from elsewhere it is reached through SSH. What
 * asks the API must hold a session cookie and say so in a header that no page of another origin can
 * send; requests for another host name are refused, so that a name that is pointed here later gains
 * nothing. The API is the admin socket's, route for route: the operator, who comes by a one-time link,
 * may ask all of it, people who sign in what their roles allow, and records as FHIR.
 *
 * Does not protect against other accounts of this machine that can read a browser's memory, nor
 * against whoever gets hold of a one-time link within its ten minutes.
 *
 * @module
 */

import { createServer, type Server } from 'node:http'
import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'
import { assert, type Log } from '#base'
import { consoleRoutes, type ConsoleSessionView, type Handlers } from '#contract'
import type { Holder, HolderView } from '#site'
import { readPages } from './console-files.ts'
import { serveFhir, sessionView, type ConsolePeople } from './console-people.ts'
import { cookieOf, refuse } from './console-replies.ts'
import type { ConsoleSession, ConsoleSessions } from './console-sessions.ts'
import { serveSignIn, WITHOUT_SESSION } from './console-sign-in.ts'
import { addressText, listenTcp, type TcpAddress } from './listen.ts'
import type { OutsideDesk } from './login/arrivals.ts'
import { GatewayRefusal } from './refusal.ts'
import { BODY_OCTETS_MAX, routeErrorBody, serveRoutes, type AnyTable } from './routes.ts'
import { HEADER_OCTETS_MAX, newWeb } from './web.ts'

export interface ConsoleOptions<Table extends AnyTable> {
  readonly listen: TcpAddress
  /** Folder of the built pages. */
  readonly pages: string
  readonly table: Table
  /** For whoever asks; undefined is the operator. @throws Refusal for whoever may not */
  readonly handlersFor: (asker: Asking | undefined, route: keyof Table & string) => Handlers<Table>
  readonly sessions: ConsoleSessions
  /** Left out where nobody can sign in. */
  readonly people?: ConsolePeople | undefined
  /** Providers of sign-in outside; left out where there are none. */
  readonly outside?: OutsideDesk | undefined
  /** Octets of one request for FHIR. */
  readonly fhirOctetsMax?: number | undefined
  readonly log: Log
}

/** A person whose session a request belongs to, as found when it came. */
export interface Asking {
  readonly holder: Holder
  readonly view: HolderView
}

/** Opens the listener. @throws GatewayRefusal `CONFIG_INVALID`, `ADDRESS_IN_USE` and others */
export async function openConsole<Table extends AnyTable>(
  options: ConsoleOptions<Table>,
): Promise<ConsoleListener> {
  if (!isLoopback(options.listen.host)) {
    const message = 'The console speaks HTTP: "consoleListener" must be an address of this machine'
    throw new GatewayRefusal('CONFIG_INVALID', message)
  }
  const listener = new ConsoleListener(options)
  await listener.listen(options.listen)
  return listener
}

/** Owns the listening socket. Made by `openConsole`. */
export class ConsoleListener implements AsyncDisposable {
  readonly #log: Log
  readonly #sessions: ConsoleSessions
  readonly #people: ConsolePeople | undefined
  readonly #server: Server
  readonly #web: ReturnType<typeof newWeb>
  /** Who asks, of requests by people that are under way. */
  readonly #asking = new WeakMap<FastifyRequest, Asking>()
  #address: TcpAddress | undefined

  constructor(options: Omit<ConsoleOptions<AnyTable>, 'listen'>) {
    const { log, sessions, people, outside, fhirOctetsMax } = options
    this.#log = log
    this.#sessions = sessions
    this.#people = people
    this.#server = createServer({ maxHeaderSize: HEADER_OCTETS_MAX, requireHostHeader: false })
    this.#server.maxConnections = CONNECTIONS_MAX
    this.#web = newWeb({
      name: 'console',
      server: this.#server,
      bodyOctetsMax: BODY_OCTETS_MAX,
      log,
      errorBody: routeErrorBody,
    })
    this.#web.addHook('onRequest', async (request, reply) => {
      const refusal = await this.#refusalOf(request)
      return refusal === undefined ? undefined : refuse(reply, refusal)
    })
    serveRoutes(this.#web, {
      ...{ table: options.table, log, prefix: API },
      handlers: (request, route) => options.handlersFor(this.#asking.get(request), route),
    })
    serveRoutes(this.#web, {
      ...{ table: consoleRoutes, log, prefix: API },
      handlers: (request) => ({ session: () => this.#session(request) }),
    })
    if (people !== undefined && fhirOctetsMax !== undefined) {
      const holderOf = (request: FastifyRequest) => this.#asking.get(request)?.holder
      serveFhir(this.#web, { people, holderOf, bodyOctetsMax: fhirOctetsMax })
    }
    serveSignIn(this.#web, { sessions, people, outside, log })
    this.#servePages(options.pages)
  }

  /** Used by `openConsole`. */
  async listen(address: TcpAddress): Promise<void> {
    await this.#web.ready()
    this.#address = await listenTcp(this.#server, address)
    this.#log.write('info', 'listening', { listener: 'console', address: this.origin })
  }

  /** What a browser calls it. */
  get origin(): string {
    return this.#address === undefined ? '' : `http://${addressText(this.#address)}`
  }

  /** Where a person logs in, once: what follows # is not sent to anybody. */
  newLink(holder?: Holder): string {
    return `${this.origin}/login#${this.#sessions.newTicket(holder)}`
  }

  /** Takes no new connections; what is under way goes on. */
  stopListening(): void {
    this.#server.close()
    this.#server.closeIdleConnections()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopListening()
    this.#server.closeAllConnections()
    await this.#web.close()
  }

  async #refusalOf(request: FastifyRequest): Promise<GatewayRefusal | undefined> {
    const { host, origin } = request.headers
    const own = this.#address === undefined ? [] : namesOf(this.#address)
    const isOurs =
      own.includes(host ?? '') && (origin === undefined || own.includes(hostIn(origin)))
    if (!isOurs) return new GatewayRefusal('REQUEST_INVALID', 'This console has another address')
    const isAsked = ASKED.some((prefix) => request.url.startsWith(prefix))
    const isPage = request.method === 'GET' && !isAsked
    if (isPage) return undefined
    const asks = request.headers['x-photonward'] ?? (isEvents(request) ? 'poll' : undefined)
    if (asks !== 'use' && asks !== 'poll') {
      return new GatewayRefusal('REQUEST_INVALID', 'Expected the header x-photonward: use or poll')
    }
    if (WITHOUT_SESSION.includes(request.url)) return undefined
    const session = this.#sessions.of(cookieOf(request), asks === 'use')
    if (session !== undefined && (await this.#stands(session, request))) return undefined
    this.#sessions.logOut(cookieOf(request))
    return new GatewayRefusal('LOGIN_NEEDED', 'Nobody is logged in here, or no longer')
  }

  /** Whether whoever holds a session may still come in; notes who it is that asks. */
  async #stands({ holder }: ConsoleSession, request: FastifyRequest): Promise<boolean> {
    if (holder === undefined) return true
    const view = await this.#people?.standing(holder)
    if (view !== undefined) this.#asking.set(request, { holder, view })
    return view !== undefined
  }

  #session(request: FastifyRequest): Promise<ConsoleSessionView> {
    const session = this.#sessions.of(cookieOf(request), false)
    assert(session !== undefined, 'a route is asked within a session')
    return Promise.resolve(sessionView(session, this.#asking.get(request)?.view))
  }

  #servePages(folder: string): void {
    const pages = readPages(folder)
    this.#web.get('/*', (request, reply) => {
      const [path] = request.url.split('?')
      const page = pages(path, /\bgzip\b/.test(request.headers['accept-encoding'] ?? ''))
      if (page === undefined) reply.callNotFound()
      else reply.headers(page.headers).send(page.body)
    })
  }
}

/** A browser's stream of events can send no header; its fetch metadata say who asks. */
const isEvents = ({ method, headers }: FastifyRequest): boolean =>
  method === 'GET' &&
  headers.accept === 'text/event-stream' &&
  headers['sec-fetch-site'] === 'same-origin'

const hostIn = (origin: string): string => origin.replace(/^http:\/\//, '')

/** What a browser may call the listener. */
const namesOf = (address: TcpAddress): readonly string[] => [
  addressText(address),
  `localhost:${address.port}`,
]

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))

const API = '/api'
const ASKED = [`${API}/`, '/fhir/'] as const
/** Streams of several pages, and what they ask beside. */
const CONNECTIONS_MAX = 256
