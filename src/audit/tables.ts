/**
 * Tables and statements of the log.
 *
 * One row for each entry, tile, checkpoint and cosignature, and one for each foreign log this site
 * has witnessed. Kind and time of an entry stand beside its leaf for searching; they are checked
 * against the leaf, which alone is hashed.
 *
 * @module
 */

import { sql, type ExpressionBuilder } from 'kysely'
import { bind, statement, tablesOf, type Migration, type SqlValue, type Statement } from '#base'

interface EntryTable {
  readonly site_id: string
  readonly ix: number
  readonly at: number
  readonly kind: string
  readonly leaf: Uint8Array
  /** Keyed tags of a day: of whoever it is about, of whoever did it. Null where nothing is kept. */
  readonly about: Uint8Array | null
  readonly doer: Uint8Array | null
  /** The event, in its two parts, sealed by whoever wrote the entry. */
  readonly who: Uint8Array | null
  readonly whom: Uint8Array | null
}

interface TileTable {
  readonly site_id: string
  readonly level: number
  readonly ix: number
  readonly hashes: Uint8Array
}

interface CheckpointTable {
  readonly site_id: string
  readonly size: number
  /** Size of the checkpoint before this one, so that a missing row is missed. */
  readonly prior: number
  readonly note: Uint8Array
}

interface CosignatureTable {
  readonly site_id: string
  readonly size: number
  readonly cosigner: string
  /** Both signature lines of this cosigner, each with its newline. */
  readonly lines: Uint8Array
}

interface WitnessedTable {
  readonly site_id: string
  readonly origin: string
  readonly size: number
  readonly root: Uint8Array
  /** The checkpoint itself, as its log signed it. */
  readonly note: Uint8Array
}

/** All tables of the log. */
export interface AuditTables {
  readonly audit_entry: EntryTable
  readonly audit_tile: TileTable
  readonly audit_checkpoint: CheckpointTable
  readonly audit_cosignature: CosignatureTable
  readonly audit_witnessed: WitnessedTable
}

/** The schema of the log, in order. */
export const auditMigrations: readonly Migration[] = [
  {
    id: 'audit-1',
    statements: [
      `CREATE TABLE audit_entry (
        site_id TEXT NOT NULL, ix BIGINT NOT NULL, at BIGINT NOT NULL, kind TEXT NOT NULL,
        leaf BLOB NOT NULL, PRIMARY KEY (site_id, ix))`,
      'CREATE INDEX audit_entry_at ON audit_entry (site_id, at)',
      'CREATE INDEX audit_entry_kind ON audit_entry (site_id, kind, ix)',
      `CREATE TABLE audit_tile (
        site_id TEXT NOT NULL, level BIGINT NOT NULL, ix BIGINT NOT NULL, hashes BLOB NOT NULL,
        PRIMARY KEY (site_id, level, ix))`,
      `CREATE TABLE audit_checkpoint (
        site_id TEXT NOT NULL, size BIGINT NOT NULL, prior BIGINT NOT NULL, note BLOB NOT NULL,
        PRIMARY KEY (site_id, size))`,
      `CREATE TABLE audit_cosignature (
        site_id TEXT NOT NULL, size BIGINT NOT NULL, cosigner TEXT NOT NULL, lines BLOB NOT NULL,
        PRIMARY KEY (site_id, size, cosigner))`,
      `CREATE TABLE audit_witnessed (
        site_id TEXT NOT NULL, origin TEXT NOT NULL, size BIGINT NOT NULL, root BLOB NOT NULL,
        note BLOB NOT NULL, PRIMARY KEY (site_id, origin))`,
    ],
  },
  {
    id: 'audit-2',
    statements: [
      'ALTER TABLE audit_entry ADD COLUMN about BLOB',
      'ALTER TABLE audit_entry ADD COLUMN doer BLOB',
      'ALTER TABLE audit_entry ADD COLUMN who BLOB',
      'ALTER TABLE audit_entry ADD COLUMN whom BLOB',
      'CREATE INDEX audit_entry_about ON audit_entry (site_id, about, ix) WHERE about IS NOT NULL',
      'CREATE INDEX audit_entry_doer ON audit_entry (site_id, doer, ix) WHERE doer IS NOT NULL',
    ],
  },
]

const db = tablesOf<AuditTables>()
const NONE = new Uint8Array(0)

