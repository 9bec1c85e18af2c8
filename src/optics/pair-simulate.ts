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
import { NOTHING_SEEN, type ArrivalTimes, type ReceiverObservables } from './device.ts'
import { noAttack, type Attack } from './eve.ts'
import { Geometric } from './geometric.ts'
import { exchanged, PairEndDetectors } from './pair-end.ts'
import { pairLaw, type PairLaw } from './pair-law.ts'
import {
  arrivalTimesAt,
  checkedPairAttack,
  lightCurrentUa,
  pairLinkUnder,
  turnedPairs,
} from './pair-attacks.ts'
import { checkedPairLink, endFigures, type PairEnd, type PairLink } from './pairs.ts'
import { deviate, noiseFrom, RandomWords, requireRandomness } from './random-words.ts'
import { requireSlotCount } from './record.ts'
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
  readonly #here: PairEndDetectors
  readonly #there: PairEndDetectors
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
    this.#here = new PairEndDetectors(endFigures(link, 'transmitter'), this.#words)
    this.#there = new PairEndDetectors(endFigures(link, 'receiver'), this.#words)
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
    const observables = this.#observables('receiver', slotCount)
    const detectors = { slotCount, ...this.#observables('transmitter', slotCount) }
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
        ...{ batch, slotCount, unseen: NOTHING_ELSEWHERE, observables: { detectors } },
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
    const { transmitter, receiver, knownToEve: known, isEven } = this.#law
    // With a CHSH test the rows of its second angle stand behind those of the first.
    const angles = this.link.settings.chshProbability === undefined ? 0 : 1
    let sifted = 0
    let knownToEve = 0
    for (let slot = this.#gap.draw(noise); slot < slotCount; slot += 1 + this.#gap.draw(noise)) {
      const [one, other] = [words.next(), words.next()]
      const mask = draw(transmitter, 0, one >>> 2)
      const angle = (other >> 1) & angles
      const outcome = draw(receiver, mask | (angle << 4), other >>> 2)
      // Both ends' detectors 0 and 1 exchanged, or not: the bit is this coin.
      const swap = isEven && (one & 1) !== 0
      const a = here.fire(slot, swap ? exchanged(mask) : mask, (one >> 1) & 1)
      const fired = outcome & (known - 1)
      const b = there.fire(slot, swap ? exchanged(fired) : fired, (other & 1) | (angle << 1))
      if (a < 0 || b < 0 || ((a ^ b) & UNLIKE) !== 0) continue
      sifted++
      if (outcome & known) knownToEve++
    }
    return { sifted, knownToEve }
  }

  /** What the detectors of one end show of themselves. */
  #observables(end: PairEnd, slotCount: number): ReceiverObservables {
    const detectors = end === 'transmitter' ? this.#here : this.#there
    const { clicks, doubleClicks, deadTimeDrops } = detectors
    const { avalancheChargePc, leakageCurrentUa } = this.link[end].receiver.detector
    const avalanches = clicks.reduce((sum, count) => sum + count, 0)
    const perSecond = (avalanches * this.link.settings.clockHz) / slotCount
    const bright = lightCurrentUa(this.link, end, this.#attack)
    return {
      clicks: [clicks[0], clicks[1], clicks[2], clicks[3]],
      doubleClicks,
      deadTimeDrops,
      // One pC in a second is 10⁻⁶ μA.
      photocurrentUa: leakageCurrentUa + perSecond * avalancheChargePc * 1e-6 + bright,
      arrivals: this.#arrivals(end, avalanches),
    }
  }

  /** Mean and spread of so many time stamps. */
  #arrivals(end: PairEnd, clicks: number): ArrivalTimes {
    const { meanPs, spreadPs } = arrivalTimesAt(this.link, end, this.#attack)
    const count = Math.max(1, clicks)
    return {
      meanPs: meanPs + (spreadPs / Math.sqrt(count)) * deviate(this.#noise),
      spreadPs: Math.max(0, spreadPs * (1 + deviate(this.#noise) / Math.sqrt(2 * count))),
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

/** Slots in which the transmitter's end has no detection: it saw nothing there. */
const NOTHING_ELSEWHERE: ChoiceTable = {
  ...drawTable([Array.from({ length: 32 }, (_, cell) => (cell === NOTHING_SEEN ? 1 : 0))], 30),
  coins: 0,
}

/** Bits of two reports that are alike where both count for the key or the error rates. */
const UNLIKE = 0b101
