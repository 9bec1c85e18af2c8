/**
 * Verifies a chain of certificates down from a trusted root, and says who the leaf is.
 *
 * Used for statements, at enrolment, and as defence in depth beside the handshake, where OpenSSL
 * does its own verification. Pure: the same octets and the same time give the same answer.
 *
 * Trust begins with the roots that are handed in; how they got there is the operator's business.
 *
 * @see RFC 5280 §6.1, §6.3
 * @module
 */

import { sameOctets, type EpochMs } from '#base'
import { isSignedBy, readCertificate, type Certificate } from './certificate.ts'
import { readCrl, revocationProblem, type RevocationRefusal } from './crl.ts'
import { identityOf, type Identity } from './identity.ts'
import type { CertificateKeyName } from './keys.ts'
import { withinConstraints } from './name-constraints.ts'

/** What is trusted, and when. */
export interface Trust {
  /** Root certificates, DER. */
  readonly anchors: readonly Uint8Array[]
  /** Revocation lists, DER: one of every issuer in the chain, the root included. */
  readonly crls: readonly Uint8Array[]
  readonly now: EpochMs
}

/** What a leaf is to be used for. */
export type CertificateUsage =
  'site-client' | 'site-server' | 'device-client' | 'device-server' | 'kme-server' | 'sae-client'

export type ChainRefusal =
  /** Not DER certificates of our profile, or too many. */
  | 'malformed'
  /** The chain does not lead to any of the trusted roots. */
  | 'untrusted'
  /** A certificate is not issued by the next one. */
  | 'issuer-other'
  | 'signature-invalid'
  | 'not-yet-valid'
  | 'expired'
  /** An issuer that may not issue: no authority by its basic constraints. */
  | 'not-an-authority'
  | 'path-too-long'
  /** The key may not sign certificates, or not be used for signatures. */
  | 'key-usage'
  | 'extended-key-usage'
  | 'critical-extension-unknown'
  | 'name-constraints'
  /** A key that this usage does not allow: classical between sites. */
  | 'algorithm'
  /** No name of ours in it, or the name of something else. */
  | 'identity'
  | RevocationRefusal

export interface VerifiedLeaf {
  readonly identity: Identity
  /** Lower-case hexadecimal. */
  readonly serial: string
  readonly notAfter: EpochMs
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array
}

export type ChainCheck =
  | { readonly kind: 'verified'; readonly leaf: VerifiedLeaf }
  /** `place` counts certificates from the leaf, 0, up. */
  | { readonly kind: 'refused'; readonly reason: ChainRefusal; readonly place: number }

/**
 * Verifies a chain for a usage.
 *
 * @param chain   DER, leaf first, each issued by the next; with or without the root at its end
 */
export function verifyChain(
  chain: readonly Uint8Array[],
  { usage, ...trust }: Trust & { readonly usage: CertificateUsage },
): ChainCheck {
  const path = verifyPath(chain, trust)
  if (path.kind === 'refused') return path
  const [leaf] = path.certificates
  const { identity: kind, extended, keys } = USAGES[usage]
  const refused = (reason: ChainRefusal): ChainCheck => ({ kind: 'refused', reason, place: 0 })
  if (leaf.basicConstraints?.isAuthority === true) return refused('extended-key-usage')
  if (((leaf.keyUsage ?? 0) & DIGITAL_SIGNATURE) === 0) return refused('key-usage')
  if (leaf.extendedKeyUsage?.includes(extended) !== true) return refused('extended-key-usage')
  const weak = path.certificates.findIndex(({ keyName }) => !keys.includes(keyName))
  if (weak >= 0) return { kind: 'refused', reason: 'algorithm', place: weak }
  const identity = identityOf(leaf)
  if (identity?.kind !== kind) return refused('identity')
  const { serial, notAfter, spki } = leaf
  return { kind: 'verified', leaf: { identity, serial, notAfter, spki } }
}

/** A path whose every certificate holds, whatever it is for. */
export type PathCheck =
  | {
      readonly kind: 'verified'
      /** Leaf first, root last. */
      readonly certificates: readonly Certificate[]
    }
  | { readonly kind: 'refused'; readonly reason: ChainRefusal; readonly place: number }

