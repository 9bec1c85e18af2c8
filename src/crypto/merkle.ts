/**
 * Merkle tree of RFC 9162 §2 (the tree of RFC 6962) over SHA-256.
 *
 * Proves that a leaf is in a log of a given size, and that one log is a beginning of another.
 * Says nothing about which of two logs is the true one: that is what witnesses are for.
 *
 * @module
 */

import { assert } from '#base'
import { sha256 } from './hash.ts'
import { CryptoRefusal } from './refusal.ts'

/** Hash of the complete subtree of 2^level leaves whose first leaf is index · 2^level. */
export type NodeAt = (level: number, index: number) => Uint8Array

export const leafHash = (leaf: Uint8Array): Uint8Array => sha256(LEAF, leaf)
export const nodeHash = (left: Uint8Array, right: Uint8Array): Uint8Array =>
  sha256(NODE, left, right)

/** The root of an empty tree. */
export const emptyRoot = (): Uint8Array => sha256(new Uint8Array(0))

/** The right edge of a growing tree: enough to append and to know the root. */
export class MerkleEdge {
  /** Hashes of the complete subtrees, largest first; one for each 1 bit of the size. */
  #peaks: Uint8Array[]
  #size: number

  constructor(size = 0, peaks: readonly Uint8Array[] = []) {
    assert(peaks.length === ones(size), 'an edge has one peak for each 1 bit of its size')
    this.#size = size
    this.#peaks = [...peaks]
  }

  get size(): number {
    return this.#size
  }

  get peaks(): readonly Uint8Array[] {
    return this.#peaks
  }

  /** Appends the hash of one leaf; `note` hears of each subtree that this completes. */
  append(hash: Uint8Array, note?: (level: number, index: number, hash: Uint8Array) => void): void {
    let index = this.#size
    let level = 0
    note?.(0, index, hash)
    let top = hash
    while (index % 2 === 1) {
      const left = this.#peaks.pop()
      assert(left !== undefined, 'a full left neighbour is on the edge')
      top = nodeHash(left, top)
      level++
      index = (index - 1) / 2
      note?.(level, index, top)
    }
    this.#peaks.push(top)
    this.#size++
  }

  root(): Uint8Array {
    if (this.#size === 0) return emptyRoot()
    return this.#peaks.reduceRight((right, left) => nodeHash(left, right))
  }
}

/** Root of the first `size` leaves. */
export function rootOf(size: number, nodeAt: NodeAt): Uint8Array {
  return size === 0 ? emptyRoot() : rangeHash(0, size, nodeAt)
}

/** RFC 9162 §2.1.3.1: the path that proves leaf `index` in the tree of `size` leaves. */
export function inclusionProof(index: number, size: number, nodeAt: NodeAt): Uint8Array[] {
  assert(index >= 0 && index < size, 'a proof of inclusion is for a leaf of the tree')
  const path: Uint8Array[] = []
  let [from, to] = [0, size]
  while (to - from > 1) {
    const middle = from + largestPowerBelow(to - from)
    if (index < middle) {
      path.push(rangeHash(middle, to, nodeAt))
      to = middle
    } else {
      path.push(rangeHash(from, middle, nodeAt))
      from = middle
    }
  }
  return path.reverse()
}

/** RFC 9162 §2.1.4.1: the path that proves the tree of `first` leaves a beginning of `second`. */
export function consistencyProof(first: number, second: number, nodeAt: NodeAt): Uint8Array[] {
  assert(first > 0 && first <= second, 'a proof of consistency is from a smaller tree to a larger')
  const path: Uint8Array[] = []
  let [from, to] = [0, second]
  let whole = true
  while (first !== to) {
    const middle = from + largestPowerBelow(to - from)
    if (first <= middle) {
      path.push(rangeHash(middle, to, nodeAt))
      to = middle
    } else {
      path.push(rangeHash(from, middle, nodeAt))
      from = middle
      whole = false
    }
  }
  if (!whole) path.push(rangeHash(from, to, nodeAt))
  return path.reverse()
}

/** RFC 9162 §2.1.3.2. @returns the root that the path leads to; compare it with a signed one */
export function rootFromInclusion(
  leaf: { readonly hash: Uint8Array; readonly index: number; readonly size: number },
  path: readonly Uint8Array[],
): Uint8Array {
  const { hash, index, size } = leaf
  if (!isCount(index) || !isCount(size) || index >= size) throw badProof()
  if (!areHashes([hash, ...path])) throw badProof()
  let [fn, sn] = [index, size - 1]
  let root = hash
  for (const sibling of path) {
    if (sn === 0) throw badProof()
    if (fn % 2 === 1 || fn === sn) {
      root = nodeHash(sibling, root)
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)]
    } else {
      root = nodeHash(root, sibling)
    }
    ;[fn, sn] = [half(fn), half(sn)]
  }
  if (sn !== 0) throw badProof()
  return root
}

