/**
 * What a link of entangled pairs should report on average: closed forms, as a cross-check.
 *
 * Uses nothing of `pair-law`. Let F(A, B) be the probability that no detector of the set A at one end
 * and none of B at the other fires: with μ pairs in a slot, noise d, counted shares η,
 *
 *   F(A, B) = (1 − d_A)^|A| (1 − d_B)^|B| · e^−μ·[η_A·p(A) + η_B·p(B) − η_A·η_B·s·p(A, B)]
 *
 * where p are the shares of pairs that meet those detectors, and s the share that stays in one slot.
 * Whatever is reported is a sum of such terms. With z, x and t for "silent" of Z, of X and of a CHSH
 * test, "basis Z" is (1 − z)·x·t + q·(1 − x·t − z·t − z·x + 2·z·x·t), and the sign of its bit is
 * (z₁ − z₀)·x·t.
 *
 * Each end by itself is a renewal process, so its dead time is exact. Both ends are dead together
 * more often than chance has it, for coincidences stop both; that is taken to first order.
 *
 * @see Ma, Fung, Lo, Phys. Rev. A 76, 012307 (2007) for coincidences of a Poissonian source
 * @module
 */

import type { PulseExpectation } from './expectation.ts'
import { noAttack, type Attack } from './eve.ts'
import {
  endUnder,
  factorOf,
  interceptedShare,
  pairLinkUnder,
  type AttackedEnd,
} from './pair-attacks.ts'
import { endFigures, meanPairs, type PairLink } from './pairs.ts'

export interface PairsExpectation {
  /** Detections per slot at each end. */
  readonly singles: { readonly transmitter: number; readonly receiver: number }
  /** Share of slots in which both ends are live. */
  readonly liveTogether: number
  /** Slots in which both ends report something, in whatever bases. */
  readonly coincidenceProbability: number
  /**
   * Slots in which both report this basis, and those of them whose bits differ. Per slot: the choice
   * of basis is in it.
   */
  readonly Z: PulseExpectation
  readonly X: PulseExpectation
  /** Error rate of the sifted bits; NaN where nothing ever coincides. */
  readonly qber: { readonly Z: number; readonly X: number }
  /** √2·(E_Z + E_X): what a CHSH test on such pairs would give, inferred from error rates. */
  readonly chsh: number
  /** What the link's own test measures; absent where it has none. */
  readonly chshTest?: ChshExpectation
  /** At the receiver: those that it announces. */
  readonly detectionsPerSecond: number
  readonly coincidencesPerSecond: number
  /** Coincidences per second for which both ends have the key basis. */
  readonly siftedBitsPerSecond: number
}

/** What a CHSH test measures on average, in the order of `CHSH_SETTINGS`. */
export interface ChshExpectation {
  /** Coincidences per slot at each pair of settings. */
  readonly gains: readonly number[]
  readonly correlations: readonly number[]
  /** S = E(X, 22.5°) − E(X, −22.5°) + E(Z, 22.5°) + E(Z, −22.5°). */
  readonly chsh: number
}

/** Basis of the transmitter's end, and angle of the receiver's in degrees from Z towards X. */
export const CHSH_SETTINGS = [
  { basis: 'X', degrees: 22.5 },
  { basis: 'X', degrees: -22.5 },
  { basis: 'Z', degrees: 22.5 },
  { basis: 'Z', degrees: -22.5 },
] as const

/** Averages of a checked link under a checked attack; a drift as it begins. */
export function expectPairs(usual: PairLink, attack: Attack = noAttack): PairsExpectation {
  const link = pairLinkUnder(usual, attack)
  const { clockHz } = link.settings
  // What does not look at the test does not depend on its angle.
  const silent = silenceOf(link, attack, 0)
  const [a, b] = [endFigures(link, 'transmitter'), endFigures(link, 'receiver')]
  const clicks = [1 - silent(ALL, NONE), 1 - silent(NONE, ALL)]
  const together = 1 - silent(ALL, NONE) - silent(NONE, ALL) + silent(ALL, ALL)
  const [liveA, liveB] = [1 / (1 + clicks[0] * a.deadSlots), 1 / (1 + clicks[1] * b.deadSlots)]
  const independent = liveA * liveB
  // One click at both ends leaves both dead for the shorter of the two times.
  const shorter = Math.min(a.deadSlots, b.deadSlots)
  const liveTogether = independent / (1 - together * shorter * independent)
  const shares = [a.basisShares, b.basisShares]
  const reported = (basis: 'Z' | 'X'): PulseExpectation => {
    const gain = liveTogether * bothReport(silent, [basis, basis], shares)
    return { gain, error: (gain - liveTogether * agreement(silent, [basis, basis])) / 2 }
  }
  const measured = (): ChshExpectation => {
    const gains: number[] = []
    const correlations: number[] = []
    for (const { basis, degrees } of CHSH_SETTINGS) {
      const turned = silenceOf(link, attack, degrees)
      const gain = bothReport(turned, [basis, 'between'], shares) / 2
      gains.push(liveTogether * gain)
      correlations.push(agreement(turned, [basis, 'between']) / 2 / gain)
    }
    const [up, down, ...rest] = correlations
    return { gains, correlations, chsh: up - down + rest[0] + rest[1] }
  }
  const [Z, X] = [reported('Z'), reported('X')]
  const qber = { Z: Z.error / Z.gain, X: X.error / X.gain }
  return {
    singles: { transmitter: clicks[0] * liveA, receiver: clicks[1] * liveB },
    liveTogether,
    coincidenceProbability: liveTogether * together,
    Z,
    X,
    qber,
    chsh: 2 * Math.SQRT2 * (1 - qber.Z - qber.X),
    ...(b.chshProbability === 0 ? {} : { chshTest: measured() }),
    detectionsPerSecond: clockHz * clicks[1] * liveB,
    coincidencesPerSecond: clockHz * liveTogether * together,
    siftedBitsPerSecond: clockHz * Z.gain,
  }
}

