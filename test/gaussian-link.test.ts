/**
 * Both ends of a Gaussian link over simulated light: estimates beside the truth, and what each
 * attack does to the key length.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  coherentLinkNamed,
  CoherentSimulator,
  expectCoherent,
  noCoherentAttack,
  type CoherentAttack,
  type CoherentLink,
} from '#optics'
import { disclose, GaussianReceiver, type GaussianParameters, type GaussianReport } from '#qkd'
import { seededRandom } from '#world/ports'
import { gaussianParametersOf, runGaussianBlock } from '../study/gaussian-block.ts'

/** One block of a link under an attack, half of it disclosed. */
const block = (
  link: CoherentLink,
  {
    attack = noCoherentAttack,
    symbols = 400_000,
    seed = 1,
  }: { attack?: CoherentAttack; symbols?: number; seed?: number } = {},
): GaussianReport =>
  runGaussianBlock({ link, attack, symbols, random: seededRandom(seed), simulatedRandomness: true })

const kinds = ({ alarms }: GaussianReport): readonly string[] => alarms.map(({ kind }) => kind)

test('estimates lie within 5 σ of the truth, for both detections and all seeds', () => {
  for (const name of ['gg02-25km', 'gg02-25km-heterodyne', 'gg02-50km']) {
    const link = coherentLinkNamed(name)
    const { actual, seen } = expectCoherent(link, noCoherentAttack)
    assert.deepEqual(
      [actual.transmittance, actual.excessNoise].map((one) => one.toFixed(12)),
      [seen.transmittance, seen.excessNoise].map((one) => one.toFixed(12)),
    )
    let deviations = 0
    for (let seed = 1; seed <= 10; seed++) {
      const { estimate, symbols, disclosedSymbols } = block(link, { seed, symbols: 200_000 })
      assert.deepEqual([symbols, disclosedSymbols], [200_000, 100_000])
      const { quantile, transmittance, excessNoise, excessNoiseError } = estimate
      const error = (transmittance.upper - transmittance.lower) / (2 * quantile)
      const off = (transmittance.value - actual.transmittance) / error
      const noisy = (excessNoise.value - actual.excessNoise) / excessNoiseError
      assert(Math.abs(off) < 5 && Math.abs(noisy) < 5, `${name} ${seed}: ${off} ${noisy}`)
      assert(
        transmittance.lower < actual.transmittance && transmittance.upper > actual.transmittance,
      )
      assert(excessNoise.lower < actual.excessNoise && excessNoise.upper > actual.excessNoise)
      deviations += off + noisy
    }
    // Twenty deviations: their mean is not off either.
    assert(Math.abs(deviations) / Math.sqrt(20) < 5)
  }
})

test('what a regression finds under an attack is what its closed form says', () => {
  const attacks: readonly CoherentAttack[] = [
    { kind: 'intercept-resend', fraction: 1 },
    { kind: 'intercept-resend', fraction: 0.3 },
    { kind: 'entangling-cloner', excessNoise: 0.2 },
    { kind: 'fibre-cut', lossDb: 3 },
    { kind: 'saturation' },
    { kind: 'local-oscillator' },
  ]
  for (const name of ['gg02-25km', 'gg02-25km-heterodyne', 'gg02-50km']) {
    for (const attack of attacks) {
      const link = coherentLinkNamed(name)
      const { estimate } = block(link, { attack, seed: 5 })
      const { seen } = expectCoherent(link, attack)
      const { quantile, transmittance, excessNoise, excessNoiseError } = estimate
      const error = (transmittance.upper - transmittance.lower) / (2 * quantile)
      const what = `${name} ${attack.kind}`
      // Cut-off values are not Gaussian: their scatter is larger than a regression takes it for.
      assert(Math.abs(transmittance.value - seen.transmittance) < 8 * error, what)
      assert(Math.abs(excessNoise.value - seen.excessNoise) < 8 * excessNoiseError, what)
    }
  }
})

