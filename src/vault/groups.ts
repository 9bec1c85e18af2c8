/**
 * Verified groups: signatures are checked when a group is first used, not at every read.
 *
 * Of a store with more groups than memory has room for, what is kept of most is a hash: a row that
 * has it is the one that was verified, or signed, by this process. The scrub goes by signatures alone.
 *
 * @module
 */

import {
  bind,
  lengthPrefixed,
  sameOctets,
  statement,
  uuidOctets,
  type Row,
  type SiteId,
  type Store,
  type Uuid,
} from '#base'
import { sha256 } from '#crypto'
import type { VerifiersOf } from './context.ts'
import {
  entryAt,
  GroupProver,
  isManifestOf,
  isSigned,
  readStatement,
  type GroupStatement,
  type SignedGroup,
} from './group.ts'
import { damaged } from './refusal.ts'
import { octetsOf } from './rows.ts'
import { db } from './tables.ts'

/** A group whose signatures and root were found good. */
export interface VerifiedGroup extends SignedGroup {
  readonly read: GroupStatement
}

/** The groups of one site's store. Owns a cache of those that were verified. */
export class Groups {
  readonly #site: SiteId
  readonly #store: Store
  readonly #verifiersOf: VerifiersOf
  /** Newest last; at most `CACHE_OCTETS_MAX` of manifests. */
  readonly #verified = new Map<string, VerifiedGroup>()
  #octets = 0
  readonly #octetsMax: number
  /** Hashes of rows that were verified or signed here, oldest first; at most `HASHES_MAX`. */
  readonly #hashes = new Map<Uuid, Uint8Array>()

  constructor(
    { site, store }: { readonly site: SiteId; readonly store: Store },
    verifiersOf: VerifiersOf,
    octetsMax = CACHE_OCTETS_MAX,
  ) {
    this.#site = site
    this.#store = store
    this.#verifiersOf = verifiersOf
    this.#octetsMax = octetsMax
  }

  /** Remembers a group that this vault has just signed, as it will be stored. */
  signed(id: Uuid, group: SignedGroup): void {
    this.#remember(id, hashOf(group))
  }

  /** A group, verified now or before. @throws VaultRefusal `VAULT_DAMAGED` */
  async verified(id: Uuid): Promise<VerifiedGroup> {
    const known = this.#verified.get(id)
    if (known !== undefined) return known
    const rows = await this.#store.read(bind(SELECT_GROUP, this.#site, uuidOctets(id)))
    if (rows.length === 0) throw damaged(`vault_group ${id}`, 'the row is missing')
    const stored = groupOf(rows[0])
    const hash = hashOf(stored)
    const before = this.#hashes.get(id)
    const isKnown = before !== undefined && sameOctets(before, hash)
    const group = isKnown
      ? { ...stored, read: readStatement(stored.statement) }
      : this.check(id, rows[0])
    if (!isKnown) this.#remember(id, hash)
    this.#keep(id, group)
    return group
  }

  /** Checks the row of a group, whatever was found before. @throws VaultRefusal `VAULT_DAMAGED` */
  check(id: Uuid, row: Row): VerifiedGroup {
    const place = `vault_group ${id}`
    const group = groupOf(row)
    if (!isSigned(this.#verifiersOf(this.#site), group)) {
      throw damaged(place, 'the signatures do not hold')
    }
    const read = readStatement(group.statement)
    if (read.group !== id || read.site !== this.#site) {
      throw damaged(place, 'the statement is of another group')
    }
    if (!isManifestOf(group.manifest, read)) throw damaged(place, 'the manifest was changed')
    return { ...group, read }
  }

  #keep(id: Uuid, group: VerifiedGroup): void {
    this.#verified.set(id, group)
    this.#octets += group.manifest.length
    for (const [oldest, { manifest }] of this.#verified) {
      if (this.#octets <= this.#octetsMax) return
      this.#verified.delete(oldest)
      this.#octets -= manifest.length
    }
  }

  #remember(id: Uuid, hash: Uint8Array): void {
    this.#hashes.set(id, hash)
    if (this.#hashes.size <= HASHES_MAX) return
    const [oldest] = this.#hashes.keys()
    this.#hashes.delete(oldest)
  }
}

/** Proves entries of a verified group; its tree is hashed once. */
export function proverOf(group: VerifiedGroup): GroupProver {
  const prover = provers.get(group) ?? new GroupProver(group)
  provers.set(group, prover)
  return prover
}

/** The entry at a place of a verified group; undefined beyond its end. */
export const placeIn = (
  { manifest, read }: VerifiedGroup,
  place: number,
): Uint8Array | undefined =>
  place >= 0 && place < read.size ? entryAt(manifest, read.stride, place) : undefined

const groupOf = (row: Row): SignedGroup => ({
  statement: octetsOf(row, 'statement'),
  manifest: octetsOf(row, 'manifest'),
  signature: { mlDsa: octetsOf(row, 'ml_dsa'), ed25519: octetsOf(row, 'ed25519') },
})

/** Of everything in a row. */
const hashOf = ({ statement: text, manifest, signature }: SignedGroup): Uint8Array =>
  sha256(lengthPrefixed(text, manifest, signature.mlDsa, signature.ed25519))

/** Owned by this module; each lives as long as its verified group. */
const provers = new WeakMap<VerifiedGroup, GroupProver>()
const blank = new Uint8Array(0)
const CACHE_OCTETS_MAX = 16 * 1024 * 1024
/** Groups whose hashes are kept, some 200 octets each. */
const HASHES_MAX = 50_000
const SELECT_GROUP = statement(
  db
    .selectFrom('vault_group')
    .select(['statement', 'manifest', 'ml_dsa', 'ed25519'])
    .where('site_id', '=', '')
    .where('group_id', '=', blank),
)
