/**
 * What the folder of an enrolled site says: who the site is, whom it trusts, and what is revoked.
 *
 * @module
 */

import {
  cborDoor,
  Exactly,
  kmeId,
  Octets,
  Refusal,
  siteId,
  Text,
  toCbor,
  Type,
  type Clock,
  type Disk,
} from '#base'
import {
  acceptGrant,
  fingerprintOf,
  GRANT_OCTETS_MAX,
  northCredentials,
  openSiteKeys,
  pem,
  readGrant,
  siteCredentials,
  verifyChain,
  verifyStatement,
  writeGrant,
  type Credentials,
  type Grant,
  type HierarchyName,
  type SiteKeys,
  type SiteStatement,
} from '#pki'
import { keyFor, type RootKey } from './root-key/root-key.ts'

export type EnrolmentRefusalCode =
  | 'AUTHORITY_MISSING'
  | 'REQUEST_MISSING'
  /** The request in a folder is another than the one whose fingerprint was compared. */
  | 'FINGERPRINT_DIFFERS'
  | 'GRANT_MISSING'
  | 'ANCHORS_MISSING'
  | 'SITE_KEYS_MISSING'
  | 'STATEMENT_REFUSED'

export class EnrolmentRefusal extends Refusal<EnrolmentRefusalCode> {
  override readonly name = 'EnrolmentRefusal'
}

/** Everything a site's folder says about who the site is and whom it trusts. */
export interface Material {
  readonly keys: SiteKeys
  readonly grant: Grant
  readonly own: SiteStatement
  readonly peers: readonly SiteStatement[]
  readonly anchors: Readonly<Record<HierarchyName, Uint8Array>>
  readonly crls: Lists
  /** SHA-256 of the root between sites, hexadecimal: what operators compare. */
  readonly rootFingerprint: string
}

export type Lists = Readonly<Record<HierarchyName, readonly Uint8Array[]>>

/**
 * Reads and verifies the material of a site.
 *
 * A peer whose statement no longer holds is left out and reported, so that one peer's expiry does
 * not stop this site.
 *
 * @throws EnrolmentRefusal, PkiRefusal
 */
export async function readMaterial(
  disk: Disk,
  about: { readonly site: string; readonly kme: string; readonly root: RootKey },
  { clock, report }: { clock: Clock; report: (peer: string, reason: string) => void },
): Promise<Material> {
  using identity = keyFor(about.root, 'identity')
  const sealed = await needed(disk, FILES.keys, 'SITE_KEYS_MISSING', 'site keys')
  const keys = openSiteKeys(sealed, identity.reveal())
  const anchors = await readAnchors(disk)
  const octets = await needed(disk, FILES.grant, 'GRANT_MISSING', 'a grant; enrol it first')
  const site = siteId(about.site)
  const now = clock.now()
  // The grant's own lists were over within a week.
  const held = withLists(readGrant(octets), await readLists(disk))
  const grant = acceptGrant(writeGrant(held), keys, { site, kme: kmeId(about.kme), anchors, now })
  const crls = { sites: grant.sites.crls, north: grant.north.crls }
  const trust = { anchors: [anchors.sites], crls: crls.sites, now }
  const checked = verifyStatement(grant.statement, { ...trust, site })
  if (checked.kind === 'refused') throw statementRefused(checked.reason)
  const peers: SiteStatement[] = []
  for (const path of await disk.list('peers')) {
    const statement = await disk.read(path)
    const check = verifyStatement(statement ?? new Uint8Array(0), trust)
    if (check.kind === 'verified') peers.push(check.statement)
    else report(path, check.reason)
  }
  const rootFingerprint = fingerprintOf(anchors.sites)
  return { keys, grant, own: checked.statement, peers, anchors, crls, rootFingerprint }
}

/** A grant with the lists of a folder in the place of its own, unchecked. */
export const withLists = (grant: Grant, { sites, north }: Lists): Grant =>
  sites.length === 0
    ? grant
    : {
        ...grant,
        sites: { ...grant.sites, crls: sites },
        north: { ...grant.north, crls: north },
      }

