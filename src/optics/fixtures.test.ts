/**
 * Links for the tests of this room, and the same figures read off any simulation of them.
 *
 * @module
 */

import { seededRandom } from '#world/ports'
import type { Detector } from './detector.ts'
import type { DetectionBatch, Intensity } from './device.ts'
import type { Attack } from './eve.ts'
import type { OpticalLink } from './link.ts'
import { RandomWords } from './random-words.ts'
import { choicesIn, type ChoiceRecord } from './record.ts'
import { BatchSimulator, type BatchTruth } from './simulate.ts'

/** Every effect switched off. */
export const idealDetector: Detector = {
  efficiency: 0.5,
  darkCountProbability: 0,
  deadTimePs: 0,
  afterpulseProbability: 0,
  afterpulseDecayPs: 0,
  neighbourSlotProbability: 0,
  avalancheChargePc: 0.1,
  leakageCurrentUa: 0.01,
  gateWidthPs: 60,
  gateMismatchPs: 20,
  timingJitterPs: 40,
  blindingPowerUw: 100,
  linearResponsivity: 10,
}

export const oneDecoy: readonly Intensity[] = [
  { meanPhotonNumber: 0.6, probability: 0.7 },
  { meanPhotonNumber: 0.2, probability: 0.3 },
]

export const twoDecoys: readonly Intensity[] = [
  { meanPhotonNumber: 0.9, probability: 0.5 },
  { meanPhotonNumber: 0.3, probability: 0.3 },
  { meanPhotonNumber: 0, probability: 0.2 },
]

/** A link at 1 GHz (one slot in 1000 ps) with these differences from the ideal one. */
export function testLink({
  detector,
  intensities = oneDecoy,
  lossDb = 3,
  misalignment = { Z: 0, X: 0 },
  background = 0,
}: {
  readonly detector?: Partial<Detector>
  readonly intensities?: readonly Intensity[]
  readonly lossDb?: number
  readonly misalignment?: { readonly Z: number; readonly X: number }
  readonly background?: number
} = {}): OpticalLink {
  return {
    settings: {
      clockHz: 1e9,
      intensities,
      keyBasisProbability: { transmitter: 0.8, receiver: 0.7 },
    },
    channel: {
      lengthKm: 5,
      attenuationDbPerKm: 0.2,
      insertionLossDb: lossDb - 1,
      backgroundProbability: background,
    },
    receiver: { lossDb: 1, misalignment, detector: { ...idealDetector, ...detector } },
    transmitter: { isolationDb: 170, watchdogFloorNw: 0.01 },
  }
}

/** All effects at once, strong enough to be seen in a million slots. */
export const roughLink: OpticalLink = testLink({
  detector: {
    darkCountProbability: 0.002,
    deadTimePs: 4000,
    afterpulseProbability: 0.06,
    afterpulseDecayPs: 5000,
    neighbourSlotProbability: 0.03,
  },
  misalignment: { Z: 0.02, X: 0.06 },
  background: 0.001,
})

/** The same link with a source that makes three states. */
export const threeStates = (link: OpticalLink): OpticalLink => ({
  ...link,
  settings: { ...link.settings, source: 'three-states' },
})

/** What was seen in one run, as counts that can be compared between simulations. */
export class Tallies {
  readonly counts = new Map<string, number>()
  slots = 0
  /** Of the last batch. */
  photocurrentUa = 0
  #lastSlot = -1
  #lastBit = -1

