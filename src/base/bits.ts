/**
 * Packed bit strings: bit i is bit (i mod 8), counted from the low end, of octet ⌊i / 8⌋.
 *
 * On a little-endian machine bit i is then bit (i mod 32) of 32-bit word ⌊i / 32⌋, so kernels may
 * work on whole words. Unused bits of the last octet are zero.
 *
 * @module
 */

import { assert } from './assert.ts'

/** A packed bit string. Whoever holds it may rely on the unused high bits being zero. */
export interface Bits {
  readonly length: number
  readonly octets: Uint8Array
}

/** Octets needed for `length` bits. */
export const octetsFor = (length: number): number => Math.ceil(length / 8)

/** A bit string of zeros. */
export const zeroBits = (length: number): Bits => ({
  length,
  octets: new Uint8Array(octetsFor(length)),
})

/** Wraps octets as bits, without a copy, clearing the unused bits of the last octet. */
export function bitsOf(octets: Uint8Array, length = octets.length * 8): Bits {
  assert(octets.length === octetsFor(length), 'octets and bit length agree')
  const rest = length % 8
  if (rest !== 0) octets[octets.length - 1] &= (1 << rest) - 1
  return { length, octets }
}

/** `length` bits of packed octets from bit `from` on, in a new array; zeros beyond the end. */
export function sliceBits(octets: Uint8Array, from: number, length: number): Bits {
  const out = new Uint8Array(octetsFor(length))
  const first = from >> 3
  const shift = from & 7
  const source = octets.subarray(first, first + out.length + 1)
  if (shift === 0) {
    out.set(source.subarray(0, out.length))
  } else {
    const last = source.length - 1
    for (let at = 0; at < last; at++)
      out[at] = (source[at] >> shift) | (source[at + 1] << (8 - shift))
    if (last >= 0 && last < out.length) out[last] = source[last] >> shift
  }
  return bitsOf(out, length)
}

/** Packs an array holding one bit, 0 or 1, per element. */
export function packBits(unpacked: Uint8Array, from = 0, to = unpacked.length): Bits {
  const length = to - from
  const bits = zeroBits(length)
  const whole = length & ~7
  let source = from
  for (let at = 0; at < whole; at += 8, source += 8) {
    bits.octets[at >> 3] =
      unpacked[source] |
      (unpacked[source + 1] << 1) |
      (unpacked[source + 2] << 2) |
      (unpacked[source + 3] << 3) |
      (unpacked[source + 4] << 4) |
      (unpacked[source + 5] << 5) |
      (unpacked[source + 6] << 6) |
      (unpacked[source + 7] << 7)
  }
  for (let at = whole; at < length; at++, source++) {
    bits.octets[at >> 3] |= unpacked[source] << (at & 7)
  }
  return bits
}

/** One bit, 0 or 1, per element. */
export function unpackBits(bits: Bits): Uint8Array {
  const unpacked = new Uint8Array(bits.length)
  for (let at = 0; at < bits.length; at++) unpacked[at] = (bits.octets[at >> 3] >> (at & 7)) & 1
  return unpacked
}

/** Bit `at`, 0 or 1. */
export const bitAt = (bits: Bits, at: number): number => (bits.octets[at >> 3] >> (at & 7)) & 1

/** How many bits are 1. */
export function weight(bits: Bits): number {
  let ones = 0
  for (const octet of bits.octets) ones += ONES[octet]
  return ones
}

/** How many positions differ. @throws AssertionFailure if the lengths differ. */
export function distance(a: Bits, b: Bits): number {
  assert(a.length === b.length, 'bit strings compared have one length')
  let different = 0
  for (let at = 0; at < a.octets.length; at++) different += ONES[a.octets[at] ^ b.octets[at]]
  return different
}

const ONES = Uint8Array.from({ length: 256 }, (_, octet) => {
  let ones = 0
  for (let rest = octet; rest !== 0; rest >>= 1) ones += rest & 1
  return ones
})
