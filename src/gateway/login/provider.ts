/**
 * The authorization server of a site: OpenID Connect and SMART App Launch by `oidc-provider`.
 *
 * Authorization code with PKCE (S256) alone. Access tokens are the site's own, checked on the FHIR
 * server like any other; they name the grant they were given under, and are void with it. Refresh
 * tokens are good once: one that comes twice ends the grant. Each authorization asks for consent
 * and makes a grant of its own, for each is about one patient.
 *
 * @see RFC 6749, RFC 7636, RFC 9207, RFC 9700; OpenID Connect Core 1.0; SMART App Launch 2.2.0
 * @module
 */

import { InvalidRequest, InvalidTarget } from 'oidc-provider/lib/helpers/errors.js'
import { base, Check } from 'oidc-provider/lib/helpers/interaction_policy/index.js'
import { Provider, type Context, type GrantSource } from 'oidc-provider/lib/provider.js'
import { noteOf, type Log } from '#base'
import type { Authorizing } from '#site'
import { adapterFor } from './adapter.ts'
import { contextOf } from './launch-context.ts'
import { SECOND_FACTOR } from './interaction.ts'
import { errorPage } from './pages.ts'

export interface ProviderInput {
  readonly authorizing: Authorizing
  readonly keys: Awaited<ReturnType<Authorizing['keys']>>
  readonly log: Log
}

/** The server, for as long as these keys are those of the site. */
export function newProvider({ authorizing, keys, log }: ProviderInput): Provider {
  const { places } = authorizing
  const provider = new Provider(places.issuer, {
    ...FIXED,
    adapter: (sort: string) => adapterFor(sort, authorizing),
    jwks: {
      keys: keys.map(({ kid, privateKey }) => {
        return { ...privateKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' }
      }),
    },
    findAccount: (_context: Context, id: string) => accountOf(id, authorizing),
    features: featuresOf(authorizing),
    extraParams: {
      launch: undefined,
      aud: (_context: Context, aud: string | undefined) => checkAudience(aud, places.base),
    },
    extraTokenClaims: async ({ oidc }: Context) => {
      const source = oidc.entities.RefreshToken ?? oidc.entities.AuthorizationCode
      return source === undefined ? {} : await tokenClaims(source, authorizing)
    },
    interactions: {
      policy: policy(),
      url: (_context: Context, { uid }: { uid: string }) => `/auth/sign-in/${uid}`,
    },
    renderError: (context: Context, out: { error: string; error_description?: string }) => {
      context.type = 'html'
      context.body = errorPage(out.error, out.error_description)
    },
  })
  provider.use(async (context, next) => {
    await next()
    if (context.status !== 200) return
    if (context.path === FIXED.routes.token) await completeTokens(context, authorizing)
    if (context.path.startsWith('/.well-known/')) completeDiscovery(context)
  })
  const failed = (_context: unknown, error: unknown): void =>
    log.write('error', 'sign-on-failed', { code: noteOf(error).code })
  provider.on('server_error', failed)
  provider.on('error', (error: unknown) => failed(undefined, error))
  provider.on('grant.revoked', ({ oidc }: Context) => {
    const { RefreshToken, AuthorizationCode, Client } = oidc.entities
    const person = (RefreshToken ?? AuthorizationCode)?.accountId ?? 'nobody'
    const told = authorizing.note('app.revoked', person, { app: Client?.clientId ?? '' })
    told.catch((error: unknown) => failed(undefined, error))
  })
  return provider
}

/** Whoever has signed in; nobody who may not come in any more. */
async function accountOf(id: string, authorizing: Authorizing) {
  const person = await authorizing.personOf(id)
  if (person === undefined) return undefined
  const { name, references } = person
  const reference = references.at(0)
  const fhirUser =
    reference === undefined ? {} : { fhirUser: `${authorizing.places.base}/${reference}` }
  return { accountId: id, claims: () => Promise.resolve({ sub: id, name, ...fhirUser }) }
}

/** What an access token says beside what every one says. */
async function tokenClaims(source: GrantSource, authorizing: Authorizing) {
  const { patient } = await contextOf(authorizing, source.grantId)
  const { amr = [], authTime, grantId } = source
  return {
    ...{ site: authorizing.site, grant: grantId },
    ...(patient === undefined ? {} : { patient }),
    ...(authTime !== undefined && amr.includes(SECOND_FACTOR) ? { mfa_at: authTime } : {}),
  }
}

/** Adds the launch context to an answer with tokens, and says all that was granted. */
async function completeTokens({ body, oidc }: Context, authorizing: Authorizing): Promise<void> {
  const { Grant: grant, AccessToken: token, Client: client } = oidc.entities
  if (grant === undefined || token === undefined || typeof body !== 'object' || body === null)
    return
  const { patient } = await contextOf(authorizing, grant.jti)
  const scope = [...grant.getOIDCScope().split(' '), ...(token.scope ?? '').split(' ')]
  const granted = scope.filter((one) => one !== '')
  Object.assign(body, {
    scope: granted.join(' '),
    ...(patient === undefined ? {} : { patient, need_patient_banner: true }),
  })
  const facts = { app: client?.clientId ?? '', scopes: granted.length }
  await authorizing.note('app.token', token.accountId, facts)
}

/** What is not served by the library, or not served at all. */
function completeDiscovery({ body }: Context): void {
  if (typeof body !== 'object' || body === null) return
  Object.assign(body, {
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials'],
  })
}

function featuresOf(authorizing: Authorizing) {
  const { base } = authorizing.places
  const off = { enabled: false }
  return {
    ...{ devInteractions: off, dPoP: off, userinfo: off, pushedAuthorizationRequests: off },
    rpInitiatedLogout: off,
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => base,
      useGrantedResource: () => true,
      getResourceServerInfo: async ({ oidc }: Context, resource: string) => {
        if (resource !== base) throw new InvalidTarget('tokens are for this FHIR server')
        const { Grant: grant, Client: client } = oidc.entities
        const app = client && (await authorizing.appOf(client.clientId))
        // Asked for now, or granted then: either way no more than the app may have today.
        const asked =
          oidc.route === 'token' ? grant?.getResourceScope(base) : oidc.params?.['scope']
        const scope = app === undefined ? '' : authorizing.grantedText(app, asked ?? '')
        const jwt = { sign: { alg: 'ES256' } }
        return { audience: base, scope, accessTokenTTL: TOKEN_S, accessTokenFormat: 'jwt', jwt }
      },
    },
  }
}

