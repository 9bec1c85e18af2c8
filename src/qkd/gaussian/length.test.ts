/**
 * Estimate and key length of Gaussian symbols, against a second implementation and their promises.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SeededRandom } from '#base'
import { gaussianBlockRate } from '../models/continuous-block.ts'
import { gaussianRate } from '../models/continuous.ts'
import { QkdRefusal } from '../refusal.ts'
import { estimateChannel, PairSums, type Regression } from './estimate.ts'
import { gaussianLength, type GaussianLengthInput } from './length.ts'

type Detection = 'homodyne' | 'heterodyne'

const receiverOf = (detection: Detection) => ({ detection, efficiency: 0.6, electronicNoise: 0.05 })

/** The regression of so many symbols that scatter as they should. */
const regressionOf = (
  detection: Detection,
  { T, xi, symbols, VA = 4 }: { T: number; xi: number; symbols: number; VA?: number },
): Regression => {
  const gain = detection === 'homodyne' ? 0.6 : 0.3
  return {
    symbols,
    slope: Math.sqrt(gain * T),
    noise: 1.05 + gain * T * xi,
    sentVariance: VA,
    offset: 0,
  }
}

/** Entropy in bits of a thermal state with symplectic eigenvalue λ. */
const g = (lambda: number): number =>
  lambda <= 1 + 1e-15
    ? 0
    : ((lambda + 1) / 2) * Math.log2((lambda + 1) / 2) -
      ((lambda - 1) / 2) * Math.log2((lambda - 1) / 2)

/** S by covariances, with the receiver's pair of modes: nothing here is the code's formula. */
function holevo(detection: Detection, V: number, T: number, xi: number): number {
  const eta = 0.6
  const a = V
  const b = T * (V - 1) + 1 + T * xi
  const c2 = T * (V * V - 1)
  const delta = a * a + b * b - 2 * c2
  const det = a * b - c2
  const pair = (sum: number, product: number): number => {
    const root = Math.sqrt(Math.max(0, sum - 2 * product))
    const other = Math.sqrt(sum + 2 * product)
    return g((other + root) / 2) + g((other - root) / 2)
  }
  // What is left of A, F, G given the measurement: Eve's purification has its entropy.
  const N = 1 + ((detection === 'homodyne' ? 1 : 2) * 0.05) / (1 - eta)
  const c = Math.sqrt(c2)
  const d = Math.sqrt(N * N - 1)
  const [t, r] = [Math.sqrt(eta), Math.sqrt(1 - eta)]
  // Quadrature x has correlations +, p has −; modes A, B', F', G after the splitter.
  const block = (sign: 1 | -1): number[][] => [
    [a, t * sign * c, -r * sign * c, 0],
    [t * sign * c, eta * b + (1 - eta) * N, t * r * (N - b), r * sign * d],
    [-r * sign * c, t * r * (N - b), (1 - eta) * b + eta * N, t * sign * d],
    [0, r * sign * d, t * sign * d, N],
  ]
  const left = (matrix: number[][], vacuum: number): number[][] =>
    [0, 2, 3].map((i) =>
      [0, 2, 3].map((j) => matrix[i][j] - (matrix[i][1] * matrix[1][j]) / (matrix[1][1] + vacuum)),
    )
  const plain = (matrix: number[][]): number[][] =>
    [0, 2, 3].map((i) => [0, 2, 3].map((j) => matrix[i][j]))
  const X = left(block(1), detection === 'homodyne' ? 0 : 1)
  const P = detection === 'homodyne' ? plain(block(-1)) : left(block(-1), 1)
  // Squares of the symplectic eigenvalues are the eigenvalues of X·P; one of them is 1.
  const M = X.map((row) => [0, 1, 2].map((j) => row.reduce((s, v, k) => s + v * P[k][j], 0)))
  const trace = M[0][0] + M[1][1] + M[2][2]
  const det3 = (m: number[][]): number =>
    m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
    m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
    m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
  return pair(delta, det) - pair(trace - 1, Math.sqrt(det3(X) * det3(P)))
}

const inputOf = (detection: Detection, regression: Regression, kept: number, epsilon: number) =>
  ({
    modulationVariance: 4,
    receiver: receiverOf(detection),
    reconciliation: 0.95,
    estimate: estimateChannel(regression, receiverOf(detection), epsilon),
    keptSymbols: kept,
    epsilon,
  }) satisfies GaussianLengthInput

const links = fc.record({
  detection: fc.constantFrom<Detection>('homodyne', 'heterodyne'),
  T: fc.double({ min: 0.05, max: 0.9, noNaN: true }),
  xi: fc.double({ min: 0.001, max: 0.1, noNaN: true }),
  power: fc.double({ min: 6, max: 11, noNaN: true }),
})

