/**
 * Issues certificates and statements, revokes them, and keeps the revocation lists fresh.
 *
 * Everything here takes the state of an authority and gives the next one with what was made; the
 * host stores the state before it hands anything out, so that no serial is ever forgotten. Nothing
 * is issued for a key whose holder has not proven to have it.
 *
 * @see RFC 5280 §4.1.2, §5; RFC 2986
 * @module
 */

import { assert, DAY_MS, sameOctets, type EpochMs } from '#base'
import type { AuditEvent } from '#audit'
import {
  authorityActor,
  crlsOf,
  issuerCrl,
  subjectOf,
  validity,
  type Act,
  type Authority,
  type Hierarchy,
  type HierarchyName,
  type IssuedRecord,
} from './authority.ts'
import { CERTIFICATE_OCTETS_MAX, SIGNATURE_ALGORITHMS } from './certificate.ts'
import { pem, sequenceOf, signedParts } from './der.ts'
import { identityUri, type Identity } from './identity.ts'
import {
  keyNameOf,
  newCertificateKey,
  privateKeyPem,
  publicKeyOf,
  verifyDer,
  type CertificateKeyName,
} from './keys.ts'
import { checkNames } from './names.ts'
import { PkiRefusal } from './refusal.ts'
import { makeCertificate, newSerial, type AlternativeNames, type RevocationReason } from './x509.ts'

/** What a kind of leaf is like. */
interface Profile {
  readonly hierarchy: HierarchyName
  readonly key: CertificateKeyName
  readonly days: number
  readonly usages: readonly ('client' | 'server')[]
}

/** A certificate just made. */
export interface Issued {
  readonly authority: Authority
  /** DER: the leaf, and the issuer above it. */
  readonly chain: readonly Uint8Array[]
  readonly serial: string
  readonly notAfter: EpochMs
  readonly events: readonly AuditEvent[]
}

/** Key, certificates and trust of one end, all PEM: what `node:tls`, curl and others read. */
export interface Credentials {
  /** PKCS#8. */
  readonly key: string
  /** The leaf, followed by its issuer. */
  readonly cert: string
  /** The trusted root. */
  readonly ca: string
  /** Revocation lists of root and issuer, in a row, labelled `X509 CRL`. */
  readonly crl: string
}

/**
 * Issues a leaf for a key that signed a certificate request.
 *
 * @param request   PKCS #10, DER; only its key and its proof of possession are used
 * @throws PkiRefusal `ENROLMENT_INVALID`, `CERTIFICATE_TERMS_INVALID`
 */
export async function issueLeaf(
  authority: Authority,
  leaf: {
    readonly identity: Identity
    readonly names: AlternativeNames
    readonly request: Uint8Array
    /** Digest of the keys of the site that it belongs to. */
    readonly keys?: string
  },
  act: Act,
): Promise<Issued> {
  const spki = spkiOfRequest(leaf.request, PROFILES[leaf.identity.kind].key)
  return issue(authority, { ...leaf, spki }, act)
}

/**
 * Makes a key and a certificate for it, for those who cannot make a request themselves: an
 * application of today, or the process of a simulated fibre. The private key was in our hands.
 */
export async function newCredentials(
  authority: Authority,
  leaf: { readonly identity: Identity; readonly names: AlternativeNames },
  act: Act,
): Promise<Issued & { readonly credentials: Credentials }> {
  const { key: name, hierarchy } = PROFILES[leaf.identity.kind]
  const key = newCertificateKey(name)
  const issued = await issue(authority, { ...leaf, spki: key.spki }, act)
  const { root } = issued.authority[hierarchy]
  const trusted = { root, crls: crlsOf(issued.authority[hierarchy]) }
  const credentials = credentialsOf(privateKeyPem(key), issued.chain, trusted)
  return { ...issued, credentials }
}

