/**
 * Tables of the key store, and statements about links, blocks and segments.
 *
 * `keystore_segment` holds sealed octets; everything else is public bookkeeping. The wrapping keys
 * of segments are not in the database: see `segments.ts`. Statements about reservations and keys
 * stand in `key-rows.ts`. All statements of the hot path are compiled once.
 *
 * @module
 */

import { bind, statement, tablesOf, type Migration, type SqlValue, type Statement } from '#base'

/** `held` waits for the peer; `available` is in use; `voided` and `spent` are over. */
export type BlockState = 'held' | 'available' | 'voided' | 'spent'

interface LinkTable {
  site_id: string
  link: string
  epoch: number
  /** No block at or before this place is taken in, unless it is here. */
  floor_epoch: number
  floor_sequence: number
  /** Blocks from here on are under quarantine; null when none are. */
  quarantine_epoch: number | null
  quarantine_sequence: number | null
  quarantine_cause: string | null
  mark: number
  seen: number
  /** The peer's run that made the highest mark seen. */
  seen_run: Uint8Array | null
}

interface BlockTable {
  site_id: string
  link: string
  epoch: number
  sequence: number
  bits: number
  state: string
  origin: Uint8Array
  /** Octets of the own half that have been allocated: all below this offset. */
  allocated: number
  /** Pads of the reserve that have been used, by direction. */
  pads_sent: number
  pads_received: number
  stored_at: number
  settled_at: number
}

interface SegmentTable {
  site_id: string
  link: string
  epoch: number
  sequence: number
  segment: number
  sealed: Uint8Array
  /** What is wrong with it; null while nothing is. */
  fault: string | null
}

interface ReservationTable {
  site_id: string
  reservation: string
  peer: string
  /** `reserved`, until issued or given up; `voiding` until the peer has withdrawn it. */
  state: string
  /** The activation, or the withdrawal, as sent to the peer. */
  message: Uint8Array
  made_at: number
}

interface AheadTable {
  site_id: string
  reservation: string
  /** Keys of the reservation that may have been given out: all before this one, from 0. */
  taken: number
  /** Keys of which the log says that they were: all before this one. */
  told: number
}

interface KeyTable {
  site_id: string
  key_id: string
  activation: string
  digest: Uint8Array
  master: string
  /** Slaves it was activated for, and those that have not fetched it yet; separated by spaces. */
  named: string
  slaves: string
  link: string
  /** The last block it has octets of: the key outlives that block's row no longer. */
  epoch: number
  sequence: number
  ranges: Uint8Array
  state: string
  activated_at: number
  life_ms: number
  settled_at: number
}

interface DepositTable {
  site_id: string
  key_id: string
  /** The key XOR the pad that its row in `keystore_key` names. */
  mask: Uint8Array
  provenance: Uint8Array
}

interface LotTable {
  site_id: string
  lot: string
  holder: string
  link: string
  epoch: number
  sequence: number
  /** First octet in the own half of the block. */
  start: number
  octets: number
  /** Octets that are reserved or issued: all below this offset in the lot. */
  used: number
}

interface LotPartTable {
  site_id: string
  reservation: string
  lot: string
  /** The activation, as sent to the peer. */
  message: Uint8Array
}

interface KeystoreTables {
  keystore_link: LinkTable
  keystore_block: BlockTable
  keystore_segment: SegmentTable
  keystore_reservation: ReservationTable
  keystore_ahead: AheadTable
  keystore_key: KeyTable
  keystore_deposit: DepositTable
  keystore_lot: LotTable
  keystore_lot_part: LotPartTable
}

