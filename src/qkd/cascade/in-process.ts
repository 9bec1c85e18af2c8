/**
 * Both ends of Cascade in one process, for measurements and studies: no channel, no authentication.
 *
 * @module
 */

import { assert, octetsFor, type Bits } from '#base'
import type { Orders } from './permutation.ts'
import { cutInto, planFor, stripsOf, type Plan } from './plan.ts'
import { CascadeReceiver } from './receiver.ts'
import { sliceFrames, STRIP_FRAMES_MAX, unsliceFrames } from './slices.ts'
import { CascadeTransmitter } from './transmitter.ts'

/** What came of a reconciliation. */
export interface Reconciliation {
  /** The receiver's bits after correction; equal to the transmitter's but for rare frames. */
  readonly corrected: Bits
  /** Parities revealed. */
  readonly leakBits: number
  readonly frames: number
  readonly frameBits: number
  /** Questions of the strip that asked most: round trips, if all strips run side by side. */
  readonly rounds: number
  readonly questionOctets: number
  readonly answerOctets: number
}

/** Corrects `receiver` to `transmitter`, as the engines do strip by strip. */
export function reconcileInProcess(input: {
  readonly transmitter: Bits
  readonly receiver: Bits
  /** Expected; decides the plan. */
  readonly errorRate: number
  readonly frameBits: number
  readonly orders: Orders
  /** In place of the plan for that rate. */
  readonly plan?: Plan
}): Reconciliation {
  const { transmitter, receiver, orders } = input
  assert(transmitter.length === receiver.length, 'both ends hold equally many bits')
  const cut = cutInto(receiver.length, input.frameBits)
  const plan = input.plan ?? planFor(cut.frameBits, input.errorRate)
  const [own, peers] = [wordsOf(receiver), wordsOf(transmitter)]
  const sum = { leakBits: 0, rounds: 0, questionOctets: 0, answerOctets: 0 }
  for (let strip = 0; strip < stripsOf(cut); strip++) {
    const first = strip * STRIP_FRAMES_MAX
    const shape = {
      frames: Math.min(STRIP_FRAMES_MAX, cut.frames - first),
      frameBits: cut.frameBits,
    }
    const from = (first * cut.frameBits) / 32
    const to = from + (shape.frames * cut.frameBits) / 32
    const setting = { shape, plan, orders }
    const alice = new CascadeTransmitter(sliceFrames(peers.subarray(from, to), shape), setting)
    const bob = new CascadeReceiver(sliceFrames(own.subarray(from, to), shape), setting)
    for (let question = bob.start(); ;) {
      sum.questionOctets += question.length
      const answer = alice.answer(question)
      sum.answerOctets += answer.length
      if (bob.done) break
      question = bob.next(answer)
    }
    assert(alice.leakBits === bob.leakBits, 'both ends count the same parities')
    unsliceFrames(bob.corrected, shape, own.subarray(from, to))
    sum.leakBits += bob.leakBits
    sum.rounds = Math.max(sum.rounds, bob.rounds)
  }
  const octets = new Uint8Array(own.buffer, 0, octetsFor(receiver.length))
  return { corrected: { length: receiver.length, octets }, ...cut, ...sum }
}

/** A copy as words. */
function wordsOf({ octets }: Bits): Int32Array {
  const words = new Int32Array(Math.ceil(octets.length / 4))
  new Uint8Array(words.buffer).set(octets)
  return words
}
