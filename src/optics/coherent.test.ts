/** Simulated coherent states: moments, randomness, and what is refused. @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SeededRandom } from '#base'
import { seededRandom } from '#world/ports'
import {
  checkedCoherentLink,
  expectCoherent,
  fibreTransmittance,
  lawUnder,
  type CoherentAttack,
  type CoherentLink,
} from './coherent-link.ts'
import { COHERENT_PRESETS, coherentLinkOf } from './coherent-preset.ts'
import { CoherentSimulator } from './coherent-simulate.ts'
import { fillNormal } from './normal.ts'
import { OpticsRefusal, type OpticsRefusalCode } from './refusal.ts'

const [homodyne, heterodyne] = COHERENT_PRESETS.map((preset) => coherentLinkOf(preset))

const simulatorOf = (link: CoherentLink, seed: number): CoherentSimulator =>
  new CoherentSimulator({ link, random: seededRandom(seed), allowSimulatedRandomness: true })

const meanOf = (values: ArrayLike<number>, of: (value: number, at: number) => number): number => {
  let sum = 0
  for (let at = 0; at < values.length; at++) sum += of(values[at], at)
  return sum / values.length
}

const refused =
  (code: OpticsRefusalCode) =>
  (error: unknown): boolean =>
    error instanceof OpticsRefusal && error.code === code

test('normal numbers have the moments and the tails of their law', () => {
  const random = new SeededRandom(5)
  const values = new Float32Array(1_000_001)
  fillNormal(values, 2, () => random.uint32())
  const n = values.length
  // Moments of a normal law with their standard errors: 2/√n, 4·√2/√n, 8·√15/√n, 16·√96/√n.
  for (const [power, expected, error] of [
    [1, 0, 2],
    [2, 4, 4 * Math.SQRT2],
    [3, 0, 8 * Math.sqrt(15)],
    [4, 48, 16 * Math.sqrt(96)],
  ]) {
    const got = meanOf(values, (value) => value ** power)
    assert(Math.abs(got - expected) < (5 * error) / Math.sqrt(n), `moment ${String(power)}: ${got}`)
  }
  const beyond = meanOf(values, (value) => (Math.abs(value) > 6 ? 1 : 0))
  assert(Math.abs(beyond - 2.6998e-3) < 5 * Math.sqrt(2.7e-3 / n))
})

test('what is sent is Gaussian of the set variance, and both quadratures are independent', () => {
  const { modulation, measurement } = simulatorOf(homodyne, 1).next(500_000)
  const { x, p } = modulation
  for (const one of [x, p]) {
    assert(Math.abs(meanOf(one, (value) => value * value) - 4) < 5 * 4 * Math.sqrt(2 / 5e5))
  }
  assert(Math.abs(meanOf(x, (value, at) => value * p[at])) < (5 * 4) / Math.sqrt(5e5))
  assert(measurement.detection === 'homodyne')
  const ones = meanOf(measurement.quadratures, (one) => one)
  assert(Math.abs(ones - 0.5) < 2.5 / Math.sqrt(5e5))
  // Only the quadrature that was measured carries what was sent.
  const { quadratures, values } = measurement
  const right = meanOf(values, (value, at) => value * (quadratures[at] === 0 ? x[at] : p[at]))
  const wrong = meanOf(values, (value, at) => value * (quadratures[at] === 0 ? p[at] : x[at]))
  assert(Math.abs(right / 400 - Math.sqrt(0.6 * 10 ** -0.5)) < 0.01)
  assert(Math.abs(wrong / 400) < 0.01)
})

test('the variance measured is the sum of its parts, whoever listens', () => {
  const attacks: readonly CoherentAttack[] = [
    { kind: 'none' },
    { kind: 'intercept-resend', fraction: 0.5 },
    { kind: 'entangling-cloner', excessNoise: 1 },
    { kind: 'fibre-cut', lossDb: Infinity },
    { kind: 'local-oscillator' },
    { kind: 'drift', radiansPerSecond: 1e5 },
  ]
  for (const link of [homodyne, heterodyne]) {
    for (const attack of attacks) {
      const simulator = simulatorOf(link, 2)
      simulator.setAttack(attack)
      const { measurement } = simulator.next(200_000)
      const values = measurement.detection === 'homodyne' ? measurement.values : measurement.p
      const { slope, noise, resentShare, resentNoise, power } = lawUnder(link, attack)
      const light = 4 * slope * slope + noise + resentShare * resentNoise
      const expected = power * light + 0.05
      const got = meanOf(values, (value) => value * value) / 1e4
      assert(Math.abs(got / expected - 1) < 6 * Math.sqrt(2 / 2e5), attack.kind)
    }
  }
})

test('a phase that runs away turns x to p and p to −x, symbol by symbol', () => {
  const simulator = simulatorOf(heterodyne, 6)
  // A quarter turn for each symbol.
  const radiansPerSecond = (heterodyne.settings.symbolRateHz * Math.PI) / 2
  simulator.setAttack({ kind: 'drift', radiansPerSecond })
  const { modulation, measurement } = simulator.next(40_000)
  assert(measurement.detection === 'heterodyne')
  const { x, p } = measurement
  const turned = (of: Float32Array, sent: Float32Array, turns: number): number =>
    meanOf(of, (value, at) => (at % 4 === turns ? value * sent[at] : 0)) / 100
  const whole = Math.sqrt(0.3 * 10 ** -0.5)
  for (const [of, sent, turns, sign] of [
    [x, modulation.p, 0, -1],
    [p, modulation.x, 0, 1],
    [x, modulation.x, 1, -1],
    [x, modulation.p, 2, 1],
    [p, modulation.p, 3, 1],
  ] as const) {
    assert(Math.abs(turned(of, sent, turns) - sign * whole) < 0.08)
  }
})

test('equal seeds give equal batches, and another seed another one', () => {
  const [one, other] = [
    simulatorOf(heterodyne, 7).next(1000),
    simulatorOf(heterodyne, 7).next(1000),
  ]
  assert.deepEqual(one, other)
  const next = simulatorOf(heterodyne, 8).next(1000)
  assert.notDeepEqual(one.modulation.x, next.modulation.x)
})

test('a seeded source is refused where it was not allowed', () => {
  assert.throws(
    () => new CoherentSimulator({ link: homodyne, random: seededRandom(1) }),
    refused('OPTICS_RANDOMNESS_REFUSED'),
  )
})

test('batches are counted, and of a size', () => {
  const simulator = simulatorOf(homodyne, 3)
  assert.equal(simulator.next(1).modulation.batch, 0)
  const { modulation, measurement } = simulator.next(3)
  assert.deepEqual([modulation.batch, measurement.batch, measurement.symbolCount], [1, 1, 3])
  for (const count of [0, 1.5, NaN, 2 ** 20 + 1]) {
    assert.throws(() => simulator.next(count), refused('OPTICS_SLOTS_INVALID'))
  }
})

test('no value leaves the range of the converter', () => {
  const narrow = { ...homodyne, receiver: { ...homodyne.receiver, range: 150 } }
  const { measurement } = simulatorOf(narrow, 4).next(10_000)
  assert(measurement.detection === 'homodyne')
  const { values } = measurement
  assert(values.every((value) => Math.abs(value) <= 150))
  assert(values.includes(150) && values.includes(-150))
})

test('more loss never lets more through, and Eve never lowers the true noise', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 100, noNaN: true }),
      fc.double({ min: 0, max: 50, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (lengthKm, more, fraction) => {
        const link = coherentLinkOf(COHERENT_PRESETS[0], lengthKm)
        const longer = coherentLinkOf(COHERENT_PRESETS[0], lengthKm + more)
        assert(fibreTransmittance(longer) <= fibreTransmittance(link))
        const { actual } = expectCoherent(link, { kind: 'intercept-resend', fraction })
        assert(Math.abs(actual.excessNoise - 0.01 - 2 * fraction) < 1e-9)
        const honest = expectCoherent(link, { kind: 'none' })
        assert(Math.abs(honest.seen.excessNoise - honest.actual.excessNoise) < 1e-9)
      },
    ),
    { seed: 1, numRuns: 60 },
  )
})

test('impossible links and attacks are refused', () => {
  const { channel, receiver, settings } = homodyne
  for (const link of [
    { ...homodyne, channel: { ...channel, lengthKm: -1 } },
    { ...homodyne, channel: { ...channel, excessNoise: NaN } },
    { ...homodyne, channel: { ...channel, phaseVariance: -0.1 } },
    { ...homodyne, receiver: { ...receiver, efficiency: 0 } },
    { ...homodyne, receiver: { ...receiver, electronicNoise: -0.01 } },
    { ...homodyne, receiver: { ...receiver, shotNoise: 0 } },
    { ...homodyne, receiver: { ...receiver, range: 99 } },
    { ...homodyne, settings: { ...settings, modulationVariance: -4 } },
  ]) {
    assert.throws(() => checkedCoherentLink(link), refused('OPTICS_LINK_INVALID'))
  }
  assert.equal(checkedCoherentLink(homodyne), homodyne)
  const simulator = simulatorOf(homodyne, 1)
  for (const attack of [
    { kind: 'intercept-resend', fraction: 1.01 },
    { kind: 'entangling-cloner', excessNoise: -0.01 },
    { kind: 'fibre-cut', lossDb: NaN },
    { kind: 'drift', radiansPerSecond: -1 },
  ] as const) {
    assert.throws(() => simulator.setAttack(attack), refused('OPTICS_ATTACK_INVALID'))
  }
  assert.equal(simulator.attack.kind, 'none')
  // Over 0 km there is too much light to hide two units behind a dimmer local oscillator.
  const short = simulatorOf(coherentLinkOf(COHERENT_PRESETS[0], 0), 1)
  assert.throws(
    () => short.setAttack({ kind: 'local-oscillator' }),
    refused('OPTICS_ATTACK_INVALID'),
  )
})