test('phase noise shows as loss and excess noise, as worked out', () => {
  const link = coherentLinkNamed('gg02-25km')
  const shaky = { ...link, channel: { ...link.channel, phaseVariance: 0.02 } }
  const { seen } = expectCoherent(shaky, noCoherentAttack)
  assert(seen.excessNoise > 0.08 && seen.transmittance < 0.98 * 10 ** -0.5 + 1e-3)
  const { estimate } = block(shaky, { seed: 3 })
  assert(Math.abs(estimate.excessNoise.value - seen.excessNoise) < 5 * estimate.excessNoiseError)
  // 1,000 rad/s at 50 MBd: 8 rad in the block, so that little correlation is left.
  const lost = block(link, { attack: { kind: 'drift', radiansPerSecond: 1000 } })
  assert.equal(lost.lengthBits, 0)
  assert(lost.estimate.transmittance.value < 0.1 * 10 ** -0.5)
  assert(kinds(lost).includes('excess-noise'))
})

test('an honest block of ten million symbols over 25 km gives a length and no alarm', () => {
  const report = block(coherentLinkNamed('gg02-25km'), { symbols: 10_000_000, seed: 2 })
  assert.deepEqual([report.verdict, kinds(report)], ['length', []])
  assert.equal(report.lengthBits, report.length.lengthBits)
  assert(report.lengthBits > 50_000 && report.lengthBits < 0.0883 * 5e6)
})

test('interception adds two shot noise units, raises an alarm and leaves no length', () => {
  for (const name of ['gg02-25km', 'gg02-25km-heterodyne', 'gg02-50km']) {
    const report = block(coherentLinkNamed(name), {
      attack: { kind: 'intercept-resend', fraction: 1 },
    })
    const { excessNoise, excessNoiseError } = report.estimate
    assert(Math.abs(excessNoise.value - 2.01) < 5 * excessNoiseError)
    assert.deepEqual([report.lengthBits, report.verdict], [0, 'noise-takes-all'])
    assert.deepEqual(kinds(report), ['excess-noise'])
  }
})

test('a saturated receiver would give a length, and an alarm takes it away', () => {
  const report = block(coherentLinkNamed('gg02-50km'), {
    attack: { kind: 'saturation' },
    symbols: 1_000_000,
  })
  // The estimate sees the honest link; the light carries two shot noise units and more.
  const { seen, actual } = expectCoherent(coherentLinkNamed('gg02-50km'), { kind: 'saturation' })
  assert(Math.abs(seen.excessNoise - 0.01) < 1e-9 && actual.excessNoise > 1.9)
  assert(Math.abs(report.estimate.excessNoise.value - 0.01) < 8 * report.estimate.excessNoiseError)
  assert(Math.abs(report.observables.saturatedShare - 0.5) < 0.005)
  assert.deepEqual(kinds(report), ['saturation'])
  assert.deepEqual([report.lengthBits, report.verdict], [0, 'device-suspect'])
})

test('a dimmed local oscillator is seen only by whoever watches shot noise', () => {
  const link = coherentLinkNamed('gg02-25km')
  const attack = { kind: 'local-oscillator' } as const
  const watched = block(link, { attack })
  assert.deepEqual(kinds(watched), ['shot-noise'])
  assert.deepEqual([watched.lengthBits, watched.verdict], [0, 'device-suspect'])
  const blind = { ...link, receiver: { ...link.receiver, watchSamples: 0 } }
  const unwatched = block(blind, { attack, symbols: 10_000_000 })
  assert.deepEqual([kinds(unwatched), unwatched.verdict], [[], 'length'])
  assert(unwatched.lengthBits > 50_000)
  assert.equal(unwatched.observables.shotNoiseShift, undefined)
})

test('less noise than the vacuum, and another modulation than agreed, void a block', () => {
  const link = coherentLinkNamed('gg02-25km')
  const changed = (edit: Partial<GaussianParameters>): GaussianReport => {
    const random = seededRandom(4)
    const simulator = new CoherentSimulator({ link, random, allowSimulatedRandomness: true })
    const receiver = new GaussianReceiver(
      { ...gaussianParametersOf(link, 200_000), ...edit },
      random,
    )
    const { modulation, measurement } = simulator.next(200_000)
    const report = receiver.disclosed(disclose(receiver.measured(measurement), modulation))
    assert(report !== undefined)
    return report
  }
  const { receiver } = gaussianParametersOf(link, 1000)
  const noisier = changed({ receiver: { ...receiver, electronicNoise: 0.15 } })
  assert.deepEqual([kinds(noisier), noisier.lengthBits], [['noise-below-vacuum'], 0])
  const louder = changed({ modulationVariance: 4.3 })
  assert.deepEqual([kinds(louder), louder.lengthBits], [['modulation'], 0])
  assert.deepEqual(kinds(changed({})), [])
})
