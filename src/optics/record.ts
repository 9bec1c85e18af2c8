/**
 * What the transmitter remembers of a batch: its choices in all slots that show in the detections.
 *
 * A real transmitter remembers its choice in every slot. The simulation has drawn choices only
 * where something was detected, or was stamped in a neighbouring slot; with any other slot no
 * report has anything to do, so a choice drawn when it is asked for, from the law of slots without
 * a report, cannot be told from one drawn before. (To first order in jitter and afterpulses: that
 * law is an average over slots, dead or silent.)
 *
 * @module
 */

import { BATCH_SLOTS_MAX, type TransmitterObservables } from './device.ts'
import { drawChoices, type ChoiceTable } from './law.ts'
import type { RandomWords } from './random-words.ts'
import { OpticsRefusal } from './refusal.ts'

/** Choices of one batch. Holds key bits: whoever owns it clears it with `forgetChoices`. */
export interface ChoiceRecord {
  readonly batch: number
  readonly slotCount: number
  /** Slots of which the choice is remembered, strictly increasing; all detected ones among them. */
  readonly slots: Uint32Array
  /** The choice in each, in the form of `TransmitterChoices`. */
  readonly choices: Uint8Array
  /** From which choices in all other slots are drawn. */
  readonly unseen: ChoiceTable
  /** What the transmitter's end observed meanwhile. */
  readonly observables: TransmitterObservables
}

/** Overwrites the choices of a record. */
export function forgetChoices(record: ChoiceRecord): void {
  record.choices.fill(0)
  record.slots.fill(0)
}

/**
 * Choices in the slots asked for, in that order. The caller owns the array.
 *
 * Choices in slots without a detection are fresh at each call: ask once.
 *
 * @throws OpticsRefusal OPTICS_SLOTS_INVALID unless the slots are strictly increasing and inside
 *         the batch
 */
export function choicesIn(
  record: ChoiceRecord,
  slots: Uint32Array,
  words: RandomWords,
): Uint8Array {
  requireSlots(slots, record.slotCount)
  const choices = new Uint8Array(slots.length)
  const { slots: known, choices: remembered } = record
  let next = 0
  for (let at = 0; at < slots.length; at++) {
    const slot = slots[at]
    while (next < known.length && known[next] < slot) next++
    choices[at] =
      next < known.length && known[next] === slot
        ? remembered[next]
        : drawChoices(record.unseen, words.next()) & 0b1111
  }
  return choices
}

/** @throws OpticsRefusal OPTICS_SLOTS_INVALID */
export function requireSlots(slots: Uint32Array, slotCount: number): void {
  if (slots.length > slotCount) throw slotsRefused(`at most ${slotCount} slots can be asked for`)
  let before = -1
  for (const slot of slots) {
    if (slot <= before) throw slotsRefused('slots must be strictly increasing')
    before = slot
  }
  if (before >= slotCount) throw slotsRefused(`slots must lie below ${slotCount}, got ${before}`)
}

const slotsRefused = (problem: string): OpticsRefusal =>
  new OpticsRefusal('OPTICS_SLOTS_INVALID', `Invalid slots: ${problem}`)

/** @throws OpticsRefusal OPTICS_SLOTS_INVALID unless a batch may have so many slots. */
export function requireSlotCount(slotCount: number): void {
  if (Number.isInteger(slotCount) && slotCount >= 1 && slotCount <= BATCH_SLOTS_MAX) return
  throw new OpticsRefusal(
    'OPTICS_SLOTS_INVALID',
    `Invalid batch: expected 1 to ${BATCH_SLOTS_MAX} slots, got ${slotCount}`,
  )
}
