/**
 * The three-state bound against a second implementation, against qubits under arbitrary
 * measurements, and against the channel that the shorter published practice does not see.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SeededRandom } from '#base'
import { expectedBlock } from '../models/expected-block.ts'
import { QkdRefusal } from '../refusal.ts'
import { binaryEntropy } from './entropy.ts'
import type { BoundInput } from './counts.ts'
import { keyLength, termMeanings } from './length.ts'
import { threeState } from './three-state.ts'

const total = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0)
const clamp = (x: number, low: number, high: number): number => Math.max(low, Math.min(high, x))

/** What the three-state bound takes, nothing left out. */
type ThreeStateInput = BoundInput & {
  readonly counts: { readonly crossedZeros: readonly number[] }
  readonly keyBasisProbability: object
}

/** Written from the definitions, one estimate after another, with no code shared. */
function second(input: ThreeStateInput): Record<string, number> {
  const [m1, m2] = input.intensities.map((one) => one.meanPhotonNumber)
  const [p1, p2] = input.intensities.map((one) => one.probability)
  const { transmitter: pz, receiver: qz } = input.keyBasisProbability
  const logs = Math.log(68 / input.epsilons.secrecy ** 2)
  const t0 = p1 * Math.exp(-m1) + p2 * Math.exp(-m2)
  const t1 = p1 * m1 * Math.exp(-m1) + p2 * m2 * Math.exp(-m2)
  const d = (n: readonly number[]): number => Math.sqrt((total(n) * logs) / 2)
  const up = (n: readonly number[], k: 0 | 1): number =>
    (Math.min(total(n), n[k] + d(n)) * Math.exp(k === 0 ? m1 : m2)) / (k === 0 ? p1 : p2)
  const down = (n: readonly number[], k: 0 | 1): number =>
    (Math.max(0, n[k] - d(n)) * Math.exp(k === 0 ? m1 : m2)) / (k === 0 ? p1 : p2)
  const lower = (n: readonly number[], s0: number): number => {
    const numerator = m1 ** 2 * down(n, 1) - m2 ** 2 * up(n, 0) - (m1 ** 2 - m2 ** 2) * (s0 / t0)
    return clamp((t1 * numerator) / (m1 * m2 * (m1 - m2)), 0, total(n))
  }
  const upper = (n: readonly number[]): number => {
    const alone = (t1 * up(n, 1)) / m2
    const apart = (t1 * (up(n, 0) - down(n, 1))) / (m1 - m2)
    return clamp(Math.min(alone, Math.max(0, apart)), 0, total(n))
  }
  /** The number unseen, from the quadratic p·M ∓ c·√M = k solved by bisection. */
  const rest = (k: number, p: number, sign: 1 | -1): number => {
    const c = Math.sqrt(logs / 2)
    let [low, high] = [0, 1e6]
    for (let round = 0; round < 200; round++) {
      const root = (low + high) / 2
      if (p * root * root - sign * c * root < k) low = root
      else high = root
    }
    return Math.max(0, low * low - k)
  }
  const { key, test: plus, crossedZeros } = input.counts
  const right = plus.detections.map((n, k) => n - plus.errors[k])
  const errors = Math.min(up(key.errors, 0), up(key.errors, 1))
  const s0 = clamp(2 * (t0 * errors + d(key.detections)), 0, total(key.detections))
  const x = (1 - pz) * (1 - qz)
  const s0Plus = rest(s0, (pz * qz) / (pz * qz + x), 1)
  const s1 = lower(key.detections, s0)
  const p = x / (x + (pz * qz) / 2)
  const wrongInKey = rest(upper(plus.errors), p, 1)
  const crossedInKey = rest(upper(crossedZeros), 1 - qz, 1)
  const rightInKey = rest(lower(right, s0Plus), p, -1)
  const minus = crossedInKey - rightInKey
  const phaseError = s1 > 0 && minus >= 0 ? clamp((wrongInKey + minus) / s1, 0, 0.5) : 0.5
  const lengthBits =
    s1 * (1 - binaryEntropy(phaseError)) -
    input.leakBits -
    Math.log2(2 / input.epsilons.correctness) -
    2 * Math.log2(2 / input.epsilons.secrecy)
  return {
    keySingleLower: s1,
    keyVacuumUpper: s0,
    plusVacuumUpper: s0Plus,
    wrongInKey,
    crossedInKey,
    rightInKey,
    phaseError,
    lengthBits,
  }
}

