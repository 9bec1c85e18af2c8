/**
 * Folders of authorities, sites and fibres: how they are made, enrolled and brought up to date.
 *
 * An authority's folder holds its sealed books and, apart, its sealed roots. A site's folder holds
 * its sealed keys, its request, and then its grant; `anchors.cbor` is what it trusts, put there by
 * the operator of the authority and not by the grant. Nothing here talks to a network.
 *
 * @module
 */

import { saeId, siteId, type Clock, type Disk, type EpochMs, type RandomSource } from '#base'
import type { AuditEvent } from '#audit'
import {
  anchorsOf,
  authorityActor,
  createAuthority,
  crlsOf,
  enrolmentRequest,
  fingerprintOf,
  grantSite,
  newCredentials,
  newSiteKeys,
  openAuthority,
  openSiteKeys,
  readGrant,
  renewLists,
  readEnrolment,
  refreshCrls,
  revoke,
  sealAuthority,
  sealRoots,
  sealSiteKeys,
  PkiRefusal,
  verifyStatement,
  type Authority,
  type Credentials,
  type Enrolment,
  type HierarchyName,
  type SiteKeys,
  type SiteNames,
  type SiteStatement,
} from '#pki'
import { noteActs } from './authority-log.ts'
import {
  anchorsOctets,
  credentialsOctets,
  EnrolmentRefusal,
  FILES,
  listsOctets,
  needed,
  readAnchors,
  readLists,
  statementIn,
  statementRefused,
  withLists,
  type Lists,
} from './material.ts'
import { isDaemonSae } from './config.ts'
import { createRootKey, keyFor, readRootKey, type RootKey } from './root-key/root-key.ts'

/** What acting on folders needs of the world. */
export interface Means {
  readonly clock: Clock
  readonly random: RandomSource
  /** Of the authority's root key, where it is under one. */
  readonly passphrase?: Uint8Array | undefined
}

/** Makes the folder of an authority. @returns fingerprints of its two roots */
export async function makeAuthority(
  disk: Disk,
  federation: string,
  { clock, random, passphrase }: Means,
): Promise<Readonly<Record<HierarchyName, string>>> {
  using root = await createRootKey(disk, random, passphrase)
  const created = await createAuthority(federation, { now: clock.now(), random })
  const { authority, roots } = created
  using rootsKey = keyFor(root, 'authority-roots')
  await disk.write('roots.sealed', sealRoots(roots, rootsKey.reveal(), random))
  await storeAuthority(disk, created, root, random)
  const { sites, north } = anchorsOf(authority)
  return { sites: fingerprintOf(sites), north: fingerprintOf(north) }
}

/** Makes keys and a request in the folder of a new site. @returns the request's fingerprint */
export async function makeSite(
  disk: Disk,
  names: SiteNames,
  { clock, random, passphrase }: Means & { readonly passphrase: Uint8Array | undefined },
): Promise<string> {
  using root = await createRootKey(disk, random, passphrase)
  using identity = keyFor(root, 'identity')
  const keys = newSiteKeys()
  await disk.write(FILES.keys, sealSiteKeys(keys, identity.reveal(), random))
  return await putRequest(disk, keys, names, clock)
}

/**
 * Signs a fresh request with the keys that a site has: an authority takes none that is older than
 * a few days, and certificates have to be renewed. @returns the request's fingerprint
 */
export async function renewRequest(
  disk: Disk,
  names: SiteNames,
  { clock, passphrase }: Pick<Means, 'clock'> & { readonly passphrase: Uint8Array | undefined },
): Promise<string> {
  using root = await readRootKey(disk, passphrase)
  using identity = keyFor(root, 'identity')
  const sealed = await needed(disk, FILES.keys, 'SITE_KEYS_MISSING', 'site keys')
  const keys = openSiteKeys(sealed, identity.reveal())
  return await putRequest(disk, keys, names, clock)
}

async function putRequest(
  disk: Disk,
  keys: SiteKeys,
  names: SiteNames,
  clock: Clock,
): Promise<string> {
  const request = await enrolmentRequest(keys, names, clock.now())
  await disk.write(FILES.request, request)
  return readEnrolment(request, clock.now()).fingerprint
}

