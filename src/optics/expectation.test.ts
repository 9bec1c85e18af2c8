/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noAttack, type Attack } from './eve.ts'
import { expectLink } from './expectation.ts'
import {
  roughLink,
  runSimulator,
  sigmasFrom,
  testLink,
  threeStates,
  twoDecoys,
} from './fixtures.test.ts'
import type { OpticalLink } from './link.ts'

/** Holds every figure of a run against its expectation. Returns how far the worst is off. */
function worst(link: OpticalLink, attack: Attack, seed: number): { sigmas: number; what: string } {
  const seen = runSimulator({ link, attack, seed, batches: 10, batchSlots: 100_000 })
  const figures = expectedFigures(link, attack, seen.slots).map(([what, pattern, expected]) => {
    const count = seen.sum(pattern)
    return { sigmas: sigmasFrom(count, expected), what: `${what}: ${count}, not ${expected}` }
  })
  return figures.reduce((a, b) => (b.sigmas > a.sigmas ? b : a))
}

function expectedFigures(
  link: OpticalLink,
  attack: Attack,
  slots: number,
): readonly (readonly [string, RegExp, number])[] {
  const expected = expectLink(link, attack)
  const { transmitter, receiver } = link.settings.keyBasisProbability
  const both = { Z: transmitter * receiver, X: (1 - transmitter) * (1 - receiver) }
  const figures: (readonly [string, RegExp, number])[] = [
    ['detections', /^detected/, slots * expected.detectionProbability],
    ['double clicks', /^double clicks/, slots * expected.doubleClickProbability],
    ['drops', /^dead time drops/, slots * expected.deadTimeDropProbability],
    ['sifted', /^bases ZZ/, (slots / 1e9) * expected.siftedBitsPerSecond],
  ]
  for (const [index, { probability }] of link.settings.intensities.entries()) {
    for (const basis of ['Z', 'X'] as const) {
      const pulses = slots * probability * both[basis]
      const { gain, error } = expected.pulses[index][basis]
      const of = `intensity ${index} bases ${basis}${basis}`
      figures.push([`gain, ${of}`, new RegExp(`^detected ${of}`), pulses * gain])
      const wrong = new RegExp(`^detected ${of} bit (0 as 1|1 as 0)`)
      figures.push([`errors, ${of}`, wrong, pulses * error])
    }
    const pulses = slots * probability * transmitter * (1 - receiver)
    const { gain, zero } = expected.pulses[index].crossed
    const of = `intensity ${index} bases ZX`
    figures.push([`gain, ${of}`, new RegExp(`^detected ${of}`), pulses * gain])
    figures.push([`zeros, ${of}`, new RegExp(`^detected ${of} bit . as 0`), pulses * zero])
  }
  return figures
}

const bright = { lossDb: 1, intensities: twoDecoys }

const effects: readonly (readonly [string, OpticalLink])[] = [
  ['loss alone', testLink()],
  ['two decoys', testLink({ intensities: twoDecoys })],
  ['dark counts', testLink({ detector: { darkCountProbability: 0.01 } })],
  ['dark counts in the dark', testLink({ lossDb: 150, detector: { darkCountProbability: 0.02 } })],
  ['stray light', testLink({ background: 0.01 })],
  ['misalignment', testLink({ misalignment: { Z: 0.03, X: 0.1 } })],
  ['double clicks', testLink({ ...bright, misalignment: { Z: 0.2, X: 0 } })],
  ['dead time', testLink({ ...bright, detector: { deadTimePs: 25_000 } })],
  ['dead time shorter than a slot', testLink({ ...bright, detector: { deadTimePs: 900 } })],
  ['dead time of all but two slots', testLink({ ...bright, detector: { deadTimePs: 2000 } })],
  ['jitter', testLink({ lossDb: 10, detector: { neighbourSlotProbability: 0.1 } })],
  ['afterpulses', testLink({ lossDb: 10, detector: { afterpulseProbability: 0.1 } })],
  [
    'slow afterpulses after dead time',
    testLink({
      lossDb: 8,
      detector: { afterpulseProbability: 0.1, afterpulseDecayPs: 30_000, deadTimePs: 10_000 },
    }),
  ],
  [
    'everything, gently',
    testLink({
      lossDb: 8,
      detector: {
        darkCountProbability: 1e-4,
        deadTimePs: 5000,
        afterpulseProbability: 0.02,
        afterpulseDecayPs: 8000,
        neighbourSlotProbability: 0.01,
      },
      misalignment: { Z: 0.01, X: 0.02 },
      background: 1e-4,
    }),
  ],
]

for (const [name, link] of effects) {
  test(`the simulation keeps to the closed form within 5 sigma: ${name}`, () => {
    for (const seed of [1, 2]) {
      const { sigmas, what } = worst(link, noAttack, seed)
      assert.ok(sigmas < 5, what)
    }
  })
}

