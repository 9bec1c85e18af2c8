/**
 * What the post-processing of a block at either end is made of: its phases, and its way out.
 *
 * A work receives the peer's messages about its block and reports back through its lane. The lane
 * belongs to the engine: it speaks to the peer, keeps the transcripts, checks tags and ends the
 * work.
 *
 * Each phase is closed by each end with a tag over what it said in it. Until then the phase's
 * data is not authenticated; where a work acts on it nevertheless, the worst that a forger gains
 * is: in reconciliation, parities that are counted as leaked, and a block that fails at the next
 * tag; in a verdict or a count, a block that is discarded. Nothing secret is stored, and no seed
 * drawn, before all earlier tags were found to fit.
 *
 * @module
 */

import type { Bits, RandomSource } from '#base'
import type { Phase } from './authentication.ts'
import type { BasisCounts } from './bounds/counts.ts'
import { keyLength, pulseKindOf } from './bounds/length.ts'
import { binaryEntropy } from './bounds/entropy.ts'
import type { KeyLength } from './bounds/counts.ts'
import type { Cut } from './cascade/plan.ts'
import { measuredChsh, violatesChsh } from './chsh.ts'
import type { Orders } from './cascade/permutation.ts'
import { blockLayout } from './layout.ts'
import type { Coding } from './ldpc/plan.ts'
import type { WorkMessage } from './messages.ts'
import type { LinkParameters } from './parameters.ts'
import type { DiscardCause } from './report.ts'
import type { SiftedBlock } from './sifted-block.ts'
import { frameOf, hashOctets, FRAME_HASH_OCTETS } from './verification.ts'

/** Phases of a block that a work goes through, in order. */
export type WorkPhase = Exclude<Phase, 'session' | 'storage' | 'abort'>

/** What a work can do. */
export interface Lane {
  readonly parameters: LinkParameters
  readonly random: RandomSource
  readonly orders: Orders
  /** Error rates of the latest distilled block, for a better plan. */
  readonly latest: { readonly key: number; readonly test: number } | undefined
  /** Says a message of a phase of this block. */
  say(message: WorkMessage, phase: WorkPhase): void
  /** Closes a phase at this end with a tag over all that was said in it. */
  tag(phase: WorkPhase): void
  /** Gives the block up; `quietly` where the peer is bound to come to the same conclusion. */
  discard(cause: DiscardCause, quietly?: 'quietly'): void
  /** All tags fit: here is the key. */
  finish(key: Bits, keyLength: KeyLength): void
}

/** The post-processing of one block at one end. */
export interface BlockWork {
  readonly sifted: SiftedBlock
  readonly tally: BlockTally
  /** The block is closed at this end. */
  begin(): void
  /** A message about this block. @throws QkdRefusal if it may not be said, or not now */
  message(message: WorkMessage): void
  /** Whether the peer may close this phase now. */
  expectsTag(phase: WorkPhase): boolean
  /** The peer's tag for this phase fitted. */
  tagged(phase: WorkPhase): void
  /** Overwrites what is secret. */
  clear(): void
}

/** Counts of one block as its post-processing goes on. */
export interface BlockTally {
  reconciliationBits: number
  /** Of these, bits of syndromes: the receiver said nothing for them. */
  syndromeBits: number
  /** Frames that were not decoded; undefined where nothing was coded. */
  undecodedFrames: number | undefined
  verificationBits: number
  disclosedFrames: number
  rounds: number
  /** Errors of each intensity in the key basis; undefined until error correction has ended. */
  keyErrors: readonly number[] | undefined
  keyLength: KeyLength | undefined
}

/** The tally of a block whose post-processing has not begun. */
export const newTally = (): BlockTally => ({
  reconciliationBits: 0,
  syndromeBits: 0,
  undecodedFrames: undefined,
  verificationBits: 0,
  disclosedFrames: 0,
  rounds: 0,
  keyErrors: undefined,
  keyLength: undefined,
})

/** What the estimation of a block comes to; both ends compute it by themselves. */
export type Verdict =
  | { readonly kind: 'key'; readonly keyLength: KeyLength }
  | {
      readonly kind: 'none'
      readonly cause: 'qber-above-limit' | 'too-short'
      readonly keyLength: KeyLength
    }