/** The next index is found inside the transaction that uses it; the key refuses a race. */
const nextIndex = (from: ExpressionBuilder<AuditTables, 'audit_entry'>) =>
  from
    .selectFrom('audit_entry')
    .select(sql<number>`coalesce(max(ix), -1) + 1`.as('next'))
    .where('site_id', '=', '')
const appending = db.insertInto('audit_entry').values((from) => ({
  site_id: '',
  ix: nextIndex(from),
  at: 0,
  kind: '',
  leaf: NONE,
}))
const keeping = db.insertInto('audit_entry').values((from) => ({
  site_id: '',
  ix: nextIndex(from),
  ...{ at: 0, kind: '', leaf: NONE },
  ...{ about: null, doer: null, who: NONE, whom: NONE },
}))
const APPEND = statement(appending)
const APPEND_KEPT = statement(keeping)
const KEPT_TELLING = statement(keeping.returning('ix'))
const APPEND_TELLING = statement(appending.returning('ix'))

interface NewEntry {
  readonly at: number
  readonly kind: string
  readonly leaf: Uint8Array
}

/** Appends one entry under the next free index. */
export const appendEntry = (site: string, { at, kind, leaf }: NewEntry): Statement =>
  bind(APPEND, site, site, at, kind, leaf)

/** What is kept beside an entry, sealed, and by which tags it is found again. */
export interface KeptBeside {
  /** 16 octets; left out where it is about nobody. */
  readonly about?: Uint8Array | undefined
  /** 16 octets. */
  readonly doer: Uint8Array
  readonly general: Uint8Array
  readonly particular: Uint8Array
}

/** Appends one entry, and what is kept beside it. */
export function appendKept(site: string, entry: NewEntry, kept: KeptBeside): Statement {
  const { at, kind, leaf } = entry
  const { about = null, doer, general, particular } = kept
  return bind(APPEND_KEPT, site, site, at, kind, leaf, about, doer, general, particular)
}

/** The same as `appendEntry` or `appendKept`, and returns that index as `ix`. */
export function appendTelling(site: string, entry: NewEntry, kept?: KeptBeside): Statement {
  const { at, kind, leaf } = entry
  if (kept === undefined) return bind(APPEND_TELLING, site, site, at, kind, leaf)
  const { about = null, doer, general, particular } = kept
  return bind(KEPT_TELLING, site, site, at, kind, leaf, about, doer, general, particular)
}

const COUNT = statement(
  db
    .selectFrom('audit_entry')
    .select(sql<number>`coalesce(max(ix), -1) + 1`.as('size'))
    .where('site_id', '=', ''),
)

/** The next free index, as `size`. */
export const selectSize = (site: string): Statement => bind(COUNT, site)

const LEAVES = statement(
  db
    .selectFrom('audit_entry')
    .select(['ix', 'at', 'kind', 'leaf'])
    .where('site_id', '=', '')
    .where('ix', '>=', 0)
    .orderBy('ix')
    .limit(1),
)

/** Entries from an index on, in order. */
export const selectEntries = (site: string, from: number, limit: number): Statement =>
  bind(LEAVES, site, from, limit)

/** What `selectMatching` looks for. */
export interface EntryFilter {
  /** A kind, and every kind below it: `key` finds `key.delivered`. */
  readonly kind?: string
  /** Earliest and latest time, inclusive, epoch milliseconds. */
  readonly since?: number
  readonly until?: number
  /** Only indexes above and below these, exclusive. */
  readonly after?: number
  readonly before?: number
  /** Newest first instead of oldest first. */
  readonly newestFirst?: boolean
}

/** Entries that match, one page. */
export function selectMatching(site: string, filter: EntryFilter, limit: number): Statement {
  const { kind, since, until, after, before } = filter
  let query = db
    .selectFrom('audit_entry')
    .select(['ix', 'at', 'kind', 'leaf'])
    .where('site_id', '=', site)
  if (after !== undefined) query = query.where('ix', '>', after)
  if (before !== undefined) query = query.where('ix', '<', before)
  if (since !== undefined) query = query.where('at', '>=', since)
  if (until !== undefined) query = query.where('at', '<=', until)
  if (kind !== undefined) {
    const below = `${kind}.`
    query = query.where((is) =>
      is.or([is('kind', '=', kind), sql<boolean>`substr(kind, 1, ${below.length}) = ${below}`]),
    )
  }
  return statement(query.orderBy('ix', filter.newestFirst ? 'desc' : 'asc').limit(limit))
}

