/**
 * Halving trees: how a search divides a block, and the parities of all the parts.
 *
 * A block is divided behind the largest power of two that leaves something on the right, and so is
 * each part. The place behind a left part is where it divides: every place of a block but its first
 * divides one part, so the parities of all left parts stand in one word for each place, that of the
 * whole block at its first. The parity of what is asked is then one load, and a corrected bit
 * changes no more than one word on each level.
 *
 * @see Fenwick, Software: Practice and Experience 24 (1994)
 * @module
 */

/** Where a part of `length` bits, at least 2, is divided: bits of its left side. */
export const halfOf = (length: number): number => 1 << (31 - Math.clz32(length - 1))

/**
 * Parities of all parts of all blocks, for all frames.
 *
 * @param bits   one word for each bit of the frames, in their own order
 * @param run    `into` gets one word for each place, from place `offset` on; every other word is left
 *   alone where places are `wide`
 */
export function growTrees(
  bits: Int32Array,
  run: {
    readonly positions: Uint16Array
    readonly size: number
    readonly into: Int32Array
    readonly offset: number
    readonly wide?: boolean
  },
): void {
  const { positions, size, into, offset, wide = false } = run
  const shift = wide ? 1 : 0
  const places = positions.length
  for (let start = 0; start < places; start += size) {
    const length = Math.min(size, places - start)
    const base = offset + start
    let parity = 0
    // Of all that stands before each place: two of them make the parity of a part.
    for (let place = 0; place < length; place++) {
      into[(base + place) << shift] = parity
      parity ^= bits[positions[start + place]]
    }
    for (let at = length - 1; at > 0; at--) {
      into[(base + at) << shift] ^= into[(base + (at & (at - 1))) << shift]
    }
    into[base << shift] = parity
  }
}

/** Parities of the first `count` blocks, for all frames. */
export function blockParities(
  bits: Int32Array,
  run: { readonly positions: Uint16Array; readonly size: number; readonly count: number },
): Int32Array {
  const { positions, size, count } = run
  const parities = new Int32Array(count)
  for (let block = 0; block < count; block++) {
    const end = Math.min((block + 1) * size, positions.length)
    let parity = 0
    for (let place = block * size; place < end; place++) parity ^= bits[positions[place]]
    parities[block] = parity
  }
  return parities
}

/** Changes one bit in the tree of its block, of wide places. @param at   its place in the block */
export function flipIn(
  tree: Int32Array,
  at: number,
  block: { readonly base: number; readonly length: number; readonly bit: number },
): void {
  const { base, length, bit } = block
  tree[2 * base] ^= bit
  for (let part = at + 1; part < length; part += part & -part) tree[2 * (base + part)] ^= bit
}
