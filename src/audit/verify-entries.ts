/**
 * Verifies every entry against the tiles and the signed roots, and says which of them is wrong.
 *
 * One of the walks of `verify-log`. Two trees grow side by side: one from the entries as they are
 * stored, one from the leaf hashes in the tiles. Where both agree they are one tree. Where they do
 * not, the next signed root decides: it can only be that of what was sealed.
 *
 * @module
 */

import { assert, sameOctets, type Row } from '#base'
import { leafHash, MerkleEdge } from '#crypto'
import type { TreeHead } from './cosignature.ts'
import { eventOf } from './event.ts'
import type { Finding, Findings } from './findings.ts'
import { octetsOf, selectEntries, selectSize, selectTiles, wholeOf } from './tables.ts'
import { TILE_HASHES } from './tiles.ts'
import { BATCH_LEAVES, type LogSource } from './tree-store.ts'

/** What the walk over the entries learned for the walk over the tiles. */
export interface EntriesVerified {
  /** Size of the newest valid checkpoint; 0 if there is none. */
  readonly covered: number
  /** Indexes of tiles of level 0 that are named already. */
  readonly damagedTiles: ReadonlySet<number>
}

/** Walks over all entries, taking each signed head when the tree has reached its size. */
export async function* verifyEntries(
  source: LogSource,
  heads: AsyncGenerator<TreeHead>,
  findings: Findings,
): AsyncGenerator<Finding, EntriesVerified> {
  const walk = new EntryWalk(source, heads, findings)
  const [{ size }] = await source.store.read(selectSize(source.site))
  const total = wholeOf(size)
  await walk.start()
  for (;;) {
    const rows = await source.store.read(selectEntries(source.site, walk.next, BATCH_LEAVES))
    for (const row of rows) await walk.take(row)
    yield { kind: 'progress', part: 'entries', done: walk.next, total }
    yield* findings.take()
    if (rows.length < BATCH_LEAVES) break
  }
  return await walk.finish()
}

class EntryWalk {
  readonly #source: LogSource
  readonly #heads: AsyncGenerator<TreeHead>
  readonly #findings: Findings
  /** The tree of the entries as stored. */
  #own = new MerkleEdge()
  /** The tree of the leaf hashes in the tiles, from where it differs; undefined while it does not. */
  #tiled: MerkleEdge | undefined
  /** Entries that differ from their hash in a tile, until a signed root decides. */
  #suspects: { readonly index: number; readonly unreadable: boolean }[] = []
  /** Set when no later root can be recomputed. */
  #broken = false
  #brokenNamed = false
  #next = 0
  #head: TreeHead | undefined
  #covered = 0
  readonly #damagedTiles = new Set<number>()
  /** Tiles of level 0 from `#tilesFrom` on. */
  #tiles = new Map<number, Uint8Array>()
  #tilesFrom = -TILES_AT_ONCE

  constructor(source: LogSource, heads: AsyncGenerator<TreeHead>, findings: Findings) {
    this.#source = source
    this.#heads = heads
    this.#findings = findings
  }

  /** Index of the entry that comes next. */
  get next(): number {
    return this.#next
  }

  async start(): Promise<void> {
    await this.#nextHead()
  }

