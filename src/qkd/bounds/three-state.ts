/**
 * The bound for three-state BB84 with one decoy: two states of the key basis and one, `+`, of the
 * test basis.
 *
 * The missing state `−` is made up for by arithmetic. For single photons the even mixture of both
 * key states is that of `+` and `−`, so what `−` would have done is twice what the key states did,
 * less what `+` did, all measured in the test basis. Phase errors of the key are therefore
 *
 *   (`−` seen when `+` was sent) + 2·(`+` seen when a key state was sent) − (`+` seen when `+` was)
 *
 * each carried over from the rounds that were tested to those that became key. Each of the three
 * counts of single photons is bounded by the decoy for itself, and the difference of two nearly
 * equal ones magnifies what is loose in it: so this bound wants a weak decoy and large blocks. A
 * shorter evaluation leaves the last two terms out, taking it that no channel favours `+`; a channel
 * that makes `+` of everything would pass it.
 *
 * Both key states together see `+` at least as often as `+` does for its half of them. Counts in
 * which they do not, beyond chance, have no explanation: no key is made of them.
 *
 * Assumed: pulses with random phase whose states are exactly the three, chosen independently of
 * intensity; detection whose probability does not depend on the receiver's basis; a random bit for
 * each double click. The key length follows from the phase error by complementarity, so the hash
 * has to be dual-universal: `toeplitz`, not `modular`.
 *
 * @see Tamaki, Curty, Kato, Lo, Azuma, Phys. Rev. A 90, 052314 (2014) for the arithmetic; Rusca et
 *   al., Appl. Phys. Lett. 112, 171104 (2018) for the decoy; Koashi, New J. Phys. 11, 045018 (2009),
 *   and Hayashi, Tsurumaru, New J. Phys. 14, 093014 (2012) for ε_sec = √2·√(ε_PA + ε_phase); Boaron
 *   et al., PRL 121, 190502 (2018) for the protocol
 * @module
 */

import type { Intensity } from '#optics'
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

/**
 * ℓ of one block of three-state BB84 with one decoy.
 *
 * Takes `crossedZeros` and `keyBasisProbability` beside what every bound takes; bit 0 of the test
 * basis is `+`.
 *
 * @throws QkdRefusal `COUNTS_IMPOSSIBLE`; `BOUND_NOT_APPLICABLE` unless there are two intensities, and
 *   where what it takes beside is left out
 */
export function threeState(input: BoundInput): KeyLength {
  const { counts, intensities } = input
  const { crossedSeenPlus, keyBasisProbability } = checked(input)
  const seenMinus = counts.test.errors
  const seenPlus = counts.test.detections.map((n, at) => n - seenMinus[at])
  const epsilon = input.epsilons.secrecy ** 2 / (4 * ESTIMATES)
  const tau0 = photonProbability(intensities, 0)
  const { transmitter: pZ, receiver: qZ } = keyBasisProbability
  // Of `+` as a state: tested, or a key state's half that was measured in the key basis.
  const tested = (1 - pZ) * (1 - qZ)
  const plusTested = tested / (tested + (pZ * qZ) / 2)

  const keyVacuumUpper = vacuumFromErrors(counts.key, intensities, epsilon)
  const plusVacuumUpper = restUpper(keyVacuumUpper, (pZ * qZ) / (pZ * qZ + tested), epsilon)
  const keySingleLower = singlesLower(counts.key.detections, intensities, keyVacuumUpper, epsilon)
  const wrongUpper = singlesUpper(seenMinus, intensities, epsilon)
  const crossedUpper = singlesUpper(crossedSeenPlus, intensities, epsilon)
  const rightLower = singlesLower(seenPlus, intensities, plusVacuumUpper, epsilon)

  const wrongInKey = restUpper(wrongUpper, plusTested, epsilon)
  const crossedInKey = restUpper(crossedUpper, 1 - qZ, epsilon)
  const rightInKey = restLower(rightLower, plusTested, epsilon)
  const minusInKey = crossedInKey - rightInKey
  const phaseErrors = wrongInKey + minusInKey
  const explained = keySingleLower > 0 && minusInKey >= 0
  const phaseError = explained ? clipped(phaseErrors / keySingleLower, 0, 0.5) : 0.5
  const hiddenBits = keySingleLower * (1 - binaryEntropy(phaseError))
  const verificationBits = verificationCharge(input)
  const securityBits = 2 * Math.log2(2 / input.epsilons.secrecy)
  const lengthBits = hiddenBits - input.leakBits - verificationBits - securityBits
  return {
    bound: 'three-state',
    secretBits: wholeLength(lengthBits),
    phaseError,
    terms: {
      epsilon,
      tau0,
      tau1: photonProbability(intensities, 1),
      keyDetections: sumOf(counts.key.detections),
      testDetections: sumOf(counts.test.detections),
      crossedDetections: sumOf(crossedSeenPlus),
      keyVacuumUpper,
      plusVacuumUpper,
      keySingleLower,
      wrongUpper,
      crossedUpper,
      rightLower,
      wrongInKey,
      crossedInKey,
      rightInKey,
      minusInKey,
      phaseErrors,
      phaseError,
      hiddenBits,
      leakBits: input.leakBits,
      verificationBits,
      securityBits,
      lengthBits,
    },
  }
}