/** Signing in again after a while, and consent each time. */
function policy() {
  const own = base()
  const isStale = ({ oidc }: Context): boolean =>
    oidc.result?.login === undefined && oidc.session.past(FRESH_S)
  own.get('login').checks.add(new Check('stale', 'The last sign-in was a while ago', isStale))
  const { checks } = own.get('consent')
  checks.clear()
  const isUnasked = ({ oidc }: Context): boolean => oidc.result?.consent === undefined
  checks.add(new Check('unasked', 'Consent has to be given', isUnasked))
  return own
}

/** A token for one site is asked for at that site (SMART App Launch, `aud`). */
function checkAudience(aud: string | undefined, base: string): void {
  if (aud === undefined || aud.replace(/\/$/, '') === base.replace(/\/$/, '')) return
  throw new InvalidRequest('aud is not the FHIR server of this site')
}

const MINUTE_S = 60
const HOUR_S = 60 * MINUTE_S
const DAY_S = 24 * HOUR_S
/** An hour is the most that a token lives; it ends with its grant. */
const TOKEN_S = HOUR_S
/** A shift, as the console has it. */
const SESSION_S = 12 * HOUR_S
const GRANT_S = 14 * DAY_S
/** For how long one sign-in is enough for several apps. */
const FRESH_S = 15 * MINUTE_S

const isOffline = ({ scopes }: GrantSource): boolean => scopes.has('offline_access')
const isOnline = ({ scopes }: GrantSource): boolean => scopes.has('online_access')

const FIXED = {
  routes: { authorization: '/authorize', token: '/token', jwks: '/jwks', revocation: '/revoke' },
  scopes: [
    ...['openid', 'fhirUser', 'profile', 'launch', 'launch/patient'],
    ...['offline_access', 'online_access'],
  ],
  claims: { openid: ['sub', 'amr', 'auth_time'], fhirUser: ['fhirUser'], profile: ['name'] },
  responseTypes: ['code'],
  pkce: { required: () => true },
  enableHttpPostMethods: false,
  allowOmittingSingleRegisteredRedirectUri: false,
  conformIdTokenClaims: false,
  clientAuthMethods: ['none', 'private_key_jwt'],
  clientDefaults: {
    id_token_signed_response_alg: 'ES256',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  },
  enabledJWA: {
    clientAuthSigningAlgValues: ['ES384', 'RS384', 'ML-DSA-65', 'ML-DSA-87'],
    idTokenSigningAlgValues: ['ES256'],
  },
  clientBasedCORS: (_context: Context, origin: string, client: { redirectUris: string[] }) =>
    client.redirectUris.some((uri) => URL.parse(uri)?.origin === origin),
  cookies: {
    names: {
      session: 'photonward_sign_on',
      interaction: 'photonward_sign_in',
      resume: 'photonward_resume',
    },
    long: { httpOnly: true, sameSite: 'lax', secure: true, path: '/auth' },
    short: { httpOnly: true, sameSite: 'lax', secure: true },
  },
  rotateRefreshToken: () => true,
  issueRefreshToken: (_context: Context, _client: unknown, source: GrantSource) =>
    isOffline(source) || isOnline(source),
  expiresWithSession: (_context: Context, source: GrantSource) =>
    isOnline(source) && !isOffline(source),
  loadExistingGrant: ({ oidc }: Context) => {
    const grantId = oidc.result?.consent?.grantId
    return grantId === undefined ? undefined : oidc.provider.Grant.find(grantId)
  },
  ttl: {
    AccessToken: TOKEN_S,
    AuthorizationCode: MINUTE_S,
    Grant: GRANT_S,
    IdToken: HOUR_S,
    Interaction: 10 * MINUTE_S,
    RefreshToken: ({ oidc }: Context, token: GrantSource) =>
      // A new one lives no longer than the one that it replaces.
      oidc.entities.RotatedRefreshToken?.remainingTTL ?? (isOffline(token) ? GRANT_S : SESSION_S),
    Session: SESSION_S,
  },
}
