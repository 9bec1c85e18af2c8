/**
 * Which resource types were written, group by group, sealed: how a type's history is found.
 *
 * One row for each group holds a number of one octet for each of its versions, in the order of the
 * manifest, under a key of the site's own. So every version of a type is found, newest first, by
 * opening a row for each group and nothing else, and the database shows no type: a row is as long
 * as its group has versions, which the signed statement says anyway. A keyed tag for each type
 * would have shown them all at once, by how often each occurs.
 *
 * Rows outlive a patient's key: of somebody forgotten they say that there was an Observation then,
 * not which. What they say is held against each version when it is opened.
 *
 * @module
 */

import {
  assert,
  bind,
  concat,
  lengthPrefixed,
  SecretBytes,
  statement,
  uint64,
  utf8,
  uuidOctets,
  type EpochMs,
  type RandomSource,
  type Row,
  type SiteId,
  type Statement,
  type Store,
  type Uuid,
} from '#base'
import { hkdfExpand, open, seal } from '#crypto'
import { RESOURCE_TYPES } from '#health'
import { damaged } from './refusal.ts'
import { idIn, numberOf, octetsOf } from './rows.ts'
import { db } from './tables.ts'

/** Seals and opens rows of `vault_roll`. Owns its key. */
export class Kinds implements Disposable {
  readonly #site: SiteId
  readonly #key: SecretBytes
  #last = 0

  /** @param indexKey 32 octets; stays with its owner */
  constructor(site: SiteId, indexKey: SecretBytes) {
    this.#site = site
    const about = { key: indexKey.reveal(), info: lengthPrefixed(KINDS_KEY), length: 32 }
    this.#key = SecretBytes.take(hkdfExpand('sha512', about))
  }