  async take(row: Row): Promise<void> {
    const index = wholeOf(row['ix'])
    if (index > this.#next) {
      const from = this.#next
      await this.#fill(index)
      this.#nameMissing(from)
    }
    const leaf = octetsOf(row['leaf'])
    const hash = leafHash(leaf)
    const tiled = await this.#tiledHash(index)
    const problem = rowProblem(row, leaf)
    const differs = tiled !== undefined && !sameOctets(tiled, hash)
    this.#findings.count('entries')
    if (problem !== undefined) this.#findings.fault('entries', `entry ${index}`, problem)
    if (differs) this.#suspects.push({ index, unreadable: problem !== undefined })
    this.#grow(hash, tiled ?? hash)
    // Beyond the last valid head; `#compare` has moved on from the one before.
    if (this.#head === undefined) this.#findings.count('unsealed')
    if (this.#head?.size === this.#next) await this.#compare()
  }

  async finish(): Promise<EntriesVerified> {
    const from = this.#next
    while (this.#head !== undefined) await this.#fill(this.#head.size)
    if (this.#next > from) this.#nameMissing(from)
    for (const { index } of this.#suspects) {
      this.#findings.fault('entries', `entry ${index}`, `differs from ${tileName(index)}`)
    }
    return { covered: this.#covered, damagedTiles: this.#damagedTiles }
  }

  #nameMissing(from: number): void {
    const to = this.#next - 1
    const place = from === to ? `entry ${from}` : `entries ${from} to ${to}`
    this.#findings.fault('entries', place, 'missing')
  }

  /** Goes on without the entries before `to`, with their hashes as far as tiles have them. */
  async #fill(to: number): Promise<void> {
    while (this.#next < to) {
      const tiled = await this.#tiledHash(this.#next)
      if (tiled === undefined) {
        this.#broken = true
        this.#next = to
        while (this.#head !== undefined && this.#head.size <= to) await this.#compare()
        return
      }
      this.#grow(tiled, tiled)
      if (this.#head?.size === this.#next) await this.#compare()
    }
  }

  #grow(own: Uint8Array, tiled: Uint8Array): void {
    if (this.#tiled === undefined && !sameOctets(own, tiled)) {
      this.#tiled = new MerkleEdge(this.#own.size, this.#own.peaks)
    }
    this.#own.append(own)
    this.#tiled?.append(tiled)
    this.#next++
  }

  /** Holds both trees against the signed root of `#head`, and goes to the next head. */
  async #compare(): Promise<void> {
    const head = this.#head
    assert(head !== undefined, 'a comparison has a signed head')
    const prior = this.#covered
    this.#covered = head.size
    if (!this.#broken) this.#judge(head, prior)
    else if (!this.#brokenNamed) {
      this.#brokenNamed = true
      const problem = 'cannot be recomputed, and no later one: entries before it are lost'
      this.#findings.fault('checkpoints', `checkpoint ${head.size}`, problem)
    }
    await this.#nextHead()
  }

  #judge(head: TreeHead, prior: number): void {
    const ownRight = sameOctets(this.#own.root(), head.root)
    const tiledRight = sameOctets((this.#tiled ?? this.#own).root(), head.root)
    if (!ownRight && !tiledRight) this.#broken = true
    if (!ownRight && !tiledRight && this.#suspects.length === 0) {
      const problem = `one of entries ${prior} to ${head.size - 1} was changed together with its tile`
      this.#findings.fault('checkpoints', `checkpoint ${head.size}`, problem)
    }
    for (const { index, unreadable } of this.#suspects) {
      if (ownRight) {
        this.#damagedTiles.add(Math.floor(index / TILE_HASHES))
        const problem = `its hash of entry ${index} is not what was sealed`
        this.#findings.fault('tiles', tileName(index), problem)
      } else if (!tiledRight || !unreadable) {
        const other = tiledRight ? '' : `, nor is ${tileName(index)}`
        const problem = `is not what was sealed in checkpoint ${head.size}${other}`
        this.#findings.fault('entries', `entry ${index}`, problem)
        if (!tiledRight) this.#damagedTiles.add(Math.floor(index / TILE_HASHES))
      }
    }
    this.#suspects = []
    // Whichever tree was right is the tree from here on.
    if (!ownRight && this.#tiled !== undefined) this.#own = this.#tiled
    this.#tiled = undefined
  }

  async #nextHead(): Promise<void> {
    const next = await this.#heads.next()
    this.#head = next.done === true ? undefined : next.value
  }

  async #tiledHash(index: number): Promise<Uint8Array | undefined> {
    const tile = Math.floor(index / TILE_HASHES)
    if (tile < this.#tilesFrom || tile >= this.#tilesFrom + TILES_AT_ONCE) {
      const { site, store } = this.#source
      const rows = await store.read(selectTiles(site, { level: 0, index: tile }, TILES_AT_ONCE))
      this.#tiles = new Map(rows.map((row) => [wholeOf(row['ix']), octetsOf(row['hashes'])]))
      this.#tilesFrom = tile
    }
    const from = (index % TILE_HASHES) * 32
    const hash = this.#tiles.get(tile)?.subarray(from, from + 32)
    return hash?.length === 32 ? hash : undefined
  }
}

/** What is wrong with a row by itself, before anything is hashed. */
function rowProblem(row: Row, leaf: Uint8Array): string | undefined {
  try {
    const { kind, at } = eventOf(leaf)
    const same = kind === row['kind'] && at === wholeOf(row['at'])
    return same ? undefined : 'has another kind or time beside it than in it'
  } catch {
    return 'is not an entry of our form'
  }
}

const tileName = (index: number): string => `tile 0/${Math.floor(index / TILE_HASHES)}`

const TILES_AT_ONCE = 16
