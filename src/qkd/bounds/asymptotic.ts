/**
 * The asymptotic rate of decoy-state BB84: what infinitely long blocks would give. For studies and
 * for comparison with older papers; an engine never makes keys by it.
 *
 * @see Lo, Ma, Chen, PRL 94, 230504 (2005); Ma, Qi, Zhao, Lo, PRA 72, 012326 (2005), Eqs. (1),
 *   (35), (37)
 * @module
 */

import { QkdRefusal } from '../refusal.ts'
import { binaryEntropy } from './entropy.ts'

/** Gain Q and error rate E of one intensity: per pulse sent, and per detection. */
export interface GainAndError {
  readonly meanPhotonNumber: number
  readonly gain: number
  readonly errorRate: number
}

/** An asymptotic rate and the bounds it was computed from. */
export interface AsymptoticRate {
  /** Secret bits per pulse sent, at least 0. */
  readonly rate: number
  readonly singleYieldLower: number
  readonly singleGainLower: number
  readonly singleErrorUpper: number
}

/**
 * Rate with the single-photon yield and error known exactly (infinitely many decoys).
 *
 * @param sifting      q: fraction of detections that survive sifting, 1/2 for equal bases
 * @param efficiency   f of error correction, at least 1
 */
export function rateOfSinglePhotons(input: {
  readonly signal: GainAndError
  readonly singleGain: number
  readonly singleError: number
  readonly sifting: number
  readonly efficiency: number
}): number {
  const { signal, singleGain, singleError, sifting, efficiency } = input
  for (const value of [signal.gain, signal.errorRate, singleGain, singleError, sifting]) {
    if (!(value >= 0 && value <= 1)) throw outOfRange()
  }
  if (!(efficiency >= 1 && efficiency < Infinity)) throw outOfRange()
  const corrected = signal.gain * efficiency * binaryEntropy(signal.errorRate)
  const hidden = singleGain * (1 - binaryEntropy(Math.min(0.5, singleError)))
  return Math.max(0, sifting * (hidden - corrected))
}

/**
 * What a link without decoys prints if it takes every detection for a single photon: n·(1 − f·h(E) − h(E)).
 *
 * No bound: photon-number splitting leaves both figures alone, so this stays as it is while Eve knows
 * the bits. For showing just that.
 *
 * @returns secret bits of so many sifted bits, at least 0
 */
export function bitsOfEveryClick(input: {
  readonly siftedBits: number
  readonly errorRate: number
  readonly efficiency: number
}): number {
  const { siftedBits, errorRate, efficiency } = input
  return siftedBits * Math.max(0, 1 - (efficiency + 1) * binaryEntropy(errorRate))
}

/** Rate with the single-photon figures bounded from one weak decoy and the vacuum. */
export function asymptoticLoMa(input: {
  readonly signal: GainAndError
  readonly decoy: GainAndError
  /** Y₀: gain of empty pulses; half of their detections are errors. */
  readonly vacuumYield: number
  readonly sifting: number
  readonly efficiency: number
}): AsymptoticRate {
  const { signal, decoy, vacuumYield: y0 } = input
  const [mu, nu] = [signal.meanPhotonNumber, decoy.meanPhotonNumber]
  if (!(mu > nu && nu > 0) || !(y0 >= 0 && y0 <= 1)) throw outOfRange()
  const signalPart = signal.gain * Math.exp(mu) * (nu / mu) ** 2
  const vacuumPart = (1 - (nu / mu) ** 2) * y0
  const slope = mu / (mu * nu - nu * nu)
  const bound = slope * (decoy.gain * Math.exp(nu) - signalPart - vacuumPart)
  const singleYieldLower = Math.min(1, Math.max(0, bound))
  const errors = decoy.errorRate * decoy.gain * Math.exp(nu) - y0 / 2
  const singleErrorUpper =
    singleYieldLower > 0 ? Math.min(0.5, Math.max(0, errors / (singleYieldLower * nu))) : 0.5
  const singleGainLower = singleYieldLower * mu * Math.exp(-mu)
  const rate = rateOfSinglePhotons({
    ...input,
    singleGain: singleGainLower,
    singleError: singleErrorUpper,
  })
  return { rate, singleYieldLower, singleGainLower, singleErrorUpper }
}

const outOfRange = (): QkdRefusal =>
  new QkdRefusal('COUNTS_IMPOSSIBLE', 'Expected gains, yields and rates from 0 to 1')
