/**
 * Slots of detections as gaps of one to four octets each, all of one width within a batch.
 *
 * A gap is the number of slots between two detections, little-endian. The largest value stands for
 * itself and says that more follows, so rare long gaps cost little. Gaps of one octet, which faster
 * links have, stand side by side, and what follows stands behind them all, so that many can be
 * worked on at once; wider ones are followed at once. With the width chosen well this is within a
 * tenth of the entropy of the gaps.
 *
 * @module
 */

import { FULL, plainGaps, vectorGaps, type GapLanes } from './gap-lanes.ts'
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
  return end < 0 ? undefined : { width, octets: octets.subarray(0, end) }
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

/**
 * All gaps first, in one octet each, then what the large ones have above 255, in the same way.
 *
 * @returns   octets used, or −1
 */
function encodeOctets(slots: Uint32Array, slotCount: number, octets: Uint8Array): number {
  const rests = restsFor(slots.length)
  const large = lanes().gapsOf(slots, octets, rests)
  // Of slots beyond the end there may be more than there is room for.
  if (large < 0 || (slots.length > 0 && slots[slots.length - 1] >= slotCount)) return -1
  let at = slots.length
  for (let index = 0; index < large; index++) {
    let left = rests[index]
    for (; left >= FULL; left -= FULL) octets[at++] = FULL
    octets[at++] = left
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

/** An octet moves on by 256 slots at most, and there are fewer octets than 2²³. */
function decodeOctets(octets: Uint8Array, slots: Uint32Array): number {
  if (octets.length >= OCTETS_MAX) throw invalid()
  const rests = restsFor(octets.length - slots.length)
  let large = 0
  let sum = 0
  for (let at = slots.length; at < octets.length; at++) {
    sum += octets[at]
    if (octets[at] === FULL) continue
    rests[large++] = sum
    sum = 0
  }
  const whole = octets.length === slots.length || octets[octets.length - 1] !== FULL
  const gaps = octets.subarray(0, slots.length)
  if (!whole || lanes().slotsOf(gaps, rests.subarray(0, large), slots) !== large) throw invalid()
  return octets.length
}

/** Room for so many gaps of 255 or more, kept for the next batch. */
function restsFor(count: number): Uint32Array {
  if (kept.length < count) kept = new Uint32Array(count)
  return kept
}
let kept = new Uint32Array(0)

const lanes = (): GapLanes => (chosen ??= vectorGaps() ?? plainGaps)
let chosen: GapLanes | undefined

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
