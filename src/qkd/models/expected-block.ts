/**
 * The block that a decoy-state link gives on average, and the key that a bound allows for it.
 *
 * Takes the expectations of a link, fills a block with them, and applies the very bound that the
 * engine applies to measured counts. Says nothing of how much a real block scatters, and charges
 * f·n·h(Q) for error correction, which the engine counts instead.
 *
 * @see Lim et al., Phys. Rev. A 89, 022307 (2014), section V, for the way to evaluate a bound
 * @module
 */

import type { CrossedExpectation, PulseExpectation, PulseSettings } from '#optics'
import type { BlockCounts, Epsilons, KeyLength } from '../bounds/counts.ts'
import { sumOf } from '../bounds/counts.ts'
import { binaryEntropy } from '../bounds/entropy.ts'
import { keyLength, pulseKindOf } from '../bounds/length.ts'
import type { BoundName } from '../bounds/counts.ts'
import { QkdRefusal } from '../refusal.ts'

/** Of each intensity, brightest first: what a pulse does if both ends have this basis. */
export type PulseExpectations = readonly {
  readonly Z: PulseExpectation
  readonly X: PulseExpectation
  /** Key states measured in the test basis, where there are three states. Left out: even odds. */
  readonly crossed?: CrossedExpectation
}[]

export interface BlockModel {
  readonly settings: PulseSettings
  readonly pulses: PulseExpectations
  /** Z is the key basis; X is tested. */
  readonly bound: BoundName
  readonly epsilons: Epsilons
  /** Sifted key-basis bits of one block. */
  readonly blockBits: number
  /** f: bits leaked by error correction over n·h(Q). */
  readonly efficiency: number
  /** Bits of verification tags; left out, what the papers charge. */
  readonly verificationBits?: number
}

/** A block on average. Counts are expectations and need not be whole. */
export interface ExpectedBlock {
  readonly counts: BlockCounts
  readonly keyErrorRate: number
  readonly testErrorRate: number
  /** f·n·h(Q). */
  readonly leakBits: number
  readonly keyLength: KeyLength
  /** Pulses sent until the block is full. */
  readonly pulsesSent: number
  readonly seconds: number
  readonly siftedBitsPerSecond: number
  readonly secretBitsPerSecond: number
  readonly secretBitsPerPulse: number
}

/**
 * Fills a block with expectations and applies the bound.
 *
 * @throws QkdRefusal `COUNTS_IMPOSSIBLE` if nothing is ever detected in the key basis or f < 1,
 *   `BOUND_NOT_APPLICABLE`
 */
export function expectedBlock(model: BlockModel): ExpectedBlock {
  const { settings, pulses, blockBits, efficiency } = model
  const { intensities, keyBasisProbability, clockHz } = settings
  const { transmitter, receiver } = keyBasisProbability
  const sifted = { Z: transmitter * receiver, X: (1 - transmitter) * (1 - receiver) }
  const perPulse = (basis: 'Z' | 'X', of: keyof PulseExpectation): readonly number[] =>
    pulses.map((pulse, at) => sifted[basis] * intensities[at].probability * pulse[basis][of])
  const keyPerPulse = sumOf(perPulse('Z', 'gain'))
  if (pulses.length !== intensities.length || !(keyPerPulse > 0)) {
    throw new QkdRefusal('COUNTS_IMPOSSIBLE', 'Expected a link that detects something')
  }
  if (!(efficiency >= 1 && efficiency < Infinity && blockBits > 0)) {
    throw new QkdRefusal('COUNTS_IMPOSSIBLE', 'Expected an efficiency of 1 or more, and a block')
  }
  const pulsesSent = blockBits / keyPerPulse
  const counted = (basis: 'Z' | 'X') => ({
    detections: perPulse(basis, 'gain').map((share) => share * pulsesSent),
    errors: perPulse(basis, 'error').map((share) => share * pulsesSent),
  })
  const crossed = pulses.map((pulse, at) => {
    const { zero } = pulse.crossed ?? { zero: pulse.Z.gain / 2 }
    return pulsesSent * transmitter * (1 - receiver) * intensities[at].probability * zero
  })
  const threeStates = settings.source === 'three-states'
  const counts = {
    ...{ key: counted('Z'), test: counted('X') },
    ...(threeStates ? { crossedZeros: crossed } : {}),
  }
  const keyErrorRate = sumOf(counts.key.errors) / sumOf(counts.key.detections)
  const tested = sumOf(counts.test.detections)
  const leakBits = efficiency * blockBits * binaryEntropy(keyErrorRate)
  const { epsilons, verificationBits } = model
  const length = keyLength(model.bound, {
    counts,
    intensities,
    epsilons,
    leakBits,
    keyBasisProbability,
    pulses: pulseKindOf(settings),
    ...(verificationBits === undefined ? {} : { verificationBits }),
  })
  const seconds = pulsesSent / clockHz
  return {
    counts,
    keyErrorRate,
    testErrorRate: tested > 0 ? sumOf(counts.test.errors) / tested : 0.5,
    leakBits,
    keyLength: length,
    pulsesSent,
    seconds,
    siftedBitsPerSecond: blockBits / seconds,
    secretBitsPerSecond: length.secretBits / seconds,
    secretBitsPerPulse: length.secretBits / pulsesSent,
  }
}