function checked(input: BoundInput) {
  checkBoundInput(input, 2)
  const { counts, keyBasisProbability } = input
  const { crossedZeros } = counts
  if (crossedZeros === undefined || keyBasisProbability === undefined) {
    throw new QkdRefusal(
      'BOUND_NOT_APPLICABLE',
      'Expected key states that were measured in the test basis, and the shares of both bases',
    )
  }
  const crossed = { detections: crossedZeros, errors: counts.test.errors.map(() => 0) }
  checkBoundInput({ ...input, counts: { key: counts.key, test: crossed } }, 2)
  for (const share of [keyBasisProbability.transmitter, keyBasisProbability.receiver]) {
    if (!(share > 0 && share < 1)) throw impossible('a share of the key basis between 0 and 1')
  }
  return { crossedSeenPlus: crossedZeros, keyBasisProbability }
}

const impossible = (expected: string): QkdRefusal =>
  new QkdRefusal('COUNTS_IMPOSSIBLE', `Expected counts of one block: ${expected}`)

/** e^μ/p times a count moved by its spread towards more or less; at least 0. */
function weighed(
  counts: readonly number[],
  at: 0 | 1,
  towards: 1 | -1,
  { intensities, epsilon }: { intensities: readonly Intensity[]; epsilon: number },
): number {
  const total = sumOf(counts)
  const { meanPhotonNumber, probability } = intensities[at]
  const moved = clipped(counts[at] + towards * hoeffding(total, epsilon), 0, total)
  return (Math.exp(meanPhotonNumber) / probability) * moved
}

/** An empty pulse of the key basis gives a random bit, so half of its detections are errors. */
function vacuumFromErrors(
  { detections, errors }: BasisCounts,
  intensities: readonly Intensity[],
  epsilon: number,
): number {
  const tau0 = photonProbability(intensities, 0)
  const spread = hoeffding(sumOf(detections), epsilon)
  const least = Math.min(
    ...([0, 1] as const).map((at) => weighed(errors, at, 1, { intensities, epsilon })),
  )
  return clipped(2 * (tau0 * least + spread), 0, sumOf(detections))
}

/** At least so many of these counts came from single photons. @see Rusca et al. 2018 */
function singlesLower(
  counts: readonly number[],
  intensities: readonly Intensity[],
  vacuumUpper: number,
  epsilon: number,
): number {
  const [mu1, mu2] = intensities.map(({ meanPhotonNumber }) => meanPhotonNumber)
  const ratio = (mu2 / mu1) ** 2
  const signal = weighed(counts, 0, 1, { intensities, epsilon })
  const decoy = weighed(counts, 1, -1, { intensities, epsilon })
  const vacuum = vacuumUpper / photonProbability(intensities, 0)
  const inner = decoy - ratio * signal - (1 - ratio) * vacuum
  const slope = (photonProbability(intensities, 1) * mu1) / (mu2 * (mu1 - mu2))
  return clipped(slope * inner, 0, sumOf(counts))
}

/**
 * At most so many: all that the decoy saw, as if it held no more than one photon; or what signal
 * and decoy differ by.
 */
function singlesUpper(
  counts: readonly number[],
  intensities: readonly Intensity[],
  epsilon: number,
): number {
  const [mu1, mu2] = intensities.map(({ meanPhotonNumber }) => meanPhotonNumber)
  const setting = { intensities, epsilon }
  const alone = weighed(counts, 1, 1, setting) / mu2
  const apart = (weighed(counts, 0, 1, setting) - weighed(counts, 1, -1, setting)) / (mu1 - mu2)
  const tau1 = photonProbability(intensities, 1)
  return clipped(tau1 * Math.min(alone, Math.max(0, apart)), 0, sumOf(counts))
}

/**
 * Each event of M falls among the seen with probability p; k were seen at most. So many are among
 * the rest, at most, except with probability ε: k ≥ p·M − √(M·ln(1/ε)/2), solved for M.
 */
function restUpper(seen: number, probability: number, epsilon: number): number {
  const c = Math.sqrt(Math.log(1 / epsilon) / 2)
  const root = (c + Math.sqrt(c * c + 4 * probability * seen)) / (2 * probability)
  return root * root - seen
}

/** The same from below: k were seen at least. */
function restLower(seen: number, probability: number, epsilon: number): number {
  const c = Math.sqrt(Math.log(1 / epsilon) / 2)
  const root = (-c + Math.sqrt(c * c + 4 * probability * seen)) / (2 * probability)
  return Math.max(0, root * root - seen)
}

/**
 * Estimates that may fail: five for the key's single photons, three for each upper bound, two for
 * the lower one, one for empty pulses, three for what is carried over.
 */
const ESTIMATES = 17
