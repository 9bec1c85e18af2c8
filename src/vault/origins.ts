/**
 * How a version came here from another site: the proof of that site, and its protection on the way.
 *
 * @module
 */

import {
  bind,
  cborDoor,
  concat,
  Exactly,
  Octets,
  statement,
  Text,
  toCbor,
  Type,
  uuidOctets,
  uuidOf,
  Whole,
  type SiteId,
  type Statement,
  type Store,
  type Uuid,
} from '#base'
import { sha256 } from '#crypto'
import type { GroupProof } from './group.ts'
import { damaged } from './refusal.ts'
import { numberOf, octetsOf, siteIn } from './rows.ts'
import { db } from './tables.ts'

/**
 * How an item was protected on one way from site to site. The vault keeps it and shows it; what it
 * means is the session's.
 */
export interface ItemProtection {
  /** The mode that policy asked for: `require-quantum`, … */
  readonly mode: string
  /** The mode that was used: `hybrid-quantum` or `hybrid-post-quantum`. */
  readonly used: string
  /** The session's whole record of it, deterministic CBOR, opaque here. */
  readonly record: Uint8Array
}

/** What is kept of the way of one version. */
export interface Origin {
  /** Hash of the row, as our manifest lists it. */
  readonly hash: Uint8Array
  /** The group in which the sealing site wrote the version. */
  readonly group: Uuid
  /** Index in that group. */
  readonly place: number
  readonly path: readonly Uint8Array[]
  /** Each way it took, oldest first; its protection is that of the weakest. */
  readonly protections: readonly ItemProtection[]
}

/** The row that keeps a proof and protections, and its hash. */
export function noteOrigin(
  proof: GroupProof,
  group: Uuid,
  protections: readonly ItemProtection[],
): { readonly note: Uint8Array; readonly hash: Uint8Array } {
  const { place, path } = proof
  const note = toCbor({
    group: uuidOctets(group),
    place,
    path: concat(...path),
    protections: protections.map(({ mode, used, record }) => [mode, used, record]),
  })
  return { note, hash: sha256(note) }
}

/** How a version came here from another site. @throws VaultRefusal `VAULT_DAMAGED` */
export async function originOf(
  at: { readonly site: SiteId; readonly store: Store },
  object: Uuid,
  version: number,
): Promise<Origin> {
  const where = `vault_origin ${object} ${version}`
  const rows = await at.store.read(bind(SELECT_ORIGIN, at.site, uuidOctets(object), version))
  if (rows.length === 0) throw damaged(where, 'the row is missing')
  const note = octetsOf(rows[0], 'note')
  try {
    const { group, place, path, protections } = openNote(note)
    return {
      hash: sha256(note),
      group: uuidOf(group),
      place,
      path: hashesOf(path),
      protections: protections.map(([mode, used, record]) => ({ mode, used, record })),
    }
  } catch (cause) {
    throw damaged(where, 'the row was changed', cause)
  }
}

/** A version that came from another site, and the ways it took. */
export interface Travelled {
  readonly object: Uuid
  readonly version: number
  /** Site that sealed it. */
  readonly origin: SiteId
  readonly protections: readonly ItemProtection[]
}

/**
 * Every version that came from another site, in order of objects: as its row says, which is neither
 * opened nor held against its group here.
 *
 * @throws VaultRefusal `VAULT_DAMAGED`
 */
export async function* everyTravelled(at: {
  readonly site: SiteId
  readonly store: Store
}): AsyncGenerator<Travelled> {
  let [after, version]: [Uint8Array, number] = [blank, 0]
  for (;;) {
    const by = [at.site, version, after, after, PAGE_ROWS] as const
    const rows = await at.store.read(bind(PAGE, ...by))
    for (const row of rows) {
      ;[after, version] = [octetsOf(row, 'object_id'), numberOf(row, 'edition')]
      const object = uuidOf(after)
      const { protections } = await originOf(at, object, version)
      yield { object, version, origin: siteIn(row, 'origin'), protections }
    }
    if (rows.length < PAGE_ROWS) return
  }
}

