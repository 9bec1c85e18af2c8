/**
 * The bound for single photons, and so for entangled pairs after squashing: no multi-photon pulses.
 *
 * Refuses weak coherent pulses, for which it would promise up to 3.4 times the key there is.
 *
 * @see Tomamichel, Lim, Gisin, Renner, Nat. Commun. 3, 634 (2012), Eqs. (1)–(2)
 * @module
 */

import { QkdRefusal } from '../refusal.ts'
import {
  sumOf,
  verificationCharge,
  wholeLength,
  type BoundInput,
  type KeyLength,
} from './counts.ts'
import { checkBoundInput } from './counts.ts'
import { binaryEntropy, clipped } from './entropy.ts'

/** What the pulses of a link are made of: weak ones in four states or in three, or one photon. */
export type PulseKind = 'weak-coherent' | 'three-states' | 'single-photon'

/**
 * ℓ by Tomamichel et al. 2012. `intensities` hold one element, whose photon number is not used.
 *
 * @throws QkdRefusal `BOUND_NOT_APPLICABLE` for weak coherent pulses
 */
export function tomamichel2012(input: BoundInput & { readonly pulses: PulseKind }): KeyLength {
  if (input.pulses !== 'single-photon') {
    throw new QkdRefusal(
      'BOUND_NOT_APPLICABLE',
      'Expected single photons, got weak coherent pulses',
    )
  }
  checkBoundInput(input, 1)
  const { counts, epsilons, leakBits } = input
  const n = sumOf(counts.key.detections)
  const k = sumOf(counts.test.detections)
  const observed = k > 0 ? sumOf(counts.test.errors) / k : 0.5
  const spread = ((n + k) / (n * k)) * ((k + 1) / k) * Math.log(4 / epsilons.secrecy)
  const deviation = n > 0 && k > 0 ? Math.sqrt(spread) : 0.5
  const phaseError = clipped(observed + deviation, 0, 0.5)
  const hiddenBits = n * (1 - binaryEntropy(phaseError))
  const verificationBits = verificationCharge(input)
  // log₂(2 / (ε_sec² ε_cor)), of which log₂(2 / ε_cor) is the verification tag.
  const securityBits = 2 * Math.log2(1 / epsilons.secrecy)
  const lengthBits = hiddenBits - leakBits - verificationBits - securityBits
  return {
    bound: 'tomamichel-2012',
    secretBits: wholeLength(lengthBits),
    phaseError,
    terms: {
      keyDetections: n,
      testDetections: k,
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
