/**
 * Folders of authorities, sites and fibres: how they are made, enrolled and brought up to date.
 *
 * An authority's folder holds its sealed books and, apart, its sealed roots. A site's folder holds
 * its sealed keys, its request, and then its grant; `anchors.cbor` is what it trusts, put there by
 * the operator of the authority and not by the grant. Nothing here talks to a network.
 *
 * @module
 */

import { saeId, siteId, type Clock, type Disk, type RandomSource, type SecretBytes } from '#base'
import {
  anchorsOf,
  createAuthority,
  crlsOf,
  enrolmentRequest,
  fingerprintOf,
  grantSite,
  newCredentials,
  newSiteKeys,
  openAuthority,
  readEnrolment,
  refreshCrls,
  revoke,
  sealAuthority,
  sealRoots,
  sealSiteKeys,
  verifyStatement,
  type Authority,
  type Credentials,
  type Enrolment,
  type HierarchyName,
  type SiteNames,
  type SiteStatement,
} from '#pki'
import {
  anchorsOctets,
  credentialsOctets,
  FILES,
  listsOctets,
  needed,
  readAnchors,
  readLists,
  statementIn,
  statementRefused,
} from './material.ts'
import { createRootKey, keyFor, readRootKey } from './root-key.ts'

/** What acting on folders needs of the world. */
export interface Means {
  readonly clock: Clock
  readonly random: RandomSource
}

/** Makes the folder of an authority. @returns fingerprints of its two roots */
export async function makeAuthority(
  disk: Disk,
  federation: string,
  { clock, random }: Means,
): Promise<Readonly<Record<HierarchyName, string>>> {
  using root = await createRootKey(disk, random, undefined)
  const { authority, roots } = await createAuthority(federation, { now: clock.now(), random })
  using rootsKey = keyFor(root, 'authority-roots')
  await disk.write('roots.sealed', sealRoots(roots, rootsKey.reveal(), random))
  await storeAuthority(disk, authority, root, random)
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
  const request = await enrolmentRequest(keys, names, clock.now())
  await disk.write(FILES.request, request)
  return readEnrolment(request, clock.now()).fingerprint
}

/** Grants what the request in a site's folder asks for, and puts it there. */
export async function enrolSite(
  authorityDisk: Disk,
  siteDisk: Disk,
  { clock, random }: Means,
): Promise<Enrolment> {
  using root = await readRootKey(authorityDisk, undefined)
  const authority = await readAuthority(authorityDisk, root)
  const request = await needed(siteDisk, FILES.request, 'REQUEST_MISSING', 'an enrolment request')
  const enrolment = readEnrolment(request, clock.now())
  const { site, kme } = enrolment
  const expected = { site, kme }
  const act = { now: clock.now(), random, expected }
  const granted = await grantSite(authority, enrolment, act)
  await storeAuthority(authorityDisk, granted.authority, root, random)
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
  { device, clock, random }: Means & { readonly device: string },
): Promise<string> {
  using root = await readRootKey(authorityDisk, undefined)
  const authority = await readAuthority(authorityDisk, root)
  const act = { now: clock.now(), random }
  const identity = { kind: 'device', device: siteId(device) } as const
  const issued = await newCredentials(authority, { identity, names: {} }, act)
  await storeAuthority(authorityDisk, issued.authority, root, random)
  await deviceDisk.write(FILES.device, credentialsOctets(issued.credentials))
  return issued.serial
}

/** Issues a client certificate for an application; the host writes it where it belongs. */
export async function enrolSae(
  authorityDisk: Disk,
  { sae, clock, random }: Means & { readonly sae: string },
): Promise<{ readonly credentials: Credentials; readonly serial: string }> {
  using root = await readRootKey(authorityDisk, undefined)
  const authority = await readAuthority(authorityDisk, root)
  const act = { now: clock.now(), random }
  const identity = { kind: 'sae', sae: saeId(sae) } as const
  const issued = await newCredentials(authority, { identity, names: {} }, act)
  await storeAuthority(authorityDisk, issued.authority, root, random)
  return { credentials: issued.credentials, serial: issued.serial }
}

/** Revokes a certificate by its serial number. @throws PkiRefusal `SERIAL_UNKNOWN` */
export async function revokeSerial(
  authorityDisk: Disk,
  serial: string,
  { clock, random }: Means,
): Promise<void> {
  using root = await readRootKey(authorityDisk, undefined)
  const authority = await readAuthority(authorityDisk, root)
  const act = { now: clock.now(), reason: 'cessation-of-operation' } as const
  const revoked = await revoke(authority, serial, act)
  await storeAuthority(authorityDisk, revoked.authority, root, random)
}

/** Signs fresh revocation lists and puts them into the folder of a site or a fibre. */
export async function publishLists(
  authorityDisk: Disk,
  target: Disk,
  { clock, random }: Means,
): Promise<void> {
  using root = await readRootKey(authorityDisk, undefined)
  const authority = await refreshCrls(await readAuthority(authorityDisk, root), clock.now())
  await storeAuthority(authorityDisk, authority, root, random)
  await putLists(authority, target)
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

async function putLists(authority: Authority, target: Disk): Promise<void> {
  const { sites, north } = authority
  await target.write(FILES.lists, listsOctets({ sites: crlsOf(sites), north: crlsOf(north) }))
}

async function storeAuthority(
  disk: Disk,
  authority: Authority,
  root: SecretBytes,
  random: RandomSource,
): Promise<void> {
  using key = keyFor(root, 'authority')
  await disk.write('authority.sealed', sealAuthority(authority, key.reveal(), random))
  await disk.write(FILES.anchors, anchorsOctets(anchorsOf(authority)))
}

async function readAuthority(disk: Disk, root: SecretBytes): Promise<Authority> {
  const octets = await needed(disk, 'authority.sealed', 'AUTHORITY_MISSING', 'an authority')
  using key = keyFor(root, 'authority')
  return openAuthority(octets, key.reveal())
}
