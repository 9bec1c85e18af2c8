/**
 * What became of a block: every count, rate and bit of it, for operators and for the audit.
 *
 * Bits are conserved: those sifted are key for applications, reserve, remainder, leaked, margin
 * (what the bound takes for Eve and for the ε), or, in a block that gave no key, discarded.
 *
 * @module
 */

import type { LinkId } from '#base'
import type { TransmitterObservables } from '#optics'
import type { BlockCounts, Epsilons, KeyLength } from './bounds/counts.ts'
import type { Role } from './authentication.ts'
import type { MeasuredChsh } from './chsh.ts'

/** Why a block gave no key. Stable: counted, shown and logged by these names. */
export type DiscardCause =
  /** Error rate in the test or the key basis above the limit: Eve, or a device out of tune. */
  | 'qber-above-limit'
  /** The link's CHSH test did not show that pairs were entangled: S ≤ 2, or too few coincidences. */
  | 'chsh-not-violated'
  /** A device did not work as the proofs assume: blinded, unequal detectors, a failing source. */
  | 'device-suspect'
  /** ℓ does not cover the reserve and a little key. */
  | 'too-short'
  /** Cascade did not end in time: the errors were far from what the plan was made for. */
  | 'rounds-exhausted'
  /** A tag did not fit its transcript. */
  | 'authentication-failed'
  /** The hashes still differed after one repair. */
  | 'verification-failed'
  /** Both ends counted leakage or ℓ differently. */
  | 'estimates-disagree'
  /** The peer said what it may not say, or not now. */
  | 'message-refused'
  /** The peer gave the block up. */
  | 'aborted-by-peer'
  /** Nothing happened for too long. */
  | 'stalled'
  /** The session ended before the block was stored. */
  | 'session-ended'
  /** The host could not store the block. */
  | 'not-stored'

/** Where the sifted bits of one block went; the parts sum to `siftedBits`. */
export interface BitAccount {
  readonly siftedBits: number
  /** Both halves, to be served as keys. */
  readonly applicationBits: number
  readonly reserveBits: number
  /** Less than two octets that do not fill the halves evenly. */
  readonly remainderBits: number
  /** Parities, disclosed frames and hashes, as counted on the wire. */
  readonly leakBits: number
  /** What the bound takes beyond the leak. */
  readonly marginBits: number
  readonly discardedBits: number
}

/** One block, as one end saw it. */
export interface BlockReport {
  readonly link: LinkId
  readonly epoch: number
  readonly sequence: number
  readonly role: Role
  /** `undecided`: held here, and unknown whether the peer uses it; the hosts have to compare. */
  readonly outcome: 'distilled' | 'undecided' | 'discarded'
  /** Present in a discarded block. */
  readonly cause?: DiscardCause
  /** Whether any of its detections came from simulated optics. */
  readonly simulated: boolean
  readonly batches: number
  readonly slots: number
  readonly detections: number
  /** Errors of the key basis are 0 until error correction has found them. */
  readonly counts: BlockCounts
  readonly testErrorRate: number
  /** What its CHSH test came to; absent without a test, or while one of its settings has no count. */
  readonly chsh?: MeasuredChsh
  /** Present once error correction has ended. */
  readonly keyErrorRate?: number
  /** Parities and disclosed frames. */
  readonly reconciliationBits: number
  readonly verificationBits: number
  readonly disclosedFrames: number
  /** Frames that one-way correction left to Cascade. Present where that was the method. */
  readonly undecodedFrames?: number
  /** f: parities and disclosed frames over n·h(QBER). Present with a key error rate above 0. */
  readonly efficiency?: number
  /** Questions that Cascade asked, of the strip that asked most. */
  readonly rounds: number
  /** The bound with every intermediate; present once it was computed. */
  readonly keyLength?: KeyLength
  readonly account: BitAccount
  /** ε of this block: those of the bound, and what its tags add. */
  readonly epsilons: Epsilons & { readonly authentication: number }
  /** Pads that this end spent on the block. */
  readonly padsSpent: number
  /**
   * Pads that the tags of this block cost both ends, in bits, over ℓ; above 1 the link eats more
   * key than it makes. Present in a block that gave a key.
   */
  readonly authenticationCost?: number
}

/** Totals since the engine was made, and how it stands. */
export interface LinkStatus {
  readonly role: Role
  readonly state: 'idle' | 'opening' | 'open'
  readonly epoch: number | undefined
  /** Whether batches fed now would be dropped. */
  readonly busy: boolean
  readonly blocksInFlight: number
  /** Key bits of the block that is being sifted. */
  readonly siftingBits: number
  readonly batches: number
  readonly batchesDropped: number
  readonly detections: number
  readonly blocksDistilled: number
  readonly blocksDiscarded: Readonly<Partial<Record<DiscardCause, number>>>
  /** Messages for blocks that had ended here already. */
  readonly messagesLate: number
  /** Sums of the accounts of all blocks. */
  readonly account: BitAccount
  /** ε of all keys made so far: each kind adds up over blocks. */
  readonly epsilonSpent: number
  /** Of the latest block in which it was known. */
  readonly testErrorRate: number | undefined
  readonly keyErrorRate: number | undefined
  readonly efficiency: number | undefined
  readonly padsLeft: { readonly send: number; readonly receive: number }
  /** What the device of this end observed beside its choices or detections, in the last batch. */
  readonly observed: TransmitterObservables | undefined
}

/** The account of no block. */
export const EMPTY_ACCOUNT: BitAccount = {
  siftedBits: 0,
  applicationBits: 0,
  reserveBits: 0,
  remainderBits: 0,
  leakBits: 0,
  marginBits: 0,
  discardedBits: 0,
}

/** Part by part. */
export function addAccounts(a: BitAccount, b: BitAccount): BitAccount {
  return {
    siftedBits: a.siftedBits + b.siftedBits,
    applicationBits: a.applicationBits + b.applicationBits,
    reserveBits: a.reserveBits + b.reserveBits,
    remainderBits: a.remainderBits + b.remainderBits,
    leakBits: a.leakBits + b.leakBits,
    marginBits: a.marginBits + b.marginBits,
    discardedBits: a.discardedBits + b.discardedBits,
  }
}
