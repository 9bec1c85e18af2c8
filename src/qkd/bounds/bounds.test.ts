/**
 * Every bound against a second implementation, against published and worked figures, and against
 * laws.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { QkdRefusal, type QkdRefusalCode } from '../refusal.ts'
import { asymptoticLoMa, rateOfSinglePhotons } from './asymptotic.ts'
import type { BoundInput, KeyLength } from './counts.ts'
import { binaryEntropy } from './entropy.ts'
import { keyLength, termMeanings } from './length.ts'
import { rusca2018, wiesemann2024 } from './one-decoy.ts'
import { tomamichel2012 } from './single-photon.ts'
import { lim2014 } from './two-decoy.ts'

const total = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0)
const h = (p: number): number =>
  p <= 0 || p >= 1 ? 0 : -(p * Math.log(p) + (1 - p) * Math.log(1 - p)) / Math.LN2
const clamp = (x: number, low: number, high: number): number => Math.max(low, Math.min(high, x))
const EQUAL = 1e-12

const close = (got: number, expected: number, what: string): void => {
  const scale = Math.max(1, Math.abs(expected))
  assert(Math.abs(got - expected) <= EQUAL * scale, `${what}: got ${got}, expected ${expected}`)
}

/** The second implementation: written from the papers, term by term, with no code shared. */
function secondOneDecoy(input: BoundInput, paper: 'wiesemann' | 'rusca'): Record<string, number> {
  const [m1, m2] = input.intensities.map((one) => one.meanPhotonNumber)
  const [p1, p2] = input.intensities.map((one) => one.probability)
  const eps = input.epsilons.secrecy / (paper === 'wiesemann' ? 15 : 19)
  const t0 = p1 * Math.exp(-m1) + p2 * Math.exp(-m2)
  const t1 = p1 * m1 * Math.exp(-m1) + p2 * m2 * Math.exp(-m2)
  const d = (n: number): number => Math.sqrt(0.5 * n * Math.log(1 / eps))
  const [g1, g2] = [Math.exp(m1) / p1, Math.exp(m2) / p2]
  const photons = ({ detections: n, errors: c }: BoundInput['counts']['key']) => {
    const [N, C] = [total(n), total(c)]
    const n1up = g1 * Math.min(N, n[0] + d(N))
    const n2low = g2 * Math.max(0, n[1] - d(N))
    const via = (g: number, k: number): number => 2 * (t0 * g * Math.min(C, k + d(C)) + d(N))
    const s0up = clamp(Math.min(via(g1, c[0]), via(g2, c[1])), 0, N)
    const s0low = clamp((t0 * (m1 * n2low - m2 * n1up)) / (m1 - m2), 0, N)
    const factor = (t1 * m1) / (m2 * (m1 - m2))
    const inner = n2low - (m2 ** 2 / m1 ** 2) * n1up - ((m1 ** 2 - m2 ** 2) / m1 ** 2) * (s0up / t0)
    return { s0up, s0low, s1: clamp(factor * inner, 0, N) }
  }
  const key = photons(input.counts.key)
  const test = photons(input.counts.test)
  const c = input.counts.test.errors
  const C = total(c)
  const v1 = clamp(
    (t1 / (m1 - m2)) * (g1 * Math.min(C, c[0] + d(C)) - g2 * Math.max(0, c[1] - d(C))),
    0,
    C,
  )
  const [sk, st] = [key.s1, test.s1]
  const b = st > 0 ? Math.min(0.5, v1 / st) : 0.5
  let more = 0.5
  if (sk > 0 && st > 0 && paper === 'wiesemann') {
    more = Math.sqrt(((sk + st) / (sk * st)) * ((st + 1) / st) * -Math.log(eps))
  } else if (sk > 0 && st > 0) {
    const r = Math.min(0.5, Math.max(b, 1 / (st + 1)))
    const A = ((st + sk) * (1 - r) * r) / (st * sk * Math.LN2)
    const inside = (st + sk) / (st * sk * (1 - r) * r) / eps ** 2
    more = Math.sqrt(A * Math.max(0, Math.log2(inside)))
  }
  const phase = clamp(b + more, 0, 0.5)
  const vacuum =
    paper === 'rusca' ? Math.min(key.s0low, total(input.counts.key.detections) - sk) : 0
  const tag = Math.max(input.verificationBits ?? 0, Math.log2(2 / input.epsilons.correctness))
  const price =
    paper === 'wiesemann'
      ? 4 * (Math.log2(15) - Math.log2(input.epsilons.secrecy) - 0.25)
      : 6 * Math.log2(19 / input.epsilons.secrecy)
  const lengthBits = vacuum + sk * (1 - h(phase)) - input.leakBits - tag - price
  return {
    keySingleLower: sk,
    testSingleLower: st,
    keyVacuumUpper: key.s0up,
    testVacuumUpper: test.s0up,
    testSingleErrorsUpper: v1,
    phaseError: phase,
    lengthBits,
  }
}

