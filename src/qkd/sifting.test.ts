/**
 * Sifting against a plain loop over detections, and the coding of slots.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bitAt, SeededRandom, unpackBits } from '#base'
import type { DetectionBatch } from '#optics'
import { NOTHING_SEEN } from './fixture.test.ts'
import { decodeGaps, encodeGaps, widthFor } from './gaps.ts'
import { QkdRefusal } from './refusal.ts'
import { SiftedBlock } from './sifted-block.ts'
import {
  acceptSifting,
  announce,
  answerSifting,
  checkAnnouncement,
  DETECTIONS_MAX,
  type SiftAnswer,
} from './sifting.ts'

const observables = {
  clicks: [0, 0, 0, 0] as const,
  doubleClicks: 0,
  deadTimeDrops: 0,
  photocurrentUa: 0,
}

function batchOf(
  count: number,
  seed: number,
  kinds: number,
  source?: 'three-states',
): { batch: DetectionBatch; choices: Uint8Array } {
  const random = new SeededRandom(seed)
  const slots = new Uint32Array(count)
  let slot = -1
  for (let at = 0; at < count; at++) slots[at] = slot += 1 + random.below(at % 50 === 0 ? 3000 : 40)
  const outcomes = Uint8Array.from(slots, () => random.below(4))
  // One kind: entangled pairs, of which some were seen at one end only.
  const choices = Uint8Array.from(slots, () =>
    kinds === 1 && random.below(3) > 0
      ? NOTHING_SEEN
      : random.below(4) | (random.below(kinds) << 2),
  )
  // Of three states, the one of the test basis is its bit 0.
  if (source !== undefined)
    for (const [at, one] of choices.entries()) choices[at] &= ~((one & 1) << 1)
  const head = { batch: 0, slotCount: slot + 1 + random.below(9) || 1, simulated: true }
  return { batch: { ...head, slots, outcomes, observables }, choices }
}

test('sifting keeps what a plain loop over detections keeps, over batches of any length', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 5 }),
      fc.constantFrom(1, 2, 3),
      fc.constantFrom(undefined, 'three-states' as const),
      fc.nat(),
      (counts, kinds, given, seed) => {
        const source = kinds > 1 ? given : undefined
        const [alice, bob] = [new SiftedBlock(kinds, source), new SiftedBlock(kinds, source)]
        const key: { a: number; b: number; intensity: number }[] = []
        const tests = Array.from({ length: kinds }, () => ({ all: 0, wrong: 0 }))
        const crossed = tests.map(() => 0)
        counts.forEach((count, at) => {
          const { batch, choices } = batchOf(count, seed + at, kinds, source)
          const { announcement, outcomes } = announce(batch)
          checkAnnouncement(announcement)
          const gaps = { width: announcement.gapWidth, octets: announcement.gaps }
          assert.deepEqual(decodeGaps(gaps, count, batch.slotCount), batch.slots)
          // Device arrays may lie anywhere in their buffers.
          const shifted = new Uint8Array(count + 1).subarray(1)
          shifted.set(choices)
          acceptSifting(outcomes, answerSifting(announcement, shifted, alice), bob)
          for (let one = 0; one < count; one++) {
            const [choice, outcome] = [choices[one], batch.outcomes[one]]
            if ((choice & 1) === 0 && outcome === 0b01) crossed[choice >> 2]++
            if ((choice & 1) !== (outcome & 1)) continue
            if (kinds === 1 && choice === NOTHING_SEEN) continue
            const [a, b, intensity] = [(choice >> 1) & 1, outcome >> 1, choice >> 2]
            if ((choice & 1) === 0) key.push({ a, b, intensity })
            else {
              tests[intensity].all++
              tests[intensity].wrong += a ^ b
            }
          }
        })
        assert.deepEqual(
          [...unpackBits(alice.key.bits)],
          key.map(({ a }) => a),
        )
        assert.deepEqual(
          [...unpackBits(bob.key.bits)],
          key.map(({ b }) => b),
        )
        for (const block of [alice, bob]) {
          assert.deepEqual(
            block.testDetections,
            tests.map(({ all }) => all),
          )
          assert.deepEqual(
            block.testErrors,
            tests.map(({ wrong }) => wrong),
          )
          const kept = tests.map((_, k) => key.filter(({ intensity }) => intensity === k).length)
          assert.deepEqual(block.keyDetections, kept)
          assert.deepEqual(block.crossedZeros, source && crossed)
        }
        const [low, high] = bob.intensityPlanes
        if (kinds === 1) assert.equal(low.length + high.length, 0)
        else
          key.forEach(({ intensity }, at) => {
            const seen = bitAt(low.bits, at) | (kinds > 2 ? bitAt(high.bits, at) << 1 : 0)
            assert.equal(seen, intensity)
          })
      },
    ),
    { seed: 1, numRuns: 200 },
  )
})

test('an answer of any other length or with bits behind its end changes nothing', () => {
  const { batch, choices } = batchOf(100, 3, 3)
  const { announcement, outcomes } = announce(batch)
  const answer = answerSifting(announcement, choices, new SiftedBlock(3))
  const block = new SiftedBlock(3)
  const longer = (octets: Uint8Array): Uint8Array => new Uint8Array([...octets, 0])
  const parts = ['matches', 'intensityLow', 'intensityHigh', 'testBits'] as const
  for (const part of parts) {
    for (const changed of [longer(answer[part]), answer[part].subarray(1)]) {
      const bad: SiftAnswer = { ...answer, [part]: changed }
      assert.throws(() => acceptSifting(outcomes, bad, block), isRefusal('MESSAGE_INVALID'), part)
    }
  }
  const padded = answer.matches.with(12, answer.matches[12] | 0x80)
  assert.throws(
    () => acceptSifting(outcomes, { ...answer, matches: padded }, block),
    isRefusal('MESSAGE_INVALID'),
  )
  const both = answer.intensityLow.map((octet) => octet | 1)
  const third = answer.intensityHigh.map((octet) => octet | 1)
  const fourth = { ...answer, intensityLow: both, intensityHigh: third }
  assert.throws(() => acceptSifting(outcomes, fourth, block), isRefusal('MESSAGE_INVALID'))
  assert.equal(block.key.length, 0)
  assert.deepEqual(block.keyDetections, [0, 0, 0])
  acceptSifting(outcomes, answer, block)
  assert.notEqual(block.key.bits.length, 0)
})

test('with three states no bit is told, and the intensity of all that is counted', () => {
  const { batch, choices } = batchOf(400, 6, 2, 'three-states')
  const { announcement, outcomes } = announce(batch)
  const made = (source?: 'three-states') => new SiftedBlock(2, source)
  const answer = answerSifting(announcement, choices, made('three-states'))
  const plain = answerSifting(announcement, choices, made())
  assert.deepEqual(answer.matches, plain.matches)
  assert.equal(answer.testBits.length, 0)
  assert(plain.testBits.length > 0 && answer.intensityLow.length > plain.intensityLow.length)
  // An answer of one kind of link is none of the other.
  const mixed: readonly SiftAnswer[] = [
    plain,
    { ...answer, intensityLow: plain.intensityLow },
    { ...answer, testBits: plain.testBits },
  ]
  const block = made('three-states')
  for (const bad of mixed) {
    assert.throws(() => acceptSifting(outcomes, bad, block), isRefusal('MESSAGE_INVALID'))
  }
  assert.throws(() => acceptSifting(outcomes, answer, made()), isRefusal('MESSAGE_INVALID'))
  assert.deepEqual([block.key.length, block.crossedZeros], [0, [0, 0]])
  acceptSifting(outcomes, answer, block)
  assert(block.crossedZeros !== undefined && block.crossedZeros[0] > 0)
})

test('a fourth state from a source of three is refused and changes nothing', () => {
  const { batch, choices } = batchOf(50, 7, 2, 'three-states')
  const { announcement } = announce(batch)
  const block = new SiftedBlock(2, 'three-states')
  const minus = choices.with(9, 0b11)
  assert.throws(() => answerSifting(announcement, minus, block), isRefusal('BATCH_INVALID'))
  assert.deepEqual([block.key.length, block.crossedZeros], [0, [0, 0]])
  answerSifting(announcement, minus, new SiftedBlock(2))
  answerSifting(announcement, choices, block)
})

test('choices that no device reports are refused and change nothing', () => {
  for (const kinds of [1, 2, 3]) {
    const { batch, choices } = batchOf(50, 4, kinds)
    const { announcement } = announce(batch)
    const block = new SiftedBlock(kinds)
    const tooMany = choices.with(7, Math.max(2, kinds) << 2)
    for (const bad of [choices.subarray(1), tooMany, choices.with(7, 16)]) {
      assert.throws(() => answerSifting(announcement, bad, block), isRefusal('BATCH_INVALID'))
    }
    assert.equal(block.key.length, 0)
  }
})

test('a batch out of order, out of its slots or of unequal arrays is refused', () => {
  const { batch } = batchOf(20, 5, 2)
  const swapped = batch.slots.slice()
  swapped[3] = swapped[2]
  for (const bad of [
    { ...batch, slots: swapped },
    { ...batch, slotCount: batch.slots[19] },
    { ...batch, outcomes: batch.outcomes.subarray(1) },
    { ...batch, outcomes: batch.outcomes.with(0, 4) },
    {
      ...batch,
      slots: new Uint32Array(DETECTIONS_MAX + 1),
      outcomes: new Uint8Array(DETECTIONS_MAX + 1),
    },
  ]) {
    assert.throws(() => announce(bad), isRefusal('BATCH_INVALID'))
  }
  assert.equal(announce({ ...batch, slotCount: batch.slots[19] + 1 }).announcement.count, 20)
})

test('slots come back from gaps of every width', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.nat(300), fc.nat(70_000), fc.nat(2 ** 25)), { maxLength: 60 }),
      fc.nat(1000),
      (gaps, tail) => {
        let next = 0
        const slots = Uint32Array.from(gaps, (gap) => {
          const slot = next + gap
          next = slot + 1
          return slot
        })
        const slotCount = Math.max(1, next + tail)
        const encoded = encodeGaps(slots, slotCount)
        assert(encoded !== undefined)
        assert.deepEqual(decodeGaps(encoded, slots.length, slotCount), slots)
      },
    ),
    { seed: 2, numRuns: 300 },
  )
  assert.deepEqual(
    [30, 1000, 1e6, 1e9].map((mean) => widthFor(1, mean)),
    [1, 2, 3, 4],
  )
})

test('octets that are no gaps of one batch are refused', () => {
  const octets = Uint8Array.of(3, 255, 7, 0)
  assert.deepEqual(decodeGaps({ width: 1, octets }, 3, 300), Uint32Array.of(3, 259, 267))
  const bad: readonly [Uint8Array, number, number, number][] = [
    [octets, 1, 2, 300],
    [octets, 1, 4, 300],
    [octets, 1, 3, 267],
    [octets, 0, 3, 300],
    [octets, 5, 3, 300],
    [Uint8Array.of(255), 1, 1, 300],
    [Uint8Array.of(1, 2, 3), 2, 1, 3000],
    [Uint8Array.of(255, 255), 2, 1, 2 ** 31],
  ]
  for (const [given, width, count, slotCount] of bad) {
    const decode = (): unknown => decodeGaps({ width, octets: given }, count, slotCount)
    assert.throws(decode, isRefusal('MESSAGE_INVALID'))
  }
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 40 }),
      fc.integer({ min: 1, max: 4 }),
      fc.nat(20),
      (given, width, count) => {
        try {
          const slots = decodeGaps({ width, octets: given }, count, 10_000)
          slots.forEach((slot, at) => assert(slot < 10_000 && (at === 0 || slot > slots[at - 1])))
        } catch (error) {
          assert(isRefusal('MESSAGE_INVALID')(error))
        }
      },
    ),
    { seed: 3, numRuns: 500 },
  )
})

const isRefusal =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof QkdRefusal && error.code === code
