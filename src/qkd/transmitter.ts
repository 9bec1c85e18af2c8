/**
 * The post-processing of one block at the transmitter, whose string becomes the key.
 *
 * Answers questions about parities or tells syndromes, proves its block by a hash, computes ℓ from the counts that
 * both ends hold, and draws the seed. Acts on questions before they are authenticated: each answer
 * counts as leaked whoever asked.
 *
 * @module
 */

import { amplify, drawSeed, type AmplificationShape } from './amplification.ts'
import {
  countDisclosed,
  countFrameHashes,
  countHash,
  countSyndrome,
  expectedErrorRate,
  failsEarly,
  judge,
  newTally,
  sum,
  type BlockTally,
  type BlockWork,
  type Lane,
  type WorkPhase,
} from './block-work.ts'
import { cutInto, stripsOf, type Cut, type Plan } from './cascade/plan.ts'
import { sliceFrames, STRIP_FRAMES_MAX } from './cascade/slices.ts'
import { CascadeTransmitter } from './cascade/transmitter.ts'
import { gatherFrames, SyndromeTeller } from './ldpc/frames.ts'
import { codingFor, type Coding } from './ldpc/plan.ts'
import type { MessageOf, WorkMessage } from './messages.ts'
import { QkdRefusal } from './refusal.ts'
import type { SiftedBlock } from './sifted-block.ts'
import {
  blockHash,
  DISCLOSED_FRAMES_MAX,
  frameHashes,
  frameOf,
  hashOctets,
} from './verification.ts'

type Stage =
  | 'sifted'
  | 'correcting'
  | 'verifying'
  | 'repairing'
  | 'corrected'
  | 'estimating'
  | 'estimated'
  | 'amplifying'
  | 'done'

/** One block at the transmitter. */
export class TransmitterBlock implements BlockWork {
  readonly sifted: SiftedBlock
  readonly tally: BlockTally = newTally()
  readonly #lane: Lane
  readonly #sequence: number
  #stage: Stage = 'sifted'
  readonly #authentic = new Set<WorkPhase>()
  /** As the block is cut for hashes of its frames. */
  #cut: Cut | undefined
  #coding: Coding | undefined
  /** What Cascade is to work on: the block, or those of its frames that were not decoded. */
  #uncorrected: { readonly words: Int32Array; readonly bits: number } | undefined
  #cascade: { readonly words: Int32Array; readonly cut: Cut; readonly plan: Plan } | undefined
  /** Strips in work, and those that have ended (undefined). */
  readonly #strips = new Map<number, CascadeTransmitter | undefined>()
  #hashesSent = 0
  #seed: Uint8Array | undefined

  constructor(sequence: number, sifted: SiftedBlock, lane: Lane) {
    this.#sequence = sequence
    this.sifted = sifted
    this.#lane = lane
  }

  begin(): void {
    const cause = failsEarly(this.sifted, this.#lane.parameters)
    if (cause === undefined) this.#lane.tag('sifting')
    else this.#lane.discard(cause, 'quietly')
  }

  message(message: WorkMessage): void {
    switch (message.kind) {
      case 'undecoded':
        this.#onUndecoded(message)
        break
      case 'plan':
        this.#onPlan(message)
        break
      case 'question':
        this.#onQuestion(message)
        break
      case 'corrected':
        this.#onCorrected()
        break
      case 'verdict':
        this.#onVerdict(message)
        break
      case 'disclose':
        this.#onDisclose(message)
        break
      case 'errors':
        this.#onErrors(message)
        break
      case 'code':
      case 'syndrome':
      case 'parities':
      case 'hash':
      case 'frameHashes':
      case 'disclosed':
      case 'length':
      case 'seed':
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
        return this.#stage === 'corrected'
      case 'estimation':
        return this.#stage === 'estimated'
      case 'amplification':
        return this.#stage === 'amplifying'
    }
  }

  tagged(phase: WorkPhase): void {
    this.#authentic.add(phase)
    switch (phase) {
      case 'sifting':
        this.#startCorrecting()
        break
      case 'reconciliation':
        this.#lane.tag('reconciliation')
        this.#stage = 'estimating'
        break
      case 'estimation':
        this.#sendSeed(this.#shape())
        break
      case 'amplification':
        this.#finish()
        break
    }
  }

  clear(): void {
    this.sifted.clear()
    this.#strips.clear()
    this.#uncorrected?.words.fill(0)
  }

  #startCorrecting(): void {
    this.#stage = 'correcting'
    const { used, length } = this.sifted.key
    const { parameters } = this.#lane
    if (parameters.correction === 'cascade') {
      this.#uncorrected = { words: used, bits: length }
      return
    }
    const errorRate = expectedErrorRate(this.sifted, this.#lane)
    const coding = codingFor(length, errorRate, sum(this.sifted.testDetections))
    this.#coding = coding
    this.#cut = cutInto(length, parameters.frameBits)
    this.#say({ kind: 'code', block: this.#sequence, ...coding })
    const teller = new SyndromeTeller(used, coding)
    for (let frame = 0; frame < coding.frames; frame++) {
      countSyndrome(this.tally, coding)
      this.#say({ kind: 'syndrome', block: this.#sequence, frame, octets: teller.tell(frame) })
    }
    this.tally.undecodedFrames = 0
  }

  #onUndecoded({ frames }: MessageOf<'undecoded'>): void {
    const coding = this.#coding
    this.#expect(this.#stage === 'correcting' && this.#uncorrected === undefined, 'undecoded')
    const sound = frames.every(
      (frame, at) => frame < (coding?.frames ?? 0) && (at === 0 || frame > frames[at - 1]),
    )
    if (coding === undefined || !sound) throw invalid('frames of this block')
    this.tally.undecodedFrames = frames.length
    const words = gatherFrames(this.sifted.key.used, coding.frameBits, frames)
    this.#uncorrected = { words, bits: 32 * words.length }
  }