/** Octets into the PEM texts that TLS libraries read. */
export const credentialsOf = (
  key: string,
  chain: readonly Uint8Array[],
  { root, crls }: { readonly root: Uint8Array; readonly crls: readonly Uint8Array[] },
): Credentials => ({
  key,
  cert: chain.map((der) => pem('CERTIFICATE', der)).join(''),
  ca: pem('CERTIFICATE', root),
  crl: crls.map((der) => pem('X509 CRL', der)).join(''),
})

/**
 * Revokes a certificate or statement, and signs a new list.
 *
 * @throws PkiRefusal `SERIAL_UNKNOWN`
 */
export async function revoke(
  authority: Authority,
  serial: string,
  { now, reason }: { readonly now: EpochMs; readonly reason: RevocationReason },
): Promise<{ readonly authority: Authority; readonly events: readonly AuditEvent[] }> {
  const wanted = serial.toLowerCase()
  for (const name of HIERARCHIES) {
    const hierarchy = authority[name]
    const record = hierarchy.issued.find((issued) => issued.serial === wanted)
    if (record === undefined || isRevoked(hierarchy, wanted)) continue
    const { notAfter } = record
    const revoked = [...hierarchy.revoked, { serial: wanted, at: now, reason, notAfter }]
    const next = await withFreshCrl(authority, name, { ...hierarchy, revoked }, now)
    const facts = { serial: wanted, reason, hierarchy: name, profile: record.profile }
    const event = { kind: 'pki.revoked', at: now, actor: authorityActor(authority), facts }
    return { authority: next, events: [{ ...event, facts: { ...facts, name: record.name } }] }
  }
  throw new PkiRefusal('SERIAL_UNKNOWN', 'No standing certificate has this serial number', {
    facts: { serial: wanted },
  })
}

/** Serial numbers of everything that stands in a name, such as `photonward:site:bristol`. */
export const serialsOf = (authority: Authority, identity: Identity): readonly string[] =>
  HIERARCHIES.flatMap((name) => {
    const hierarchy = authority[name]
    return hierarchy.issued
      .filter((record) => record.name === identityUri(identity))
      .map(({ serial }) => serial)
      .filter((serial) => !isRevoked(hierarchy, serial))
  })

/** What stands in a name: neither over nor revoked. */
export const standingIn = (authority: Authority, identity: Identity, now: EpochMs) =>
  HIERARCHIES.flatMap((name) => {
    const hierarchy = authority[name]
    return hierarchy.issued.filter(
      (record) =>
        record.name === identityUri(identity) &&
        record.notAfter >= now &&
        !isRevoked(hierarchy, record.serial),
    )
  })

/** Signs both issuers' lists anew; the host does so daily, and hands them to every site. */
export async function refreshCrls(authority: Authority, now: EpochMs): Promise<Authority> {
  let next = authority
  for (const name of HIERARCHIES) next = await withFreshCrl(next, name, next[name], now)
  return next
}

/** Adds a record of something issued, and forgets what is over. */
export function recorded(hierarchy: Hierarchy, record: IssuedRecord, now: EpochMs): Hierarchy {
  const standing = hierarchy.issued.filter(({ notAfter }) => notAfter >= now)
  if (standing.length >= ISSUED_MAX) {
    const message = `An authority keeps at most ${ISSUED_MAX} standing certificates`
    throw new PkiRefusal('CERTIFICATE_TERMS_INVALID', message)
  }
  return { ...hierarchy, issued: [...standing, record] }
}

/** The event of something issued. */
export const issuedEvent = (
  authority: Authority,
  { serial, profile, name, notAfter }: IssuedRecord,
  at: EpochMs,
): AuditEvent => ({
  kind: 'pki.issued',
  at,
  actor: authorityActor(authority),
  facts: { serial, profile, name, notAfter },
})

/**
 * The public key of a certificate request, SubjectPublicKeyInfo DER, once its signature is good.
 *
 * @throws PkiRefusal `ENROLMENT_INVALID`
 */
