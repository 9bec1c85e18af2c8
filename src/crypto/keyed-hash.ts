/**
 * What the ways to compute the polynomial hash have in common.
 *
 * @module
 */

/** A way to compute the hash under one key. */
export interface KeyedHash {
  /** 16 octets: the hash of the parts, joined, and of their length. */
  readonly digestOf: (parts: readonly Uint8Array[]) => Uint8Array
  /** Overwrites all that was derived from the key; the hash of everything is zero from then on. */
  readonly clear: () => void
}

/** The block that ends every message: its length in bits. */
export function lengthBlock(octets: number): Uint8Array {
  const block = new DataView(new ArrayBuffer(16))
  block.setBigUint64(8, BigInt(octets) * 8n)
  return new Uint8Array(block.buffer)
}

/** An element of the field: four words of which the first's highest bit is the power 0 of x. */
export type Element = readonly [number, number, number, number]

/** The element that 16 octets stand for. */
export function elementOf(octets: Uint8Array): Element {
  const view = new DataView(octets.buffer, octets.byteOffset, 16)
  return [view.getInt32(0), view.getInt32(4), view.getInt32(8), view.getInt32(12)]
}

/** x · e, without a branch. */
export const timesX = ([a, b, c, d]: Element): Element => [
  (a >>> 1) ^ (REDUCTION & -(d & 1)),
  (b >>> 1) | (a << 31),
  (c >>> 1) | (b << 31),
  (d >>> 1) | (c << 31),
]

/** e², bit by bit and without a branch. */
export function square(element: Element): Element {
  let [a, b, c, d] = [0, 0, 0, 0]
  // The words of e, times x for each bit that was looked at: as `timesX`, without an array for each.
  let [w, x, y, z] = element
  for (let bit = 0; bit < 128; bit++) {
    const taken = -((element[bit >> 5] >>> (31 - (bit & 31))) & 1)
    a ^= w & taken
    b ^= x & taken
    c ^= y & taken
    d ^= z & taken
    const carry = REDUCTION & -(z & 1)
    z = (z >>> 1) | (y << 31)
    y = (y >>> 1) | (x << 31)
    x = (x >>> 1) | (w << 31)
    w = (w >>> 1) ^ carry
  }
  return [a, b, c, d]
}

/** x¹²⁸ = 1 + x + x² + x⁷. */
export const REDUCTION = 0xe1000000 | 0