  #onPlan({ frames, frameBits, blockBits, keptPasses }: MessageOf<'plan'>): void {
    const left = this.#uncorrected
    this.#expect(this.#stage === 'correcting' && this.#cascade === undefined, 'plan')
    if (left === undefined) throw outOfPhase('plan')
    const { words, bits } = left
    const sized = frameBits % 32 === 0 && frameBits <= Math.max(32, this.#lane.parameters.frameBits)
    const fits = frames * frameBits >= bits && (frames - 1) * frameBits < bits
    const ordered = blockBits.every(
      (size, at) => size <= frameBits && (at === 0 || size >= blockBits[at - 1]),
    )
    if (!sized || !fits || !ordered || keptPasses > blockBits.length)
      throw invalid('a fitting plan')
    const cut: Cut = { frames, frameBits }
    this.#cut ??= cut
    this.#cascade = { words, cut, plan: { blockBits, keptPasses } }
  }

  #onQuestion({ strips }: MessageOf<'question'>): void {
    this.#expect(this.#stage === 'correcting', 'question')
    const ordered = strips.every(({ strip }, at) => at === 0 || strip > strips[at - 1].strip)
    if (!ordered) throw invalid('each strip once')
    const answers = strips
      .map(({ strip, octets }) => ({ strip, octets: this.#answer(strip, octets) }))
      .filter(({ strip }) => this.#strips.get(strip) !== undefined)
    if (answers.length === 0) return
    this.#say({ kind: 'parities', block: this.#sequence, strips: answers })
  }

  #answer(strip: number, octets: Uint8Array): Uint8Array {
    const run = this.#strip(strip)
    const before = run.leakBits
    const answer = run.answer(octets)
    this.tally.reconciliationBits += run.leakBits - before
    this.tally.rounds = Math.max(this.tally.rounds, run.rounds)
    if (run.done) this.#strips.set(strip, undefined)
    return answer
  }

  #strip(strip: number): CascadeTransmitter {
    if (this.#cascade === undefined) throw outOfPhase('question')
    const { words: all, cut, plan } = this.#cascade
    if (strip >= stripsOf(cut)) throw invalid('a strip')
    if (this.#strips.has(strip)) {
      const known = this.#strips.get(strip)
      if (known === undefined) throw invalid('a strip that has not ended')
      return known
    }
    const first = strip * STRIP_FRAMES_MAX
    const shape = {
      frames: Math.min(STRIP_FRAMES_MAX, cut.frames - first),
      frameBits: cut.frameBits,
    }
    const from = (first * cut.frameBits) / 32
    const words = all.subarray(from, from + (shape.frames * cut.frameBits) / 32)
    const { orders } = this.#lane
    const run = new CascadeTransmitter(sliceFrames(words, shape), { shape, plan, orders })
    this.#strips.set(strip, run)
    return run
  }

  #onCorrected(): void {
    this.#expect(this.#stage === 'correcting' && this.#cut !== undefined, 'corrected')
    const ended = [...this.#strips.values()].filter((run) => run === undefined).length
    // With nothing left for Cascade all frames were decoded.
    const strips = this.#cascade === undefined ? 0 : stripsOf(this.#cascade.cut)
    if (ended !== strips || (this.#uncorrected !== undefined && this.#cascade === undefined)) {
      throw invalid('all strips to have ended')
    }
    this.#strips.clear()
    this.#stage = 'verifying'
    this.#sendHash()
  }

  #sendHash(): void {
    const { random, parameters } = this.#lane
    const { bits } = this.sifted.key
    const key = random.octets(16)
    const octets = hashOctets(bits.length, parameters.epsilons.correctness)
    const hash = blockHash(key, bits.octets, octets)
    countHash(this.tally, bits.length, parameters.epsilons.correctness)
    this.#hashesSent++
    this.#say({ kind: 'hash', block: this.#sequence, key, hash })
  }

  #onVerdict({ equal }: MessageOf<'verdict'>): void {
    const cut = this.#cut
    this.#expect(this.#stage === 'verifying' && cut !== undefined, 'verdict')
    if (cut === undefined) return
    if (equal) {
      this.#stage = 'corrected'
      return
    }
    if (this.#hashesSent > 1) {
      this.#lane.discard('verification-failed', 'quietly')
      return
    }
    const key = this.#lane.random.octets(16)
    const hashes = frameHashes(key, this.sifted.key.bits.octets, cut)
    countFrameHashes(this.tally, cut)
    this.#stage = 'repairing'
    this.#say({ kind: 'frameHashes', block: this.#sequence, key, hashes })
  }

  #onDisclose({ frames }: MessageOf<'disclose'>): void {
    const cut = this.#cut
    this.#expect(this.#stage === 'repairing' && cut !== undefined, 'disclose')
    if (cut === undefined) return
    const sound = frames.every(
      (frame, at) => frame < cut.frames && (at === 0 || frame > frames[at - 1]),
    )
    if (!sound || frames.length > DISCLOSED_FRAMES_MAX) throw invalid('frames of this block')
    const block = this.sifted.key.bits.octets
    const parts = frames.map((frame) => frameOf(block, cut, frame))
    const octets = new Uint8Array(sum(parts.map(({ length }) => length)))
    let at = 0
    for (const part of parts) {
      octets.set(part, at)
      at += part.length
    }
    countDisclosed(this.tally, block, { cut, frames })
    this.#say({ kind: 'disclosed', block: this.#sequence, octets })
    this.#stage = 'verifying'
    this.#sendHash()
  }

