/**
 * What raises an alarm, and what does not.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SeededRandom } from '#base'
import type { ReceiverObservables } from '#optics'
import { AlarmBoard, BatchMonitor, decoyFacts } from './alarms.ts'

function monitor(): { readonly monitor: BatchMonitor; readonly raised: string[] } {
  const raised: string[] = []
  const board = new AlarmBoard(({ kind, state }) => raised.push(`${kind} ${state}`))
  return { monitor: new BatchMonitor(board), raised }
}

const observed = (change: Partial<ReceiverObservables> = {}): ReceiverObservables => ({
  clicks: [5000, 5000, 500, 500],
  doubleClicks: 20,
  deadTimeDrops: 0,
  photocurrentUa: 2,
  ...change,
})

test('no honest channel raises the decoy alarm, whatever its loss and background', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.2, max: 0.9, noNaN: true }),
      fc.double({ min: 0.01, max: 0.8, noNaN: true }),
      fc.double({ min: -6, max: 0, noNaN: true }),
      fc.double({ min: -9, max: -2, noNaN: true }),
      fc.nat(),
      (mu, share, lossPower, darkPower, seed) => {
        const intensities = [
          { meanPhotonNumber: mu, probability: 0.6 },
          { meanPhotonNumber: mu * share, probability: 0.4 },
        ]
        const random = new SeededRandom(seed)
        const rates = intensities.map(
          ({ meanPhotonNumber, probability }) =>
            probability *
            (1 - Math.exp(-meanPhotonNumber * 10 ** lossPower) * (1 - 10 ** darkPower)),
        )
        // Counts as a normal approximation draws them, up to 4 standard deviations off.
        const counts = rates.map((rate) => {
          const mean = (rate / (rates[0] + rates[1])) * 1e6
          return Math.max(0, Math.round(mean + (random.unit() - 0.5) * 8 * Math.sqrt(mean)))
        })
        assert.equal(decoyFacts(counts, intensities).suspicious, false)
      },
    ),
    { seed: 1, numRuns: 1000 },
  )
})

test('photon splitting that spares the signal raises the decoy alarm', () => {
  const intensities = [
    { meanPhotonNumber: 0.5, probability: 0.7 },
    { meanPhotonNumber: 0.1, probability: 0.3 },
  ]
  // 20 dB: honest gain of the decoy 9.995·10⁻⁴, attacked 2.587·10⁻⁴; the signal's is kept.
  const signal = 0.7 * (1 - Math.exp(-0.005)) * 1e8
  const decoy = (gain: number): number => Math.round(0.3 * gain * 1e8)
  assert.equal(decoyFacts([signal, decoy(9.995e-4)], intensities).suspicious, false)
  assert.equal(decoyFacts([signal, decoy(2.587e-4)], intensities).suspicious, true)
})

test('observables that move raise an alarm once, and clear it when they are back', () => {
  const cases: readonly [Partial<ReceiverObservables>, string][] = [
    [{ photocurrentUa: 7 }, 'photocurrent'],
    [{ doubleClicks: 300 }, 'double-clicks'],
    [{ doubleClicks: 0, clicks: [500_000, 500_000, 50_000, 50_000] }, 'double-clicks'],
    [{ clicks: [7500, 2500, 500, 500] }, 'detector-balance'],
  ]
  for (const [change, kind] of cases) {
    const { monitor: watched, raised } = monitor()
    const usual =
      change.clicks?.[0] === 500_000 ? { doubleClicks: 2000, clicks: change.clicks } : {}
    for (let batch = 0; batch < 8; batch++) watched.observables(observed(usual))
    assert.deepEqual(raised, [])
    for (let batch = 0; batch < 3; batch++) watched.observables(observed(change))
    watched.observables(observed(usual))
    assert.deepEqual(raised, [`${kind} raised`, `${kind} cleared`])
  }
})

test('ordinary fluctuation raises nothing', () => {
  const { monitor: watched, raised } = monitor()
  const random = new SeededRandom(5)
  const around = (mean: number): number =>
    Math.max(
      0,
      Math.round(
        mean + (random.unit() + random.unit() + random.unit() - 1.5) * 2 * Math.sqrt(mean),
      ),
    )
  for (let batch = 0; batch < 500; batch++) {
    watched.rate(around(1000), 100_000)
    watched.observables({
      clicks: [around(500), around(480), around(20), around(20)],
      doubleClicks: around(3),
      deadTimeDrops: 0,
      photocurrentUa: 2 * (0.8 + 0.4 * random.unit()),
    })
  }
  assert.deepEqual(raised, [])
})
