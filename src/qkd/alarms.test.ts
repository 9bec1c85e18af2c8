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
import { AlarmBoard } from './alarm-board.ts'
import { BatchMonitor, decoyFacts } from './alarms.ts'
import { ErrorTrend } from './alarms-trend.ts'
import { PROPORTION_CUTOFF, REPETITION_CUTOFF, SourceHealth } from './source-health.ts'

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
  arrivals: { meanPs: 0, spreadPs: 40 },
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
    [{ arrivals: { meanPs: 20, spreadPs: 40 } }, 'arrival-times'],
    [{ arrivals: { meanPs: 0, spreadPs: 60 } }, 'arrival-times'],
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

test('blinded detectors that do not click at all still show their current', () => {
  const { monitor: watched, raised } = monitor()
  for (let batch = 0; batch < 8; batch++) watched.observables(observed())
  watched.observables(observed({ clicks: [0, 0, 0, 0], doubleClicks: 0, photocurrentUa: 5000 }))
  assert.deepEqual(raised, ['photocurrent raised'])
})

test('a fibre that was dark for long and is lit again raises nothing about its current', () => {
  const { monitor: watched, raised } = monitor()
  const batch = (clicks: number, photocurrentUa: number): void => {
    watched.rate(clicks, 1_000_000)
    const half = clicks / 2
    watched.observables(observed({ clicks: [half, half, 0, 0], doubleClicks: 0, photocurrentUa }))
  }
  for (let lit = 0; lit < 20; lit++) batch(10_000, 1)
  for (const dark of [10, 1000]) {
    for (let cut = 0; cut < 500; cut++) batch(dark, 0.05)
    for (let lit = 0; lit < 20; lit++) batch(10_000, 1)
  }
  const both = ['rate-collapse raised', 'rate-collapse cleared']
  assert.deepEqual(raised, [...both, ...both])
})

test('nothing is learned while the device is not trusted', () => {
  const { monitor: watched, raised } = monitor()
  const few = { clicks: [500, 500, 50, 50] as const, doubleClicks: 3 }
  for (let batch = 0; batch < 50; batch++) watched.observables(observed(few))
  const blind = { ...few, doubleClicks: 0, photocurrentUa: 4000 }
  for (let batch = 0; batch < 500; batch++) watched.observables(observed(blind))
  for (let batch = 0; batch < 5; batch++) watched.observables(observed(few))
  assert.deepEqual(raised, ['photocurrent raised', 'photocurrent cleared'])
})

test('double clicks that have changed for good become the usual ones', () => {
  const { monitor: watched, raised } = monitor()
  for (let batch = 0; batch < 50; batch++) watched.observables(observed())
  for (let batch = 0; batch < 300; batch++) watched.observables(observed({ doubleClicks: 300 }))
  assert.deepEqual(raised, ['double-clicks raised', 'double-clicks cleared'])
})

test('more current from more clicks is no blinding', () => {
  const { monitor: watched, raised } = monitor()
  const batch = (times: number, photocurrentUa: number): void => {
    watched.rate(11_000 * times, 1_000_000)
    watched.observables(observed({ photocurrentUa }))
  }
  for (let calm = 0; calm < 8; calm++) batch(1, 2)
  batch(8, 15)
  assert.deepEqual(raised, ['rate-surge raised'])
  batch(8, 60)
  assert.deepEqual(raised.slice(1), ['photocurrent raised'])
})

test('a receiver that clicks far more than usual raises an alarm', () => {
  const { monitor: watched, raised } = monitor()
  for (let batch = 0; batch < 8; batch++) watched.rate(1000, 100_000)
  watched.rate(2900, 100_000)
  assert.deepEqual(raised, [])
  for (let batch = 0; batch < 40; batch++) watched.rate(9000, 100_000)
  watched.rate(1000, 100_000)
  assert.deepEqual(raised, ['rate-surge raised', 'rate-surge cleared'])
})