function secondLim(input: BoundInput): Record<string, number> {
  const [m1, m2, m3] = input.intensities.map((one) => one.meanPhotonNumber)
  const p = input.intensities.map((one) => one.probability)
  const mu = [m1, m2, m3]
  const eps = input.epsilons.secrecy / 21
  const tau = (n: number): number =>
    total(mu.map((m, k) => (p[k] * Math.exp(-m) * m ** n) / (n === 0 ? 1 : n)))
  const spread = (n: readonly number[], k: number, sign: 1 | -1): number => {
    const delta = Math.sqrt((total(n) / 2) * Math.log(1 / eps))
    return Math.max(0, ((n[k] + sign * delta) * Math.exp(mu[k])) / p[k])
  }
  const photons = (n: readonly number[]) => {
    const s0 = clamp(
      (tau(0) / (m2 - m3)) * (m2 * spread(n, 2, -1) - m3 * spread(n, 1, 1)),
      0,
      total(n),
    )
    const s1 =
      ((tau(1) * m1) / (m1 * (m2 - m3) - (m2 ** 2 - m3 ** 2))) *
      (spread(n, 1, -1) -
        spread(n, 2, 1) -
        ((m2 ** 2 - m3 ** 2) / m1 ** 2) * (spread(n, 0, 1) - s0 / tau(0)))
    return { s0, s1: clamp(s1, 0, total(n)) }
  }
  const key = photons(input.counts.key.detections)
  const test = photons(input.counts.test.detections)
  const c = input.counts.test.errors
  const v1 = Math.max(0, (tau(1) / (m2 - m3)) * (spread(c, 1, 1) - spread(c, 2, -1)))
  const b = test.s1 > 0 ? Math.min(0.5, v1 / test.s1) : 0.5
  let gamma = 0.5
  if (key.s1 > 0 && test.s1 > 0) {
    const r = Math.min(0.5, Math.max(b, 1 / (test.s1 + 1)))
    const x = (test.s1 + key.s1) / (test.s1 * key.s1)
    const bits = Math.log2((x / ((1 - r) * r)) * (21 / input.epsilons.secrecy) ** 2)
    gamma = Math.sqrt(((x * (1 - r) * r) / Math.LN2) * Math.max(0, bits))
  }
  const phase = clamp(b + gamma, 0, 0.5)
  const vacuum = Math.min(key.s0, total(input.counts.key.detections) - key.s1)
  const tag = Math.max(input.verificationBits ?? 0, Math.log2(2 / input.epsilons.correctness))
  const lengthBits =
    vacuum +
    key.s1 -
    key.s1 * h(phase) -
    input.leakBits -
    6 * Math.log2(21 / input.epsilons.secrecy) -
    tag
  return {
    keySingleLower: key.s1,
    testSingleLower: test.s1,
    keyVacuumLower: key.s0,
    testSingleErrorsUpper: v1,
    phaseError: phase,
    lengthBits,
  }
}

