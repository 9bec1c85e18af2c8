/**
 * Bounds for BB84 with one decoy and no vacuum intensity.
 *
 * Two ways to turn the same photon-number estimates into a key length. `wiesemann-2024` is the
 * default: its proof treats the tests and the conditioning that earlier ones passed over, and that
 * with one decoy statistics are known only after error correction. `rusca-2018` is kept to compare.
 *
 * The vacuum count enters the single-photon count with a minus sign here, so its *upper* bound is
 * needed; with two decoys (`two-decoy.ts`) it is the other way round.
 *
 * Both papers fix ℓ before a run and accept or abort; here ℓ follows the counts of each block, as
 * the variable-length proofs for the same method allow (Tupkary et al., arXiv 2311.01600 and
 * 2408.17349). Assumed: phase-randomised pulses, independent choices, equal detector efficiency in
 * both bases, a random bit for each double click.
 *
 * @see Wiesemann et al., arXiv 2405.16578v3; Rusca et al., Appl. Phys. Lett. 112, 171104 (2018)
 * @module
 */

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

/** Photon-number estimates of one basis. */
interface Estimates {
  readonly vacuumLower: number
  readonly vacuumUpper: number
  readonly singleLower: number
}

/** ℓ by Wiesemann et al., arXiv 2405.16578v3. @throws QkdRefusal */
export function wiesemann2024(input: BoundInput): KeyLength {
  checkBoundInput(input, 2)
  const epsilon = input.epsilons.secrecy / 15
  const { key, test, singleErrorsUpper, terms } = estimates(input, epsilon)
  const observed = observedRate(singleErrorsUpper, test.singleLower)
  const deviation = serflingDeviation(test.singleLower, key.singleLower, epsilon)
  const phaseError = clipped(observed + deviation, 0, 0.5)
  const hiddenBits = key.singleLower * (1 - binaryEntropy(phaseError))
  const verificationBits = verificationCharge(input)
  const securityBits = 4 * Math.log2(15 / (input.epsilons.secrecy * 2 ** 0.25))
  const lengthBits = hiddenBits - input.leakBits - verificationBits - securityBits
  return {
    bound: 'wiesemann-2024',
    secretBits: wholeLength(lengthBits),
    phaseError,
    terms: {
      ...terms,
      phaseErrorObserved: observed,
      phaseErrorDeviation: deviation,
      phaseError,
      hiddenBits,
      leakBits: input.leakBits,
      verificationBits,
      securityBits,
      lengthBits,
    },
  }
}

/** ℓ by Rusca et al. 2018. @throws QkdRefusal */
export function rusca2018(input: BoundInput): KeyLength {
  checkBoundInput(input, 2)
  const epsilon = input.epsilons.secrecy / 19
  const { key, test, singleErrorsUpper, terms } = estimates(input, epsilon)
  const observed = observedRate(singleErrorsUpper, test.singleLower)
  const deviation = gammaDeviation(observed, test.singleLower, key.singleLower, epsilon)
  const phaseError = clipped(observed + deviation, 0, 0.5)
  // Vacuum and single-photon detections are different ones: together at most all of them.
  const total = sumOf(input.counts.key.detections)
  const vacuum = Math.min(key.vacuumLower, total - key.singleLower)
  const hiddenBits = vacuum + key.singleLower * (1 - binaryEntropy(phaseError))
  const verificationBits = verificationCharge(input)
  const securityBits = 6 * Math.log2(19 / input.epsilons.secrecy)
  const lengthBits = hiddenBits - input.leakBits - verificationBits - securityBits
  return {
    bound: 'rusca-2018',
    secretBits: wholeLength(lengthBits),
    phaseError,
    terms: {
      ...terms,
      phaseErrorObserved: observed,
      phaseErrorDeviation: deviation,
      phaseError,
      hiddenBits,
      leakBits: input.leakBits,
      verificationBits,
      securityBits,
      lengthBits,
    },
  }
}

/** The error rate of single photons in the test basis; 1/2 where nothing is known of them. */
export const observedRate = (errorsUpper: number, singleLower: number): number =>
  singleLower > 0 ? Math.min(0.5, errorsUpper / singleLower) : 0.5

/**
 * How much more the key basis may differ than the test basis did, except with probability ε.
 *
 * @see Serfling, Ann. Stat. 2 (1974)
 */
