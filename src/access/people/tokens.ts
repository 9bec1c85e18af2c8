/**
 * Tokens of a site: given to backend services, and what a token that comes back says of its bearer.
 *
 * Who may do what is looked up when a token is used, not written into it: whoever is suspended, and
 * an app that is taken away, is out at once. A bearer token is good for whoever holds it: it travels
 * under TLS alone, lives for five minutes where a service can ask for another, and is in no log. One
 * in the name of a person is good as long as what the person has granted stands.
 *
 * @see SMART App Launch 2.2.0, Backend Services; RFC 6749 §4.4; RFC 7523; RFC 6750
 * @module
 */

import { newUuid, type Clock, type RandomSource, type SiteId } from '#base'
import type { AuditTrail } from '#audit'
import { issueAccessToken, verifyAccessToken } from '../access-token.ts'
import { verifyClientAssertion, type OnceOnly } from '../client-assertion.ts'
import type { Caller } from '../caller.ts'
import type { Principal } from '../model.ts'
import { AccessRefusal } from '../refusal.ts'
import { ANYBODY } from '../relations.ts'
import { narrowScopes, readScopes, scopeText } from '../scopes.ts'
import { peekToken } from '../signed-tokens.ts'
import { keysOf, type App, type Apps } from './apps.ts'
import type { Authorizations } from './authorizations.ts'
import type { People } from './people.ts'
import type { TokenKeys } from './token-keys.ts'

export interface TokensInput {
  readonly site: SiteId
  readonly clock: Clock
  readonly random: RandomSource
  readonly audit: AuditTrail
  readonly once: OnceOnly
  readonly people: People
  readonly apps: Apps
  readonly keys: TokenKeys
  /** What people have granted to apps. */
  readonly authorizations: Authorizations
  /** As tokens name this site's authorization server. */
  readonly issuer: string
  /** What tokens are for: the base URL of the FHIR server. */
  readonly audience: string
  /** Where tokens are asked for. */
  readonly tokenUrl: string
}

/** Somebody who holds a good token, or has signed in: a caller, but for the purpose. */
export type Bearer = Omit<Caller, 'purpose'>

/** What the token endpoint says (RFC 6749 §5). */
export type TokenAnswer =
  | {
      readonly kind: 'granted'
      readonly accessToken: string
      readonly seconds: number
      readonly scope: string
    }
  | { readonly kind: 'refused'; readonly error: TokenError; readonly description: string }

export type TokenError =
  'invalid_request' | 'invalid_client' | 'invalid_scope' | 'unsupported_grant_type'

export class Tokens {
  readonly #input: TokensInput

  constructor(input: TokensInput) {
    this.#input = input
  }

  /** Answers a backend service that asks for a token with a signed assertion. */
  async grant(form: URLSearchParams): Promise<TokenAnswer> {
    const names = [...form.keys()]
    if (new Set(names).size < names.length) return refused('invalid_request', 'Said twice')
    if (form.get('grant_type') !== 'client_credentials') {
      return refused('unsupported_grant_type', 'Expected client_credentials')
    }
    const assertion = form.get('client_assertion')
    if (form.get('client_assertion_type') !== ASSERTION_TYPE || assertion === null) {
      return refused('invalid_client', 'Expected a client_assertion of type jwt-bearer')
    }
    const app = await this.#proven(assertion)
    if (app === undefined) return refused('invalid_client', 'The assertion does not prove a client')
    let asked
    try {
      asked = readScopes(form.get('scope') ?? '').scopes
    } catch {
      return refused('invalid_scope', 'The scopes are not well formed')
    }
    const granted = narrowScopes(asked, readScopes(app.scope).scopes)
    if (granted.length === 0) return refused('invalid_scope', 'None of these scopes is registered')
    return await this.#issue(app, granted.map(scopeText).join(' '))
  }

  /**
   * Who holds this token, as of now.
   *
   * @throws AccessRefusal `ACCESS_TOKEN_INVALID`
   */
  async bearerOf(text: string): Promise<Bearer> {
    const { site, clock, keys, issuer, audience, people, apps, authorizations } = this.#input
    const own = await keys.all()
    const issuers = new Map([[issuer, own]])
    const token = await verifyAccessToken(text, { issuers, audience, site, at: clock.now() })
    const app = await apps.of(token.client)
    // One of this name that was taken away, and is there again, is another app.
    if (app === undefined || token.facts.notBefore < wholeSeconds(app.since)) {
      throw withdrawn('client')
    }
    const { facts, secondFactorAt, client } = token
    if (app.kind === 'backend') {
      if (token.subject !== client) throw withdrawn('subject')
      const principal = serviceOf(client)
      const flows = [{ kind: 'declared-flow', patient: ANYBODY, with: client } as const]
      return { principal, token: facts, flows, actor: client, who: { client } }
    }
    const { grant, subject } = token
    if (grant === undefined || !(await authorizations.stands(grant, { person: subject, client }))) {
      throw withdrawn('grant')
    }
    const principal = await this.#principalOf(subject)
    const person = principal.references.at(0)
    return {
      ...{ principal, token: facts, flows: await people.tiesOf(principal.id) },
      ...(secondFactorAt === undefined ? {} : { secondFactorAt }),
      actor: principal.id,
      who: { client, ...(person === undefined ? {} : { person }) },
    }
  }

  async #principalOf(id: string): Promise<Principal> {
    const { people } = this.#input
    if ((await people.find(id)) === undefined) throw withdrawn('subject')
    return await people.principalOf(id)
  }

  async #proven(assertion: string): Promise<App | undefined> {
    const { apps, once, tokenUrl, clock } = this.#input
    const parts = peekToken(assertion)
    const named = parts.kind === 'parts' ? parts.claims['iss'] : undefined
    const app = typeof named === 'string' ? await apps.of(named) : undefined
    if (app?.kind !== 'backend') return undefined
    const clients = (client: string) => (client === app.client ? keysOf(app) : undefined)
    try {
      await verifyClientAssertion(assertion, { clients, tokenUrl, once, at: clock.now() })
      return app
    } catch (error) {
      if (error instanceof AccessRefusal) return undefined
      throw error
    }
  }

  async #issue({ client }: App, scope: string): Promise<TokenAnswer> {
    const { site, issuer, audience, clock, random, keys, audit } = this.#input
    const at = clock.now()
    const [signer] = await keys.all()
    const accessToken = await issueAccessToken(
      {
        ...{ issuer, audience, site, scope, at, client, subject: client },
        ...{ tokenId: newUuid(random), lifetimeMs: SERVICE_MS },
      },
      signer,
    )
    // Not which: scopes name types of FHIR, and nothing of FHIR is readable in the log.
    const facts = { scopes: scope.split(' ').length }
    await audit.record({ kind: 'app.token', at, actor: client, facts })
    return { kind: 'granted', accessToken, seconds: SERVICE_MS / 1000, scope }
  }
}

const serviceOf = (client: string): Principal => ({
  ...{ id: client, kind: 'service', roles: ['service'], references: [`client:${client}`] },
  ...{ careTeams: [], employment: 'none', clearances: [], delegations: [] },
})

const refused = (error: TokenError, description: string): TokenAnswer => ({
  ...{ kind: 'refused', error, description },
})

const withdrawn = (why: string): AccessRefusal =>
  new AccessRefusal('ACCESS_TOKEN_INVALID', 'The access token is not valid here', {
    facts: { why },
  })

/** Tokens say times in whole seconds. */
const wholeSeconds = (at: number): number => Math.floor(at / 1000) * 1000

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const SERVICE_MS = 5 * 60_000
