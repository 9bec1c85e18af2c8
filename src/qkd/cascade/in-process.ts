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
import { CascadeTransmitter, type StripSetting } from './transmitter.ts'

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

/** What a run over a slow channel came to. */
export interface DelayedRun {
  /** Sifted bits corrected, over the time that passed on the model's clock. */
  readonly bitsPerSecond: number
  /** Strips that are under way at once. */
  readonly stripsInFlight: number
}

/**
 * Models two machines with a channel between them: each step of each end takes the time it really
 * takes, and each message arrives half a round trip later. Strips are corrected over and over.
 *
 * @param strips   how many to correct, `inFlight` of them at a time
 * @param nowMs    a clock for measuring how long a step takes
 */
export function reconcileOverDelay(input: {
  readonly transmitter: Int32Array
  readonly receiver: Int32Array
  readonly setting: StripSetting
  readonly strips: number
  readonly inFlight: number
  readonly roundTripMs: number
  readonly nowMs: () => number
}): DelayedRun {
  const { setting, strips, inFlight, roundTripMs, nowMs } = input
  const free = { alice: 0, bob: 0 }
  const due: { readonly atMs: number; readonly act: (atMs: number) => void }[] = []
  let begun = 0
  let endMs = 0
  /** Runs a step at one end as soon as that end is free; returns when its message arrives. */
  const spend = (end: 'alice' | 'bob', atMs: number, step: () => void): number => {
    const startMs = nowMs()
    step()
    free[end] = Math.max(free[end], atMs) + (nowMs() - startMs)
    return free[end] + roundTripMs / 2
  }
  const begin = (atMs: number): void => {
    if (begun++ >= strips) return
    let alice: CascadeTransmitter | undefined
    let bob: CascadeReceiver | undefined
    let message: Uint8Array = new Uint8Array(0)
    const ask = (atBob: number): void => {
      const arrives = spend('bob', atBob, () => {
        bob ??= new CascadeReceiver(input.receiver.slice(), setting)
        message = bob.rounds === 0 ? bob.start() : bob.next(message)
      })
      due.push({ atMs: arrives, act: answer })
      if (bob?.done !== true) return
      endMs = Math.max(endMs, free.bob)
      begin(free.bob)
    }
    const answer = (atAlice: number): void => {
      const arrives = spend('alice', atAlice, () => {
        alice ??= new CascadeTransmitter(input.transmitter, setting)
        message = alice.answer(message)
      })
      if (alice?.done !== true) due.push({ atMs: arrives, act: ask })
    }
    due.push({ atMs, act: ask })
  }
  for (let strip = 0; strip < inFlight; strip++) begin(0)
  for (;;) {
    let first = 0
    for (let at = 1; at < due.length; at++) if (due[at].atMs < due[first].atMs) first = at
    if (due.length === 0) break
    const [{ atMs, act }] = due.splice(first, 1)
    act(atMs)
  }
  const { frames, frameBits } = setting.shape
  const bitsPerSecond = (1000 * strips * frames * frameBits) / endMs
  return { bitsPerSecond, stripsInFlight: inFlight }
}

/** A copy as words. */
function wordsOf({ octets }: Bits): Int32Array {
  const words = new Int32Array(Math.ceil(octets.length / 4))
  new Uint8Array(words.buffer).set(octets)
  return words
}
