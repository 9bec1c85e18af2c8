/** Attacks from end to end: devices, both engines, alarms, key. @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noAttack, type Attack } from '#optics'
import { runRange } from '../study/attack-range.ts'
import { study as classical } from '../study/classical-attacks.ts'
import { study as splitting } from '../study/photon-number-splitting.ts'

/** A few blocks on the firing range. */
const range = (attack: Attack, watched = true) =>
  runRange({
    preset: 'range-50km',
    attack,
    seed: 3,
    watched,
    blockBits: 1_000_000,
    blocksBefore: 3,
    blocksDuring: 1,
  })

test('photon-number splitting leaves no key, shows in the decoys and not in the errors', () => {
  const { before, during, alarms, knownShare } = range({
    kind: 'photon-number-splitting',
    fraction: 1,
  })
  assert.ok(before.every(({ outcome }) => outcome === 'distilled'))
  const [block] = during
  assert.equal(block.keyLength?.secretBits, 0)
  assert.ok(Math.abs((block.keyErrorRate ?? NaN) - (before[2].keyErrorRate ?? NaN)) < 0.001)
  assert.ok(knownShare > 0.98)
  for (const role of ['transmitter', 'receiver']) {
    assert.ok(alarms.includes(`${role}: decoy-statistics`))
  }
})

test('a blinded receiver would give more key than ever; watched, it gives none', () => {
  const blinding = { kind: 'blinding', fraction: 1 } as const
  const unwatched = range(blinding, false)
  const [best] = unwatched.during
  assert.equal(best.outcome, 'distilled')
  const usual = unwatched.before[2].keyLength?.secretBits ?? NaN
  assert.ok((best.keyLength?.secretBits ?? 0) > 2 * usual)
  assert.ok(unwatched.knownShare > 0.99)
  assert.deepEqual(unwatched.alarms, [])
  const watched = range(blinding)
  assert.equal(watched.during[0].cause, 'device-suspect')
  assert.deepEqual(watched.alarms, ['transmitter: peer-device', 'receiver: photocurrent'])
})

test('who blinds either end of pairs knows all and passes the CHSH test; its own current tells', () => {
  for (const at of ['transmitter', 'receiver'] as const) {
    const run = (watched: boolean) =>
      runRange({
        ...{ preset: 'metro-bbm92-chsh', attack: { kind: 'blinding', fraction: 1, at }, watched },
        ...{ seed: 4, blockBits: 60_000, blocksBefore: 2, blocksDuring: 1 },
      })
    const unwatched = run(false)
    assert.deepEqual(unwatched.alarms, [])
    assert.ok(unwatched.knownShare > 0.98)
    assert.ok((unwatched.during[0].chsh?.lowerBound ?? 0) > 2, 'S is no proof')
    const watched = run(true)
    assert.equal(watched.during[0].cause, 'device-suspect')
    const named = { transmitter: 'peer-device', receiver: 'peer-device', [at]: 'photocurrent' }
    const { transmitter, receiver } = named
    assert.deepEqual(watched.alarms, [`transmitter: ${transmitter}`, `receiver: ${receiver}`])
  }
})

test('nobody on the fibre, and nobody is accused', () => {
  const { during, alarms, knownShare, rateRatio } = range(noAttack)
  assert.equal(during[0].outcome, 'distilled')
  assert.deepEqual([alarms, knownShare], [[], 0])
  assert.ok(Math.abs(rateRatio - 1) < 0.01)
})

test('whatever is changed, repeated or replayed on the wire, no block of it is used', () => {
  const { comparisons, remarks } = classical.run()
  const [untouched, ...manipulated] = comparisons
  assert.equal(untouched.ours, 2)
  assert.ok(manipulated.length >= 14)
  for (const { what, ours } of manipulated) assert.equal(ours, 0, what)
  // The first two remarks are of nobody and of reading; every other names what caught it.
  for (const remark of remarks.slice(2)) {
    assert.match(remark, /authentication-failed|peer-misbehaved|verification-failed/)
  }
  assert.ok(remarks.filter((remark) => remark.includes('authentication-failed')).length >= 5)
})

test('without decoys the naive rate does not move while Eve knows the bits', () => {
  const at = new Map(splitting.run().comparisons.map(({ what, ours }) => [what, ours]))
  const of = (words: string): number => {
    const found = [...at].find(([what]) => what.includes(words))
    return found?.[1] ?? NaN
  }
  assert.ok(Math.abs(of('every single photon') - 7.23) < 0.01)
  const [honest, attacked] = [of('naive rate, honest'), of('naive rate, attacked')]
  assert.ok(honest > 1e6 && Math.abs(attacked / honest - 1) < 0.01)
  assert.ok(of('bits that Eve knows') > 0.98)
  assert.equal(of('GLLP'), 0)
  assert.ok(of('one decoy: rate, honest') > 1e5)
  assert.equal(of('one decoy: rate, attacked'), 0)
})
