/**
 * GG02 against the worked example of the reference page, and against a second implementation that
 * knows no formula of the papers: covariance matrices, and their symplectic eigenvalues by brute
 * force.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { QkdRefusal } from '../refusal.ts'
import { gaussianBlockRate } from './continuous-block.ts'
import { gaussianRate, type GaussianLink } from './continuous.ts'

type Matrix = readonly (readonly number[])[]

const times = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0].map((_, at) => row.reduce((sum, value, k) => sum + value * b[k][at], 0)))
const transposed = (a: Matrix): Matrix => a[0].map((_, at) => a.map((row) => row[at]))
const identity = (n: number): number[][] =>
  Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => (i === j ? 1 : 0)))

/** Eigenvalues and vectors (columns) of a symmetric matrix, by Jacobi rotations. */
function jacobi(symmetric: Matrix): { readonly values: number[]; readonly vectors: Matrix } {
  const n = symmetric.length
  let a = symmetric.map((row) => [...row])
  let vectors: Matrix = identity(n)
  for (let sweep = 0; sweep < 60; sweep++) {
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        if (Math.abs(a[p][q]) < 1e-300) continue
        const theta = (a[q][q] - a[p][p]) / (2 * a[p][q])
        const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.hypot(theta, 1))
        const c = 1 / Math.hypot(t, 1)
        const turn = identity(n)
        turn[p][p] = turn[q][q] = c
        turn[p][q] = t * c
        turn[q][p] = -t * c
        a = times(times(transposed(turn), a), turn).map((row) => [...row])
        vectors = times(vectors, turn)
      }
    }
  }
  return { values: a.map((row, at) => row[at]), vectors }
}

/** Quadratures in the order x₁ p₁ x₂ p₂ …; each symplectic eigenvalue comes twice. */
function symplectic(covariance: Matrix): number[] {
  const n = covariance.length
  const { values, vectors } = jacobi(covariance)
  const diagonal = identity(n).map((row, at) => row.map((one) => one * Math.sqrt(values[at])))
  const root = times(times(vectors, diagonal), transposed(vectors))
  const form = identity(n).map((row, i) =>
    row.map((_, j) => (j === (i ^ 1) ? (i % 2 === 0 ? 1 : -1) : 0)),
  )
  const turned = times(times(root, form), root)
  const squares = jacobi(times(transposed(turned), turned)).values.toSorted((x, y) => y - x)
  return squares.filter((_, at) => at % 2 === 0).map((square) => Math.sqrt(square))
}

const entropy = (covariance: Matrix): number =>
  symplectic(covariance).reduce((sum, nu) => {
    const x = (nu - 1) / 2
    return x < 1e-15 ? sum : sum + (x + 1) * Math.log2(x + 1) - x * Math.log2(x)
  }, 0)

/** Modes A, B, F, G: the pair that stands for the modulation, and the detector's own pair. */
function second(link: GaussianLink): { readonly information: number; readonly holevo: number } {
  const { modulationVariance, transmittance: T, excessNoise, receiver } = link
  const { efficiency: eta, electronicNoise, detection } = receiver
  const V = modulationVariance + 1
  const b = T * V + 1 - T + T * excessNoise
  const c = Math.sqrt(T * (V * V - 1))
  const pure = 1 + ((detection === 'homodyne' ? 1 : 2) * electronicNoise) / (1 - eta)
  const d = Math.sqrt(pure * pure - 1)
  const blocks: readonly (readonly (readonly [number, number])[])[] = [
    [
      [V, V],
      [c, -c],
      [0, 0],
      [0, 0],
    ],
    [
      [c, -c],
      [b, b],
      [0, 0],
      [0, 0],
    ],
    [
      [0, 0],
      [0, 0],
      [pure, pure],
      [d, -d],
    ],
    [
      [0, 0],
      [0, 0],
      [d, -d],
      [pure, pure],
    ],
  ]
  const before: Matrix = Array.from({ length: 8 }, (_, i) =>
    Array.from({ length: 8 }, (_, j) => (i % 2 === j % 2 ? blocks[i >> 1][j >> 1][i % 2] : 0)),
  )
  const [t, r] = [Math.sqrt(eta), Math.sqrt(1 - eta)]
  const splitter = identity(8)
  for (const q of [0, 1]) {
    splitter[2 + q][2 + q] = t
    splitter[2 + q][4 + q] = r
    splitter[4 + q][2 + q] = -r
    splitter[4 + q][4 + q] = t
  }
  const after = times(times(splitter, before), transposed(splitter))
  const rest = [0, 1, 4, 5, 6, 7]
  const measured = detection === 'homodyne' ? [2] : [2, 3]
  const vacuum = detection === 'homodyne' ? 0 : 1
  const left: Matrix = rest.map((i) =>
    rest.map((j) =>
      measured.reduce(
        (sum, m) => sum - (after[i][m] * after[j][m]) / (after[m][m] + vacuum),
        after[i][j],
      ),
    ),
  )
  const channel = [0, 1, 2, 3].map((i) => [0, 1, 2, 3].map((j) => before[i][j]))
  // Alice knows what she sent: her data leave Bob with the noise of vacuum, channel and detector.
  const signal = after[2][2] + vacuum
  const noise = signal - eta * T * modulationVariance
  const information = (detection === 'homodyne' ? 0.5 : 1) * Math.log2(signal / noise)
  return { information, holevo: entropy(channel) - entropy(left) }
}

