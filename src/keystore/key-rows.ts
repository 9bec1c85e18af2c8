/**
 * Statements about reservations, at the master's end, and about keys, at the slave's.
 *
 * A reservation has a row only while it is open. A key's row stays as a tombstone until its last
 * block is forgotten, so that nothing that comes late can revive it.
 *
 * @module
 */

import { sql } from 'kysely'
import { bind, statement, type SqlValue, type Statement } from '#base'
import { blockRow, db, type Place } from './tables.ts'

/** `activated` waits to be fetched; the others are tombstones. */
export type KeyState = 'activated' | 'delivered' | 'voided' | 'expired'

/** Rows that one statement forgets, so that no statement holds the writer for long. */
export const PURGE_ROWS = 500

const NONE = new Uint8Array(0)
/** Rows in one statement, where there are so many. */
const COUNTS = [32, 4, 1] as const

/**
 * Statements about several rows at once, for a few counts, so that few texts have to be prepared.
 *
 * @returns binds them for rows however many: as many to a statement as there is one for
 */
function ofCounts(make: (count: number) => Statement) {
  const made = COUNTS.map((count) => ({ count, like: make(count) }))
  return <T>(
    rows: readonly T[],
    bound: (like: Statement, some: readonly T[]) => Statement,
  ): readonly Statement[] => {
    const statements: Statement[] = []
    let at = 0
    for (const { count, like } of made) {
      for (; rows.length - at >= count; at += count) {
        statements.push(bound(like, rows.slice(at, at + count)))
      }
    }
    return statements
  }
}

const INSERT_RESERVATION = statement(
  db.insertInto('keystore_reservation').values({
    site_id: '',
    reservation: '',
    peer: '',
    state: '',
    message: NONE,
    made_at: 0,
  }),
)
/** Notes that bits are reserved, before the peer hears of it. */
export const insertReservation = (
  site: string,
  row: {
    readonly id: string
    readonly peer: string
    readonly message: Uint8Array
    readonly at: number
  },
): Statement => bind(INSERT_RESERVATION, site, row.id, row.peer, 'reserved', row.message, row.at)

const SELECT_RESERVATIONS = statement(
  db.selectFrom('keystore_reservation').selectAll().where('site_id', '=', ''),
)
/** Every reservation that is open, in whatever state. */
export const selectReservations = (site: string): Statement => bind(SELECT_RESERVATIONS, site)

const PUT_VOIDING = statement(
  db
    .insertInto('keystore_reservation')
    .values({ site_id: '', reservation: '', peer: '', state: '', message: NONE, made_at: 0 })
    .onConflict((on) =>
      on.columns(['site_id', 'reservation']).doUpdateSet({
        state: (from) => from.ref('excluded.state'),
        message: (from) => from.ref('excluded.message'),
      }),
    ),
)
/** Gives up bits, reserved or not: from now on they can only be withdrawn. */
export const putVoiding = (
  site: string,
  row: {
    readonly id: string
    readonly peer: string
    readonly message: Uint8Array
    readonly at: number
  },
): Statement => bind(PUT_VOIDING, site, row.id, row.peer, 'voiding', row.message, row.at)

const DELETE_RESERVATION = statement(
  db
    .deleteFrom('keystore_reservation')
    .where('site_id', '=', '')
    .where('reservation', '=', '')
    .where('state', '=', ''),
  1,
)
/** Issues (`reserved`) or forgets (`voiding`) a reservation; conflicts in any other state. */
export const deleteReservation = (
  site: string,
  id: string,
  state: 'reserved' | 'voiding',
): Statement => bind(DELETE_RESERVATION, site, id, state)

const INSERT_AHEAD = statement(
  db.insertInto('keystore_ahead').values({ site_id: '', reservation: '', taken: 0, told: 0 }),
)
/** Notes that the keys of a reservation are issued one after the other, and none is yet. */
export const insertAhead = (site: string, reservation: string): Statement =>
  bind(INSERT_AHEAD, site, reservation, 0, 0)

const SELECT_AHEAD = statement(
  db.selectFrom('keystore_ahead').selectAll().where('site_id', '=', ''),
)
/** How far all such reservations have come. */
export const selectAhead = (site: string): Statement => bind(SELECT_AHEAD, site)

const TAKE_AHEAD = statement(
  db
    .updateTable('keystore_ahead')
    .set({ taken: 0 })
    .where('site_id', '=', '')
    .where('reservation', '=', '')
    .where('taken', '=', 0),
  1,
)
/** Allots the next keys of a reservation; conflicts unless those before are, and only those. */
export const takeAhead = (
  site: string,
  change: { readonly reservation: string; readonly from: number; readonly to: number },
): Statement => bind(TAKE_AHEAD, change.to, site, change.reservation, change.from)

const TELL_AHEAD = statement(
  db
    .updateTable('keystore_ahead')
    .set({ told: 0 })
    .where('site_id', '=', '')
    .where('reservation', '=', ''),
)
/** Notes of how many keys of a reservation the log says that they were given out. */
export const tellAhead = (site: string, reservation: string, told: number): Statement =>
  bind(TELL_AHEAD, told, site, reservation)

const DROP_AHEAD = statement(
  db.deleteFrom('keystore_ahead').where('site_id', '=', '').where('reservation', '=', ''),
)
/** From this commit on no key of a reservation is allotted any more, however many were. */
export const dropAhead = (site: string, reservation: string): Statement =>
  bind(DROP_AHEAD, site, reservation)

