/**
 * Slots on the wire as gaps, in groups of 7 bits: the inner loops of `wire`.
 *
 * @module
 */

import { assert } from '#base'
import { CHSH_OUTCOME } from './device.ts'
import { OpticsRefusal } from './refusal.ts'

/** Octets of the longest gap with its outcome: `BATCH_SLOTS_MAX` × 4 fits in 28 bits. */
export const GAP_OCTETS_MAX = 4

/**
 * Writes each detection as (gap − 1) × 4 + two bits of its outcome. Slots must be strictly increasing.
 *
 * @param octets  has room for `GAP_OCTETS_MAX` octets per detection from `at` on
 * @returns       where the last one ends
 */
export function writeDetections(
  octets: Uint8Array,
  at: number,
  slots: Uint32Array,
  outcomes: Uint8Array,
): number {
  let before = -1
  let all = 0
  for (let index = 0; index < slots.length; index++) {
    const slot = slots[index]
    const outcome = outcomes[index]
    assert(slot > before && outcome < 8, 'detections are in order and of three bits')
    let rest = ((slot - before - 1) << 2) | (outcome & 3)
    before = slot
    all |= rest
    while (rest > 127) {
      octets[at++] = rest | 128
      rest >>>= 7
    }
    octets[at++] = rest
  }
  assert(all >>> 28 === 0, 'slots lie inside a batch')
  return at
}

/**
 * Reads detections into two arrays of one length, which must end exactly at the last octet.
 *
 * @throws OpticsRefusal OPTICS_MESSAGE_INVALID
 */
export function readDetections(
  octets: Uint8Array,
  at: number,
  slotCount: number,
  slots: Uint32Array,
  outcomes: Uint8Array,
): void {
  let slot = -1
  for (let index = 0; index < slots.length; index++) {
    let octet = octets[at++]
    let value = octet & 127
    for (let shift = 7; octet > 127; shift += 7) {
      octet = octets[at++]
      // The last group is not zero, or the number would have a shorter form.
      if (octet === 0 || shift > 21) throw invalidMessage('detections')
      value |= (octet & 127) << shift
    }
    slot += 1 + (value >>> 2)
    slots[index] = slot
    outcomes[index] = value & 3
  }
  // Past the end, octets read as undefined, which leaves `at` beyond it.
  if (at !== octets.length || slot >= slotCount) throw invalidMessage('detections')
}

/**
 * One bit for each detection, whether a CHSH test measured it: the low end of an octet first. Empty
 * where none was.
 */
export function chshMarks(outcomes: Uint8Array): Uint8Array {
  const marks = new Uint8Array(Math.ceil(outcomes.length / 8))
  let any = 0
  for (let at = 0; at < outcomes.length; at++) {
    const mark = outcomes[at] & CHSH_OUTCOME
    any |= mark
    if (mark !== 0) marks[at >> 3] |= 1 << (at & 7)
  }
  return any === 0 ? new Uint8Array(0) : marks
}

/**
 * Marks the outcomes that a CHSH test measured.
 *
 * @throws OpticsRefusal OPTICS_MESSAGE_INVALID for marks that `chshMarks` does not make
 */
export function markChsh(outcomes: Uint8Array, marks: Uint8Array): void {
  const beyond = outcomes.length & 7
  const last = marks.at(-1) ?? 0
  if (marks.every((mark) => mark === 0) || (beyond !== 0 && last >> beyond !== 0)) {
    throw invalidMessage('marks of a test')
  }
  for (let at = 0; at < outcomes.length; at++) {
    if ((marks[at >> 3] >> (at & 7)) & 1) outcomes[at] |= CHSH_OUTCOME
  }
}

/** Writes each slot as gap − 1. As `writeDetections` otherwise. */
export function writeSlots(octets: Uint8Array, at: number, slots: Uint32Array): number {
  let before = -1
  for (const slot of slots) {
    assert(slot > before, 'slots are in order')
    let rest = slot - before - 1
    before = slot
    while (rest > 127) {
      octets[at++] = rest | 128
      rest >>>= 7
    }
    octets[at++] = rest
  }
  return at
}

/** Reads slots. As `readDetections` otherwise. @throws OpticsRefusal OPTICS_MESSAGE_INVALID */
export function readSlots(
  octets: Uint8Array,
  at: number,
  slotCount: number,
  slots: Uint32Array,
): void {
  let slot = -1
  for (let index = 0; index < slots.length; index++) {
    let octet = octets[at++]
    let value = octet & 127
    for (let shift = 7; octet > 127; shift += 7) {
      octet = octets[at++]
      if (octet === 0 || shift > 21) throw invalidMessage('slots')
      value |= (octet & 127) << shift
    }
    slot += 1 + value
    slots[index] = slot
  }
  if (at !== octets.length || slot >= slotCount) throw invalidMessage('slots')
}

/** The refusal of a message whose `part` is not as it must be. */
export const invalidMessage = (part: string, cause?: unknown): OpticsRefusal =>
  new OpticsRefusal('OPTICS_MESSAGE_INVALID', `Invalid device message: ${part}`, {
    facts: { part },
    cause,
  })