/** Whether the test basis alone shows too many errors: then correction is not even begun. */
function testFails(sifted: SiftedBlock, parameters: LinkParameters): boolean {
  const detections = sum(sifted.testDetections)
  return detections >= TEST_DETECTIONS_MIN && sifted.testErrorRate > parameters.qberMax
}

/** Why a block is given up before correction is begun; undefined if it is not. */
export function failsEarly(
  sifted: SiftedBlock,
  parameters: LinkParameters,
): 'qber-above-limit' | 'chsh-not-violated' | undefined {
  if (testFails(sifted, parameters)) return 'qber-above-limit'
  if (sifted.chsh === undefined || violatesChsh(measuredChsh(sifted.chsh))) return undefined
  return 'chsh-not-violated'
}

/**
 * The key length of a block from all its counts.
 *
 * @throws QkdRefusal `COUNTS_IMPOSSIBLE` where a forged or faulty count cannot be
 */
export function judge(sifted: SiftedBlock, tally: BlockTally, parameters: LinkParameters): Verdict {
  const key: BasisCounts = { detections: sifted.keyDetections, errors: tally.keyErrors ?? [] }
  const length = keyLength(parameters.bound, {
    counts: { key, ...sifted.tested },
    intensities: parameters.pulses.intensities,
    keyBasisProbability: parameters.pulses.keyBasisProbability,
    epsilons: parameters.epsilons,
    leakBits: chargedBits(tally, parameters),
    verificationBits: tally.verificationBits,
    pulses: pulseKindOf(parameters.pulses),
  })
  if (sum(key.errors) / sum(key.detections) > parameters.qberMax) {
    return { kind: 'none', cause: 'qber-above-limit', keyLength: length }
  }
  if (blockLayout(length.secretBits, parameters.reserveOctets) === undefined) {
    return { kind: 'none', cause: 'too-short', keyLength: length }
  }
  return { kind: 'key', keyLength: length }
}

/** What error correction costs: the answers, and in `two-way` what their questions betray. */
function chargedBits(tally: BlockTally, { leakCharge }: LinkParameters): number {
  const { reconciliationBits, syndromeBits } = tally
  const betrayedBits = reconciliationBits - syndromeBits
  return reconciliationBits + (leakCharge === 'two-way' ? betrayedBits : 0)
}

/** Counts the syndrome of one frame as leaked. */
export function countSyndrome(tally: BlockTally, { checks }: Coding): void {
  tally.reconciliationBits += checks
  tally.syndromeBits += checks
}

/**
 * The error rate that the key basis is likely to have: that of the test basis, scaled by how the
 * two compared in the latest block. A bad guess costs leakage only.
 */
export function expectedErrorRate(sifted: SiftedBlock, { latest, parameters }: Lane): number {
  const test = sifted.testErrorRate
  if (latest === undefined) return test > 0 ? test : parameters.qberMax / 2
  if (test === 0 || latest.test === 0) return latest.key
  return Math.min(parameters.qberMax, latest.key * Math.min(4, test / latest.test))
}

/** f: what was revealed to correct, over the least that any code could do with. */
export function efficiencyOf(tally: BlockTally, bits: number): number | undefined {
  const errors = sum(tally.keyErrors ?? [])
  if (errors === 0) return undefined
  return tally.reconciliationBits / (bits * binaryEntropy(errors / bits))
}

/** Counts the hash of the block as leaked. */
export function countHash(tally: BlockTally, bits: number, correctness: number): void {
  tally.verificationBits += 8 * hashOctets(bits, correctness)
}

/** Counts the hashes of all frames as leaked. */
export function countFrameHashes(tally: BlockTally, cut: Cut): void {
  tally.verificationBits += 8 * FRAME_HASH_OCTETS * cut.frames
}

/** Counts the bits of disclosed frames as leaked, in addition to their parities. */
export function countDisclosed(
  tally: BlockTally,
  block: Uint8Array,
  disclosed: { readonly cut: Cut; readonly frames: readonly number[] },
): void {
  tally.disclosedFrames += disclosed.frames.length
  for (const frame of disclosed.frames) {
    tally.reconciliationBits += 8 * frameOf(block, disclosed.cut, frame).length
  }
}

/** The counts added up. */
export const sum = (counts: readonly number[]): number =>
  counts.reduce((total, count) => total + count, 0)

/** Below so many test detections a rate says too little to stop early. */
const TEST_DETECTIONS_MIN = 200
