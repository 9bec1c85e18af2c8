/**
 * Signing in by a provider of OpenID Connect outside: whom it vouches for, checked to the letter.
 *
 * Authorization code with PKCE, state and nonce, for one browser and once. The identity token is
 * checked as such: signature by the provider's keys of now, issuer, audience, time, nonce, and when
 * the person was last asked. Nothing else that the provider says is believed; what somebody may do
 * here, it is not asked.
 *
 * Stands before `SignIn.fromOutside`, which knows who that is here. Where a provider does not answer,
 * people sign in as if there were none.
 *
 * @see OpenID Connect Core 1.0 §3.1; RFC 9207 (issuer in answers); RFC 9700 §2.1, §4.4 (mix-up)
 * @module
 */

import { createPrivateKey, randomBytes } from 'node:crypto'
import type * as openid from 'openid-client'
import { epochMs, MINUTE_MS, noteOf, SECOND_MS, type Clock, type Log } from '#base'
import type { Arrival, ProviderConfiguration } from '#site'
import { GatewayRefusal } from '../refusal.ts'
import { Pace } from './pace.ts'
import { ForeignOrigin, outsideWay, readNear, type OutsideWay } from './outside-way.ts'

/** A provider as a page shows it. */
export interface ProviderButton {
  readonly name: string
  readonly title: string
}

/** A browser that is sent to a provider. */
export interface Departure {
  /** Where it goes. */
  readonly url: URL
  /** What it has to bring back, in a cookie. */
  readonly secret: string
}

/** What a browser brings back. */
export interface Return {
  readonly secret: string
  /** The provider that the address belongs to. */
  readonly name: string
  /** Query of the request. */
  readonly query: URLSearchParams
}

interface Visit {
  readonly provider: Provider
  readonly config: openid.Configuration
  readonly redirectUri: string
  readonly state: string
  readonly nonce: string
  readonly verifier: string
  /** How long before the departure somebody may have been asked there. */
  readonly maxAgeS: number
  /** What the sign-in is for, in the words of whoever began it. */
  readonly about: string
  readonly untilMs: number
}

interface Provider {
  readonly about: ProviderConfiguration
  readonly way: OutsideWay
  readonly secret: string | undefined
  readonly keyPem: string | undefined
}

/** Owns the connections to providers, and what is remembered of browsers that are under way. */
export class OutsideProviders implements Disposable {
  readonly #providers: ReadonlyMap<string, Provider>
  readonly #clock: Clock
  readonly #log: Log
  readonly #pace = new Pace(DEPARTURES_MAX)
  /** By secret, oldest first. */
  readonly #visits = new Map<string, Visit>()

