/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectLink, type LinkExpectation } from './expectation.ts'
import { runSimulator, sigmasFrom } from './fixtures.test.ts'
import type { OpticalLink } from './link.ts'
import { figuresIn, linkOf, presetNamed, presetNames } from './preset.ts'
import { OpticsRefusal } from './refusal.ts'

test('every figure of every preset names its source or says that it is assumed', () => {
  for (const name of presetNames()) {
    const figures = figuresIn(presetNamed(name))
    assert.ok(figures.length >= 22)
    for (const { path, value, source } of figures) {
      assert.ok(Number.isFinite(value), path)
      assert.ok(source === 'assumed' || source.length > 10, path)
    }
  }
})

test('the Cambridge span has the length and loss that were published', () => {
  const { channel, settings } = linkOf(presetNamed('cambridge-metro'))
  assert.equal(channel.lengthKm, 10.6)
  const lossDb = channel.lengthKm * channel.attenuationDbPerKm + channel.insertionLossDb
  assert.ok(Math.abs(lossDb - 3.9) < 1e-9)
  assert.equal(settings.clockHz, 1e9)
})

test('every preset reports in simulation what its closed form says', () => {
  for (const name of presetNames()) {
    const preset = presetNamed(name)
    const link = linkOf(preset)
    const seen = runSimulator({ link, seed: 1, batches: 2, batchSlots: preset.batchSlots })
    const expected = expectLink(link)
    const detected = seen.sum(/^detected/)
    assert.ok(sigmasFrom(detected, seen.slots * expected.detectionProbability) < 5, name)
    const wrong = seen.sum(/^bases ZZ wrong/)
    const sifted = seen.sum(/^bases ZZ/)
    assert.ok(sigmasFrom(wrong, sifted * expected.qber.Z) < 5, name)
  }
})

test('the Cambridge preset yields the published 2 to 3 Mb/s with the one-decoy bound', () => {
  const link = linkOf(presetNamed('cambridge-metro'))
  const published = presetNamed('cambridge-metro').publishedSecretBitsPerSecond?.value
  assert.equal(published, 2.58e6)
  const { siftedBitsPerSecond, detectionsPerSecond } = expectLink(link)
  for (const siftedBits of [4e6, 1e7]) {
    const rate = (secretBits(link, siftedBits) / siftedBits) * siftedBitsPerSecond
    assert.ok(rate > 2e6 && rate < 3e6, `${rate} b/s`)
  }
  assert.ok(detectionsPerSecond < 10e6, 'two daemons on two cores keep up')
})

test('blocks of a quarter of a million bits yield key on the link for simulated days', () => {
  assert.ok(secretBits(linkOf(presetNamed('world-slow')), 250_000) > 80_000)
})

test('the laboratory link clicks ten million times a second over 25 km', () => {
  const link = linkOf(presetNamed('lab-25km'))
  assert.equal(link.channel.lengthKm, 25)
  assert.ok(expectLink(link).detectionsPerSecond > 10e6)
})

test('a preset at another clock keeps its probabilities per pulse', () => {
  const slow = linkOf(presetNamed('cambridge-metro'), 5e6)
  assert.equal(slow.settings.clockHz, 5e6)
  const { qber, clickProbability } = expectLink(slow)
  const fast = expectLink(linkOf(presetNamed('cambridge-metro')))
  assert.equal(clickProbability, fast.clickProbability)
  assert.ok(Math.abs(qber.Z - fast.qber.Z) < 2e-4)
})

test('an unknown preset and an impossible clock are refused', () => {
  const refused = (code: string) => (error: unknown) =>
    error instanceof OpticsRefusal && error.code === code
  assert.throws(() => presetNamed('cambridge'), refused('OPTICS_PRESET_UNKNOWN'))
  assert.throws(() => linkOf(presetNamed('lab-25km'), 0), refused('OPTICS_LINK_INVALID'))
  assert.throws(() => linkOf(presetNamed('lab-25km'), 1e12), refused('OPTICS_LINK_INVALID'))
})

const entropy = (p: number): number => -p * Math.log2(p) - (1 - p) * Math.log2(1 - p)