/** Counts that some run may give. */
const inputs = (intensities: 2 | 3): fc.Arbitrary<BoundInput> =>
  fc
    .record({
      signal: fc.double({ min: 0.3, max: 0.9, noNaN: true }),
      decoy: fc.double({ min: 0.05, max: 0.25, noNaN: true }),
      weak: fc.double({ min: 0, max: 0.01, noNaN: true }),
      share: fc.double({ min: 0.2, max: 0.9, noNaN: true }),
      size: fc.double({ min: 3, max: 9, noNaN: true }),
      testShare: fc.double({ min: 0.01, max: 0.5, noNaN: true }),
      error: fc.double({ min: 0, max: 0.12, noNaN: true }),
      secrecy: fc.constantFrom(1e-6, 1e-10, 1e-12),
      verificationBits: fc.constantFrom(0, 64, 128),
    })
    .map(({ signal, decoy, weak, share, size, testShare, error, secrecy, verificationBits }) => {
      const mu = [signal, decoy, weak].slice(0, intensities)
      const p = intensities === 2 ? [share, 1 - share] : [share, (1 - share) / 2, (1 - share) / 2]
      const counts = (scale: number) => {
        const detections = mu.map((m, k) => Math.floor(scale * p[k] * -Math.expm1(-0.1 * m) + 3))
        return { detections, errors: detections.map((n) => Math.floor(n * error)) }
      }
      const key = counts(10 ** size)
      const n = total(key.detections)
      return {
        counts: { key, test: counts(10 ** size * testShare) },
        intensities: mu.map((m, k) => ({ meanPhotonNumber: m, probability: p[k] })),
        epsilons: { secrecy, correctness: 1e-15 },
        leakBits: Math.floor(1.1 * n * h(error)),
        verificationBits,
      }
    })

test('both one-decoy bounds agree with a second implementation in every term', () => {
  fc.assert(
    fc.property(inputs(2), (input) => {
      for (const [got, expected] of [
        [wiesemann2024(input), secondOneDecoy(input, 'wiesemann')],
        [rusca2018(input), secondOneDecoy(input, 'rusca')],
      ] as const) {
        for (const [term, value] of Object.entries(expected)) close(got.terms[term], value, term)
        assert.equal(got.secretBits, Math.max(0, Math.floor(got.terms['lengthBits'])))
      }
    }),
    { seed: 1, numRuns: 500 },
  )
})

test('the two-decoy bound agrees with a second implementation in every term', () => {
  fc.assert(
    fc.property(inputs(3), (input) => {
      const got = lim2014(input)
      for (const [term, value] of Object.entries(secondLim(input)))
        close(got.terms[term], value, term)
      assert.equal(got.secretBits, Math.max(0, Math.floor(got.terms['lengthBits'])))
    }),
    { seed: 2, numRuns: 500 },
  )
})

test('the two-decoy bound gives the worked example: 10 GHz·s over 25 km', () => {
  const got = lim2014(workedExample())
  assert.equal(got.secretBits, 21_935_174)
  const expected = {
    tau0: 0.7055189,
    tau1: 0.2304025,
    keyDetections: 9.783807e7,
    keyVacuumLower: 0,
    keySingleLower: 5.794245e7,
    testSingleLower: 5.5625e5,
    testSingleErrorsUpper: 2.815466e4,
    phaseError: 0.0533749,
    leakBits: 1.859159e7,
  }
  for (const [term, value] of Object.entries(expected)) {
    assert(Math.abs(got.terms[term] - value) <= 5e-7 * Math.max(1, Math.abs(value)) + 5e-8, term)
  }
})

test('the bound of Rusca et al. gives their 2·10⁵ b/s at 26 dB and reaches past 60 dB', () => {
  // 1 GHz, p_DC 10⁻⁸, 1 % errors, 100 ns dead time, ε 10⁻⁹ and 10⁻¹⁵; settings near the optimum.
  // The paper prints a figure, no number: its curve at 26 dB reads as 2·10⁵, and ends beyond 60 dB.
  const near = ruscaRate(26, { mu: [0.48, 0.2], p: 0.7, q: 0.91 }, 1e7)
  assert(near > 2e5 && near < 3e5, `${near}`)
  assert(ruscaRate(60, { mu: [0.52, 0.14], p: 0.7, q: 0.85 }, 1e7) > 10)
  assert.equal(ruscaRate(70, { mu: [0.32, 0.05], p: 0.8, q: 0.43 }, 1e7), 0)
})