/** The schema of the key store, in order. */
export const keystoreMigrations: readonly Migration[] = [
  {
    id: 'keystore-1',
    statements: [
      `CREATE TABLE keystore_link (
        site_id TEXT NOT NULL, link TEXT NOT NULL, epoch BIGINT NOT NULL,
        floor_epoch BIGINT NOT NULL, floor_sequence BIGINT NOT NULL,
        quarantine_epoch BIGINT, quarantine_sequence BIGINT, quarantine_cause TEXT,
        mark BIGINT NOT NULL, seen BIGINT NOT NULL, seen_run BLOB,
        PRIMARY KEY (site_id, link))`,
      `CREATE TABLE keystore_block (
        site_id TEXT NOT NULL, link TEXT NOT NULL, epoch BIGINT NOT NULL,
        sequence BIGINT NOT NULL, bits BIGINT NOT NULL, state TEXT NOT NULL,
        origin BLOB NOT NULL, allocated BIGINT NOT NULL, pads_sent BIGINT NOT NULL,
        pads_received BIGINT NOT NULL, stored_at BIGINT NOT NULL, settled_at BIGINT NOT NULL,
        PRIMARY KEY (site_id, link, epoch, sequence))`,
      `CREATE TABLE keystore_segment (
        site_id TEXT NOT NULL, link TEXT NOT NULL, epoch BIGINT NOT NULL,
        sequence BIGINT NOT NULL, segment BIGINT NOT NULL, sealed BLOB NOT NULL, fault TEXT,
        PRIMARY KEY (site_id, link, epoch, sequence, segment))`,
      `CREATE TABLE keystore_reservation (
        site_id TEXT NOT NULL, reservation TEXT NOT NULL, peer TEXT NOT NULL,
        state TEXT NOT NULL, message BLOB NOT NULL, made_at BIGINT NOT NULL,
        PRIMARY KEY (site_id, reservation))`,
      `CREATE TABLE keystore_key (
        site_id TEXT NOT NULL, key_id TEXT NOT NULL, activation TEXT NOT NULL,
        digest BLOB NOT NULL, master TEXT NOT NULL, named TEXT NOT NULL, slaves TEXT NOT NULL,
        link TEXT NOT NULL, epoch BIGINT NOT NULL, sequence BIGINT NOT NULL,
        ranges BLOB NOT NULL, state TEXT NOT NULL, activated_at BIGINT NOT NULL,
        life_ms BIGINT NOT NULL,
        settled_at BIGINT NOT NULL, PRIMARY KEY (site_id, key_id))`,
      'CREATE INDEX keystore_key_block ON keystore_key (site_id, link, epoch, sequence)',
    ],
  },
  {
    id: 'keystore-2',
    statements: [
      `CREATE TABLE keystore_deposit (
        site_id TEXT NOT NULL, key_id TEXT NOT NULL, mask BLOB NOT NULL,
        provenance BLOB NOT NULL, PRIMARY KEY (site_id, key_id))`,
    ],
  },
  {
    id: 'keystore-3',
    statements: [
      `CREATE TABLE keystore_lease (
        site_id TEXT NOT NULL, link TEXT NOT NULL, owner TEXT NOT NULL, until BIGINT NOT NULL,
        PRIMARY KEY (site_id, link))`,
    ],
  },
  {
    id: 'keystore-4',
    statements: [
      'DROP TABLE keystore_lease',
      `CREATE TABLE keystore_lot (
        site_id TEXT NOT NULL, lot TEXT NOT NULL, holder TEXT NOT NULL, link TEXT NOT NULL,
        epoch BIGINT NOT NULL, sequence BIGINT NOT NULL, start BIGINT NOT NULL,
        octets BIGINT NOT NULL, used BIGINT NOT NULL, PRIMARY KEY (site_id, lot))`,
      `CREATE TABLE keystore_lot_part (
        site_id TEXT NOT NULL, reservation TEXT NOT NULL, lot TEXT NOT NULL,
        message BLOB NOT NULL, PRIMARY KEY (site_id, reservation))`,
      'CREATE INDEX keystore_lot_part_lot ON keystore_lot_part (site_id, lot)',
    ],
  },
  {
    id: 'keystore-5',
    statements: [
      `CREATE TABLE keystore_ahead (
        site_id TEXT NOT NULL, reservation TEXT NOT NULL, taken BIGINT NOT NULL,
        PRIMARY KEY (site_id, reservation))`,
    ],
  },
  {
    id: 'keystore-6',
    statements: [
      'ALTER TABLE keystore_ahead ADD COLUMN told BIGINT NOT NULL DEFAULT 0',
      // Until then each was in the log as given out before it was.
      'UPDATE keystore_ahead SET told = taken',
    ],
  },
]

