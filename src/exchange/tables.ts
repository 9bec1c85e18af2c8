/**
 * Tables of transfers: those this site sends, those it receives, and items that have come so far.
 *
 * Columns are no words of FHIR ("finished" is a status): a search of the disk must find none.
 *
 * @module
 */

import {
  bind,
  epochMs,
  siteId,
  statement,
  tablesOf,
  uuid,
  type EpochMs,
  type Migration,
  type Row,
  type SiteId,
  type Statement,
  type Uuid,
} from '#base'
import { MODES, type ProtectionMode } from '#session'
import { erasureMigrations } from './erasure-rows.ts'

export type Direction = 'out' | 'in'

export type TransferState =
  /** Out: no attempt is under way; `reason` says what it waits for. */
  | 'waiting'
  | 'sending'
  /** Out: the receipt has come and is good. */
  | 'delivered'
  /** In: an offer was taken; items are coming. */
  | 'receiving'
  /** In: all items are in the vault. */
  | 'imported'
  /** One of the two sites will not have it. */
  | 'refused'

/** One transfer, as either end knows it. */
export interface Transfer {
  readonly transfer: Uuid
  readonly direction: Direction
  readonly peer: SiteId
  /** Of this site; at the receiving end known only once it is imported. */
  readonly patient: Uuid | undefined
  readonly dataClass: string
  readonly mode: ProtectionMode
  readonly state: TransferState
  /** A stable code, empty if all is well. */
  readonly reason: string
  readonly items: number
  readonly itemsDone: number
  readonly octets: number
  readonly createdAt: EpochMs
  /** In: when it was last offered. Out: as `createdAt`. */
  readonly offeredAt: EpochMs
  readonly finishedAt: EpochMs | undefined
  /** Deterministic CBOR of a `Protection`, once a session has carried it. */
  readonly protection: Uint8Array | undefined
  /** `manifestHash` of what was offered; of an outgoing transfer all that were, oldest first. */
  readonly manifestHash: Uint8Array | undefined
  /** The signed receipt, once it exists. */
  readonly receipt: Uint8Array | undefined
}

export const insertTransfer = (site: SiteId, transfer: Transfer): Statement =>
  bind(INSERT, site, ...valuesOf(transfer))

/**
 * Replaces a transfer's row, if it still stands in one of the states it is expected in.
 *
 * The commit fails with `STORE_CONFLICT` otherwise: of two that race, one wins.
 */
export const updateTransfer = (
  site: SiteId,
  transfer: Transfer,
  from: TransferState = transfer.state,
): Statement => {
  const [id, direction, ...rest] = valuesOf(transfer)
  return bind(UPDATE, ...rest, site, id, direction, from)
}

export const selectTransfer = (site: SiteId, direction: Direction, transfer: Uuid): Statement =>
  bind(SELECT, site, direction, transfer)

/** Outgoing transfers that are not finished, oldest first. */
export const selectOpen = (site: SiteId): Statement => bind(OPEN, site, 'out', 'waiting', 'sending')

export const selectNewest = (site: SiteId, limit: number): Statement => bind(NEWEST, site, limit)

/** Transfers by their ids, after one; so many at most. */
export const selectAfter = (site: SiteId, after: string, limit: number): Statement =>
  bind(AFTER, site, after, limit)

export const selectByState = (site: SiteId, state: TransferState): Statement =>
  bind(BY_STATE, site, state)

export const insertPart = (
  site: SiteId,
  part: { transfer: Uuid; hash: string; place: number; octets: Uint8Array; whole: number },
): Statement =>
  bind(INSERT_PART, site, part.transfer, part.hash, part.place, part.whole, part.octets)

/** Transfers of a peer that are coming in, those offered longest ago first. */
export const selectUnfinished = (site: SiteId, peer: SiteId): Statement =>
  bind(UNFINISHED, site, 'in', 'receiving', peer)