export function spkiOfRequest(request: Uint8Array, expected: CertificateKeyName): Uint8Array {
  const parts = request.length <= CERTIFICATE_OCTETS_MAX ? signedParts(request) : undefined
  if (parts !== undefined) {
    const key = sequenceOf(parts.signed)?.at(2)?.whole
    const publicKey = key && publicKeyOf(key)
    const algorithm = sequenceOf(request)?.at(1)?.whole
    const good =
      publicKey !== undefined &&
      keyNameOf(publicKey) === expected &&
      algorithm !== undefined &&
      sameOctets(algorithm, SIGNATURE_ALGORITHMS[expected]) &&
      verifyDer(publicKey, parts.signed, parts.signature)
    if (good && key !== undefined) return key
  }
  throw new PkiRefusal(
    'ENROLMENT_INVALID',
    `Not a request with a key of ${expected} that signed it`,
  )
}

async function issue(
  authority: Authority,
  leaf: {
    readonly identity: Identity
    readonly names: AlternativeNames
    readonly spki: Uint8Array
    readonly keys?: string
  },
  { now, random }: Act,
): Promise<Issued> {
  checkNames(leaf.names)
  const { identity, names, spki, keys } = leaf
  const { hierarchy: place, days, usages } = PROFILES[identity.kind]
  const hierarchy = authority[place]
  const uri = identityUri(identity)
  const serial = newSerial(random)
  const times = validity(now, days)
  const { federation } = authority
  const der = await makeCertificate(
    {
      serial,
      subject: { commonName: nameOf(identity), organisation: federation },
      issuer: subjectOf(federation, place, `issuer ${hierarchy.generation}`),
      spki,
      ...times,
      role: { kind: 'leaf', usages, names: { ...names, uri: [uri] } },
    },
    hierarchy.issuerKey,
  )
  const record = {
    serial,
    profile: identity.kind,
    name: uri,
    notAfter: times.notAfter,
    ...(keys === undefined ? {} : { keys }),
  }
  const next = { ...authority, [place]: recorded(hierarchy, record, now) }
  const events = [issuedEvent(authority, record, now)]
  const chain = [der, hierarchy.issuer]
  return { authority: next, chain, serial, notAfter: times.notAfter, events }
}

async function withFreshCrl(
  authority: Authority,
  name: HierarchyName,
  hierarchy: Hierarchy,
  now: EpochMs,
): Promise<Authority> {
  // A serial stays on the list until a while after its certificate is over (RFC 5280 §3.3).
  const revoked = hierarchy.revoked.filter(({ notAfter }) => notAfter + KEPT_AFTER_MS > now)
  const crlNumber = hierarchy.crlNumber + 1
  assert(Number.isSafeInteger(crlNumber), 'the numbers of lists do not run out')
  const next = { ...hierarchy, revoked, crlNumber }
  const crl = await issuerCrl(authority.federation, name, next, now)
  return { ...authority, [name]: { ...next, crl } }
}

function nameOf(identity: Identity): string {
  switch (identity.kind) {
    case 'site':
      return identity.site
    case 'device':
      return identity.device
    case 'kme':
      return identity.kme
    case 'sae':
      return identity.sae
  }
}

const isRevoked = ({ revoked }: Hierarchy, serial: string): boolean =>
  revoked.some((record) => record.serial === serial)

const HIERARCHIES: readonly HierarchyName[] = ['sites', 'north']

/** Sites and devices renew monthly; applications are asked less often. */
const PROFILES: Readonly<Record<Identity['kind'], Profile>> = {
  site: { hierarchy: 'sites', key: 'ml-dsa-65', days: 30, usages: ['client', 'server'] },
  device: { hierarchy: 'sites', key: 'ml-dsa-65', days: 30, usages: ['client', 'server'] },
  kme: { hierarchy: 'north', key: 'ecdsa-p256', days: 90, usages: ['server'] },
  sae: { hierarchy: 'north', key: 'ecdsa-p256', days: 365, usages: ['client'] },
}

/** Certificates and statements that stand at one time. */
const ISSUED_MAX = 50_000
const KEPT_AFTER_MS = 30 * DAY_MS
