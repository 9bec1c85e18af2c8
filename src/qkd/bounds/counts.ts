/**
 * What a bound is computed from: the counts of one block, and the check that they are possible.
 *
 * @module
 */

import type { Intensity, PulseSettings } from '#optics'
import { QkdRefusal } from '../refusal.ts'

/** Counts of one basis, one element for each intensity, in the order of the pulse settings. */
export interface BasisCounts {
  /** Detections where both ends had this basis. */
  readonly detections: readonly number[]
  /** Those of them where the bits differed. */
  readonly errors: readonly number[]
}

/** Counts of one block. Whole numbers when measured; expectations of a study need not be. */
export interface BlockCounts {
  /** The basis of which the key is made. */
  readonly key: BasisCounts
  /** The basis whose bits are announced to bound what Eve knows. */
  readonly test: BasisCounts
  /**
   * Key states measured in the test basis and seen as its bit 0, one element for each intensity.
   * Present on a link of three states, where they stand for the state that is never sent.
   */
  readonly crossedZeros?: readonly number[]
}

/** How far the key may be from ideal. */
export interface Epsilons {
  /** Trace distance from a key that nobody else knows anything about. */
  readonly secrecy: number
  /** Probability that both ends hold different keys and do not notice. */
  readonly correctness: number
}

/** What every bound takes. */
export interface BoundInput {
  readonly counts: BlockCounts
  readonly intensities: readonly Intensity[]
  readonly epsilons: Epsilons
  /** Bits revealed to correct errors, as counted on the wire. */
  readonly leakBits: number
  /**
   * Bits of verification tags revealed. The papers charge log₂(2/ε_cor); where more was sent, that
   * is charged. Left out: what the papers charge.
   */
  readonly verificationBits?: number
  /** Shares in which each end chooses the key basis. Needed where there are three states. */
  readonly keyBasisProbability?: PulseSettings['keyBasisProbability']
}

/** Every bound of this room, by authors and year. */
export type BoundName =
  | 'wiesemann-2024'
  | 'rusca-2018'
  | 'lim-2014'
  | 'three-state'
  | 'tomamichel-2012'
  | 'asymptotic-lo-ma'

/** A key length and how it came about. ℓ = 0 is an ordinary outcome: the block gives no key. */
export interface KeyLength {
  readonly bound: BoundName
  /** ℓ: whole bits, at least 0; one bit more would break the claimed ε. */
  readonly secretBits: number
  /** Upper bound on the error rate that the key bits would have had in the other basis. */
  readonly phaseError: number
  /**
   * Every intermediate value by name, in the order of computation; `termMeanings` explains them.
   */
  readonly terms: Readonly<Record<string, number>>
}

/** The counts added up. */
export const sumOf = (counts: readonly number[]): number =>
  counts.reduce((sum, count) => sum + count, 0)

/**
 * Refuses counts and settings that no run can give, so that no bound ever computes with them.
 *
 * @throws QkdRefusal `COUNTS_IMPOSSIBLE`, `BOUND_NOT_APPLICABLE`
 */
export function checkBoundInput(input: BoundInput, intensities: number | undefined): void {
  const { counts, leakBits, epsilons, verificationBits = 0 } = input
  if (intensities !== undefined && input.intensities.length !== intensities) {
    throw new QkdRefusal(
      'BOUND_NOT_APPLICABLE',
      `Expected a link with ${intensities} intensities`,
      {
        facts: { intensities: input.intensities.length },
      },
    )
  }
  checkIntensities(input.intensities)
  for (const basis of [counts.key, counts.test]) {
    const { detections, errors } = basis
    const complete =
      detections.length === input.intensities.length && errors.length === detections.length
    const possible =
      complete && errors.every((count, at) => isCount(count) && count <= detections[at])
    if (!possible || !detections.every(isCount)) throw impossible('errors within detections')
  }
  if (!isCount(leakBits) || !isCount(verificationBits)) throw impossible('bits leaked, 0 or more')
  for (const epsilon of [epsilons.secrecy, epsilons.correctness]) {
    if (!(epsilon > 0 && epsilon < 1)) throw impossible('an ε between 0 and 1')
  }
}

/** Bits charged for verification: what was sent, and never less than the papers charge. */
export const verificationCharge = ({
  epsilons,
  verificationBits = 0,
}: Pick<BoundInput, 'epsilons' | 'verificationBits'>): number =>
  Math.max(verificationBits, Math.log2(2 / epsilons.correctness))

/** ℓ of the bits that are left. */
export const wholeLength = (bits: number): number => Math.max(0, Math.floor(bits))

function checkIntensities(intensities: readonly Intensity[]): void {
  let sum = 0
  let previous = Infinity
  for (const { meanPhotonNumber, probability } of intensities) {
    const ordered = meanPhotonNumber >= 0 && meanPhotonNumber < previous
    if (!ordered || !(probability > 0 && probability <= 1)) {
      throw new QkdRefusal('BOUND_NOT_APPLICABLE', 'Expected intensities, brightest first')
    }
    previous = meanPhotonNumber
    sum += probability
  }
  if (Math.abs(sum - 1) > 1e-9) {
    throw new QkdRefusal(
      'BOUND_NOT_APPLICABLE',
      'Expected probabilities of intensities to sum to 1',
    )
  }
}

const isCount = (value: number): boolean => Number.isFinite(value) && value >= 0

const impossible = (expected: string): QkdRefusal =>
  new QkdRefusal('COUNTS_IMPOSSIBLE', `Expected counts of one block: ${expected}`)
