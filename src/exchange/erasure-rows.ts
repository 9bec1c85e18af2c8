/**
 * Rows of erasures that travel: to whom each record went, and who has signed that it is gone.
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

/** An erasure as ordered from one other site. */
export interface ErasureRow {
  /** This site's random id of the patient. */
  readonly patient: Uuid
  readonly peer: SiteId
  /** `done` once its word has come and is good. */
  readonly state: 'waiting' | 'done'
  /** A stable code, empty if nothing is wrong. */
  readonly reason: string
  readonly begunAt: EpochMs
  /** The signed order. */
  readonly order: Uint8Array
  /** The site's signed word. */
  readonly word: Uint8Array | undefined
}

export const insertErasure = (site: SiteId, row: ErasureRow): Statement => {
  const { patient, peer, state, reason, begunAt, order } = row
  return bind(INSERT, site, patient, peer, state, reason, begunAt, order, null)
}

/** Notes why an order still waits, or that it is done. */
export const updateErasure = (site: SiteId, row: ErasureRow): Statement =>
  bind(UPDATE, row.state, row.reason, row.word ?? null, site, row.patient, row.peer, 'waiting')

export const selectErasures = (site: SiteId, patient: Uuid): Statement => bind(OF, site, patient)

export const selectWaiting = (site: SiteId): Statement => bind(WAITING, site, 'waiting')

/** Sites to which a patient's record was offered, under this id or one it had before. */
export const selectReceivers = (site: SiteId, patient: Uuid): Statement =>
  bind(RECEIVERS, site, 'out', patient, site, patient)

/** Transfers by which a site has sent a patient's record here, under this id or one before. */
export const selectSent = (site: SiteId, peer: SiteId, patient: Uuid): Statement =>
  bind(SENT, site, 'in', 'imported', peer, patient, site, patient)

/** Remembers that a patient of this site was known by another id before. */
export const insertHeir = (site: SiteId, heir: Uuid, before: Uuid): readonly Statement[] => [
  bind(INSERT_HEIR, site, heir, before),
  bind(INHERIT, heir, site, before),
]

export const erasureOf = (row: Row): ErasureRow => ({
  patient: uuid(String(row['holder_id'])),
  peer: siteId(String(row['peer'])),
  state: row['state'] === 'done' ? 'done' : 'waiting',
  reason: String(row['reason']),
  begunAt: epochMs(Number(row['begun_at'])),
  order: row['wish'] as Uint8Array,
  word: row['word'] instanceof Uint8Array ? row['word'] : undefined,
})

interface ErasureTables {
  transfer_end: {
    site_id: string
    holder_id: string
    peer: string
    state: string
    reason: string
    begun_at: number
    wish: Uint8Array
    word: Uint8Array | null
  }
  transfer_heir: { site_id: string; holder_id: string; former_id: string }
}

const db = tablesOf<ErasureTables>()
const blank = new Uint8Array(0)
const INSERT = statement(
  db
    .insertInto('transfer_end')
    .values({
      ...{ site_id: '', holder_id: '', peer: '', state: '', reason: '', begun_at: 0 },
      ...{ wish: blank, word: null },
    })
    .onConflict((conflict) => conflict.doNothing()),
)
const UPDATE = statement(
  db
    .updateTable('transfer_end')
    .set({ state: '', reason: '', word: null })
    .where('site_id', '=', '')
    .where('holder_id', '=', '')
    .where('peer', '=', '')
    .where('state', '=', ''),
  1,
)
const all = db
  .selectFrom('transfer_end')
  .select(['holder_id', 'peer', 'state', 'reason', 'begun_at', 'wish', 'word'])
  .where('site_id', '=', '')
const OF = statement(all.where('holder_id', '=', '').orderBy('peer'))
const WAITING = statement(all.where('state', '=', '').orderBy('begun_at').orderBy('peer'))
const INSERT_HEIR = statement(
  db.insertInto('transfer_heir').values({ site_id: '', holder_id: '', former_id: '' }),
)
/** Ids of before go over to the new one. */
const INHERIT: Statement = {
  sql: `insert into transfer_heir (site_id, holder_id, former_id)
    select site_id, ?, former_id from transfer_heir where site_id = ? and holder_id = ?`,
  parameters: [],
}
const FORMER = 'select former_id from transfer_heir where site_id = ? and holder_id = ?'
const RECEIVERS: Statement = {
  sql: `select distinct peer from transfer where site_id = ? and direction = ?
    and manifest_hash is not null and (holder_id = ? or holder_id in (${FORMER})) order by peer`,
  parameters: [],
}
const SENT: Statement = {
  sql: `select transfer_id from transfer where site_id = ? and direction = ? and state = ?
    and peer = ? and (holder_id = ? or holder_id in (${FORMER})) limit 1`,
  parameters: [],
}

export const erasureMigrations: readonly Migration[] = [
  {
    id: 'exchange-3',
    statements: [
      `CREATE TABLE transfer_end (
        site_id TEXT NOT NULL, holder_id TEXT NOT NULL, peer TEXT NOT NULL, state TEXT NOT NULL,
        reason TEXT NOT NULL, begun_at BIGINT NOT NULL, wish BLOB NOT NULL, word BLOB,
        PRIMARY KEY (site_id, holder_id, peer))`,
      'CREATE INDEX transfer_end_by_state ON transfer_end (site_id, state, begun_at)',
      `CREATE TABLE transfer_heir (
        site_id TEXT NOT NULL, holder_id TEXT NOT NULL, former_id TEXT NOT NULL,
        PRIMARY KEY (site_id, holder_id, former_id))`,
      'CREATE INDEX transfer_by_holder ON transfer (site_id, holder_id)',
    ],
  },
]
