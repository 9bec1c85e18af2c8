/**
 * The authorization server on the listener of FHIR: everything below `/auth/`, but for the tokens of
 * backend services, which the site gives out itself.
 *
 * Each request is bounded by the listener. The host name that a client claims is never believed:
 * addresses are made from the configuration. Pages run one script of ours and may not be framed;
 * their forms go to this origin, and on to where the app has registered.
 *
 * @module
 */

import { IncomingMessage, type ServerResponse } from 'node:http'
import type { Provider } from 'oidc-provider/lib/provider.js'
import { noteOf, type Log } from '#base'
import type { Authorizing } from '#site'
import type { OutsideDesk } from './arrivals.ts'
import { answerStep, type StepPage } from './interaction.ts'
import { takeIn } from './outside-step.ts'
import { Pace } from './pace.ts'
import { errorPage, STYLE } from './pages.ts'
import { PASSKEY_SCRIPT } from './passkey-script.ts'

/** A request that a listener has taken in whole. */
export interface WholeRequest {
  readonly raw: IncomingMessage
  readonly response: ServerResponse
  readonly body: Uint8Array
}

/** Owns the server made for the keys that stand. */
export class SignOnServer {
  readonly #authorizing: Authorizing
  readonly #log: Log
  readonly #outside: OutsideDesk | undefined
  readonly #pace = new Pace(BEGINNINGS_MAX)
  #provider: { readonly kids: string; readonly provider: Provider } | undefined

  /** @param outside   left out where people sign in here alone */
  constructor(authorizing: Authorizing, log: Log, outside?: OutsideDesk) {
    this.#authorizing = authorizing
    this.#log = log
    this.#outside = outside
  }

  /** Whether a request is for this server. */
  isFor({ url = '/', method }: IncomingMessage, body: Uint8Array): boolean {
    const path = pathOf(url)
    if (!path.startsWith(PREFIX)) return false
    // A backend service has no person: the site answers it.
    return path !== `${PREFIX}token` || (method === 'POST' && grantTypeOf(body) !== SERVICE)
  }

  /** Answers it. Never rejects. */
  async answer(whole: WholeRequest): Promise<void> {
    const { response } = whole
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value)
    try {
      const page = await this.#answer(whole)
      if (page === undefined) return
      response.setHeader('content-security-policy', this.#policyFor(page))
      response.writeHead(page.status, HTML_TYPE).end(page.body)
    } catch (error) {
      this.#log.write('error', 'sign-on-failed', { code: noteOf(error).code })
      if (response.headersSent) response.destroy()
      else response.writeHead(500, HTML_TYPE).end(errorPage('server_error'))
    }
  }

