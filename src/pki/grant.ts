/**
 * Grants: what an authority gives a site that has enrolled, and what the site makes of it.
 *
 * @module
 */

import {
  cborDoor,
  Exactly,
  hex,
  Octets,
  sameOctets,
  toCbor,
  Type,
  type EpochMs,
  type KmeId,
  type SiteId,
} from '#base'
import type { AuditEvent } from '#audit'
import { sha256 } from '#crypto'
import { crlsOf, validity, type Act, type Authority, type HierarchyName } from './authority.ts'
import { CERTIFICATE_OCTETS_MAX } from './certificate.ts'
import { verifyChain, type CertificateUsage } from './chain.ts'
import { CRL_OCTETS_MAX } from './crl.ts'
import type { Enrolment } from './enrolment.ts'
import {
  credentialsOf,
  issuedEvent,
  issueLeaf,
  recorded,
  spkiOfRequest,
  standingIn,
  type Credentials,
} from './issuing.ts'
import { identityUri } from './identity.ts'
import { privateKeyPem } from './keys.ts'
import { PkiRefusal } from './refusal.ts'
import type { SiteKeys } from './site-keys.ts'
import {
  signStatement,
  STATEMENT_OCTETS_MAX,
  verifyStatement,
  type SiteStatement,
} from './statement.ts'
import { newSerial } from './x509.ts'

/** What a site holds of one hierarchy. All DER. */
export interface HeldChain {
  /** Leaf and issuer. */
  readonly chain: readonly Uint8Array[]
  readonly root: Uint8Array
  /** The root's list and the issuer's. */
  readonly crls: readonly Uint8Array[]
}

/** Everything an authority gives a site. */
export interface Grant {
  readonly sites: HeldChain
  readonly north: HeldChain
  /** The site's own statement, for it to hand to its peers. */
  readonly statement: Uint8Array
}

/**
 * Issues a site's certificates and statement.
 *
 * A name that stands for other keys is not granted again: those have to be revoked first. The same
 * keys are granted as often as they ask, which is how certificates are renewed.
 *
 * @param expected   what the operator knows of the site, not what the request says
 * @throws PkiRefusal `ENROLMENT_OTHER`, `SITE_NAME_TAKEN`
 */
export async function grantSite(
  authority: Authority,
  enrolment: Enrolment,
  { expected, ...act }: Act & { readonly expected: { readonly site: SiteId; readonly kme: KmeId } },
): Promise<{
  readonly authority: Authority
  readonly grant: Uint8Array
  readonly events: readonly AuditEvent[]
}> {
  const { site, kme, federation, dns, north } = enrolment
  if (site !== expected.site || kme !== expected.kme || federation !== authority.federation) {
    throw new PkiRefusal('ENROLMENT_OTHER', 'A request is not of the site that is expected', {
      facts: { expected: expected.site, got: site, federation },
    })
  }
  const keys = keysDigest(enrolment)
  checkFree(authority, { site, kme, keys, now: act.now })
  const request = enrolment.tlsRequest
  const names = { dns: unique([site, ...dns]) }
  const tls = await issueLeaf(authority, { identity: { kind: 'site', site }, names, request }, act)
  const northNames = { dns: unique(['localhost', ...north.dns]), ip: unique(LOOPBACK, north.ip) }
  const listener = await issueLeaf(
    tls.authority,
    { identity: { kind: 'kme', kme }, names: northNames, request: enrolment.northRequest, keys },
    act,
  )
  const stated = stateSite(listener.authority, enrolment, { tls, act, keys })
  const next = stated.authority
  const held = (name: HierarchyName, chain: readonly Uint8Array[]): HeldChain => ({
    chain,
    root: next[name].root,
    crls: crlsOf(next[name]),
  })
  const grant = writeGrant({
    sites: held('sites', tls.chain),
    north: held('north', listener.chain),
    statement: stated.statement,
  })
  return { authority: next, grant, events: [...tls.events, ...listener.events, stated.event] }
}

/**
 * Reads a grant and checks that it is for this site: its keys, its names, under the roots it
 * trusts.
 *
 * @param trusted.anchors   roots that came to the site by another way than this grant
 * @throws PkiRefusal `GRANT_INVALID` with the fact `part`
 */
export function acceptGrant(
  octets: Uint8Array,
  keys: SiteKeys,
  trusted: {
    readonly site: SiteId
    readonly kme: KmeId
    readonly anchors: Readonly<Record<HierarchyName, Uint8Array>>
    readonly now: EpochMs
  },
): Grant {
  const { sites, north, statement } = readGrant(octets)
  const { site, kme, anchors, now } = trusted
  checkHeld('sites', sites, { ...trusted, usage: 'site-server', spki: keys.tls.spki, name: site })
  checkHeld('north', north, { ...trusted, usage: 'kme-server', spki: keys.north.spki, name: kme })
  const check = verifyStatement(statement, {
    anchors: [anchors.sites],
    crls: sites.crls,
    now,
    site,
  })
  if (check.kind === 'refused') throw invalid('statement', check.reason)
  if (!isOf(check.statement, keys)) throw invalid('statement', 'other keys than those of the site')
  return { sites, north, statement }
}

/** A grant as octets: on its way to the site, and as the site keeps it. Nothing in it is secret. */
export const writeGrant = ({ sites, north, statement }: Grant): Uint8Array =>
  toCbor({ v: 1, sites: { ...sites }, north: { ...north }, statement })

/** PEM of a site towards other sites, for TLS. */
export const siteCredentials = ({ sites }: Grant, { tls }: SiteKeys): Credentials =>
  credentialsOf(privateKeyPem(tls), sites.chain, sites)