  /** The row of a group. @param types   of its versions, in the order of its manifest */
  roll(
    group: { readonly id: Uuid; readonly at: EpochMs },
    types: readonly string[],
    random: RandomSource,
  ): Statement {
    const nonce = random.octets(NONCE_OCTETS)
    const numbers = Uint8Array.from(types, codeOf)
    const place = { group: group.id, rank: this.#rank(group.at) }
    const sealed = seal('aes-256-gcm-siv', this.#input(place, nonce), numbers)
    const row = [this.#site, place.rank, uuidOctets(group.id), concat(nonce, sealed)]
    return bind(INSERT_ROLL, ...row)
  }

  /** The types of a group's versions, by place. @throws VaultRefusal `VAULT_DAMAGED` */
  types({ sealed, ...place }: RollEntry): readonly string[] {
    try {
      const input = this.#input(place, sealed.subarray(0, NONCE_OCTETS))
      const numbers = open('aes-256-gcm-siv', input, sealed.subarray(NONCE_OCTETS))
      return Array.from(numbers, (number) => RESOURCE_TYPES[number] ?? '')
    } catch (cause) {
      throw damaged(`vault_roll ${place.group}`, 'the row was changed', cause)
    }
  }

  /**
   * Where a group of this time stands: by its millisecond, and after the groups written before it
   * in the same. A clock that was set back is followed.
   */
  #rank(at: EpochMs): number {
    const [least, most] = [at * RANKS_A_MS, (at + 1) * RANKS_A_MS - 1]
    const isSame = this.#last >= least && this.#last < most
    this.#last = isSame ? this.#last + 1 : least
    return this.#last
  }

  #input({ group, rank }: RollPlace, nonce: Uint8Array) {
    const about = [utf8(this.#site), uuidOctets(group), uint64(rank)]
    const associated = lengthPrefixed(KINDS_KEY, ...about)
    return { key: this.#key.reveal(), nonce, associated }
  }

  [Symbol.dispose](): void {
    this.#key[Symbol.dispose]()
  }
}

/** One group on the roll. */
export interface RollEntry extends RollPlace {
  /** As stored. */
  readonly sealed: Uint8Array
}

/** Where on the roll: at a group, or before all. */
export interface RollPlace {
  /** Milliseconds since 1970 times `RANKS_A_MS`, and a count of those in one. */
  readonly rank: number
  readonly group: Uuid
}

/** Groups from a place downwards, that of the place included: newest first, at most `ROLL_PAGE`. */
export async function rollPage(
  { site, store }: { readonly site: SiteId; readonly store: Store },
  from: RollPlace | undefined,
): Promise<readonly RollEntry[]> {
  const rank = from?.rank ?? Number.MAX_SAFE_INTEGER
  const group = from === undefined ? blank : uuidOctets(from.group)
  const rows = await store.read(bind(SELECT_ROLL, site, rank, rank, group, ROLL_PAGE))
  return rows.map(entryOf)
}

/** Groups of this site that are not on the roll: those of a store from before there was one. */
export async function groupsOffRoll({ site, store }: KindsContext): Promise<readonly Uuid[]> {
  return (await store.read(bind(SELECT_OFF_ROLL, site))).map((row) => idIn(row, 'group_id'))
}

/** The row of one group, or undefined. */
async function rollOf(
  { site, store }: { readonly site: SiteId; readonly store: Store },
  group: Uuid,
): Promise<RollEntry | undefined> {
  const rows = await store.read(bind(SELECT_ROW, site, uuidOctets(group)))
  return rows.map(entryOf).at(0)
}

const entryOf = (row: Row): RollEntry => ({
  group: idIn(row, 'group_id'),
  rank: numberOf(row, 'rank'),
  sealed: octetsOf(row, 'kinds'),
})

/** Types on the roll, as a scrub needs them: row by row, each opened once for many versions. */
export class Rolls {
  readonly #context: KindsContext
  readonly #known = new Map<Uuid, readonly string[]>()

  constructor(context: KindsContext) {
    this.#context = context
  }

  /** The types of a group's versions, by place. @throws VaultRefusal `VAULT_DAMAGED` */
  async of(group: Uuid): Promise<readonly string[]> {
    const known = this.#known.get(group)
    if (known !== undefined) return known
    const entry = await rollOf(this.#context, group)
    if (entry === undefined) throw damaged(`vault_roll ${group}`, 'the row is missing')
    const types = this.#context.kinds.types(entry)
    if (this.#known.size >= ROLLS_KNOWN_MAX) this.#known.clear()
    this.#known.set(group, types)
    return types
  }
}

interface KindsContext {
  readonly site: SiteId
  readonly store: Store
  readonly kinds: Kinds
}

function codeOf(type: string): number {
  const number = NUMBERS.get(type)
  assert(number !== undefined, 'every resource is of a type of R4')
  return number
}

/** Groups of one millisecond that keep their order. */
export const RANKS_A_MS = 1000
/** Groups read at once. */
export const ROLL_PAGE = 64
/** Groups whose types a scrub remembers. */
const ROLLS_KNOWN_MAX = 1000
const NONCE_OCTETS = 12
const KINDS_KEY = utf8('photonward/kinds-key@v1')
/** R4 is closed: its types in order of their names have these numbers for ever. */
const NUMBERS: ReadonlyMap<string, number> = new Map(
  RESOURCE_TYPES.map((type, number) => [type, number]),
)
const blank = new Uint8Array(0)
const INSERT_ROLL = statement(
  db.insertInto('vault_roll').values({ site_id: '', rank: 0, group_id: blank, kinds: blank }),
)
const SELECT_ROW = statement(
  db
    .selectFrom('vault_roll')
    .select(['rank', 'group_id', 'kinds'])
    .where('site_id', '=', '')
    .where('group_id', '=', blank),
)
const SELECT_ROLL = statement(
  db
    .selectFrom('vault_roll')
    .select(['rank', 'group_id', 'kinds'])
    .where('site_id', '=', '')
    .where('rank', '<=', 0)
    .where((where) => where.or([where('rank', '<', 0), where('group_id', '<=', blank)]))
    .orderBy('rank', 'desc')
    .orderBy('group_id', 'desc')
    .limit(ROLL_PAGE),
)
const SELECT_OFF_ROLL = statement(
  db
    .selectFrom('vault_group as made')
    .leftJoin('vault_roll as roll', (join) =>
      join.onRef('roll.site_id', '=', 'made.site_id').onRef('roll.group_id', '=', 'made.group_id'),
    )
    .select('made.group_id')
    .where('made.site_id', '=', '')
    .where('roll.group_id', 'is', null),
)
