/**
 * What a Gaussian block shows of its devices and its channel beside a key length.
 *
 * The bound believes the calibration. Two attacks use that: values cut off at the end of the
 * converter's range lose the noise that would betray Eve, and a dimmed local oscillator makes a shot
 * noise unit smaller than it was when it was measured. A block in which the devices are not as
 * calibrated gives no length. Slow changes inside the limits stay unseen.
 *
 * @see Qin, Kumar, Alléaume, Phys. Rev. A 94, 012325 (2016); Jouguet, Kunz-Jacques, Diamanti,
 *   Phys. Rev. A 87, 062313 (2013)
 * @module
 */

import type { GaussianParameters } from './parameters.ts'
import type { ChannelEstimate } from './estimate.ts'

/** Stable names. */
export type GaussianAlarmKind =
  /** ξ is above the calibrated limit, by more than chance: Eve, or a device out of tune. */
  | 'excess-noise'
  /** Values lie at the end of the converter's range. */
  | 'saturation'
  /** The shot noise that the receiver watches is not the calibrated one. */
  | 'shot-noise'
  /** Less noise than the vacuum and the electronics have: the calibration is wrong. */
  | 'noise-below-vacuum'
  /** What was sent has another variance than was agreed. */
  | 'modulation'

export interface GaussianAlarm {
  readonly kind: GaussianAlarmKind
  /** The figure that raised it, and the limit that it passed. */
  readonly value: number
  readonly limit: number
  /** Whether the block's length is 0 for it, whatever the bound says. */
  readonly voidsBlock: boolean
}

/** What a block brings beside its estimate. */
export interface BlockObservables {
  /** Share of measured values at the end of the range. */
  readonly saturatedShare: number
  /** Largest deviation of watched from calibrated shot noise, as a share; absent if unwatched. */
  readonly shotNoiseShift: number | undefined
}

/** Whatever is wrong with a block. */
export function gaussianAlarms(
  { receiver, modulationVariance, excessNoiseMax }: GaussianParameters,
  { regression, excessNoise, excessNoiseError, noise }: ChannelEstimate,
  { saturatedShare, shotNoiseShift = 0 }: BlockObservables,
): readonly GaussianAlarm[] {
  const spread = Math.sqrt(2 / regression.symbols)
  const vacuum = 1 + receiver.electronicNoise
  const checks: readonly (readonly [kind: GaussianAlarmKind, value: number, limit: number])[] = [
    ['excess-noise', excessNoise.value, excessNoiseMax + SIGMAS * excessNoiseError],
    ['saturation', saturatedShare, SATURATED_SHARE_MAX],
    ['shot-noise', shotNoiseShift, SHOT_NOISE_SHIFT_MAX],
    ['noise-below-vacuum', vacuum - noise.value, SIGMAS * vacuum * spread],
    [
      'modulation',
      Math.abs(regression.sentVariance / modulationVariance - 1),
      MODULATION_SHIFT_MAX + SIGMAS * spread,
    ],
  ]
  return checks
    .filter(([, value, limit]) => value > limit)
    .map(([kind, value, limit]) => ({ kind, value, limit, voidsBlock: kind !== 'excess-noise' }))
}

const SIGMAS = 6

/** A converter with room for 10 σ is never at its end by chance. */
const SATURATED_SHARE_MAX = 1e-4

/** One per cent: seven standard errors of a million samples. */
const SHOT_NOISE_SHIFT_MAX = 0.01

const MODULATION_SHIFT_MAX = 0.01
