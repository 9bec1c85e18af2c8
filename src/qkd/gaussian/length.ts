/**
 * How long a key of a finite block of Gaussian symbols could be.
 *
 * ℓ = n·(β·I − S − Δ(n)) of n symbols that were kept, with S, what Eve may know of the receiver's
 * data, at the worst channel inside the confidence of the estimate, and
 * Δ(n) = 7·√(log₂(2/ε)/n) + (2/n)·log₂(1/ε) for smoothing and amplification.
 *
 * Unlike the paper, S is not taken at (t_min, σ²_max) alone. There S must fall with t while σ²
 * stays; over some 20 km it rises, because a receiver that sees more of what was sent is also
 * known better. So the highest S between t_min and t_max at σ²_max counts; that of the paper's
 * corner stands beside it.
 *
 * It is a length, never a key: β is assumed, and no reconciliation of Gaussian variables is built.
 * Collective attacks only; the step to general attacks (de Finetti, energy test) is not made.
 *
 * @see Leverrier, Grosshans, Grangier, Phys. Rev. A 81, 062343 (2010), Eqs. (1), (8)
 * @module
 */

import {
  EXCESS_NOISE_MAX,
  gaussianRate,
  type GaussianLink,
  type GaussianRate,
} from '../models/continuous.ts'
import { requireIn } from '../models/range.ts'
import { gainOf, TRANSMITTANCE_MIN, type ChannelEstimate } from './estimate.ts'

export interface GaussianLengthInput {
  readonly modulationVariance: number
  readonly receiver: GaussianLink['receiver']
  /** β, assumed. */
  readonly reconciliation: number
  readonly estimate: ChannelEstimate
  /** n: symbols of the block that were not disclosed. */
  readonly keptSymbols: number
  /** ε of the estimate, of smoothing and of amplification, each. */
  readonly epsilon: number
}

/** What decided the length. Stable names. */
export type GaussianVerdict =
  | 'length'
  /** The slope may be 0: nothing that was sent arrives for sure. */
  | 'no-correlation'
  /** Even were the estimates exact, Eve might know as much as the ends share. */
  | 'noise-takes-all'
  /** Were the estimates exact there would be key: the block is too small. */
  | 'block-too-small'

export interface GaussianLength {
  /** I at the estimated channel, bits per symbol; β·I is what reconciliation is assumed to reach. */
  readonly mutualInformation: number
  /** S at the estimated channel. */
  readonly holevoEstimated: number
  /** S at t_min and σ²_max, as in the paper. */
  readonly holevoCorner: number
  /** S at the worst channel inside the confidence: what counts, and where it lies. */
  readonly holevo: number
  readonly worst: { readonly transmittance: number; readonly excessNoise: number }
  /** Bits per symbol that smoothing costs. */
  readonly smoothing: number
  /** Bits per symbol that amplification costs. */
  readonly amplification: number
  /** β·I − S − Δ, bits per kept symbol; below 0 there is no key. */
  readonly surplus: number
  /** ℓ in whole bits: 0 is an ordinary outcome. */
  readonly lengthBits: number
  readonly verdict: GaussianVerdict
}

/** The length with every intermediate value. @throws QkdRefusal `MODEL_INVALID` */
export function gaussianLength(input: GaussianLengthInput): GaussianLength {
  const { reconciliation, estimate, keptSymbols, epsilon } = input
  requireIn('symbols kept', keptSymbols, 1, 1e18)
  requireIn('epsilon', epsilon, 1e-30, 0.1)
  const { transmittance, slope } = estimate
  const at = (T: number, noise: number): GaussianRate => rateAt(input, T, noise)
  const expected = at(transmittance.value, estimate.noise.value)
  const corner = at(transmittance.lower, estimate.noise.upper)
  const upper = Math.min(1, transmittance.upper)
  const lower = Math.min(upper, Math.max(TRANSMITTANCE_MIN, transmittance.lower))
  const worstT = highest((T) => at(T, estimate.noise.upper).holevo, lower, upper)
  const { holevo } = at(worstT, estimate.noise.upper)
  const { smoothing, amplification } = blockPrice(keptSymbols, epsilon)
  const shared = reconciliation * expected.mutualInformation
  const surplus = shared - holevo - smoothing - amplification
  const correlated = slope.lower > 0
  const lengthBits = correlated ? Math.max(0, Math.floor(keptSymbols * surplus)) : 0
  return {
    mutualInformation: expected.mutualInformation,
    holevoEstimated: expected.holevo,
    holevoCorner: corner.holevo,
    holevo,
    worst: {
      transmittance: worstT,
      excessNoise: excessAt(input, worstT, estimate.noise.upper),
    },
    ...{ smoothing, amplification, surplus, lengthBits },
    verdict: !correlated
      ? 'no-correlation'
      : lengthBits > 0
        ? 'length'
        : shared <= expected.holevo
          ? 'noise-takes-all'
          : 'block-too-small',
  }
}

/** Δ(n) in its two parts, bits per kept symbol. */
export const blockPrice = (
  keptSymbols: number,
  epsilon: number,
): { readonly smoothing: number; readonly amplification: number } => ({
  smoothing: 7 * Math.sqrt(Math.log2(2 / epsilon) / keptSymbols),
  amplification: (2 / keptSymbols) * Math.log2(1 / epsilon),
})

/** ξ that leaves this variance; less noise than calibrated counts as none. */
function excessAt({ receiver }: GaussianLengthInput, T: number, noise: number): number {
  const over = Math.max(0, noise - 1 - receiver.electronicNoise)
  return Math.min(EXCESS_NOISE_MAX, over / (gainOf(receiver) * T))
}

function rateAt(input: GaussianLengthInput, T: number, noise: number): GaussianRate {
  const { modulationVariance, receiver, reconciliation } = input
  const transmittance = Math.min(1, Math.max(TRANSMITTANCE_MIN, T))
  const excessNoise = excessAt(input, transmittance, noise)
  return gaussianRate({ modulationVariance, transmittance, excessNoise, receiver, reconciliation })
}

/**
 * Where a function with a single peak is highest, by golden section; both ends count too.
 *
 * That S has a single peak in T while σ² stays is not proven here: the tests compare with a grid.
 */
function highest(of: (at: number) => number, from: number, to: number): number {
  let [low, high] = [from, to]
  for (let round = 0; round < ROUNDS; round++) {
    const step = (high - low) * GOLDEN
    if (of(high - step) < of(low + step)) low = high - step
    else high = low + step
  }
  return [from, to, (low + high) / 2].reduce((best, one) => (of(one) > of(best) ? one : best))
}

const GOLDEN = (Math.sqrt(5) - 1) / 2
const ROUNDS = 60
