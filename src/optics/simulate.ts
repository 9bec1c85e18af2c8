/**
 * The simulator: draws what both devices of a link see, batch by batch.
 *
 * Only slots in which something fires are drawn (skip-sampling): geometric gaps between them, then
 * the choices and the outcome given that something fired (`law`). After that each avalanche goes
 * through time-stamping, dead time and afterpulsing one by one, as in a detector, across the
 * borders of batches. Where a report falls into a slot in which no light fired anything (jitter,
 * afterpulses), the choices there are drawn given just that.
 *
 * Choices and the bits of double clicks come from the cryptographic random source; gaps, outcomes,
 * jitter and afterpulses from a noise generator.
 *
 * Limit: a new attack takes hold one slot late, because the first slot of the next batch has been
 * drawn already (its avalanches may be stamped early).
 *
 * @module
 */

import type { RandomSource, SeededRandom } from '#base'
import { AvalancheList, LitSlots, NEVER, TrapList } from './avalanches.ts'
import { afterpulseDecaySlots, deadSlots } from './detector.ts'
import type { ArrivalTimes, DetectionBatch } from './device.ts'
import {
  checkedPulseAttack,
  lightAtReceiverUw,
  lightAtTransmitterUw,
  linkUnder,
  noAttack,
  turned,
  type Attack,
} from './eve.ts'
import { brightCurrentUa } from './blinding.ts'
import { Geometric, RareEvent } from './geometric.ts'
import { drawChoices, drawOutcome, pulseLaw, type PulseLaw } from './law.ts'
import { checkedLink, type OpticalLink } from './link.ts'
import { deviate, noiseFrom, RandomWords, requireRandomness } from './random-words.ts'
import { requireSlotCount, type ChoiceRecord } from './record.ts'
import { Report } from './report.ts'
import { Turning } from './turning.ts'

/** One batch as both ends see it, and what only the simulation knows. */
export interface SimulatedBatch {
  readonly detections: DetectionBatch
  readonly record: ChoiceRecord
  readonly truth: BatchTruth
}

/** What no device can know: for demonstrations and tests, never for the layers above. */
export interface BatchTruth {
  /** Detections for which both ends chose the same basis. */
  readonly sifted: number
  /** Those of them whose bit Eve knows. */
  readonly knownToEve: number
}

export interface SimulatorOptions {
  readonly link: OpticalLink
  readonly random: RandomSource
  /** Accepts a random source that repeats itself: for tests and the world only. */
  readonly allowSimulatedRandomness?: boolean
}

/** One link under simulation. Owns its generators and all scratch memory. */
export class BatchSimulator {
  readonly link: OpticalLink
  readonly #words: RandomWords
  readonly #noise: SeededRandom
  readonly #misstamp: RareEvent
  #capture: RareEvent
  readonly #decaySlots: number
  readonly #deadSlots: number
  #attack: Attack = noAttack
  #law: PulseLaw
  #gap: Geometric
  #batch = 0
  /** First slot of the next batch that has not been drawn yet: 1 after a batch, else 0. */
  #from = 0
  /** Last slot in which nothing can fire. */
  #deadUntil = -1
  /** Slots in which light or noise fired something, before jitter, and what was chosen there. */
  readonly #lit = new LitSlots()
  readonly #avalanches = new AvalancheList()
  readonly #traps = new TrapList()
  readonly #report = new Report()
  readonly #turning = new Turning()
  /** Clicks by Eve's shifted pulses in this batch. */
  #early = 0
  #late = 0

  /** @throws OpticsRefusal OPTICS_LINK_INVALID, OPTICS_RANDOMNESS_REFUSED */
  constructor({ link, random, allowSimulatedRandomness = false }: SimulatorOptions) {
    requireRandomness(random, allowSimulatedRandomness)
    this.link = checkedLink(link)
    const { detector } = link.receiver
    this.#noise = noiseFrom(random)
    this.#words = new RandomWords(random)
    this.#misstamp = new RareEvent(detector.neighbourSlotProbability, this.#noise)
    this.#capture = new RareEvent(detector.afterpulseProbability, this.#noise)
    this.#decaySlots = afterpulseDecaySlots(detector, link.settings.clockHz)
    this.#deadSlots = deadSlots(detector, link.settings.clockHz)
    this.#law = pulseLaw(this.link, this.#attack)
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
    this.#attack = checkedPulseAttack(attack)
    const { afterpulseProbability } = linkUnder(this.link, attack).receiver.detector
    this.#capture = new RareEvent(afterpulseProbability, this.#noise)
    this.align()
  }