test('the key length agrees with a second implementation, step by step', () => {
  fc.assert(
    fc.property(links, ({ detection, T, xi, power }) => {
      const m = Math.round(10 ** power)
      const epsilon = 1e-10
      const z = 6.46695109
      const gain = detection === 'homodyne' ? 0.6 : 0.3
      const estimate = estimateChannel(
        regressionOf(detection, { T, xi, symbols: m }),
        receiverOf(detection),
        epsilon,
      )
      const noise = 1.05 + gain * T * xi
      const close = (one: number, other: number, to = 1e-12): void =>
        assert(Math.abs(one - other) <= to * Math.max(1, Math.abs(other)), `${one} ${other}`)
      close(estimate.quantile, z, 1e-8)
      const edge = estimate.quantile * Math.sqrt(noise / (4 * m))
      const [low, high] = [-1, 1].map((sign) => (Math.sqrt(gain * T) + sign * edge) ** 2 / gain)
      const most = noise * (1 + estimate.quantile * Math.sqrt(2 / m))
      close(estimate.transmittance.lower, low)
      close(estimate.transmittance.upper, high)
      close(estimate.excessNoise.upper, (most - 1.05) / (gain * low))
      const got = gaussianLength({
        ...{ modulationVariance: 4, receiver: receiverOf(detection), reconciliation: 0.95 },
        ...{ estimate, keptSymbols: m, epsilon },
      })
      const S = (at: number): number => holevo(detection, 5, at, (most - 1.05) / (gain * at))
      close(got.holevoCorner, S(low))
      close(got.holevo, S(got.worst.transmittance))
      // The worst channel by a grid instead of a search.
      const grid = Array.from({ length: 401 }, (_, k) => low + ((high - low) * k) / 400)
      const worst = Math.max(...grid.filter((at) => at <= 1).map(S))
      assert(got.holevo >= worst - 1e-12, `${got.holevo} ${worst}`)
      const factor = detection === 'homodyne' ? 0.5 : 1
      const shared = factor * Math.log2(1 + (gain * T * 4) / noise)
      close(got.mutualInformation, shared)
      const price = 7 * Math.sqrt(Math.log2(2e10) / m) + (2 / m) * Math.log2(1e10)
      close(got.surplus, 0.95 * shared - got.holevo - price)
      const bits = Math.max(0, Math.floor(m * got.surplus))
      assert.equal(got.lengthBits, bits)
    }),
    { seed: 4, numRuns: 60 },
  )
})

test('infinitely many symbols over 25 km approach the worked rates', () => {
  for (const [detection, rate] of [
    ['homodyne', 8.831e-2],
    ['heterodyne', 8.9325e-2],
  ] as const) {
    const regression = regressionOf(detection, { T: 10 ** -0.5, xi: 0.01, symbols: 1e17 })
    const { surplus } = gaussianLength(inputOf(detection, regression, 1e17, 1e-10))
    assert(Math.abs(surplus - rate) < 1e-6, `${surplus}`)
  }
})

test('over 25 km the corner of the paper is not the worst channel; over 5 km it is', () => {
  const of = (T: number) =>
    gaussianLength(
      inputOf('homodyne', regressionOf('homodyne', { T, xi: 0.01, symbols: 1e8 }), 1e8, 1e-10),
    )
  const far = of(10 ** -0.5)
  assert(far.holevo > far.holevoCorner + 1e-5)
  const near = of(10 ** -0.1)
  assert(Math.abs(near.holevo - near.holevoCorner) < 1e-12)
})

test('more noise, fewer symbols or a smaller ε never lengthen a key', () => {
  const bits = (
    { detection, T, xi, power }: { detection: Detection; T: number; xi: number; power: number },
    epsilon = 1e-10,
  ): number => {
    const symbols = 10 ** power
    const regression = regressionOf(detection, { T, xi, symbols })
    return gaussianLength(inputOf(detection, regression, symbols, epsilon)).lengthBits
  }
  fc.assert(
    fc.property(links, fc.double({ min: 0, max: 0.2, noNaN: true }), (link, more) => {
      const least = bits(link)
      assert(bits({ ...link, xi: link.xi + more }) <= least)
      assert(bits({ ...link, power: link.power - more }) <= least)
      assert(bits(link, 1e-10 * 10 ** -more) <= least)
    }),
    { seed: 5, numRuns: 60 },
  )
})