/** Counts of a lossy link with some misalignment. */
function example(over: {
  readonly size?: number
  readonly decoy?: number
  readonly errors?: number
  readonly q?: number
}): ThreeStateInput {
  const { size = 1e9, decoy = 0.045, errors = 0.01, q = 0.85 } = over
  const intensities = [
    { meanPhotonNumber: 0.5, probability: 0.7 },
    { meanPhotonNumber: decoy, probability: 0.3 },
  ]
  const basis = (share: number) =>
    intensities.map(
      (one) => size * share * one.probability * -Math.expm1(-0.1 * one.meanPhotonNumber),
    )
  const scaled = (counts: readonly number[], by: number) => counts.map((n) => n * by)
  const plus = basis((1 - q) ** 2)
  const key = basis(q * q)
  return {
    counts: {
      key: { detections: key, errors: scaled(key, errors) },
      test: { detections: plus, errors: scaled(plus, errors) },
      crossedZeros: scaled(basis(q * (1 - q)), 0.5),
    },
    intensities,
    keyBasisProbability: { transmitter: q, receiver: q },
    epsilons: { secrecy: 1e-10, correctness: 1e-15 },
    leakBits: 1.1 * total(key) * binaryEntropy(errors),
  }
}

test('the three-state bound agrees with a second implementation in every term', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 5, max: 11, noNaN: true }),
      fc.double({ min: 0.01, max: 0.2, noNaN: true }),
      fc.double({ min: 0, max: 0.1, noNaN: true }),
      fc.double({ min: 0.3, max: 0.95, noNaN: true }),
      (size, decoy, errors, q) => {
        const input = example({ size: 10 ** size, decoy, errors, q })
        const got = threeState(input)
        for (const [term, value] of Object.entries(second(input))) {
          const scale = Math.max(1, Math.abs(value), got.terms['keyDetections'])
          assert(
            Math.abs(got.terms[term] - value) <= 1e-12 * scale,
            `${term} ${got.terms[term]} ${value}`,
          )
        }
        assert.equal(got.secretBits, Math.max(0, Math.floor(got.terms['lengthBits'])))
      },
    ),
    { seed: 1, numRuns: 300 },
  )
})

/** tr(M·ρ) of a real 2 × 2 matrix; complex parts drop out of the states used here. */
const seen = (m: readonly number[], state: readonly [number, number]): number =>
  m[0] * state[0] ** 2 + 2 * m[1] * state[0] * state[1] + m[2] * state[1] ** 2

test('what − would have done follows from the other three states, whatever is measured', () => {
  const part = fc.double({ min: -1, max: 1, noNaN: true })
  fc.assert(
    fc.property(part, part, part, (a, b, c) => {
      // G·Gᵀ is positive: any outcome of any channel and measurement.
      const m = [a * a + b * b, b * c, c * c]
      const root = Math.SQRT1_2
      const [zero, one] = [seen(m, [1, 0]), seen(m, [0, 1])]
      const [plus, minus] = [seen(m, [root, root]), seen(m, [root, -root])]
      assert(Math.abs(minus - (zero + one - plus)) < 1e-15)
    }),
    { seed: 2 },
  )
})

test('a channel that makes + of everything is seen, though no + is ever wrong', () => {
  const honest = example({ errors: 0, size: 1e10 })
  const { test: tested, crossedZeros } = honest.counts
  const all = crossedZeros.map((n) => 2 * n)
  const forged = { ...honest, counts: { ...honest.counts, crossedZeros: all } }
  assert.deepEqual(total(tested.errors), 0)
  assert(threeState(honest).phaseError < 0.15)
  assert.equal(threeState(forged).phaseError, 0.5)
  assert.equal(threeState(forged).secretBits, 0)
})

test('more errors, more of them crossed, or a larger leak never yield more key', () => {
  const input = example({})
  const { secretBits } = threeState(input)
  assert(secretBits > 0)
  const { counts } = input
  const more = (counted: readonly number[]) => counted.map((n) => n * 1.02)
  const wrong = { ...counts.test, errors: more(counts.test.errors) }
  assert(threeState({ ...input, counts: { ...counts, test: wrong } }).secretBits < secretBits)
  const crossed = { ...counts, crossedZeros: more(counts.crossedZeros) }
  assert(threeState({ ...input, counts: crossed }).secretBits < secretBits)
  assert(threeState({ ...input, leakBits: input.leakBits + 1000 }).secretBits < secretBits)
  const epsilons = { ...input.epsilons, secrecy: 1e-12 }
  assert(threeState({ ...input, epsilons }).secretBits < secretBits)
})

test('what is carried over to the key covers what a draw leaves there', () => {
  // Each event is tested with one probability, whatever it is: those that are not become key.
  const random = new SeededRandom(3)
  const q = 0.7
  const { wrongUpper, wrongInKey } = threeState(example({ size: 1e7, q })).terms
  const tested = (1 - q) ** 2 / ((1 - q) ** 2 + (q * q) / 2)
  let most = 0
  for (let run = 0; run < 200; run++) {
    let [left, seenAt] = [0, 0]
    while (seenAt < wrongUpper) {
      if (random.chance(tested)) seenAt++
      else left++
    }
    most = Math.max(most, left)
  }
  assert(most < wrongInKey, `${most} of ${wrongInKey}`)
  assert(most > 0.5 * wrongInKey, 'and is not far above it')
})

