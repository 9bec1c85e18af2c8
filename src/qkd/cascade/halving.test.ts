/**
 * Halving trees against sums of the bits themselves.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SeededRandom } from '#base'
import { blockParities, flipIn, growTrees, halfOf } from './halving.ts'

/** Parities of all parts, divided from the whole block downwards. */
function plainTree(words: readonly number[]): Int32Array {
  const tree = new Int32Array(words.length)
  const sum = (low: number, high: number): number =>
    words.slice(low, high).reduce((parity, word) => parity ^ word, 0)
  const divide = (low: number, high: number): void => {
    if (high - low < 2) return
    let left = 1
    while (2 * left < high - low) left *= 2
    tree[low + left] = sum(low, low + left)
    divide(low, low + left)
    divide(low + left, high)
  }
  divide(0, words.length)
  tree[0] = sum(0, words.length)
  return tree
}

const strips = fc.record({
  places: fc.integer({ min: 1, max: 300 }),
  size: fc.integer({ min: 1, max: 300 }),
  seed: fc.nat(),
})

function stripOf({ places, size, seed }: { places: number; size: number; seed: number }) {
  const random = new SeededRandom(seed)
  const bits = Int32Array.from({ length: places }, () => random.uint32() | 0)
  const order = Array.from({ length: places }, (_, at) => at)
  const positions = Uint16Array.from(order.sort(() => random.unit() - 0.5))
  return { bits, positions, size, random }
}

test('trees hold the parity of every part of every block, in the order of the pass', () => {
  fc.assert(
    fc.property(strips, (setting) => {
      const { bits, positions, size } = stripOf(setting)
      const into = new Int32Array(setting.places + 7).fill(5)
      growTrees(bits, { positions, size, into, offset: 4 })
      const blocks = Array.from({ length: Math.ceil(setting.places / size) }, (_, block) =>
        Array.from(positions.subarray(block * size, (block + 1) * size), (at) => bits[at]),
      )
      const expected = blocks.flatMap((block) => Array.from(plainTree(block)))
      assert.deepEqual(Array.from(into), [5, 5, 5, 5, ...expected, 5, 5, 5])
      const parities = blockParities(bits, { positions, size, count: blocks.length })
      assert.deepEqual(
        Array.from(parities),
        blocks.map((block) => plainTree(block)[0]),
      )
    }),
    { seed: 7, numRuns: 200 },
  )
})

test('a tree in which a bit was changed is the tree of the changed bits', () => {
  fc.assert(
    fc.property(strips, (setting) => {
      const { bits, random } = stripOf(setting)
      const length = bits.length
      const positions = Uint16Array.from({ length }, (_, at) => at)
      const run = { positions, size: length, offset: 2 }
      const tree = new Int32Array(2 * (length + 2)).fill(9)
      growTrees(bits, { ...run, into: tree, wide: true })
      for (let change = 0; change < 5; change++) {
        const [at, bit] = [random.below(length), 1 << random.below(32)]
        bits[at] ^= bit
        flipIn(tree, at, { base: 2, length, bit })
      }
      const grown = new Int32Array(length + 2)
      growTrees(bits, { ...run, into: grown })
      assert.deepEqual(
        Array.from({ length }, (_, at) => tree[2 * (at + 2)]),
        Array.from(grown.subarray(2)),
      )
      assert(tree.every((word, at) => at % 2 === 0 || word === 9))
    }),
    { seed: 8, numRuns: 200 },
  )
})

test('a part is divided behind the largest power of two that leaves something', () => {
  const halves = [2, 3, 4, 5, 8, 9, 65_535, 65_536].map(halfOf)
  assert.deepEqual(halves, [1, 2, 2, 4, 4, 8, 32_768, 32_768])
})
