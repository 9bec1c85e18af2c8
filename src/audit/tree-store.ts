/**
 * The tree of a log as it is stored: tiles and checkpoints read back, and proofs made from them.
 *
 * Stands between the tables and the log. What is read here may have been changed on disk: a tile
 * that does not fit is refused, and whoever needs certainty compares with a signed root.
 *
 * @see RFC 9162 §2.1.3, §2.1.4
 * @module
 */

import { sameOctets, textOf, type EpochMs, type Row, type Store } from '#base'
import { consistencyProof, emptyRoot, inclusionProof, leafHash, rootOf, type NodeAt } from '#crypto'
import { verifyCheckpoint } from './checkpoint.ts'
import type { NoteVerifier, TreeHead } from './cosignature.ts'
import { AuditRefusal } from './refusal.ts'
import {
  octetsOf,
  selectCheckpoints,
  selectEntries,
  selectNewestCheckpoints,
  selectTile,
  wholeOf,
} from './tables.ts'
import { nodesOf, partialTiles, tilesFor, TileTree, type Tile, type TileId } from './tiles.ts'

/** Where one site's log is stored. */
export interface LogSource {
  readonly site: string
  readonly store: Store
}

/** A checkpoint of this log with its own signatures, without cosignatures. */
export interface SignedCheckpoint extends TreeHead {
  /** Time in the log's ML-DSA-44 signature. */
  readonly at: EpochMs
  /** The signed note. */
  readonly note: string
}

/** The newest checkpoint of at most `size` leaves, verified under the log's own keys. */
export async function newestCheckpoint(
  source: LogSource,
  log: NoteVerifier,
  size = Number.MAX_SAFE_INTEGER,
): Promise<SignedCheckpoint | undefined> {
  const rows = await source.store.read(selectNewestCheckpoints(source.site, size, 1))
  return rows.length === 0 ? undefined : ownCheckpoint(rows[0], log)
}

/** The checkpoint of exactly `size` leaves, verified under the log's own keys. */
export async function checkpointOf(
  source: LogSource,
  log: NoteVerifier,
  size: number,
): Promise<SignedCheckpoint | undefined> {
  const row = (await source.store.read(selectCheckpoints(source.site, size - 1, 1))).at(0)
  return row === undefined || wholeOf(row['size']) !== size ? undefined : ownCheckpoint(row, log)
}

/** The growing tree as of a checkpoint, from at most one tile for each level. */
export async function loadTree(source: LogSource, head: TreeHead | undefined): Promise<TileTree> {
  if (head === undefined) return TileTree.empty()
  const tiles = await readTiles(source, partialTiles(head.size))
  const tree = TileTree.of(head.size, tiles, damagedTile)
  if (!sameOctets(tree.root(), head.root)) {
    const message = 'The stored tree does not lead to the root of the newest checkpoint'
    throw new AuditRefusal('AUDIT_LOG_DAMAGED', message, { facts: { size: head.size } })
  }
  return tree
}

/** Root of the first `size` leaves, from tiles. */
export async function rootAt(source: LogSource, size: number): Promise<Uint8Array> {
  if (size === 0) return emptyRoot()
  return computed(source, (nodeAt) => rootOf(size, nodeAt))
}

/** The path that proves an entry in the tree of `size` leaves (RFC 9162 §2.1.3.1). */
export const inclusionPath = (
  source: LogSource,
  index: number,
  size: number,
): Promise<readonly Uint8Array[]> =>
  computed(source, (nodeAt) => inclusionProof(index, size, nodeAt))

/** The path that proves one tree a beginning of another; empty from size 0 (RFC 9162 §2.1.4.1). */
export async function consistencyPath(
  source: LogSource,
  first: number,
  second: number,
): Promise<readonly Uint8Array[]> {
  if (first === 0) return []
  return computed(source, (nodeAt) => consistencyProof(first, second, nodeAt))
}

/** Appends stored entries to a tree until `size`, or the end of the log. */
export async function integrate(source: LogSource, tree: TileTree, size: number): Promise<void> {
  while (tree.size < size) {
    const limit = Math.min(BATCH_LEAVES, size - tree.size)
    const rows = await source.store.read(selectEntries(source.site, tree.size, limit))
    for (const row of rows) {
      if (wholeOf(row['ix']) !== tree.size) {
        const message = `Entry ${tree.size} of the log is missing`
        throw new AuditRefusal('AUDIT_LOG_DAMAGED', message, { facts: { index: tree.size } })
      }
      tree.append(leafHash(octetsOf(row['leaf'])))
    }
    if (rows.length < limit) return
  }
}

/** Runs a computation over the tree twice: once to learn which tiles it needs, once on them. */
async function computed<T>(source: LogSource, compute: (nodeAt: NodeAt) => T): Promise<T> {
  const tiles = await readTiles(source, tilesFor(compute))
  return compute(nodesOf(tiles, damagedTile))
}

async function readTiles(source: LogSource, wanted: readonly TileId[]): Promise<readonly Tile[]> {
  const found = wanted.map(async ({ level, index }) => {
    const row = (await source.store.read(selectTile(source.site, level, index))).at(0)
    return row === undefined ? [] : [{ level, index, hashes: octetsOf(row['hashes']) }]
  })
  return (await Promise.all(found)).flat()
}

function ownCheckpoint(row: Row, log: NoteVerifier): SignedCheckpoint {
  const note = octetsOf(row['note'])
  const check = verifyCheckpoint(note, { log })
  if (check.kind === 'refused' || check.checkpoint.size !== wholeOf(row['size'])) {
    const reason = check.kind === 'refused' ? check.reason : 'size-other'
    throw new AuditRefusal('AUDIT_LOG_DAMAGED', 'A stored checkpoint of this log is not valid', {
      facts: { size: wholeOf(row['size']), reason },
    })
  }
  const { origin, size, root, at } = check.checkpoint
  return { origin, size, root, at, note: textOf(note) }
}

const damagedTile = ({ level, index }: TileId): AuditRefusal =>
  new AuditRefusal('AUDIT_LOG_DAMAGED', `Tile ${level}/${index} of the log is missing or short`, {
    facts: { level, index },
  })

/** Rows read at once: enough to make a read cheap, few enough to keep memory flat. */
export const BATCH_LEAVES = 4096
