/**
 * Entangled pairs: closed forms, a count of pairs one by one, and the values every textbook has.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '#base'
import { binaryEntropy } from '../bounds/entropy.ts'
import { QkdRefusal } from '../refusal.ts'
import {
  chshTest,
  deviceIndependentShare,
  entangledKey,
  entangledLink,
  type EntangledLink,
  type OutcomeCounts,
} from './entangled.ts'

const link: EntangledLink = {
  pairsPerSecond: 1e6,
  receivers: [
    { transmittance: 0.1, noisePerSecond: 500, deadSeconds: 0 },
    { transmittance: 0.02, noisePerSecond: 2000, deadSeconds: 0 },
  ],
  windowSeconds: 1e-9,
  jitterSeconds: 0,
  misalignment: 0.01,
}

test('coincidences agree with a second computation, term by term', () => {
  const got = entangledLink({
    ...link,
    jitterSeconds: 4e-10,
    receivers: [{ ...link.receivers[0], deadSeconds: 1e-6 }, link.receivers[1]],
  })
  const [sa, sb] = [1 / (1 / 100_500 + 1e-6), 22_000]
  const live = sa / 100_500
  // Simpson's rule over the Gaussian of the time difference.
  const sigma = 4e-10 / (2 * Math.sqrt(2 * Math.LN2))
  const steps = 2000
  let share = 0
  for (let at = 0; at <= steps; at++) {
    const t = -0.5e-9 + (1e-9 * at) / steps
    const weight = at === 0 || at === steps ? 1 : at % 2 === 1 ? 4 : 2
    share += weight * Math.exp(-((t / sigma) ** 2) / 2)
  }
  share *= 1e-9 / steps / 3 / (sigma * Math.sqrt(2 * Math.PI))
  const pairs = 1e6 * 0.1 * live * 0.02 * share
  const chance = sa * sb * 1e-9
  const q = (0.01 * pairs + 0.5 * chance) / (pairs + chance)
  const near = (value: number, expected: number): void =>
    assert(Math.abs(value / expected - 1) < 1e-12, `${value} ${expected}`)
  near(got.windowShare, share)
  near(got.truePairs, pairs)
  near(got.accidentals, chance)
  near(got.errorRate, q)
  near(got.chsh, 2 * Math.SQRT2 * (1 - 2 * q))
})

test('coincidences agree with events that are counted one by one', () => {
  const noisy: EntangledLink = {
    ...link,
    pairsPerSecond: 2e5,
    receivers: [
      { transmittance: 0.1, noisePerSecond: 2e4, deadSeconds: 0 },
      { transmittance: 0.05, noisePerSecond: 2e4, deadSeconds: 0 },
    ],
    windowSeconds: 1e-6,
    misalignment: 0.05,
  }
  const random = new SeededRandom(7)
  const uniform = (): number => random.unit()
  const events = (perSecond: number, act: (at: number) => void): void => {
    for (let at = -Math.log(1 - uniform()) / perSecond; at < 1;) {
      act(at)
      at -= Math.log(1 - uniform()) / perSecond
    }
  }
  const seen: { readonly at: number; readonly bit: number }[][] = [[], []]
  events(noisy.pairsPerSecond, (at) => {
    const bit = uniform() < 0.5 ? 0 : 1
    if (uniform() < 0.1) seen[0].push({ at, bit })
    if (uniform() < 0.05) seen[1].push({ at, bit: uniform() < 0.05 ? 1 - bit : bit })
  })
  for (const end of [0, 1]) {
    events(2e4, (at) => seen[end].push({ at, bit: uniform() < 0.5 ? 0 : 1 }))
    seen[end].sort((x, y) => x.at - y.at)
  }
  let coincidences = 0
  let errors = 0
  let from = 0
  for (const { at, bit } of seen[0]) {
    while (from < seen[1].length && seen[1][from].at < at - 0.5e-6) from++
    for (let other = from; other < seen[1].length && seen[1][other].at <= at + 0.5e-6; other++) {
      coincidences++
      if (seen[1][other].bit !== bit) errors++
    }
  }
  const expected = entangledLink(noisy)
  const { coincidences: mean, errorRate } = expected
  assert(expected.accidentals > 0.3 * mean, 'accidentals weigh in this link')
  assert(Math.abs(coincidences - mean) < 5 * Math.sqrt(mean), `${coincidences} of ${mean}`)
  assert(Math.abs(errors - mean * errorRate) < 5 * Math.sqrt(mean * errorRate))
})

test('S = 2√2·(1 − 2Q): 2 at Q = 14.64 %, and the key ends at 11.00 %', () => {
  const at = (misalignment: number) =>
    entangledLink({
      ...link,
      receivers: [
        { ...link.receivers[0], noisePerSecond: 0 },
        { ...link.receivers[1], noisePerSecond: 0 },
      ],
      windowSeconds: 1e-15,
      misalignment,
    })
  assert(Math.abs(at((1 - Math.SQRT1_2) / 2).chsh - 2) < 1e-6)
  assert(Math.abs((1 - Math.SQRT1_2) / 2 - 0.1464466) < 1e-7)
  const rate = (misalignment: number): number =>
    entangledKey({
      link: at(misalignment),
      keyBasisProbability: 0.5,
      seconds: 1,
      efficiency: 1,
      epsilons: { secrecy: 1e-10, correctness: 1e-15 },
    }).asymptoticBitsPerSecond
  assert(rate(0.11002) > 0)
  assert.equal(rate(0.11004), 0)
})

test('a block of entangled pairs gives the length of Tomamichel et al., and less when shorter', () => {
  const rates = entangledLink(link)
  const of = (seconds: number) =>
    entangledKey({
      link: rates,
      keyBasisProbability: 0.8,
      seconds,
      efficiency: 1.1,
      epsilons: { secrecy: 1e-10, correctness: 1e-15 },
    })
  const hour = of(3600)
  const n = rates.coincidences * 0.64 * 3600
  const k = rates.coincidences * (0.2 * 0.2) * 3600
  const spread = Math.sqrt(((n + k) / (n * k)) * ((k + 1) / k) * Math.log(4e10))
  const hidden = n * (1 - binaryEntropy(rates.errorRate + spread))
  const leak = 1.1 * n * binaryEntropy(rates.errorRate)
  const expected = hidden - leak - Math.log2(2 / (1e-20 * 1e-15))
  assert(Math.abs(hour.keyLength.terms['lengthBits'] - expected) < 1e-6)
  assert(of(1).secretBitsPerSecond < hour.secretBitsPerSecond)
  assert(hour.secretBitsPerSecond < hour.asymptoticBitsPerSecond)
  assert.equal(of(0.01).keyLength.secretBits, 0)
})

/** Counts that a state of visibility V gives on average at the best settings. */
const counts = (
  visibility: number,
  total: number,
): readonly [OutcomeCounts, OutcomeCounts, OutcomeCounts, OutcomeCounts] => {
  const correlation = visibility * Math.SQRT1_2
  const plus = { same: (total * (1 + correlation)) / 2, different: (total * (1 - correlation)) / 2 }
  const minus = { same: plus.different, different: plus.same }
  return [plus, minus, plus, plus]
}

