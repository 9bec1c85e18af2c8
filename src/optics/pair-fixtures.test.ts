/**
 * Links of entangled pairs for tests, their reports as counts, and the same counts pair by pair.
 *
 * @module
 */

import { SeededRandom } from '#base'
import { seededRandom } from '#world/ports'
import { CHSH_OUTCOME, NOTHING_SEEN } from './device.ts'
import type { Attack } from './eve.ts'
import { PairSimulator } from './pair-simulate.ts'
import { interceptedShare, pairLinkUnder } from './pair-attacks.ts'
import { endFigures, meanPairs, type EndFigures, type PairLink } from './pairs.ts'
import { RandomWords } from './random-words.ts'
import { choicesIn } from './record.ts'

/** A link at 1 GHz with these differences from one that only loses light. */
export function testPairs({
  pairs = 0.05,
  lossDb = [3, 5],
  efficiency = 0.8,
  dark = 0,
  deadSlots = [0, 0],
  misalignment = { Z: 0, X: 0 },
  slotShare = 1,
  keyBasis = [0.6, 0.7],
  chsh,
  gate = 0,
}: {
  readonly pairs?: number
  readonly lossDb?: readonly [number, number]
  readonly efficiency?: number
  readonly dark?: number
  readonly deadSlots?: readonly [number, number]
  readonly misalignment?: { readonly Z: number; readonly X: number }
  readonly slotShare?: number
  readonly keyBasis?: readonly [number, number]
  readonly chsh?: number
  readonly gate?: number
} = {}): PairLink {
  const arm = (at: 0 | 1) => ({
    channel: {
      lengthKm: 5,
      attenuationDbPerKm: 0.2,
      insertionLossDb: lossDb[at] - 1,
      backgroundProbability: 0,
    },
    receiver: {
      lossDb: 0,
      detector: {
        efficiency,
        darkCountProbability: dark,
        // The slot of the click and so many after it.
        deadTimePs: deadSlots[at] === 0 ? 0 : 1000 * (deadSlots[at] + 1),
        avalancheChargePc: 0.1,
        leakageCurrentUa: 0.01,
        gateWidthPs: gate,
        gateMismatchPs: gate / 3,
        timingJitterPs: 40,
        blindingPowerUw: 1,
        linearResponsivity: 5,
      },
    },
  })
  return {
    settings: {
      clockHz: 1e9,
      intensities: [{ meanPhotonNumber: pairs, probability: 1 }],
      keyBasisProbability: { transmitter: keyBasis[0], receiver: keyBasis[1] },
      source: 'entangled-pairs',
      ...(chsh === undefined ? {} : { chshProbability: chsh }),
    },
    slotShare,
    misalignment,
    transmitter: arm(0),
    receiver: arm(1),
  }
}

/** All effects at once, strong enough to be seen in a million slots. */
export const roughPairs: PairLink = testPairs({
  pairs: 0.1,
  dark: 0.002,
  deadSlots: [9, 4],
  misalignment: { Z: 0.02, X: 0.06 },
  slotShare: 0.9,
})

/** The same, with much light for a CHSH test. */
export const roughTested: PairLink = {
  ...roughPairs,
  settings: { ...roughPairs.settings, chshProbability: 0.4 },
}

/** Counts of one run. */
export interface PairCounts {
  readonly slots: number
  /** Detections at each end. */
  readonly transmitter: number
  readonly receiver: number
  readonly coincidences: number
  readonly ZZ: number
  readonly XX: number
  /** Coincidences in unlike bases. */
  readonly crossed: number
  readonly wrongZ: number
  readonly wrongX: number
  /** Coincidences in unlike bases whose bits differ. */
  readonly wrongCrossed: number
  readonly sifted: number
  readonly knownToEve: number
  /** Of a CHSH test, in the order of `CHSH_SETTINGS`. */
  readonly same: readonly number[]
  readonly different: readonly number[]
}