  async #answer(whole: WholeRequest): Promise<StepPage> {
    const { raw, response, body } = whole
    const path = pathOf(raw.url ?? '/')
    if (path === `${PREFIX}style.css`) {
      response.writeHead(200, { 'content-type': 'text/css; charset=utf-8' }).end(STYLE)
      return undefined
    }
    if (path === `${PREFIX}passkey.js`) {
      const headers = { 'content-type': 'text/javascript; charset=utf-8' }
      response.writeHead(200, headers).end(PASSKEY_SCRIPT)
      return undefined
    }
    const mode = new URLSearchParams(raw.url?.split('?')[1]).get('response_mode') ?? 'query'
    if (mode !== 'query') {
      const why = 'Codes come back in the query alone'
      return { status: 400, body: errorPage('unsupported_response_mode', why) }
    }
    const source = raw.socket.remoteAddress ?? 'unknown'
    const begins = path === `${PREFIX}authorize`
    if (begins && !this.#pace.allows(source, this.#authorizing.now())) {
      return { status: 429, body: errorPage('slow_down', 'Too many begin to sign in just now') }
    }
    if (path.startsWith(`${PREFIX}from/`)) return await this.#takeIn(whole)
    const provider = await this.#current()
    const request = await this.#insider(raw, body)
    if (!path.startsWith(`${PREFIX}sign-in/`)) {
      await provider.callback()(request, response)
      return undefined
    }
    const isForm = raw.method === 'POST'
    if (isForm && !this.#isOwnForm(raw)) {
      return { status: 403, body: errorPage('access_denied', 'This form is not ours') }
    }
    const form = isForm ? new URLSearchParams(new TextDecoder().decode(body)) : undefined
    const authorizing = this.#authorizing
    try {
      const outside = this.#outside
      return await answerStep({ provider, authorizing, outside, request, response, form, source })
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'SessionNotFound') throw error
      return { status: 400, body: errorPage('session_over', 'This sign-in is over') }
    }
  }

  async #takeIn({ raw, response }: WholeRequest): Promise<StepPage> {
    const isTaken =
      this.#outside !== undefined &&
      raw.method === 'GET' &&
      (await takeIn(this.#outside, raw, response))
    if (isTaken) return undefined
    return { status: 400, body: errorPage('session_over', 'This sign-in is over') }
  }

  /** One script of ours, no frame; forms that go here, and over a redirection to the app. */
  #policyFor({ leadsTo = '' }: NonNullable<StepPage>): string {
    const { origin } = new URL(this.#authorizing.places.issuer)
    const script = `script-src ${origin}${PREFIX}passkey.js`
    return `${POLICY}; ${script}; form-action 'self' ${leadsTo}`
  }

  /** Whether a browser says that a form was sent by a page of ours. */
  #isOwnForm({ headers }: IncomingMessage): boolean {
    const { origin, 'sec-fetch-site': site = 'same-origin' } = headers
    const own = new URL(this.#authorizing.places.issuer).origin
    return origin === own && site === 'same-origin'
  }

  /** The server for the keys of today: they change each quarter. */
  async #current(): Promise<Provider> {
    const keys = await this.#authorizing.keys()
    const kids = keys.map(({ kid }) => kid).join(' ')
    if (this.#provider?.kids !== kids) {
      // Loaded where somebody signs in for an app: most of what a daemon does needs none of it.
      const { newProvider } = await import('./provider.ts')
      const made = newProvider({ authorizing: this.#authorizing, keys, log: this.#log })
      this.#provider = { kids, provider: made }
    }
    return this.#provider.provider
  }

  /** The request as the server is to see it: below its own prefix, at its own name, with its body. */
  async #insider(raw: IncomingMessage, body: Uint8Array): Promise<IncomingMessage> {
    const url = await this.#narrowed((raw.url ?? '/').slice(PREFIX.length - 1))
    const request = new IncomingMessage(raw.socket)
    const host = new URL(this.#authorizing.places.issuer).host
    Object.assign(request, {
      // Else its end would be taken for that of the connection.
      complete: true,
      ...{ method: raw.method, url, httpVersion: raw.httpVersion, baseUrl: PREFIX.slice(0, -1) },
      headers: { ...raw.headers, host },
    })
    if (body.length > 0) request.push(body)
    request.push(null)
    return request
  }

  /**
   * Scopes as they may be granted: narrowed to what the app has registered, version 1 as version 2.
   * To stay while a person is away always takes consent, which the library wants asked for.
   */
  async #narrowed(url: string): Promise<string> {
    const { pathname, searchParams: query } = new URL(url, 'https://site.invalid')
    const [scope, client] = ['scope', 'client_id'].map((name) => query.getAll(name))
    // Whatever is said twice, the library refuses.
    if (pathname !== '/authorize' || scope.length !== 1 || client.length !== 1) return url
    const app = await this.#authorizing.appOf(client[0])
    if (app === undefined) return url
    const granted = this.#authorizing.grantedText(app, scope[0])
    query.set('scope', granted)
    if (granted.split(' ').includes('offline_access') && !query.has('prompt')) {
      query.set('prompt', 'consent')
    }
    return `${pathname}?${query.toString()}`
  }
}

const pathOf = (url: string): string => url.split('?')[0] ?? '/'

const grantTypeOf = (body: Uint8Array): string | null =>
  new URLSearchParams(new TextDecoder().decode(body)).get('grant_type')

const POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"

const PREFIX = '/auth/'
/** Of one address in a minute. */
const BEGINNINGS_MAX = 300
const HTML_TYPE = { 'content-type': 'text/html; charset=utf-8' }
const SERVICE = 'client_credentials'
const HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': `${POLICY}; form-action 'self'`,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  // Not `no-referrer`: forms would come from the origin "null".
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
}