test('light into the transmitter raises an alarm; a little more than its floor does not', () => {
  const { monitor: watched, raised } = monitor()
  const lit = (incomingLightNw: number): void =>
    watched.choices({ batch: 0, choices: new Uint8Array(0), observables: { incomingLightNw } })
  for (const nw of [0.01, 0.02, 0.9, 0.01]) lit(nw)
  assert.deepEqual(raised, [])
  for (const nw of [100, 100, 0.02]) lit(nw)
  assert.deepEqual(raised, ['incoming-light raised', 'incoming-light cleared'])
})

/** Choices whose bits are 1 with this probability, each repeating its predecessor with another. */
function bits(count: number, ones: number, repeated: number, seed: number): Uint8Array {
  const random = new SeededRandom(seed)
  const choices = new Uint8Array(count)
  for (let at = 0; at < count; at++) {
    const again = at > 0 && random.chance(repeated)
    choices[at] = again ? choices[at - 1] : random.chance(ones) ? 3 : 1
  }
  return choices
}

test('a healthy source passes its tests over millions of bits, however they are cut', () => {
  const health = new SourceHealth()
  for (let batch = 0; batch < 200; batch++) health.take(bits(20_000 + batch, 0.5, 0, batch))
  assert.equal(health.fault, undefined)
})

test('the tests find what counting bit by bit finds, however choices are cut and placed', () => {
  fc.assert(
    fc.property(fc.nat(), fc.double({ min: 0.8, max: 0.97, noNaN: true }), (seed, sticky) => {
      const random = new SeededRandom(seed)
      const choices = bits(3000, 0.5, sticky, seed)
      let [longest, run, biased] = [0, 0, false]
      for (let at = 0; at < choices.length; at++) {
        run = at > 0 && choices[at] === choices[at - 1] ? run + 1 : 1
        longest = Math.max(longest, run)
      }
      for (let from = 0; from + 1024 <= choices.length; from += 1024) {
        const ones = choices.subarray(from, from + 1024).filter((choice) => choice === 3).length
        biased ||= Math.max(ones, 1024 - ones) >= PROPORTION_CUTOFF
      }
      const health = new SourceHealth()
      for (let at = 0; at < choices.length;) {
        const end = at + 1 + random.below(600)
        health.take(choices.subarray(at, end))
        at = end
      }
      assert.equal(health.fault !== undefined, longest >= REPETITION_CUTOFF || biased)
    }),
    { seed: 1, numRuns: 300 },
  )
})

test('a stuck or biased source fails within one window, and is healthy again much later', () => {
  const cases: readonly [number, number, string][] = [
    [1, 0, 'repeating'],
    [0, 0, 'repeating'],
    [0.72, 0, 'biased'],
    [0.28, 0, 'biased'],
    [0.5, 0.9, 'repeating'],
  ]
  const slightly = new SourceHealth()
  slightly.take(bits(2 ** 17, 0.53, 0, 7))
  assert.equal(slightly.fault?.kind, 'biased')
  const hardly = new SourceHealth()
  hardly.take(bits(2 ** 17, 0.51, 0, 7))
  assert.equal(hardly.fault, undefined)
  for (const [ones, repeated, kind] of cases) {
    const health = new SourceHealth()
    health.take(bits(5000, 0.5, 0, 1))
    // Runs of a sticky source are long, but sixty in a row take a while to come.
    const broken = bits(repeated > 0 ? 60_000 : 2048, ones, repeated, 2)
    for (let at = 0; at < broken.length; at += 7) health.take(broken.subarray(at, at + 7))
    assert.ok(health.fault !== undefined, `${ones} ${repeated}`)
    if (repeated > 0) assert.equal(health.fault.kind, kind)
    health.take(bits(200_000, 0.5, 0, 3))
    assert.notEqual(health.fault, undefined)
    health.take(bits(200_000, 0.5, 0, 4))
    assert.equal(health.fault, undefined)
  }
})