/** PEM of a site's listeners northbound, for TLS. */
export const northCredentials = ({ north }: Grant, keys: SiteKeys): Credentials =>
  credentialsOf(privateKeyPem(keys.north), north.chain, north)

function stateSite(
  authority: Authority,
  enrolment: Enrolment,
  about: {
    readonly tls: { serial: string; notAfter: EpochMs }
    readonly act: Act
    readonly keys: string
  },
) {
  const { federation, site, kme, origin, statement, audit, kem } = enrolment
  const { tls, act, keys } = about
  const { sites } = authority
  const serial = newSerial(act.random)
  const body: SiteStatement = {
    federation,
    site,
    kme,
    serial,
    tlsSerial: tls.serial,
    notBefore: validity(act.now, 0).notBefore,
    notAfter: tls.notAfter,
    tls: spkiOfRequest(enrolment.tlsRequest, 'ml-dsa-65'),
    statement,
    audit: { origin, ...audit },
    kem,
  }
  const name = identityUri({ kind: 'site', site })
  const record = { serial, profile: 'statement', name, notAfter: tls.notAfter, keys }
  return {
    authority: { ...authority, sites: recorded(sites, record, act.now) },
    statement: signStatement(body, { certificate: sites.issuer, key: sites.issuerKey }),
    event: issuedEvent(authority, record, act.now),
  }
}

/** All public keys of a site, as one name for them. */
function keysDigest({ tlsRequest, northRequest, statement, audit, kem }: Enrolment): string {
  const tls = spkiOfRequest(tlsRequest, 'ml-dsa-65')
  const north = spkiOfRequest(northRequest, 'ecdsa-p256')
  const { mlDsa, ed25519 } = statement
  return hex(sha256(toCbor([tls, north, mlDsa, ed25519, audit.mlDsa44, audit.ed25519, kem])))
}

/** Neither the site's name nor its KME's may stand for anybody else. */
function checkFree(
  authority: Authority,
  asked: {
    readonly site: SiteId
    readonly kme: KmeId
    readonly keys: string
    readonly now: EpochMs
  },
): void {
  const { site, kme, keys, now } = asked
  const standing = [
    ...standingIn(authority, { kind: 'site', site }, now).filter((one) => one.profile !== 'site'),
    ...standingIn(authority, { kind: 'kme', kme }, now),
  ]
  const other = standing.find((record) => record.keys !== keys)
  if (other === undefined) return
  throw new PkiRefusal(
    'SITE_NAME_TAKEN',
    `${other.name} stands for other keys; whoever is to replace them has them revoked first`,
    { facts: { name: other.name, serial: other.serial } },
  )
}

function checkHeld(
  part: HierarchyName,
  { chain, root, crls }: HeldChain,
  expected: {
    readonly anchors: Readonly<Record<HierarchyName, Uint8Array>>
    readonly now: EpochMs
    readonly usage: CertificateUsage
    readonly spki: Uint8Array
    readonly name: string
  },
): void {
  const { anchors, now, usage, spki, name } = expected
  if (!sameOctets(root, anchors[part])) throw invalid(part, 'other root than the trusted one')
  const check = verifyChain(chain, { anchors: [root], crls, now, usage })
  if (check.kind === 'refused') throw invalid(part, check.reason)
  if (!sameOctets(check.leaf.spki, spki)) throw invalid(part, 'other key than that of the site')
  const { identity } = check.leaf
  const named =
    identity.kind === 'site' ? identity.site : identity.kind === 'kme' ? identity.kme : ''
  if (named !== name) throw invalid(part, 'other name than that of the site')
}

function isOf(statement: SiteStatement, { tls, statement: own, audit, kem }: SiteKeys): boolean {
  return (
    sameOctets(statement.tls, tls.spki) &&
    sameOctets(statement.statement.mlDsa, own.mlDsa.publicKey) &&
    sameOctets(statement.statement.ed25519, own.ed25519.publicKey) &&
    sameOctets(statement.audit.ed25519, audit.ed25519.publicKey) &&
    sameOctets(statement.audit.mlDsa44, audit.mlDsa44.publicKey) &&
    sameOctets(statement.kem, kem.encapsulationKey)
  )
}

/** Reads a grant without checking whose it is or whether it holds. @throws PkiRefusal `GRANT_INVALID` */
export function readGrant(octets: Uint8Array): Grant {
  try {
    const { sites, north, statement } = openGrant(octets)
    return { sites, north, statement }
  } catch (cause) {
    throw new PkiRefusal('GRANT_INVALID', 'Not a grant of an authority', { cause })
  }
}

const invalid = (part: string, problem: string): PkiRefusal =>
  new PkiRefusal('GRANT_INVALID', `A grant is refused: ${problem}`, { facts: { part } })

const unique = (...lists: readonly (readonly string[])[]): string[] => [...new Set(lists.flat())]

const LOOPBACK: readonly string[] = ['127.0.0.1', '::1']
/** Octets of one grant: two chains, four lists, one statement. */
export const GRANT_OCTETS_MAX = 4 * CRL_OCTETS_MAX + 131_072

const Held = Exactly({
  chain: Type.Array(Octets(1, CERTIFICATE_OCTETS_MAX), { minItems: 1, maxItems: 4 }),
  root: Octets(1, CERTIFICATE_OCTETS_MAX),
  crls: Type.Array(Octets(1, CRL_OCTETS_MAX), { minItems: 1, maxItems: 4 }),
})
const openGrant = cborDoor(
  Exactly({
    v: Type.Literal(1),
    sites: Held,
    north: Held,
    statement: Octets(1, STATEMENT_OCTETS_MAX),
  }),
  'grant',
  GRANT_OCTETS_MAX,
)
