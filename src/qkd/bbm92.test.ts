/**
 * Keys from entangled pairs: the same engines, where both ends detect.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '#base'
import { tomamichel2012 } from './bounds/single-photon.ts'
import { inferredChsh } from './chsh.ts'
import { explainLength } from './explain.ts'
import { drawBatch, NOTHING_SEEN, Pair, pairLink, ROLES } from './fixture.test.ts'
import { expectOneBlockLost } from './one-bit.test.ts'

test('two engines distil equal keys from pairs that both have detected', () => {
  const pair = new Pair(21, pairLink())
  pair.weather = { errorRate: 0.02, transmission: 0.1, coincident: 0.4 }
  pair.connect()
  for (let batch = 0; batch < 40; batch++) pair.feed()
  assert(pair.usable().length >= 4, `${pair.usable().length} blocks`)
  assert.deepEqual([...pair.alarms('transmitter'), ...pair.alarms('receiver')], [])
  const [a, b] = ROLES.map((role) => pair.hosts[role].reports)
  for (const [at, report] of a.entries()) {
    assert.deepEqual(report.counts, b[at].counts)
    assert.equal(report.outcome, 'distilled')
    const { key, test: tested } = report.counts
    assert.equal(key.detections.length, 1)
    assert.equal(key.detections[0], report.account.siftedBits)
    // Of all detections four in ten have a partner, and half of those a basis in common.
    const share = (key.detections[0] + tested.detections[0]) / report.detections
    assert(Math.abs(share - 0.2) < 0.02, String(share))
    assert.deepEqual(
      report.keyLength,
      tomamichel2012({
        counts: report.counts,
        intensities: pair.parameters.pulses.intensities,
        epsilons: pair.parameters.epsilons,
        leakBits: report.reconciliationBits,
        verificationBits: report.verificationBits,
        pulses: 'single-photon',
      }),
    )
    assert.equal(report.keyLength.bound, 'tomamichel-2012')
    const { siftedBits, ...parts } = report.account
    const sum = Object.values(parts).reduce((total, bits) => total + bits)
    assert.equal(sum, siftedBits, 'bits are conserved')
    const { keyErrorRate = 1, testErrorRate } = report
    const chsh = inferredChsh(keyErrorRate, testErrorRate)
    assert(Math.abs(chsh - 2 * Math.SQRT2 * 0.96) < 0.05, String(chsh))
    assert.equal(explainLength(report.keyLength).verdict, 'key')
  }
})

test('somebody who measures and resends one half of each pair leaves no key, and is named', () => {
  const pair = new Pair(22, pairLink())
  pair.connect()
  pair.weather = { errorRate: 0.25, transmission: 0.1 }
  for (let batch = 0; batch < 6; batch++) pair.feed()
  assert.deepEqual(pair.usable(), [])
  assert(pair.fates('receiver').length > 0)
  assert(pair.fates('receiver').every((fate) => fate === 'qber-above-limit'))
  assert(inferredChsh(0.25, 0.25) < 2)
})

test('errors of one basis alone cost what they must: the key basis leaks, the test basis hides less', () => {
  const lengths = [
    { errorRate: 0.01 },
    { errorRate: 0.04, testErrorRate: 0.01 },
    { errorRate: 0.01, testErrorRate: 0.04 },
  ].map((weather) => {
    const pair = new Pair(23, pairLink({ blockBits: 40_000 }))
    pair.weather = { transmission: 0.1, ...weather }
    pair.connect()
    for (let batch = 0; batch < 18; batch++) pair.feed()
    const { keyLength } = pair.hosts.receiver.reports[0]
    assert(keyLength !== undefined)
    return keyLength
  })
  const [best, leaky, tapped] = lengths
  assert(best.secretBits > leaky.secretBits && best.secretBits > tapped.secretBits)
  assert(leaky.terms['leakBits'] > 2 * best.terms['leakBits'])
  assert(tapped.phaseError > best.phaseError + 0.02)
})

test('entangled pairs are not asked for decoys', () => {
  const pair = new Pair(24, pairLink({ qberMax: 0.11 }))
  pair.weather = { errorRate: 0.01, transmission: 0.1, decoysLeft: 0 }
  pair.connect()
  for (let batch = 0; batch < 8; batch++) pair.feed()
  assert(!pair.alarms('transmitter').includes('decoy-statistics raised'))
  assert(pair.usable().length > 0)
})

test('a transmitter whose own detections are stuck is found by what it saw, not by what it missed', () => {
  const healthy = new Pair(25, pairLink())
  healthy.weather = { errorRate: 0.01, transmission: 0.1, coincident: 0.02 }
  healthy.connect()
  for (let batch = 0; batch < 12; batch++) healthy.feed()
  assert.deepEqual(healthy.alarms('transmitter'), [])

  const stuck = new Pair(25, pairLink())
  stuck.transmitterTrouble = { stuck: true }
  stuck.connect()
  for (let batch = 0; batch < 12; batch++) stuck.feed()
  assert(stuck.alarms('transmitter').includes('source-health raised'))
  assert.deepEqual(stuck.usable(), [])
})

test('one bit of any message changed costs at most its block, and never makes keys differ', () => {
  expectOneBlockLost({
    ...{ seed: 27, parameters: pairLink({ qberMax: 0.11 }) },
    weather: { errorRate: 0.01, transmission: 0.1 },
    ...{ batches: 6, again: 12, runs: 30 },
  })
})

test('where the other end saw nothing at all, nothing is sifted and no block closes', () => {
  const pair = new Pair(26, pairLink())
  pair.weather = { errorRate: 0.01, transmission: 0.1, coincident: 0 }
  pair.connect()
  for (let batch = 0; batch < 4; batch++) pair.feed()
  const status = pair.hosts.receiver.engine.status()
  assert.equal(status.siftingBits, 0)
  assert.equal(status.detections, 80_000)
  assert.deepEqual(pair.hosts.receiver.reports, [])
})

test('the fixture marks as many detections as it should as seen at one end only', () => {
  const { choices } = drawBatch(new SeededRandom(1), 0, 20_000, {
    pulses: pairLink().pulses,
    weather: { errorRate: 0, transmission: 0.1, coincident: 0.25 },
  })
  const missed = choices.choices.filter((choice) => choice === NOTHING_SEEN).length
  assert(Math.abs(missed / 20_000 - 0.75) < 0.02)
})

test('S falls from 2√2 to 2 at an error rate of 14.64 %, and to 0 at one half', () => {
  assert(Math.abs(inferredChsh(0, 0) - 2 * Math.SQRT2) < 1e-12)
  const bound = (1 - Math.SQRT1_2) / 2
  assert(Math.abs(bound - 0.146447) < 1e-6)
  assert(Math.abs(inferredChsh(bound, bound) - 2) < 1e-12)
  assert(Math.abs(inferredChsh(0, 2 * bound) - 2) < 1e-12, 'one perfect basis does not save it')
  assert.equal(inferredChsh(0.5, 0.5), 0)
})