/** What `selectKept` looks for. */
export interface KeptFilter {
  /** Only what has one of these tags: of whom it is about, or of who did it. */
  readonly tagged?: { readonly as: 'about' | 'doer'; readonly tags: readonly Uint8Array[] }
  /** Earliest and latest time, inclusive, epoch milliseconds. */
  readonly since?: number | undefined
  readonly until?: number | undefined
  /** Only this index, or those below one. */
  readonly at?: number | undefined
  readonly before?: number | undefined
}

/** Entries beside which something is kept, newest first, one page. */
export function selectKept(site: string, filter: KeptFilter, limit: number): Statement {
  const { tagged, since, until, at, before } = filter
  let query = db
    .selectFrom('audit_entry')
    .select(['ix', 'leaf', 'who', 'whom'])
    .where('site_id', '=', site)
    .where('who', 'is not', null)
  if (tagged !== undefined) query = query.where(tagged.as, 'in', [...tagged.tags])
  if (at !== undefined) query = query.where('ix', '=', at)
  if (before !== undefined) query = query.where('ix', '<', before)
  if (since !== undefined) query = query.where('at', '>=', since)
  if (until !== undefined) query = query.where('at', '<=', until)
  return statement(query.orderBy('ix', 'desc').limit(limit))
}

const TILE = statement(
  db
    .selectFrom('audit_tile')
    .select(['level', 'ix', 'hashes'])
    .where('site_id', '=', '')
    .where('level', '=', 0)
    .where('ix', '=', 0),
)

export const selectTile = (site: string, level: number, index: number): Statement =>
  bind(TILE, site, level, index)

const TILES = statement(
  db
    .selectFrom('audit_tile')
    .select(['level', 'ix', 'hashes'])
    .where('site_id', '=', '')
    .where('level', '=', 0)
    .where('ix', '>=', 0)
    .orderBy('ix')
    .limit(1),
)

/** Tiles of one level from an index on, in order. */
export const selectTiles = (
  site: string,
  from: { readonly level: number; readonly index: number },
  limit: number,
): Statement => bind(TILES, site, from.level, from.index, limit)

const TILE_COUNTS = statement(
  db
    .selectFrom('audit_tile')
    .select(['level', sql<number>`count(*)`.as('tiles')])
    .where('site_id', '=', '')
    .groupBy('level')
    .orderBy('level'),
)

/** How many tiles each level has. */
export const countTiles = (site: string): Statement => bind(TILE_COUNTS, site)

const PUT_TILE = statement(
  db
    .insertInto('audit_tile')
    .values({ site_id: '', level: 0, ix: 0, hashes: NONE })
    .onConflict((on) =>
      on.columns(['site_id', 'level', 'ix']).doUpdateSet({
        hashes: (from) => from.ref('excluded.hashes'),
      }),
    ),
)

/** Stores a tile, or lets a partial one grow. */
export const putTile = (
  site: string,
  tile: { readonly level: number; readonly index: number; readonly hashes: Uint8Array },
): Statement => bind(PUT_TILE, site, tile.level, tile.index, tile.hashes)

const PUT_CHECKPOINT = statement(
  db.insertInto('audit_checkpoint').values({ site_id: '', size: 0, prior: 0, note: NONE }),
)

export const putCheckpoint = (
  site: string,
  row: { readonly size: number; readonly prior: number; readonly note: Uint8Array },
): Statement => bind(PUT_CHECKPOINT, site, row.size, row.prior, row.note)

const checkpoints = db
  .selectFrom('audit_checkpoint')
  .select(['size', 'prior', 'note'])
  .where('site_id', '=', '')

const NEWEST_CHECKPOINTS = statement(
  checkpoints.where('size', '<=', 0).orderBy('size', 'desc').limit(1),
)

/** Checkpoints of at most `size` leaves, largest first. */
export const selectNewestCheckpoints = (site: string, size: number, limit: number): Statement =>
  bind(NEWEST_CHECKPOINTS, site, size, limit)

const CHECKPOINTS = statement(checkpoints.where('size', '>', 0).orderBy('size').limit(1))

/** Checkpoints of more than `size` leaves, smallest first. */
export const selectCheckpoints = (site: string, size: number, limit: number): Statement =>
  bind(CHECKPOINTS, site, size, limit)