/** The revocation lists in a folder; empty where there are none. */
export async function readLists(disk: Disk): Promise<Lists> {
  const octets = await disk.read(FILES.lists)
  return octets === undefined ? { sites: [], north: [] } : openLists(octets)
}

/** PEM of a site for its two kinds of listeners, under the revocation lists of its folder. */
export function credentialsIn({ grant, keys, crls }: Material): {
  readonly peer: Credentials
  readonly north: Credentials
} {
  return {
    peer: { ...siteCredentials(grant, keys), crl: crlPem(crls.sites) },
    north: { ...northCredentials(grant, keys), crl: crlPem(crls.north) },
  }
}

const crlPem = (ders: readonly Uint8Array[]): string =>
  ders.map((der) => pem('X509 CRL', der)).join('')

/** PEM credentials of a fibre's folder, under the newest revocation lists in it. */
export async function readDeviceCredentials(disk: Disk): Promise<Credentials> {
  const octets = await needed(disk, FILES.device, 'GRANT_MISSING', 'a certificate; enrol it first')
  const credentials = credentialsDoor(octets)
  const { sites } = await readLists(disk)
  return sites.length === 0 ? credentials : { ...credentials, crl: crlPem(sites) }
}

/** Checks what a peer showed in TLS once more by the rules of RFC 5280; see `verifyChain`. */
export const chainCheckOf =
  ({ anchors, crls }: Material, clock: Clock) =>
  (chain: readonly Uint8Array[], end: 'client' | 'server'): string | undefined => {
    const trust = { anchors: [anchors.sites], crls: crls.sites, now: clock.now() }
    const site = verifyChain(chain, { ...trust, usage: `site-${end}` })
    if (site.kind === 'verified') return undefined
    const device = verifyChain(chain, { ...trust, usage: `device-${end}` })
    return device.kind === 'verified' ? undefined : site.reason
  }

/** The roots that a folder trusts. @throws EnrolmentRefusal `ANCHORS_MISSING` */
export async function readAnchors(disk: Disk): Promise<Material['anchors']> {
  return openAnchors(await needed(disk, FILES.anchors, 'ANCHORS_MISSING', 'trust anchors'))
}

export const anchorsOctets = ({ sites, north }: Material['anchors']): Uint8Array =>
  toCbor({ sites, north })

export const listsOctets = ({ sites, north }: Lists): Uint8Array => toCbor({ sites, north })

export const credentialsOctets = (credentials: Credentials): Uint8Array =>
  toCbor({ ...credentials })

/** The statement in a grant, for the site to hand to its peers. */
export const statementIn = (grant: Uint8Array): Uint8Array => statementDoor(grant).statement

/** The file, or a refusal that says what is missing. */
export async function needed(
  disk: Disk,
  path: string,
  code: EnrolmentRefusalCode,
  what: string,
): Promise<Uint8Array> {
  const octets = await disk.read(path)
  if (octets !== undefined) return octets
  throw new EnrolmentRefusal(code, `This folder does not hold ${what}`, { facts: { path } })
}

export const statementRefused = (reason: string): EnrolmentRefusal =>
  new EnrolmentRefusal('STATEMENT_REFUSED', `A site statement is refused: ${reason}`)

/** Files of a site's folder that have to do with who it is. */
export const FILES = {
  keys: 'identity.sealed',
  request: 'enrolment.request',
  grant: 'grant.cbor',
  statement: 'statement.cbor',
  anchors: 'anchors.cbor',
  lists: 'revocation.cbor',
  device: 'device.cbor',
} as const

const Certificate = Octets(1, 16_384)
const List = Type.Array(Octets(1, 1_048_576), { maxItems: 4 })
const Pem = Text(65_536, 1)
const openAnchors = cborDoor(
  Exactly({ sites: Certificate, north: Certificate }),
  'trust anchors',
  65_536,
)
const openLists = cborDoor(Exactly({ sites: List, north: List }), 'revocation lists', 8_388_608)
const credentialsDoor = cborDoor(
  Exactly({ key: Pem, cert: Pem, ca: Pem, crl: Text(8_388_608) }),
  'credentials of a device',
  16_777_216,
)
const statementDoor = cborDoor(
  Type.Object({ statement: Octets(1, 65_536) }),
  'grant',
  GRANT_OCTETS_MAX,
)
