/**
 * Tiles: the tree of a log in rows of 256 hashes, from which every proof is made.
 *
 * Tile n of level l holds the roots of the complete subtrees of 256^l leaves with the indexes 256·n
 * to 256·n + 255. The last tile of a level grows until it is full. Eight levels of the binary tree
 * stand between two levels of tiles and are recomputed by hashing.
 *
 * Tiles are as trustworthy as whoever stores them: only a signed root makes them proof.
 *
 * @see C2SP tlog-tiles v1
 * @module
 */

import { assert, concat } from '#base'
import { MerkleEdge, nodeHash, type NodeAt } from '#crypto'

/** Which tile: level 0 holds the hashes of leaves. */
export interface TileId {
  readonly level: number
  readonly index: number
}

/** A tile and its hashes so far, 32 octets each, at most 256. */
export interface Tile extends TileId {
  readonly hashes: Uint8Array
}

/** How many hashes the tiles of each level hold for a tree of `size` leaves, lowest level first. */
export function tileLevels(size: number): { readonly level: number; readonly hashes: number }[] {
  const levels = []
  for (let level = 0, hashes = size; hashes > 0; level++, hashes = Math.floor(hashes / WIDTH)) {
    levels.push({ level, hashes })
  }
  return levels
}

/** The tiles that are not full in a tree of `size` leaves; at most one for each level. */
export const partialTiles = (size: number): readonly (TileId & { readonly width: number })[] =>
  tileLevels(size)
    .map(({ level, hashes }) => ({
      level,
      index: Math.floor(hashes / WIDTH),
      width: hashes % WIDTH,
    }))
    .filter(({ width }) => width > 0)

/** The tile that tells the hash of a complete subtree of 2^level leaves, and where in it. */
export function tileOfNode(
  level: number,
  index: number,
): TileId & { readonly from: number; readonly hashes: number } {
  const within = level % LEVELS
  const hashes = 2 ** within
  const first = index * hashes
  const tile = Math.floor(first / WIDTH)
  return { level: (level - within) / LEVELS, index: tile, from: first % WIDTH, hashes }
}

/** The tiles that a computation over the tree will ask for, found by running it on nothing. */
export function tilesFor(compute: (nodeAt: NodeAt) => unknown): readonly TileId[] {
  const wanted = new Map<string, TileId>()
  compute((level, index) => {
    const tile = tileOfNode(level, index)
    wanted.set(tileKey(tile), { level: tile.level, index: tile.index })
    return NO_HASH
  })
  return [...wanted.values()]
}

/** Hashes of subtrees out of tiles. A tile that is missing or too short is a bug or damage. */
export function nodesOf(tiles: readonly Tile[], damaged: (tile: TileId) => Error): NodeAt {
  const byKey = new Map(tiles.map((tile) => [tileKey(tile), tile]))
  return (level, index) => {
    const place = tileOfNode(level, index)
    const tile = byKey.get(tileKey(place))
    const end = (place.from + place.hashes) * HASH
    if (tile === undefined || tile.hashes.length < end) throw damaged(place)
    return subtreeHash(tile.hashes.subarray(place.from * HASH, end))
  }
}

/** A growing tree: the right edge, and the tiles that are not full. Append only. */
export class TileTree {
  readonly #edge: MerkleEdge
  /** Hashes of the last tile of each level, not yet full. */
  readonly #last: Uint8Array[][]
  /** Tiles completed since `takeChanged`. */
  #full: Tile[] = []

  private constructor(edge: MerkleEdge, last: Uint8Array[][]) {
    this.#edge = edge
    this.#last = last
  }

  static empty(): TileTree {
    return new TileTree(new MerkleEdge(), [])
  }

  /** The tree of `size` leaves, from its partial tiles; longer ones are cut to what it covers. */
  static of(size: number, tiles: readonly Tile[], damaged: (tile: TileId) => Error): TileTree {
    const nodeAt = nodesOf(tiles, damaged)
    const last: Uint8Array[][] = tileLevels(size).map(() => [])
    for (const { level, index, width } of partialTiles(size)) {
      const start = index * WIDTH
      last[level] = range(width).map((at) => nodeAt(level * LEVELS, start + at).slice())
    }
    return new TileTree(new MerkleEdge(size, peaksOf(size, nodeAt)), last)
  }

  get size(): number {
    return this.#edge.size
  }

  root(): Uint8Array {
    return this.#edge.root()
  }

  /** Appends the hash of one leaf. */
  append(hash: Uint8Array): void {
    this.#edge.append(hash, (level, index, subtree) => {
      if (level % LEVELS === 0) this.#note(level / LEVELS, index, subtree)
    })
  }

  /** The tiles that have changed since the last call, whole: what is to be stored. */
  takeChanged(): readonly Tile[] {
    const partial = partialTiles(this.size).map(({ level, index }) => ({
      level,
      index,
      hashes: concat(...this.#last[level]),
    }))
    const changed = [...this.#full, ...partial]
    this.#full = []
    return changed
  }

  #note(level: number, index: number, hash: Uint8Array): void {
    if (level === this.#last.length) this.#last.push([])
    const last = this.#last[level]
    assert(last.length === index % WIDTH, 'a tile grows by one hash at a time')
    last.push(hash)
    if (last.length < WIDTH) return
    this.#full.push({ level, index: Math.floor(index / WIDTH), hashes: concat(...last) })
    this.#last[level] = []
  }
}

/** Path of a tile in the layout of tlog-tiles; `width` only where it is not full. */
export const tilePath = ({ level, index }: TileId, width = WIDTH): string =>
  `tile/${level}/${numbered(index, width)}`

/** Path of a bundle of entries in the layout of tlog-tiles. */
export const bundlePath = (index: number, width = WIDTH): string =>
  `tile/entries/${numbered(index, width)}`

/** Root of a perfect binary tree over 1, 2, 4, … 256 hashes. */
export function subtreeHash(hashes: Uint8Array): Uint8Array {
  if (hashes.length === HASH) return hashes
  const middle = hashes.length / 2
  return nodeHash(subtreeHash(hashes.subarray(0, middle)), subtreeHash(hashes.subarray(middle)))
}

/** Largest subtrees first: the binary digits of the size. */
function peaksOf(size: number, nodeAt: NodeAt): Uint8Array[] {
  const peaks: Uint8Array[] = []
  let first = 0
  for (let level = 52; level >= 0; level--) {
    const leaves = 2 ** level
    if (Math.floor(size / leaves) % 2 === 0) continue
    peaks.push(nodeAt(level, first / leaves).slice())
    first += leaves
  }
  return peaks
}

/** 1234067 becomes `x001/x234/067`. */
function numbered(index: number, width: number): string {
  const groups: string[] = []
  for (let rest = index; ; rest = Math.floor(rest / 1000)) {
    groups.unshift(String(rest % 1000).padStart(3, '0'))
    if (rest < 1000) break
  }
  const path = groups.map((group, at) => (at === groups.length - 1 ? group : `x${group}`)).join('/')
  return width === WIDTH ? path : `${path}.p/${width}`
}

const range = (size: number): number[] => Array.from({ length: size }, (_, at) => at)
const tileKey = ({ level, index }: TileId): string => `${level}/${index}`

/** Hashes in a full tile. */
export const TILE_HASHES = 256
const WIDTH = TILE_HASHES
/** Levels of the binary tree between two levels of tiles. */
const LEVELS = 8
const HASH = 32
const NO_HASH = new Uint8Array(HASH)