test('the newer one-decoy bound pays less for its ε than the older', () => {
  fc.assert(
    fc.property(inputs(2), (input) => {
      assert(wiesemann2024(input).terms['securityBits'] < rusca2018(input).terms['securityBits'])
    }),
    { seed: 3 },
  )
})

test('the asymptotic rate of the GYS experiment at 0 km is the published 2.55·10⁻³', () => {
  const [eta, y0, ed, mu] = [0.045, 1.7e-6, 0.033, 0.48]
  const gain = y0 + 1 - Math.exp(-eta * mu)
  const errorRate = (0.5 * y0 + ed * (1 - Math.exp(-eta * mu))) / gain
  const y1 = y0 + eta
  const rate = rateOfSinglePhotons({
    signal: { meanPhotonNumber: mu, gain, errorRate },
    singleGain: y1 * mu * Math.exp(-mu),
    singleError: (0.5 * y0 + ed * eta) / y1,
    sifting: 0.5,
    efficiency: 1.22,
  })
  assert(Math.abs(rate - 2.5546e-3) < 2e-6, `${rate}`)
})

test('a weak decoy and the vacuum bound the asymptotic rate from below, and closely', () => {
  const [eta, y0, ed] = [0.01, 1e-6, 0.01]
  const at = (mu: number) => {
    const gain = y0 + 1 - Math.exp(-eta * mu)
    const errors = 0.5 * y0 + ed * (1 - Math.exp(-eta * mu))
    return { meanPhotonNumber: mu, gain, errorRate: errors / gain }
  }
  const setting = { signal: at(0.5), sifting: 0.5, efficiency: 1.1 }
  const exact = rateOfSinglePhotons({
    ...setting,
    singleGain: (y0 + eta) * 0.5 * Math.exp(-0.5),
    singleError: (0.5 * y0 + ed * eta) / (y0 + eta),
  })
  const bounded = asymptoticLoMa({ ...setting, decoy: at(0.01), vacuumYield: y0 })
  assert(bounded.rate < exact && bounded.rate > 0.95 * exact)
  assert.throws(() => asymptoticLoMa({ ...setting, decoy: at(0.6), vacuumYield: y0 }), QkdRefusal)
})

test('the single-photon bound agrees with its formula and refuses weak coherent pulses', () => {
  const input: BoundInput = {
    counts: {
      key: { detections: [1_000_000], errors: [10_000] },
      test: { detections: [200_000], errors: [2_000] },
    },
    intensities: [{ meanPhotonNumber: 1, probability: 1 }],
    epsilons: { secrecy: 1e-10, correctness: 1e-15 },
    leakBits: 90_000,
  }
  const [n, k] = [1e6, 2e5]
  const mu = Math.sqrt(((n + k) / (n * k)) * ((k + 1) / k) * Math.log(4 / 1e-10))
  const expected = n * (1 - h(0.01 + mu)) - 90_000 - Math.log2(2 / (1e-20 * 1e-15))
  const got = tomamichel2012({ ...input, pulses: 'single-photon' })
  assert(Math.abs(got.terms['lengthBits'] - expected) < 1e-6)
  assert.equal(got.secretBits, Math.floor(expected))
  refused('BOUND_NOT_APPLICABLE', () => tomamichel2012({ ...input, pulses: 'weak-coherent' }))
})

