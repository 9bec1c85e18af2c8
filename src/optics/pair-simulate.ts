/**
 * The simulator of a link of entangled pairs: draws what both ends see, batch by batch.
 *
 * Only slots in which a detector fires at either end are drawn, as in `simulate`: geometric gaps,
 * then which detectors fire at one end, then at the other given that. After that each end goes
 * through its own dead time. What the transmitter's end saw is remembered slot by slot; in all
 * others it saw nothing.
 *
 * Everything but the gaps is drawn from the cryptographic random source, for all of it may become
 * key; the bit itself is a coin of its own.
 *
 * @module
 */

import type { SeededRandom } from '#base'
import { draw, drawTable } from './draw-table.ts'
import type { ChoiceTable } from './law.ts'
import { NOTHING_SEEN, type ReceiverObservables } from './device.ts'
import { noAttack, type Attack } from './eve.ts'
import { Geometric } from './geometric.ts'
import { KNOWN_TO_EVE, pairLaw, type PairLaw } from './pair-law.ts'
import {
  checkedPairAttack,
  checkedPairLink,
  endFigures,
  pairLinkUnder,
  turnedPairs,
  type PairLink,
} from './pairs.ts'
import { noiseFrom, RandomWords, requireRandomness } from './random-words.ts'
import { requireSlotCount } from './record.ts'
import { movedOctets } from './report.ts'
import type { SimulatedBatch, SimulatorOptions } from './simulate.ts'
import { Turning } from './turning.ts'

export interface PairSimulatorOptions extends Omit<SimulatorOptions, 'link'> {
  readonly link: PairLink
}

/** One link of pairs under simulation. Owns its generators and all scratch memory. */
export class PairSimulator {
  readonly link: PairLink
  readonly #words: RandomWords
  readonly #noise: SeededRandom
  readonly #here: End
  readonly #there: End
  #attack: Attack = noAttack
  #law: PairLaw
  #gap: Geometric
  #batch = 0
  readonly #turning = new Turning()

  /** @throws OpticsRefusal OPTICS_LINK_INVALID, OPTICS_RANDOMNESS_REFUSED */
  constructor({ link, random, allowSimulatedRandomness = false }: PairSimulatorOptions) {
    requireRandomness(random, allowSimulatedRandomness)
    this.link = checkedPairLink(link)
    this.#noise = noiseFrom(random)
    this.#words = new RandomWords(random)
    this.#here = new End(endFigures(link, 'transmitter'), this.#words)
    this.#there = new End(endFigures(link, 'receiver'), this.#words)
    this.#law = pairLaw(link, noAttack)
    this.#gap = new Geometric(this.#law.clickProbability)
  }

  get attack(): Attack {
    return this.#attack
  }

  /** Number of the next batch. */
  get batch(): number {
    return this.#batch
  }

  /** Changes what Eve does, from the next batch on. @throws OpticsRefusal OPTICS_ATTACK_INVALID */
  setAttack(attack: Attack): void {
    this.#attack = checkedPairAttack(attack)
    this.align()
  }

  /** Undoes whatever the light has turned so far, from the next batch on; nothing else of Eve's. */
  align(): void {
    this.#turning.reset()
    this.#takeLaw(pairLinkUnder(this.link, this.#attack))
  }