  /** Undoes whatever the light has turned so far, from the next batch on; nothing else of Eve's. */
  align(): void {
    this.#turning.reset()
    this.#takeLaw(this.link)
  }

  /**
   * Draws the next batch. The caller owns all arrays in it, and shares none with the simulator.
   *
   * @throws OpticsRefusal OPTICS_SLOTS_INVALID unless 1 to `BATCH_SLOTS_MAX` slots
   */
  next(slotCount: number): SimulatedBatch {
    requireSlotCount(slotCount)
    this.#drift(slotCount)
    const carried = this.#lit.count
    this.#drawSlots(slotCount)
    this.#drawOutcomes(carried)
    this.#fire(slotCount)
    const drawn = this.#handOver(slotCount)
    this.#carryOver(slotCount)
    return drawn
  }

  /** Where the light turns, the law follows in small steps. */
  #drift(slotCount: number): void {
    const radians = this.#turning.over(this.#attack, slotCount / this.link.settings.clockHz)
    if (radians !== undefined) this.#takeLaw(turned(this.link, radians))
  }

  #takeLaw(link: OpticalLink): void {
    this.#law = pulseLaw(link, this.#attack)
    this.#gap = new Geometric(this.#law.clickProbability)
  }

  /** Lets a batch pass unseen, at no cost: its number is used up, the detectors come to rest. */
  skip(): void {
    this.#batch++
    this.#from = 0
    this.#deadUntil = -1
    this.#lit.clear()
    this.#avalanches.count = 0
    this.#traps.clear()
  }

  /** Overwrites what is left of choices. */
  clear(): void {
    this.#lit.clear()
    this.#words.clear()
  }

  /** Slots, up to and including the first of the next batch, in which something fires. */
  #drawSlots(slotCount: number): void {
    const noise = this.#noise
    const lit = this.#lit
    let slot = this.#from + this.#gap.draw(noise)
    for (; slot <= slotCount; slot += 1 + this.#gap.draw(noise)) {
      if (lit.count === lit.slots.length) lit.grow()
      lit.slots[lit.count++] = slot
    }
  }

  /** Choices and avalanches of the lit slots from index `from` on. */
  #drawOutcomes(from: number): void {
    const { count, slots, packed } = this.#lit
    const { clicked, outcomes, shiftPs } = this.#law
    const noise = this.#noise
    const words = this.#words
    for (let at = from; at < count; at++) {
      const choices = drawChoices(clicked, words.next())
      const outcome = drawOutcome(outcomes, choices, noise.uint32())
      const strayed = this.#stamp(slots[at], outcome & 3)
      if (shiftPs !== 0) {
        this.#early += (outcome >> 3) & 1
        this.#late += (outcome >> 4) & 1
      }
      packed[at] = choices | ((outcome & 4) << 4) | strayed
    }
  }

  /** Stamps the avalanches of one slot, each by itself. Returns `STRAYED` if one left it. */
  #stamp(slot: number, detectors: number): number {
    if (detectors === 3) return this.#stamp(slot, 1) | this.#stamp(slot, 2)
    if (!this.#misstamp.happens()) {
      this.#avalanches.add(slot, detectors)
      return 0
    }
    this.#avalanches.add(slot + (this.#noise.uint32() & 1 ? 1 : -1), detectors)
    return STRAYED
  }

  /** Lets avalanches happen in the order of their stamps: dead time, afterpulses, report. */
  #fire(slotCount: number): void {
    const { slots, packed, count } = this.#lit
    const { slots: stamps, detectors: stamped, count: stampedCount } = this.#avalanches
    const traps = this.#traps
    const report = this.#report
    const deadSlots = this.#deadSlots
    let deadUntil = this.#deadUntil
    let lit = 0
    // Stamped early out of the very first slot: before anybody looked.
    let next = stampedCount > 0 && stamps[0] < 0 ? 1 : 0
    for (;;) {
      let slot = next < stampedCount ? stamps[next] : NEVER
      let detectors = 0
      if (slot <= traps.first) detectors = slot === NEVER ? 0 : stamped[next++]
      else slot = traps.first
      if (slot >= slotCount) break
      if (slot === traps.first) detectors |= traps.release()
      if (slot <= deadUntil) {
        report.deadTimeDrops++
        continue
      }
      for (; lit < count && slots[lit] < slot; lit++) this.#rememberStrayed(lit)
      const isLit = lit < count && slots[lit] === slot
      report.add(slot, isLit ? packed[lit++] : this.#choicesInTheDark(), detectors)
      deadUntil = slot + deadSlots
      // Which one fired is a coin toss: not a question to ask a processor that guesses ahead.
      if (detectors === 3) {
        this.#trap(deadUntil, 1)
        this.#trap(deadUntil, 2)
      } else {
        this.#trap(deadUntil, detectors)
      }
    }
    this.#deadUntil = deadUntil
    for (; lit < count && slots[lit] < slotCount; lit++) this.#rememberStrayed(lit)
  }

  /** Choices whose light was reported in a neighbouring slot are part of what the devices share. */
  #rememberStrayed(lit: number): void {
    const { slots, packed } = this.#lit
    if (packed[lit] & STRAYED) this.#report.remember(slots[lit], packed[lit])
  }

  /** Choices in a live slot in which no light and no dark count fired anything. */
  #choicesInTheDark(): number {
    return drawChoices(this.#law.silent, this.#words.next())
  }

  /** An avalanche may leave a carrier that fires the same detector again after the dead time. */
  #trap(deadUntil: number, detector: number): void {
    if (!this.#capture.happens()) return
    const uniform = (this.#noise.uint32() + 0.5) * 2 ** -32
    const delay = Math.floor(-Math.log(uniform) * this.#decaySlots)
    this.#traps.add(deadUntil + 1 + delay, detector)
  }

  #handOver(slotCount: number): SimulatedBatch {
    const { slots, outcomes } = this.#report.detections()
    const remembered = this.#report.choices()
    const { clicks, doubleClicks, sifted, knownToEve } = this.#report.tally()
    const { deadTimeDrops } = this.#report
    this.#report.clear()
    const photocurrentUa = this.#photocurrentUa(clicks, slotCount)
    const arrivals = this.#arrivals(slots.length)
    const observables = { clicks, doubleClicks, deadTimeDrops, photocurrentUa, arrivals }
    const incomingLightNw =
      this.link.transmitter.watchdogFloorNw + 1000 * lightAtTransmitterUw(this.#attack)
    const batch = this.#batch++
    return {
      detections: { batch, slotCount, simulated: true, slots, outcomes, observables },
      record: {
        batch,
        slotCount,
        ...remembered,
        unseen: this.#law.unseen,
        observables: { incomingLightNw },
      },
      truth: { sifted, knownToEve },
    }
  }

  #photocurrentUa(clicks: readonly number[], slotCount: number): number {
    const { avalancheChargePc, leakageCurrentUa } = this.link.receiver.detector
    const avalanches = clicks.reduce((sum, count) => sum + count, 0)
    const perSecond = (avalanches * this.link.settings.clockHz) / slotCount
    const bright = brightCurrentUa(lightAtReceiverUw(this.#attack, this.link), this.link)
    // One pC in a second is 10⁻⁶ μA.
    return leakageCurrentUa + perSecond * avalancheChargePc * 1e-6 + bright
  }

  /** When clicks came inside their gates: mean and spread of the time stamps. */
  #arrivals(detections: number): ArrivalTimes {
    const { timingJitterPs } = this.link.receiver.detector
    const count = Math.max(1, detections)
    const [early, late] = [this.#early / count, this.#late / count]
    const { shiftPs } = this.#law
    this.#early = 0
    this.#late = 0
    const shift = (late - early) * shiftPs
    const variance = timingJitterPs ** 2 + (late + early) * shiftPs ** 2 - shift ** 2
    const spreadPs = Math.sqrt(Math.max(0, variance))
    const uncertainty = spreadPs / Math.sqrt(count)
    return {
      meanPs: shift + uncertainty * deviate(this.#noise),
      spreadPs:
        spreadPs * (1 + (deviate(this.#noise) / Math.sqrt(2 * count)) * (detections > 0 ? 1 : 0)),
    }
  }

  #carryOver(slotCount: number): void {
    this.#lit.shift(slotCount)
    this.#avalanches.shift(slotCount)
    this.#traps.shift(slotCount)
    this.#deadUntil = Math.max(-1, this.#deadUntil - slotCount)
    this.#from = 1
  }
}

/** In the packed choices of a lit slot: an avalanche has been stamped in another slot. */
const STRAYED = 128