  /** @throws GatewayRefusal `CONFIG_INVALID`, `PERMISSION_DENIED`, `CREDENTIALS_INVALID` */
  constructor(options: {
    readonly providers: readonly ProviderConfiguration[]
    /** Of the site: files count from here. */
    readonly folder: string
    readonly clock: Clock
    readonly log: Log
  }) {
    const { providers, folder, clock, log } = options
    this.#providers = new Map(providers.map((one) => [one.name, newProvider(one, folder)]))
    this.#clock = clock
    this.#log = log
    if (this.#providers.size === providers.length) return
    throw new GatewayRefusal('CONFIG_INVALID', 'Each of "people/providers" has a name of its own')
  }

  get buttons(): readonly ProviderButton[] {
    return [...this.#providers.values()].map(({ about: { name, title = name } }) => ({
      name,
      title,
    }))
  }

  /** Where browsers may be sent to. */
  get origins(): readonly string[] {
    return [...new Set([...this.#providers.values()].flatMap(({ way }) => way.origins))]
  }

  /**
   * Begins to sign somebody in.
   *
   * @param redirectUri   of this provider and listener, as registered there
   * @param source        where the browser is, for the count of those who begin
   * @param isAgain       whether the person is to be asked there anew
   * @throws GatewayRefusal `PROVIDER_UNKNOWN`, `PROVIDER_UNREACHABLE`
   */
  async depart(
    name: string,
    wish: {
      readonly redirectUri: string
      readonly about: string
      readonly source: string
      readonly isAgain?: boolean
    },
  ): Promise<Departure> {
    const provider = this.#named(name)
    const { redirectUri, about, source, isAgain = false } = wish
    if (!this.#pace.allows(source, this.#clock.now())) {
      throw new GatewayRefusal('PROVIDER_UNREACHABLE', 'Too many begin to sign in just now')
    }
    const client = await import('openid-client')
    const config = await this.#told(provider, () => this.#configOf(provider))
    const [state, nonce] = [client.randomState(), client.randomNonce()]
    const verifier = client.randomPKCECodeVerifier()
    const { acr = [] } = provider.about.secondFactor ?? {}
    const maxAgeS = isAgain ? 0 : FRESH_S
    const url = client.buildAuthorizationUrl(config, {
      ...{ redirect_uri: redirectUri, scope: 'openid', state, nonce, max_age: String(maxAgeS) },
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...(acr.length === 0 ? {} : { acr_values: acr.join(' ') }),
      ...(isAgain ? { prompt: 'login' } : {}),
    })
    const secret = randomBytes(SECRET_OCTETS).toString('base64url')
    const untilMs = this.#clock.monotonicMs() + VISIT_MS
    const visit = { provider, config, redirectUri, state, nonce, verifier, about, untilMs }
    this.#visits.set(secret, { ...visit, maxAgeS })
    this.#forget()
    return { url, secret }
  }

  /** What the sign-in of a browser that is under way is for. */
  aboutOf(secret: string): string | undefined {
    return this.#visits.get(secret)?.about
  }

  /**
   * What a browser has brought back from a provider.
   *
   * @returns whom the provider vouches for
   * @throws GatewayRefusal `PROVIDER_UNREACHABLE`, `PROVIDER_REFUSED`, `LOGIN_REFUSED`
   */
  async arrive(back: Return): Promise<Arrival> {
    const visit = this.#visits.get(back.secret)
    this.#visits.delete(back.secret)
    const isUnderWay = visit !== undefined && this.#clock.monotonicMs() < visit.untilMs
    if (!isUnderWay || visit.provider.about.name !== back.name) {
      throw new GatewayRefusal('LOGIN_REFUSED', 'This sign-in was not begun here, or is over')
    }
    const { provider, config, redirectUri } = visit
    const url = new URL(redirectUri)
    url.search = back.query.toString()
    // Asked at the departure or lately before it; whoever takes time over there is asked no less.
    const awayMs = this.#clock.monotonicMs() - (visit.untilMs - VISIT_MS)
    const maxAge = visit.maxAgeS + Math.ceil(awayMs / SECOND_MS) + SKEW_S
    const { authorizationCodeGrant } = await import('openid-client')
    const tokens = await this.#told(provider, () =>
      authorizationCodeGrant(config, url, {
        ...{ expectedState: visit.state, expectedNonce: visit.nonce, idTokenExpected: true },
        ...{ pkceCodeVerifier: visit.verifier, maxAge },
      }),
    )
    const claims = tokens.claims()
    const subject = claims?.[provider.about.claim]
    if (claims === undefined || typeof subject !== 'string' || !SUBJECT.test(subject)) {
      throw refused(provider, 'its identity token does not name the person')
    }
    const { name, issuer, secondFactor } = provider.about
    const askedAt = epochMs(Math.min(Number(claims.auth_time) * 1000, this.#clock.now()))
    const counts = secondFactor !== undefined && isShown(claims, secondFactor)
    const shown = counts ? { secondFactorAt: askedAt } : {}
    return { issuer, subject, provider: name, needsFactor: secondFactor !== undefined, ...shown }
  }

  [Symbol.dispose](): void {
    for (const { way } of this.#providers.values()) way.close()
  }

  #named(name: string): Provider {
    const provider = this.#providers.get(name)
    if (provider !== undefined) return provider
    throw new GatewayRefusal('PROVIDER_UNKNOWN', 'No provider of this name is in the configuration')
  }

  /** The provider as it is now: its document and, later, its keys are asked for at each sign-in. */
  async #configOf(provider: Provider): Promise<openid.Configuration> {
    const client = await import('openid-client')
    const { about, way } = provider
    const { issuer, clientId } = about
    const proof = await proofOf(client, provider)
    const config = await client.discovery(new URL(issuer), clientId, {}, proof, {
      [client.customFetch]: way.fetch,
      timeout: TIMEOUT_S,
      // Else TLS alone would say that an identity token is the provider's.
      execute: [client.enableNonRepudiationChecks],
    })
    checkPlaces(config.serverMetadata(), provider)
    return config
  }

  /** Tells the log, and whoever waits, that a provider has failed; never what it said. */
  async #told<T>({ about }: Provider, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      const isAway = isUnanswered(error)
      const { code } = noteOf(error)
      const reason = error instanceof ForeignOrigin ? 'foreign-origin' : codeOf(error)
      this.#log.write('warning', 'outside-failed', { from: about.name, code, reason })
      if (error instanceof GatewayRefusal) throw error
      const facts = { provider: about.name, reason }
      const options = { cause: error, facts }
      throw isAway
        ? new GatewayRefusal('PROVIDER_UNREACHABLE', AWAY, options)
        : new GatewayRefusal('PROVIDER_REFUSED', NO_PROOF, options)
    }
  }

  #forget(): void {
    const now = this.#clock.monotonicMs()
    for (const [secret, { untilMs }] of this.#visits) {
      if (untilMs <= now) this.#visits.delete(secret)
    }
    for (const oldest of [...this.#visits.keys()].slice(0, -VISITS_MAX)) this.#visits.delete(oldest)
  }
}

function newProvider(about: ProviderConfiguration, folder: string): Provider {
  const { name, clientSecretFile, clientKeyFile } = about
  if ((clientSecretFile === undefined) === (clientKeyFile === undefined)) {
    const why = `The provider ${name} takes "clientSecretFile" or "clientKeyFile", one of them`
    throw new GatewayRefusal('CONFIG_INVALID', why)
  }
  const keyPem = clientKeyFile === undefined ? undefined : readNear(folder, clientKeyFile)
  if (keyPem !== undefined) algorithmOf(keyPem)
  const secret = clientSecretFile && readNear(folder, clientSecretFile).trim()
  return { about, way: outsideWay(about, folder), secret, keyPem }
}

/** How this site proves itself to a provider. */
async function proofOf(
  client: typeof openid,
  { secret, keyPem }: Provider,
): Promise<openid.ClientAuth> {
  if (keyPem === undefined) return client.ClientSecretBasic(secret)
  const { namedCurve } = algorithmOf(keyPem)
  const der = createPrivateKey(keyPem).export({ format: 'der', type: 'pkcs8' })
  const algorithm = { name: 'ECDSA', namedCurve }
  const key = await globalThis.crypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign'])
  return client.PrivateKeyJwt(key)
}

/** @throws GatewayRefusal `CREDENTIALS_INVALID` */
function algorithmOf(pem: string): { readonly namedCurve: string } {
  try {
    const { asymmetricKeyDetails } = createPrivateKey(pem)
    const namedCurve = CURVES[asymmetricKeyDetails?.namedCurve ?? '']
    if (namedCurve !== undefined) return { namedCurve }
  } catch (cause) {
    throw new GatewayRefusal('CREDENTIALS_INVALID', BAD_KEY, { cause })
  }
  throw new GatewayRefusal('CREDENTIALS_INVALID', BAD_KEY)
}

/** @throws ForeignOrigin if a document names an address that the configuration does not */
function checkPlaces(metadata: openid.ServerMetadata, { way }: Provider): void {
  const { authorization_endpoint, token_endpoint, jwks_uri } = metadata
  for (const place of [authorization_endpoint, token_endpoint, jwks_uri]) {
    const origin = URL.parse(place ?? '')?.origin ?? ''
    if (!way.origins.includes(origin)) throw new ForeignOrigin()
  }
}

/** Whether what counts as a second factor was shown there. */
function isShown(
  { acr, amr }: openid.IDToken,
  wanted: NonNullable<ProviderConfiguration['secondFactor']>,
): boolean {
  const means: readonly unknown[] = Array.isArray(amr) ? amr : []
  const byMeans = wanted.amr.length > 0 && wanted.amr.every((one) => means.includes(one))
  return byMeans || (typeof acr === 'string' && wanted.acr.includes(acr))
}

/** Whether nobody answered, or not as one does who can be asked. */
function isUnanswered(error: unknown): boolean {
  const reasons = ['NotReached', 'AnswerTooLong', 'TimeoutError', 'AbortError']
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (reasons.includes(at.name) || /^(?:ECONN|ETIMEDOUT|EPIPE)/.test(codeOf(at))) return true
  }
  return codeOf(error) === 'OAUTH_RESPONSE_IS_NOT_CONFORM'
}

const codeOf = (error: unknown): string => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code.slice(0, 64) : 'unknown'
}

const refused = ({ about }: Provider, why: string): GatewayRefusal =>
  new GatewayRefusal('PROVIDER_REFUSED', `The provider vouches for nobody: ${why}`, {
    facts: { provider: about.name },
  })

const CURVES: Readonly<Partial<Record<string, string>>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
}
const BAD_KEY = 'Expected a private key of P-256 or P-384 in PEM to prove this site by'
const AWAY = 'The provider does not answer: sign in with your name and password here'
const NO_PROOF = 'What the provider answered does not prove who you are: begin again'
/** Visible and at most 255 characters (OpenID Connect Core 1.0 §2). */
const SUBJECT = /^[\x21-\x7e]{1,255}$/
const SECRET_OCTETS = 32
const VISIT_MS = 10 * MINUTE_MS
const VISITS_MAX = 1024
/** Of one address in a minute. A clinic may stand behind one. */
const DEPARTURES_MAX = 60
/** How long ago somebody may have been asked there at most, in seconds. */
const FRESH_S = 900
/** The clocks of two machines are no closer than this. */
const SKEW_S = 30
const TIMEOUT_S = 10