  /**
   * Draws the next batch. The caller owns all arrays in it, and shares none with the simulator.
   *
   * @throws OpticsRefusal OPTICS_SLOTS_INVALID unless 1 to `BATCH_SLOTS_MAX` slots
   */
  next(slotCount: number): SimulatedBatch {
    requireSlotCount(slotCount)
    this.#drift(slotCount)
    const [here, there] = [this.#here, this.#there]
    const { sifted, knownToEve } = this.#drawSlots(slotCount)
    const batch = this.#batch++
    const observables = this.#observables(slotCount)
    const seen = there.taken()
    const remembered = here.taken()
    here.endBatch(slotCount)
    there.endBatch(slotCount)
    return {
      detections: {
        ...{ batch, slotCount, simulated: true, observables },
        slots: seen.slots,
        outcomes: seen.octets,
      },
      record: {
        ...{ batch, slotCount, unseen: NOTHING_ELSEWHERE },
        slots: remembered.slots,
        choices: remembered.octets,
      },
      truth: { sifted, knownToEve },
    }
  }

  /** Lets a batch pass unseen, at no cost: its number is used up, the detectors come to rest. */
  skip(): void {
    this.#batch++
    this.#here.clear()
    this.#there.clear()
  }

  /** Overwrites what is left of bits. */
  clear(): void {
    this.#here.clear()
    this.#there.clear()
    this.#words.clear()
  }

  /** Slots in which something fires; what each end makes of them. */
  #drawSlots(slotCount: number): { readonly sifted: number; readonly knownToEve: number } {
    const [here, there, noise, words] = [this.#here, this.#there, this.#noise, this.#words]
    const { transmitter, receiver } = this.#law
    let sifted = 0
    let knownToEve = 0
    for (let slot = this.#gap.draw(noise); slot < slotCount; slot += 1 + this.#gap.draw(noise)) {
      const [one, other] = [words.next(), words.next()]
      const mask = draw(transmitter, 0, one >>> 2)
      const outcome = draw(receiver, mask, other >>> 2)
      // Both ends' detectors 0 and 1 exchanged, or not: the bit is this coin.
      const exchanged = (one & 1) !== 0
      const a = here.fire(slot, exchanged ? EXCHANGED[mask] : mask, (one >> 1) & 1)
      const fired = outcome & 15
      const b = there.fire(slot, exchanged ? EXCHANGED[fired] : fired, other & 1)
      if (a < 0 || b < 0 || (a & 1) !== (b & 1)) continue
      sifted++
      if (outcome & KNOWN_TO_EVE) knownToEve++
    }
    return { sifted, knownToEve }
  }

  #observables(slotCount: number): ReceiverObservables {
    const { clicks, doubleClicks, deadTimeDrops } = this.#there
    const { avalancheChargePc, leakageCurrentUa } = this.link.receiver.receiver.detector
    const avalanches = clicks[0] + clicks[1] + clicks[2] + clicks[3]
    const perSecond = (avalanches * this.link.settings.clockHz) / slotCount
    return {
      clicks: [clicks[0], clicks[1], clicks[2], clicks[3]],
      doubleClicks,
      deadTimeDrops,
      // One pC in a second is 10⁻⁶ μA.
      photocurrentUa: leakageCurrentUa + perSecond * avalancheChargePc * 1e-6,
    }
  }

  /** Where the light turns, the law follows in small steps. */
  #drift(slotCount: number): void {
    const radians = this.#turning.over(this.#attack, slotCount / this.link.settings.clockHz)
    if (radians !== undefined) this.#takeLaw(turnedPairs(this.link, radians))
  }

  #takeLaw(link: PairLink): void {
    this.#law = pairLaw(link, this.#attack)
    this.#gap = new Geometric(this.#law.clickProbability)
  }
}

/** The detectors of one end, and what they have reported in the batch at hand. */
class End {
  readonly clicks = [0, 0, 0, 0]
  doubleClicks = 0
  deadTimeDrops = 0
  readonly #deadSlots: number
  readonly #keyBasisProbability: number
  readonly #words: RandomWords
  /** Last slot in which nothing can fire. */
  #deadUntil = -1
  #count = 0
  #slots = new Uint32Array(1024)
  #octets: Uint8Array = new Uint8Array(1024)

  constructor(
    figures: { readonly deadSlots: number; readonly keyBasisProbability: number },
    words: RandomWords,
  ) {
    this.#deadSlots = figures.deadSlots
    this.#keyBasisProbability = figures.keyBasisProbability
    this.#words = words
  }

  /**
   * Lets detectors fire. Returns what is reported, bit 0 the basis and bit 1 the bit, or −1.
   *
   * @param coin  the bit of a double click
   */
  fire(slot: number, mask: number, coin: number): number {
    if (mask === 0) return -1
    if (slot <= this.#deadUntil) {
      this.deadTimeDrops++
      return -1
    }
    this.#deadUntil = slot + this.#deadSlots
    for (let detector = 0; detector < 4; detector++) this.clicks[detector] += (mask >> detector) & 1
    let seen = SEEN[mask]
    if (seen === SEVERAL) {
      this.doubleClicks++
      seen = this.#basisOf(mask) | (coin << 1)
    }
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

  #basisOf(mask: number): number {
    if ((mask & 0b1100) === 0) return 0
    if ((mask & 0b0011) === 0) return 1
    return this.#words.next() < this.#keyBasisProbability * 2 ** 32 ? 0 : 1
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

/** Masks with detectors 0 and 1 of each basis exchanged. */
const EXCHANGED = Uint8Array.from(
  { length: 16 },
  (_, mask) => ((mask & 0b0101) << 1) | ((mask >> 1) & 0b0101),
)

/** More than one detector fired. */
const SEVERAL = 255

/** What one detector alone means: bit 0 the basis, bit 1 the bit. */
const SEEN = Uint8Array.from(
  { length: 16 },
  (_, mask) => ({ 1: 0b00, 2: 0b10, 4: 0b01, 8: 0b11 })[mask] ?? SEVERAL,
)

/** Slots in which the transmitter's end has no detection: it saw nothing there. */
const NOTHING_ELSEWHERE: ChoiceTable = {
  ...drawTable([Array.from({ length: 32 }, (_, cell) => (cell === NOTHING_SEEN ? 1 : 0))], 30),
  coins: 0,
}
