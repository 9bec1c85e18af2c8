/**
 * Merkle proofs checked anywhere: that an entry is in a tree, and that a tree continues another.
 *
 * Stands alone: hashing is handed in, so the same code runs in a browser, offline and in a test. It
 * shares nothing with the code that writes a log, so that one mistake cannot be on both sides.
 *
 * @see RFC 9162 §2.1
 * @module
 */

/** What this machine can compute. Neither is trusted with anything secret. */
export interface ProofPowers {
  /** SHA-256. */
  hash(octets: Uint8Array): Promise<Uint8Array>
  /**
   * Whether a signature is good; undefined where this machine cannot check such signatures.
   *
   * @param key.octets   32 of Ed25519, 1312 of ML-DSA-44 (which is bare: an empty context)
   */
  verify(
    key: { readonly algorithm: NoteAlgorithm; readonly octets: Uint8Array },
    message: Uint8Array,
    signature: Uint8Array,
  ): Promise<boolean | undefined>
}

/** Signature algorithms of checkpoints and cosignatures. */
export type NoteAlgorithm = 'ed25519' | 'ml-dsa-44'

/** A tree of so many leaves, and its root. */
export interface ProofTree {
  readonly size: number
  /** 32 octets. */
  readonly root: Uint8Array
}

/** Octets put together. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((octets, part) => octets + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** Whether two octet strings, neither secret, are the same. */
export const isSame = (a: Uint8Array, b: Uint8Array): boolean => a.toHex() === b.toHex()

/** Octets of base64 in its one canonical spelling, else undefined. */
export function octetsOfBase64(text: string): Uint8Array | undefined {
  try {
    const octets = Uint8Array.fromBase64(text, { lastChunkHandling: 'strict' })
    return octets.toBase64() === text ? octets : undefined
  } catch {
    return undefined
  }
}

/** The hash of an entry as a leaf of the tree. */
export const hashOfLeaf = ({ hash }: Pick<ProofPowers, 'hash'>, leaf: Uint8Array) =>
  hash(joined(LEAF, leaf))

/**
 * Whether a leaf is at an index of a tree.
 *
 * @param path   RFC 9162 §2.1.3.1, from the leaf's sibling up
 */
export async function isIncluded(
  powers: Pick<ProofPowers, 'hash'>,
  leaf: { readonly octets: Uint8Array; readonly index: number },
  tree: ProofTree,
  path: readonly Uint8Array[],
): Promise<boolean> {
  const { index } = leaf
  if (!isCount(index) || !isCount(tree.size) || index >= tree.size || !areHashes(path)) return false
  let [fn, sn] = [index, tree.size - 1]
  let root = await hashOfLeaf(powers, leaf.octets)
  for (const sibling of path) {
    if (sn === 0) return false
    const isRight = fn % 2 === 1 || fn === sn
    root = await nodeOf(powers, isRight ? [sibling, root] : [root, sibling])
    ;[fn, sn] = climbed(fn, sn, isRight)
  }
  return sn === 0 && isSame(root, tree.root)
}

/**
 * Whether a tree continues another, which changed nothing in between.
 *
 * @param path   RFC 9162 §2.1.4.1; empty between equal sizes, and from the empty tree
 */
export async function isContinued(
  powers: Pick<ProofPowers, 'hash'>,
  first: ProofTree,
  second: ProofTree,
  path: readonly Uint8Array[],
): Promise<boolean> {
  if (!isCount(first.size) || !isCount(second.size) || first.size > second.size) return false
  if (!areHashes(path)) return false
  if (first.size === 0 || first.size === second.size) {
    const equal = first.size === 0 ? await powers.hash(new Uint8Array(0)) : second.root
    return path.length === 0 && isSame(first.root, equal)
  }
  let [fn, sn] = [first.size - 1, second.size - 1]
  while (fn % 2 === 1) [fn, sn] = [half(fn), half(sn)]
  // A whole left tree is itself the node that the path goes on from.
  const [start, ...rest] = fn === 0 ? [first.root, ...path] : path
  if (path.length === 0) return false
  let [low, high] = [start, start]
  for (const hash of rest) {
    if (sn === 0) return false
    const isRight = fn % 2 === 1 || fn === sn
    if (isRight) low = await nodeOf(powers, [hash, low])
    high = await nodeOf(powers, isRight ? [hash, high] : [high, hash])
    ;[fn, sn] = climbed(fn, sn, isRight)
  }
  return sn === 0 && isSame(low, first.root) && isSame(high, second.root)
}

const nodeOf = ({ hash }: Pick<ProofPowers, 'hash'>, children: readonly Uint8Array[]) =>
  hash(joined(NODE, ...children))

/** One level up; from a last node without a sibling, to the next that has one. */
function climbed(fn: number, sn: number, isRight: boolean): readonly [number, number] {
  let [at, last] = [fn, sn]
  while (isRight && at % 2 === 0 && at !== 0) [at, last] = [half(at), half(last)]
  return [half(at), half(last)]
}

const half = (count: number): number => Math.floor(count / 2)
const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0
const areHashes = (path: readonly Uint8Array[]): boolean =>
  path.length <= PATH_HASHES_MAX && path.every(({ length }) => length === 32)

/** A tree of 2⁵³ leaves is 53 levels high; a consistency path has one more at most. */
const PATH_HASHES_MAX = 64
const LEAF = Uint8Array.of(0)
const NODE = Uint8Array.of(1)
