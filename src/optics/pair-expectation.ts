/**
 * What a link of entangled pairs should report on average: closed forms, as a cross-check.
 *
 * Uses nothing of `pair-law`. Let F(A, B) be the probability that no detector of the set A at one end
 * and none of B at the other fires: with μ pairs in a slot, noise d, counted shares η,
 *
 *   F(A, B) = (1 − d_A)^|A| (1 − d_B)^|B| · e^−μ·[η_A·p(A) + η_B·p(B) − η_A·η_B·s·p(A, B)]
 *
 * where p are the shares of pairs that meet those detectors, and s the share that stays in one slot.
 * Whatever is reported is a sum of such terms: "basis Z" is (1 − z)(q + (1 − q)·x) for z and x saying
 * that the detectors of Z and of X are silent, and the sign of a bit is (z₁ − z₀)·x.
 *
 * Each end by itself is a renewal process, so its dead time is exact. Both ends are dead together
 * more often than chance has it, for coincidences stop both; that is taken to first order.
 *
 * @see Ma, Fung, Lo, Phys. Rev. A 76, 012307 (2007) for coincidences of a Poissonian source
 * @module
 */

import type { PulseExpectation } from './expectation.ts'
import { noAttack, type Attack } from './eve.ts'
import { endFigures, interceptedShare, meanPairs, pairLinkUnder, type PairLink } from './pairs.ts'

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
  /** √2·(E_Z + E_X): what a CHSH test on such pairs would give. */
  readonly chsh: number
  /** At the receiver: those that it announces. */
  readonly detectionsPerSecond: number
  readonly coincidencesPerSecond: number
  /** Coincidences per second for which both ends have the key basis. */
  readonly siftedBitsPerSecond: number
}

/** Averages of a checked link under a checked attack; a drift as it begins. */
export function expectPairs(usual: PairLink, attack: Attack = noAttack): PairsExpectation {
  const link = pairLinkUnder(usual, attack)
  const { clockHz } = link.settings
  const silent = silenceOf(link, interceptedShare(attack))
  const [a, b] = [endFigures(link, 'transmitter'), endFigures(link, 'receiver')]
  const clicks = [1 - silent(ALL, NONE), 1 - silent(NONE, ALL)]
  const together = 1 - silent(ALL, NONE) - silent(NONE, ALL) + silent(ALL, ALL)
  const [liveA, liveB] = [1 / (1 + clicks[0] * a.deadSlots), 1 / (1 + clicks[1] * b.deadSlots)]
  const independent = liveA * liveB
  // One click at both ends leaves both dead for the shorter of the two times.
  const shorter = Math.min(a.deadSlots, b.deadSlots)
  const liveTogether = independent / (1 - together * shorter * independent)
  const odds = [a.keyBasisProbability, b.keyBasisProbability]
  const reported = (basis: 'Z' | 'X'): PulseExpectation => {
    const gain = liveTogether * bothReport(silent, basis, odds)
    return { gain, error: (gain - liveTogether * agreement(silent, basis)) / 2 }
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
    detectionsPerSecond: clockHz * clicks[1] * liveB,
    coincidencesPerSecond: clockHz * liveTogether * together,
    siftedBitsPerSecond: clockHz * Z.gain,
  }
}

/** Probability that none of these detectors fires, of each end. Sets are masks: Z0, Z1, X0, X1. */
type Silence = (here: number, there: number) => number

function silenceOf(link: PairLink, intercepted: number): Silence {
  const [a, b] = [endFigures(link, 'transmitter'), endFigures(link, 'receiver')]
  const mean = meanPairs(link)
  const share = (q: number, detector: number): number => (detector < 2 ? q : 1 - q) / 2
  const pair = (here: number, there: number): number => {
    const chance = share(a.keyBasisProbability, here) * share(b.keyBasisProbability, there)
    if (here >> 1 !== there >> 1) return chance
    const misaligned = link.misalignment[here < 2 ? 'Z' : 'X']
    const wrong = misaligned * (1 - intercepted / 2) + intercepted / 4
    return 2 * chance * (here === there ? 1 - wrong : wrong)
  }
  return (here, there) => {
    const [A, B] = [detectorsIn(here), detectorsIn(there)]
    const photons = (q: number, set: readonly number[]): number =>
      set.reduce((sum, detector) => sum + share(q, detector), 0)
    let met = 0
    for (const one of A) for (const other of B) met += pair(one, other)
    const exponent =
      a.transmittance * photons(a.keyBasisProbability, A) +
      b.transmittance * photons(b.keyBasisProbability, B) -
      a.transmittance * b.transmittance * link.slotShare * met
    const dark = (1 - a.noiseProbability) ** A.length * (1 - b.noiseProbability) ** B.length
    return dark * Math.exp(-mean * exponent)
  }
}

/** Probability that both ends report this basis, by the odds of the key basis at each. */
function bothReport(silent: Silence, basis: 'Z' | 'X', odds: readonly number[]): number {
  const [own, other] = basis === 'Z' ? [Z_SET, X_SET] : [X_SET, Z_SET]
  const parts = odds.map((key) => {
    const q = basis === 'Z' ? key : 1 - key
    return [
      [NONE, q],
      [other, 1 - q],
      [own, -q],
      [ALL, q - 1],
    ] as const
  })
  let sum = 0
  for (const [here, weight] of parts[0]) {
    for (const [there, factor] of parts[1]) sum += weight * factor * silent(here, there)
  }
  return sum
}

/** Mean product of the signs of both bits, 0 where either is a coin toss. */
function agreement(silent: Silence, basis: 'Z' | 'X'): number {
  const [zero, one, other] = basis === 'Z' ? [1, 2, X_SET] : [4, 8, Z_SET]
  const [s0, s1] = [zero | other, one | other]
  return silent(s0, s0) + silent(s1, s1) - silent(s0, s1) - silent(s1, s0)
}

const detectorsIn = (set: number): readonly number[] =>
  [0, 1, 2, 3].filter((detector) => (set >> detector) & 1)

const NONE = 0b0000
const Z_SET = 0b0011
const X_SET = 0b1100
const ALL = 0b1111
