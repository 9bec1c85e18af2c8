/**
 * Slots of detections as gaps of one to four octets each, all of one width within a batch.
 *
 * A gap is the number of slots between two detections, little-endian. The largest value stands for
 * itself and says that more follows, so rare long gaps cost little and common ones cost one branch
 * that the machine guesses. With the width chosen well this is within a tenth of the entropy of the
 * gaps.
 *
 * @module
 */

import { QkdRefusal } from './refusal.ts'

/** Gaps of one batch, and the octets each takes. */
export interface Gaps {
  readonly width: number
  readonly octets: Uint8Array
}

/** The width that takes least for detections that are evenly likely in all slots. */
export function widthFor(detections: number, slotCount: number): number {
  const mean = slotCount / Math.max(1, detections)
  let best = 1
  for (let width = 2; width <= WIDTH_MAX; width++) {
    if (expectedOctets(width, mean) < expectedOctets(best, mean)) best = width
  }
  return best
}

/** Encodes strictly increasing slots; undefined if they are not, or reach `slotCount`. */
export function encodeGaps(slots: Uint32Array, slotCount: number): Gaps | undefined {
  const width = widthFor(slots.length, slotCount)
  const escapes = Math.ceil(slotCount / largestOf(width))
  const octets = new Uint8Array((slots.length + escapes) * width)
  const end =
    width === 1
      ? encodeOctets(slots, slotCount, octets)
      : encodeWide(slots, slotCount, { width, octets })
  return end < 0 ? undefined : { width, octets: octets.slice(0, end) }
}

/** Decodes `count` slots below `slotCount`. @throws QkdRefusal `MESSAGE_INVALID` */
export function decodeGaps({ width, octets }: Gaps, count: number, slotCount: number): Uint32Array {
  if (width < 1 || width > WIDTH_MAX || count * width > octets.length) throw invalid()
  const slots = new Uint32Array(count)
  const end = width === 1 ? decodeOctets(octets, slots) : decodeWide({ width, octets }, slots)
  // Slots increase by construction, so the last one bounds them all.
  if (end !== octets.length || (count > 0 && slots[count - 1] >= slotCount)) throw invalid()
  return slots
}

/** Arithmetic stays in 32 bits, signed: twice as fast as with numbers that might be larger. */
function encodeOctets(slots: Uint32Array, slotCount: number, octets: Uint8Array): number {
  const end = Math.min(slotCount, 2 ** 31 - 1) | 0
  let at = 0
  let next = 0
  for (let index = 0; index < slots.length; index++) {
    const slot = slots[index] | 0
    let gap = (slot - next) | 0
    if (gap < 0 || slot >= end) return -1
    for (; gap >= 255; gap = (gap - 255) | 0) octets[at++] = 255
    octets[at++] = gap
    next = (slot + 1) | 0
  }
  return at
}

function encodeWide(slots: Uint32Array, slotCount: number, { width, octets }: Gaps): number {
  const largest = largestOf(width)
  let at = 0
  let next = 0
  const put = (gap: number): void => {
    for (let low = 0; low < width; low++) octets[at++] = (gap >>> (8 * low)) & 0xff
  }
  for (const slot of slots) {
    let gap = slot - next
    if (gap < 0 || slot >= slotCount) return -1
    for (; gap >= largest; gap -= largest) put(largest)
    put(gap)
    next = slot + 1
  }
  return at
}

/** As above; an octet moves on by 255 slots at most, and there are fewer octets than 2²³. */
function decodeOctets(octets: Uint8Array, slots: Uint32Array): number {
  if (octets.length >= OCTETS_MAX) throw invalid()
  let at = 0
  let next = 0
  for (let index = 0; index < slots.length; index++) {
    let octet = octets[at++]
    while (octet === 255) {
      next = (next + 255) | 0
      octet = octets[at++]
    }
    if (at > octets.length) throw invalid()
    slots[index] = next + octet
    next = (next + octet + 1) | 0
  }
  return at
}

function decodeWide({ width, octets }: Gaps, slots: Uint32Array): number {
  const largest = largestOf(width)
  let at = 0
  let next = 0
  const take = (): number => {
    if (at + width > octets.length) throw invalid()
    let gap = 0
    for (let low = 0; low < width; low++) gap += octets[at++] * 2 ** (8 * low)
    return gap
  }
  for (let index = 0; index < slots.length; index++) {
    let gap = take()
    for (; gap === largest && next <= SLOT_MAX; gap = take()) next += largest
    if (next + gap > SLOT_MAX) throw invalid()
    slots[index] = next + gap
    next += gap + 1
  }
  return at
}

const largestOf = (width: number): number => 2 ** (8 * width) - 1

/** Octets that a gap takes on average, for gaps of this mean. */
const expectedOctets = (width: number, mean: number): number =>
  width / -Math.expm1(-largestOf(width) / mean)

const WIDTH_MAX = 4
const SLOT_MAX = 2 ** 32 - 1
const OCTETS_MAX = 2 ** 23

const invalid = (): QkdRefusal =>
  new QkdRefusal('MESSAGE_INVALID', 'Expected increasing slots of one batch')