/** Verifies everything but the usage of the first certificate, which may be an authority. */
export function verifyPath(chain: readonly Uint8Array[], trust: Trust): PathCheck {
  if (chain.length === 0 || chain.length > CHAIN_MAX) return refusedAt(0, 'malformed')
  const given: Certificate[] = []
  for (const [place, der] of chain.entries()) {
    const certificate = readCertificate(der)
    if (certificate === undefined) return refusedAt(place, 'malformed')
    given.push(certificate)
  }
  const path = withRoot(given, trust.anchors)
  if (path === undefined) return refusedAt(given.length - 1, 'untrusted')
  // From the root down: what a certificate says counts only once its issuer is known to be good.
  for (let place = path.length - 1; place >= 0; place--) {
    const reason = problemAt(path, place, trust.now)
    if (reason !== undefined) return refusedAt(place, reason)
  }
  const lists = trust.crls.map(readCrl).filter((list) => list !== undefined)
  for (let place = path.length - 2; place >= 0; place--) {
    const { serial } = path[place]
    const reason = revocationProblem(lists, path[place + 1], { serial, now: trust.now })
    if (reason !== undefined) return refusedAt(place, reason)
  }
  return { kind: 'verified', certificates: path }
}

/** The chain up to and with the trusted root that it leads to. */
function withRoot(
  chain: readonly Certificate[],
  anchors: readonly Uint8Array[],
): readonly Certificate[] | undefined {
  const last = chain[chain.length - 1]
  if (anchors.some((der) => sameOctets(der, last.der))) return chain
  for (const der of anchors) {
    const root = readCertificate(der)
    if (root !== undefined && sameOctets(root.subject, last.issuer) && isSignedBy(last, root)) {
      return [...chain, root]
    }
  }
  return undefined
}

function problemAt(
  path: readonly Certificate[],
  place: number,
  now: EpochMs,
): ChainRefusal | undefined {
  const certificate = path[place]
  // A root is trusted as it stands; nobody above vouches for it.
  const issuer = path.at(place + 1) ?? certificate
  if (!sameOctets(certificate.issuer, issuer.subject)) return 'issuer-other'
  if (!isSignedBy(certificate, issuer)) return 'signature-invalid'
  if (now < certificate.notBefore) return 'not-yet-valid'
  if (now > certificate.notAfter) return 'expired'
  if (certificate.unknownCritical.length > 0) return 'critical-extension-unknown'
  for (const { nameConstraints } of path.slice(place + 1)) {
    if (nameConstraints !== undefined && !withinConstraints(nameConstraints, certificate)) {
      return 'name-constraints'
    }
  }
  return place === 0 ? undefined : authorityProblem(certificate, place)
}

/** Why a certificate may not have issued the one below it. */
function authorityProblem(
  { basicConstraints, keyUsage }: Certificate,
  place: number,
): ChainRefusal | undefined {
  if (basicConstraints?.isAuthority !== true || !basicConstraints.critical) {
    return 'not-an-authority'
  }
  const { pathLength } = basicConstraints
  // Authorities between this one and the leaf.
  if (pathLength !== undefined && place - 1 > pathLength) return 'path-too-long'
  return ((keyUsage ?? 0) & KEY_CERT_SIGN) === 0 ? 'key-usage' : undefined
}

const refusedAt = (place: number, reason: ChainRefusal): PathCheck & { kind: 'refused' } => ({
  kind: 'refused',
  reason,
  place,
})

interface UsageRule {
  readonly identity: Identity['kind']
  /** Object identifier of the extended key usage. */
  readonly extended: string
  readonly keys: readonly CertificateKeyName[]
}

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
const POST_QUANTUM: readonly CertificateKeyName[] = ['ml-dsa-65', 'ml-dsa-87']
const ANY: readonly CertificateKeyName[] = [...POST_QUANTUM, 'ecdsa-p256']

const USAGES: Readonly<Record<CertificateUsage, UsageRule>> = {
  'site-client': { identity: 'site', extended: CLIENT_AUTH, keys: POST_QUANTUM },
  'site-server': { identity: 'site', extended: SERVER_AUTH, keys: POST_QUANTUM },
  'device-client': { identity: 'device', extended: CLIENT_AUTH, keys: POST_QUANTUM },
  'device-server': { identity: 'device', extended: SERVER_AUTH, keys: POST_QUANTUM },
  'kme-server': { identity: 'kme', extended: SERVER_AUTH, keys: ANY },
  'sae-client': { identity: 'sae', extended: CLIENT_AUTH, keys: ANY },
}

/** Certificates in one chain, the root included. */
const CHAIN_MAX = 5
const DIGITAL_SIGNATURE = 0x01
const KEY_CERT_SIGN = 0x20
