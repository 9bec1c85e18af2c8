/**
 * Working lists of one simulator: lit slots, avalanches by time stamp, and trapped carriers.
 *
 * Slots are counted from the start of the batch at hand, so all lists are shifted when a new batch
 * begins. Lit slots hold key bits and are overwritten when they are forgotten.
 *
 * @module
 */

import { movedOctets } from './report.ts'

/** Slots in which light or noise fired something, strictly increasing. */
export class LitSlots {
  count = 0
  slots = new Int32Array(1024)
  /**
   * Choices in each as packed by `drawChoices`; bit 6 if Eve knows the bit, bit 7 if an avalanche
   * has been stamped in another slot.
   */
  packed: Uint8Array = new Uint8Array(1024)

  grow(): void {
    const slots = new Int32Array(this.slots.length * 2)
    slots.set(this.slots)
    this.slots = slots
    this.packed = movedOctets(this.packed)
  }

  /** Keeps the first slot of the next batch, if it is lit, and forgets the others. */
  shift(slotCount: number): void {
    const last = this.count - 1
    const keeps = last >= 0 && this.slots[last] === slotCount
    const kept = keeps ? this.packed[last] : 0
    this.clear()
    if (!keeps) return
    this.slots[0] = 0
    this.packed[0] = kept
    this.count = 1
  }

  clear(): void {
    this.packed.fill(0, 0, this.count)
    this.count = 0
  }
}

/** Which detectors fired, by slot, strictly increasing. Jitter adds nearly in order. */
export class AvalancheList {
  count = 0
  slots = new Int32Array(1024)
  /** Bit 0: detector 0 fired. Bit 1: detector 1 fired. */
  detectors = new Uint8Array(1024)

  /** Adds at the end or a few places before it; avalanches in one slot become one entry. */
  add(slot: number, detectors: number): void {
    if (this.count === this.slots.length) this.#grow()
    let at = this.count
    while (at > 0 && this.slots[at - 1] > slot) at--
    if (at > 0 && this.slots[at - 1] === slot) {
      this.detectors[at - 1] |= detectors
      return
    }
    if (at < this.count) {
      this.slots.copyWithin(at + 1, at, this.count)
      this.detectors.copyWithin(at + 1, at, this.count)
    }
    this.slots[at] = slot
    this.detectors[at] = detectors
    this.count++
  }

  /** Forgets what lies before `slotCount`, and counts the rest from there. */
  shift(slotCount: number): void {
    let from = this.count
    while (from > 0 && this.slots[from - 1] >= slotCount) from--
    const kept = this.count - from
    for (let at = 0; at < kept; at++) {
      this.slots[at] = this.slots[from + at] - slotCount
      this.detectors[at] = this.detectors[from + at]
    }
    this.count = kept
  }

  #grow(): void {
    const slots = new Int32Array(this.slots.length * 2)
    const detectors = new Uint8Array(slots.length)
    slots.set(this.slots)
    detectors.set(this.detectors)
    this.slots = slots
    this.detectors = detectors
  }
}

/** Trapped carriers that will fire a detector again, by slot of release. Few at any time. */
export class TrapList {
  /** Slot of the earliest release, or `NEVER`. */
  first = NEVER
  #count = 0
  readonly #slots = new Int32Array(TRAPS_MAX)
  readonly #detectors = new Uint8Array(TRAPS_MAX)

  /** Traps a carrier. Beyond `TRAPS_MAX` at a time it is lost: a checked link never gets near. */
  add(slot: number, detectors: number): void {
    if (this.#count === TRAPS_MAX) return
    let at = this.#count++
    for (; at > 0 && this.#slots[at - 1] > slot; at--) {
      this.#slots[at] = this.#slots[at - 1]
      this.#detectors[at] = this.#detectors[at - 1]
    }
    this.#slots[at] = slot
    this.#detectors[at] = detectors
    this.first = this.#slots[0]
  }

  /** Releases all carriers of the earliest slot. Returns the detectors that they fire. */
  release(): number {
    let released = 0
    let detectors = 0
    while (released < this.#count && this.#slots[released] === this.first) {
      detectors |= this.#detectors[released++]
    }
    this.#slots.copyWithin(0, released, this.#count)
    this.#detectors.copyWithin(0, released, this.#count)
    this.#count -= released
    this.first = this.#count === 0 ? NEVER : this.#slots[0]
    return detectors
  }

  /** Counts slots from `slotCount`. */
  shift(slotCount: number): void {
    for (let at = 0; at < this.#count; at++) this.#slots[at] -= slotCount
    if (this.#count > 0) this.first = this.#slots[0]
  }

  clear(): void {
    this.#count = 0
    this.first = NEVER
  }
}

/** A slot that no checked link reaches inside one batch. */
export const NEVER = 2 ** 30

/** Carriers trapped at a time. */
const TRAPS_MAX = 256
