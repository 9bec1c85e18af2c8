import assert from 'node:assert/strict'
import { test } from 'node:test'
import { saeId, siteId, type SaeId } from '#base'
import { SimulatedTime } from '#world/ports'
import { Shares } from './shares.ts'
import {
  archive as master,
  assertRefused,
  call,
  enc,
  Pair,
  statusOf,
  ward as slave,
} from './two-kmes.test.ts'

const [ward, archive] = [saeId('bristol.ward'), saeId('bristol.archive')]
const peer = siteId('cambridge')

async function pair(options: Parameters<Pair['open']>[0], keys: number): Promise<Pair> {
  const two = await new Pair().open(options)
  await two.grow(keys)
  return two
}

test('no application empties a pool alone, each gets its share of what is left, and more with time', async () => {
  const time = new SimulatedTime()
  const shares = new Shares(time.view(), { saeShare: 0.5, requestsPerSecond: 10 })
  let pool = 1000
  const draw = (sae: typeof ward): number => {
    const bits = Math.floor(shares.left(sae, peer, pool))
    shares.take(sae, peer, bits)
    pool -= bits
    return bits
  }
  assert.deepEqual([draw(ward), draw(ward), draw(archive), draw(archive)], [500, 0, 250, 0])
  await time.advance(60_000)
  // 250 are left, and half of the 500 still counts.
  assert.equal(shares.left(ward, peer, pool), 0)
  pool += 750
  assert.equal(shares.left(ward, peer, pool), 375)
  shares.take(ward, peer, 100)
  shares.take(ward, peer, -100)
  assert.equal(shares.left(ward, peer, pool), 375, 'what was not had does not count')
  assert.equal(shares.left(ward, siteId('ipswich'), 1000), 500, 'pools are apart')
})

test('a share of 1 is no limit', () => {
  const shares = new Shares(new SimulatedTime().view(), { saeShare: 1, requestsPerSecond: 1 })
  shares.take(ward, peer, 900)
  assert.equal(shares.left(ward, peer, 100), 100)
})

test('requests are counted for each application: a burst, then the rate', async () => {
  const time = new SimulatedTime()
  const shares = new Shares(time.view(), { saeShare: 0.5, requestsPerSecond: 10 })
  const allowed = (sae: typeof ward, count: number) =>
    Array.from({ length: count }, () => shares.request(sae)).filter((wait) => wait === undefined)
      .length
  assert.equal(allowed(ward, 100), 20)
  assert.equal(allowed(archive, 1), 1)
  const wait = shares.request(ward) ?? assert.fail('the burst is over')
  assert(wait > 0.09 && wait <= 0.1)
  await time.advance(1000)
  assert.equal(allowed(ward, 100), 10)
})

test('one application cannot empty the pool: its share is what it is told of, and all it gets', async () => {
  const time = new SimulatedTime()
  const limits = { saeShare: 0.5, requestsPerSecond: 1000 }
  const two = await pair({ kme: { shares: new Shares(time.view(), limits) } }, 8)
  const stored = async (sae: SaeId) =>
    (await call(two.a, sae, { path: statusOf(slave) })).body['stored_key_count']
  assert.equal(await stored(master), 4)
  const tooMuch = await call(two.a, master, { path: enc(slave), body: { number: 5 } })
  assertRefused(tooMuch, 503, /Not enough keys/)
  const made = await call(two.a, master, { path: enc(slave), body: { number: 4 } })
  assert.equal(made.status, 200)
  assert.equal(await stored(master), 0)
  assertRefused(await call(two.a, master, { path: enc(slave) }), 503)
})

test('the site’s own sessions have what applications are left without', async () => {
  const two = await pair({ limits: { criticalBits: 512 } }, 2)
  assertRefused(await call(two.a, master, { path: enc(slave) }), 503, /Not enough keys/)
  const supply = two.a.kme.supplyFor(master)
  assert.deepEqual(supply.sources({ slave, sizeBits: 256 }), ['seeded-test'])
  using key = (await supply.getKey({ slave, sizeBits: 256 })).octets
  assert.equal(key.length, 32)
  const [mine, others] = [two.a, two.b].map((end) => end.keystore.pool(end.keystore.peers[0]))
  assert.deepEqual([mine.waitingKeys, others.waitingKeys], [0, 1])
})

test('nobody calls in the name of an application inside the daemon', async () => {
  const two = await pair({ kme: { inside: [master] } }, 2)
  assertRefused(await call(two.a, master, { path: statusOf(slave) }), 401)
  using key = (await two.a.kme.supplyFor(master).getKey({ slave, sizeBits: 256 })).octets
  assert.equal(key.length, 32)
})
