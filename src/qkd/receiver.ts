/**
 * The post-processing of one block at the receiver, which corrects its string to the transmitter's.
 *
 * Asks for parities, compares hashes, counts the errors it found, and computes ℓ from them. Acts on
 * answers before they are authenticated: a wrong one makes a wrong string, which the hash refuses,
 * and whoever forged both is found by the tag that closes the phase.
 *
 * @module
 */

import { sameOctets } from '#base'
import { amplify, isSeed, type AmplificationShape } from './amplification.ts'
import {
  countDisclosed,
  countFrameHashes,
  countHash,
  judge,
  newTally,
  testFails,
  type BlockTally,
  type BlockWork,
  type Lane,
  type WorkPhase,
} from './block-work.ts'
import { cutInto, planFor, stripsOf, type Cut, type Plan } from './cascade/plan.ts'
import { CascadeReceiver } from './cascade/receiver.ts'
import { ROUNDS_MAX } from './cascade/transmitter.ts'
import { sliceFrames, STRIP_FRAMES_MAX, unsliceFrames, type StripShape } from './cascade/slices.ts'
import type { MessageOf, WorkMessage } from './messages.ts'
import { QkdRefusal } from './refusal.ts'
import type { SiftedBlock } from './sifted-block.ts'
import {
  blockHash,
  DISCLOSED_FRAMES_MAX,
  frameHashes,
  frameOf,
  framesThatDiffer,
  hashOctets,
} from './verification.ts'

type Stage =
  | 'sifted'
  | 'correcting'
  | 'comparing'
  | 'locating'
  | 'repairing'
  | 'estimating'
  | 'estimated'
  | 'seeded'
  | 'done'

/** One block at the receiver. */
export class ReceiverBlock implements BlockWork {
  readonly sifted: SiftedBlock
  readonly tally: BlockTally = newTally()
  readonly #lane: Lane
  readonly #sequence: number
  #stage: Stage = 'sifted'
  readonly #authentic = new Set<WorkPhase>()
  readonly #cut: Cut
  readonly #plan: Plan
  /** Own bits as they were detected, to count what was corrected. */
  #detected = new Int32Array(0)
  readonly #strips = new Map<number, CascadeReceiver>()
  #stripsEnded = 0
  /** Errors corrected so far. */
  #errors = 0
  #hashesSeen = 0
  #disclosing: readonly number[] = []
  #seed: Uint8Array | undefined

  constructor(sequence: number, sifted: SiftedBlock, lane: Lane) {
    this.#sequence = sequence
    this.sifted = sifted
    this.#lane = lane
    this.#cut = cutInto(sifted.key.length, lane.parameters.frameBits)
    const { reconciliation } = lane.parameters
    this.#plan = planFor(this.#cut.frameBits, expectedErrorRate(sifted, lane), reconciliation)
  }