/** Runs the simulator and counts what it reports. */
export function countSimulated(run: {
  readonly link: PairLink
  readonly attack?: Attack
  readonly seed: number
  readonly batches: number
  readonly batchSlots: number
}): PairCounts {
  const { link, attack, seed, batches, batchSlots } = run
  const random = seededRandom(seed, 'pairs test')
  const simulator = new PairSimulator({ link, random, allowSimulatedRandomness: true })
  if (attack !== undefined) simulator.setAttack(attack)
  const words = new RandomWords(seededRandom(seed, 'unreported'))
  const count = emptyCounts(batches * batchSlots)
  for (let batch = 0; batch < batches; batch++) {
    const { detections, record, truth } = simulator.next(batchSlots)
    const { slots, outcomes } = detections
    count.transmitter += record.slots.length
    count.receiver += slots.length
    count.sifted += truth.sifted
    count.knownToEve += truth.knownToEve
    const choices = choicesIn(record, slots, words)
    for (const [at, choice] of choices.entries()) {
      if (choice !== NOTHING_SEEN) note(count, choice, outcomes[at])
    }
  }
  return count
}

/** The same by brute force: every pair, every photon, every slot, one after the other. */
export function countPairByPair(run: {
  readonly link: PairLink
  readonly attack?: Attack
  readonly seed: number
  readonly slots: number
}): PairCounts {
  const { attack = { kind: 'none' }, seed, slots } = run
  const link = pairLinkUnder(run.link, attack)
  const random = new SeededRandom(seed)
  const ends = [endFigures(link, 'transmitter'), endFigures(link, 'receiver')]
  const count = emptyCounts(slots)
  const deadUntil = [-1, -1]
  // Partners that a wide time stamp has put into the next slot.
  let late: { readonly end: number; readonly detector: number }[] = []
  for (let slot = 0; slot < slots; slot++) {
    const angle = random.below(2)
    const fired = [0, 0]
    for (const { end, detector } of late) fired[end] |= 1 << detector
    late = []
    for (let pairs = poisson(random, meanPairs(link)); pairs > 0; pairs--) {
      const photons = measuredPair(random, link, {
        intercepted: interceptedShare(attack),
        angle,
      })
      const seen = ends.map(({ transmittance }) => random.chance(transmittance))
      const parted = seen[0] && seen[1] && !random.chance(link.slotShare)
      if (seen[0]) fired[0] |= 1 << photons[0]
      if (parted) late.push({ end: 1, detector: photons[1] })
      else if (seen[1]) fired[1] |= 1 << photons[1]
    }
    const reports = ends.map((figures, end) => {
      const { noiseProbability, deadSlots, basisShares } = figures
      let mask = fired[end]
      for (let detector = 0; detector < 2 * basisShares.length; detector++) {
        if (random.chance(noiseProbability)) mask |= 1 << detector
      }
      if (mask === 0 || slot <= deadUntil[end]) return undefined
      deadUntil[end] = slot + deadSlots
      const report = reportOf(mask, random, figures)
      return report & CHSH_OUTCOME ? report | angle : report
    })
    if (reports[0] !== undefined) count.transmitter++
    if (reports[1] !== undefined) count.receiver++
    if (reports[0] !== undefined && reports[1] !== undefined) note(count, reports[0], reports[1])
  }
  return count
}

