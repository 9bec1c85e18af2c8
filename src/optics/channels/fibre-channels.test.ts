/**
 * Fibre budgets and coexistence: sums that a planner can check, the worked noise of the reference
 * page, integrals done by brute force.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { channelLossDb } from '../channel.ts'
import { OpticsRefusal } from '../refusal.ts'
import { coexistence, ramanScaled, type DataChannel, type QuantumWindow } from './coexistence.ts'
import {
  attenuationOf,
  fibreBudget,
  fibreTypes,
  townRoute,
  type FibreType,
} from './fibre-budget.ts'
import { dataChannels, narrowWindow } from './presets.ts'

const close = (got: number, expected: number, share = 1e-12): void =>
  assert(Math.abs(got - expected) <= share * Math.abs(expected), `${got}, expected ${expected}`)

test('a route adds up part by part, and its channel loses what the budget says', () => {
  const budget = fibreBudget({
    ...townRoute,
    lengthKm: 20,
    drumKm: 4,
    ageYears: 10,
    marginDb: 1,
  })
  // 20 km × 0.2; 5 drums have 4 splices × 0.05; 4 connectors × 0.3; 10 × 0.0005 × 20; margin.
  close(budget.glassDb, 4)
  assert.equal(budget.splices, 4)
  close(budget.splicesDb, 0.2)
  close(budget.connectorsDb, 1.2)
  close(budget.ageingDb, 0.1)
  close(budget.totalDb, 6.5)
  close(channelLossDb(budget.channel), budget.totalDb)
  assert.equal(fibreBudget({ ...townRoute, lengthKm: 4.001 }).splices, 1)
  assert.equal(fibreBudget({ ...townRoute, lengthKm: 4 }).splices, 0)
  assert.equal(fibreBudget({ ...townRoute, lengthKm: 0 }).splices, 0)
})

test('attenuation is that of the table at its points, and between them in between', () => {
  for (const [type, { attenuation }] of Object.entries(fibreTypes)) {
    for (const [nm, dbPerKm] of attenuation) close(attenuationOf(type as FibreType, nm), dbPerKm)
    const [[low]] = attenuation
    const [high] = attenuation[attenuation.length - 1]
    assert.throws(() => attenuationOf(type as FibreType, low - 1), OpticsRefusal)
    assert.throws(() => attenuationOf(type as FibreType, high + 1), OpticsRefusal)
  }
  close(attenuationOf('g652d', 1520), 0.21)
})

const window: QuantumWindow = {
  wavelengthNm: 1550,
  attenuationDbPerKm: 0.2,
  filterNm: 0.1,
  gateSeconds: 1e-9,
  receiverLossDb: 3,
  efficiency: 0.2,
  isolationDb: 300,
  returnLossDb: 100,
}

const pump: DataChannel = {
  wavelengthNm: 1551,
  launchDbm: 0,
  direction: 'co',
  attenuationDbPerKm: 0.2,
  ramanPerKmNm: 2.5e-9,
}

test('0 dBm beside the quantum channel over 25 km scatters the worked noise', () => {
  const forward = coexistence(window, { lengthKm: 25 }, [pump])
  const backward = coexistence(window, { lengthKm: 25 }, [{ ...pump, direction: 'counter' }])
  assert(Math.abs(forward.ramanClicks - 1.546e-3) < 5e-7, `${forward.ramanClicks}`)
  assert(Math.abs(backward.ramanClicks - 1.911e-3) < 5e-7, `${backward.ramanClicks}`)
  close(forward.backgroundProbability, 1 - Math.exp(-forward.clicksPerGate / 2))
})

test('Raman noise is the integral along the fibre, attenuations alike or not', () => {
  for (const [atPump, atSignal] of [
    [0.2, 0.2],
    [0.33, 0.2],
    [0.2, 0.35],
  ] as const) {
    for (const direction of ['co', 'counter'] as const) {
      const got = coexistence({ ...window, attenuationDbPerKm: atSignal }, { lengthKm: 40 }, [
        { ...pump, attenuationDbPerKm: atPump, direction },
      ])
      const [a, b] = [atPump, atSignal].map((db) => (db * Math.LN10) / 10)
      // Simpson's rule over where the light scatters; the receiver stands at 40 km.
      const steps = 2000
      let sum = 0
      for (let at = 0; at <= steps; at++) {
        const z = (40 * at) / steps
        const travelled = direction === 'co' ? z : 40 - z
        const weight = at === 0 || at === steps ? 1 : at % 2 === 1 ? 4 : 2
        sum += weight * Math.exp(-a * travelled - b * (40 - z))
      }
      const watts = 1e-3 * 2.5e-9 * 0.1 * sum * (40 / steps / 3)
      close(got.channels[0].ramanWatts, watts, 1e-11)
    }
  }
})

test('crosstalk falls with isolation, and counter-propagating light comes back by reflection', () => {
  const noise = (channel: DataChannel, isolationDb: number): number =>
    coexistence({ ...window, isolationDb, returnLossDb: 30 }, { lengthKm: 25 }, [channel])
      .channels[0].crosstalkWatts
  close(noise(pump, 80), 1e-3 * 10 ** -8.5)
  close(noise({ ...pump, direction: 'counter' }, 80), 1e-3 * 10 ** -11)
})

/** The same from its definition: fields that add up along the fibre, stepped through. */
function mixedWatts(spacingGhz: number, lengthKm: number, watts: number): number {
  const alpha = (0.2 * Math.LN10) / 10
  const c = 299_792_458
  const lambda = 1550e-9
  const df = spacingGhz * 1e9
  // Degenerate: f = 2·f₁ − f₂ with f₁ and f₂ one and two spacings away.
  const dispersion = 17e-6 + ((0.056e3 * lambda ** 2) / (2 * c)) * (2 * df)
  const mismatch = ((2 * Math.PI * lambda ** 2) / c) * df ** 2 * dispersion * 1e3
  const steps = 200_000
  let [re, im] = [0, 0]
  for (let at = 0; at < steps; at++) {
    const z = (lengthKm * (at + 0.5)) / steps
    // Three fields decay by e^(−αz/2) each; the product, once made, by e^(−α(L−z)/2).
    const size = Math.exp(-1.5 * alpha * z - 0.5 * alpha * (lengthKm - z))
    re += size * Math.cos(mismatch * z)
    im += size * Math.sin(mismatch * z)
  }
  const field = (1.3 * Math.hypot(re, im) * lengthKm) / steps
  return field ** 2 * watts ** 3
}