test('E91: a good state violates the local bound, an intercepted one does not', () => {
  const good = chshTest(counts(0.95, 10_000))
  assert(Math.abs(good.chsh - 0.95 * 2 * Math.SQRT2) < 1e-12)
  assert(good.violated && good.sigmas > 20)
  // Intercept-resend of a share p lowers S to 2√2·(1 − p/2): √2 at p = 1.
  for (const share of [0, 0.25, 0.5, 1]) {
    const seen = chshTest(counts(1 - share / 2, 10_000))
    assert(Math.abs(seen.interceptedShare - share) < 1e-12)
    assert.equal(seen.violated, share < 2 - Math.SQRT2)
  }
  assert(Math.abs(chshTest(counts(0.5, 10_000)).chsh - Math.SQRT2) < 1e-12)
  assert(!chshTest(counts(0.75, 100)).violated, 'few pairs prove nothing')
  assert.throws(() => chshTest(counts(0.9, 0)), QkdRefusal)
})

test('without trust in devices the key ends at Q = 7.1 %', () => {
  const share = (q: number): number => deviceIndependentShare(q, 2 * Math.SQRT2 * (1 - 2 * q)).share
  assert.equal(share(0), 1)
  assert(share(0.071) > 0)
  assert.equal(share(0.072), 0)
  assert.equal(deviceIndependentShare(0, 2).share, 0)
})

test('an impossible link of pairs is refused', () => {
  const [a, b] = link.receivers
  const refused = (changed: Partial<EntangledLink>): void =>
    assert.throws(() => entangledLink({ ...link, ...changed }), QkdRefusal)
  refused({ misalignment: 0.51 })
  refused({ windowSeconds: 0 })
  refused({ pairsPerSecond: NaN })
  refused({ receivers: [{ ...a, transmittance: 1.1 }, b] })
  assert.equal(entangledLink({ ...link, pairsPerSecond: 0 }).truePairs, 0)
})
