/** What both ends of a Gaussian link agree on, and what the receiver was calibrated to. @module */

import type { GaussianLink } from '../models/continuous.ts'
import { QkdRefusal } from '../refusal.ts'

export interface GaussianParameters {
  /** V_A in shot noise units. */
  readonly modulationVariance: number
  /** Calibrated, trusted, and out of Eve's reach. */
  readonly receiver: GaussianLink['receiver'] & {
    /** N₀: one shot noise unit in squared units of the converter. */
    readonly shotNoise: number
    /** Largest value that the converter gives. */
    readonly range: number
  }
  /** β, assumed: no reconciliation is built. */
  readonly reconciliation: number
  /** ε of estimate, smoothing and amplification, each. */
  readonly epsilon: number
  /** Share of symbols that are disclosed. */
  readonly estimationShare: number
  /** Symbols of a block; it ends with the first batch that reaches them. */
  readonly blockSymbols: number
  /** ξ of the link as calibrated: above it an alarm is raised. */
  readonly excessNoiseMax: number
}

/** @throws QkdRefusal `PARAMETERS_INVALID` */
export function checkedGaussianParameters(parameters: GaussianParameters): GaussianParameters {
  const { receiver } = parameters
  const ranges: readonly (readonly [what: string, value: number, least: number, most: number])[] = [
    ['modulation variance', parameters.modulationVariance, 1e-3, 1e4],
    ['efficiency', receiver.efficiency, 1e-3, 1],
    ['electronic noise', receiver.electronicNoise, 0, 100],
    ['shot noise', receiver.shotNoise, 1e-12, 1e12],
    ['range of the converter', receiver.range, 1e-12, 1e12],
    ['reconciliation efficiency', parameters.reconciliation, 0, 1],
    ['epsilon', parameters.epsilon, 1e-30, 0.1],
    ['share of estimation', parameters.estimationShare, 1e-3, 0.999],
    ['symbols of a block', parameters.blockSymbols, 1000, 1e13],
    ['excess noise limit', parameters.excessNoiseMax, 0, 100],
  ]
  for (const [what, value, least, most] of ranges) {
    if (value >= least && value <= most) continue
    throw new QkdRefusal(
      'PARAMETERS_INVALID',
      `Invalid ${what}: expected ${String(least)} to ${String(most)}, got ${String(value)}`,
      { facts: { what, value } },
    )
  }
  return parameters
}
