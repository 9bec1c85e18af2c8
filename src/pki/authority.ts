/**
 * The authority of a federation of sites: two hierarchies, what they issued, what they revoked.
 *
 * *sites*: ML-DSA-87 root, ML-DSA-65 issuer, for everything between sites and their devices.
 * *north*: ECDSA P-256 root and issuer, for listeners that applications of today connect to; their
 * TLS libraries know no ML-DSA. A root's private key is apart from the rest and belongs offline: it
 * is needed to replace an issuer and nothing else.
 *
 * State is plain data: every change gives a new one, to be stored before anything it made is handed
 * out. Whoever holds an issuer's key can make sites; whoever holds a root's, issuers.
 *
 * @see RFC 5280, RFC 9881, RFC 5480
 * @module
 */

import { assert, DAY_MS, epochMs, MINUTE_MS, type EpochMs, type RandomSource } from '#base'
import type { AuditEvent } from '#audit'
import { readCertificate } from './certificate.ts'
import { newCertificateKey, type CertificateKey } from './keys.ts'
import { checkFederation } from './names.ts'
import {
  makeCertificate,
  makeCrl,
  newSerial,
  type RevokedSerial,
  type SubjectName,
} from './x509.ts'

export type HierarchyName = 'sites' | 'north'

/** A certificate or statement that is not over yet. */
export interface IssuedRecord {
  readonly serial: string
  /** `site`, `device`, `kme`, `sae`, or `statement`. */
  readonly profile: string
  /** The name it is for, as in its URI. */
  readonly name: string
  readonly notAfter: EpochMs
  /** Of a site's statement and listener: digest of all its public keys, in hexadecimal. */
  readonly keys?: string
}

export interface RevokedRecord extends RevokedSerial {
  readonly notAfter: EpochMs
}

/** One root, its present issuer, and that issuer's books. */
export interface Hierarchy {
  /** DER, as are the others. */
  readonly root: Uint8Array
  readonly rootCrl: Uint8Array
  readonly issuer: Uint8Array
  readonly issuerKey: CertificateKey
  readonly crl: Uint8Array
  /** Numbers of the two lists; they only rise. */
  readonly crlNumber: number
  readonly rootCrlNumber: number
  /** How many issuers there have been; part of the issuer's name. */
  readonly generation: number
  readonly issued: readonly IssuedRecord[]
  readonly revoked: readonly RevokedRecord[]
  /** Issuers that the root has revoked. */
  readonly revokedIssuers: readonly RevokedRecord[]
}

export interface Authority {
  /** Name of the federation, in every subject as organisation. */
  readonly federation: string
  readonly sites: Hierarchy
  readonly north: Hierarchy
}

/** The roots' private keys: sealed apart, and kept offline. */
export type Roots = Readonly<Record<HierarchyName, CertificateKey>>

/** The moment and the randomness of an act of the authority. */
export interface Act {
  readonly now: EpochMs
  readonly random: RandomSource
}

/** Makes an authority with fresh keys. Takes some 30 ms. */
export async function createAuthority(
  federation: string,
  act: Act,
): Promise<{
  readonly authority: Authority
  readonly roots: Roots
  readonly events: readonly AuditEvent[]
}> {
  checkFederation(federation)
  const roots: Roots = {
    sites: newCertificateKey('ml-dsa-87'),
    north: newCertificateKey('ecdsa-p256'),
  }
  const sites = await newHierarchy(federation, 'sites', roots.sites, act)
  const north = await newHierarchy(federation, 'north', roots.north, act)
  const authority = { federation, sites, north }
  return { authority, roots, events: [authorityEvent(authority, 'pki.authority-created', act.now)] }
}

/**
 * Replaces the issuer of a hierarchy and revokes the one before, with all it issued: every site
 * or application of it must enrol again.
 */
export async function replaceIssuer(
  authority: Authority,
  roots: Roots,
  name: HierarchyName,
  act: Act & { readonly reason: RevokedSerial['reason'] },
): Promise<{ readonly authority: Authority; readonly events: readonly AuditEvent[] }> {
  const before = authority[name]
  const old = readCertificate(before.issuer)
  assert(old !== undefined, 'the issuer of an authority is a certificate of ours')
  const { reason, now } = act
  const record = { serial: old.serial, at: now, reason, notAfter: old.notAfter }
  const hierarchy = await withIssuer(authority.federation, name, roots[name], act, {
    ...before,
    revokedIssuers: [...before.revokedIssuers.filter(({ notAfter }) => notAfter > now), record],
  })
  const next = { ...authority, [name]: hierarchy }
  return { authority: next, events: [authorityEvent(next, 'pki.issuer-replaced', now)] }
}

