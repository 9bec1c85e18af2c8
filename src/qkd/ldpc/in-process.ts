/**
 * One-way correction of both ends in one process, for measurements and studies: no channel.
 *
 * @module
 */

import { assert, octetsFor, type Bits } from '#base'
import { SyndromeDecoder, SyndromeTeller } from './frames.ts'
import { codingFor, type Coding } from './plan.ts'

/** What came of a one-way correction. */
export interface OneWayCorrection extends Coding {
  /** The receiver's bits; frames that were decoded are the transmitter's but for rare ones. */
  readonly corrected: Bits
  /** Bits of all syndromes. */
  readonly leakBits: number
  /** Frames that were not decoded and are as they were. */
  readonly undecoded: readonly number[]
}

/** Corrects `receiver` to `transmitter`, as the engines do frame by frame. */
export function correctOneWay(input: {
  readonly transmitter: Bits
  readonly receiver: Bits
  /** Expected; decides how much is told. */
  readonly errorRate: number
  /** Detections from which that was estimated. */
  readonly sample: number
}): OneWayCorrection {
  const { transmitter, receiver, errorRate, sample } = input
  assert(transmitter.length === receiver.length, 'both ends hold equally many bits')
  const coding = codingFor(receiver.length, errorRate, sample)
  const own = wordsOf(receiver)
  const teller = new SyndromeTeller(wordsOf(transmitter), coding)
  const run = new SyndromeDecoder(own, coding, errorRate)
  for (let frame = 0; frame < coding.frames; frame++) run.take(teller.tell(frame))
  const octets = new Uint8Array(own.buffer, 0, octetsFor(receiver.length))
  const { leakBits, undecoded } = run
  return { ...coding, corrected: { length: receiver.length, octets }, leakBits, undecoded }
}

/** A copy as words. */
function wordsOf({ octets }: Bits): Int32Array {
  const words = new Int32Array(Math.ceil(octets.length / 4))
  new Uint8Array(words.buffer).set(octets)
  return words
}