/**
 * Probability that none of these detectors fires, of each end. Sets are masks: Z0, Z1, X0, X1, and at
 * the receiver's end those of a CHSH test.
 */
type Silence = (here: number, there: number) => number

function silenceOf(link: PairLink, attack: Attack, degrees: number): Silence {
  const intercepted = interceptedShare(attack)
  const [a, b] = [endUnder(link, 'transmitter', attack), endUnder(link, 'receiver', attack)]
  const mean = meanPairs(link)
  const factor = (end: AttackedEnd, detector: number): number =>
    factorOf(end, detector % 2 === 0 ? 0 : 1)
  const share = (shares: readonly number[], detector: number): number =>
    (shares[detector >> 1] ?? 0) / 2
  const pair = (here: number, there: number): number => {
    const chance = share(a.basisShares, here) * share(b.basisShares, there)
    if (there > 3) {
      const agrees = correlationAt(link, here < 2 ? 0 : 45, degrees) * (1 - intercepted / 2)
      return chance * (1 + ((here + there) % 2 === 0 ? agrees : -agrees))
    }
    if (here >> 1 !== there >> 1) return chance
    const misaligned = link.misalignment[here < 2 ? 'Z' : 'X']
    const wrong = misaligned * (1 - intercepted / 2) + intercepted / 4
    return 2 * chance * (here === there ? 1 - wrong : wrong)
  }
  return (here, there) => {
    const [A, B] = [detectorsIn(here), detectorsIn(there)]
    const photons = (end: AttackedEnd, set: readonly number[]): number =>
      set.reduce((sum, at) => sum + share(end.basisShares, at) * factor(end, at), 0)
    const strays = (end: AttackedEnd, set: readonly number[]): number =>
      set.reduce((sum, at) => sum + share(end.basisShares, at) * end.strayPhotons, 0)
    let met = 0
    for (const one of A) {
      for (const other of B) met += pair(one, other) * factor(a, one) * factor(b, other)
    }
    const exponent =
      a.transmittance * photons(a, A) +
      b.transmittance * photons(b, B) -
      a.transmittance * b.transmittance * link.slotShare * met
    // The other end has no detectors of a test, and no noise in them.
    const dark =
      (1 - a.noiseProbability) ** detectorsIn(here & (Z_SET | X_SET)).length *
      (1 - b.noiseProbability) ** B.filter((at) => at < 2 * b.basisShares.length).length
    return dark * Math.exp(-mean * exponent - strays(a, A) - strays(b, B))
  }
}

/** E of a state that errs in Z and in X as the link says, at two angles from Z towards X. */
function correlationAt({ misalignment }: PairLink, here: number, there: number): number {
  const [one, other] = [here, there].map((degrees) => (2 * degrees * Math.PI) / 180)
  return (
    (1 - 2 * misalignment.Z) * Math.cos(one) * Math.cos(other) +
    (1 - 2 * misalignment.X) * Math.sin(one) * Math.sin(other)
  )
}

/** What a report can be of. */
type Analyser = 'Z' | 'X' | 'between'

/**
 * Probability that both ends report these. An analyser is reported if it alone has clicked, and by
 * its odds if several have.
 *
 * @param odds  shares of photons at each end, in the order Z, X, between
 */
function bothReport(
  silent: Silence,
  analysers: readonly [Analyser, Analyser],
  odds: readonly (readonly number[])[],
): number {
  const parts = analysers.map((analyser, end) => {
    const { own, others } = SETS[analyser]
    const share = odds[end][ORDER.indexOf(analyser)]
    return [
      [own[0] | own[1] | others, -1],
      [others, 1],
      // Several have clicked: not none, and not one alone.
      [NONE, share],
      [X_SET | BETWEEN_SET, -share],
      [Z_SET | BETWEEN_SET, -share],
      [Z_SET | X_SET, -share],
      [ALL, 2 * share],
    ] as const
  })
  let sum = 0
  for (const [here, weight] of parts[0]) {
    for (const [there, factor] of parts[1]) sum += weight * factor * silent(here, there)
  }
  return sum
}

/** Mean product of the signs of both bits, 0 where either is a coin toss. */
function agreement(silent: Silence, analysers: readonly [Analyser, Analyser]): number {
  const [here, there] = analysers.map((analyser) => SETS[analyser])
  const both = (one: 0 | 1, other: 0 | 1): number =>
    silent(here.own[one] | here.others, there.own[other] | there.others)
  return both(0, 0) + both(1, 1) - both(0, 1) - both(1, 0)
}

const detectorsIn = (set: number): readonly number[] =>
  [0, 1, 2, 3, 4, 5].filter((detector) => (set >> detector) & 1)

const NONE = 0
const Z_SET = 0b000011
const X_SET = 0b001100
const BETWEEN_SET = 0b110000
const ALL = 0b111111

const ORDER: readonly Analyser[] = ['Z', 'X', 'between']
const SETS = {
  Z: { own: [1, 2], others: X_SET | BETWEEN_SET },
  X: { own: [4, 8], others: Z_SET | BETWEEN_SET },
  between: { own: [16, 32], others: Z_SET | X_SET },
} as const