/** A key of the peer's half, as stored. */
export interface KeyRow {
  readonly keyId: string
  readonly activation: string
  readonly digest: Uint8Array
  readonly master: string
  /** All of them, separated by spaces. */
  readonly slaves: string
  /** The last block. */
  readonly place: Place
  readonly ranges: Uint8Array
  readonly at: number
  readonly lifeMs: number
}

const KEY = {
  site_id: '',
  key_id: '',
  activation: '',
  digest: NONE,
  master: '',
  named: '',
  slaves: '',
  ...blockRow,
  ranges: NONE,
  state: '',
  activated_at: 0,
  life_ms: 0,
  settled_at: 0,
}

const INSERT_KEYS = ofCounts((count) =>
  statement(
    db
      .insertInto('keystore_key')
      .values(Array.from({ length: count }, () => KEY))
      .onConflict((on) => on.columns(['site_id', 'key_id']).doNothing()),
    count,
  ),
)
const keyParameters = (site: string, row: KeyRow, state: KeyState): readonly SqlValue[] => [
  site,
  row.keyId,
  row.activation,
  row.digest,
  row.master,
  row.slaves,
  row.slaves,
  ...row.place,
  row.ranges,
  state,
  row.at,
  row.lifeMs,
]
/** Conflict if there ever was a key of one of these names that is still remembered. */
export const insertKeys = (site: string, rows: readonly KeyRow[]): readonly Statement[] =>
  INSERT_KEYS(rows, (insert, some) =>
    bind(insert, ...some.flatMap((row) => [...keyParameters(site, row, 'activated'), 0])),
  )

const VOID_KEY = statement(
  db
    .insertInto('keystore_key')
    .values(KEY)
    .onConflict((on) =>
      on
        .columns(['site_id', 'key_id'])
        .doUpdateSet({
          state: (from) => from.ref('excluded.state'),
          settled_at: (from) => from.ref('excluded.settled_at'),
          slaves: '',
        })
        .where('keystore_key.state', '=', 'activated'),
    ),
)
/** Leaves a tombstone, whether or not the key was ever activated here. */
export const voidKey = (site: string, row: KeyRow): Statement =>
  bind(VOID_KEY, ...keyParameters(site, row, 'voided'), row.at, '', 'activated')

const SET_KEYS = ofCounts((count) =>
  statement(
    db
      .updateTable('keystore_key')
      .set({ state: '', slaves: '', settled_at: 0 })
      .where('site_id', '=', '')
      .where('state', '=', 'activated')
      .where('slaves', '=', '')
      .where('key_id', 'in', new Array<string>(count).fill('')),
    count,
  ),
)
/** What became of a key. */
export interface KeyChange {
  readonly keyId: string
  readonly state: KeyState
  /** Slaves that it waits for until then, and from then on. */
  readonly before: string
  readonly slaves: string
}
/** Record what became of keys; conflict unless each waits for exactly its slaves. */
export function setKeys(
  site: string,
  changes: readonly KeyChange[],
  at: number,
): readonly Statement[] {
  const alike = Map.groupBy(changes, ({ state, before, slaves }) =>
    [state, before, slaves].join('|'),
  )
  return [...alike.values()].flatMap((all) =>
    SET_KEYS(all, (set, some) => {
      const [{ state, slaves, before }] = some
      const names = some.map(({ keyId }) => keyId)
      return bind(set, state, slaves, at, site, 'activated', before, ...names)
    }),
  )
}

const SELECT_WAITING = statement(
  db
    .selectFrom('keystore_key')
    .selectAll()
    .where('site_id', '=', '')
    .where('state', '=', 'activated'),
)
/** Keys that wait to be fetched. */
export const selectWaiting = (site: string): Statement => bind(SELECT_WAITING, site, 'activated')

const SELECT_TOMBSTONES = statement(
  db
    .selectFrom('keystore_key')
    .select(['link', 'epoch', 'sequence', 'ranges', sql<number>`length(digest)`.as('digested')])
    .where('site_id', '=', '')
    .where('state', '<>', 'activated'),
)
/** What is needed of the others, of which there may be many; `digested` is 0 without a digest. */
export const selectTombstones = (site: string): Statement =>
  bind(SELECT_TOMBSTONES, site, 'activated')

const SELECT_KEY = statement(
  db
    .selectFrom('keystore_key')
    .select(['activation', 'digest', 'state'])
    .where('site_id', '=', '')
    .where('key_id', '=', ''),
)
/** What has become of one key. */
export const selectKey = (site: string, keyId: string): Statement => bind(SELECT_KEY, site, keyId)

const DELETE_KEYS = statement(
  db
    .deleteFrom('keystore_key')
    .where('site_id', '=', '')
    .where('key_id', 'in', (from) =>
      from
        .selectFrom('keystore_key')
        .select('key_id')
        .where('site_id', '=', '')
        .where('link', '=', '')
        .where('epoch', '=', 0)
        .where('sequence', '=', 0)
        .where('state', '<>', 'activated')
        .limit(sql.lit(PURGE_ROWS)),
    )
    .returning('key_id'),
)
/** Forgets some tombstones of a block, and returns which. */
export const deleteTombstones = (site: string, place: Place): Statement =>
  bind(DELETE_KEYS, site, site, ...place, 'activated')
