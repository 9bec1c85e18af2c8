/**
 * Sifting: both ends keep the detections where their bases agree.
 *
 * The receiver announces, after a batch was detected, the slots, its bases and its bits of the test
 * basis. The transmitter answers which match, the intensity of each match, and its bits of the test
 * basis. Bits of the key basis never leave either end. Stands between the device and
 * `reconciliation`; both directions are authenticated when the block closes.
 *
 * Of entangled pairs both ends detect: a detection that the transmitter's end has none for is as
 * good as one in another basis. The receiver is not told which it was.
 *
 * With three states the test basis has one of them only: the transmitter's bit there is 0 and is not
 * said. Key states that were measured in the test basis (*crossed* ones) are counted too, for they
 * stand in for the fourth state: their intensity is announced with those of the matches. Which of the
 * two key states each was, nobody needs to know.
 *
 * Works on eight detections at a time; see `bit-lanes.ts`.
 *
 * @see Bennett, Brassard, Mermin, PRL 68, 557 (1992) for entangled pairs; Bennett, Brassard, 1984; Lim
 *   et al., Phys. Rev. A 89, 022307, §II; Tamaki et al., Phys. Rev. A 90, 052314 for crossed ones
 * @module
 */

import type { DetectionBatch } from '#optics'
import {
  anyBeyond,
  appendPicked,
  combined,
  isExactly,
  newPlane,
  onesIn,
  onesInBoth,
  picked,
  planeOf,
  planesOf,
  spread,
  type Plane,
} from './bit-lanes.ts'
import { octetsOf } from './cascade/wire.ts'
import {
  acceptChsh,
  answerChsh,
  isChshAnswer,
  type ChshAnnouncement,
  type ChshAnswer,
} from './chsh-sifting.ts'
import { encodeGaps } from './gaps.ts'
import { QkdRefusal } from './refusal.ts'
import type { BitBuffer, SiftedBlock } from './sifted-block.ts'

/** Detections that one batch may hold. */
export const DETECTIONS_MAX = 2 ** 21

/**
 * What the receiver says of one batch. Packed bits, the low end first. Where a link has a CHSH test,
 * the parts of it are there too, and only there.
 */
export interface Announcement extends Partial<ChshAnnouncement> {
  readonly count: number
  /** Octets of each gap; see `gaps.ts`. */
  readonly gapWidth: number
  readonly gaps: Uint8Array
  /** One bit for each detection: 1 for the test basis; of a CHSH test, 1 for the second angle. */
  readonly bases: Uint8Array
  /** The bit of each detection in the test basis. */
  readonly testBits: Uint8Array
}

/** What the receiver keeps of a batch until it is answered: one bit for each detection. */
export interface Outcomes {
  readonly count: number
  readonly bases: Plane
  readonly bits: Plane
  /** Those of a CHSH test, where the link has one. */
  readonly tested: Plane | undefined
}

/** What the transmitter answers. Packed bits, the low end first. To a CHSH test there is a part. */
export interface SiftAnswer extends Partial<ChshAnswer> {
  /** One bit for each detection: 1 where the bases agree. */
  readonly matches: Uint8Array
  /**
   * Low bit of the index of the intensity of each match: 0 signal, 1 decoy, 2 second decoy. Empty
   * on a link of entangled pairs. With three states: of each match and of each crossed detection.
   */
  readonly intensityLow: Uint8Array
  /** High bit of it; empty on a link with two intensities. */
  readonly intensityHigh: Uint8Array
  /** The transmitter's bit for each match in the test basis. Empty with three states. */
  readonly testBits: Uint8Array
}

/**
 * The announcement of a batch, and what is kept of it.
 *
 * @param chsh   whether the link has a CHSH test
 * @throws QkdRefusal `BATCH_INVALID` for a batch that no device may report
 */
export function announce(
  batch: DetectionBatch,
  chsh = false,
): {
  readonly announcement: Announcement
  readonly outcomes: Outcomes
} {
  const { slots, outcomes, slotCount } = batch
  const count = slots.length
  const known = chsh ? 0b111 : 0b11
  if (count !== outcomes.length || count > DETECTIONS_MAX || anyBeyond(outcomes, known)) {
    throw new QkdRefusal('BATCH_INVALID', `Expected at most ${DETECTIONS_MAX} detections`)
  }
  const gaps = encodeGaps(slots, slotCount)
  if (gaps === undefined) throw new QkdRefusal('BATCH_INVALID', 'Expected increasing slots')
  const [bases, bits, ...rest] = planesOf(outcomes, chsh ? 3 : 2)
  const tested = rest.at(0)
  return {
    announcement: {
      count,
      gapWidth: gaps.width,
      gaps: gaps.octets,
      bases: bases.octets.subarray(0, octetsOf(count)),
      testBits: picked(inTestBasis(bases, tested), bits),
      ...(tested === undefined
        ? {}
        : {
            tested: tested.octets.subarray(0, octetsOf(count)),
            testedBits: picked(tested, bits),
          }),
    },
    outcomes: { count, bases, bits, tested },
  }
}