const PUT_COSIGNATURE = statement(
  db
    .insertInto('audit_cosignature')
    .values({ site_id: '', size: 0, cosigner: '', lines: NONE })
    .onConflict((on) =>
      on.columns(['site_id', 'size', 'cosigner']).doUpdateSet({
        lines: (from) => from.ref('excluded.lines'),
      }),
    ),
)

/** Stores the lines of one cosigner; a later cosignature of the same checkpoint replaces them. */
export const putCosignature = (
  site: string,
  row: { readonly size: number; readonly cosigner: string; readonly lines: Uint8Array },
): Statement => bind(PUT_COSIGNATURE, site, row.size, row.cosigner, row.lines)

const cosignatures = db
  .selectFrom('audit_cosignature')
  .select(['size', 'cosigner', 'lines'])
  .where('site_id', '=', '')

const COSIGNATURES = statement(
  cosignatures.where('size', '>=', 0).where('size', '<=', 0).orderBy('size').orderBy('cosigner'),
)

/** Cosignatures of checkpoints of `first` to `last` leaves. */
export const selectCosignatures = (site: string, first: number, last: number): Statement =>
  bind(COSIGNATURES, site, first, last)

const COSIGNED_SIZES = statement(
  db
    .selectFrom('audit_cosignature')
    .select('size')
    .where('site_id', '=', '')
    .where('size', '>', 0)
    .groupBy('size')
    .having(sql<number>`count(*)`, '>=', 1)
    .orderBy('size', 'desc')
    .limit(sql.lit(1)),
)

/** The largest checkpoint of more than `size` leaves that so many cosigners have cosigned. */
export const selectCosignedSize = (site: string, size: number, cosigners: number): Statement =>
  bind(COSIGNED_SIZES, site, size, cosigners)

const COSIGNED = statement(
  db
    .selectFrom('audit_cosignature')
    .select(['cosigner', sql<number>`max(size)`.as('size')])
    .where('site_id', '=', '')
    .groupBy('cosigner')
    .orderBy('cosigner'),
)

/** The largest size that each cosigner has cosigned. */
export const selectCosigned = (site: string): Statement => bind(COSIGNED, site)

const WITNESSED = statement(
  db
    .selectFrom('audit_witnessed')
    .select(['origin', 'size', 'root', 'note'])
    .where('site_id', '=', '')
    .where('origin', '=', ''),
)

/** What this site, as a witness, has last seen of a log. */
export const selectWitnessed = (site: string, origin: string): Statement =>
  bind(WITNESSED, site, origin)

const ALL_WITNESSED = statement(
  db
    .selectFrom('audit_witnessed')
    .select(['origin', 'size', 'root', 'note'])
    .where('site_id', '=', '')
    .orderBy('origin'),
)

export const selectAllWitnessed = (site: string): Statement => bind(ALL_WITNESSED, site)

const FIRST_WITNESSED = statement(
  db
    .insertInto('audit_witnessed')
    .values({ site_id: '', origin: '', size: 0, root: NONE, note: NONE })
    .onConflict((on) => on.columns(['site_id', 'origin']).doNothing()),
  1,
)

const NEXT_WITNESSED = statement(
  db
    .updateTable('audit_witnessed')
    .set({ size: 0, root: NONE, note: NONE })
    .where('site_id', '=', '')
    .where('origin', '=', '')
    .where('size', '=', 0)
    .where('root', '=', NONE),
  1,
)

/** Remembers a newer head of a log; conflicts if `held` is no longer what is remembered. */
export function putWitnessed(
  site: string,
  next: {
    readonly origin: string
    readonly size: number
    readonly root: Uint8Array
    readonly note: Uint8Array
  },
  held: { readonly size: number; readonly root: Uint8Array } | undefined,
): Statement {
  const { origin, size, root, note } = next
  return held === undefined
    ? bind(FIRST_WITNESSED, site, origin, size, root, note)
    : bind(NEXT_WITNESSED, size, root, note, site, origin, held.size, held.root)
}

/** A whole number out of a row. */
export const wholeOf = (value: SqlValue | undefined): number => Number(value)

/** Octets out of a row; a column of another type is damage, which shows as no octets. */
export const octetsOf = (value: SqlValue | undefined): Uint8Array =>
  value instanceof Uint8Array ? value : NONE
