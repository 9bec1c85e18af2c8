import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SeededRandom } from '#base'
import { plainGaps, vectorGaps, type GapLanes } from './gap-lanes.ts'

const vectors = vectorGaps()
assert(vectors !== undefined, 'Node has WebAssembly with vectors')

function coded(lanes: GapLanes, slots: Uint32Array) {
  const gaps = new Uint8Array(slots.length)
  const rests = new Uint32Array(slots.length)
  const large = lanes.gapsOf(slots, gaps, rests)
  return { ordered: large >= 0, gaps, rests: rests.subarray(0, Math.max(0, large)) }
}

function decoded(lanes: GapLanes, gaps: Uint8Array, rests: Uint32Array): Uint32Array {
  const slots = new Uint32Array(gaps.length)
  assert.equal(lanes.slotsOf(gaps, rests, slots), rests.length)
  return slots
}

/** Slots with gaps of this mean, some at the edges of an octet. */
function slotsOf(random: SeededRandom, count: number, mean: number): Uint32Array {
  let next = 0
  return Uint32Array.from({ length: count }, () => {
    const edge = random.unit() < 0.05
    const gap = edge ? 253 + Math.floor(4 * random.unit()) : Math.floor(2 * mean * random.unit())
    const slot = next + gap
    next = slot + 1
    return slot
  })
}

const sizes = fc.oneof(fc.nat(70), fc.integer({ min: 4080, max: 4120 }), fc.nat(20_000))

test('gaps by vectors are those one at a time, and slots come back from either', () => {
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 2000 }), fc.nat(), (count, mean, seed) => {
      const slots = slotsOf(new SeededRandom(seed), count, mean)
      const plain = coded(plainGaps, slots)
      assert.equal(plain.ordered, true)
      assert.deepEqual(coded(vectors, slots), plain)
      assert.deepEqual(decoded(plainGaps, plain.gaps, plain.rests), slots)
      assert.deepEqual(decoded(vectors, plain.gaps, plain.rests), slots)
      // Where too few are told of, all are still counted.
      for (const lanes of [plainGaps, vectors]) {
        const told = plain.rests.subarray(1)
        const large = lanes.slotsOf(plain.gaps, told, new Uint32Array(count))
        assert.equal(large, plain.rests.length)
      }
    }),
    { seed: 1, numRuns: 150 },
  )
})

test('slots out of order, or of 2³¹ and more, are seen at every place', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 4090, max: 4130 })),
      fc.nat(),
      fc.constantFrom('equal', 'back', 'far', 'farthest'),
      (count, seed, how) => {
        const random = new SeededRandom(seed)
        const slots = slotsOf(random, count, 100)
        const at = Math.floor(count * random.unit())
        const before = at === 0 ? -1 : slots[at - 1]
        if (how === 'equal') slots[at] = before
        else if (how === 'back') slots[at] = before - 1
        else slots[at] = how === 'far' ? 2 ** 31 : 2 ** 32 - 1
        assert.equal(coded(plainGaps, slots).ordered, false)
        assert.equal(coded(vectors, slots).ordered, false)
      },
    ),
    { seed: 2, numRuns: 300 },
  )
  const last = Uint32Array.from({ length: 16 }, (_, at) => 2 ** 31 - 16 + at)
  assert.equal(coded(plainGaps, last).ordered, true)
  assert.deepEqual(coded(vectors, last), coded(plainGaps, last))
})
