/**
 * The polynomial hash on vector instructions, against tables of octets.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SeededRandom } from '#base'
import { laneHash } from './hash-lanes.ts'
import { tableHash } from './hash-tables.ts'
import type { KeyedHash } from './keyed-hash.ts'

function inLanes(key: Uint8Array): KeyedHash {
  const hash = laneHash(key)
  assert(hash !== undefined, 'Node has WebAssembly with vectors')
  return hash
}

const octetsFrom = (seed: number, size: number): Uint8Array => new SeededRandom(seed).octets(size)

test('lanes and tables give the same hash, whatever the parts', () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 6 })
  fc.assert(
    fc.property(fc.nat(), sizes, (seed, parts) => {
      const key = octetsFrom(seed, 16)
      const message = parts.map((size, at) => octetsFrom(seed + at, size))
      assert.deepEqual(inLanes(key).digestOf(message), tableHash(key).digestOf(message))
    }),
    { seed: 1, numRuns: 200 },
  )
})

test('they do so at every number of blocks, and where the kernel takes a message in turns', () => {
  const key = octetsFrom(1, 16)
  const [lanes, tables] = [inLanes(key), tableHash(key)]
  const agree = (...sizes: number[]): void => {
    const parts = sizes.map((size) => octetsFrom(size, size))
    assert.deepEqual(lanes.digestOf(parts), tables.digestOf(parts), String(sizes))
  }
  for (let size = 0; size <= 600; size++) agree(size)
  const turn = 2 ** 16
  for (const more of [-257, -256, -17, -16, -15, -1, 0, 1, 15, 16, 17, 256]) {
    agree(turn + more)
    agree(3 * turn + more)
    agree(turn - 5, 5 + turn + more, 3)
  }
})

test('hashes of several keys do not mix, and a cleared one does not touch the others', () => {
  const keys = [2, 3, 4].map((seed) => octetsFrom(seed, 16))
  const hashes = keys.map(inLanes)
  const message = [octetsFrom(9, 5000)]
  const expected = keys.map((key) => tableHash(key).digestOf(message))
  for (const at of [0, 1, 2, 1, 0, 2, 2, 0]) {
    assert.deepEqual(hashes[at].digestOf(message), expected[at])
  }
  hashes[0].clear()
  assert.deepEqual(hashes[0].digestOf(message), new Uint8Array(16))
  hashes[1].digestOf(message)
  hashes[1].clear()
  assert.deepEqual(hashes[1].digestOf(message), new Uint8Array(16))
  assert.deepEqual(hashes[2].digestOf(message), expected[2])
})

test('a hash leaves nothing of its message for the next', () => {
  const key = octetsFrom(5, 16)
  const hash = inLanes(key)
  const short = [octetsFrom(6, 40)]
  const before = hash.digestOf(short)
  hash.digestOf([octetsFrom(7, 100_000)])
  assert.deepEqual(hash.digestOf(short), before)
})
