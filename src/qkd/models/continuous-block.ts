/**
 * The rate of a finite block of Gaussian symbols, for data that scatter as the expected channel
 * lets them: what `gaussian/length` gives on average, without a symbol drawn.
 *
 * @module
 */

import { estimateChannel, gainOf } from '../gaussian/estimate.ts'
import { gaussianLength, type GaussianLength } from '../gaussian/length.ts'
import { checkGaussianLink, type GaussianLink } from './continuous.ts'
import { requireIn } from './range.ts'

/** A block of finite size. */
export interface GaussianBlock {
  /** Symbols exchanged. */
  readonly symbols: number
  /** Share of them announced to estimate the channel. */
  readonly estimationShare: number
  /** ε of the estimation, of smoothing and of amplification, each. */
  readonly epsilon: number
}

export interface GaussianBlockRate {
  /** T and ξ at the edge of their confidence. */
  readonly transmittanceLower: number
  readonly excessNoiseUpper: number
  /** Normal quantile of the confidence: 6.5 for 10⁻¹⁰. */
  readonly quantile: number
  readonly length: GaussianLength
  /** Secret bits per symbol exchanged, at least 0. */
  readonly rate: number
}

/** @throws QkdRefusal `MODEL_INVALID` */
export function gaussianBlockRate(link: GaussianLink, block: GaussianBlock): GaussianBlockRate {
  checkGaussianLink(link)
  const { symbols, estimationShare, epsilon } = block
  requireIn('symbols', symbols, 1, 1e18)
  requireIn('share of estimation', estimationShare, 1e-6, 1 - 1e-6)
  requireIn('epsilon', epsilon, 1e-30, 0.1)
  const { modulationVariance, receiver, transmittance, excessNoise, reconciliation } = link
  const disclosed = symbols * estimationShare
  const keptSymbols = symbols - disclosed
  const signal = gainOf(receiver) * transmittance
  const regression = {
    symbols: disclosed,
    slope: Math.sqrt(signal),
    noise: 1 + receiver.electronicNoise + signal * excessNoise,
    sentVariance: modulationVariance,
    offset: 0,
  }
  const estimate = estimateChannel(regression, receiver, epsilon)
  const length = gaussianLength({
    ...{ modulationVariance, receiver, reconciliation },
    ...{ estimate, keptSymbols, epsilon },
  })
  const correlated = length.verdict !== 'no-correlation'
  return {
    transmittanceLower: estimate.transmittance.lower,
    excessNoiseUpper: estimate.excessNoise.upper,
    quantile: estimate.quantile,
    length,
    rate: correlated ? Math.max(0, (keptSymbols / symbols) * length.surplus) : 0,
  }
}