/** Transfers that are coming in and were last offered before a time; so many at most. */
export const selectLapsed = (site: SiteId, before: EpochMs, limit: number): Statement =>
  bind(LAPSED, site, 'in', 'receiving', before, limit)

/** Forgets a transfer that is coming in, unless it is complete by now. */
export const deleteUnfinished = (site: SiteId, transfer: Uuid): Statement =>
  bind(DELETE_UNFINISHED, site, 'in', transfer, 'receiving')

/** Parts of one item in order. */
export const selectParts = (site: SiteId, transfer: Uuid, hash: string): Statement =>
  bind(PARTS, site, transfer, hash)

/** For each item begun: its hash, octets so far, and octets in all. */
export const selectProgress = (site: SiteId, transfer: Uuid): Statement =>
  bind(PROGRESS, site, transfer)

export const deleteParts = (site: SiteId, transfer: Uuid): Statement =>
  bind(DELETE_PARTS, site, transfer)

/** Forgets what has come of one item. */
export const deletePartsOf = (site: SiteId, transfer: Uuid, hash: string): Statement =>
  bind(DELETE_PARTS_OF, site, transfer, hash)

export function transferOf(row: Row): Transfer {
  const mode = String(row['mode'])
  return {
    transfer: uuid(String(row['transfer_id'])),
    direction: row['direction'] === 'out' ? 'out' : 'in',
    peer: siteId(String(row['peer'])),
    patient: row['holder_id'] === null ? undefined : uuid(String(row['holder_id'])),
    dataClass: String(row['class']),
    mode: MODES.find((one) => one === mode) ?? 'require-quantum',
    state: String(row['state']) as TransferState,
    reason: String(row['reason']),
    items: Number(row['items']),
    itemsDone: Number(row['items_done']),
    octets: Number(row['octets']),
    createdAt: epochMs(Number(row['begun_at'])),
    offeredAt: epochMs(Number(row['heard_at'])),
    finishedAt: row['ended_at'] === null ? undefined : epochMs(Number(row['ended_at'])),
    protection: octetsOf(row, 'protection'),
    manifestHash: octetsOf(row, 'manifest_hash'),
    receipt: octetsOf(row, 'receipt'),
  }
}

const octetsOf = (row: Row, name: string): Uint8Array | undefined =>
  row[name] instanceof Uint8Array ? row[name] : undefined

const valuesOf = (transfer: Transfer) =>
  [
    transfer.transfer,
    transfer.direction,
    transfer.peer,
    transfer.patient ?? null,
    transfer.dataClass,
    transfer.mode,
    transfer.state,
    transfer.reason,
    transfer.items,
    transfer.itemsDone,
    transfer.octets,
    transfer.createdAt,
    transfer.offeredAt,
    transfer.finishedAt ?? null,
    transfer.protection ?? null,
    transfer.manifestHash ?? null,
    transfer.receipt ?? null,
  ] as const

interface ExchangeTables {
  transfer: Record<(typeof COLUMNS)[number], string | number | Uint8Array> & { site_id: string }
  transfer_part: {
    site_id: string
    transfer_id: string
    hash: string
    place: number
    whole: number
    octets: Uint8Array
  }
}

const COLUMNS = [
  'transfer_id',
  'direction',
  'peer',
  'holder_id',
  'class',
  'mode',
  'state',
  'reason',
  'items',
  'items_done',
  'octets',
  'begun_at',
  'heard_at',
  'ended_at',
  'protection',
  'manifest_hash',
  'receipt',
] as const

const db = tablesOf<ExchangeTables>()
const empty = <const N extends readonly string[]>(names: N) =>
  Object.fromEntries(names.map((name) => [name, ''])) as Record<N[number], string>
const site = { site_id: '' }

