/**
 * Three states from the light to the key: simulated devices and both engines, with Eve and without.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectLink, linkOf, presetNamed, type Attack } from '#optics'
import { runRange } from '../study/attack-range.ts'

const PRESET = 'three-state-102km'

const under = (attack: Attack) =>
  runRange({
    ...{ preset: PRESET, attack, seed: 1, watched: true },
    ...{ blockBits: 1_000_000, blocksBefore: 1, blocksDuring: 1 },
  })

test('devices and engines count what the closed form expects, and make a key of it', () => {
  const { during, alarms } = under({ kind: 'none' })
  const [{ outcome, counts, slots, keyLength }] = during
  assert.equal(outcome, 'distilled')
  assert.deepEqual(alarms, [])
  assert(keyLength !== undefined && keyLength.secretBits > 50_000)
  const { settings } = linkOf(presetNamed(PRESET))
  const { pulses } = expectLink(linkOf(presetNamed(PRESET)))
  const { transmitter: pZ, receiver: qZ } = settings.keyBasisProbability
  const near = (counted: number, expected: number): void =>
    assert(Math.abs(counted - expected) < 5 * Math.sqrt(expected), `${counted}, not ${expected}`)
  for (const [at, { probability }] of settings.intensities.entries()) {
    const sent = slots * probability
    const { Z, X, crossed } = pulses[at]
    near(counts.key.detections[at], sent * pZ * qZ * Z.gain)
    near(counts.key.errors[at], sent * pZ * qZ * Z.error)
    near(counts.test.detections[at], sent * (1 - pZ) * (1 - qZ) * X.gain)
    near(counts.test.errors[at], sent * (1 - pZ) * (1 - qZ) * X.error)
    near(counts.crossedZeros?.[at] ?? 0, sent * pZ * (1 - qZ) * crossed.zero)
  }
})

test('whoever measures, splits or blinds takes the key away, each with an alarm', () => {
  const cases: readonly (readonly [Attack, string, RegExp])[] = [
    [{ kind: 'intercept-resend', fraction: 1 }, 'qber-above-limit', /qber-above-limit/],
    [{ kind: 'photon-number-splitting', fraction: 1 }, 'too-short', /decoy-statistics/],
    [{ kind: 'blinding', fraction: 1 }, 'device-suspect', /photocurrent/],
  ]
  for (const [attack, cause, alarm] of cases) {
    const { before, during, alarms } = under(attack)
    assert.equal(before[0].outcome, 'distilled')
    assert.equal(during[0].cause, cause, attack.kind)
    assert.match(alarms.join(), alarm)
  }
})