/** What the request in a site's folder asks for, as its operator is asked about it. */
export async function requestIn(siteDisk: Disk, clock: Clock): Promise<Enrolment> {
  const request = await needed(siteDisk, FILES.request, 'REQUEST_MISSING', 'an enrolment request')
  return readEnrolment(request, clock.now())
}

/**
 * Grants what the request in a site's folder asks for, and puts it there.
 *
 * @param fingerprint   of the request that the operators have compared
 * @throws EnrolmentRefusal `FINGERPRINT_DIFFERS`; PkiRefusal `SITE_NAME_TAKEN` among others
 */
export async function enrolSite(
  authorityDisk: Disk,
  siteDisk: Disk,
  { clock, random, passphrase, fingerprint }: Means & { readonly fingerprint?: string },
): Promise<Enrolment> {
  using root = await readRootKey(authorityDisk, passphrase)
  const authority = await freshAuthority(authorityDisk, root, clock)
  const request = await needed(siteDisk, FILES.request, 'REQUEST_MISSING', 'an enrolment request')
  const enrolment = readEnrolment(request, clock.now())
  const { site, kme } = enrolment
  if (fingerprint !== undefined && fingerprint !== enrolment.fingerprint) {
    throw new EnrolmentRefusal(
      'FINGERPRINT_DIFFERS',
      'The request is not the one that was compared',
    )
  }
  const expected = { site, kme }
  const act = { now: clock.now(), random, expected }
  const granted = await grantSite(authority, enrolment, act)
  await storeAuthority(authorityDisk, granted, root, random)
  await siteDisk.write(FILES.anchors, anchorsOctets(anchorsOf(granted.authority)))
  await siteDisk.write(FILES.grant, granted.grant)
  await siteDisk.write(FILES.statement, statementIn(granted.grant))
  await putLists(granted.authority, siteDisk)
  return enrolment
}

/** Issues the certificate of a simulated fibre, and puts it into its folder. */
export async function enrolDevice(
  authorityDisk: Disk,
  deviceDisk: Disk,
  { device, clock, random, passphrase }: Means & { readonly device: string },
): Promise<string> {
  using root = await readRootKey(authorityDisk, passphrase)
  const authority = await freshAuthority(authorityDisk, root, clock)
  const act = { now: clock.now(), random }
  const identity = { kind: 'device', device: siteId(device) } as const
  const issued = await newCredentials(authority, { identity, names: {} }, act)
  await storeAuthority(authorityDisk, issued, root, random)
  await deviceDisk.write(FILES.device, credentialsOctets(issued.credentials))
  return issued.serial
}

/** The daemon of a site takes its own keys under such a name. @throws PkiRefusal `SAE_NAME_RESERVED` */
export function checkSaeName(sae: string): void {
  if (!isDaemonSae(sae)) return
  throw new PkiRefusal('SAE_NAME_RESERVED', 'Names of this form are those of daemons', {
    facts: { sae },
  })
}

/** Issues a client certificate for an application; the host writes it where it belongs. */
export async function enrolSae(
  authorityDisk: Disk,
  { sae, clock, random, passphrase }: Means & { readonly sae: string },
): Promise<{ readonly credentials: Credentials; readonly serial: string }> {
  checkSaeName(sae)
  using root = await readRootKey(authorityDisk, passphrase)
  const authority = await readAuthority(authorityDisk, root)
  const act = { now: clock.now(), random }
  const identity = { kind: 'sae', sae: saeId(sae) } as const
  const issued = await newCredentials(authority, { identity, names: {} }, act)
  await storeAuthority(authorityDisk, issued, root, random)
  return { credentials: issued.credentials, serial: issued.serial }
}

/** Revokes a certificate by its serial number. @throws PkiRefusal `SERIAL_UNKNOWN` */
export async function revokeSerial(
  authorityDisk: Disk,
  serial: string,
  { clock, random, passphrase }: Means,
): Promise<void> {
  using root = await readRootKey(authorityDisk, passphrase)
  const authority = await readAuthority(authorityDisk, root)
  const act = { now: clock.now(), reason: 'cessation-of-operation' } as const
  const revoked = await revoke(authority, serial, act)
  await storeAuthority(authorityDisk, revoked, root, random)
}

