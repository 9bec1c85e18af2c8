/**
 * The part of sifting that a CHSH test has: what both ends tell each other of it, and the counts.
 *
 * The receiver says which of its detections stood between the bases, at which angle, and their
 * bits; the transmitter answers which of them it saw too, in which basis and with which bit. Both
 * count the same. Of these detections nothing becomes key, nor enters an error rate.
 *
 * @see Ekert, PRL 67, 661 (1991)
 * @module
 */

import { combined, isExactly, onesIn, onesInBoth, picked, spread, type Plane } from './bit-lanes.ts'
import type { ChshCounts } from './chsh.ts'
import type { OutcomeCounts } from './models/entangled.ts'

/** What the receiver says of its tested detections; the angle of each stands where bases do. */
export interface ChshAnnouncement {
  /** One bit for each detection: 1 for one of the test. */
  readonly tested: Uint8Array
  /** The bit of each of those. */
  readonly testedBits: Uint8Array
}

/** What the transmitter answers. */
export interface ChshAnswer {
  /** One bit for each tested detection: 1 where this end saw something too. */
  readonly seen: Uint8Array
  /** Its basis of each of those. */
  readonly seenBases: Uint8Array
  /** Its bit of each. */
  readonly seenBits: Uint8Array
}

/** The counts of a block, as they grow; see `ChshCounts` for their order. */
export type ChshTally = readonly { -readonly [K in keyof OutcomeCounts]: OutcomeCounts[K] }[] &
  ChshCounts

/** Nothing counted yet. */
export const newChshTally = (): ChshTally => [
  { same: 0, different: 0 },
  { same: 0, different: 0 },
  { same: 0, different: 0 },
  { same: 0, different: 0 },
]

/** The transmitter's side: counts, and says what it saw. */
export function answerChsh(
  announced: { readonly tested: Plane; readonly angles: Plane; readonly testedBits: Uint8Array },
  own: { readonly seen: Plane; readonly bases: Plane; readonly bits: Plane },
  tally: ChshTally,
): ChshAnswer {
  const { tested, angles, testedBits } = announced
  const { bases, bits } = own
  const seen = combined(tested, own.seen, 'and')
  const unlike = combined(spread(tested, testedBits), bits, 'xor')
  count(tally, { seen, bases, angles, unlike })
  return {
    seen: picked(tested, seen),
    seenBases: picked(seen, bases),
    seenBits: picked(seen, bits),
  }
}

/** Whether an answer has one bit of each kind for every detection that it is about. */
export function isChshAnswer({ seen, seenBases, seenBits }: ChshAnswer, tested: Plane): boolean {
  if (!isExactly(seen, onesIn(tested))) return false
  const both = onesIn(spread(tested, seen))
  return isExactly(seenBases, both) && isExactly(seenBits, both)
}

/** The receiver's side: counts what an answer says that `isChshAnswer`. */
export function acceptChsh(
  outcomes: { readonly tested: Plane; readonly bases: Plane; readonly bits: Plane },
  answer: ChshAnswer,
  tally: ChshTally,
): void {
  const seen = spread(outcomes.tested, answer.seen)
  const unlike = combined(spread(seen, answer.seenBits), outcomes.bits, 'xor')
  const bases = spread(seen, answer.seenBases)
  count(tally, { seen, bases, angles: outcomes.bases, unlike })
}

function count(
  tally: ChshTally,
  of: {
    readonly seen: Plane
    readonly bases: Plane
    readonly angles: Plane
    readonly unlike: Plane
  },
): void {
  for (const [setting, counts] of tally.entries()) {
    const inBasis = combined(of.seen, of.bases, setting < 2 ? 'and' : 'and-not')
    const chosen = combined(inBasis, of.angles, (setting & 1) === 1 ? 'and' : 'and-not')
    const different = onesInBoth(chosen, of.unlike)
    counts.different += different
    counts.same += onesIn(chosen) - different
  }
}
