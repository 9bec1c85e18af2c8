/**
 * The detectors of one end of entangled pairs: dead time, several clicks in a slot, what is reported.
 *
 * @module
 */

import { CHSH_OUTCOME } from './device.ts'
import type { EndFigures } from './pairs.ts'
import type { RandomWords } from './random-words.ts'
import { movedOctets } from './report.ts'

/** One end, and what it has reported in the batch at hand. */
export class PairEndDetectors {
  /** Clicks of Z0, Z1, X0, X1, and of the two detectors of a CHSH test. */
  readonly clicks = [0, 0, 0, 0, 0, 0]
  doubleClicks = 0
  deadTimeDrops = 0
  readonly #figures: Pick<EndFigures, 'deadSlots' | 'keyBasisProbability' | 'chshProbability'>
  readonly #words: RandomWords
  /** Last slot in which nothing can fire. */
  #deadUntil = -1
  #count = 0
  #slots = new Uint32Array(1024)
  #octets: Uint8Array = new Uint8Array(1024)

  constructor(
    figures: Pick<EndFigures, 'deadSlots' | 'keyBasisProbability' | 'chshProbability'>,
    words: RandomWords,
  ) {
    this.#figures = figures
    this.#words = words
  }

  /**
   * Lets detectors fire. Returns what is reported, in the form of `DetectionBatch`, or −1.
   *
   * @param coins  bit 0: the bit of a double click; bit 1: the angle of a CHSH test
   */
  fire(slot: number, mask: number, coins: number): number {
    if (mask === 0) return -1
    if (slot <= this.#deadUntil) {
      this.deadTimeDrops++
      return -1
    }
    this.#deadUntil = slot + this.#figures.deadSlots
    for (let detector = 0; detector < 6; detector++) this.clicks[detector] += (mask >> detector) & 1
    let seen = SEEN[mask]
    if (seen === SEVERAL) {
      this.doubleClicks++
      seen = this.#basisOf(mask) | ((coins & 1) << 1)
    }
    if ((seen & CHSH_OUTCOME) !== 0) seen |= (coins >> 1) & 1
    this.#add(slot, seen)
    return seen
  }

  /** Copies for a new owner. */
  taken(): { readonly slots: Uint32Array; readonly octets: Uint8Array } {
    return {
      slots: this.#slots.slice(0, this.#count),
      octets: this.#octets.slice(0, this.#count),
    }
  }

  endBatch(slotCount: number): void {
    const deadUntil = Math.max(-1, this.#deadUntil - slotCount)
    this.clear()
    this.#deadUntil = deadUntil
  }

  /** Overwrites what was reported; the detectors are at rest. */
  clear(): void {
    this.#octets.fill(0, 0, this.#count)
    this.#slots.fill(0, 0, this.#count)
    this.#count = 0
    this.#deadUntil = -1
    this.clicks.fill(0)
    this.doubleClicks = 0
    this.deadTimeDrops = 0
  }

  /** The basis of several clicks: their own, or one by the splitters' odds. */
  #basisOf(mask: number): number {
    if ((mask & ~Z_DETECTORS) === 0) return 0
    if ((mask & ~X_DETECTORS) === 0) return 1
    if ((mask & (Z_DETECTORS | X_DETECTORS)) === 0) return CHSH_OUTCOME
    const { chshProbability, keyBasisProbability } = this.#figures
    if (chshProbability > 0 && this.#words.next() < chshProbability * 2 ** 32) return CHSH_OUTCOME
    return this.#words.next() < keyBasisProbability * 2 ** 32 ? 0 : 1
  }

  #add(slot: number, octet: number): void {
    const at = this.#count++
    if (at === this.#slots.length) {
      const slots = new Uint32Array(2 * at)
      slots.set(this.#slots)
      this.#slots = slots
      this.#octets = movedOctets(this.#octets)
    }
    this.#slots[at] = slot
    this.#octets[at] = octet
  }
}

/** A mask with detectors 0 and 1 of each basis exchanged. */
export const exchanged = (mask: number): number => EXCHANGED[mask]

const EXCHANGED = Uint8Array.from(
  { length: 64 },
  (_, mask) => ((mask & 0b010101) << 1) | ((mask >> 1) & 0b010101),
)

const Z_DETECTORS = 0b000011
const X_DETECTORS = 0b001100

/** More than one detector fired. */
const SEVERAL = 255

/** What one detector alone means: bit 0 the basis, bit 1 the bit, bit 2 a CHSH test. */
const SEEN = Uint8Array.from(
  { length: 64 },
  (_, mask) => ({ 1: 0b000, 2: 0b010, 4: 0b001, 8: 0b011, 16: 0b100, 32: 0b110 })[mask] ?? SEVERAL,
)