  begin(): void {
    if (testFails(this.sifted, this.#lane.parameters)) {
      this.#lane.discard('qber-above-limit', 'quietly')
    } else {
      this.#lane.tag('sifting')
    }
  }

  message(message: WorkMessage): void {
    switch (message.kind) {
      case 'parities':
        this.#onParities(message)
        break
      case 'hash':
        this.#onHash(message)
        break
      case 'frameHashes':
        this.#onFrameHashes(message)
        break
      case 'disclosed':
        this.#onDisclosed(message)
        break
      case 'length':
        this.#onLength(message)
        break
      case 'seed':
        this.#onSeed(message)
        break
      case 'plan':
      case 'question':
      case 'corrected':
      case 'verdict':
      case 'disclose':
      case 'errors':
        // Only this end says these.
        throw outOfPhase(message.kind)
    }
  }

  expectsTag(phase: WorkPhase): boolean {
    if (this.#authentic.has(phase)) return false
    switch (phase) {
      case 'sifting':
        return this.#stage === 'sifted'
      case 'reconciliation':
        return this.#stage === 'estimating'
      case 'estimation':
        return this.#stage === 'estimated' && this.#authentic.has('reconciliation')
      case 'amplification':
        return this.#stage === 'seeded' && this.#authentic.has('estimation')
    }
  }

  tagged(phase: WorkPhase): void {
    this.#authentic.add(phase)
    if (phase === 'sifting') this.#startCorrecting()
    else if (phase === 'estimation') this.#lane.tag('estimation')
    else if (phase === 'amplification') this.#finish()
  }

  clear(): void {
    this.sifted.clear()
    this.#detected.fill(0)
    this.#strips.clear()
  }

  #startCorrecting(): void {
    this.#stage = 'correcting'
    this.#detected = this.sifted.key.used.slice()
    const { frames, frameBits } = this.#cut
    const { keptPasses } = this.#plan
    const blockBits = [...this.#plan.blockBits]
    this.#say({ kind: 'plan', block: this.#sequence, frames, frameBits, blockBits, keptPasses })
    const strips = Math.min(stripsOf(this.#cut), STRIPS_IN_FLIGHT_MAX)
    for (let strip = 0; strip < strips; strip++) this.#startStrip(strip)
  }

  #startStrip(strip: number): void {
    const shape = this.#shapeOf(strip)
    const run = new CascadeReceiver(sliceFrames(this.#wordsOf(strip, shape), shape), {
      shape,
      plan: this.#plan,
      orders: this.#lane.orders,
    })
    this.#strips.set(strip, run)
    this.#ask(strip, run.start())
  }

  #onParities({ strip, octets }: MessageOf<'parities'>): void {
    const run = this.#strips.get(strip)
    if (this.#stage !== 'correcting' || run === undefined) throw outOfPhase('parities')
    if (run.rounds >= ROUNDS_MAX - 1) {
      this.#lane.discard('rounds-exhausted')
      return
    }
    const before = run.leakBits
    const errors = run.errors
    const question = run.next(octets)
    this.#errors += run.errors - errors
    // Errors found are errors: with more of them than the limit allows, the rest need not be sought.
    if (this.#errors > this.#lane.parameters.qberMax * this.sifted.key.length) {
      this.tally.reconciliationBits += run.leakBits - before
      this.#lane.discard('qber-above-limit')
      return
    }
    this.tally.reconciliationBits += run.leakBits - before
    this.tally.rounds = Math.max(this.tally.rounds, run.rounds)
    this.#ask(strip, question)
    if (run.done) this.#endStrip(strip, run)
  }

  #endStrip(strip: number, run: CascadeReceiver): void {
    const shape = this.#shapeOf(strip)
    unsliceFrames(run.corrected, shape, this.#wordsOf(strip, shape))
    this.#strips.delete(strip)
    this.#stripsEnded++
    const next = this.#stripsEnded + this.#strips.size
    if (next < stripsOf(this.#cut)) this.#startStrip(next)
    if (this.#stripsEnded < stripsOf(this.#cut)) return
    this.#stage = 'comparing'
    this.#say({ kind: 'corrected', block: this.#sequence })
  }

  #onHash({ key, hash }: MessageOf<'hash'>): void {
    if (this.#stage !== 'comparing') throw outOfPhase('hash')
    const { epsilons } = this.#lane.parameters
    const { bits } = this.sifted.key
    const octets = hashOctets(bits.length, epsilons.correctness)
    if (hash.length !== octets) throw invalid(`a hash of ${octets} octets`)
    countHash(this.tally, bits.length, epsilons.correctness)
    this.#hashesSeen++
    const equal = sameOctets(blockHash(key, bits.octets, octets), hash)
    this.#say({ kind: 'verdict', block: this.#sequence, equal })
    if (equal) {
      this.#lane.tag('reconciliation')
      this.#estimate()
    } else if (this.#hashesSeen > 1) {
      this.#lane.discard('verification-failed', 'quietly')
    } else {
      this.#stage = 'locating'
    }
  }

  #onFrameHashes({ key, hashes }: MessageOf<'frameHashes'>): void {
    if (this.#stage !== 'locating') throw outOfPhase('frameHashes')
    const own = frameHashes(key, this.sifted.key.bits.octets, this.#cut)
    const frames = framesThatDiffer(own, hashes)
    if (frames === undefined) throw invalid('one hash for each frame')
    countFrameHashes(this.tally, this.#cut)
    if (frames.length === 0 || frames.length > DISCLOSED_FRAMES_MAX) {
      this.#lane.discard('verification-failed')
      return
    }
    this.#disclosing = frames
    this.#stage = 'repairing'
    this.#say({ kind: 'disclose', block: this.#sequence, frames: [...frames] })
  }

  #onDisclosed({ octets }: MessageOf<'disclosed'>): void {
    if (this.#stage !== 'repairing') throw outOfPhase('disclosed')
    const block = this.sifted.key.bits.octets
    let at = 0
    for (const frame of this.#disclosing) {
      const place = frameOf(block, this.#cut, frame)
      if (at + place.length > octets.length) throw invalid('all frames asked for')
      place.set(octets.subarray(at, at + place.length))
      at += place.length
    }
    const spare = this.sifted.key.length & 7
    if (at !== octets.length || (spare !== 0 && block[block.length - 1] >> spare !== 0)) {
      throw invalid('the frames asked for')
    }
    countDisclosed(this.tally, block, { cut: this.#cut, frames: this.#disclosing })
    this.#stage = 'comparing'
  }

  /**
   * Counts the errors of each intensity and says them, with the leak and ℓ as this end has them.
   */
  #estimate(): void {
    const { tally, sifted } = this
    tally.keyErrors = correctedErrors(this.#detected, sifted)
    const verdict = judge(sifted, tally, this.#lane.parameters)
    tally.keyLength = verdict.keyLength
    const errors: WorkMessage = {
      kind: 'errors',
      block: this.#sequence,
      errors: [...tally.keyErrors],
      leakBits: tally.reconciliationBits,
      verificationBits: tally.verificationBits,
      secretBits: verdict.keyLength.secretBits,
    }
    this.#lane.say(errors, 'estimation')
    this.#stage = 'estimating'
    if (verdict.kind === 'none') this.#lane.discard(verdict.cause, 'quietly')
  }

  #onLength({ secretBits }: MessageOf<'length'>): void {
    if (this.#stage !== 'estimating') throw outOfPhase('length')
    if (secretBits !== this.tally.keyLength?.secretBits) {
      this.#lane.discard('estimates-disagree')
      return
    }
    this.#stage = 'estimated'
  }

  #onSeed({ octets }: MessageOf<'seed'>): void {
    if (this.#stage !== 'estimated' || !this.#authentic.has('estimation')) throw outOfPhase('seed')
    if (!isSeed(this.#shape(), octets)) throw invalid('a seed of the agreed shape')
    this.#seed = octets
    this.#stage = 'seeded'
  }

  #finish(): void {
    const seed = this.#seed
    const { keyLength } = this.tally
    if (seed === undefined || keyLength === undefined) throw outOfPhase('tag')
    this.#stage = 'done'
    this.#lane.tag('amplification')
    const key = amplify(this.#shape(), this.sifted.key.bits, seed)
    this.#lane.finish(key, keyLength)
  }

  #shape(): AmplificationShape {
    const family = this.#lane.parameters.amplification
    const secretBits = this.tally.keyLength?.secretBits ?? 0
    return { family, inputBits: this.sifted.key.length, secretBits }
  }

  #shapeOf(strip: number): StripShape {
    const frames = Math.min(STRIP_FRAMES_MAX, this.#cut.frames - strip * STRIP_FRAMES_MAX)
    return { frames, frameBits: this.#cut.frameBits }
  }

  /** The words of a strip, shared with the block. */
  #wordsOf(strip: number, { frames, frameBits }: StripShape): Int32Array {
    const from = (strip * STRIP_FRAMES_MAX * frameBits) / 32
    return this.sifted.key.used.subarray(from, from + (frames * frameBits) / 32)
  }

  #ask(strip: number, octets: Uint8Array): void {
    this.#say({ kind: 'question', block: this.#sequence, strip, octets })
  }

  #say(message: WorkMessage): void {
    this.#lane.say(message, 'reconciliation')
  }
}

/** Errors of each intensity: where the corrected bits differ from those detected. */
function correctedErrors(
  detected: Int32Array,
  { key, intensityPlanes, keyDetections }: SiftedBlock,
) {
  const [low, high] = intensityPlanes
  const errors = keyDetections.map(() => 0)
  if (errors.length === 1) {
    for (let at = 0; at < detected.length; at++) {
      for (let rest = detected[at] ^ key.words[at]; rest !== 0; rest &= rest - 1) errors[0]++
    }
    return errors
  }
  for (let at = 0; at < detected.length; at++) {
    for (let rest = detected[at] ^ key.words[at]; rest !== 0; rest &= rest - 1) {
      const bit = 31 - Math.clz32(rest & -rest)
      errors[((low.words[at] >>> bit) & 1) | (((high.words[at] >>> bit) & 1) << 1)]++
    }
  }
  return errors
}

/**
 * The error rate that the key basis is likely to have: that of the test basis, scaled by how the
 * two compared in the latest block. A bad guess costs leakage only.
 */
function expectedErrorRate(sifted: SiftedBlock, { latest, parameters }: Lane): number {
  const test = sifted.testErrorRate
  if (latest === undefined) return test > 0 ? test : parameters.qberMax / 2
  if (test === 0 || latest.test === 0) return latest.key
  return Math.min(parameters.qberMax, latest.key * Math.min(4, test / latest.test))
}

/** Strips of one block worked on at once: bounds what a long block holds in memory. */
const STRIPS_IN_FLIGHT_MAX = 16

const outOfPhase = (kind: string): QkdRefusal =>
  new QkdRefusal('MESSAGE_OUT_OF_PHASE', 'Expected a message of the present phase', {
    facts: { kind },
  })

const invalid = (expected: string): QkdRefusal =>
  new QkdRefusal('MESSAGE_INVALID', `Expected ${expected}`)
