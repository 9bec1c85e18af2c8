/**
 * Bits of many detections at a time: gathered into packed planes, picked by a mask, spread by one.
 *
 * Sifting is the only step that touches every detection. These loops do so eight or thirty-two at a
 * time, without a branch that depends on the data. In all packed strings the low end comes first.
 *
 * @module
 */

import { assert } from '#base'
import { octetsOf } from './cascade/wire.ts'

/** A packed string of bits that can be read by octets and by words; bits behind its end are 0. */
export interface Plane {
  readonly octets: Uint8Array
  readonly words: Int32Array
}

/** A plane of zeros for so many bits. */
export function newPlane(bits: number): Plane {
  const words = new Int32Array(Math.ceil(bits / 32))
  return { words, octets: new Uint8Array(words.buffer) }
}

/** A plane holding a copy of packed octets. */
export function planeOf(octets: Uint8Array, bits: number): Plane {
  const plane = newPlane(bits)
  plane.octets.set(octets)
  return plane
}

/** The lowest `count` bits of each element, one plane for each. */
export function planesOf(elements: Uint8Array, count: number): Plane[] {
  const planes = Array.from({ length: count }, () => newPlane(elements.length))
  for (let bit = 0; bit < count; bit++) gather(elements, bit, planes[bit].octets)
  return planes
}

/** Whether any element has a bit that `allowed` does not have. */
export function anyBeyond(elements: Uint8Array, allowed: number): boolean {
  const words = wordsOf(elements)
  let seen = restOf(elements, 4 * words.length)
  for (let at = 0; at < words.length; at++) seen |= words[at]
  return (seen & ~Math.imul(allowed, 0x01010101)) !== 0
}

/** Bit `bit` of every octet. */
function gather(elements: Uint8Array, bit: number, into: Uint8Array): void {
  const words = wordsOf(elements)
  const pairs = words.length >> 1
  for (let at = 0; at < pairs; at++) {
    // The product moves the four bits side by side into bits 24 to 27.
    const low = Math.imul((words[2 * at] >>> bit) & 0x01010101, 0x01020408) >>> 24
    const high = Math.imul((words[2 * at + 1] >>> bit) & 0x01010101, 0x01020408) >>> 20
    into[at] = (low & 0x0f) | (high & 0xf0)
  }
  if (elements.length === 8 * pairs) return
  const even = (words.length & 1) === 0
  const low = even ? restOf(elements, 8 * pairs) : words[words.length - 1]
  const high = even ? 0 : restOf(elements, 4 * words.length)
  into[pairs] =
    (Math.imul((low >>> bit) & 0x01010101, 0x01020408) >>> 24) |
    ((Math.imul((high >>> bit) & 0x01010101, 0x01020408) >>> 20) & 0xf0)
}

/**
 * Appends the bits of `values` under `mask` to a packed string.
 *
 * @param into     has room, and zeros behind bit `length`
 * @returns        the new length in bits
 */
export function appendPicked(mask: Plane, values: Plane, into: Uint8Array, length: number): number {
  const masks = mask.octets
  const bits = values.octets
  let at = length >> 3
  let used = length & 7
  let held = into[at] & ((1 << used) - 1)
  for (let index = 0; index < masks.length; index++) {
    const chosen = masks[index]
    held |= PICKED[(chosen << 8) | bits[index]] << used
    used += ONES[chosen]
    into[at] = held
    const full = used >> 3
    at += full
    held >>>= full << 3
    used &= 7
  }
  into[at] = held
  return 8 * at + used
}

/** The bits of a packed string, one after another at the places where `mask` is 1. */
export function spread(mask: Plane, packed: Uint8Array): Plane {
  const masks = mask.octets
  const out = newPlane(8 * masks.length)
  // Two octets more, so that reading ahead stays inside.
  const source = scratchFor(packed.length + 2)
  source.set(packed)
  source.fill(0, packed.length, packed.length + 2)
  let at = 0
  for (let index = 0; index < masks.length; index++) {
    const chosen = masks[index]
    const pair = source[at >> 3] | (source[(at >> 3) + 1] << 8)
    out.octets[index] = SPREAD[(chosen << 8) | ((pair >> (at & 7)) & 0xff)]
    at += ONES[chosen]
  }
  return out
}

