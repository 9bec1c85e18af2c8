/**
 * What disclosed symbols of a Gaussian link tell of its channel, and with what confidence.
 *
 * Linear regression y = t·x + z of what was measured on what was sent: t² = g·T, where g is the
 * receiver's efficiency, halved by heterodyne detection, and the variance of z is
 * σ² = 1 + v_el + g·T·ξ, in shot noise units. The key length rests on three ends of intervals, t_min,
 * t_max and σ²_max, each of which fails with probability ε/2: together 3ε/2, where the paper, which
 * needs two, has ε. Normal approximation, as there: right to a per cent of the width from 10⁵ symbols.
 *
 * Stands between disclosure (`ends`) and the key length (`length`). Assumes that symbols are alike
 * and independent (collective attacks), and that the calibration is right: a receiver that cuts
 * values off, or whose shot noise unit has changed, gives estimates that look sound. `watch` looks
 * for that.
 *
 * @see Leverrier, Grosshans, Grangier, Phys. Rev. A 81, 062343 (2010), §III
 * @module
 */

import type { GaussianLink } from '../models/continuous.ts'
import { normalQuantile } from '../models/normal.ts'
import { QkdRefusal } from '../refusal.ts'

/** Sums over disclosed pairs, about a first value so that an offset costs no digits. */
export class PairSums {
  #pairs = 0
  #sent = 0
  #measured = 0
  #sentSquares = 0
  #measuredSquares = 0
  #products = 0
  #origin: number | undefined

  get pairs(): number {
    return this.#pairs
  }

  /** Adds one pair, in √(shot noise unit): what was sent and what was measured. */
  add(sent: number, measured: number): void {
    this.#origin ??= measured
    const y = measured - this.#origin
    this.#pairs++
    this.#sent += sent
    this.#measured += y
    this.#sentSquares += sent * sent
    this.#measuredSquares += y * y
    this.#products += sent * y
  }

  /**
   * The regression about the means: an offset of the receiver is no noise.
   *
   * @param quadratures  measured of each symbol: 1, or 2 with heterodyne detection
   * @throws QkdRefusal `COUNTS_IMPOSSIBLE` with fewer than `PAIRS_MIN` pairs, or all sent alike
   */
  regression(quadratures: 1 | 2): Regression {
    const m = this.#pairs
    const sentSquares = this.#sentSquares - (this.#sent * this.#sent) / m
    if (m < PAIRS_MIN || !(sentSquares > 0)) {
      throw new QkdRefusal(
        'COUNTS_IMPOSSIBLE',
        `Expected at least ${String(PAIRS_MIN)} pairs of values that differ, got ${String(m)}`,
      )
    }
    const measuredSquares = this.#measuredSquares - (this.#measured * this.#measured) / m
    const products = this.#products - (this.#sent * this.#measured) / m
    const slope = products / sentSquares
    return {
      symbols: m / quadratures,
      slope,
      noise: Math.max(0, measuredSquares - slope * products) / (m - 2),
      sentVariance: sentSquares / m,
      offset: (this.#origin ?? 0) + this.#measured / m - (slope * this.#sent) / m,
    }
  }
}

/** A line through disclosed pairs. */
export interface Regression {
  /** Symbols that were disclosed. */
  readonly symbols: number
  /** t: √(g·T). */
  readonly slope: number
  /** σ²: what is left of the variance, in shot noise units. */
  readonly noise: number
  /** Variance of what was sent: V_A, as the sample has it. */
  readonly sentVariance: number
  /** Mean of what was measured where nothing was sent, in √(shot noise unit). */
  readonly offset: number
}

/** A value with the ends of its confidence. */
export interface Interval {
  readonly value: number
  readonly lower: number
  readonly upper: number
}

export interface ChannelEstimate {
  readonly regression: Regression
  /** z: normal quantile of ε/2 in one tail; 6.5 for 10⁻¹⁰. */
  readonly quantile: number
  readonly slope: Interval
  readonly noise: Interval
  /** T of the channel; 0 where the slope may be 0 or less. */
  readonly transmittance: Interval
  /** ξ at the channel's input; below 0 where there is less noise than calibrated. */
  readonly excessNoise: Interval
  /** Standard error of ξ. */
  readonly excessNoiseError: number
}

/**
 * Channel figures from a regression.
 *
 * The two quadratures of one symbol count as one: that Eve treats them apart is not assumed, and
 * intervals of heterodyne detection are wider for it than their scatter by √2.
 */
export function estimateChannel(
  regression: Regression,
  receiver: GaussianLink['receiver'],
  epsilon: number,
): ChannelEstimate {
  const { symbols, slope: t, noise: sigma2, sentVariance } = regression
  const gain = gainOf(receiver)
  const calibrated = 1 + receiver.electronicNoise
  const quantile = normalQuantile(1 - epsilon / 2)
  const slopeWidth = quantile * Math.sqrt(sigma2 / (symbols * sentVariance))
  const noiseWidth = (quantile * sigma2 * Math.SQRT2) / Math.sqrt(symbols)
  const slope = { value: t, lower: t - slopeWidth, upper: t + slopeWidth }
  const noise = { value: sigma2, lower: sigma2 - noiseWidth, upper: sigma2 + noiseWidth }
  const through = (one: number): number => (one > 0 ? (one * one) / gain : 0)
  const transmittance = {
    value: through(t),
    lower: through(slope.lower),
    upper: through(slope.upper),
  }
  // Excess noise is largest where the line is flattest, and a lack of it too.
  const excess = (variance: number, flat: number, steep: number): number => {
    const over = variance - calibrated
    return over / (gain * Math.max(TRANSMITTANCE_MIN, over > 0 ? flat : steep))
  }
  const { value, lower, upper } = transmittance
  return {
    ...{ regression, quantile, slope, noise, transmittance },
    excessNoise: {
      value: excess(noise.value, value, value),
      lower: excess(noise.lower, upper, lower),
      upper: excess(noise.upper, lower, upper),
    },
    excessNoiseError:
      (sigma2 * Math.SQRT2) / Math.sqrt(symbols) / (gain * Math.max(TRANSMITTANCE_MIN, value)),
  }
}

/** g: what of T a measured quadrature carries. */
export const gainOf = ({ detection, efficiency }: GaussianLink['receiver']): number =>
  detection === 'homodyne' ? efficiency : efficiency / 2

/** Fewer give no variance worth the name. */
export const PAIRS_MIN = 100

/** Below this a channel counts as closed. */
export const TRANSMITTANCE_MIN = 1e-12
