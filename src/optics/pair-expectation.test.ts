/**
 * Entangled pairs: closed forms, the simulator, and a count of pairs one by one agree.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noAttack, type Attack } from './eve.ts'
import { sigmasApart, sigmasFrom } from './fixtures.test.ts'
import { CHSH_SETTINGS, expectPairs, type ChshExpectation } from './pair-expectation.ts'
import {
  countPairByPair,
  countSimulated,
  roughPairs,
  roughTested,
  testPairs,
  type PairCounts,
} from './pair-fixtures.test.ts'
import type { PairLink } from './pairs.ts'

/** The figure that lies furthest from its expectation. */
function worst(link: PairLink, attack: Attack, seen: PairCounts) {
  const expected = expectPairs(link, attack)
  const { slots } = seen
  const figures: readonly (readonly [string, number, number])[] = [
    ['singles here', seen.transmitter, slots * expected.singles.transmitter],
    ['singles there', seen.receiver, slots * expected.singles.receiver],
    ['coincidences', seen.coincidences, slots * expected.coincidenceProbability],
    ['ZZ', seen.ZZ, slots * expected.Z.gain],
    ['XX', seen.XX, slots * expected.X.gain],
    ['wrong in ZZ', seen.wrongZ, slots * expected.Z.error],
    ['wrong in XX', seen.wrongX, slots * expected.X.error],
    ['wrong in unlike bases', seen.wrongCrossed, seen.crossed / 2],
    ...(expected.chshTest === undefined ? [] : testFigures(expected.chshTest, seen)),
  ]
  return figures
    .map(([what, count, mean]) => ({
      sigmas: sigmasFrom(count, mean),
      what: `${what}: ${count}, not ${mean}`,
    }))
    .reduce((a, b) => (b.sigmas > a.sigmas ? b : a))
}

/** Coincidences at the settings of a CHSH test: all of them, and those with unlike bits. */
function testFigures({ gains, correlations }: ChshExpectation, { slots, ...seen }: PairCounts) {
  return CHSH_SETTINGS.flatMap(({ basis, degrees }, at) => {
    const [same, different] = [seen.same[at], seen.different[at]]
    const [name, mean] = [`${basis} and ${degrees}°`, slots * gains[at]]
    return [
      [name, same + different, mean],
      [`${name}, unlike`, different, (mean * (1 - correlations[at])) / 2],
    ] as const
  })
}

const links: readonly (readonly [string, PairLink])[] = [
  ['loss alone', testPairs()],
  ['many pairs in a slot', testPairs({ pairs: 0.8, lossDb: [1, 1] })],
  ['dark counts', testPairs({ dark: 0.01 })],
  ['dark counts alone', testPairs({ pairs: 0, dark: 0.03 })],
  ['misalignment', testPairs({ misalignment: { Z: 0.03, X: 0.1 } })],
  ['time stamps apart', testPairs({ slotShare: 0.6 })],
  ['an ideal balanced splitter', testPairs({ keyBasis: [0.5, 0.5] })],
  ['dead time', testPairs({ deadSlots: [10, 10] })],
  ['dead time of one end', testPairs({ deadSlots: [0, 20] })],
  ['unlike dead times', testPairs({ deadSlots: [12, 3], lossDb: [3, 2] })],
  ['everything', roughPairs],
  ['a CHSH test', testPairs({ chsh: 0.2 })],
  ['a CHSH test with everything', roughTested],
]

for (const [name, link] of links) {
  test(`simulated pairs keep to the closed form within 5 sigma: ${name}`, () => {
    for (const seed of [1, 2]) {
      const seen = countSimulated({ link, seed, batches: 10, batchSlots: 100_000 })
      const { sigmas, what } = worst(link, noAttack, seen)
      assert(sigmas < 5, what)
    }
  })
}

const attacks: readonly Attack[] = [
  { kind: 'intercept-resend', fraction: 1 },
  { kind: 'intercept-resend', fraction: 0.3 },
  { kind: 'fibre-cut', lossDb: 6 },
  { kind: 'fibre-cut', lossDb: Infinity },
]
for (const attack of attacks) {
  test(`simulated pairs keep to the closed form under ${JSON.stringify(attack)}`, () => {
    for (const link of [
      testPairs({ misalignment: { Z: 0.02, X: 0.05 } }),
      roughPairs,
      roughTested,
    ]) {
      const seen = countSimulated({ link, attack, seed: 3, batches: 10, batchSlots: 100_000 })
      const { sigmas, what } = worst(link, attack, seen)
      assert(sigmas < 5, what)
    }
  })
}

