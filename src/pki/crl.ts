/**
 * Revocation lists, read and judged: whether one speaks for an issuer now, and of which serials.
 *
 * Only complete lists of the issuer itself: any critical extension (delta, indirect, partial) makes
 * a list useless here, and then the certificate is refused, not accepted.
 *
 * @see RFC 5280 §5, §6.3
 * @module
 */

import 'reflect-metadata'
import { X509Crl } from '@peculiar/x509'
import { epochMs, sameOctets, type EpochMs } from '#base'
import { SIGNATURE_ALGORITHMS, type Certificate } from './certificate.ts'
import { sequenceOf, signedParts } from './der.ts'
import { verifyDer } from './keys.ts'

/** What a revocation list says. */
export interface RevocationList {
  readonly issuer: Uint8Array
  readonly thisUpdate: EpochMs
  readonly nextUpdate: EpochMs
  /** Serial numbers, lower-case hexadecimal. */
  readonly revoked: ReadonlySet<string>
  /** Whether it has a critical extension, on itself or on an entry. */
  readonly hasCritical: boolean
  readonly signed: Uint8Array
  readonly signature: Uint8Array
  readonly signatureAlgorithm: Uint8Array
}

export type RevocationRefusal =
  /** No list of this issuer is there. */
  | 'crl-missing'
  /** A list in this issuer's name that another key signed. */
  | 'crl-signature-invalid'
  | 'crl-not-yet-valid'
  /** Its next update is over: revocations since then are unknown. */
  | 'crl-expired'
  | 'crl-extension-unknown'
  | 'revoked'

/** Reads a list, or says undefined: malformed, too large, or without a time of next update. */
export function readCrl(der: Uint8Array): RevocationList | undefined {
  if (der.length > CRL_OCTETS_MAX) return undefined
  try {
    return fieldsOf(der)
  } catch {
    return undefined
  }
}

/** Why a serial number of this issuer is not to be trusted now; undefined if it is. */
export function revocationProblem(
  lists: readonly RevocationList[],
  issuer: Certificate,
  { serial, now }: { readonly serial: string; readonly now: EpochMs },
): RevocationRefusal | undefined {
  const named = lists.filter((list) => sameOctets(list.issuer, issuer.subject))
  if (named.length === 0) return 'crl-missing'
  const signed = named.filter((list) => isSignedBy(list, issuer))
  if (signed.length === 0) return 'crl-signature-invalid'
  // Any list of the issuer, even an old one, that names the serial settles it.
  if (signed.some(({ revoked }) => revoked.has(serial))) return 'revoked'
  const newest = signed.reduce((a, b) => (b.thisUpdate > a.thisUpdate ? b : a))
  if (newest.hasCritical) return 'crl-extension-unknown'
  if (newest.thisUpdate > now) return 'crl-not-yet-valid'
  return newest.nextUpdate <= now ? 'crl-expired' : undefined
}

function isSignedBy(list: RevocationList, { publicKey, keyName, keyUsage }: Certificate): boolean {
  return (
    keyUsage !== undefined &&
    (keyUsage & CRL_SIGN) !== 0 &&
    sameOctets(list.signatureAlgorithm, SIGNATURE_ALGORITHMS[keyName]) &&
    verifyDer(publicKey, list.signed, list.signature)
  )
}

function fieldsOf(der: Uint8Array): RevocationList | undefined {
  const parsed = new X509Crl(der)
  const parts = signedParts(der)
  const outer = sequenceOf(der)
  const tbs = parts && sequenceOf(parts.signed)
  const { nextUpdate, entries, extensions } = parsed
  if (parts === undefined || outer === undefined || tbs === undefined) return undefined
  // Version 2: an INTEGER comes first (RFC 5280 §5.1.2.1).
  if (nextUpdate === undefined || tbs.length < 5 || tbs[0].tag !== INTEGER) return undefined
  const [, algorithm, issuer] = tbs
  if (!sameOctets(algorithm.whole, outer[1].whole)) return undefined
  const all = [...extensions, ...entries.flatMap((entry) => entry.extensions)]
  return {
    issuer: issuer.whole,
    thisUpdate: epochMs(parsed.thisUpdate.getTime()),
    nextUpdate: epochMs(nextUpdate.getTime()),
    revoked: new Set(entries.map(({ serialNumber }) => serialNumber.toLowerCase())),
    hasCritical: all.some(({ critical }) => critical),
    signed: parts.signed,
    signature: parts.signature,
    signatureAlgorithm: outer[1].whole,
  }
}

/** Octets of one revocation list: some 25,000 revoked certificates. */
export const CRL_OCTETS_MAX = 1_048_576
const CRL_SIGN = 0x40
const INTEGER = 0x02