test('ℓ never passes what both ends share less what Eve has at the estimate', () => {
  fc.assert(
    fc.property(links, ({ detection, T, xi, power }) => {
      const kept = 10 ** power
      const regression = regressionOf(detection, { T, xi, symbols: kept })
      const got = gaussianLength(inputOf(detection, regression, kept, 1e-10))
      const exact = gaussianRate({
        ...{ modulationVariance: 4, transmittance: T, excessNoise: xi, reconciliation: 0.95 },
        receiver: receiverOf(detection),
      })
      assert(got.lengthBits <= kept * exact.rate)
      assert(got.holevo >= exact.holevo && got.holevo >= got.holevoCorner)
      assert.equal(got.verdict === 'length', got.lengthBits > 0)
      if (exact.rate === 0) assert(got.verdict === 'noise-takes-all')
    }),
    { seed: 6, numRuns: 80 },
  )
})

test('no key without correlation, and each reason has its name', () => {
  const verdict = (T: number, xi: number, symbols: number): string =>
    gaussianLength(
      inputOf('homodyne', regressionOf('homodyne', { T, xi, symbols }), symbols, 1e-10),
    ).verdict
  assert.equal(verdict(10 ** -0.5, 0.01, 1e9), 'length')
  assert.equal(verdict(10 ** -0.5, 0.01, 1e5), 'block-too-small')
  assert.equal(verdict(10 ** -0.5, 2.01, 1e9), 'noise-takes-all')
  assert.equal(verdict(1e-9, 0.01, 1e5), 'no-correlation')
  const flat = { ...regressionOf('homodyne', { T: 0.3, xi: 0.01, symbols: 1e9 }), slope: -0.4 }
  assert.equal(gaussianLength(inputOf('homodyne', flat, 1e9, 1e-10)).verdict, 'no-correlation')
})

test('a regression gives back the line that made its pairs, whatever the offset', () => {
  fc.assert(
    fc.property(
      fc.double({ min: -3, max: 3, noNaN: true }),
      fc.double({ min: -1e3, max: 1e3, noNaN: true }),
      (slope, offset) => {
        const random = new SeededRandom(11)
        const sums = new PairSums()
        for (let k = 0; k < 500; k++) {
          const x = random.unit() - 0.5
          sums.add(x, slope * x + offset)
        }
        const line = sums.regression(1)
        assert(Math.abs(line.slope - slope) < 1e-9)
        assert(Math.abs(line.offset - offset) < 1e-9)
        assert(line.noise < 1e-9)
        assert.equal(line.symbols, 500)
        assert.equal(sums.regression(2).symbols, 250)
      },
    ),
    { seed: 7, numRuns: 50 },
  )
  const few = new PairSums()
  for (let k = 0; k < 99; k++) few.add(k, k)
  const refused = (error: unknown): boolean =>
    error instanceof QkdRefusal && error.code === 'COUNTS_IMPOSSIBLE'
  assert.throws(() => few.regression(1), refused)
  few.add(1, 1)
  assert(few.regression(1).slope > 0.99)
  const alike = new PairSums()
  for (let k = 0; k < 200; k++) alike.add(1, k)
  assert.throws(() => alike.regression(1), refused)
})

test('bounds hold as often as they promise: a deliberately large ε, many blocks', () => {
  // ε = 0.2: each end of an interval may fail in a tenth of all blocks.
  const [T, xi, m, blocks] = [0.3, 0.02, 2000, 3000]
  const random = new SeededRandom(21)
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit())
  const sigma = Math.sqrt(1.05 + 0.6 * T * xi)
  const misses = { low: 0, high: 0, noise: 0 }
  for (let block = 0; block < blocks; block++) {
    const sums = new PairSums()
    for (let k = 0; k < m; k++) {
      const x = 2 * normal()
      sums.add(x, Math.sqrt(0.6 * T) * x + sigma * normal())
    }
    const estimate = estimateChannel(sums.regression(1), receiverOf('homodyne'), 0.2)
    if (estimate.transmittance.lower > T) misses.low++
    if (estimate.transmittance.upper < T) misses.high++
    if (estimate.noise.upper < sigma * sigma) misses.noise++
  }
  // A tenth of 3,000 ± 5 standard deviations of 16.4.
  for (const [name, count] of Object.entries(misses)) {
    assert(count > 300 - 82 && count < 300 + 82, `${name}: ${String(count)}`)
  }
})

test('the model of a block is the bound on the data that it expects', () => {
  const link = {
    ...{ modulationVariance: 4, transmittance: 10 ** -0.5, excessNoise: 0.01 },
    ...{ receiver: receiverOf('homodyne'), reconciliation: 0.95 },
  }
  const block = { symbols: 1e9, estimationShare: 0.25, epsilon: 1e-10 }
  const regression = regressionOf('homodyne', { T: 10 ** -0.5, xi: 0.01, symbols: 2.5e8 })
  const got = gaussianLength(inputOf('homodyne', regression, 7.5e8, 1e-10))
  const { rate } = gaussianBlockRate(link, block)
  assert(got.lengthBits > 0)
  assert(Math.abs(rate * 1e9 - got.lengthBits) <= 1)
})
