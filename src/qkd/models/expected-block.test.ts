/**
 * The expected block against the worked example of the reference page, and the search for settings
 * against a brute-force one and against laws.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PulseSettings } from '#optics'
import { chooseBlockBits, optimiseSettings } from '../optimise.ts'
import { QkdRefusal } from '../refusal.ts'
import { expectedBlock, type BlockModel, type PulseExpectations } from './expected-block.ts'
import { maximise } from './nelder-mead.ts'
import { varyingBlock } from './varying-block.ts'

const settings = (p: readonly number[], mu: readonly number[], q: number): PulseSettings => ({
  clockHz: 1e9,
  intensities: mu.map((meanPhotonNumber, at) => ({ meanPhotonNumber, probability: p[at] })),
  keyBasisProbability: { transmitter: q, receiver: q },
})

/** Lim et al.'s detectors behind 25 km. */
const lim = (of: PulseSettings, km = 25): PulseExpectations =>
  of.intensities.map(({ meanPhotonNumber: mu }) => {
    const eta = 10 ** (-0.02 * km) * 0.1
    const click = 1 - (1 - 2 * 6e-7) * Math.exp(-eta * mu)
    const error = 6e-7 + 5e-3 * -Math.expm1(-eta * mu) + 0.02 * click
    const both = { gain: 1.04 * click, error }
    return { Z: both, X: both }
  })

const epsilons = { secrecy: 1e-10, correctness: 1e-15 }

test('a block of 10¹⁰ pulses over 25 km gives the worked example of Lim 2014', () => {
  const three = settings([0.7, 0.2, 0.1], [0.5, 0.1, 2e-4], 0.9)
  const block = expectedBlock({
    settings: three,
    pulses: lim(three),
    bound: 'lim-2014',
    epsilons,
    blockBits: 97_838_070,
    efficiency: 1.16,
  })
  // 10¹⁰ pulses fill this block: 9.783807·10⁷ key bits, 1.859159·10⁷ of leak, ℓ 21 935 174.
  assert(Math.abs(block.pulsesSent / 1e10 - 1) < 1e-6)
  assert(Math.abs(block.leakBits / 1.859159e7 - 1) < 1e-6)
  assert(Math.abs(block.keyErrorRate - 0.0240876) < 5e-8)
  assert(Math.abs(block.keyLength.secretBits / 21_935_174 - 1) < 1e-6)
  assert.equal(block.secretBitsPerSecond, block.keyLength.secretBits / (block.pulsesSent / 1e9))
})

test('a block that nothing fills, or a correction below the Shannon limit, is refused', () => {
  const two = settings([0.6, 0.4], [0.5, 0.1], 0.9)
  const model: BlockModel = {
    settings: two,
    pulses: lim(two),
    bound: 'wiesemann-2024',
    epsilons,
    blockBits: 1e7,
    efficiency: 1.1,
  }
  const dark = { Z: { gain: 0, error: 0 }, X: { gain: 0, error: 0 } }
  const refused = (changed: Partial<BlockModel>): void => {
    assert.throws(() => expectedBlock({ ...model, ...changed }), QkdRefusal)
  }
  refused({ pulses: [dark, dark] })
  refused({ pulses: [dark] })
  refused({ efficiency: 0.99 })
  refused({ efficiency: NaN })
  refused({ blockBits: 0 })
  assert(expectedBlock(model).keyLength.secretBits > 0)
})

const evaluate = (blockBits: number, km: number) => (of: PulseSettings) =>
  expectedBlock({
    settings: of,
    pulses: lim(of, km),
    bound: of.intensities.length === 2 ? 'wiesemann-2024' : 'lim-2014',
    epsilons,
    blockBits,
    efficiency: 1.16,
  })

test('settings found are never worse than those begun with, and beat a grid', () => {
  const start = settings([0.7, 0.3], [0.6, 0.1], 0.7)
  const search = { start, evaluate: evaluate(1e6, 50) }
  const found = optimiseSettings(search)
  assert(found.block.secretBitsPerPulse > 1.2 * found.before.secretBitsPerPulse)
  let best = 0
  for (const mu of [0.3, 0.4, 0.5, 0.6]) {
    for (const ratio of [0.2, 0.3, 0.4, 0.5]) {
      for (const p of [0.3, 0.5, 0.7]) {
        for (const q of [0.7, 0.8, 0.9]) {
          const at = evaluate(1e6, 50)(settings([p, 1 - p], [mu, mu * ratio], q))
          best = Math.max(best, at.secretBitsPerPulse)
        }
      }
    }
  }
  assert(found.block.secretBitsPerPulse >= best)
  assert(found.block.secretBitsPerPulse < 1.1 * best, 'the grid comes near, so both see one peak')
  assert.deepEqual(optimiseSettings(search), found, 'the search is deterministic')
  const again = optimiseSettings({ ...search, start: found.settings })
  assert(again.block.secretBitsPerPulse >= found.block.secretBitsPerPulse)
})

