/**
 * Slots of detections as gaps, each in base 128, the low end first: seven bits in an octet, the high
 * bit set when more follow. A detection costs one octet while fewer than 128 slots lie between.
 *
 * @module
 */

import { QkdRefusal } from './refusal.ts'

/** Encodes strictly increasing slots; undefined if they are not, or reach `slotCount`. */
export function encodeGaps(slots: Uint32Array, slotCount: number): Uint8Array | undefined {
  const octets = new Uint8Array(slots.length * GAP_OCTETS_MAX)
  let at = 0
  let next = 0
  for (const slot of slots) {
    if (slot < next || slot >= slotCount) return undefined
    let gap = slot - next
    while (gap > 127) {
      octets[at++] = (gap & 127) | 128
      gap >>>= 7
    }
    octets[at++] = gap
    next = slot + 1
  }
  return octets.slice(0, at)
}

/** Decodes `count` slots below `slotCount`. @throws QkdRefusal `MESSAGE_INVALID` */
export function decodeGaps(octets: Uint8Array, count: number, slotCount: number): Uint32Array {
  if (count > octets.length) throw invalid()
  const slots = new Uint32Array(count)
  const end = octets.length
  let at = 0
  let next = 0
  for (let index = 0; index < count; index++) {
    if (at === end) throw invalid()
    let octet = octets[at++]
    let gap = octet & 127
    for (let shift = 7; octet > 127; shift += 7) {
      if (at === end || shift > 28) throw invalid()
      octet = octets[at++]
      // One spelling only: a last octet of 0 would add nothing.
      if (octet === 0) throw invalid()
      gap += (octet & 127) * 2 ** shift
    }
    const slot = next + gap
    if (slot >= slotCount) throw invalid()
    slots[index] = slot
    next = slot + 1
  }
  if (at !== end) throw invalid()
  return slots
}

const GAP_OCTETS_MAX = 5

const invalid = (): QkdRefusal =>
  new QkdRefusal('MESSAGE_INVALID', 'Expected increasing slots of one batch')