test('pairs counted one by one come out as simulated and as computed', () => {
  const runs: readonly (readonly [PairLink, Attack])[] = [
    [roughPairs, noAttack],
    [testPairs({ pairs: 0.6, dark: 0.01, lossDb: [1, 2], slotShare: 0.8 }), noAttack],
    [roughPairs, { kind: 'intercept-resend', fraction: 0.7 }],
    [roughPairs, { kind: 'fibre-cut', lossDb: 4 }],
    [roughTested, noAttack],
    [roughTested, { kind: 'intercept-resend', fraction: 0.6 }],
  ]
  for (const [link, attack] of runs) {
    const one = countPairByPair({ link, attack, seed: 5, slots: 400_000 })
    const many = countSimulated({ link, attack, seed: 6, batches: 4, batchSlots: 100_000 })
    const { sigmas, what } = worst(link, attack, one)
    assert(sigmas < 5, what)
    for (const name of [
      'transmitter',
      'receiver',
      'ZZ',
      'XX',
      'crossed',
      'wrongZ',
      'wrongX',
    ] as const) {
      assert(sigmasApart(one[name], many[name]) < 5, `${name}: ${one[name]} and ${many[name]}`)
    }
  }
})

test('the comparison is sharp enough to see each effect', () => {
  const plain = testPairs()
  for (const [name, link] of links.slice(1)) {
    const seen = countSimulated({ link, seed: 1, batches: 10, batchSlots: 100_000 })
    const { sigmas } = worst(plain, noAttack, seen)
    assert(sigmas > 8, `${name} cannot be told from a plain link`)
  }
})

test('a weak source without noise errs by its misalignment, and reaches 2√2 without any', () => {
  const weak = { pairs: 1e-5, lossDb: [1, 1] as const }
  const clean = expectPairs(testPairs(weak))
  assert(Math.abs(clean.chsh - 2 * Math.SQRT2) < 1e-4)
  const tilted = expectPairs(testPairs({ ...weak, misalignment: { Z: 0.02, X: 0.05 } }))
  assert(Math.abs(tilted.qber.Z - 0.02) < 1e-5 && Math.abs(tilted.qber.X - 0.05) < 1e-5)
  // A quarter of what Eve measures is wrong.
  const tapped = expectPairs(testPairs(weak), { kind: 'intercept-resend', fraction: 0.4 })
  assert(Math.abs(tapped.qber.Z - 0.1) < 1e-5)
  assert(Math.abs(tapped.chsh - 2 * Math.SQRT2 * 0.8) < 1e-4)
})

test('chance coincidences cost what the rate of singles says: half of S·S·τ is wrong', () => {
  const link = testPairs({ pairs: 0.01, lossDb: [20, 20] })
  const { singles, coincidenceProbability, Z, X, qber } = expectPairs(link)
  const chance = singles.transmitter * singles.receiver
  assert(Math.abs(qber.Z / (chance / 2 / coincidenceProbability) - 1) < 0.02)
  assert(Z.gain + X.gain < coincidenceProbability)
})

test('Eve knows half of what she measures, as far as it is sifted', () => {
  const link = testPairs({ pairs: 0.002, lossDb: [1, 1] })
  for (const fraction of [0, 0.5, 1]) {
    const attack: Attack = { kind: 'intercept-resend', fraction }
    const seen = countSimulated({ link, attack, seed: 7, batches: 30, batchSlots: 100_000 })
    assert.equal(seen.sifted, seen.ZZ + seen.XX)
    assert(sigmasFrom(seen.knownToEve, (seen.sifted * fraction) / 2) < 5)
    assert.equal(seen.knownToEve === 0, fraction === 0)
  }
})

test('a test measures S = 2√2·(1 − p/2) where Eve intercepts a share p, as the error rates imply', () => {
  const weak = testPairs({ pairs: 1e-5, lossDb: [1, 1], chsh: 0.05 })
  const noisy = { ...weak, misalignment: { Z: 0.01, X: 0.06 } }
  for (const fraction of [0, 0.3, 1]) {
    const attack: Attack = { kind: 'intercept-resend', fraction }
    const { chshTest } = expectPairs(weak, attack)
    assert(chshTest !== undefined)
    assert(Math.abs(chshTest.chsh - 2 * Math.SQRT2 * (1 - fraction / 2)) < 1e-4)
    const { chsh, chshTest: same } = expectPairs(noisy, attack)
    assert(Math.abs(chsh - (same?.chsh ?? 0)) < 1e-4)
  }
  assert(expectPairs(weak, { kind: 'intercept-resend', fraction: 1 }).chsh < 2)
})

test('one pair of settings in four is correlated the other way round', () => {
  const { chshTest } = expectPairs(testPairs({ pairs: 1e-5, lossDb: [1, 1], chsh: 0.05 }))
  assert(chshTest !== undefined)
  const signs = chshTest.correlations.map(Math.sign)
  assert.deepEqual(signs, [1, -1, 1, 1])
  for (const correlation of chshTest.correlations) {
    assert(Math.abs(Math.abs(correlation) - Math.SQRT1_2) < 1e-4)
  }
})

test('a CHSH test takes its share of the light, and the key basis has the rest', () => {
  const [without, with_] = [testPairs(), testPairs({ chsh: 0.2 })].map((link) => expectPairs(link))
  assert(Math.abs(with_.siftedBitsPerSecond / without.siftedBitsPerSecond - 0.8) < 0.01)
  assert(Math.abs(with_.singles.receiver - without.singles.receiver) < 1e-9)
})