test('a search that starts without any key finds some if there is', () => {
  const start = settings([0.9, 0.05, 0.05], [0.9, 0.1, 2e-4], 0.97)
  const found = optimiseSettings({ start, evaluate: evaluate(1e5, 100) })
  assert.equal(found.before.keyLength.secretBits, 0)
  assert(found.block.keyLength.secretBits > 0)
  assert.equal(found.settings.intensities[2].meanPhotonNumber, 2e-4)
})

test('equal basis biases leave the most test detections for a share of key detections', () => {
  const share = fc.double({ min: 0.05, max: 0.95, noNaN: true })
  fc.assert(
    fc.property(share, share, (transmitter, receiver) => {
      const equal = Math.sqrt(transmitter * receiver)
      assert((1 - transmitter) * (1 - receiver) <= (1 - equal) ** 2 + 1e-15)
    }),
  )
})

test('the block chosen is the smallest that keeps the share, and fills in time', () => {
  const two = settings([0.6, 0.4], [0.5, 0.15], 0.85)
  const rateOf = (blockBits: number) => evaluate(blockBits, 50)(two)
  const limits = { blockBitsMin: 2 ** 14, blockBitsMax: 2 ** 25, secondsMax: 3600, share: 0.9 }
  const chosen = chooseBlockBits({ ...limits, evaluate: rateOf })
  assert(chosen !== undefined)
  const most = rateOf(2 ** 25).secretBitsPerSecond
  assert(chosen.block.secretBitsPerSecond >= 0.9 * most)
  assert(rateOf(chosen.blockBits / 2).secretBitsPerSecond < 0.9 * most)
  const hasty = chooseBlockBits({ ...limits, evaluate: rateOf, secondsMax: 2 })
  assert(hasty !== undefined && hasty.block.seconds <= 2 && hasty.blockBits < 2 ** 25)
  const none = chooseBlockBits({ ...limits, evaluate: (n) => evaluate(n, 300)(two) })
  assert.equal(none, undefined)
})

test('the simplex search climbs a bent ridge to its top', () => {
  const peak = maximise({
    score: ([x, y]) => -((1 - x) ** 2 + 100 * (y - x * x) ** 2),
    start: [-1.2, 1],
    step: 0.5,
    tolerance: 1e-14,
    evaluationsMax: 1000,
  })
  assert(Math.abs(peak.at[0] - 1) < 1e-5 && Math.abs(peak.at[1] - 1) < 1e-5)
  const nowhere = maximise({
    score: () => NaN,
    start: [0],
    step: 1,
    tolerance: 1e-9,
    evaluationsMax: 20,
  })
  assert.equal(nowhere.score, -Infinity)
})

test('a block over an even channel is the expected block, and a varying one lies in between', () => {
  const two = settings([0.6, 0.4], [0.5, 0.15], 0.85)
  const common = { settings: two, bound: 'wiesemann-2024', epsilons, efficiency: 1.1 } as const
  const even = expectedBlock({ ...common, pulses: lim(two, 20), blockBits: 1e7 })
  const third = even.seconds / 3
  const same = varyingBlock({
    ...common,
    stretches: [1, 1, 1].map(() => ({ seconds: third, pulses: lim(two, 20) })),
  })
  assert(Math.abs(same.siftedBits / 1e7 - 1) < 1e-12)
  assert(Math.abs(same.keyLength.secretBits - even.keyLength.secretBits) <= 1)
  const uneven = varyingBlock({
    ...common,
    stretches: [10, 20, 30].map((km) => ({ seconds: third, pulses: lim(two, km) })),
  })
  assert(uneven.siftedBits > same.siftedBits, 'what 10 km gains is more than what 30 km loses')
  assert(uneven.keyLength.secretBits > same.keyLength.secretBits)
  const nothing = varyingBlock({ ...common, stretches: [] })
  assert.equal(nothing.keyLength.secretBits, 0)
  assert.throws(() => varyingBlock({ ...common, efficiency: 0.9, stretches: [] }), QkdRefusal)
})
