/**
 * One block over a channel that changes while it is collected, such as a satellite's pass.
 *
 * Counts of all stretches are added up before the bound is applied, as an engine would; that is
 * sound for any mixture, since Eve may vary the channel as she likes.
 *
 * @module
 */

import type { PulseSettings } from '#optics'
import {
  sumOf,
  type BlockCounts,
  type BoundName,
  type Epsilons,
  type KeyLength,
} from '../bounds/counts.ts'
import { binaryEntropy } from '../bounds/entropy.ts'
import { keyLength } from '../bounds/length.ts'
import { QkdRefusal } from '../refusal.ts'
import type { PulseExpectations } from './expected-block.ts'

/** A stretch of time in which the channel is the same. */
export interface Stretch {
  readonly seconds: number
  readonly pulses: PulseExpectations
}

export interface VaryingBlock {
  readonly counts: BlockCounts
  readonly seconds: number
  readonly siftedBits: number
  readonly keyErrorRate: number
  /** f·n·h(Q). */
  readonly leakBits: number
  readonly keyLength: KeyLength
}

/** Adds the stretches up and applies the bound. @throws QkdRefusal */
export function varyingBlock(input: {
  readonly settings: PulseSettings
  readonly stretches: readonly Stretch[]
  readonly bound: BoundName
  readonly epsilons: Epsilons
  /** f of error correction. */
  readonly efficiency: number
}): VaryingBlock {
  const { settings, stretches, bound, epsilons, efficiency } = input
  const { intensities, keyBasisProbability, clockHz } = settings
  const { transmitter, receiver } = keyBasisProbability
  if (!(efficiency >= 1) || stretches.some(({ pulses }) => pulses.length !== intensities.length)) {
    throw new QkdRefusal('COUNTS_IMPOSSIBLE', 'Expected stretches of one link, and f of 1 or more')
  }
  const added = (basis: 'Z' | 'X', of: 'gain' | 'error', share: number): readonly number[] =>
    intensities.map(({ probability }, at) => {
      const sum = stretches.reduce((all, one) => all + one.seconds * one.pulses[at][basis][of], 0)
      return sum * clockHz * share * probability
    })
  const counted = (basis: 'Z' | 'X', share: number) => ({
    detections: added(basis, 'gain', share),
    errors: added(basis, 'error', share),
  })
  const counts = {
    key: counted('Z', transmitter * receiver),
    test: counted('X', (1 - transmitter) * (1 - receiver)),
  }
  const siftedBits = sumOf(counts.key.detections)
  const keyErrorRate = siftedBits > 0 ? sumOf(counts.key.errors) / siftedBits : 0.5
  const leakBits = efficiency * siftedBits * binaryEntropy(keyErrorRate)
  return {
    counts,
    seconds: stretches.reduce((all, one) => all + one.seconds, 0),
    siftedBits,
    keyErrorRate,
    leakBits,
    keyLength: keyLength(bound, { counts, intensities, epsilons, leakBits }),
  }
}
