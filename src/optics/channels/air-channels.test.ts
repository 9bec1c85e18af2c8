/**
 * Air and space: closed forms, integrals and draws done by brute force, and published figures.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '#base'
import { channelLossDb } from '../channel.ts'
import { OpticsRefusal } from '../refusal.ts'
import { fadeProbability, fadeQuantile, gammaGammaOf } from './fading.ts'
import { collected, freeSpaceBudget, hazeDbPerKm, skyNoise, skyRadiance } from './free-space.ts'
import { miciusPass, rooftopPaths } from './presets.ts'
import { airMass, satellitePass, slantRangeKm } from './satellite.ts'

const close = (got: number, expected: number, share = 1e-12): void =>
  assert(Math.abs(got - expected) <= share * Math.abs(expected), `${got}, expected ${expected}`)

const path = rooftopPaths.night.figures

test('the parts of a path add up to its loss, and to its channel', () => {
  const budget = freeSpaceBudget(path)
  const { geometricDb, turbulenceDb, pointingDb, hazeDb, opticsDb, totalDb } = budget
  close(totalDb, geometricDb + turbulenceDb + pointingDb + hazeDb + opticsDb)
  close(channelLossDb(budget.channel), totalDb)
  for (const part of [geometricDb, turbulenceDb, pointingDb, hazeDb]) assert(part > 0)
})

test('a beam spreads by diffraction to its far-field angle', () => {
  const far = freeSpaceBudget({
    ...path,
    lengthKm: 100,
    beamM: 0.01,
    turbulence: 0,
    pointingUrad: 0,
  })
  // θ = λ/(π·w₀) at 100 km.
  close(far.diffractedM, (1e5 * 1550e-9) / (Math.PI * 0.005), 1e-4)
  assert.equal(far.effectiveM, far.diffractedM)
  assert.equal(far.rytovVariance, 0)
})

test('a trembling beam loses what a draw of its offsets loses', () => {
  const random = new SeededRandom(5)
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit())
  const [aperture, beam, sigma] = [0.04, 0.1, 0.05]
  // A photon's offset within the beam and the beam's own: it counts if it hits the aperture.
  const draws = 200_000
  let hits = 0
  for (let at = 0; at < draws; at++) {
    const x = (normal() * beam) / 2 + normal() * sigma
    const y = (normal() * beam) / 2 + normal() * sigma
    if (Math.hypot(x, y) < aperture) hits++
  }
  const expected = collected(aperture, Math.hypot(beam, 2 * sigma))
  const spread = Math.sqrt((expected * (1 - expected)) / draws)
  assert(Math.abs(hits / draws - expected) < 5 * spread)
})

test('haze takes what the visibility says: dense fog 34 dB/km, at 550 nm 17 dB over V', () => {
  // Kim et al. 2001 print 34 dB/km at 0.5 km of visibility, for any wavelength.
  assert(Math.abs(hazeDbPerKm(0.5, 1550) - 34) < 0.05)
  close(hazeDbPerKm(0.5, 1550), hazeDbPerKm(0.5, 785))
  close(hazeDbPerKm(10, 550), ((10 / Math.LN10) * 3.912) / 10)
  // In clear air longer waves pass better.
  assert(hazeDbPerKm(23, 1550) < hazeDbPerKm(23, 785))
  const metres = [0.05, 0.4, 0.6, 0.9, 1.1, 4, 5.9, 6.1, 20, 49, 51, 100]
  const losses = metres.map((km) => hazeDbPerKm(km, 1550))
  assert.deepEqual(
    losses,
    losses.toSorted((a, b) => b - a),
  )
})

test('the sky brings what its radiance says, a million times more by day', () => {
  const { sky, apertureM } = rooftopPaths.day.figures
  const noise = skyNoise(sky, apertureM, 1550)
  // 15 W/(m²·sr·µm) × π·0.04² × π·(10⁻⁴)² × 0.5·10⁻³ µm; photons of 1.2816·10⁻¹⁹ J in 300 ps.
  const watts = 15 * Math.PI * 0.04 ** 2 * Math.PI * 1e-8 * 0.5e-3
  close(noise.watts, watts)
  close(noise.clicksPerGate, (watts * 300e-12 * 0.1) / 1.281578e-19, 1e-6)
  const night = skyNoise(rooftopPaths.night.figures.sky, apertureM, 1550)
  close(noise.clicksPerGate / night.clicksPerGate, skyRadiance['hazy-day'] / 1.5e-6)
})

test('fading has the law of a product of two gammas', () => {
  const random = new SeededRandom(11)
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit())
  /** Marsaglia and Tsang, for shapes of 1 or more. */
  const gamma = (shape: number): number => {
    const d = shape - 1 / 3
    for (;;) {
      const x = normal()
      const v = (1 + x / Math.sqrt(9 * d)) ** 3
      if (v > 0 && Math.log(1 - random.unit()) < 0.5 * x * x + d - d * v + d * Math.log(v)) {
        return (d * v) / shape
      }
    }
  }
  for (const rytov of [0.05, 1, 8]) {
    const fading = gammaGammaOf(rytov, 1)
    const draws = 20_000
    const drawn = Array.from({ length: draws }, () => gamma(fading.alpha) * gamma(fading.beta))
    const mean = drawn.reduce((a, b) => a + b, 0) / draws
    const variance = drawn.reduce((a, b) => a + (b - 1) ** 2, 0) / draws
    assert(Math.abs(mean - 1) < 5 * Math.sqrt(fading.scintillation / draws))
    assert(Math.abs(variance / fading.scintillation - 1) < 0.15)
    for (const below of [0.3, 0.7, 1, 1.5]) {
      const expected = fadeProbability(fading, below)
      const seen = drawn.filter((value) => value < below).length / draws
      assert(Math.abs(seen - expected) < 5 * Math.sqrt(0.25 / draws), `${rytov} ${below}`)
    }
    close(fadeProbability(fading, fadeQuantile(fading, 0.01)), 0.01, 1e-9)
  }
})