/** The proof that the sealing site gave. @throws VaultRefusal `VAULT_DAMAGED` */
export async function proofOf(
  at: { readonly site: SiteId; readonly store: Store },
  tenant: SiteId,
  origin: Origin,
): Promise<GroupProof> {
  const { group, place, path } = origin
  const rows = await at.store.read(bind(SELECT_FOREIGN, at.site, tenant, uuidOctets(group)))
  if (rows.length === 0) throw damaged(`vault_foreign ${group}`, 'the row is missing')
  const [row] = rows
  const signature = { mlDsa: octetsOf(row, 'ml_dsa'), ed25519: octetsOf(row, 'ed25519') }
  return { statement: octetsOf(row, 'statement'), signature, place, path }
}

/** Keeps the signed statement of another site's group, once however many items are in it. */
export const keepForeign = (
  site: SiteId,
  tenant: SiteId,
  group: Uuid,
  { statement: text, signature }: GroupProof,
): Statement =>
  bind(INSERT_FOREIGN, site, tenant, uuidOctets(group), text, signature.mlDsa, signature.ed25519)

function hashesOf(path: Uint8Array): Uint8Array[] {
  const hashes: Uint8Array[] = []
  for (let at = 0; at < path.length; at += HASH_OCTETS) {
    hashes.push(path.slice(at, at + HASH_OCTETS))
  }
  return hashes
}

/** Ways that one item may have taken. */
export const PROTECTIONS_MAX = 16
/** Octets of one session's record of a protection. */
export const PROTECTION_OCTETS_MAX = 8192
const HASH_OCTETS = 32
/** More than any group has levels. */
const PATH_HASHES_MAX = 32

/** What may be kept of the ways of one item. */
export const ProtectionsShape = Type.Array(
  Type.Tuple([Text(32, 1), Text(32, 1), Octets(1, PROTECTION_OCTETS_MAX)]),
  { maxItems: PROTECTIONS_MAX },
)
const openNote = cborDoor(
  Exactly({
    group: Octets(16),
    place: Whole(0),
    path: Octets(0, PATH_HASHES_MAX * HASH_OCTETS),
    protections: ProtectionsShape,
  }),
  'origin of an item',
  PROTECTIONS_MAX * (PROTECTION_OCTETS_MAX + 128) + 2048,
)
const blank = new Uint8Array(0)
const SELECT_ORIGIN = statement(
  db
    .selectFrom('vault_origin')
    .select('note')
    .where('site_id', '=', '')
    .where('object_id', '=', blank)
    .where('edition', '=', 0),
)
const PAGE_ROWS = 200
const PAGE = statement(
  db
    .selectFrom('vault_origin')
    .innerJoin('vault_object', (join) =>
      join
        .onRef('vault_object.site_id', '=', 'vault_origin.site_id')
        .onRef('vault_object.object_id', '=', 'vault_origin.object_id'),
    )
    .select(['vault_origin.object_id', 'vault_origin.edition', 'vault_object.origin'])
    .where('vault_origin.site_id', '=', '')
    .where((where) =>
      where.or([
        where.and([
          where('vault_origin.edition', '>', 0),
          where('vault_origin.object_id', '=', blank),
        ]),
        where('vault_origin.object_id', '>', blank),
      ]),
    )
    .orderBy('vault_origin.object_id')
    .orderBy('vault_origin.edition')
    .limit(1),
)
const SELECT_FOREIGN = statement(
  db
    .selectFrom('vault_foreign')
    .select(['statement', 'ml_dsa', 'ed25519'])
    .where('site_id', '=', '')
    .where('origin', '=', '')
    .where('group_id', '=', blank),
)
const INSERT_FOREIGN = statement(
  db
    .insertInto('vault_foreign')
    .values({
      site_id: '',
      origin: '',
      group_id: blank,
      statement: blank,
      ml_dsa: blank,
      ed25519: blank,
    })
    .onConflict((conflict) => conflict.doNothing()),
)
