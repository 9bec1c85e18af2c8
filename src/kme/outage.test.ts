/**
 * Two KMEs that hear nothing of each other for longer than a key lives, and then again: no key is of use
 * at one end only without an alarm, and nothing that was withheld comes to life.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HOUR_MS } from '#base'
import { settle } from '#world/ports'
import {
  archive,
  assertRefused,
  bristol,
  call,
  cambridge,
  dec,
  enc,
  keyIdsOf,
  Pair,
  ward,
} from './two-kmes.test.ts'

/** Longer than a key waits to be fetched. */
const OUTAGE_MS = 2 * HOUR_MS

async function outage(two: Pair): Promise<void> {
  two.fault = () => 'lost'
  await two.time.advance(OUTAGE_MS)
  for (const { keystore } of [two.a, two.b]) await keystore.tend()
}

/** What both do once they hear of each other again. */
async function heal(two: Pair): Promise<void> {
  two.fault = () => 'none'
  await two.a.kme.sendVoids(cambridge)
  await two.b.kme.sendVoids(bristol)
  await settle()
}

test('a key that its master had before the outage is fetched through it, or expires with an alarm', async () => {
  const two = await new Pair().open()
  await two.grow()
  const [fetched, left] = [
    await call(two.a, archive, { path: enc(ward) }),
    await call(two.a, archive, { path: enc(ward) }),
  ]
  two.fault = () => 'lost'
  const got = await call(two.b, ward, { path: dec(archive), body: keyIdsOf(fetched) })
  assert.deepEqual(got.body, fetched.body)
  await outage(two)
  assert.deepEqual(two.b.alarms, ['key-expired'])
  for (const made of [fetched, left]) {
    const late = await call(two.b, ward, { path: dec(archive), body: keyIdsOf(made) })
    assertRefused(late, 400)
  }
  await heal(two)
  two.assertCountsAgree()
  assert.equal(two.b.keystore.pool(bristol).waitingKeys, 0)
})

for (const fault of ['lost', 'answer-lost'] as const) {
  test(`a key whose activation is ${fault} as the outage begins is of no use at either end after it`, async () => {
    const two = await new Pair().open()
    await two.grow()
    let isFirst = true
    two.fault = () => {
      const fate = isFirst ? fault : 'lost'
      isFirst = false
      return fate
    }
    assertRefused(await call(two.a, archive, { path: enc(ward) }), 503)
    await settle()
    assert.equal(two.a.keystore.pool(cambridge).pendingVoids, 1)
    // Meanwhile nobody is given a key that the other end could not have.
    assertRefused(await call(two.a, archive, { path: enc(ward) }), 503)
    await outage(two)
    assert.deepEqual(two.b.alarms, fault === 'lost' ? [] : ['key-expired'])
    await heal(two)
    assert.equal(two.a.keystore.pool(cambridge).pendingVoids, 0)
    two.assertCountsAgree()
    const made = await call(two.a, archive, { path: enc(ward), body: { number: 7 } })
    assert.equal(made.status, 200, 'one key was lost, and no more')
    const got = await call(two.b, ward, { path: dec(archive), body: keyIdsOf(made) })
    assert.deepEqual(got.body, made.body)
  })
}