/** A certificate or statement that an authority has issued and that is not over. */
export interface IssuedView {
  readonly serial: string
  readonly hierarchy: HierarchyName
  /** `site`, `device`, `kme`, `sae`, or `statement`. */
  readonly profile: string
  readonly name: string
  readonly notAfter: EpochMs
  readonly revokedAt: EpochMs | undefined
}

/** Everything that an authority has issued and that is not over, oldest first. */
export async function issuedBy(
  authorityDisk: Disk,
  passphrase?: Uint8Array,
): Promise<readonly IssuedView[]> {
  using root = await readRootKey(authorityDisk, passphrase)
  const authority = await readAuthority(authorityDisk, root)
  return (['sites', 'north'] as const).flatMap((hierarchy) => {
    const { issued, revoked } = authority[hierarchy]
    const times = new Map(revoked.map(({ serial, at }) => [serial, at]))
    return issued.map((one) => ({ ...one, hierarchy, revokedAt: times.get(one.serial) }))
  })
}

/**
 * Signs fresh revocation lists and puts them into the folders of sites and fibres.
 *
 * @throws PkiRefusal `GRANT_INVALID` if a folder is of another authority or holds newer lists: they
 *   would cut it off at its next start
 */
export async function publishLists(
  authorityDisk: Disk,
  targets: readonly Disk[],
  { clock, random, passphrase }: Means,
): Promise<void> {
  using root = await readRootKey(authorityDisk, passphrase)
  const now = clock.now()
  const authority = await refreshCrls(await readAuthority(authorityDisk, root), now)
  const facts = { sitesList: authority.sites.crlNumber, northList: authority.north.crlNumber }
  const event = { kind: 'pki.lists-renewed', at: now, actor: authorityActor(authority), facts }
  await storeAuthority(authorityDisk, { authority, events: [event] }, root, random)
  for (const target of targets) {
    const grant = await target.read(FILES.grant)
    if (grant === undefined) continue
    const held = withLists(readGrant(grant), await readLists(target))
    renewLists(held, listsOf(authority), now)
  }
  for (const target of targets) await putLists(authority, target)
}

/** Puts the statement of one site into the folder of another, once it holds under its trust. */
export async function introduce(from: Disk, into: Disk, clock: Clock): Promise<SiteStatement> {
  const octets = await needed(from, FILES.statement, 'GRANT_MISSING', 'a statement; enrol it first')
  const anchors = await readAnchors(into)
  const { sites: crls } = await readLists(into)
  const check = verifyStatement(octets, { anchors: [anchors.sites], crls, now: clock.now() })
  if (check.kind === 'refused') throw statementRefused(check.reason)
  await into.write(`peers/${check.statement.site}.statement`, octets)
  return check.statement
}

const putLists = (authority: Authority, target: Disk): Promise<void> =>
  target.write(FILES.lists, listsOctets(listsOf(authority)))

const listsOf = ({ sites, north }: Authority): Lists => ({
  sites: crlsOf(sites),
  north: crlsOf(north),
})

/** Notes what was done, then keeps the new state; only after that may anything be handed out. */
async function storeAuthority(
  disk: Disk,
  { authority, events }: { authority: Authority; events: readonly AuditEvent[] },
  root: RootKey,
  random: RandomSource,
): Promise<void> {
  await noteActs(disk, events)
  using key = keyFor(root, 'authority')
  await disk.write('authority.sealed', sealAuthority(authority, key.reveal(), random))
  await disk.write(FILES.anchors, anchorsOctets(anchorsOf(authority)))
}

/** With lists of today: those it signed last may be over, and whoever is granted them could not start. */
const freshAuthority = async (disk: Disk, root: RootKey, clock: Clock): Promise<Authority> =>
  refreshCrls(await readAuthority(disk, root), clock.now())

async function readAuthority(disk: Disk, root: RootKey): Promise<Authority> {
  const octets = await needed(disk, 'authority.sealed', 'AUTHORITY_MISSING', 'an authority')
  using key = keyFor(root, 'authority')
  return openAuthority(octets, key.reveal())
}
