/**
 * The key length of a block by the bound that the link has chosen, and the words for its terms.
 *
 * @module
 */

import type { PulseSettings } from '#optics'
import { QkdRefusal } from '../refusal.ts'
import type { BoundInput, BoundName, KeyLength } from './counts.ts'
import { rusca2018, wiesemann2024 } from './one-decoy.ts'
import { tomamichel2012, type PulseKind } from './single-photon.ts'
import { threeState } from './three-state.ts'
import { lim2014 } from './two-decoy.ts'

/**
 * Bounds by which an engine may make keys: the first three from decoys in four states, then from one
 * decoy in three states, and from entangled pairs.
 */
export const BLOCK_BOUNDS = [
  'wiesemann-2024',
  'rusca-2018',
  'lim-2014',
  'three-state',
  'tomamichel-2012',
] as const

/** One of them. */
export type BlockBound = (typeof BLOCK_BOUNDS)[number]

/** What a bound may take the detections of a link for. */
export const pulseKindOf = ({ source }: PulseSettings): PulseKind =>
  source === 'entangled-pairs' ? 'single-photon' : (source ?? 'weak-coherent')

/** Intensities that a bound needs. */
export const intensitiesFor = (bound: BlockBound): 1 | 2 | 3 => INTENSITIES[bound]

const INTENSITIES = {
  'wiesemann-2024': 2,
  'rusca-2018': 2,
  'lim-2014': 3,
  'three-state': 2,
  'tomamichel-2012': 1,
} as const satisfies Record<BlockBound, number>

/**
 * ℓ of one block.
 *
 * @param input.pulses  weak coherent pulses in four states if left out: no key is made of them by a
 *   bound for anything else because somebody forgot to say what they are
 * @throws QkdRefusal `COUNTS_IMPOSSIBLE`, or `BOUND_NOT_APPLICABLE`, which pulses of another kind are
 */
export function keyLength(
  bound: BoundName,
  input: BoundInput & { readonly pulses?: PulseKind },
): KeyLength {
  const { pulses = 'weak-coherent' } = input
  if (bound !== 'asymptotic-lo-ma' && kindFor(bound) !== pulses) {
    throw new QkdRefusal('BOUND_NOT_APPLICABLE', 'Expected a bound for these pulses', {
      facts: { bound, pulses },
    })
  }
  switch (bound) {
    case 'wiesemann-2024':
      return wiesemann2024(input)
    case 'rusca-2018':
      return rusca2018(input)
    case 'lim-2014':
      return lim2014(input)
    case 'three-state':
      return threeState(input)
    case 'tomamichel-2012':
      return tomamichel2012({ ...input, pulses })
    case 'asymptotic-lo-ma':
      throw new QkdRefusal('BOUND_NOT_APPLICABLE', 'Expected a finite-key bound for decoy states', {
        facts: { bound },
      })
  }
}

/** What a bound takes the detections for. */
export const kindFor = (bound: BlockBound): PulseKind => KINDS[bound]

const KINDS = {
  'wiesemann-2024': 'weak-coherent',
  'rusca-2018': 'weak-coherent',
  'lim-2014': 'weak-coherent',
  'three-state': 'three-states',
  'tomamichel-2012': 'single-photon',
} as const satisfies Record<BlockBound, PulseKind>

/** What each term of a `KeyLength` is, for `link explain`. */
export const termMeanings: Readonly<Record<string, string>> = {
  epsilon: 'failure probability granted to each single estimate',
  tau0: 'τ₀: probability that a pulse is empty',
  tau1: 'τ₁: probability that a pulse holds one photon',
  keyDetections: 'n: detections in the key basis',
  testDetections: 'k: detections in the test basis',
  keyVacuumLower: 's₀⁻: at least so many key detections came from empty pulses',
  keyVacuumUpper: 's₀⁺: at most so many key detections came from empty pulses',
  keySingleLower: 's₁⁻: at least so many key detections came from single photons',
  testVacuumLower: 's₀⁻ in the test basis',
  testVacuumUpper: 's₀⁺ in the test basis',
  testSingleLower: 's₁⁻ in the test basis',
  testSingleErrorsUpper: 'v₁⁺: at most so many single photons of the test basis were errors',
  crossedDetections: 'key states measured in the test basis, and + seen',
  plusVacuumUpper: 's₀⁺ of + sent and measured in the test basis',
  wrongUpper: 'at most so many single photons sent as + were seen as −',
  crossedUpper: 'at most so many single photons sent as key states were seen as +',
  rightLower: 'at least so many single photons sent as + were seen as +',
  wrongInKey: 'the same as −, carried over to the key',
  crossedInKey: 'the same of key states, carried over to the key',
  rightInKey: 'the same as +, carried over to the key',
  minusInKey: 'phase errors of −, which is never sent',
  phaseErrors: 'phase errors among the single photons of the key, upper bound',
  phaseErrorObserved: 'v₁⁺ / s₁⁻ of the test basis',
  phaseErrorDeviation: 'how much worse the key basis may be by bad luck of sampling',
  phaseError: 'phase error rate, upper bound',
  hiddenBits: 'bits that Eve cannot know: single photons, shortened by their phase errors',
  leakBits: 'bits revealed to correct errors',
  verificationBits: 'bits revealed to verify',
  securityBits: 'price of the secrecy ε',
  lengthBits: 'what is left, before it is floored to ℓ',
}