/** The bits of `values` under `mask`, packed. */
export function picked(mask: Plane, values: Plane): Uint8Array {
  const into = scratchFor(values.octets.length + 2)
  return into.slice(0, octetsOf(appendPicked(mask, values, into, 0)))
}

/** Octets of any content for the duration of one call. What both ends tell each other passes here. */
function scratchFor(octets: number): Uint8Array {
  if (scratch.length < octets) scratch = new Uint8Array(octets)
  return scratch.subarray(0, octets)
}
let scratch = new Uint8Array(0)

/**
 * Whether octets hold just so many bits; those behind them must be 0: one spelling for each value.
 */
export function isExactly(octets: Uint8Array, bits: number): boolean {
  if (octets.length !== octetsOf(bits)) return false
  return (bits & 7) === 0 || octets[octets.length - 1] >> (bits & 7) === 0
}

/** A plane computed word by word from two others: a new one, or one of them. */
export function combined(
  a: Plane,
  b: Plane,
  how: 'and' | 'and-not' | 'xor',
  out = newPlane(32 * a.words.length),
): Plane {
  assert(a.words.length === b.words.length, 'planes combined have one length')
  const { words } = out
  if (how === 'and') for (let at = 0; at < words.length; at++) words[at] = a.words[at] & b.words[at]
  else if (how === 'xor')
    for (let at = 0; at < words.length; at++) words[at] = a.words[at] ^ b.words[at]
  else for (let at = 0; at < words.length; at++) words[at] = a.words[at] & ~b.words[at]
  return out
}

/** How many bits are 1. */
export function onesIn({ words }: Plane): number {
  let ones = 0
  for (let at = 0; at < words.length; at++) ones += onesOf(words[at])
  return ones
}

/** How many bits are 1 in both. */
export function onesInBoth(a: Plane, b: Plane): number {
  let ones = 0
  for (let at = 0; at < a.words.length; at++) ones += onesOf(a.words[at] & b.words[at])
  return ones
}

/** How many bits are 1 in a word. */
export function onesOf(word: number): number {
  let sum = word - ((word >>> 1) & 0x55555555)
  sum = (sum & 0x33333333) + ((sum >>> 2) & 0x33333333)
  sum = (sum + (sum >>> 4)) & 0x0f0f0f0f
  return Math.imul(sum, 0x01010101) >>> 24
}

/** The whole words of an octet array: of a copy, unless it is aligned. */
function wordsOf(octets: Uint8Array): Int32Array {
  const aligned = octets.byteOffset % 4 === 0 ? octets : octets.slice()
  return new Int32Array(aligned.buffer, aligned.byteOffset, octets.length >> 2)
}

/** Up to three octets from `from` on as a word. */
function restOf(octets: Uint8Array, from: number): number {
  let word = 0
  for (let at = from; at < octets.length; at++) word |= octets[at] << (8 * (at - from))
  return word
}

/** Number of bits that are 1 in each octet. */
const ONES = Uint8Array.from({ length: 256 }, (_, octet) => onesOf(octet))

/** `PICKED[mask << 8 | value]`: the bits of `value` under `mask`, moved together at the low end. */
const PICKED = new Uint8Array(65_536)

/** `SPREAD[mask << 8 | value]`: the low bits of `value`, moved to where `mask` is 1. */
const SPREAD = new Uint8Array(65_536)

for (let mask = 0; mask < 256; mask++) {
  for (let value = 0; value < 256; value++) {
    let picked = 0
    let placed = 0
    let taken = 0
    for (let bit = 0; bit < 8; bit++) {
      if (((mask >> bit) & 1) === 0) continue
      picked |= ((value >> bit) & 1) << taken
      placed |= ((value >> taken) & 1) << bit
      taken++
    }
    PICKED[(mask << 8) | value] = picked
    SPREAD[(mask << 8) | value] = placed
  }
}
