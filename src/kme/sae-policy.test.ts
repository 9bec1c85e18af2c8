/**
 * What single applications may not: by every way north, with a refusal that says why.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SaeId } from '#base'
import type { KeystoreLimits } from '#keystore'
import { SaePolicies, Shares, type SaePolicy } from '#kme'
import { STREAM_STATUS } from './etsi-004.ts'
import { open } from './stream-calls.test.ts'
import {
  archive,
  assertRefused,
  call,
  clinic,
  dec,
  enc,
  imaging,
  keyIdsOf,
  Pair,
  ward,
} from './two-kmes.test.ts'

async function pair(
  policies: readonly (readonly [SaeId, SaePolicy])[],
  limits: Partial<KeystoreLimits> = {},
): Promise<Pair> {
  const two = new Pair()
  const clock = two.time.view()
  const of = new Map(policies)
  const shares = new Shares(clock, {
    ...{ saeShare: 1, requestsPerSecond: 100 },
    requestsPerSecondOf: (sae) => of.get(sae)?.requestsPerSecond,
  })
  const kme = { policies: new SaePolicies(clock, of), shares, limitRate: shares.request }
  await two.open({ kme, limits })
  await two.grow(64)
  return two
}

test('an application shares keys only with those it may, whichever way it asks', async () => {
  const two = await pair([
    [archive, { peers: [ward] }],
    [clinic, { peers: [archive] }],
  ])
  const why = /lets the caller share no key with that SAE/
  assert.equal((await call(two.a, archive, { path: enc(ward) })).status, 200)
  assertRefused(await call(two.a, archive, { path: enc(clinic) }), 400, why)
  const both = { path: enc(ward), body: { additional_slave_SAE_IDs: [clinic] } }
  assertRefused(await call(two.a, archive, both), 400, why)
  const made = await call(two.a, imaging, { path: enc(clinic) })
  assert.equal(made.status, 200)
  const fetch = { path: dec(imaging), body: keyIdsOf(made) }
  assertRefused(await call(two.b, clinic, fetch), 400, why)
  assertRefused(await call(two.a, archive, { path: `/key?remoteSystemID=${clinic}` }), 400, why)
  const { body } = await call(two.a, archive, { path: '/capabilities' })
  assert.deepEqual(body['remoteSystemID'], [ward])
  assert.equal((await open(two.a, [archive, clinic])).status, STREAM_STATUS.noQkdConnection)
  assert.equal((await open(two.a, [archive, ward])).status, STREAM_STATUS.peerNotConnected)
})

test('a quota of bits is kept over the hour, and what was not had is not counted', async () => {
  const two = await pair([[archive, { bitsPerHour: 1024 }]])
  const some = (number: number) => ({ path: enc(ward), body: { number } })
  two.fault = () => 'lost'
  assertRefused(await call(two.a, archive, some(4)), 503)
  two.fault = () => 'none'
  assert.equal((await call(two.a, archive, some(3))).status, 200)
  const late = await call(two.a, archive, some(2))
  assertRefused(late, 503, /1024 bits of key an hour/)
  assert.equal(late.headers['retry-after'], '900')
  assert.equal((await call(two.a, imaging, some(8))).status, 200)
  await two.time.advance(899_000)
  assertRefused(await call(two.a, archive, some(2)), 503)
  await two.time.advance(1000)
  assert.equal((await call(two.a, archive, some(2))).status, 200)
})

test('an application that refuses computed keys gets none', async () => {
  const two = await pair([
    [archive, { leastSource: 'hardware' }],
    [imaging, { leastSource: 'seeded-test' }],
  ])
  const refused = await call(two.a, archive, { path: enc(ward) })
  assertRefused(refused, 503, /no keys from a source below hardware/)
  assert.equal((await call(two.a, imaging, { path: enc(ward) })).status, 200)
})

test('an application may be slower than the others, and is told when to come again', async () => {
  const two = await pair([[archive, { requestsPerSecond: 1 }]])
  const statuses: number[] = []
  for (let at = 0; at < 3; at++) {
    statuses.push((await call(two.a, archive, { path: enc(ward) })).status)
    assert.equal((await call(two.a, imaging, { path: enc(ward) })).status, 200)
  }
  assert.deepEqual(statuses, [200, 200, 429])
})

test('what is kept for emergencies is given to applications that are marked, and counted for them', async () => {
  const two = await pair([[imaging, { emergency: true }]], { emergencyBits: 256 * 62 })
  const statusOf = async (sae: SaeId) =>
    (await call(two.a, sae, { path: `/api/v1/keys/${ward}/status` })).body['stored_key_count']
  assert.deepEqual([await statusOf(archive), await statusOf(imaging)], [2, 64])
  const wanted = { path: enc(ward), body: { number: 2 } }
  assert.equal((await call(two.a, archive, wanted)).status, 200)
  assertRefused(await call(two.a, archive, { path: enc(ward) }), 503, /Not enough keys/)
  assert.equal((await call(two.a, imaging, wanted)).status, 200)
})