/** Detectors (Z0, Z1, X0, X1, and of a test) that both photons of a pair would fire. */
function measuredPair(
  random: SeededRandom,
  link: PairLink,
  { intercepted, angle }: { readonly intercepted: number; readonly angle: number },
): readonly [number, number] {
  const { transmitter, receiver } = link.settings.keyBasisProbability
  if (random.chance(link.settings.chshProbability ?? 0)) {
    return testedPair(random, link, { intercepted, angle })
  }
  const bases = [random.chance(transmitter) ? 0 : 1, random.chance(receiver) ? 0 : 1]
  const bit = random.below(2)
  const eve = random.chance(intercepted) ? random.below(2) : undefined
  // Whoever measures in another basis than the photon was prepared in tosses a coin.
  const kept = bases[0] === bases[1] && (eve === undefined || eve === bases[1])
  if (!kept) return [2 * bases[0] + bit, 2 * bases[1] + random.below(2)]
  const wrong = random.chance(link.misalignment[bases[0] === 0 ? 'Z' : 'X']) ? 1 : 0
  return [2 * bases[0] + bit, 2 * bases[1] + (bit ^ wrong)]
}

/**
 * The same where the receiver's photon is measured half-way between the bases. The first photon is
 * measured, or Eve's is; the other is then polarised along what was found, and Malus' law says which
 * way it goes.
 */
function testedPair(
  random: SeededRandom,
  link: PairLink,
  { intercepted, angle }: { readonly intercepted: number; readonly angle: number },
): readonly [number, number] {
  const basis = random.chance(link.settings.keyBasisProbability.transmitter) ? 0 : 1
  const bit = random.below(2)
  const eve = random.chance(intercepted) ? random.below(2) : undefined
  const noise = random.chance(link.misalignment[basis === 0 ? 'Z' : 'X']) ? 1 : 0
  // Eve's photon is along her own outcome, which has to do with `bit` in the same basis only.
  const along = eve ?? basis
  const sent = along === basis ? bit ^ noise : random.below(2)
  const degrees = 45 * along + 90 * sent - (angle === 0 ? 22.5 : -22.5)
  const passes = Math.cos((degrees * Math.PI) / 180) ** 2
  return [2 * basis + bit, random.chance(passes) ? 4 : 5]
}

/** Bit 0 the basis, bit 1 the bit, bit 2 that it is of a test. */
function reportOf(mask: number, random: SeededRandom, figures: EndFigures): number {
  const single = [1, 2, 4, 8, 16, 32].indexOf(mask)
  const of = (basis: number): number => (basis === 2 ? CHSH_OUTCOME : basis)
  if (single >= 0) return of(single >> 1) | ((single & 1) << 1)
  const bit = random.below(2) << 1
  const bases = [0, 1, 2].filter((basis) => (mask >> (2 * basis)) & 3)
  if (bases.length === 1) return of(bases[0]) | bit
  if (random.chance(figures.chshProbability)) return CHSH_OUTCOME | bit
  return (random.chance(figures.keyBasisProbability) ? 0 : 1) | bit
}

function poisson(random: SeededRandom, mean: number): number {
  let events = 0
  for (let left = mean + Math.log(1 - random.unit()); left > 0; events++) {
    left += Math.log(1 - random.unit())
  }
  return events
}

type Growing = { -readonly [K in Exclude<keyof PairCounts, 'same' | 'different'>]: number } & {
  readonly same: number[]
  readonly different: number[]
}

const emptyCounts = (slots: number): Growing => ({
  ...{ slots, transmitter: 0, receiver: 0, coincidences: 0, ZZ: 0, XX: 0, crossed: 0 },
  ...{ wrongZ: 0, wrongX: 0, wrongCrossed: 0, sifted: 0, knownToEve: 0 },
  ...{ same: [0, 0, 0, 0], different: [0, 0, 0, 0] },
})

function note(count: Growing, one: number, other: number): void {
  const wrong = ((one ^ other) >> 1) & 1
  count.coincidences++
  if (other & CHSH_OUTCOME) {
    const setting = 2 * (1 - (one & 1)) + (other & 1)
    ;(wrong === 0 ? count.same : count.different)[setting]++
  } else if (((one ^ other) & 1) !== 0) {
    count.crossed++
    count.wrongCrossed += wrong
  } else if ((one & 1) === 0) {
    count.ZZ++
    count.wrongZ += wrong
  } else {
    count.XX++
    count.wrongX += wrong
  }
}