test('the cutoff of the proportion test is the quantile at 2⁻⁶⁰', () => {
  const logFactorial = [0]
  for (let n = 1; n <= 1024; n++) logFactorial.push(logFactorial[n - 1] + Math.log(n))
  const tail = (least: number): number => {
    let sum = 0
    for (let k = 1024; k >= least; k--) {
      const ways = logFactorial[1024] - logFactorial[k] - logFactorial[1024 - k]
      sum += Math.exp(ways - 1024 * Math.LN2)
    }
    return sum
  }
  assert.ok(tail(PROPORTION_CUTOFF) <= 2 ** -60 && tail(PROPORTION_CUTOFF - 1) > 2 ** -60)
})

/** Feeds error rates of blocks with so many test detections, with chance. @returns what was raised */
function trend(rates: readonly number[], detections = 20_000): string[] {
  const raised: string[] = []
  const watched = new ErrorTrend(
    new AlarmBoard(({ kind, state }) => raised.push(`${kind} ${state}`)),
  )
  const random = new SeededRandom(9)
  for (const rate of rates) {
    let errors = 0
    for (let at = 0; at < detections; at++) if (random.chance(rate)) errors++
    watched.block({ errors, detections })
  }
  return raised
}

const flat = (count: number, rate: number): number[] => Array<number>(count).fill(rate)

test('an error rate that jumps is a step, one that creeps up is drift, and chance is neither', () => {
  assert.deepEqual(trend(flat(60, 0.012)), [])
  const few = (rate: number): number[] => Array<number>(300).fill(rate)
  assert.deepEqual(trend(few(0.03), 600), [])
  const creeping = Array.from({ length: 40 }, (_, at) => 0.012 + 0.0005 * at)
  assert.deepEqual(trend(creeping), ['alignment-drift raised'])
  const tenth = [...flat(10, 0.012), ...flat(10, 0.037), ...flat(5, 0.012)]
  assert.deepEqual(trend(tenth), ['error-step raised', 'error-step cleared'])
  const aligned = [...creeping, ...flat(20, 0.012)]
  assert.deepEqual(trend(aligned), ['alignment-drift raised', 'alignment-drift cleared'])
})

test('an end of pairs that is asked for choices has its own detectors watched, not the peer’s rate', () => {
  const { raised, monitor: watched } = monitor()
  const ups = (): string[] => raised.splice(0).filter((one) => one.endsWith(' raised'))
  const detectors = (change: object = {}) => ({
    ...{ slotCount: 1_000_000, doubleClicks: 5, deadTimeDrops: 0, photocurrentUa: 0.1 },
    ...{ clicks: [2500, 2500, 2500, 2500] as const, arrivals: { meanPs: 0, spreadPs: 40 } },
    ...change,
  })
  const seen = (change?: object): void =>
    watched.choices({
      ...{ batch: 0, choices: new Uint8Array(0), observables: { detectors: detectors(change) } },
    })
  for (let batch = 0; batch < 20; batch++) seen()
  watched.announced(1, 1_000_000)
  assert.deepEqual(ups(), [], 'what the other end sees less of is for the other end to say')
  seen({ photocurrentUa: 5 })
  assert.deepEqual(ups(), ['photocurrent raised'])
  seen()
  seen({ arrivals: { meanPs: 0, spreadPs: 60 } })
  assert.deepEqual(ups(), ['arrival-times raised'])
  seen()
  seen({ clicks: [4000, 1000, 2500, 2500] })
  assert.deepEqual(ups(), ['detector-balance raised'])
  seen()
  seen({ clicks: [25_000, 25_000, 25_000, 25_000], photocurrentUa: 1 })
  assert.deepEqual(ups(), ['rate-surge raised'], 'more clicks are more current')
  seen({ clicks: [10, 10, 10, 10] })
  assert.deepEqual(ups(), ['rate-collapse raised'])
  seen()
  assert.deepEqual(ups(), [])
})
