/**
 * A closed block on its way to a key: its transcripts, its place in storage, its report.
 *
 * @module
 */

import {
  newTranscript,
  type AuthenticationSource,
  type Role,
  type Transcript,
} from './authentication.ts'
import { efficiencyOf, sum, type BlockTally, type BlockWork, type WorkPhase } from './block-work.ts'
import { measuredChsh } from './chsh.ts'
import { blockLayout } from './layout.ts'
import type { LinkParameters } from './parameters.ts'
import type { BitAccount, BlockReport, DiscardCause } from './report.ts'
import type { SiftedBlock } from './sifted-block.ts'

/** How far the storing of a block has come at this end. */
export type Storing =
  | 'not-yet'
  /** The host was asked to store it. */
  | 'asked'
  /** The peer is being told that it is: from here on only both ends together can void the block. */
  | 'telling'
  /** The tag that proves it has left. */
  | 'told'

/** One block between its closing and its fate. */
export interface ActiveBlock {
  readonly sequence: number
  readonly work: BlockWork
  /** Emptied once the tags of both ends have closed their phase. */
  readonly transcripts: Readonly<Record<WorkPhase, Transcript>>
  /** Tags made here or found to fit, by phase. */
  readonly tags: Map<WorkPhase, number>
  /** What each end said about storing; the two do not wait for each other. */
  readonly storage: { readonly own: Transcript; readonly peer: Transcript }
  storing: Storing
  peerStored: 'no' | 'said' | 'proven'
  reserve: AuthenticationSource | undefined
  padsSpent: number
  /** Probability that a forged tag of this end passed, summed over its tags. */
  forgery: number
  lastProgressMs: number
}

/** A block that has just closed. @param sifting   all that was said to sift it */
export function newActiveBlock(
  sequence: number,
  work: BlockWork,
  { sifting, nowMs }: { readonly sifting: Transcript; readonly nowMs: number },
): ActiveBlock {
  const transcripts = {
    sifting,
    reconciliation: newTranscript(),
    estimation: newTranscript(),
    amplification: newTranscript(),
  }
  return {
    sequence,
    work,
    transcripts,
    tags: new Map(),
    storage: { own: newTranscript(), peer: newTranscript() },
    storing: 'not-yet',
    peerStored: 'no',
    reserve: undefined,
    padsSpent: 0,
    forgery: 0,
    lastProgressMs: nowMs,
  }
}

/**
 * Counts a tag of a phase, made here or found to fit. With those of both ends its transcript has
 * served and is let go: that of sifting is larger than all else of a block together.
 */
export function countTag(
  { tags, transcripts }: Pick<ActiveBlock, 'tags' | 'transcripts'>,
  phase: WorkPhase,
): void {
  const count = (tags.get(phase) ?? 0) + 1
  tags.set(phase, count)
  if (count < 2) return
  transcripts[phase].transmitter.length = 0
  transcripts[phase].receiver.length = 0
}

/** What a report needs beside the block itself. */
export interface ReportContext {
  readonly parameters: LinkParameters
  readonly role: Role
  readonly epoch: number
  readonly sequence: number
  readonly padsSpent: number
  readonly forgery: number
}

/** The report of a block. @param fate   the cause of its discarding, or that it gave a key */
export function reportOf(
  sifted: SiftedBlock,
  tally: BlockTally,
  context: ReportContext & { readonly fate: DiscardCause | 'distilled' | 'undecided' },
): BlockReport {
  const { parameters, fate, padsSpent } = context
  const bits = sifted.key.length
  const discarded = fate !== 'distilled' && fate !== 'undecided'
  const efficiency = efficiencyOf(tally, bits)
  const chsh = sifted.chsh && measuredChsh(sifted.chsh)
  const secretBits = discarded ? 0 : (tally.keyLength?.secretBits ?? 0)
  return {
    link: parameters.link,
    epoch: context.epoch,
    sequence: context.sequence,
    role: context.role,
    outcome: discarded ? 'discarded' : fate,
    ...(discarded ? { cause: fate } : {}),
    simulated: sifted.simulated,
    batches: sifted.batches,
    slots: sifted.slots,
    detections: sifted.detections,
    counts: {
      key: {
        detections: [...sifted.keyDetections],
        errors: tally.keyErrors ?? sifted.keyDetections.map(() => 0),
      },
      ...sifted.tested,
    },
    testErrorRate: sifted.testErrorRate,
    ...(chsh === undefined ? {} : { chsh }),
    ...(tally.keyErrors === undefined ? {} : { keyErrorRate: sum(tally.keyErrors) / bits }),
    reconciliationBits: tally.reconciliationBits,
    verificationBits: tally.verificationBits,
    disclosedFrames: tally.disclosedFrames,
    ...(tally.undecodedFrames === undefined ? {} : { undecodedFrames: tally.undecodedFrames }),
    ...(efficiency === undefined ? {} : { efficiency }),
    rounds: tally.rounds,
    ...(tally.keyLength === undefined ? {} : { keyLength: tally.keyLength }),
    account: accountOf(bits, discarded ? undefined : tally, parameters),
    epsilons: { ...parameters.epsilons, authentication: context.forgery },
    padsSpent,
    ...(secretBits === 0 ? {} : { authenticationCost: (2 * padsSpent * 128) / secretBits }),
  }
}

/** Where the bits of a block went. @param tally   of a block that gave a key, else undefined */
function accountOf(
  siftedBits: number,
  tally: BlockTally | undefined,
  { reserveOctets }: LinkParameters,
): BitAccount {
  const secretBits = tally?.keyLength?.secretBits ?? 0
  const layout = blockLayout(secretBits, reserveOctets)
  if (tally === undefined || layout === undefined) {
    const nothing = { applicationBits: 0, reserveBits: 0, remainderBits: 0 }
    return { siftedBits, ...nothing, leakBits: 0, marginBits: 0, discardedBits: siftedBits }
  }
  const reserveBits = 8 * reserveOctets
  const leakBits = tally.reconciliationBits + tally.verificationBits
  return {
    siftedBits,
    applicationBits: secretBits - reserveBits - layout.remainderBits,
    reserveBits,
    remainderBits: layout.remainderBits,
    leakBits,
    marginBits: siftedBits - secretBits - leakBits,
    discardedBits: 0,
  }
}