/** The tables as a query builder. */
export const db = tablesOf<KeystoreTables>()
const NONE = new Uint8Array(0)

/** A block's place: link, epoch, sequence. */
export type Place = readonly [link: string, epoch: number, sequence: number]

/** Stands for a place in statements that are compiled once. */
export const blockRow = { link: '', epoch: 0, sequence: 0 }

const INSERT_LINK = statement(
  db
    .insertInto('keystore_link')
    .values({
      site_id: '',
      link: '',
      epoch: 0,
      floor_epoch: -1,
      floor_sequence: -1,
      quarantine_epoch: null,
      quarantine_sequence: null,
      quarantine_cause: null,
      mark: 0,
      seen: 0,
      seen_run: null,
    })
    .onConflict((on) => on.columns(['site_id', 'link']).doNothing()),
)
/** Makes the row of a link, if there is none. */
export const insertLink = (site: string, link: string): Statement =>
  bind(INSERT_LINK, site, link, 0, -1, -1, null, null, null, 0, 0, null)

const SELECT_LINKS = statement(db.selectFrom('keystore_link').selectAll().where('site_id', '=', ''))
/** Every link, configured or not. */
export const selectLinks = (site: string): Statement => bind(SELECT_LINKS, site)

const linkAt = (site: string, link: string) =>
  db.updateTable('keystore_link').where('site_id', '=', site).where('link', '=', link)

/** Changes whatever members of a link are named. Not for the hot path. */
export const updateLink = (
  site: string,
  link: string,
  change: Partial<Omit<LinkTable, 'site_id' | 'link'>>,
): Statement => statement(linkAt(site, link).set(change), 1)

const SET_FLOOR = statement(linkAt('', '').set({ floor_epoch: 0, floor_sequence: 0 }), 1)
/** From now on no block up to this one is taken in, unless it is here. */
export const setFloor = (site: string, [link, epoch, sequence]: Place): Statement =>
  bind(SET_FLOOR, epoch, sequence, site, link)

const INSERT_BLOCK = statement(
  db.insertInto('keystore_block').values({
    site_id: '',
    ...blockRow,
    bits: 0,
    state: '',
    origin: NONE,
    allocated: 0,
    pads_sent: 0,
    pads_received: 0,
    stored_at: 0,
    settled_at: 0,
  }),
)
/** Makes the row of a block, held. */
export const insertBlock = (
  site: string,
  place: Place,
  row: { readonly bits: number; readonly origin: Uint8Array; readonly at: number },
): Statement => bind(INSERT_BLOCK, site, ...place, row.bits, 'held', row.origin, 0, 0, 0, row.at, 0)

const SELECT_BLOCKS = statement(
  db
    .selectFrom('keystore_block')
    .selectAll()
    .where('site_id', '=', '')
    .orderBy('link')
    .orderBy('epoch')
    .orderBy('sequence'),
)
/** Every block, oldest first within its link. */
export const selectBlocks = (site: string): Statement => bind(SELECT_BLOCKS, site)

const blockAt = db
  .updateTable('keystore_block')
  .where('site_id', '=', '')
  .where('link', '=', '')
  .where('epoch', '=', 0)
  .where('sequence', '=', 0)

const SET_BLOCK_STATE = statement(
  blockAt.set({ state: '', settled_at: 0 }).where('state', '=', ''),
  1,
)
/** Moves a block from one state to the next; conflicts if it is not there. */
export const setBlockState = (
  site: string,
  place: Place,
  change: { readonly from: BlockState; readonly to: BlockState; readonly at: number },
): Statement => bind(SET_BLOCK_STATE, change.to, change.at, site, ...place, change.from)

const SET_ALLOCATED = statement(
  blockAt.set({ allocated: 0 }).where('state', '=', 'available').where('allocated', '<', 0),
  1,
)
/** Moves the allocation of a block on; `conflicts` refuses any other move than forward. */
export const setAllocated = (site: string, place: Place, allocated: number): Statement =>
  bind(SET_ALLOCATED, allocated, site, ...place, 'available', allocated)

