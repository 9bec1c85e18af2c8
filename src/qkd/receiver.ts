/**
 * The post-processing of one block at the receiver, which corrects its string to the transmitter's.
 *
 * Asks for parities or decodes syndromes, compares hashes, counts the errors it found, and computes ℓ from them. Acts on
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
  countSyndrome,
  expectedErrorRate,
  failsEarly,
  judge,
  newTally,
  type BlockTally,
  type BlockWork,
  type Lane,
  type WorkPhase,
} from './block-work.ts'
import { cutInto, planFor, stripsOf, type Cut, type Plan } from './cascade/plan.ts'
import { CascadeReceiver } from './cascade/receiver.ts'
import { ROUNDS_MAX } from './cascade/transmitter.ts'
import { sliceFrames, STRIP_FRAMES_MAX, unsliceFrames, type StripShape } from './cascade/slices.ts'
import { gatherFrames, scatterFrames, SyndromeDecoder } from './ldpc/frames.ts'
import { isCoding, type Coding } from './ldpc/plan.ts'
import { STRIPS_IN_FLIGHT_MAX, type MessageOf, type WorkMessage } from './messages.ts'
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
  /** As the block is cut for hashes of its frames. */
  readonly #cut: Cut
  readonly #errorRate: number
  /** What Cascade works on: the block, or those of its frames that were not decoded. */
  #cascade: CascadeWork | undefined
  #oneWay: { readonly coding: Coding; readonly run: SyndromeDecoder } | undefined
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
    this.#errorRate = expectedErrorRate(sifted, lane)
  }

  begin(): void {
    const cause = failsEarly(this.sifted, this.#lane.parameters)
    if (cause === undefined) this.#lane.tag('sifting')
    else this.#lane.discard(cause, 'quietly')
  }

  message(message: WorkMessage): void {
    switch (message.kind) {
      case 'code':
        this.#onCode(message)
        break
      case 'syndrome':
        this.#onSyndrome(message)
        break
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
      case 'undecoded':
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
    this.#cascade?.words.fill(0)
    this.#oneWay?.run.clear()
  }

  #startCorrecting(): void {
    this.#stage = 'correcting'
    const { used } = this.sifted.key
    this.#detected = used.slice()
    // One way, the transmitter speaks first.
    if (this.#lane.parameters.correction === 'cascade') this.#startCascade(used, this.#cut)
  }

  #onCode({ frames, frameBits, checks }: MessageOf<'code'>): void {
    const asked = this.#lane.parameters.correction === 'ldpc' && this.#stage === 'correcting'
    if (!asked || this.#oneWay !== undefined) throw outOfPhase('code')
    const coding: Coding = { frames, frameBits, checks }
    const { used, length } = this.sifted.key
    if (!isCoding(coding, length)) throw invalid('a fitting code')
    this.#oneWay = { coding, run: new SyndromeDecoder(used, coding, this.#errorRate) }
  }

  #onSyndrome({ frame, octets }: MessageOf<'syndrome'>): void {
    const oneWay = this.#oneWay
    if (this.#stage !== 'correcting' || oneWay === undefined) throw outOfPhase('syndrome')
    const { coding, run } = oneWay
    if (frame !== run.taken || frame >= coding.frames) throw outOfPhase('syndrome')
    if (run.take(octets) === undefined) throw invalid('a syndrome of the announced size')
    countSyndrome(this.tally, coding)
    this.tally.undecodedFrames = run.undecoded.length
    if (run.taken < coding.frames) return
    run.clear()
    const { undecoded } = run
    if (undecoded.length === 0) {
      this.#endCorrecting()
      return
    }
    this.#say({ kind: 'undecoded', block: this.#sequence, frames: [...undecoded] })
    const words = gatherFrames(this.sifted.key.used, coding.frameBits, undecoded)
    this.#startCascade(words, cutInto(32 * words.length, this.#lane.parameters.frameBits))
  }

  #startCascade(words: Int32Array, cut: Cut): void {
    const plan = planFor(cut.frameBits, this.#errorRate, this.#lane.parameters.reconciliation)
    this.#cascade = { words, cut, plan }
    const { keptPasses, blockBits } = plan
    const said = { ...cut, blockBits: [...blockBits], keptPasses }
    this.#say({ kind: 'plan', block: this.#sequence, ...said })
    this.#ask(this.#startStrips(this.#cascade))
  }

  /** Begins as many strips as there is room for. @returns their first questions */
  #startStrips(cascade: CascadeWork): Question[] {
    const started: Question[] = []
    while (
      this.#strips.size < STRIPS_IN_FLIGHT_MAX &&
      this.#strips.size + this.#stripsEnded < stripsOf(cascade.cut)
    ) {
      const strip = this.#strips.size + this.#stripsEnded
      const shape = shapeOf(cascade, strip)
      const run = new CascadeReceiver(sliceFrames(wordsOf(cascade, strip), shape), {
        shape,
        plan: cascade.plan,
        orders: this.#lane.orders,
      })
      this.#strips.set(strip, run)
      started.push({ strip, octets: run.start() })
    }
    return started
  }

  #onParities({ strips }: MessageOf<'parities'>): void {
    const cascade = this.#cascade
    if (this.#stage !== 'correcting' || cascade === undefined) throw outOfPhase('parities')
    // Strips begin in their order, and so do the lists of those in work at both ends.
    const runs = [...this.#strips]
    const whole =
      strips.length === runs.length && runs.every(([strip], at) => strip === strips[at].strip)
    if (!whole) throw invalid('an answer for each strip in work')
    if (runs.some(([, run]) => run.rounds >= ROUNDS_MAX - 1)) {
      this.#lane.discard('rounds-exhausted')
      return
    }
    const questions = runs.map(([strip, run], at) => ({
      strip,
      octets: this.#next(run, strips[at].octets),
    }))
    // Errors found are errors: with more of them than the limit allows, the rest need not be sought.
    if (this.#errors > this.#lane.parameters.qberMax * this.sifted.key.length) {
      this.#lane.discard('qber-above-limit')
      return
    }
    for (const [strip, run] of runs) if (run.done) this.#endStrip(cascade, strip, run)
    this.#ask([...questions, ...this.#startStrips(cascade)])
    if (this.#strips.size === 0) this.#endCascade(cascade)
  }

  /** Takes an answer and gives the next question. */
  #next(run: CascadeReceiver, answer: Uint8Array): Uint8Array {
    const { leakBits, errors } = run
    const question = run.next(answer)
    this.#errors += run.errors - errors
    this.tally.reconciliationBits += run.leakBits - leakBits
    this.tally.rounds = Math.max(this.tally.rounds, run.rounds)
    return question
  }

  #endStrip(cascade: CascadeWork, strip: number, run: CascadeReceiver): void {
    unsliceFrames(run.corrected, shapeOf(cascade, strip), wordsOf(cascade, strip))
    this.#strips.delete(strip)
    this.#stripsEnded++
  }

  #endCascade(cascade: CascadeWork): void {
    if (this.#oneWay !== undefined) {
      const { coding, run: decoder } = this.#oneWay
      const into = this.sifted.key.used
      scatterFrames(cascade.words, coding.frameBits, { frames: decoder.undecoded, into })
    }
    this.#endCorrecting()
  }

  #endCorrecting(): void {
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

  #ask(strips: Question[]): void {
    this.#say({ kind: 'question', block: this.#sequence, strips })
  }

  #say(message: WorkMessage): void {
    this.#lane.say(message, 'reconciliation')
  }
}

/** What Cascade works on. */
interface CascadeWork {
  readonly words: Int32Array
  readonly cut: Cut
  readonly plan: Plan
}

/** What is asked about one strip. */
type Question = MessageOf<'question'>['strips'][number]

function shapeOf({ cut }: CascadeWork, strip: number): StripShape {
  const frames = Math.min(STRIP_FRAMES_MAX, cut.frames - strip * STRIP_FRAMES_MAX)
  return { frames, frameBits: cut.frameBits }
}

/** The words of a strip, shared with the whole. */
function wordsOf({ words, cut }: CascadeWork, strip: number): Int32Array {
  const stripWords = (STRIP_FRAMES_MAX * cut.frameBits) / 32
  return words.subarray(strip * stripWords, (strip + 1) * stripWords)
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

const outOfPhase = (kind: string): QkdRefusal =>
  new QkdRefusal('MESSAGE_OUT_OF_PHASE', 'Expected a message of the present phase', {
    facts: { kind },
  })

const invalid = (expected: string): QkdRefusal =>
  new QkdRefusal('MESSAGE_INVALID', `Expected ${expected}`)