/** Public trust anchors, DER. */
export const anchorsOf = ({
  sites,
  north,
}: Authority): Readonly<Record<HierarchyName, Uint8Array>> => ({
  sites: sites.root,
  north: north.root,
})

/** Revocation lists of a hierarchy, DER: the root's and the issuer's. */
export const crlsOf = ({ rootCrl, crl }: Hierarchy): readonly Uint8Array[] => [rootCrl, crl]

/** Who the authority is in the log. */
export const authorityActor = ({ federation }: Authority): string => `authority:${federation}`

async function newHierarchy(
  federation: string,
  name: HierarchyName,
  rootKey: CertificateKey,
  act: Act,
): Promise<Hierarchy> {
  const subject = subjectOf(federation, name, 'root')
  const root = await makeCertificate(
    {
      serial: newSerial(act.random),
      subject,
      issuer: subject,
      spki: rootKey.spki,
      ...validity(act.now, ROOT_DAYS),
      role: { kind: 'authority', pathLength: 1 },
    },
    rootKey,
  )
  return withIssuer(federation, name, rootKey, act, { root, ...NOTHING_YET })
}

/** A hierarchy with a new issuer, and new lists of both authorities. */
async function withIssuer(
  federation: string,
  name: HierarchyName,
  rootKey: CertificateKey,
  { now, random }: Act,
  before: Omit<Hierarchy, 'issuer' | 'issuerKey' | 'crl' | 'rootCrl'>,
): Promise<Hierarchy> {
  const issuerKey = newCertificateKey(name === 'sites' ? 'ml-dsa-65' : 'ecdsa-p256')
  const generation = before.generation + 1
  const issuerName = subjectOf(federation, name, `issuer ${generation}`)
  const rootName = subjectOf(federation, name, 'root')
  const issuer = await makeCertificate(
    {
      serial: newSerial(random),
      subject: issuerName,
      issuer: rootName,
      spki: issuerKey.spki,
      ...validity(now, ISSUER_DAYS),
      role: { kind: 'authority', pathLength: 0 },
    },
    rootKey,
  )
  const hierarchy = {
    ...before,
    issuer,
    issuerKey,
    generation,
    crlNumber: before.crlNumber + 1,
    rootCrlNumber: before.rootCrlNumber + 1,
    // What the issuer before issued is void with it.
    issued: [],
    revoked: [],
  }
  const rootCrl = await makeCrl(
    {
      issuer: rootName,
      number: hierarchy.rootCrlNumber,
      thisUpdate: skewed(now),
      // The root is offline: its list lasts as long as the issuer that it speaks of.
      nextUpdate: epochMs(now + ISSUER_DAYS * DAY_MS),
      revoked: before.revokedIssuers,
    },
    rootKey,
  )
  return { ...hierarchy, rootCrl, crl: await issuerCrl(federation, name, hierarchy, now) }
}

/** Signs the revocation list of an issuer anew. @returns DER */
export const issuerCrl = (
  federation: string,
  name: HierarchyName,
  hierarchy: Pick<Hierarchy, 'generation' | 'crlNumber' | 'revoked' | 'issuerKey'>,
  now: EpochMs,
): Promise<Uint8Array> =>
  makeCrl(
    {
      issuer: subjectOf(federation, name, `issuer ${hierarchy.generation}`),
      number: hierarchy.crlNumber,
      thisUpdate: skewed(now),
      nextUpdate: epochMs(now + CRL_DAYS * DAY_MS),
      revoked: hierarchy.revoked,
    },
    hierarchy.issuerKey,
  )

/** Subject of an authority of ours. */
export const subjectOf = (federation: string, name: HierarchyName, what: string): SubjectName => ({
  commonName: `PhotonWard ${name} ${what}`,
  organisation: federation,
})

/** From a little before now, for clocks that are behind, to so many days from now. */
export const validity = (now: EpochMs, days: number) => ({
  notBefore: skewed(now),
  notAfter: epochMs(now + days * DAY_MS),
})

const skewed = (now: EpochMs): EpochMs => epochMs(Math.max(0, now - SKEW_MS))

function authorityEvent(authority: Authority, kind: string, at: EpochMs): AuditEvent {
  const { sites, north } = authority
  const facts = { siteIssuer: sites.generation, northIssuer: north.generation }
  return { kind, at, actor: authorityActor(authority), facts }
}

/** An issuer lives longer than anything it issues, and must be replaced before its end. */
export const ISSUER_DAYS = 730
const ROOT_DAYS = 3650
/** Days until an issuer's list is over; the host renews it daily. */
export const CRL_DAYS = 7
const SKEW_MS = 5 * MINUTE_MS
const NOTHING_YET = {
  crlNumber: 0,
  rootCrlNumber: 0,
  generation: 0,
  issued: [],
  revoked: [],
  revokedIssuers: [],
}
