/**
 * The state of an authority as sealed octets, and back.
 *
 * The roots' private keys are sealed apart from the rest, so that the everyday file can be opened
 * without them.
 *
 * @module
 */

import {
  cborDoor,
  epochMs,
  Exactly,
  Octets,
  OneOf,
  Text,
  Type,
  Whole,
  type RandomSource,
} from '#base'
import type { Authority, Hierarchy, RevokedRecord, Roots } from './authority.ts'
import { CERTIFICATE_OCTETS_MAX } from './certificate.ts'
import { CRL_OCTETS_MAX } from './crl.ts'
import { certificateKeyOf, pkcs8Of } from './keys.ts'
import { openState, sealState, SEALED_OCTETS_MAX } from './sealed.ts'

/** Seals the whole state, without the roots. @param key 32 octets */
export function sealAuthority(
  authority: Authority,
  key: Uint8Array,
  random: RandomSource,
): Uint8Array {
  const sites = storedHierarchy(authority.sites)
  const north = storedHierarchy(authority.north)
  const { federation } = authority
  const octets = sealState({ v: 1, federation, sites, north }, { key, label: LABEL, random })
  for (const { issuerKey } of [sites, north]) issuerKey.fill(0)
  return octets
}

/** @throws PkiRefusal `SEALED_INVALID` */
export function openAuthority(octets: Uint8Array, key: Uint8Array): Authority {
  const plaintext = openState(octets, { key, label: LABEL })
  const { federation, sites, north } = readAuthority(plaintext)
  const authority = { federation, sites: hierarchyOf(sites), north: hierarchyOf(north) }
  for (const secret of [plaintext, sites.issuerKey, north.issuerKey]) secret.fill(0)
  return authority
}

/** Seals the roots' private keys. @param key 32 octets */
export function sealRoots(roots: Roots, key: Uint8Array, random: RandomSource): Uint8Array {
  const [sites, north] = [pkcs8Of(roots.sites), pkcs8Of(roots.north)]
  const octets = sealState({ v: 1, sites, north }, { key, label: ROOTS_LABEL, random })
  for (const secret of [sites, north]) secret.fill(0)
  return octets
}

/** @throws PkiRefusal `SEALED_INVALID` */
export function openRoots(octets: Uint8Array, key: Uint8Array): Roots {
  const plaintext = openState(octets, { key, label: ROOTS_LABEL })
  const { sites, north } = readRoots(plaintext)
  const roots = { sites: certificateKeyOf(sites), north: certificateKeyOf(north) }
  for (const secret of [plaintext, sites, north]) secret.fill(0)
  return roots
}

function storedHierarchy({ issuerKey, issued, revoked, revokedIssuers, ...rest }: Hierarchy) {
  const plainRecords = (records: readonly RevokedRecord[]) => records.map((one) => ({ ...one }))
  return {
    ...rest,
    issuerKey: pkcs8Of(issuerKey),
    issued: issued.map((one) => ({ ...one })),
    revoked: plainRecords(revoked),
    revokedIssuers: plainRecords(revokedIssuers),
  }
}

type StoredHierarchy = ReturnType<typeof readAuthority>['sites']

const hierarchyOf = (stored: StoredHierarchy): Hierarchy => ({
  ...stored,
  // Copies: what was opened is cleared, and these would be cleared with it.
  root: stored.root.slice(),
  rootCrl: stored.rootCrl.slice(),
  issuer: stored.issuer.slice(),
  crl: stored.crl.slice(),
  issuerKey: certificateKeyOf(stored.issuerKey),
  issued: stored.issued.map(({ keys, ...one }) => ({
    ...one,
    notAfter: epochMs(one.notAfter),
    ...(keys === undefined ? {} : { keys }),
  })),
  revoked: stored.revoked.map(revokedOf),
  revokedIssuers: stored.revokedIssuers.map(revokedOf),
})

const revokedOf = (one: StoredHierarchy['revoked'][number]): RevokedRecord => ({
  ...one,
  at: epochMs(one.at),
  notAfter: epochMs(one.notAfter),
})

const LABEL = 'photonward/authority/v1'
const ROOTS_LABEL = 'photonward/authority-roots/v1'
const RECORDS_MAX = 100_000

const Der = Octets(1, CERTIFICATE_OCTETS_MAX)
const Crl = Octets(1, CRL_OCTETS_MAX)
const Pkcs8 = Octets(1, 8192)
const Serial = Text(40, 2)
const Revoked = Type.Array(
  Exactly({
    serial: Serial,
    at: Whole(0),
    reason: OneOf(
      'unspecified',
      'key-compromise',
      'affiliation-changed',
      'superseded',
      'cessation-of-operation',
    ),
    notAfter: Whole(0),
  }),
  { maxItems: RECORDS_MAX },
)
const StoredHierarchyShape = Exactly({
  root: Der,
  rootCrl: Crl,
  issuer: Der,
  issuerKey: Pkcs8,
  crl: Crl,
  crlNumber: Whole(1),
  rootCrlNumber: Whole(1),
  generation: Whole(1),
  issued: Type.Array(
    Exactly({
      serial: Serial,
      profile: Text(16),
      name: Text(128),
      notAfter: Whole(0),
      keys: Type.Optional(Text(64)),
    }),
    { maxItems: RECORDS_MAX },
  ),
  revoked: Revoked,
  revokedIssuers: Revoked,
})
const readAuthority = cborDoor(
  Exactly({
    v: Type.Literal(1),
    federation: Text(64, 1),
    sites: StoredHierarchyShape,
    north: StoredHierarchyShape,
  }),
  'state of an authority',
  SEALED_OCTETS_MAX,
)
const readRoots = cborDoor(
  Exactly({ v: Type.Literal(1), sites: Pkcs8, north: Pkcs8 }),
  'root keys',
  SEALED_OCTETS_MAX,
)