test('a link on average fills the counts that the bound asks for', () => {
  const { intensities, keyBasisProbability, epsilons } = example({})
  const settings = {
    clockHz: 1e9,
    intensities,
    keyBasisProbability,
    source: 'three-states',
  } as const
  const pulses = intensities.map(({ meanPhotonNumber }) => {
    const gain = -Math.expm1(-0.1 * meanPhotonNumber)
    const one = { gain, error: 0.01 * gain }
    return { Z: one, X: one }
  })
  const block = expectedBlock({
    ...{ settings, pulses, epsilons, bound: 'three-state', blockBits: 1e7, efficiency: 1.1 },
  })
  assert(Math.abs(total(block.counts.key.detections) - 1e7) < 1e-3)
  const size = block.pulsesSent
  const { counts } = example({ size })
  const near = (a: readonly number[], b: readonly number[]): void =>
    a.forEach((value, at) => assert(Math.abs(value / b[at] - 1) < 1e-9))
  near(block.counts.test.errors, counts.test.errors)
  near(block.counts.test.detections, counts.test.detections)
  near(block.counts.crossedZeros ?? [], counts.crossedZeros)
  // Odds that are not even, as where stray clicks favour one detector, are taken over.
  const odd = pulses.map((one) => ({ ...one, crossed: { gain: one.Z.gain, zero: one.Z.gain } }))
  const oddBlock = expectedBlock({
    ...{ settings, epsilons, bound: 'three-state', blockBits: 1e7, efficiency: 1.1, pulses: odd },
  })
  near(
    oddBlock.counts.crossedZeros ?? [],
    counts.crossedZeros.map((n) => 2 * n),
  )
  assert.equal(block.secretBitsPerSecond, block.keyLength.secretBits / block.seconds)
})

test('impossible counts are refused, and every term is explained', () => {
  const input = example({})
  const { counts } = input
  const refused = (changed: Partial<BoundInput>): void =>
    assert.throws(() => threeState({ ...input, ...changed }), QkdRefusal)
  refused({ counts: { ...counts, crossedZeros: [1, NaN] } })
  refused({ counts: { ...counts, crossedZeros: [1] } })
  refused({ counts: { ...counts, crossedZeros: [1, 2, 3] } })
  refused({ counts: { ...counts, test: { ...counts.test, errors: [-1, 0] } } })
  refused({ counts: { ...counts, test: { ...counts.test, errors: [1e12, 0] } } })
  refused({ counts: { ...counts, test: { ...counts.test, detections: [1, 2, 3] } } })
  refused({ keyBasisProbability: { transmitter: 1, receiver: 0.9 } })
  refused({ intensities: [...input.intensities, { meanPhotonNumber: 0, probability: 0 }] })
  for (const term of Object.keys(threeState(input).terms)) assert(term in termMeanings, term)
})

test('no bound takes pulses of another kind, and none makes up for counts that were not made', () => {
  const input = { ...example({}), pulses: 'three-states' } as const
  assert(keyLength('three-state', input).secretBits > 0)
  const notApplicable = (call: () => unknown): void =>
    assert.throws(
      call,
      (error) => error instanceof QkdRefusal && error.code === 'BOUND_NOT_APPLICABLE',
    )
  const { pulses, ...unsaid } = input
  for (const kind of ['weak-coherent', 'single-photon'] as const) {
    notApplicable(() => keyLength('three-state', { ...input, pulses: kind }))
  }
  notApplicable(() => keyLength('three-state', unsaid))
  // The formula for four states would take it that no channel favours the one test state.
  for (const bound of ['wiesemann-2024', 'rusca-2018', 'tomamichel-2012'] as const) {
    notApplicable(() => keyLength(bound, { ...input, pulses }))
  }
  const { crossedZeros, ...uncrossed } = input.counts
  assert.equal(crossedZeros.length, 2)
  notApplicable(() => keyLength('three-state', { ...input, counts: uncrossed }))
  const { keyBasisProbability, ...unbiased } = input
  assert(keyBasisProbability.receiver > 0)
  notApplicable(() => keyLength('three-state', unbiased))
})

test('counts in which key states see + less often than + itself does give no key', () => {
  const input = example({ errors: 0.001, size: 1e11 })
  const { phaseError, terms } = threeState(input)
  assert(phaseError < 0.2 && terms['minusInKey'] > 0)
  // As a block would have it whose crossed detections were not counted, or were counted wrongly.
  for (const share of [0, 0.5, 0.8]) {
    const crossedZeros = input.counts.crossedZeros.map((n) => share * n)
    const odd = threeState({ ...input, counts: { ...input.counts, crossedZeros } })
    assert(odd.terms['minusInKey'] < 0)
    assert.deepEqual([odd.phaseError, odd.secretBits], [0.5, 0])
  }
})