const attacks: readonly Attack[] = [
  { kind: 'intercept-resend', fraction: 0.5 },
  { kind: 'intercept-resend', fraction: 1, resendMeanPhotonNumber: 2 },
  { kind: 'fibre-cut', lossDb: 3 },
  { kind: 'photon-number-splitting', fraction: 1 },
  { kind: 'photon-number-splitting', fraction: 0.3 },
  { kind: 'photon-number-splitting', fraction: 1, stealth: 0.4 },
  { kind: 'intercept-resend', fraction: 0.8, stealth: 0.3 },
  { kind: 'beam-splitting', fraction: 1 },
  { kind: 'blinding', fraction: 1 },
  { kind: 'blinding', fraction: 0.2 },
  { kind: 'bright-light', powerUw: 1e-5 },
  { kind: 'bright-light', powerUw: 1e3 },
  { kind: 'time-shift', fraction: 1, shiftPs: 80 },
  { kind: 'time-shift', fraction: 0.7, shiftPs: 60, earlyShare: 0.9 },
  { kind: 'trojan-horse', powerUw: 1e9 / 12 },
  { kind: 'failing-source', fraction: 0.3 },
]
for (const attack of attacks) {
  test(`the simulation keeps to the closed form under attack: ${JSON.stringify(attack)}`, () => {
    const near = testLink({ misalignment: { Z: 0.02, X: 0.04 }, background: 0.001 })
    const far = testLink({
      lossDb: 12,
      misalignment: { Z: 0.02, X: 0.04 },
      background: 0.001,
      detector: { efficiency: 0.9, afterpulseProbability: 0.02, deadTimePs: 5000 },
    })
    for (const link of [near, far, threeStates(near), threeStates(far)]) {
      const { sigmas, what } = worst(link, attack, 3)
      assert.ok(sigmas < 5, what)
    }
  })
}

test('with three states, clicks of other slots favour the detector of the one test state', () => {
  const link = testLink({
    lossDb: 8,
    detector: { afterpulseProbability: 0.1, neighbourSlotProbability: 0.1 },
  })
  const three = threeStates({
    ...link,
    settings: { ...link.settings, keyBasisProbability: { transmitter: 0.3, receiver: 0.3 } },
  })
  for (const seed of [1, 2]) {
    const { sigmas, what } = worst(three, noAttack, seed)
    assert.ok(sigmas < 5, what)
  }
  const [{ X, crossed }] = expectLink(three).pulses
  assert.ok(crossed.zero > 0.52 * crossed.gain)
  // Four states have no such favourite, and more errors.
  const { source, ...settings } = three.settings
  assert.equal(source, 'three-states')
  const [four] = expectLink({ ...three, settings }).pulses
  assert.ok(Math.abs(four.crossed.zero - four.crossed.gain / 2) < 1e-12)
  assert.ok(X.error < 0.9 * four.X.error)
})

test('each effect moves the closed form away from the plain link', () => {
  const plain = worst(testLink(), noAttack, 4)
  assert.ok(plain.sigmas < 5)
  for (const [name, link] of effects.slice(1)) {
    const seen = runSimulator({ link, seed: 5, batches: 10, batchSlots: 100_000 })
    const apart = expectedFigures(testLink(), noAttack, seen.slots).map(([, pattern, expected]) =>
      sigmasFrom(seen.sum(pattern), expected),
    )
    assert.ok(Math.max(...apart) > 5, name)
  }
})

test('gains and errors agree with Lim et al. 2014 to first order', () => {
  // Worked example: 25 km, receiver 10 %, p_dc 6e-7, p_ap 4 %, e_mis 0.5 %, 10¹⁰ pulses, 90 % in
  // the key basis gave 9.783807e7 detections there, at an error rate of 0.0240876.
  const link: OpticalLink = {
    settings: {
      clockHz: 1e9,
      intensities: [
        { meanPhotonNumber: 0.5, probability: 0.7 },
        { meanPhotonNumber: 0.1, probability: 0.2 },
        { meanPhotonNumber: 2e-4, probability: 0.1 },
      ],
      keyBasisProbability: { transmitter: 0.9, receiver: 0.9 },
    },
    channel: {
      lengthKm: 25,
      attenuationDbPerKm: 0.2,
      insertionLossDb: 0,
      backgroundProbability: 0,
    },
    receiver: {
      ...roughLink.receiver,
      lossDb: 0,
      misalignment: { Z: 0.005, X: 0.005 },
      detector: {
        ...roughLink.receiver.detector,
        efficiency: 0.1,
        darkCountProbability: 6e-7,
        deadTimePs: 0,
        afterpulseProbability: 0.04,
        afterpulseDecayPs: 0,
        neighbourSlotProbability: 0,
      },
    },
    transmitter: roughLink.transmitter,
  }
  const expected = expectLink(link)
  const detections = 10 * expected.siftedBitsPerSecond
  // Theirs leaves out afterpulses of afterpulses: 0.16 % of the gain, and half of it errors.
  assert.ok(Math.abs(detections / 9.783807e7 - 1) < 0.003)
  assert.ok(Math.abs(expected.qber.Z - 0.0240876) < 0.0009)
})

test('the efficiency weighs the misalignment: dim light does not raise the error rate', () => {
  const near = expectLink(testLink({ lossDb: 3, misalignment: { Z: 0.02, X: 0.02 } }))
  const far = expectLink(testLink({ lossDb: 40, misalignment: { Z: 0.02, X: 0.02 } }))
  assert.ok(Math.abs(near.qber.Z - 0.02) < 0.002)
  assert.ok(Math.abs(far.qber.Z - 0.02) < 1e-5)
})
