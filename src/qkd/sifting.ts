/**
 * Sifting: both ends keep the detections where their bases agree.
 *
 * The receiver announces, after a batch was detected, the slots, its bases and its bits of the test
 * basis. The transmitter answers which match, the intensity of each match, and its bits of the test
 * basis. Bits of the key basis never leave either end. Stands between the device and
 * `reconciliation`; both directions are authenticated together when the block closes.
 *
 * Plain loops over typed arrays: this is the only step that touches every detection.
 *
 * @see Bennett, Brassard, 1984; Lim et al., Phys. Rev. A 89, 022307, §II
 * @module
 */

import type { DetectionBatch } from '#optics'
import { octetsOf } from './cascade/wire.ts'
import { encodeGaps } from './gaps.ts'
import { QkdRefusal } from './refusal.ts'
import type { SiftedBlock } from './sifted-block.ts'

/** Detections that one batch may hold. */
export const DETECTIONS_MAX = 2 ** 21

/** What the receiver says of one batch. Packed bits, the low end first. */
export interface Announcement {
  readonly count: number
  readonly gaps: Uint8Array
  /** One bit for each detection: 1 for the test basis. */
  readonly bases: Uint8Array
  /** The bit of each detection in the test basis. */
  readonly testBits: Uint8Array
}

/** What the transmitter answers. Packed bits, the low end first. */
export interface SiftAnswer {
  /** One bit for each detection: 1 where the bases agree. */
  readonly matches: Uint8Array
  /** For each match the index of its intensity, in `intensityWidth` bits. */
  readonly intensities: Uint8Array
  /** The transmitter's bit for each match in the test basis. */
  readonly testBits: Uint8Array
}

/** Bits that name one of so many intensities. */
export const intensityWidth = (intensities: number): number => (intensities > 2 ? 2 : 1)

/**
 * The announcement of a batch.
 *
 * @throws QkdRefusal `BATCH_INVALID` for a batch that no device may report
 */
export function announce({ slots, outcomes, slotCount }: DetectionBatch): Announcement {
  const count = slots.length
  if (count !== outcomes.length || count > DETECTIONS_MAX) {
    throw new QkdRefusal('BATCH_INVALID', `Expected at most ${DETECTIONS_MAX} detections`)
  }
  const gaps = encodeGaps(slots, slotCount)
  if (gaps === undefined) throw new QkdRefusal('BATCH_INVALID', 'Expected increasing slots')
  const bases = new Uint8Array(octetsOf(count))
  const testBits = new Uint8Array(octetsOf(count))
  let basisOctet = 0
  let testOctet = 0
  let tests = 0
  for (let at = 0; at < count; at++) {
    const outcome = outcomes[at]
    const basis = outcome & 1
    basisOctet |= basis << (at & 7)
    if ((at & 7) === 7) {
      bases[at >> 3] = basisOctet
      basisOctet = 0
    }
    if (basis === 1) {
      testOctet |= ((outcome >> 1) & 1) << (tests & 7)
      if ((tests & 7) === 7) {
        testBits[tests >> 3] = testOctet
        testOctet = 0
      }
      tests++
    }
  }
  if ((count & 7) !== 0) bases[count >> 3] = basisOctet
  if ((tests & 7) !== 0) testBits[tests >> 3] = testOctet
  return { count, gaps, bases, testBits: testBits.slice(0, octetsOf(tests)) }
}

/** Refuses an announcement whose parts do not belong together. @throws QkdRefusal */
export function checkAnnouncement({ count, bases, testBits }: Announcement): void {
  const whole = bases.length === octetsOf(count) && isPadded(bases, count)
  const tests = onesIn(bases)
  if (!whole || testBits.length !== octetsOf(tests) || !isPadded(testBits, tests)) {
    throw new QkdRefusal('MESSAGE_INVALID', 'Expected one basis for each detection')
  }
}

/**
 * The transmitter's side: answers an announcement and adds what matches to the block.
 *
 * @param choices   as the device gives them, one for each detection
 * @throws QkdRefusal `BATCH_INVALID` for choices that no device may report
 */
