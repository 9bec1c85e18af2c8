/**
 * Products of polynomials on vector instructions, against products by the book.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SeededRandom } from '#base'
import { convolutionFor, type Convolution } from './convolution.ts'

function found(least: number): Convolution {
  const convolution = convolutionFor(least)
  assert(convolution !== undefined, 'Node has WebAssembly with vectors')
  return convolution
}

/** Modulo x^N + 1. */
function byTheBook(a: Int32Array, b: Int32Array, length: number): Float64Array {
  const out = new Float64Array(length)
  for (const [i, left] of a.entries()) {
    for (const [j, right] of b.entries()) {
      if (i + j < length) out[i + j] += left * right
      else out[i + j - length] -= left * right
    }
  }
  return out
}

const polynomial = (count: number, seed: number, size: number): Int32Array => {
  const random = new SeededRandom(seed)
  return Int32Array.from({ length: count }, () => Math.floor((2 * random.unit() - 1) * size))
}

test('the length is the least of 2ᵏ and 3·2ᵏ that is enough', () => {
  const lengths = [1, 8, 9, 12, 13, 16, 17, 24, 25, 100, 1024, 1025, 1537].map(
    (least) => found(least).length,
  )
  assert.deepEqual(lengths, [8, 8, 12, 12, 16, 16, 24, 24, 32, 128, 1024, 1536, 2048])
})

test('a product is the product by the book at every length, however short the factors', () => {
  const sizes = fc.record({ least: fc.nat(700), a: fc.nat(999), b: fc.nat(999), seed: fc.nat() })
  fc.assert(
    fc.property(sizes, fc.nat(), fc.nat(), ({ least, a, b, seed }, from, to) => {
      const convolution = found(least)
      const { length } = convolution
      const left = polynomial(1 + Math.floor((a / 1000) * length), seed, 2 ** 15)
      const right = polynomial(1 + Math.floor((b / 1000) * length), seed + 1, 2 ** 15)
      const [first, last] = [from % length, to % length].toSorted((x, y) => x - y)
      const product = convolution.product(left, right, { from: first, to: last + 1 })
      assert.deepEqual(product, byTheBook(left, right, length).slice(first, last + 1))
    }),
    { seed: 1, numRuns: 200 },
  )
})

test('a product that does not fit the cache is exact', () => {
  for (const least of [2 ** 17, 3 * 2 ** 17, 2 ** 20]) {
    const convolution = found(least)
    const dense = polynomial(least, least, 2 ** 15)
    // Few coefficients, so that the book is quick; placed so that they wrap round.
    const sparse = new Int32Array(least)
    for (const [at, value] of [0, 1, 4097, least / 2 + 3, least - 1].entries()) {
      sparse[value] = 30_000 - 11_111 * at
    }
    const expected = new Float64Array(least)
    for (const [j, right] of sparse.entries()) {
      if (right === 0) continue
      for (let i = 0; i < least; i++) {
        const at = i + j < least ? i + j : i + j - least
        expected[at] += i + j < least ? dense[i] * right : -dense[i] * right
      }
    }
    assert.deepEqual(convolution.product(dense, sparse, { from: 0, to: least }), expected)
  }
})

test('what a double cannot hold is not rounded to something else', () => {
  const { product, length } = found(4096)
  const large = polynomial(length, 1, 2 ** 30)
  assert.equal(product(large, large, { from: 0, to: length }), undefined)
})

test('a product leaves nothing behind for the next', () => {
  const { product, length } = found(64)
  const range = { from: 0, to: length }
  const one = product(polynomial(length, 1, 100), polynomial(length, 2, 100), range)
  const unit = Int32Array.of(1)
  assert.deepEqual(
    product(unit, unit, range),
    Float64Array.from({ length }, (_, at) => +(at === 0)),
  )
  const again = product(polynomial(length, 1, 100), polynomial(length, 2, 100), range)
  assert.deepEqual(one, again)
})