/** RFC 9162 §2.1.4.2. @throws CryptoRefusal `PROOF_INVALID` unless the first is a beginning */
export function verifyConsistency(
  first: { readonly size: number; readonly root: Uint8Array },
  second: { readonly size: number; readonly root: Uint8Array },
  path: readonly Uint8Array[],
): void {
  if (!isCount(first.size) || !isCount(second.size) || first.size > second.size) throw badProof()
  if (!areHashes([first.root, second.root, ...path])) throw badProof()
  if (first.size === 0 || first.size === second.size) {
    const equal = first.size === 0 ? emptyRoot() : second.root
    if (path.length > 0 || !same(first.root, equal)) throw badProof()
    return
  }
  const start = isPowerOfTwo(first.size) ? [first.root, ...path] : path
  let [fn, sn] = [first.size - 1, second.size - 1]
  while (fn % 2 === 1) [fn, sn] = [half(fn), half(sn)]
  if (start.length === 0) throw badProof()
  let [low, high] = [start[0], start[0]]
  for (const hash of start.slice(1)) {
    if (sn === 0) throw badProof()
    if (fn % 2 === 1 || fn === sn) {
      low = nodeHash(hash, low)
      high = nodeHash(hash, high)
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)]
    } else {
      high = nodeHash(high, hash)
    }
    ;[fn, sn] = [half(fn), half(sn)]
  }
  if (sn !== 0 || !same(low, first.root) || !same(high, second.root)) throw badProof()
}

/** Hash of leaves [from, to), where `from` is a multiple of the largest power below the size. */
function rangeHash(from: number, to: number, nodeAt: NodeAt): Uint8Array {
  const size = to - from
  if (isPowerOfTwo(size)) return nodeAt(Math.log2(size), from / size)
  const middle = from + largestPowerBelow(size)
  return nodeHash(rangeHash(from, middle, nodeAt), rangeHash(middle, to, nodeAt))
}

/** The largest power of two that is smaller than `size`, for sizes of 2 and more. */
function largestPowerBelow(size: number): number {
  let power = 1
  while (power * 2 < size) power *= 2
  return power
}

function ones(value: number): number {
  let count = 0
  for (let rest = value; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2
  return count
}

const half = (value: number): number => Math.floor(value / 2)
const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0
/** Other lengths could shift octets between the two halves of a node and hash the same. */
const areHashes = (hashes: readonly Uint8Array[]): boolean =>
  hashes.every((hash) => hash.length === HASH_OCTETS)
const isPowerOfTwo = (value: number): boolean => ones(value) === 1
const same = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((octet, at) => octet === b[at])
const badProof = (): CryptoRefusal =>
  new CryptoRefusal('PROOF_INVALID', 'The Merkle proof does not hold')

const HASH_OCTETS = 32
const LEAF = Uint8Array.of(0)
const NODE = Uint8Array.of(1)