test('more leakage, more errors or a smaller ε never yield more key', () => {
  fc.assert(
    fc.property(inputs(2), fc.nat(1e6), (input, extra) => {
      for (const bound of [wiesemann2024, rusca2018]) {
        const { secretBits } = bound(input)
        assert(bound({ ...input, leakBits: input.leakBits + extra }).secretBits <= secretBits)
        const { key, test } = input.counts
        const worse = test.errors.map((n, at) =>
          at === 0 ? Math.min(test.detections[0], n + 50) : n,
        )
        const counts = { key, test: { ...test, errors: worse } }
        assert(bound({ ...input, counts }).secretBits <= secretBits)
        const epsilons = { ...input.epsilons, secrecy: input.epsilons.secrecy / 100 }
        assert(bound({ ...input, epsilons }).secretBits <= secretBits)
      }
    }),
    { seed: 4, numRuns: 200 },
  )
})

test('the vacuum has the right sign: errors lower the single photons with one decoy', () => {
  // With one decoy the upper bound on empty pulses comes from errors and is subtracted.
  const input = oneDecoyExample()
  const { key } = input.counts
  const noisy = { ...key, errors: key.errors.map((n) => 5 * n) }
  const counts = { ...input.counts, key: noisy }
  const before = wiesemann2024(input).terms
  const after = wiesemann2024({ ...input, counts }).terms
  assert(after['keyVacuumUpper'] > before['keyVacuumUpper'])
  assert(after['keySingleLower'] < before['keySingleLower'])
  // With two decoys the lower bound on empty pulses comes from the weakest and is added back.
  const lim = workedExample()
  const more = lim.counts.key.detections.map((n, at) => (at === 2 ? 8 * n : n))
  const lit = lim2014({
    ...lim,
    counts: { ...lim.counts, key: { ...lim.counts.key, detections: more } },
  })
  assert(lit.terms['keyVacuumLower'] > 0)
})

test('no key is an ordinary outcome, with every term a number', () => {
  const nothing = { detections: [0, 0], errors: [0, 0] }
  const input = { ...oneDecoyExample(), counts: { key: nothing, test: nothing } }
  for (const got of [wiesemann2024(input), rusca2018(input)]) {
    assert.equal(got.secretBits, 0)
    for (const value of Object.values(got.terms)) assert(Number.isFinite(value))
  }
  const errorless = oneDecoyExample()
  const clean = { ...errorless.counts.test, errors: [0, 0] }
  for (const bound of [wiesemann2024, rusca2018]) {
    const got = bound({ ...errorless, counts: { ...errorless.counts, test: clean } })
    assert(got.phaseError > 0 && got.phaseError < 0.5)
  }
})

test('impossible counts and settings are refused', () => {
  const input = oneDecoyExample()
  const { key, test } = input.counts
  const withKey = (changed: Partial<typeof key>): BoundInput => ({
    ...input,
    counts: { key: { ...key, ...changed }, test },
  })
  for (const bad of [NaN, -1, Infinity]) {
    refused('COUNTS_IMPOSSIBLE', () => wiesemann2024(withKey({ detections: [bad, 10] })))
    refused('COUNTS_IMPOSSIBLE', () => rusca2018(withKey({ errors: [bad, 0] })))
    refused('COUNTS_IMPOSSIBLE', () => wiesemann2024({ ...input, leakBits: bad }))
    const epsilons = { secrecy: bad, correctness: 1e-15 }
    refused('COUNTS_IMPOSSIBLE', () => wiesemann2024({ ...input, epsilons }))
  }
  refused('COUNTS_IMPOSSIBLE', () => wiesemann2024(withKey({ errors: [key.detections[0] + 1, 0] })))
  refused('COUNTS_IMPOSSIBLE', () => wiesemann2024(withKey({ errors: [0] })))
  refused('BOUND_NOT_APPLICABLE', () => lim2014(input))
  refused('BOUND_NOT_APPLICABLE', () => rusca2018(workedExample()))
  const [signal, decoy] = input.intensities
  refused('BOUND_NOT_APPLICABLE', () => wiesemann2024({ ...input, intensities: [decoy, signal] }))
  const unlikely = [signal, { ...decoy, probability: 0.5 }]
  refused('BOUND_NOT_APPLICABLE', () => wiesemann2024({ ...input, intensities: unlikely }))
  refused('BOUND_NOT_APPLICABLE', () => keyLength('asymptotic-lo-ma', input))
  refused('BOUND_NOT_APPLICABLE', () => keyLength('tomamichel-2012', input))
  refused('BOUND_NOT_APPLICABLE', () =>
    keyLength('tomamichel-2012', { ...input, pulses: 'weak-coherent' }),
  )
  assert.equal(keyLength('wiesemann-2024', input).secretBits, wiesemann2024(input).secretBits)
})

