/** Two links side by side: what splitting shows, and to whom. @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '#world/ports'
import { compareDecoys, type ComparisonWish } from './decoy-comparison.ts'

const compare = (wish: Partial<ComparisonWish> = {}) =>
  compareDecoys(
    { lengthKm: 50, fraction: 1, stealth: 1, ...wish },
    seededRandom(1, 'comparison'),
    true,
  )

test('a link without decoys stays green while Eve knows nearly every bit', () => {
  const { honest, attacked, sifted, knownToEve, decoysAlarm } = compare().withoutDecoys
  assert(sifted > 1000)
  assert(knownToEve / sifted > 0.9, String(knownToEve / sifted))
  assert(Math.abs(attacked.qber - honest.qber) < 0.005)
  assert(Math.abs(attacked.pulses[0].gain / honest.pulses[0].gain - 1) < 0.02)
  assert(attacked.secretBitsPerSecond > 0.9 * honest.secretBitsPerSecond)
  assert(honest.secretBitsPerSecond > 0)
  assert(!decoysAlarm, 'it has nothing that could')
})

test('beside it one decoy shows her, and no key is left', () => {
  const { honest, attacked, decoysAlarm } = compare().withDecoys
  assert(honest.secretBitsPerSecond > 0)
  assert.equal(attacked.secretBitsPerSecond, 0)
  assert(decoysAlarm)
  const seldom = ({ pulses: [signal, decoy] }: typeof honest) => decoy.gain / signal.gain
  assert(seldom(attacked) < 0.7 * seldom(honest))
})

test('nobody listens: both links have their key, and nobody is accused', () => {
  const { withDecoys, withoutDecoys } = compare({ fraction: 0 })
  for (const link of [withDecoys, withoutDecoys]) {
    assert.equal(link.knownToEve, 0)
    assert.equal(link.decoysAlarm, false)
    assert.deepEqual(link.attacked, link.honest)
  }
})

test('an Eve who does not hide shows in the count rate of the link without decoys as well', () => {
  const { honest, attacked } = compare({ lengthKm: 15, stealth: 0 }).withoutDecoys
  assert(Math.abs(attacked.pulses[0].gain / honest.pulses[0].gain - 1) > 0.2)
})