/**
 * Secret bits of one block at the average counts, with f = 1.08: arXiv 2405.16578 for one decoy,
 * ε_sec 10⁻¹⁰, ε_cor 10⁻¹⁵. Only here to show what the presets are good for: `qkd` has the bound.
 */
function secretBits(link: OpticalLink, siftedBits: number): number {
  const expected = expectLink(link)
  const slots = (siftedBits / expected.siftedBitsPerSecond) * link.settings.clockHz
  const { transmitter, receiver } = link.settings.keyBasisProbability
  const key = counts(link, expected, 'Z', slots * transmitter * receiver)
  const check = counts(link, expected, 'X', slots * (1 - transmitter) * (1 - receiver))
  const [signal, decoy] = link.settings.intensities.map(({ meanPhotonNumber }) => meanPhotonNumber)
  const [keySingles, checkSingles] = [singles(link, key), singles(link, check)]
  const errors = (tau(link, 1) * (check.errorsAbove[0] - check.errorsBelow[1])) / (signal - decoy)
  const sizes = (checkSingles + keySingles) / (checkSingles * keySingles)
  const phaseError =
    errors / checkSingles +
    Math.sqrt(sizes * ((checkSingles + 1) / checkSingles) * Math.log(15 / 1e-10))
  const leakBits = 1.08 * siftedBits * entropy(expected.qber.Z)
  const margin = Math.log2(2 / 1e-15) + 4 * Math.log2(15 / (1e-10 * 2 ** 0.25))
  return keySingles * (1 - entropy(phaseError)) - leakBits - margin
}

interface BasisCounts {
  readonly detectionsAbove: readonly number[]
  readonly detectionsBelow: readonly number[]
  readonly errorsAbove: readonly number[]
  readonly errorsBelow: readonly number[]
  readonly deviation: number
}

/** Counts by intensity, scaled by e^μ/p, with Hoeffding's deviation added and taken away. */
function counts(
  link: OpticalLink,
  expected: LinkExpectation,
  basis: 'Z' | 'X',
  slots: number,
): BasisCounts {
  const of = (part: 'gain' | 'error'): { above: number[]; below: number[]; deviation: number } => {
    const { intensities } = link.settings
    const seen = intensities.map(
      ({ probability }, at) => slots * probability * expected.pulses[at][basis][part],
    )
    const deviation = Math.sqrt((seen.reduce((a, b) => a + b) / 2) * Math.log(15 / 1e-10))
    const scaled = (sign: number): number[] =>
      intensities.map(
        ({ meanPhotonNumber, probability }, at) =>
          (Math.exp(meanPhotonNumber) / probability) * (seen[at] + sign * deviation),
      )
    return { above: scaled(1), below: scaled(-1), deviation }
  }
  const [gain, error] = [of('gain'), of('error')]
  return {
    detectionsAbove: gain.above,
    detectionsBelow: gain.below,
    errorsAbove: error.above,
    errorsBelow: error.below,
    deviation: gain.deviation,
  }
}

/** Lower bound of the detections from single photons (Rusca et al. 2018, Eq. A17). */
function singles(link: OpticalLink, basis: BasisCounts): number {
  const [signal, decoy] = link.settings.intensities.map(({ meanPhotonNumber }) => meanPhotonNumber)
  const vacuum = Math.min(
    ...basis.errorsAbove.map((errors) => 2 * (tau(link, 0) * errors + basis.deviation)),
  )
  return (
    ((tau(link, 1) * signal) / (decoy * (signal - decoy))) *
    (basis.detectionsBelow[1] -
      (decoy / signal) ** 2 * basis.detectionsAbove[0] -
      ((signal ** 2 - decoy ** 2) / signal ** 2) * (vacuum / tau(link, 0)))
  )
}

/** Probability that a pulse holds so many photons, over all intensities: 0 or 1. */
const tau = (link: OpticalLink, photons: 0 | 1): number =>
  link.settings.intensities.reduce(
    (sum, { meanPhotonNumber, probability }) =>
      sum + probability * Math.exp(-meanPhotonNumber) * meanPhotonNumber ** photons,
    0,
  )
