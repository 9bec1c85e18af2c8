/**
 * Signed JSON of JWTs: the one place where a signature is checked before a claim is believed.
 *
 * A key is bound to one algorithm; the header of a token may name a key and its algorithm, and
 * chooses neither. Keys that a token brings along (`jwk`, `jku`, `x5c`, `x5u`) make it void. There is
 * no `none` and no HMAC: whoever verifies cannot sign.
 *
 * @see RFC 7515 (JWS), RFC 7519 (JWT), RFC 8725 (JWT best current practices)
 * @module
 */

import type { KeyObject } from 'node:crypto'
import { compactVerify, CompactSign, decodeProtectedHeader } from 'jose'
import { assert, Text, Type, utf8, Whole } from '#base'
import { isObject, readJson, type JsonObject } from '#health'

/**
 * Algorithms of signatures. The RSA and ECDSA ones are what clients of today have; Node calls the
 * use of ML-DSA in JWTs (RFC 9964) experimental and says so once on standard error.
 */
export const SIGNATURE_ALGORITHMS = [
  'ES256',
  'ES384',
  'Ed25519',
  'RS256',
  'RS384',
  'PS256',
  'PS384',
  'ML-DSA-65',
  'ML-DSA-87',
] as const
export type SignatureAlgorithm = (typeof SIGNATURE_ALGORITHMS)[number]

/** A public key, what it is called, and the one algorithm it is for. */
export interface TokenKey {
  readonly kid: string
  readonly algorithm: SignatureAlgorithm
  readonly publicKey: KeyObject
}

/** A private key of ours. */
export interface TokenSigner {
  readonly kid: string
  readonly algorithm: SignatureAlgorithm
  readonly privateKey: KeyObject
}

/** What a token says, believed or not; or why it cannot be looked at. */
export type TokenParts =
  | { readonly kind: 'parts'; readonly type: string | undefined; readonly claims: JsonObject }
  | { readonly kind: 'malformed' }

/** What is wrong with the signature of a token. */
export type SignatureFault = 'malformed' | 'brings-keys' | 'key-unknown' | 'algorithm' | 'signature'

/** What a token says of itself, before anything is checked: to find the keys to check it with. */
export function peekToken(token: string): TokenParts {
  if (token.length > TOKEN_CHARACTERS_MAX || !COMPACT.test(token)) return { kind: 'malformed' }
  try {
    const { typ } = decodeProtectedHeader(token)
    const claims = readJson(Uint8Array.fromBase64(token.split('.')[1], { alphabet: 'base64url' }))
    if (!isObject(claims)) return { kind: 'malformed' }
    return { kind: 'parts', type: typ?.toLowerCase(), claims }
  } catch {
    return { kind: 'malformed' }
  }
}

/** The one of these keys by which a token is signed, by the algorithm that the key is for. */
export async function signerOf(
  token: string,
  keys: readonly TokenKey[],
): Promise<TokenKey | SignatureFault> {
  let header
  try {
    header = decodeProtectedHeader(token)
  } catch {
    return 'malformed'
  }
  if (BROUGHT.some((name) => Object.hasOwn(header, name))) return 'brings-keys'
  const key = keys.find(({ kid }) => kid === header.kid)
  if (key === undefined) return 'key-unknown'
  if (header.alg !== key.algorithm || !isAlgorithm(key.algorithm)) return 'algorithm'
  try {
    await compactVerify(token, key.publicKey, { algorithms: [key.algorithm] })
    return key
  } catch {
    return 'signature'
  }
}

/** A token over these claims. */
export async function signToken(
  claims: Readonly<Record<string, unknown>>,
  { kid, algorithm, privateKey }: TokenSigner,
  type: string,
): Promise<string> {
  assert(isAlgorithm(algorithm), 'tokens are signed with an algorithm of the list')
  return new CompactSign(utf8(JSON.stringify(claims)))
    .setProtectedHeader({ alg: algorithm, kid, typ: type })
    .sign(privateKey)
}

/** Shapes of claims that every JWT may have (RFC 7519 §4.1). */
export const ClaimShapes = {
  identifier: Text(256, 1),
  audience: Type.Union([Text(2048, 1), Type.Array(Text(2048, 1), { maxItems: 8 })]),
  /** Seconds since 1970, until the year 9999. */
  seconds: Whole(0, 253_402_300_799),
}

/** Whether a token is meant for one audience, and for no other beside it. */
export const meant = (aud: string | readonly string[], audience: string): boolean =>
  typeof aud === 'string' ? aud === audience : aud.length === 1 && aud[0] === audience

const isAlgorithm = (text: string): boolean =>
  (SIGNATURE_ALGORITHMS as readonly string[]).includes(text)

const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/
/** An ML-DSA-87 signature alone has 6,170 characters. */
const TOKEN_CHARACTERS_MAX = 16_384
const BROUGHT = ['jwk', 'jku', 'x5c', 'x5u', 'crit', 'b64', 'zip'] as const