  add(what: string, count = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + count)
  }

  of(what: string): number {
    return this.counts.get(what) ?? 0
  }

  /** Sum over everything whose name matches. */
  sum(pattern: RegExp): number {
    let sum = 0
    for (const [what, count] of this.counts) if (pattern.test(what)) sum += count
    return sum
  }

  /** One detection: slot counted from the start of the run, choice and outcome as on the wire. */
  detection(slot: number, choice: number, outcome: number): void {
    const bit = outcome >> 1
    const bases = 'ZX'[choice & 1] + 'ZX'[outcome & 1]
    this.add(`bases ${bases} ${bit === ((choice >> 1) & 1) ? 'right' : 'wrong'} bit`)
    this.add(`detected intensity ${choice >> 2} bases ${bases} bit ${(choice >> 1) & 1} as ${bit}`)
    if (this.#lastSlot >= 0) {
      const gap = Math.floor(2 * Math.log2(slot - this.#lastSlot))
      this.add(`gap 2^${gap / 2} ${bit === this.#lastBit ? 'same' : 'other'} bit`)
    }
    this.#lastSlot = slot
    this.#lastBit = bit
  }

  /** How one detection fits to what was chosen in the slots beside its own. */
  neighbours(choices: Uint8Array, slot: number, outcome: number): void {
    for (const side of [-1, 1]) {
      const beside = slot + side
      if (beside < 0 || beside >= choices.length) continue
      const choice = choices[beside]
      if ((choice & 1) !== (outcome & 1)) continue
      this.add(
        `${side < 0 ? 'early' : 'late'} ${(choice & 2) === (outcome & 2) ? 'right' : 'wrong'}`,
      )
    }
  }
}

export interface RunOptions {
  readonly link: OpticalLink
  readonly attack?: Attack
  readonly seed: number
  readonly batches: number
  readonly batchSlots: number
  /** Also tally the transmitter's choices in slots without a detection. */
  readonly everyChoice?: boolean
}

/** Runs the simulator and tallies what it reports. */
export function runSimulator(options: RunOptions): Tallies & { readonly truth: BatchTruth } {
  const { link, attack, seed, batches, batchSlots } = options
  const random = seededRandom(seed, 'optics test')
  const simulator = new BatchSimulator({ link, random, allowSimulatedRandomness: true })
  if (attack !== undefined) simulator.setAttack(attack)
  const tallies = new Tallies()
  const words = new RandomWords(seededRandom(seed, 'unreported'))
  let sifted = 0
  let knownToEve = 0
  for (let batch = 0; batch < batches; batch++) {
    const { detections, record, truth } = simulator.next(batchSlots)
    const { observables, slots, outcomes } = detections
    const choices = choicesIn(record, slots, words)
    for (let at = 0; at < slots.length; at++) {
      tallies.detection(tallies.slots + slots[at], choices[at], outcomes[at])
    }
    for (const [detector, clicks] of observables.clicks.entries()) {
      tallies.add(`clicks of ${['Z0', 'Z1', 'X0', 'X1'][detector]}`, clicks)
    }
    tallies.add('double clicks', observables.doubleClicks)
    tallies.add('dead time drops', observables.deadTimeDrops)
    tallies.photocurrentUa = observables.photocurrentUa
    if (options.everyChoice === true) tallyOthers(tallies, record, detections, words)
    tallies.slots += batchSlots
    sifted += truth.sifted
    knownToEve += truth.knownToEve
  }
  return Object.assign(tallies, { truth: { sifted, knownToEve } })
}

function tallyOthers(
  tallies: Tallies,
  record: ChoiceRecord,
  { slots, outcomes }: DetectionBatch,
  words: RandomWords,
): void {
  const all = Uint32Array.from({ length: record.slotCount }, (_, slot) => slot)
  const choices = choicesIn(record, all, words)
  let next = 0
  for (const [slot, choice] of choices.entries()) {
    if (slots[next] !== slot) tallies.add(`unreported choice ${choice}`)
    else tallies.neighbours(choices, slot, outcomes[next++])
  }
}

/** How many standard deviations two counts over equally long runs lie apart. */
export const sigmasApart = (a: number, b: number): number => Math.abs(a - b) / Math.sqrt(a + b + 1)

/** How many standard deviations a count lies from its expectation. */
export const sigmasFrom = (count: number, expected: number): number =>
  Math.abs(count - expected) / Math.sqrt(expected + 1)
