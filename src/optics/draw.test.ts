/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SeededRandom } from '#base'
import { AvalancheList, TrapList, NEVER } from './avalanches.ts'
import { draw, drawTable } from './draw-table.ts'
import { noAttack } from './eve.ts'
import { roughLink, testLink } from './fixtures.test.ts'
import { Geometric, RareEvent } from './geometric.ts'
import { drawChoices, drawOutcome, pulseLaw } from './law.ts'

const weights = fc
  .array(fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true })), {
    minLength: 2,
    maxLength: 16,
  })
  .filter((all) => all.some((weight) => weight > 1e-6))

test('every outcome of a drawing table comes as often as its weight says, and no other', () => {
  fc.assert(
    fc.property(weights, (law) => {
      const table = drawTable([law.map(() => 1), law], 16)
      const seen = new Array<number>(law.length).fill(0)
      for (let word = 0; word < 2 ** 16; word++) seen[draw(table, 1, word)]++
      const total = law.reduce((sum, weight) => sum + weight, 0)
      for (const [outcome, weight] of law.entries()) {
        if (weight === 0) assert.equal(seen[outcome], 0)
        assert.ok(Math.abs(seen[outcome] - (weight / total) * 2 ** 16) <= 1)
      }
    }),
    { numRuns: 40, seed: 1 },
  )
})

test('the guide of a geometric law changes nothing but the speed', () => {
  for (const probability of [1e-7, 3e-4, 0.01, 0.3, 0.97, 1]) {
    const [ours, theirs] = [new SeededRandom(7), new SeededRandom(7)]
    const law = new Geometric(probability)
    for (let round = 0; round < 20_000; round++) {
      const uniform = (theirs.uint32() + 0.5) / 2 ** 32
      const expected = Math.floor(Math.log(uniform) / Math.log1p(-probability))
      assert.equal(law.draw(ours), expected)
    }
  }
})

test('what has no chance never happens, and what is certain happens at once', () => {
  const noise = new SeededRandom(1)
  const never = new RareEvent(0, noise)
  const always = new RareEvent(1, noise)
  for (let trial = 0; trial < 1000; trial++) {
    assert.equal(never.happens(), false)
    assert.equal(always.happens(), true)
  }
})

test('rare events come with their probability, independently', () => {
  const event = new RareEvent(0.03, new SeededRandom(2))
  let happened = 0
  let twice = 0
  let before = false
  for (let trial = 0; trial < 1_000_000; trial++) {
    const now = event.happens()
    if (now) happened++
    if (now && before) twice++
    before = now
  }
  assert.ok(Math.abs(happened - 30_000) < 5 * Math.sqrt(30_000 * 0.97))
  assert.ok(Math.abs(twice - 900) < 5 * Math.sqrt(900))
})

test('avalanches stay in order of their stamps, and those in one slot become one', () => {
  const stamps = fc.array(
    fc.record({ jitter: fc.integer({ min: -1, max: 1 }), which: fc.integer({ min: 1, max: 3 }) }),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(stamps, (added) => {
      const list = new AvalancheList()
      const expected = new Map<number, number>()
      for (const [index, { jitter, which }] of added.entries()) {
        const slot = 2 + index + jitter
        list.add(slot, which)
        expected.set(slot, (expected.get(slot) ?? 0) | which)
      }
      const sorted = [...expected].toSorted(([a], [b]) => a - b)
      assert.deepEqual(
        [...list.slots.subarray(0, list.count)],
        sorted.map(([slot]) => slot),
      )
      assert.deepEqual(
        [...list.detectors.subarray(0, list.count)],
        sorted.map(([, which]) => which),
      )
      list.shift(5)
      const kept = sorted.filter(([slot]) => slot >= 5).map(([slot]) => slot - 5)
      assert.deepEqual([...list.slots.subarray(0, list.count)], kept)
    }),
    { seed: 1 },
  )
})

test('trapped carriers are released in the order of their slots, together if they meet', () => {
  const traps = new TrapList()
  assert.equal(traps.first, NEVER)
  for (const [slot, which] of [
    [9, 1],
    [4, 2],
    [9, 2],
    [30, 1],
  ] as const)
    traps.add(slot, which)
  assert.equal(traps.first, 4)
  assert.equal(traps.release(), 2)
  traps.shift(5)
  assert.equal(traps.first, 4)
  assert.equal(traps.release(), 3)
  assert.equal(traps.first, 25)
  assert.equal(traps.release(), 1)
  assert.equal(traps.first, NEVER)
})

test('trapped carriers are limited in number', () => {
  const traps = new TrapList()
  for (let slot = 0; slot < 10_000; slot++) traps.add(slot, 1)
  let released = 0
  while (traps.first !== NEVER) released += traps.release()
  assert.equal(released, 256)
})

test('the transmitter’s bit and that of a double click are bits of the random source', () => {
  const { clicked } = pulseLaw(roughLink, noAttack)
  for (let word = 0; word < 64; word++) {
    const packed = drawChoices(clicked, (word * 0x04000001) >>> 0)
    assert.equal((packed >> 1) & 1, (word * 0x04000001) & 1)
    assert.equal((packed >> 5) & 1, ((word * 0x04000001) >> 1) & 1)
  }
})

test('without noise or misalignment the right detector fires, and no other', () => {
  const { outcomes } = pulseLaw(testLink(), noAttack)
  const random = new SeededRandom(3)
  for (let round = 0; round < 2000; round++) {
    const basis = random.below(2)
    const bit = random.below(2)
    const packed = basis | (bit << 1) | (basis << 4)
    assert.equal(drawOutcome(outcomes, packed, random.uint32()), 1 << bit)
  }
})
