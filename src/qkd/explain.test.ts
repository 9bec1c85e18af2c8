/** Each way to have no key is told apart from the others. @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BoundInput } from './bounds/counts.ts'
import { rusca2018, wiesemann2024 } from './bounds/one-decoy.ts'
import { tomamichel2012 } from './bounds/single-photon.ts'
import { explainLength, type LengthVerdict } from './explain.ts'

const good: BoundInput = {
  counts: {
    key: { detections: [800_000, 90_000], errors: [8_000, 1_200] },
    test: { detections: [160_000, 18_000], errors: [1_600, 240] },
  },
  intensities: [
    { meanPhotonNumber: 0.5, probability: 0.7 },
    { meanPhotonNumber: 0.15, probability: 0.3 },
  ],
  epsilons: { secrecy: 1e-10, correctness: 1e-15 },
  leakBits: 80_000,
}

const verdictOf = (input: BoundInput, keptFromBits = 0): LengthVerdict =>
  explainLength(wiesemann2024(input), keptFromBits).verdict

const withCounts = (
  counts: Partial<BoundInput['counts']>,
  leakBits = good.leakBits,
): BoundInput => ({
  ...good,
  leakBits,
  counts: { ...good.counts, ...counts },
})

test('a block without key says which step took it', () => {
  const nothing = { detections: [0, 0], errors: [0, 0] }
  const { secretBits, terms } = wiesemann2024(good)
  assert(secretBits > 0)
  assert.equal(verdictOf(good), 'key')
  assert.equal(verdictOf(good, secretBits), 'key')
  assert.equal(verdictOf(good, secretBits + 1), 'too-short')
  assert.equal(verdictOf(withCounts({ key: nothing })), 'nothing-detected')
  assert.equal(verdictOf(withCounts({ test: nothing })), 'nothing-tested')
  // A decoy that arrives no oftener than a signal's multi-photon pulses bounds nothing.
  const split = { detections: [880_000, 10_000], errors: [8_000, 1_200] }
  assert.equal(verdictOf(withCounts({ key: split })), 'single-photons-unbounded')
  const few = { detections: [1_200, 360], errors: [20, 6] }
  assert.equal(verdictOf(withCounts({ test: few })), 'phase-error-unbounded')
  const hidden = Math.floor(terms['hiddenBits'])
  assert.equal(verdictOf(withCounts({}, hidden + 1)), 'leak-takes-all')
  assert.equal(verdictOf(withCounts({}, hidden - 10)), 'price-takes-the-rest')
})

test('an explanation keeps every term of the bound, in order, with a meaning', () => {
  for (const length of [wiesemann2024(good), rusca2018(good)]) {
    const { terms, secretBits, bound } = explainLength(length)
    assert.deepEqual(
      Object.fromEntries(terms.map(({ name, value }) => [name, value])),
      length.terms,
    )
    assert.deepEqual([secretBits, bound], [length.secretBits, length.bound])
    for (const { name, meaning } of terms) assert(meaning !== '', name)
  }
})

test('a bound without decoys has no single photons to miss', () => {
  const one = { detections: [1000], errors: [0] }
  const length = tomamichel2012({
    ...good,
    intensities: [{ meanPhotonNumber: 1, probability: 1 }],
    counts: { key: one, test: one },
    leakBits: 200,
    pulses: 'single-photon',
  })
  assert.equal(length.secretBits, 0)
  assert(['leak-takes-all', 'price-takes-the-rest'].includes(explainLength(length).verdict))
})
