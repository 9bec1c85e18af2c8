import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Intervals } from './intervals.ts'

const spans = fc.array(fc.record({ from: fc.nat(60), octets: fc.integer({ min: 1, max: 12 }) }), {
  maxLength: 25,
})

test('a set of runs agrees with a plain set of positions', () => {
  fc.assert(
    fc.property(spans, spans, (added, asked) => {
      const runs = new Intervals()
      const plain = new Set<number>()
      const positions = (from: number, octets: number): number[] =>
        Array.from({ length: octets }, (_, at) => from + at)
      for (const span of added) {
        const all = positions(span.from, span.octets)
        const fresh = all.filter((position) => !plain.has(position))
        for (const position of all) plain.add(position)
        assert.equal(runs.add(span), fresh.length)
        assert.equal(runs.total, plain.size)
      }
      for (const span of asked) {
        const touched = positions(span.from, span.octets).some((position) => plain.has(position))
        assert.equal(runs.touches(span), touched)
      }
    }),
    { numRuns: 300 },
  )
})
