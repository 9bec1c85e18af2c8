/**
 * What we use of `oidc-provider`, which brings no types of its own: declared from its documentation
 * and its code at the version that is locked. By its modules: its main one prints a warning on every
 * release of Node that is not yet one of long-term support.
 *
 * @module
 */

declare module 'oidc-provider/lib/provider.js' {
  import type { EventEmitter } from 'node:events'
  import type { IncomingMessage, ServerResponse } from 'node:http'

  /** What the library keeps in an adapter; it reads only what it wrote. */
  export interface AdapterPayload {
    readonly accountId?: string
    readonly clientId?: string
    /** When it was made, in seconds since 1970. */
    readonly iat?: number
    readonly grantId?: string
    readonly uid?: string
    readonly kind?: string
    readonly [name: string]: unknown
  }

  export interface Adapter {
    upsert(id: string, payload: AdapterPayload, expiresIn?: number): Promise<void>
    find(id: string): Promise<AdapterPayload | undefined>
    findByUid(uid: string): Promise<AdapterPayload | undefined>
    findByUserCode(userCode: string): Promise<AdapterPayload | undefined>
    destroy(id: string): Promise<void>
    consume(id: string): Promise<void>
    revokeByGrantId(grantId: string): Promise<void>
  }

  export interface Client {
    readonly clientId: string
    readonly clientAuthMethod: string
    readonly redirectUris: readonly string[]
    grantTypeAllowed(type: string): boolean
  }

  /** A code or a refresh token: what an access token is made from. */
  export interface GrantSource {
    readonly accountId: string
    readonly amr?: readonly string[]
    readonly authTime?: number
    readonly grantId: string
    readonly scope?: string
    readonly scopes: ReadonlySet<string>
    readonly remainingTTL: number
  }

  export interface AccessToken {
    readonly accountId: string
    readonly scope?: string
  }

  export class Grant {
    constructor(of: { readonly accountId: string; readonly clientId: string })
    readonly jti: string
    addOIDCScope(scope: string): void
    addResourceScope(resource: string, scope: string): void
    getOIDCScope(): string
    getResourceScope(resource: string): string
    save(): Promise<string>
  }

  export interface Session {
    readonly accountId?: string
    past(seconds: number): boolean
    destroy(): Promise<void>
  }

  export interface Interaction {
    readonly uid: string
    readonly returnTo: string
    readonly prompt: { readonly name: string; readonly reasons: readonly string[] }
    readonly params: Readonly<Record<string, string | undefined>>
    readonly session?: { readonly accountId?: string; readonly uid?: string }
    readonly result?: { readonly login?: Login }
    readonly lastSubmission?: { readonly login?: Login }
  }

  export interface Login {
    readonly accountId: string
    /** Seconds since 1970. */
    readonly ts: number
    readonly amr: readonly string[]
    readonly remember: boolean
  }

  export interface OidcContext {
    readonly route: string
    readonly client?: Client
    readonly session: Session
    readonly params?: Readonly<Record<string, string | undefined>>
    readonly result?: { readonly login?: Login; readonly consent?: { readonly grantId: string } }
    readonly provider: Provider
    readonly entities: {
      readonly Client?: Client
      readonly Grant?: Grant
      readonly AuthorizationCode?: GrantSource
      readonly RefreshToken?: GrantSource
      readonly RotatedRefreshToken?: GrantSource
      readonly AccessToken?: AccessToken
    }
  }

  export interface Context {
    readonly path: string
    readonly method: string
    status: number
    type: string
    body: unknown
    readonly oidc: OidcContext
  }

  export class Provider extends EventEmitter {
    constructor(issuer: string, configuration: Readonly<Record<string, unknown>>)
    readonly Grant: typeof Grant & { find(id: string): Promise<Grant | undefined> }
    readonly Session: { findByUid(uid: string): Promise<Session | undefined> }
    use(middleware: (context: Context, next: () => Promise<void>) => Promise<void>): this
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>
    interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<Interaction>
    interactionFinished(
      request: IncomingMessage,
      response: ServerResponse,
      result: Readonly<Record<string, unknown>>,
      options: { readonly mergeWithLastSubmission: boolean },
    ): Promise<void>
  }
}

declare module 'oidc-provider/lib/helpers/interaction_policy/index.js' {
  import type { Context } from 'oidc-provider/lib/provider.js'

  export class Check {
    constructor(reason: string, description: string, check: (context: Context) => boolean)
    readonly reason: string
  }
  export function base(): {
    get(name: string): { readonly checks: { add(check: Check): void; clear(): void } }
  }
}

declare module 'oidc-provider/lib/helpers/errors.js' {
  export class InvalidGrant extends Error {
    constructor(detail: string)
  }
  export class InvalidTarget extends Error {
    constructor(description?: string)
  }
  export class InvalidRequest extends Error {
    constructor(description: string)
  }
}
