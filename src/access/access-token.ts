/**
 * Access tokens: checked when they come in, issued where a site is its own authorization server.
 *
 * A token says who asks, through which client and within which scopes; what this person may do is
 * looked up here, not in the token. Valid is what an issuer that this site trusts signed, for this
 * audience and this site, for an hour at most. A stolen token is good until it expires, or until
 * the session behind it is revoked, which the host looks up by `tokenId`.
 *
 * @see RFC 9068 (JWT access tokens), SMART App Launch 2.2.0
 * @module
 */

import { assert, door, epochMs, HOUR_MS, Text, Type, type EpochMs, type SiteId } from '#base'
import type { TokenFacts } from './model.ts'
import { AccessRefusal } from './refusal.ts'
import { readScopes, type ScopeList } from './scopes.ts'
import {
  ClaimShapes,
  meant,
  peekToken,
  signerOf,
  signToken,
  type TokenKey,
  type TokenSigner,
} from './signed-tokens.ts'

/** What a valid access token says. */
export interface AccessToken {
  readonly issuer: string
  /** Whoever asks, by the issuer's identifier. */
  readonly subject: string
  readonly client: string
  readonly tokenId: string
  /** What somebody has granted to the client, for a token in the name of a person. */
  readonly grant?: string
  readonly list: ScopeList
  /** When a second factor was shown, if one was. */
  readonly secondFactorAt?: EpochMs
  /** For `AccessContext.token`. */
  readonly facts: TokenFacts
}

/** What this site accepts. */
export interface TokenPolicy {
  /** Keys of each issuer that is trusted, by its exact name. */
  readonly issuers: ReadonlyMap<string, readonly TokenKey[]>
  /** What tokens for us name as audience: the base URL of the FHIR API. */
  readonly audience: string
  readonly site: SiteId
  readonly at: EpochMs
}

/** What a token of ours is to say. */
export interface TokenGrant {
  readonly issuer: string
  readonly subject: string
  readonly client: string
  readonly audience: string
  readonly site: SiteId
  readonly tokenId: string
  /** As granted: see `narrowScopes`. */
  readonly scope: string
  /** `Patient/id`, for an app that was launched for one patient. */
  readonly launchPatient?: string
  /** What the person has granted to the client; without it, a token is for no person. */
  readonly grant?: string
  readonly secondFactorAt?: EpochMs
  readonly at: EpochMs
  readonly lifetimeMs: number
}

/**
 * The token, once all of it holds.
 *
 * @throws AccessRefusal `ACCESS_TOKEN_INVALID` with the fact `why`
 */
export async function verifyAccessToken(token: string, policy: TokenPolicy): Promise<AccessToken> {
  const { issuers, audience, site, at } = policy
  const parts = peekToken(token)
  if (parts.kind === 'malformed') throw invalid('malformed')
  if (parts.type !== 'at+jwt' && parts.type !== 'application/at+jwt') throw invalid('type')
  const issuer = parts.claims['iss']
  const keys = typeof issuer === 'string' ? issuers.get(issuer) : undefined
  if (keys === undefined) throw invalid('issuer')
  const signer = await signerOf(token, keys)
  if (typeof signer === 'string') throw invalid(signer)
  let claims
  try {
    claims = openClaims(parts.claims)
  } catch (cause) {
    throw invalid('claims', cause)
  }
  if (!meant(claims.aud, audience)) throw invalid('audience')
  if (claims.site !== site) throw invalid('site')
  const expiresAt = claims.exp * 1000
  const notBefore = (claims.nbf ?? claims.iat) * 1000
  if (at >= expiresAt) throw invalid('expired')
  if (at + SKEW_MS < notBefore) throw invalid('not-yet')
  if (expiresAt - claims.iat * 1000 > LIFETIME_MS_MAX) throw invalid('lifetime')
  const secondFactorAt = claims.mfa_at === undefined ? undefined : epochMs(claims.mfa_at * 1000)
  const list = readScopes(claims.scope)
  return {
    issuer: claims.iss,
    subject: claims.sub,
    client: claims.client_id,
    tokenId: claims.jti,
    ...(claims.grant === undefined ? {} : { grant: claims.grant }),
    list,
    ...(secondFactorAt === undefined ? {} : { secondFactorAt }),
    facts: {
      site,
      // Within the skew the token counts as begun: `decide` compares with the same clock.
      notBefore: epochMs(Math.min(notBefore, at)),
      expiresAt: epochMs(expiresAt),
      scopes: list.scopes,
      ...(claims.patient === undefined ? {} : { launchPatient: `Patient/${claims.patient}` }),
    },
  }
}

/** A token of ours. Times are cut to whole seconds, never beyond what was granted. */
export async function issueAccessToken(grant: TokenGrant, signer: TokenSigner): Promise<string> {
  const { at, lifetimeMs, launchPatient, secondFactorAt } = grant
  assert(lifetimeMs > 0 && lifetimeMs <= LIFETIME_MS_MAX, 'a token lives for an hour at most')
  readScopes(grant.scope)
  const claims = {
    iss: grant.issuer,
    sub: grant.subject,
    aud: grant.audience,
    client_id: grant.client,
    site: grant.site,
    jti: grant.tokenId,
    iat: Math.floor(at / 1000),
    exp: Math.floor((at + lifetimeMs) / 1000),
    scope: grant.scope,
    ...(launchPatient === undefined ? {} : { patient: launchPatient.replace(/^Patient\//, '') }),
    ...(grant.grant === undefined ? {} : { grant: grant.grant }),
    ...(secondFactorAt === undefined ? {} : { mfa_at: Math.floor(secondFactorAt / 1000) }),
  }
  return signToken(claims, signer, 'at+jwt')
}

const invalid = (why: string, cause?: unknown): AccessRefusal =>
  new AccessRefusal('ACCESS_TOKEN_INVALID', 'The access token is not valid here', {
    facts: { why },
    ...(cause === undefined ? {} : { cause }),
  })

const { identifier, audience, seconds } = ClaimShapes
const openClaims = door(
  Type.Object({
    iss: identifier,
    sub: identifier,
    aud: audience,
    client_id: identifier,
    site: identifier,
    jti: identifier,
    iat: seconds,
    exp: seconds,
    nbf: Type.Optional(seconds),
    scope: Text(8192),
    patient: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9.-]{1,64}$' })),
    mfa_at: Type.Optional(seconds),
    grant: Type.Optional(identifier),
  }),
  'access token',
)
/** How long a token may live. */
export const LIFETIME_MS_MAX = HOUR_MS
/** How far the clocks of issuer and site may be apart. */
const SKEW_MS = 30_000
