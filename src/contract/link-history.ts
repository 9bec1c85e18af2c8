/**
 * What a link remembers of itself: its blocks and the turns of its life, and their sums.
 *
 * @module
 */

import { Exactly, OneOf, Text, Type, Whole, type Static } from '#base'

const Count = Whole(0)
const Time = Whole(0)
const Rate = Type.Union([Type.Number(), Type.Null()])

export const LinkStateShape = OneOf(
  'starting',
  'calibrating',
  'running',
  'degraded',
  'recovering',
  'suspended',
  'down',
)

export const BlockEntryShape = Exactly({
  kind: Type.Literal('block'),
  at: Time,
  epoch: Count,
  sequence: Count,
  outcome: OneOf('distilled', 'undecided', 'discarded'),
  /** Why it gave no key; empty if it did. */
  cause: Text(64),
  /** Error rate of the test basis, and of the key basis once errors were corrected. */
  testErrorRate: Type.Number(),
  keyErrorRate: Rate,
  siftedBits: Count,
  /** Bits for applications; 0 of a block without key. */
  secretBits: Count,
  leakBits: Count,
  /** f of error correction; null where it did not end. */
  efficiency: Rate,
  /** How long its pulses took on the fibre: rates are bits over this. */
  seconds: Type.Number(),
  /** ε of its key; 0 without one. */
  epsilon: Type.Number(),
  /** Sum of the ε of all keys of the link up to this one: each kind adds up over blocks. */
  epsilonSpent: Type.Number(),
})
export type BlockEntry = Static<typeof BlockEntryShape>

export const HistoryEntryShape = Type.Union([
  BlockEntryShape,
  Exactly({
    kind: Type.Literal('alarm'),
    at: Time,
    alarm: Text(64),
    change: OneOf('raised', 'cleared'),
  }),
  Exactly({
    kind: Type.Literal('alignment'),
    at: Time,
    cause: OneOf('start', 'drift', 'operator'),
    /** `sound`: the error rate came back; `done`: there was nothing to compare with. */
    outcome: OneOf('done', 'sound', 'failed', 'refused', 'cut-short'),
    /** Error rates of the test basis; null where they are not known. */
    before: Rate,
    after: Rate,
  }),
  Exactly({
    kind: Type.Literal('state'),
    at: Time,
    state: LinkStateShape,
    reason: Text(128),
  }),
])
export type HistoryEntry = Static<typeof HistoryEntryShape>

/** Sums over all blocks that this end has ever seen end, beyond those that are still listed. */
export const LinkTotalsShape = Exactly({
  /** When the first of them ended; null before it. */
  since: Type.Union([Time, Type.Null()]),
  blocksDistilled: Count,
  /** Blocks without key, by cause. */
  blocksDiscarded: Type.Record(Type.String(), Count),
  siftedBits: Count,
  secretBits: Count,
  leakBits: Count,
  /** ε of all keys: an adversary tells them from perfect ones with at most this advantage. */
  epsilonSpent: Type.Number(),
  alarms: Count,
  alignments: Count,
})
export type LinkTotals = Static<typeof LinkTotalsShape>

export const LinkHistoryShape = Exactly({
  link: Text(64),
  totals: LinkTotalsShape,
  /** Oldest first. */
  entries: Type.Array(HistoryEntryShape),
})
export type LinkHistoryView = Static<typeof LinkHistoryShape>