export function answerSifting(
  { count, bases, testBits }: Announcement,
  choices: Uint8Array,
  block: SiftedBlock,
): SiftAnswer {
  const width = intensityWidth(block.keyDetections.length)
  checkChoices(choices, count, block.keyDetections.length)
  const matches = new Uint8Array(octetsOf(count))
  const intensities = new Uint8Array(octetsOf(count * width))
  const ownTests = new Uint8Array(octetsOf(count))
  const tally = new Int32Array(12)
  block.key.reserve(count)
  const { words } = block.key
  let keyBits = block.key.length
  let matched = 0
  let tests = 0
  let peerTests = 0
  for (let at = 0; at < count; at++) {
    const choice = choices[at]
    const basis = (bases[at >> 3] >> (at & 7)) & 1
    if (((choice ^ basis) & 1) !== 0) {
      peerTests += basis
      continue
    }
    const bit = (choice >> 1) & 1
    const intensity = choice >> 2
    matches[at >> 3] |= 1 << (at & 7)
    intensities[matched >> 3] |= intensity << (matched & 7)
    matched += width
    if (basis === 0) {
      words[keyBits >>> 5] |= bit << (keyBits & 31)
      keyBits++
      tally[intensity]++
    } else {
      ownTests[tests >> 3] |= bit << (tests & 7)
      tests++
      const peerBit = (testBits[peerTests >> 3] >> (peerTests & 7)) & 1
      peerTests++
      tally[4 + intensity]++
      tally[8 + intensity] += bit ^ peerBit
    }
  }
  block.key.length = keyBits
  addTally(block, tally)
  return {
    matches,
    intensities: intensities.slice(0, octetsOf(matched)),
    testBits: ownTests.slice(0, octetsOf(tests)),
  }
}

/**
 * The receiver's side: adds what matches to the block.
 *
 * @throws QkdRefusal `MESSAGE_INVALID` for an answer that no honest transmitter gives; the block is
 *   then unchanged
 */
export function acceptSifting(
  outcomes: Uint8Array,
  { matches, intensities, testBits }: SiftAnswer,
  block: SiftedBlock,
): void {
  const width = intensityWidth(block.keyDetections.length)
  const count = outcomes.length
  checkAnswer({ matches, intensities, testBits }, outcomes, block.keyDetections.length)
  const tally = new Int32Array(12)
  const [low, high] = block.intensityPlanes
  for (const buffer of [block.key, low, high]) buffer.reserve(count)
  const { words } = block.key
  const lowWords = low.words
  const highWords = high.words
  let keyBits = block.key.length
  let matched = 0
  let tests = 0
  for (let at = 0; at < count; at++) {
    if (((matches[at >> 3] >> (at & 7)) & 1) === 0) continue
    const outcome = outcomes[at]
    const bit = (outcome >> 1) & 1
    const intensity = (intensities[matched >> 3] >> (matched & 7)) & (2 * width - 1)
    matched += width
    if ((outcome & 1) === 0) {
      const shift = keyBits & 31
      words[keyBits >>> 5] |= bit << shift
      lowWords[keyBits >>> 5] |= (intensity & 1) << shift
      highWords[keyBits >>> 5] |= (intensity >> 1) << shift
      keyBits++
      tally[intensity]++
    } else {
      const peerBit = (testBits[tests >> 3] >> (tests & 7)) & 1
      tests++
      tally[4 + intensity]++
      tally[8 + intensity] += bit ^ peerBit
    }
  }
  for (const buffer of [block.key, low, high]) buffer.length = keyBits
  addTally(block, tally)
}

function checkChoices(choices: Uint8Array, count: number, intensities: number): void {
  let sound = choices.length === count
  const limit = intensities * 4
  for (const choice of choices) sound &&= choice < limit
  if (!sound) throw new QkdRefusal('BATCH_INVALID', 'Expected one choice for each detection')
}

function checkAnswer(answer: SiftAnswer, outcomes: Uint8Array, kinds: number): void {
  const { matches, intensities, testBits } = answer
  const width = intensityWidth(kinds)
  const invalid = (): QkdRefusal =>
    new QkdRefusal('MESSAGE_INVALID', 'Expected one intensity for each match')
  if (matches.length !== octetsOf(outcomes.length)) throw invalid()
  if (!isPadded(matches, outcomes.length)) throw invalid()
  const matched = onesIn(matches)
  let tests = 0
  for (let at = 0; at < outcomes.length; at++) {
    tests += (matches[at >> 3] >> (at & 7)) & outcomes[at] & 1
  }
  const whole =
    intensities.length === octetsOf(matched * width) && testBits.length === octetsOf(tests)
  if (!whole || !isPadded(intensities, matched * width) || !isPadded(testBits, tests)) {
    throw invalid()
  }
  if (width === 2 && intensities.some((octet) => (octet & (octet >> 1) & 0x55) !== 0)) {
    throw invalid()
  }
}

function addTally(block: SiftedBlock, tally: Int32Array): void {
  for (let at = 0; at < block.keyDetections.length; at++) {
    block.keyDetections[at] += tally[at]
    block.testDetections[at] += tally[4 + at]
    block.testErrors[at] += tally[8 + at]
  }
}

/** Whether the bits behind the first `bits` are 0: every answer has one spelling. */
const isPadded = (octets: Uint8Array, bits: number): boolean =>
  (bits & 7) === 0 || octets[octets.length - 1] >> (bits & 7) === 0

function onesIn(octets: Uint8Array): number {
  let ones = 0
  for (const octet of octets) ones += ONES[octet]
  return ones
}

const ONES = Uint8Array.from({ length: 256 }, (_, octet) => {
  let ones = 0
  for (let rest = octet; rest !== 0; rest &= rest - 1) ones++
  return ones
})