  #onErrors({ errors, leakBits, verificationBits, secretBits }: MessageOf<'errors'>): void {
    this.#expect(this.#stage === 'estimating', 'errors')
    const { keyDetections } = this.sifted
    if (errors.length !== keyDetections.length) throw invalid('errors of each intensity')
    const { tally } = this
    tally.keyErrors = errors
    const verdict = judge(this.sifted, tally, this.#lane.parameters)
    tally.keyLength = verdict.keyLength
    const agreed =
      leakBits === tally.reconciliationBits &&
      verificationBits === tally.verificationBits &&
      secretBits === verdict.keyLength.secretBits
    if (!agreed) {
      this.#lane.discard('estimates-disagree')
    } else if (verdict.kind === 'none') {
      // The receiver has come to the same end by itself; no pad is spent on a block without key.
      this.#lane.discard(verdict.cause, 'quietly')
    } else {
      this.#lane.say({ kind: 'length', block: this.#sequence, secretBits }, 'estimation')
      this.#lane.tag('estimation')
      this.#stage = 'estimated'
    }
  }

  #sendSeed(shape: AmplificationShape): void {
    const seed = drawSeed(shape, this.#lane.random)
    this.#lane.say({ kind: 'seed', block: this.#sequence, octets: seed }, 'amplification')
    this.#lane.tag('amplification')
    this.#seed = seed
    this.#stage = 'amplifying'
  }

  #finish(): void {
    const seed = this.#seed
    const { keyLength } = this.tally
    if (seed === undefined || keyLength === undefined) throw outOfPhase('tag')
    this.#stage = 'done'
    const key = amplify(this.#shape(), this.sifted.key.bits, seed)
    this.#lane.finish(key, keyLength)
  }

  #shape(): AmplificationShape {
    const family = this.#lane.parameters.amplification
    const secretBits = this.tally.keyLength?.secretBits ?? 0
    return { family, inputBits: this.sifted.key.length, secretBits }
  }

  #say(message: WorkMessage): void {
    this.#lane.say(message, 'reconciliation')
  }

  #expect(holds: boolean, kind: string): void {
    if (!holds) throw outOfPhase(kind)
  }
}

const outOfPhase = (kind: string): QkdRefusal =>
  new QkdRefusal('MESSAGE_OUT_OF_PHASE', 'Expected a message of the present phase', {
    facts: { kind },
  })

const invalid = (expected: string): QkdRefusal =>
  new QkdRefusal('MESSAGE_INVALID', `Expected ${expected}`)
