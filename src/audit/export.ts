/**
 * The log as static files, which any C2SP tlog-tiles client can read and verify.
 *
 * `checkpoint`, the tiles, and the bundles of entries, for the newest checkpoint. Entries that it
 * does not cover are left out. The files are public in form: they hold every entry.
 *
 * @see C2SP tlog-tiles v1
 * @module
 */

import { concat, utf8 } from '#base'
import { cosignedNote } from './cosigning.ts'
import type { AuditLog } from './log.ts'
import { octetsOf, selectEntries, selectTiles } from './tables.ts'
import { bundlePath, tileLevels, tilePath, TILE_HASHES } from './tiles.ts'

/** One file of the exported log. */
export interface ExportedFile {
  /** Relative, with `/` between parts. */
  readonly path: string
  readonly octets: Uint8Array
}

/** All files of the log under its newest checkpoint; the checkpoint comes last. */
export async function* exportTiles(log: AuditLog): AsyncGenerator<ExportedFile> {
  const newest = await log.newest()
  if (newest === undefined) return
  for (const { level, hashes } of tileLevels(newest.size)) yield* exportLevel(log, level, hashes)
  yield* exportBundles(log, newest.size)
  const note = await cosignedNote(log, newest.size)
  yield { path: 'checkpoint', octets: utf8(note ?? newest.note) }
}

async function* exportLevel(
  { source }: AuditLog,
  level: number,
  hashes: number,
): AsyncGenerator<ExportedFile> {
  for (let index = 0; index * TILE_HASHES < hashes; index += TILES_AT_ONCE) {
    const rows = await source.store.read(selectTiles(source.site, { level, index }, TILES_AT_ONCE))
    for (const [at, row] of rows.entries()) {
      const width = Math.min(TILE_HASHES, hashes - (index + at) * TILE_HASHES)
      const octets = octetsOf(row['hashes']).subarray(0, width * 32)
      if (width > 0) yield { path: tilePath({ level, index: index + at }, width), octets }
    }
  }
}

async function* exportBundles({ source }: AuditLog, size: number): AsyncGenerator<ExportedFile> {
  for (let index = 0; index * TILE_HASHES < size; index++) {
    const width = Math.min(TILE_HASHES, size - index * TILE_HASHES)
    const rows = await source.store.read(selectEntries(source.site, index * TILE_HASHES, width))
    const entries = rows.map((row) => lengthPrefixed16(octetsOf(row['leaf'])))
    yield { path: bundlePath(index, width), octets: concat(...entries) }
  }
}

/** Big-endian uint16 length before each entry. */
const lengthPrefixed16 = (leaf: Uint8Array): Uint8Array =>
  concat(Uint8Array.of(leaf.length >> 8, leaf.length & 0xff), leaf)

const TILES_AT_ONCE = 64