const SET_PADS = {
  send: statement(blockAt.set({ pads_sent: 0 }).where('pads_sent', '<=', 0), 1),
  receive: statement(blockAt.set({ pads_received: 0 }).where('pads_received', '<=', 0), 1),
}
/** Burns pads of one direction; conflicts if they were burned already. */
export const setPads = (
  site: string,
  place: Place,
  change: { readonly direction: 'send' | 'receive'; readonly from: number; readonly to: number },
): Statement => bind(SET_PADS[change.direction], change.to, site, ...place, change.from)

const DELETE_BLOCK = statement(
  db
    .deleteFrom('keystore_block')
    .where('site_id', '=', '')
    .where('link', '=', '')
    .where('epoch', '=', 0)
    .where('sequence', '=', 0),
)
/** Forgets a block. */
export const deleteBlock = (site: string, place: Place): Statement =>
  bind(DELETE_BLOCK, site, ...place)

const INSERT_SEGMENT = statement(
  db
    .insertInto('keystore_segment')
    .values({ site_id: '', ...blockRow, segment: 0, sealed: NONE, fault: null }),
)
/** Stores the sealed octets of a segment. */
export const insertSegment = (
  site: string,
  place: Place,
  segment: number,
  sealed: Uint8Array,
): Statement => bind(INSERT_SEGMENT, site, ...place, segment, sealed, null)

const segmentAt = db
  .selectFrom('keystore_segment')
  .where('site_id', '=', '')
  .where('link', '=', '')
  .where('epoch', '=', 0)
  .where('sequence', '=', 0)
  .where('segment', '=', 0)

const SELECT_SEGMENT = statement(segmentAt.select('sealed'))
/** The sealed octets of a segment. */
export const selectSegment = (site: string, place: Place, segment: number): Statement =>
  bind(SELECT_SEGMENT, site, ...place, segment)

const SELECT_SEGMENTS = statement(
  db
    .selectFrom('keystore_segment')
    .select(['link', 'epoch', 'sequence', 'segment', 'fault'])
    .where('site_id', '=', ''),
)
/** Every segment that is left, without its octets. */
export const selectSegments = (site: string): Statement => bind(SELECT_SEGMENTS, site)

const SET_FAULT = statement(
  db
    .updateTable('keystore_segment')
    .set({ fault: '' })
    .where('site_id', '=', '')
    .where('link', '=', '')
    .where('epoch', '=', 0)
    .where('sequence', '=', 0)
    .where('segment', '=', 0),
)
/** Notes what is wrong with a segment. */
export const setFault = (site: string, place: Place, segment: number, fault: string): Statement =>
  bind(SET_FAULT, fault, site, ...place, segment)

const DELETE_SEGMENT = statement(
  db
    .deleteFrom('keystore_segment')
    .where('site_id', '=', '')
    .where('link', '=', '')
    .where('epoch', '=', 0)
    .where('sequence', '=', 0)
    .where('segment', '=', 0),
)
/** Deletes the sealed octets of a segment, after its wrapping key. */
export const deleteSegment = (site: string, place: Place, segment: number): Statement =>
  bind(DELETE_SEGMENT, site, ...place, segment)

const LATEST = statement(
  db
    .selectFrom('keystore_key')
    .select(({ fn }) => [fn.max('activated_at').as('a'), fn.max('settled_at').as('b')])
    .where('site_id', '=', '')
    .unionAll(
      db
        .selectFrom('keystore_block')
        .select(({ fn }) => [fn.max('stored_at').as('a'), fn.max('settled_at').as('b')])
        .where('site_id', '=', ''),
    ),
)
/** The latest times in the store, as rows of `a` and `b`; null where there are none. */
export const selectLatest = (site: string): Statement => bind(LATEST, site, site)

/** A whole number out of a row. */
export const wholeOf = (value: SqlValue | undefined): number => Number(value)

/** Octets out of a row; anything else is damage, which shows as no octets. */
export const octetsOf = (value: SqlValue | undefined): Uint8Array =>
  value instanceof Uint8Array ? value : NONE

/** Text out of a row. */
export const textIn = (value: SqlValue | undefined): string =>
  typeof value === 'string' ? value : ''
