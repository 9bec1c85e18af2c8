/**
 * Verifies the tiles: as many as the newest checkpoint needs, and each hash the root of the tile
 * below it.
 *
 * One of the walks of `verify-log`; the lowest level was compared with the entries before. Goes from
 * the bottom up, so that of two tiles that do not fit, the upper one is wrong.
 *
 * @module
 */

import { sameOctets } from '#base'
import type { Finding, Findings } from './findings.ts'
import { countTiles, octetsOf, selectNewestCheckpoints, selectTiles, wholeOf } from './tables.ts'
import { subtreeHash, tileLevels, TILE_HASHES } from './tiles.ts'
import type { LogSource } from './tree-store.ts'
import type { EntriesVerified } from './verify-entries.ts'

/** Walks over all tiles, lowest level first. */
export async function* verifyTiles(
  source: LogSource,
  { covered, damagedTiles }: EntriesVerified,
  findings: Findings,
): AsyncGenerator<Finding> {
  let damaged: Set<number> = new Set(damagedTiles)
  for (const level of tileLevels(covered)) {
    const tiles = Math.ceil(level.hashes / TILE_HASHES)
    const damagedHere = level.level === 0 ? damaged : new Set<number>()
    for (let from = 0; from < tiles; from += TILES_AT_ONCE) {
      const to = Math.min(tiles, from + TILES_AT_ONCE)
      const walk = { source, findings, ...level, from, to }
      await verifyRun(walk, damaged, damagedHere)
      yield { kind: 'progress', part: 'tiles', done: to, total: tiles }
      yield* findings.take()
    }
    damaged = damagedHere
  }
  await checkSurplus(source, covered, findings)
}

interface Run {
  readonly source: LogSource
  readonly findings: Findings
  readonly level: number
  /** How many hashes the whole level has. */
  readonly hashes: number
  readonly from: number
  readonly to: number
}

async function verifyRun(
  run: Run,
  damagedBelow: ReadonlySet<number>,
  damagedHere: Set<number>,
): Promise<void> {
  const { source, findings, level, hashes, from, to } = run
  const rows = await source.store.read(selectTiles(source.site, { level, index: from }, to - from))
  const tiles = new Map(rows.map((row) => [wholeOf(row['ix']), octetsOf(row['hashes'])]))
  for (let index = from; index < to; index++) {
    const tile = tiles.get(index)
    const width = Math.min(TILE_HASHES, hashes - index * TILE_HASHES)
    findings.count('tiles')
    const problem =
      tile === undefined
        ? 'missing'
        : tile.length < width * 32
          ? `is ${tile.length / 32} hashes wide, the newest checkpoint needs ${width}`
          : await wrongHash(run, { index, hashes: tile.subarray(0, width * 32) }, damagedBelow)
    if (problem === undefined) continue
    // A tile of level 0 with a wrong hash has been named with its entry; a short one has not.
    findings.fault('tiles', `tile ${level}/${index}`, problem)
    damagedHere.add(index)
  }
}

/** The first hash of a tile that is not the root of the tile below, where that one is sound. */
async function wrongHash(
  { source, level }: Run,
  tile: { readonly index: number; readonly hashes: Uint8Array },
  damagedBelow: ReadonlySet<number>,
): Promise<string | undefined> {
  if (level === 0) return undefined
  const first = tile.index * TILE_HASHES
  const from = { level: level - 1, index: first }
  const rows = await source.store.read(selectTiles(source.site, from, tile.hashes.length / 32))
  for (const row of rows) {
    const child = wholeOf(row['ix'])
    const at = (child - first) * 32
    const below = octetsOf(row['hashes'])
    if (damagedBelow.has(child) || below.length !== TILE_HASHES * 32) continue
    if (!sameOctets(subtreeHash(below), tile.hashes.subarray(at, at + 32))) {
      return `its hash of tile ${level - 1}/${child} is wrong`
    }
  }
  return undefined
}

/** More tiles than the newest checkpoint needs mean that a newer one is gone. */
async function checkSurplus(source: LogSource, covered: number, findings: Findings): Promise<void> {
  const levels = tileLevels(covered)
  const newest = await source.store.read(selectNewestCheckpoints(source.site, SIZE_MAX, 1))
  // There is one, but it does not verify: that is named already.
  if (newest.some((row) => wholeOf(row['size']) > covered)) return
  for (const row of await source.store.read(countTiles(source.site))) {
    const level = wholeOf(row['level'])
    const hashes = levels.at(level)?.hashes ?? 0
    const last = Math.max(0, Math.ceil(hashes / TILE_HASHES) - 1)
    const rows = await source.store.read(selectTiles(source.site, { level, index: last }, 2))
    const found = rows.reduce(
      (most, tile) =>
        Math.max(most, wholeOf(tile['ix']) * TILE_HASHES + octetsOf(tile['hashes']).length / 32),
      0,
    )
    if (found > hashes) {
      const problem = `tiles of level ${level} hold ${found} hashes: a newer checkpoint is missing`
      findings.fault('checkpoints', `after checkpoint ${covered}`, problem)
    }
  }
}

const SIZE_MAX = Number.MAX_SAFE_INTEGER
const TILES_AT_ONCE = 64
