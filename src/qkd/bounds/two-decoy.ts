/**
 * The bound for BB84 with two decoys, the weaker of them nearly or wholly vacuum.
 *
 * The vacuum count enters the single-photon count with a plus sign here, so its *lower* bound is
 * needed; with one decoy it is the other way round.
 *
 * @see Lim, Curty, Walenta, Xu, Zbinden, Phys. Rev. A 89, 022307 (2014), Eqs. (1)–(5)
 * @module
 */

import { QkdRefusal } from '../refusal.ts'
import {
  checkBoundInput,
  sumOf,
  verificationCharge,
  wholeLength,
  type BasisCounts,
  type BoundInput,
  type KeyLength,
} from './counts.ts'
import { binaryEntropy, clipped, hoeffding, photonProbability } from './entropy.ts'
import { gammaDeviation, observedRate } from './one-decoy.ts'

/** ℓ by Lim et al. 2014. @throws QkdRefusal */
export function lim2014(input: BoundInput): KeyLength {
  checkBoundInput(input, 3)
  const { counts, intensities, epsilons, leakBits } = input
  const [mu1, mu2, mu3] = intensities.map(({ meanPhotonNumber }) => meanPhotonNumber)
  if (!(mu1 > mu2 + mu3)) {
    throw new QkdRefusal('BOUND_NOT_APPLICABLE', 'Expected a signal brighter than both decoys')
  }
  const epsilon = epsilons.secrecy / 21
  const key = photonNumbers(counts.key, intensities, epsilon)
  const test = photonNumbers(counts.test, intensities, epsilon)
  const { errors } = counts.test
  const tau1 = photonProbability(intensities, 1)
  const errorsUpper = scaled(errors[1], hoeffding(sumOf(errors), epsilon), intensities[1])
  const errorsLower = scaled(errors[2], -hoeffding(sumOf(errors), epsilon), intensities[2])
  const singleErrorsUpper = Math.max(0, (tau1 / (mu2 - mu3)) * (errorsUpper - errorsLower))
  const observed = observedRate(singleErrorsUpper, test.singleLower)
  const deviation = gammaDeviation(observed, test.singleLower, key.singleLower, epsilon)
  const phaseError = clipped(observed + deviation, 0, 0.5)
  const total = sumOf(counts.key.detections)
  // Vacuum and single-photon detections are different ones: together at most all of them.
  const vacuum = Math.min(key.vacuumLower, total - key.singleLower)
  const hiddenBits = vacuum + key.singleLower * (1 - binaryEntropy(phaseError))
  const verificationBits = verificationCharge(input)
  const securityBits = 6 * Math.log2(21 / epsilons.secrecy)
  const lengthBits = hiddenBits - leakBits - verificationBits - securityBits
  return {
    bound: 'lim-2014',
    secretBits: wholeLength(lengthBits),
    phaseError,
    terms: {
      epsilon,
      tau0: photonProbability(intensities, 0),
      tau1,
      keyDetections: total,
      testDetections: sumOf(counts.test.detections),
      keyVacuumLower: key.vacuumLower,
      keySingleLower: key.singleLower,
      testVacuumLower: test.vacuumLower,
      testSingleLower: test.singleLower,
      testSingleErrorsUpper: singleErrorsUpper,
      phaseErrorObserved: observed,
      phaseErrorDeviation: deviation,
      phaseError,
      hiddenBits,
      leakBits,
      verificationBits,
      securityBits,
      lengthBits,
    },
  }
}

function photonNumbers(
  { detections }: BasisCounts,
  intensities: BoundInput['intensities'],
  epsilon: number,
): { readonly vacuumLower: number; readonly singleLower: number } {
  const [mu1, mu2, mu3] = intensities.map(({ meanPhotonNumber }) => meanPhotonNumber)
  const total = sumOf(detections)
  const spread = hoeffding(total, epsilon)
  const tau0 = photonProbability(intensities, 0)
  const tau1 = photonProbability(intensities, 1)
  const upper = (at: number): number => scaled(detections[at], spread, intensities[at])
  const lower = (at: number): number => scaled(detections[at], -spread, intensities[at])
  const vacuum = (tau0 * (mu2 * lower(2) - mu3 * upper(1))) / (mu2 - mu3)
  const vacuumLower = clipped(vacuum, 0, total)
  const signalPart = ((mu2 ** 2 - mu3 ** 2) / mu1 ** 2) * (upper(0) - vacuumLower / tau0)
  const slope = (tau1 * mu1) / (mu1 * (mu2 - mu3) - mu2 ** 2 + mu3 ** 2)
  return {
    vacuumLower,
    singleLower: clipped(slope * (lower(1) - upper(2) - signalPart), 0, total),
  }
}

/** n± of the paper: the count moved by its spread, scaled by e^μ / p, at least 0. */
function scaled(
  count: number,
  spread: number,
  intensity: BoundInput['intensities'][number],
): number {
  const weight = Math.exp(intensity.meanPhotonNumber) / intensity.probability
  return weight * Math.max(0, count + spread)
}