test('weak fading is log-normal, and none at all is even', () => {
  const fading = gammaGammaOf(0.001, 1)
  // The scintillation of weak turbulence is the Rytov variance itself.
  close(fading.scintillation, 0.001, 2e-3)
  const sigma = Math.sqrt(Math.log1p(fading.scintillation))
  const lognormal = Math.exp(-2.326348 * sigma - sigma ** 2 / 2)
  close(fadeQuantile(fading, 0.01), lognormal, 1e-3)
  assert.equal(fadeQuantile(gammaGammaOf(0, 1), 0.01), 1)
  // A larger aperture evens it out.
  assert(gammaGammaOf(1, 0.2).scintillation < gammaGammaOf(1, 1).scintillation)
})

test('a pass rises and sets evenly, nearest in the middle', () => {
  const { figures } = miciusPass
  const profile = satellitePass(figures, 201)
  const middle = profile.moments[100]
  close(middle.elevationDeg, figures.elevationMaxDeg, 1e-9)
  close(middle.rangeKm, slantRangeKm(500, 85), 1e-9)
  assert(Math.abs(middle.seconds) < 1e-9)
  const [first] = profile.moments
  const last = profile.moments[200]
  close(first.rangeKm, last.rangeKm, 1e-9)
  assert(first.elevationDeg > 15 && first.elevationDeg < 16)
  for (const moment of profile.moments) {
    close(moment.rangeKm, slantRangeKm(500, moment.elevationDeg), 1e-9)
    const parts = moment.geometricDb + moment.pointingDb + moment.airDb + figures.opticsDb
    close(moment.totalDb, parts)
    close(channelLossDb(moment.channel), moment.totalDb)
    assert(moment.totalDb >= middle.totalDb - 1e-9)
  }
  close(profile.stepSeconds * 201, profile.seconds)
})

test('a pass of Micius lasts minutes, at ranges and losses like the published', () => {
  // Liao et al. 2017: 500 km orbit; a pass of 273 s between 1,200 km, nearest 645 km, at whose ends
  // diffraction loses 22 dB.
  const { figures } = miciusPass
  assert(Math.abs(slantRangeKm(500, 90) - 500) < 1e-9)
  const pass = satellitePass({ ...figures, elevationMaxDeg: 49, elevationMinDeg: 19.8 })
  const [ends] = pass.moments
  assert(Math.abs(ends.rangeKm - 1200) < 5, `${ends.rangeKm}`)
  assert(Math.abs(pass.moments[100].rangeKm - 645) < 5, `${pass.moments[100].rangeKm}`)
  assert(Math.abs(pass.seconds / 273 - 1) < 0.1, `${pass.seconds}`)
  assert(Math.abs(ends.geometricDb - 22) < 0.2, `${ends.geometricDb}`)
})

test('the air is crossed once overhead, twice at 30°, 38 times at the horizon', () => {
  // Kasten and Young 1989, table: 1.0, 1.995, 37.9.
  assert(Math.abs(airMass(90) - 1) < 5e-4)
  assert(Math.abs(airMass(30) - 1.995) < 2e-3)
  assert(Math.abs(airMass(0) - 37.9) < 0.1)
})

test('an impossible path is refused', () => {
  const refused = (act: () => unknown): void => assert.throws(act, OpticsRefusal)
  refused(() => freeSpaceBudget({ ...path, visibilityKm: 0 }))
  refused(() => freeSpaceBudget({ ...path, sky: { ...path.sky, countedShare: 2 } }))
  refused(() => freeSpaceBudget({ ...path, lengthKm: NaN }))
  refused(() => satellitePass({ ...miciusPass.figures, elevationMinDeg: 86 }))
  refused(() => satellitePass({ ...miciusPass.figures, altitudeKm: 36_000 }))
  refused(() => satellitePass(miciusPass.figures, 0))
})