/** Refuses an announcement whose parts do not belong together. @throws QkdRefusal */
export function checkAnnouncement(announcement: Announcement, chsh = false): void {
  const { count, bases, testBits, tested, testedBits } = announcement
  const whole = (): boolean => {
    if (!isExactly(bases, count)) return false
    if (!chsh) {
      if (tested !== undefined || testedBits !== undefined) return false
      return isExactly(testBits, onesIn(planeOf(bases, count)))
    }
    if (tested === undefined || testedBits === undefined || !isExactly(tested, count)) return false
    const marks = planeOf(tested, count)
    const tests = inTestBasis(planeOf(bases, count), marks)
    return isExactly(testBits, onesIn(tests)) && isExactly(testedBits, onesIn(marks))
  }
  if (!whole()) throw new QkdRefusal('MESSAGE_INVALID', 'Expected one basis for each detection')
}

/** Detections in the test basis: those of a CHSH test are in none. */
const inTestBasis = (bases: Plane, tested: Plane | undefined): Plane =>
  tested === undefined ? bases : combined(bases, tested, 'and-not')

/**
 * The transmitter's side: answers an announcement and adds what matches to the block.
 *
 * @param choices   as the device gives them, one for each detection
 * @throws QkdRefusal `BATCH_INVALID` for choices that no device may report; the block is unchanged
 */
export function answerSifting(
  { count, bases, testBits, ...test }: Announcement,
  choices: Uint8Array,
  block: SiftedBlock,
): SiftAnswer {
  const kinds = block.keyDetections.length
  const [ownBases, bits, low, ...more] = planesOf(choices, kinds > 2 ? 4 : 3)
  const threeStates = block.crossedZeros !== undefined
  const oddTest = threeStates && onesInBoth(ownBases, bits) > 0
  if (oddTest || !areChoices(choices, count, [low, ...more])) {
    throw new QkdRefusal('BATCH_INVALID', 'Expected one choice for each detection')
  }
  const peerBases = planeOf(bases, count)
  const unlike = combined(ownBases, peerBases, 'xor')
  const alike = combined(unlike, firstOnes(count), 'xor', unlike)
  const tested = block.chsh && planeOf(test.tested ?? NO_OCTETS, count)
  // Of pairs, the only index but 0 says that nothing was seen.
  const both = kinds === 1 ? combined(alike, low, 'and-not') : alike
  const matches = tested === undefined ? both : combined(both, tested, 'and-not')
  const planes = kinds === 1 ? [] : [low, ...more]
  const inTest = combined(matches, peerBases, 'and')
  const inKey = combined(matches, peerBases, 'and-not')
  const peerBits = spread(inTestBasis(peerBases, tested), testBits)
  const differing = combined(peerBits, bits, 'xor')
  const errors = combined(differing, inTest, 'and', differing)
  const crossed = crossedIn(block, peerBases, matches)
  append(block.key, inKey, bits)
  addCounts(block, { inKey, test: inTest, errors, zeros: zerosOf(crossed, peerBits) }, planes)
  const told = toldOf(matches, crossed)
  return {
    matches: matches.octets.subarray(0, octetsOf(count)),
    intensityLow: kinds === 1 ? new Uint8Array(0) : picked(told, low),
    intensityHigh: more.length === 0 ? new Uint8Array(0) : picked(told, more[0]),
    testBits: threeStates ? new Uint8Array(0) : picked(inTest, bits),
    ...(block.chsh === undefined || tested === undefined
      ? {}
      : answerChsh(
          { tested, angles: peerBases, testedBits: test.testedBits ?? NO_OCTETS },
          { seen: combined(firstOnes(count), low, 'and-not'), bases: ownBases, bits },
          block.chsh,
        )),
  }
}

/**
 * The receiver's side: adds what matches to the block.
 *
 * @throws QkdRefusal `MESSAGE_INVALID` for an answer that no honest transmitter gives; the block is
 *   then unchanged
 */
export function acceptSifting(outcomes: Outcomes, answer: SiftAnswer, block: SiftedBlock): void {
  checkAnswer(answer, outcomes, block)
  const { count, bases, bits, tested } = outcomes
  const { chsh } = block
  if (chsh !== undefined && tested !== undefined && isWhole(answer)) {
    acceptChsh({ tested, bases, bits }, answer, chsh)
  }
  const matches = planeOf(answer.matches, count)
  const test = combined(matches, bases, 'and')
  const inKey = combined(matches, bases, 'and-not')
  const crossed = crossedIn(block, bases, matches)
  const told = toldOf(matches, crossed)
  const kinds = block.keyDetections.length
  const planes = kinds > 1 ? [spread(told, answer.intensityLow)] : []
  if (kinds > 2) planes.push(spread(told, answer.intensityHigh))
  // With three states no bits were told, and all are 0.
  const differing = spread(test, answer.testBits)
  const errors = combined(combined(differing, bits, 'xor', differing), test, 'and', differing)
  append(block.key, inKey, bits)
  planes.forEach((plane, at) => append(block.intensityPlanes[at], inKey, plane))
  addCounts(block, { inKey, test, errors, zeros: zerosOf(crossed, bits) }, planes)
}