test('every term that a bound reports is explained', () => {
  const reports: KeyLength[] = [
    wiesemann2024(oneDecoyExample()),
    rusca2018(oneDecoyExample()),
    lim2014(workedExample()),
  ]
  for (const { terms } of reports) {
    for (const term of Object.keys(terms)) assert(term in termMeanings, term)
  }
})

test('binary entropy is 0 at both ends and 1 in the middle', () => {
  assert.deepEqual([0, 1, 0.5].map(binaryEntropy), [0, 0, 1])
  close(binaryEntropy(0.11), h(0.11), 'h(0.11)')
})

function refused(code: QkdRefusalCode, act: () => unknown): void {
  assert.throws(act, (error) => error instanceof QkdRefusal && error.code === code, code)
}

function oneDecoyExample(): BoundInput {
  return {
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
}

/**
 * Lim et al. detector and fibre, 25 km, 10¹⁰ pulses; the channel model uses η_sys in the error
 * term.
 */
function workedExample(): BoundInput {
  const mu = [0.5, 0.1, 2e-4]
  const p = [0.7, 0.2, 0.1]
  const [pulses, q] = [1e10, 0.9]
  const eta = 10 ** -0.5 * 0.1
  const clicks = mu.map((m) => 1 - (1 - 2 * 6e-7) * Math.exp(-eta * m))
  const rates = clicks.map((d) => d * 1.04)
  const wrong = mu.map((m, k) => 6e-7 + 5e-3 * -Math.expm1(-eta * m) + (0.04 * clicks[k]) / 2)
  const basis = (share: number) => ({
    detections: rates.map((r, k) => pulses * p[k] * share * r),
    errors: wrong.map((e, k) => pulses * p[k] * share * e),
  })
  const key = basis(q * q)
  const n = total(key.detections)
  return {
    counts: { key, test: basis((1 - q) ** 2) },
    intensities: mu.map((m, k) => ({ meanPhotonNumber: m, probability: p[k] })),
    epsilons: { secrecy: 1e-10, correctness: 1e-15 },
    leakBits: 1.16 * n * h(total(key.errors) / n),
  }
}

/** Secret bits per second of Rusca's link for key blocks of `n` bits. */
function ruscaRate(
  lossDb: number,
  set: { readonly mu: readonly [number, number]; readonly p: number; readonly q: number },
  n: number,
): number {
  const eta = 10 ** (-lossDb / 10)
  const p = [set.p, 1 - set.p]
  const click = set.mu.map((m) => 1 - Math.exp(-eta * m) * (1 - 1e-8))
  const wrong = set.mu.map((m) => 0.01 * -Math.expm1(-eta * m) + 0.5e-8)
  const perPulse = total(click.map((d, k) => p[k] * d))
  const alive = 1 / (1 + 1e9 * perPulse * 100e-9)
  const seconds = n / (1e9 * alive * perPulse * set.q ** 2)
  const basis = (share: number) => ({
    detections: click.map((d, k) => 1e9 * alive * seconds * share * p[k] * d),
    errors: wrong.map((e, k) => 1e9 * alive * seconds * share * p[k] * e),
  })
  const key = basis(set.q ** 2)
  const length = rusca2018({
    counts: { key, test: basis((1 - set.q) ** 2) },
    intensities: set.mu.map((m, k) => ({ meanPhotonNumber: m, probability: p[k] })),
    epsilons: { secrecy: 1e-9, correctness: 1e-15 },
    leakBits: 1.16 * n * h(total(key.errors) / n),
  })
  return length.secretBits / seconds
}