const worked = (detection: 'homodyne' | 'heterodyne'): GaussianLink => ({
  modulationVariance: 4,
  transmittance: 10 ** -0.5,
  excessNoise: 0.01,
  receiver: { detection, efficiency: 0.6, electronicNoise: 0.05 },
  reconciliation: 0.95,
})

test('GG02 over 25 km gives the worked rates of both detections', () => {
  assert(Math.abs(gaussianRate(worked('homodyne')).rate - 8.831e-2) < 5e-7)
  assert(Math.abs(gaussianRate(worked('heterodyne')).rate - 8.9325e-2) < 5e-7)
})

test('GG02 agrees with covariance matrices and their symplectic eigenvalues', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('homodyne' as const, 'heterodyne' as const),
      fc.double({ min: 1, max: 12, noNaN: true }),
      fc.double({ min: 0.02, max: 0.95, noNaN: true }),
      fc.double({ min: 1e-3, max: 0.1, noNaN: true }),
      fc.double({ min: 0.3, max: 0.9, noNaN: true }),
      fc.double({ min: 0, max: 0.2, noNaN: true }),
      (detection, modulationVariance, transmittance, excessNoise, efficiency, electronicNoise) => {
        const receiver = { detection, efficiency, electronicNoise }
        const link = {
          modulationVariance,
          transmittance,
          excessNoise,
          receiver,
          reconciliation: 0.95,
        }
        const got = gaussianRate(link)
        const expected = second(link)
        assert(Math.abs(got.mutualInformation - expected.information) < 1e-12)
        assert(Math.abs(got.holevo - expected.holevo) < 1e-12)
      },
    ),
    { seed: 1, numRuns: 40 },
  )
})

test('a finite block gives less than an infinite one, and approaches it', () => {
  for (const detection of ['homodyne', 'heterodyne'] as const) {
    const link = worked(detection)
    const shared = { estimationShare: 0.5, epsilon: 1e-10 }
    const rates = [1e5, 1e7, 1e9, 1e12].map(
      (symbols) => gaussianBlockRate(link, { ...shared, symbols }).rate,
    )
    assert.equal(rates[0], 0)
    assert.deepEqual(
      rates,
      rates.toSorted((a, b) => a - b),
    )
    // Half the symbols are announced: half the rate is the limit.
    assert(rates[3] < gaussianRate(link).rate / 2 && rates[3] > 0.49 * gaussianRate(link).rate)
  }
})

test('the edge of confidence has its normal quantile, and lies on the side of Eve', () => {
  const link = worked('homodyne')
  const block = gaussianBlockRate(link, { symbols: 1e8, estimationShare: 0.5, epsilon: 1e-10 })
  // z of a two-sided 10⁻¹⁰, tabulated 6.4670; papers round it up to 6.5.
  assert(Math.abs(block.quantile - 6.466951) < 1e-5)
  assert(block.transmittanceLower < link.transmittance)
  assert(block.excessNoiseUpper > link.excessNoise)
  assert(block.length.holevo > gaussianRate(link).holevo)
  const m = 5e7
  const noise = 1.05 + 0.6 * link.transmittance * 0.01
  const slope = Math.sqrt(0.6 * link.transmittance) - block.quantile * Math.sqrt(noise / (m * 4))
  assert(Math.abs(block.transmittanceLower - slope ** 2 / 0.6) < 1e-12)
  const price = 7 * Math.sqrt(Math.log2(2e10) / m) + (2 / m) * Math.log2(1e10)
  assert(Math.abs(block.length.smoothing + block.length.amplification - price) < 1e-12)
})

test('an impossible Gaussian link is refused', () => {
  const link = worked('homodyne')
  const refused = (changed: Partial<GaussianLink>): void =>
    assert.throws(
      () => gaussianRate({ ...link, ...changed }),
      (error) => error instanceof QkdRefusal && error.code === 'MODEL_INVALID',
    )
  refused({ transmittance: 1.01 })
  refused({ transmittance: NaN })
  refused({ excessNoise: -1e-9 })
  refused({ reconciliation: 1.1 })
  refused({ receiver: { ...link.receiver, efficiency: 0 } })
  assert(gaussianRate({ ...link, transmittance: 1 }).rate > 0)
})
