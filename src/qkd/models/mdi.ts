/**
 * Measurement-device-independent QKD: both ends send to a relay that Eve may own.
 *
 * A rate model for infinitely long blocks with the yields of single photons known exactly
 * (infinitely many decoys). Both ends send phase-randomised pulses in Z (key) and X (test); the
 * relay announces a Bell state when one detector of each output polarisation, or time bin, clicks.
 * Detectors at the relay need no trust at all; sources are trusted to be as described.
 *
 * @see Lo, Curty, Qi, PRL 108, 130503 (2012); Ma, Razavi, Phys. Rev. A 86, 062319 (2012), appendix
 * @module
 */

import { binaryEntropy } from '../bounds/entropy.ts'
import { besselI0 } from './interference.ts'
import { requireIn } from './range.ts'

export interface MdiLink {
  /** Of the path from each end to a click at the relay: channel, relay loss and efficiency. */
  readonly transmittance: readonly [number, number]
  readonly meanPhotonNumber: readonly [number, number]
  /** Per detector of the relay and gate. */
  readonly darkCountProbability: number
  /** e_d: share of light of the two ends that ends up in the wrong mode, in both bases. */
  readonly misalignment: number
  /** f of error correction. */
  readonly efficiency: number
}

/** A rate and everything it was computed from; probabilities are per pair of pulses. */
export interface MdiRate {
  /** Y₁₁: yield of a pair of single photons, the same in both bases. */
  readonly singleYield: number
  /** e₁₁ in X: the phase error. */
  readonly singleError: number
  /** P₁₁: probability that both ends send one photon. */
  readonly singleProbability: number
  readonly gainZ: number
  readonly errorRateZ: number
  /** Secret bits per pair of pulses in the key basis, at least 0. */
  readonly rate: number
}

/** The rate per pair of pulses sent in Z. @throws QkdRefusal `MODEL_INVALID` */
export function mdiRate(link: MdiLink): MdiRate {
  const { transmittance, meanPhotonNumber, darkCountProbability: dark, misalignment } = link
  for (const at of [0, 1] as const) {
    requireIn('transmittance', transmittance[at], 0, 1)
    requireIn('mean photon number', meanPhotonNumber[at], 0, 10)
  }
  requireIn('dark count probability', dark, 0, 0.5)
  requireIn('misalignment', misalignment, 0, 0.5)
  requireIn('efficiency', link.efficiency, 1, 100)
  const [etaA, etaB] = transmittance
  const [muA, muB] = meanPhotonNumber
  const silent = (1 - dark) ** 2
  const pair = (silent * etaA * etaB) / 2
  const singleYield =
    pair +
    silent *
      ((2 * etaA + 2 * etaB - 3 * etaA * etaB) * dark + 4 * (1 - etaA) * (1 - etaB) * dark * dark)
  const singleErrors = singleYield / 2 - (0.5 - misalignment) * pair
  const singleError = singleYield > 0 ? singleErrors / singleYield : 0.5
  const [a, b] = [etaA * muA, etaB * muB]
  const right = 2 * silent * Math.exp(-(a + b) / 2) * clicks(a / 2, dark) * clicks(b / 2, dark)
  const wrong =
    2 *
    dark *
    silent *
    Math.exp(-(a + b) / 2) *
    (besselI0(Math.sqrt(a * b)) - (1 - dark) * Math.exp(-(a + b) / 2))
  const gainZ = right + wrong
  const errors = misalignment * right + (1 - misalignment) * wrong
  const errorRateZ = gainZ > 0 ? errors / gainZ : 0.5
  const singleProbability = muA * muB * Math.exp(-muA - muB)
  const hidden = singleProbability * singleYield * (1 - binaryEntropy(singleError))
  const corrected = gainZ * link.efficiency * binaryEntropy(errorRateZ)
  const rate = Math.max(0, hidden - corrected)
  return { singleYield, singleError, singleProbability, gainZ, errorRateZ, rate }
}

/** Probability that a detector fires for light of this mean photon number, as counted. */
const clicks = (light: number, dark: number): number => 1 - (1 - dark) * Math.exp(-light)
