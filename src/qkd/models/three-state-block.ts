/**
 * The block of three-state BB84 that a link gives on average.
 *
 * Key states measured in the test basis give either bit alike: the detectors are taken to be equal,
 * as everywhere in this model.
 *
 * @module
 */

import type { PulseSettings } from '#optics'
import { sumOf, type Epsilons, type KeyLength } from '../bounds/counts.ts'
import { binaryEntropy } from '../bounds/entropy.ts'
import { threeState, type ThreeStateCounts } from '../bounds/three-state.ts'
import { QkdRefusal } from '../refusal.ts'
import type { PulseExpectations } from './expected-block.ts'

/** A three-state block on average. */
export interface ThreeStateBlock {
  readonly counts: ThreeStateCounts
  readonly keyErrorRate: number
  readonly leakBits: number
  readonly keyLength: KeyLength
  readonly pulsesSent: number
  readonly seconds: number
  readonly secretBitsPerSecond: number
  readonly secretBitsPerPulse: number
}

/** Fills a block with expectations and applies the bound. @throws QkdRefusal */
export function threeStateBlock(model: {
  readonly settings: PulseSettings
  readonly pulses: PulseExpectations
  readonly epsilons: Epsilons
  /** Sifted key-basis bits of one block. */
  readonly blockBits: number
  /** f of error correction. */
  readonly efficiency: number
}): ThreeStateBlock {
  const { settings, pulses, epsilons, blockBits, efficiency } = model
  const { intensities, keyBasisProbability, clockHz } = settings
  const { transmitter: pZ, receiver: qZ } = keyBasisProbability
  const shared = (share: number, of: (pulse: PulseExpectations[number]) => number) =>
    pulses.map((pulse, at) => share * intensities[at].probability * of(pulse))
  const perPulse = {
    key: shared(pZ * qZ, ({ Z }) => Z.gain),
    keyErrors: shared(pZ * qZ, ({ Z }) => Z.error),
    seenPlus: shared((1 - pZ) * (1 - qZ), ({ X }) => X.gain - X.error),
    seenMinus: shared((1 - pZ) * (1 - qZ), ({ X }) => X.error),
    crossed: shared(pZ * (1 - qZ), ({ Z }) => Z.gain / 2),
  }
  if (!(sumOf(perPulse.key) > 0 && efficiency >= 1)) {
    throw new QkdRefusal('COUNTS_IMPOSSIBLE', 'Expected a link that detects something')
  }
  const pulsesSent = blockBits / sumOf(perPulse.key)
  const counted = (shares: readonly number[]) => shares.map((share) => share * pulsesSent)
  const counts: ThreeStateCounts = {
    key: { detections: counted(perPulse.key), errors: counted(perPulse.keyErrors) },
    plus: { seenPlus: counted(perPulse.seenPlus), seenMinus: counted(perPulse.seenMinus) },
    crossedSeenPlus: counted(perPulse.crossed),
  }
  const keyErrorRate = sumOf(counts.key.errors) / blockBits
  const leakBits = efficiency * blockBits * binaryEntropy(keyErrorRate)
  const keyLength = threeState({ counts, intensities, keyBasisProbability, epsilons, leakBits })
  const seconds = pulsesSent / clockHz
  return {
    counts,
    keyErrorRate,
    leakBits,
    keyLength,
    pulsesSent,
    seconds,
    secretBitsPerSecond: keyLength.secretBits / seconds,
    secretBitsPerPulse: keyLength.secretBits / pulsesSent,
  }
}