export function serflingDeviation(sample: number, rest: number, epsilon: number): number {
  if (sample <= 0 || rest <= 0) return 0.5
  const spread = ((sample + rest) / (sample * rest)) * ((sample + 1) / sample)
  return Math.sqrt(spread * Math.log(1 / epsilon))
}

/**
 * The same by Fung, Ma and Chau as Lim et al. use it: γ(ε, b, c, d), tighter for small rates b.
 *
 * For b = 0 its limit, 0, is no bound at all; one error is assumed instead.
 */
export function gammaDeviation(
  rate: number,
  sample: number,
  rest: number,
  epsilon: number,
): number {
  if (sample <= 0 || rest <= 0) return 0.5
  const b = Math.min(0.5, Math.max(rate, 1 / (sample + 1)))
  const spread = ((sample + rest) * (1 - b) * b) / (sample * rest * Math.LN2)
  const bits = Math.log2((sample + rest) / (sample * rest * (1 - b) * b * epsilon * epsilon))
  return bits > 0 ? Math.sqrt(spread * bits) : 0
}

function estimates(input: BoundInput, epsilon: number) {
  const { counts, intensities } = input
  const key = photonNumbers(counts.key, intensities, epsilon)
  const test = photonNumbers(counts.test, intensities, epsilon)
  const [signal, decoy] = intensities
  const tau1 = photonProbability(intensities, 1)
  const { errors } = counts.test
  const errorSpread = hoeffding(sumOf(errors), epsilon)
  const more = weight(signal) * Math.min(sumOf(errors), errors[0] + errorSpread)
  const less = weight(decoy) * Math.max(0, errors[1] - errorSpread)
  const slope = tau1 / (signal.meanPhotonNumber - decoy.meanPhotonNumber)
  const singleErrorsUpper = clipped(slope * (more - less), 0, sumOf(errors))
  const terms = {
    epsilon,
    tau0: photonProbability(intensities, 0),
    tau1,
    keyDetections: sumOf(counts.key.detections),
    testDetections: sumOf(counts.test.detections),
    keyVacuumLower: key.vacuumLower,
    keyVacuumUpper: key.vacuumUpper,
    keySingleLower: key.singleLower,
    testVacuumUpper: test.vacuumUpper,
    testSingleLower: test.singleLower,
    testSingleErrorsUpper: singleErrorsUpper,
  }
  return { key, test, singleErrorsUpper, terms }
}

function photonNumbers(
  { detections, errors }: BasisCounts,
  intensities: BoundInput['intensities'],
  epsilon: number,
): Estimates {
  const [signal, decoy] = intensities
  const [mu1, mu2] = [signal.meanPhotonNumber, decoy.meanPhotonNumber]
  const total = sumOf(detections)
  const totalErrors = sumOf(errors)
  const spread = hoeffding(total, epsilon)
  const errorSpread = hoeffding(totalErrors, epsilon)
  const tau0 = photonProbability(intensities, 0)
  const tau1 = photonProbability(intensities, 1)
  const signalUpper = weight(signal) * Math.min(total, detections[0] + spread)
  const decoyLower = weight(decoy) * Math.max(0, detections[1] - spread)

  // An empty pulse gives a random bit: half of them are errors, so errors bound them from above.
  const vacuumFrom = (at: 0 | 1): number => {
    const upper = Math.min(totalErrors, errors[at] + errorSpread)
    return 2 * (tau0 * weight(intensities[at]) * upper + spread)
  }
  const vacuumUpper = clipped(Math.min(vacuumFrom(0), vacuumFrom(1)), 0, total)
  const vacuumLower = (tau0 / (mu1 - mu2)) * (mu1 * decoyLower - mu2 * signalUpper)
  const ratio = (mu2 / mu1) ** 2
  const single = decoyLower - ratio * signalUpper - ((1 - ratio) * vacuumUpper) / tau0
  return {
    vacuumUpper,
    vacuumLower: clipped(vacuumLower, 0, total),
    singleLower: clipped(((tau1 * mu1) / (mu2 * (mu1 - mu2))) * single, 0, total),
  }
}

/** e^μ / p: what one detection of this intensity stands for. */
const weight = (intensity: BoundInput['intensities'][number]): number =>
  Math.exp(intensity.meanPhotonNumber) / intensity.probability