/** With three states: detections in the test basis whose pulse was of the key basis. */
const crossedIn = (block: SiftedBlock, bases: Plane, matches: Plane): Plane | undefined =>
  block.crossedZeros && combined(bases, matches, 'and-not')

/** Those of them whose bit was 0. */
const zerosOf = (crossed: Plane | undefined, bits: Plane): Plane | undefined =>
  crossed && combined(crossed, bits, 'and-not')

/** Detections whose intensity is told. */
const toldOf = (matches: Plane, crossed: Plane | undefined): Plane =>
  crossed === undefined ? matches : combined(matches, crossed, 'xor')

/** Appends the bits of `values` under `mask` to a buffer. */
function append(buffer: BitBuffer, mask: Plane, values: Plane): void {
  buffer.reserve(8 * values.octets.length)
  const into = new Uint8Array(buffer.words.buffer)
  buffer.length = appendPicked(mask, values, into, buffer.length)
}

/** Adds to the block's counts how many detections of each kind had each intensity. */
function addCounts(
  block: SiftedBlock,
  of: {
    readonly inKey: Plane
    readonly test: Plane
    readonly errors: Plane
    readonly zeros: Plane | undefined
  },
  planes: readonly Plane[],
): void {
  const tally = (counts: number[], chosen: Plane): void => {
    const all = onesIn(chosen)
    // No detection has both bits of an index of three intensities, so the planes do not overlap.
    const each = planes.map((plane) => onesInBoth(chosen, plane))
    counts[0] += all - each.reduce((total, count) => total + count, 0)
    each.forEach((count, at) => (counts[at + 1] += count))
  }
  tally(block.keyDetections, of.inKey)
  tally(block.testDetections, of.test)
  tally(block.testErrors, of.errors)
  if (of.zeros !== undefined && block.crossedZeros !== undefined) {
    tally(block.crossedZeros, of.zeros)
  }
}

function areChoices(choices: Uint8Array, count: number, planes: readonly Plane[]): boolean {
  const unused = planes.length > 1 && onesInBoth(planes[0], planes[1]) > 0
  const beyond = anyBeyond(choices, planes.length > 1 ? 0b1111 : 0b111)
  return choices.length === count && !unused && !beyond
}

/** Whether an answer has a part about a CHSH test. */
const isWhole = (answer: SiftAnswer): answer is SiftAnswer & ChshAnswer =>
  answer.seen !== undefined && answer.seenBases !== undefined && answer.seenBits !== undefined

/** Whether that part is as it must be, or missing where there is no test. */
function isTestAnswered(answer: SiftAnswer, matches: Plane, tested: Plane | undefined): boolean {
  if (tested === undefined) {
    const { seen, seenBases, seenBits } = answer
    return seen === undefined && seenBases === undefined && seenBits === undefined
  }
  return isWhole(answer) && isChshAnswer(answer, tested) && onesInBoth(matches, tested) === 0
}

function checkAnswer(answer: SiftAnswer, outcomes: Outcomes, block: SiftedBlock): void {
  const { count, bases, tested } = outcomes
  const kinds = block.keyDetections.length
  const { intensityLow, intensityHigh, testBits } = answer
  const invalid = (): QkdRefusal =>
    new QkdRefusal('MESSAGE_INVALID', 'Expected one intensity for each match')
  if (!isExactly(answer.matches, count)) throw invalid()
  const matches = planeOf(answer.matches, count)
  const crossed = crossedIn(block, bases, matches)
  const told = onesIn(matches) + (crossed === undefined ? 0 : onesIn(crossed))
  const whole =
    isExactly(intensityLow, kinds > 1 ? told : 0) &&
    isExactly(intensityHigh, kinds > 2 ? told : 0) &&
    isExactly(testBits, crossed === undefined ? onesInBoth(matches, bases) : 0) &&
    isTestAnswered(answer, matches, tested)
  if (!whole || intensityHigh.some((octet, at) => (octet & intensityLow[at]) !== 0)) throw invalid()
}

/** A plane whose first `count` bits are 1. */
function firstOnes(count: number): Plane {
  const plane = newPlane(count)
  plane.words.fill(-1)
  if ((count & 31) !== 0) plane.words[plane.words.length - 1] = (1 << (count & 31)) - 1
  return plane
}

const NO_OCTETS = new Uint8Array(0)
