/**
 * The CHSH value of a link of entangled pairs: measured where the link has a test, else inferred.
 *
 * *Measured*: the receiver's end sends a small share of photons to a third analyser, which stands at
 * 22.5° or −22.5° from Z towards X; with Z and X of the other end these are the settings of E91's
 * test. What both saw there is disclosed and counted, and none of it becomes key.
 *
 * *Inferred*: in each basis the correlation of both ends is E = 1 − 2Q, and a state with these two
 * reaches S = √2·(E_Z + E_X). That restates the error rates, under the assumption that the
 * receivers do what they are built for.
 *
 * No local model reaches above 2; nature no more than 2√2. Neither figure is a device-independent
 * proof, and no key length is made of one: only detected pairs are counted (fair sampling), the ends
 * are not apart as Bell asks, and who rules both ends' detectors by bright light shows any S she
 * likes (Gerhardt et al., PRL 107, 170404 (2011)).
 *
 * @see Clauser, Horne, Shimony, Holt, PRL 23, 880 (1969); Ekert, PRL 67, 661 (1991); Acín et al., PRL
 *   98, 230501 (2007) for settings that serve both key and test
 * @module
 */

import { chshTest, type OutcomeCounts } from './models/entangled.ts'

/** S as two error rates imply it: at most 2√2; at 2 and below it says nothing of entanglement. */
export const inferredChsh = (keyErrorRate: number, testErrorRate: number): number =>
  2 * Math.SQRT2 * (1 - keyErrorRate - testErrorRate)

/** Coincidences of a test by settings: X and 22.5°, X and −22.5°, Z and 22.5°, Z and −22.5°. */
export type ChshCounts = readonly [OutcomeCounts, OutcomeCounts, OutcomeCounts, OutcomeCounts]

/** What the test of one block came to. */
export interface MeasuredChsh {
  readonly counts: ChshCounts
  /** E of each pair of settings, in the order of the counts; the second is negative in good light. */
  readonly correlations: readonly [number, number, number, number]
  /** |E(X, 22.5°) − E(X, −22.5°) + E(Z, 22.5°) + E(Z, −22.5°)|. */
  readonly chsh: number
  readonly standardError: number
  /**
   * S is at least so much, but for a chance of `CHSH_EPSILON`, if coincidences are independent of
   * each other; below 0 where there are too few.
   */
  readonly lowerBound: number
}

/** Coincidences of all settings. */
export const coincidencesOf = (counts: ChshCounts): number =>
  counts.reduce((sum, { same, different }) => sum + same + different, 0)

/**
 * S from the counts of a block; undefined while there is a pair of settings without any.
 *
 * The lower bound is Hoeffding's: S is a sum over coincidences of ±1/n, n that of its settings, so
 * it lies within √(2 ln(2/ε) Σ 1/n) of its mean.
 *
 * @see Hoeffding, J. Am. Stat. Assoc. 58, 13 (1963), Theorem 2
 */
export function measuredChsh(counts: ChshCounts): MeasuredChsh | undefined {
  const totals = counts.map(({ same, different }) => same + different)
  if (totals.includes(0)) return undefined
  const { correlations, chsh, standardError } = chshTest(counts)
  const inverse = totals.reduce((sum, total) => sum + 1 / total, 0)
  const deviation = Math.sqrt(2 * Math.log(2 / CHSH_EPSILON) * inverse)
  const [a, b, c, d] = counts
  return {
    counts: [{ ...a }, { ...b }, { ...c }, { ...d }],
    ...{ correlations, chsh, standardError, lowerBound: chsh - deviation },
  }
}

/** Whether a block's test rules out that no pair was entangled, but for a chance of `CHSH_EPSILON`. */
export const violatesChsh = (measured: MeasuredChsh | undefined): boolean =>
  measured !== undefined && measured.lowerBound > 2

/** Chance that the lower bound of one block is too high. */
export const CHSH_EPSILON = 1e-6