const INSERT = statement(db.insertInto('transfer').values({ ...site, ...empty(COLUMNS) }))
const [, , ...CHANGING] = COLUMNS
const UPDATE = statement(
  db
    .updateTable('transfer')
    .set(empty(CHANGING))
    .where('site_id', '=', '')
    .where('transfer_id', '=', '')
    .where('direction', '=', '')
    .where('state', '=', ''),
  1,
)
const all = db.selectFrom('transfer').select(COLUMNS).where('site_id', '=', '')
const SELECT = statement(all.where('direction', '=', '').where('transfer_id', '=', ''))
const OPEN = statement(
  all
    .where('direction', '=', 'out')
    .where('state', 'in', ['waiting', 'sending'])
    .orderBy('begun_at')
    .orderBy('transfer_id'),
)
const NEWEST = statement(all.orderBy('begun_at', 'desc').orderBy('transfer_id').limit(1))
const AFTER = statement(all.where('transfer_id', '>', '').orderBy('transfer_id').limit(1))
const BY_STATE = statement(all.where('state', '=', '').orderBy('begun_at'))
const unfinished = all
  .where('direction', '=', 'in')
  .where('state', '=', 'receiving')
  .orderBy('heard_at')
  .orderBy('transfer_id')
const UNFINISHED = statement(unfinished.where('peer', '=', ''))
const LAPSED = statement(unfinished.where('heard_at', '<', 0).limit(1))
const DELETE_UNFINISHED = statement(
  db
    .deleteFrom('transfer')
    .where('site_id', '=', '')
    .where('direction', '=', 'in')
    .where('transfer_id', '=', '')
    .where('state', '=', 'receiving'),
  1,
)
const PART = { transfer_id: '', hash: '', place: 0, whole: 0, octets: new Uint8Array(0) }
const INSERT_PART = statement(
  db
    .insertInto('transfer_part')
    .values({ ...site, ...PART })
    .onConflict((conflict) => conflict.doNothing()),
)
const parts = db.selectFrom('transfer_part').where('site_id', '=', '').where('transfer_id', '=', '')
const PARTS = statement(
  parts.select(['place', 'whole', 'octets']).where('hash', '=', '').orderBy('place'),
)
const PROGRESS = statement(
  parts
    .select(['hash'])
    .select((of) => [
      of.fn.max('whole').as('whole'),
      of.fn.sum(of.fn<number>('length', ['octets'])).as('held'),
    ])
    .groupBy('hash'),
)
const removed = db
  .deleteFrom('transfer_part')
  .where('site_id', '=', '')
  .where('transfer_id', '=', '')
const DELETE_PARTS = statement(removed)
const DELETE_PARTS_OF = statement(removed.where('hash', '=', ''))

export const exchangeMigrations: readonly Migration[] = [
  {
    id: 'exchange-1',
    statements: [
      `CREATE TABLE transfer (
        site_id TEXT NOT NULL,
        transfer_id TEXT NOT NULL,
        direction TEXT NOT NULL,
        peer TEXT NOT NULL,
        holder_id TEXT,
        class TEXT NOT NULL,
        mode TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT NOT NULL,
        items BIGINT NOT NULL,
        items_done BIGINT NOT NULL,
        octets BIGINT NOT NULL,
        begun_at BIGINT NOT NULL,
        ended_at BIGINT,
        protection BLOB,
        manifest_hash BLOB,
        receipt BLOB,
        PRIMARY KEY (site_id, direction, transfer_id)
      )`,
      'CREATE INDEX transfer_by_state ON transfer (site_id, state, begun_at)',
      'CREATE INDEX transfer_by_time ON transfer (site_id, begun_at)',
      `CREATE TABLE transfer_part (
        site_id TEXT NOT NULL,
        transfer_id TEXT NOT NULL,
        hash TEXT NOT NULL,
        place BIGINT NOT NULL,
        whole BIGINT NOT NULL,
        octets BLOB NOT NULL,
        PRIMARY KEY (site_id, transfer_id, hash, place)
      )`,
    ],
  },
  {
    id: 'exchange-2',
    statements: ['ALTER TABLE transfer ADD COLUMN heard_at BIGINT NOT NULL DEFAULT 0'],
  },
  ...erasureMigrations,
]
