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
  utf8,
  uuidOctets,
  type EpochMs,
  type RandomSource,
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
    const sealed = seal('aes-256-gcm-siv', this.#input(group.id, nonce), numbers)
    const row = [this.#site, this.#rank(group.at), uuidOctets(group.id), concat(nonce, sealed)]
    return bind(INSERT_ROLL, ...row)
  }

  /** The types of a group's versions, by place. @throws VaultRefusal `VAULT_DAMAGED` */
  types(group: Uuid, sealed: Uint8Array): readonly string[] {
    try {
      const input = this.#input(group, sealed.subarray(0, NONCE_OCTETS))
      const numbers = open('aes-256-gcm-siv', input, sealed.subarray(NONCE_OCTETS))
      return Array.from(numbers, (number) => RESOURCE_TYPES[number] ?? '')
    } catch (cause) {
      throw damaged(`vault_roll ${group}`, 'the row was changed', cause)
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

  #input(group: Uuid, nonce: Uint8Array) {
    const associated = lengthPrefixed(KINDS_KEY, utf8(this.#site), uuidOctets(group))
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
  return rows.map((row) => ({
    group: idIn(row, 'group_id'),
    rank: numberOf(row, 'rank'),
    sealed: octetsOf(row, 'kinds'),
  }))
}

/** The row of one group, or undefined. */
export async function rollOf(
  { site, store }: { readonly site: SiteId; readonly store: Store },
  group: Uuid,
): Promise<Uint8Array | undefined> {
  const rows = await store.read(bind(SELECT_ROW, site, uuidOctets(group)))
  return rows.map((row) => octetsOf(row, 'kinds')).at(0)
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
    .select('kinds')
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