test('four-wave mixing is what three fields make along the fibre', () => {
  const nonlinearity = { perWattKm: 1.3, dispersion: 17, dispersionSlope: 0.056 }
  const frequency = 299_792_458 / 1550e-9
  const channel = (spacings: number): DataChannel => ({
    ...pump,
    wavelengthNm: (299_792_458 / (frequency + spacings * 1e11)) * 1e9,
  })
  const pair = [channel(1), channel(2)]
  for (const lengthKm of [1, 10, 50]) {
    const got = coexistence(window, { lengthKm, nonlinearity }, pair)
    close(got.mixingWatts, mixedWatts(100, lengthKm, 1e-3), 1e-6)
  }
  // Channels that run against the signal, or whose products fall elsewhere, do not mix into it.
  const against = pair.map((one) => ({ ...one, direction: 'counter' as const }))
  assert.equal(coexistence(window, { lengthKm: 10, nonlinearity }, against).mixingWatts, 0)
  const elsewhere = [channel(1), channel(3)]
  assert.equal(coexistence(window, { lengthKm: 10, nonlinearity }, elsewhere).mixingWatts, 0)
  // Three different waves make four times what two make.
  const three = [channel(1), channel(2), channel(3)]
  assert(coexistence(window, { lengthKm: 10, nonlinearity }, three).mixingWatts > 0)
})

test('noise adds up over channels, and none without them', () => {
  const data = dataChannels(4, -20, 'co')
  const whole = coexistence(narrowWindow, { lengthKm: 50 }, data)
  const parts = data.map((one) => coexistence(narrowWindow, { lengthKm: 50 }, [one]).ramanClicks)
  close(
    whole.ramanClicks,
    parts.reduce((a, b) => a + b, 0),
  )
  assert.equal(coexistence(narrowWindow, { lengthKm: 50 }, []).backgroundProbability, 0)
  close(ramanScaled(1e-9, 1310, 1550), 1e-9 * (1310 / 1550) ** 4)
})

test('an impossible fibre is refused', () => {
  const refused = (act: () => unknown): void => assert.throws(act, OpticsRefusal)
  refused(() => fibreBudget({ ...townRoute, lengthKm: -1 }))
  refused(() => fibreBudget({ ...townRoute, lengthKm: 1, drumKm: 0 }))
  refused(() => coexistence({ ...window, efficiency: 1.1 }, { lengthKm: 1 }, [pump]))
  refused(() => coexistence(window, { lengthKm: NaN }, [pump]))
  refused(() => coexistence(window, { lengthKm: 1 }, [{ ...pump, ramanPerKmNm: -1 }]))
})
