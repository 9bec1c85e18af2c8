/**
 * `private_key_jwt`: how a backend service proves who it is when it asks for a token.
 *
 * An assertion is signed by the client, meant for our token URL, lives for five minutes at most and
 * is good once. What was used is remembered by the host until it would have expired anyway: with
 * several daemons, in the database they share. Without that memory a copied assertion is good again.
 *
 * @see SMART App Launch 2.2.0, Client Authentication: Asymmetric; RFC 7523
 * @module
 */

import { door, epochMs, MINUTE_MS, Type, type EpochMs } from '#base'
import { AccessRefusal } from './refusal.ts'
import {
  ClaimShapes,
  meant,
  peekToken,
  signerOf,
  type SignatureAlgorithm,
  type TokenKey,
} from './signed-tokens.ts'

/** The algorithms of clients: SMART requires the first two; ML-DSA is ours beside them. */
export const ASSERTION_ALGORITHMS = [
  'ES384',
  'RS384',
  'ML-DSA-65',
  'ML-DSA-87',
] as const satisfies readonly SignatureAlgorithm[]

/** Remembers what may be used once. */
export interface OnceOnly {
  /**
   * Takes an identifier for the first time, durably, until a moment after which it does not
   * matter. False if it was taken before; rejects if nobody knows.
   */
  take(identifier: string, until: EpochMs): Promise<boolean>
}

/** What a token endpoint knows. */
export interface AssertionPolicy {
  /** Keys that a client registered, by its exact name. */
  readonly clients: (client: string) => readonly TokenKey[] | undefined
  /** The URL that the assertion was sent to. */
  readonly tokenUrl: string
  readonly once: OnceOnly
  readonly at: EpochMs
}

/** Who an assertion proves the client to be. */
export interface ProvenClient {
  readonly client: string
  readonly algorithm: SignatureAlgorithm
  /** Whether the proof also holds against a quantum computer. */
  readonly postQuantum: boolean
}

/**
 * The client that made this assertion. Takes its identifier, whether or not a token follows.
 *
 * @throws AccessRefusal `ACCESS_ASSERTION_INVALID` with the fact `why`, `ACCESS_ASSERTION_REPLAYED`
 */
export async function verifyClientAssertion(
  assertion: string,
  { clients, tokenUrl, once, at }: AssertionPolicy,
): Promise<ProvenClient> {
  const parts = peekToken(assertion)
  if (parts.kind === 'malformed') throw invalid('malformed')
  if (parts.type !== undefined && parts.type !== 'jwt') throw invalid('type')
  const { iss } = parts.claims
  const keys = typeof iss === 'string' ? clients(iss) : undefined
  if (keys === undefined) throw invalid('client')
  const fitting = keys.filter(({ algorithm }) =>
    (ASSERTION_ALGORITHMS as readonly string[]).includes(algorithm),
  )
  const signer = await signerOf(assertion, fitting)
  if (typeof signer === 'string') throw invalid(signer)
  let claims
  try {
    claims = openClaims(parts.claims)
  } catch (cause) {
    throw invalid('claims', cause)
  }
  const { sub, aud, exp, nbf, jti } = claims
  if (sub !== claims.iss) throw invalid('subject')
  if (!meant(aud, tokenUrl)) throw invalid('audience')
  const expiresAt = epochMs(exp * 1000)
  if (at >= expiresAt) throw invalid('expired')
  if (expiresAt - at > LIFETIME_MS_MAX) throw invalid('lifetime')
  if (nbf !== undefined && nbf * 1000 > at) throw invalid('not-yet')
  if (!(await once.take(JSON.stringify([claims.iss, jti]), expiresAt))) {
    const message = 'The assertion of the client was used before'
    throw new AccessRefusal('ACCESS_ASSERTION_REPLAYED', message)
  }
  const { algorithm } = signer
  return { client: claims.iss, algorithm, postQuantum: algorithm.startsWith('ML-DSA') }
}

const invalid = (why: string, cause?: unknown): AccessRefusal =>
  new AccessRefusal('ACCESS_ASSERTION_INVALID', 'The assertion of the client does not prove it', {
    facts: { why },
    ...(cause === undefined ? {} : { cause }),
  })

const { identifier, audience, seconds } = ClaimShapes
const openClaims = door(
  Type.Object({
    iss: identifier,
    sub: identifier,
    aud: audience,
    exp: seconds,
    jti: identifier,
    nbf: Type.Optional(seconds),
    iat: Type.Optional(seconds),
  }),
  'assertion',
)
/** SMART App Launch: no more than five minutes in the future. */
const LIFETIME_MS_MAX = 5 * MINUTE_MS
