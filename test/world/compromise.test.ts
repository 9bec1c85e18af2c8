import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkId, siteId } from '#base'
import type { ExposureView } from '#contract'
import { NO_FAULTS, type World } from '#world'
import { live } from './support/life.ts'
import { expectNoFault, seedsOr } from './support/seed.ts'

const QUIET = { keys: 30, imports: 2, sends: 600, reads: 600 }
const RELAYED = { shares: 2, blockOctets: 1024, targetBits: 16_384 }

/** Everything goes over London. */
const LINE = {
  sites: ['bristol', 'london', 'cambridge'],
  links: [
    ['bristol', 'london'],
    ['london', 'cambridge'],
  ],
  relays: { ...RELAYED, pairs: [['bristol', 'cambridge']] },
  link: { clockHz: 100_000 },
  ...{ patients: 1, faults: NO_FAULTS, growMinutes: 10, rhythm: QUIET },
} as const

/** Two ways lead from each corner to the other. */
const SQUARE = {
  ...LINE,
  sites: ['bristol', 'london', 'cambridge', 'oxford'],
  links: [...LINE.links, ['bristol', 'oxford'], ['oxford', 'cambridge']],
  relays: {
    ...RELAYED,
    pairs: [
      ['bristol', 'cambridge'],
      ['london', 'oxford'],
    ],
  },
} as const

const admin = (world: World, site: string) => {
  const at = world.site(site).serving
  assert(at !== undefined, `${site} is up`)
  return at.admin
}
const signal = (): AbortSignal => new AbortController().signal
const declare = (world: World, site: string, nodes: string[], how: object = {}) =>
  world.passing(admin(world, site).compromise({}, { nodes, ...how }, signal()))
const alarmsAt = async (world: World, site: string) =>
  (await world.passing(admin(world, site).alarms({}, null, signal())))
    .filter(({ clearedAt }) => clearedAt === null)
    .map(({ kind, subject }) => `${kind} ${subject}`)
const bitsOf = (world: World, site: string, peer: string): number =>
  world.site(site).serving?.parts.keystore.pool(siteId(peer)).availableBits ?? 0

/** How many octets of pools with a peer are exposed, by how much. */
const poolsWith = (report: ExposureView, peer: string) =>
  report.pools
    .filter((pool) => pool.peer === peer)
    .reduce((sum, { octets }) => sum + octets.wrapped + octets.key, 0)

/** What the newest delivered transfer of one site to another rests on. */
async function sent(world: World, from: string, to: string) {
  const some = await world.passing(admin(world, from).transfers({}, null, signal()))
  return some.find(({ peer, direction, state }) => {
    return peer === to && direction === 'out' && state === 'delivered'
  })
}

async function sendOne(
  { world, hospitals, records }: Parameters<NonNullable<Parameters<typeof live>[0]['during']>>[0],
  from: number,
  to: number,
): Promise<string> {
  const site = world.sites[from]
  const kept = records.charts.find(({ origin, patient }) => origin === site.id && patient)
  assert(kept !== undefined, 'a record to send')
  const begun = await world.passing(hospitals[from].send(kept, world.sites[to], 'require-quantum'))
  assert(begun !== undefined)
  const done = () =>
    world.passing(admin(world, site.id).transfer({ transfer: begun.transfer }, null, signal()))
  for (let minutes = 0; minutes < 120; minutes++) {
    if ((await done()).state === 'delivered') return begun.transfer
    await world.run({ minutes: 1 })
  }
  assert.fail('the record has not arrived')
}

test('after London is declared, keys that went by London alone are worth their wrap, for ever', async () => {
  const [seed] = seedsOr(71)
  const told = await live({
    ...{ ...LINE, seed, hours: 0.1 },
    during: async (life) => {
      const { world } = life
      const transfer = await sendOne(life, 0, 2)
      assert.equal((await sent(world, 'bristol', 'cambridge'))?.protection?.standing, 'hybrid')

      const trial = await declare(world, 'bristol', ['london'], { dryRun: true })
      assert.deepEqual(trial.isolated, ['bristol', 'cambridge'])
      assert(trial.sessionKeys.counts.wrapped > 0, 'the key of the session')
      assert(trial.transfers.named.some((one) => one.transfer === transfer))
      const before = bitsOf(world, 'bristol', 'cambridge')
      assert(before > 0 && poolsWith(trial, 'cambridge') > 0)
      assert.deepEqual(await alarmsAt(world, 'bristol'), [], 'a trial changes nothing')

      await assert.rejects(declare(world, 'bristol', ['london']), { code: 'NETWORK_WOULD_ISOLATE' })
      await assert.rejects(declare(world, 'bristol', ['londn']), { code: 'NODE_UNKNOWN' })
      await assert.rejects(declare(world, 'bristol', ['bristol']), { code: 'NODE_IS_OWN' })
      assert.equal(bitsOf(world, 'bristol', 'cambridge'), before)

      const report = await declare(world, 'bristol', ['london'], { cutLast: true })
      assert(report.discardedBlocks > 0)
      assert.deepEqual(report.waitingLinks, ['bristol-london'])
      assert.equal(bitsOf(world, 'bristol', 'cambridge'), 0, 'keys that London could know are gone')
      await world.run({ minutes: 5 })
      assert.equal(bitsOf(world, 'bristol', 'cambridge'), 0, 'and no others come by London')
      const standing = await alarmsAt(world, 'bristol')
      assert(standing.includes('network.node-compromised london'), standing.join())
      assert(standing.includes('network.site-isolated bristol'), standing.join())
      const weak = (await sent(world, 'bristol', 'cambridge'))?.protection
      assert.equal(weak?.standing, 'post-quantum')
      assert.deepEqual(weak.keys[0].shares[0].way, ['bristol', 'london', 'cambridge'])
      const key = { key: weak.keyIds[0] }
      const origin = await world.passing(admin(world, 'bristol').keyOrigin(key, null, signal()))
      assert.equal(origin.exposure, 'wrapped')
      assert.equal(origin.parts[0].coalition.length, 1, 'one party is enough')

      const open = await declare(world, 'bristol', ['london'], { dryRun: true, breaksWrap: true })
      assert(open.transfers.named.every((one) => one.standing === 'open'))

      // At the other end it is for another operator to say, and shown once that is done.
      await declare(world, 'cambridge', ['london'], { cutLast: true })
      for (const site of ['bristol', 'cambridge']) {
        await world.passing(admin(world, site).pardon({}, { nodes: ['london'] }, signal()))
      }
      assert.equal(
        (await sent(world, 'bristol', 'cambridge'))?.protection?.standing,
        'post-quantum',
      )
      assert(await world.until(() => bitsOf(world, 'bristol', 'cambridge') > 4096, { minutes: 90 }))
      const later = await sendOne(life, 0, 2)
      const anew = await sent(world, 'bristol', 'cambridge')
      assert.deepEqual([anew?.transfer, anew?.protection?.standing], [later, 'hybrid'])
      await world.run({ minutes: 1 })
      const left = await alarmsAt(world, 'bristol')
      assert(!left.some((one) => one.startsWith('network.')), left.join())
    },
  })
  expectNoFault(told, seed)
})

test('after London is declared, keys in two shares are whole, and ways lead round London', async () => {
  const [seed] = seedsOr(72)
  const told = await live({
    ...{ ...SQUARE, seed, hours: 0.1 },
    during: async (life) => {
      const { world } = life
      await sendOne(life, 0, 2)
      const keystore = world.site('bristol').serving?.parts.keystore
      assert(keystore !== undefined)
      const link = linkId('bristol-oxford')
      await world.passing(keystore.quarantine({ link, cause: 'planted' }))
      // At once, before the map has looked at its links again.
      await assert.rejects(declare(world, 'bristol', ['london']), { code: 'NETWORK_WOULD_ISOLATE' })
      await world.passing(keystore.release(link, 'planted'))
      await world.run({ minutes: 1 })

      const report = await declare(world, 'bristol', ['london'])
      assert.deepEqual(report.isolated, [])
      assert.equal(poolsWith(report, 'cambridge'), 0)
      assert.equal(report.sessionKeys.counts.wrapped + report.sessionKeys.counts.key, 0)
      assert(report.sessionKeys.counts.shares > 0, 'London has had one share of two')
      assert.deepEqual([report.transfers.affected, report.discardedBlocks], [0, 0])
      assert.equal((await sent(world, 'bristol', 'cambridge'))?.protection?.standing, 'hybrid')

      const both = await declare(world, 'bristol', ['london', 'oxford'], { dryRun: true })
      assert.deepEqual(both.isolated, ['bristol', 'cambridge'])
      assert(both.transfers.affected > 0, 'together they have had all shares')

      const pair = () => world.site('bristol').serving?.parts.relay.views()[0]
      const blocks = pair()?.blocks ?? 0
      const isRound = () =>
        (pair()?.blocks ?? 0) > blocks && pair()?.ways.join() === 'bristol,oxford,cambridge'
      // A few sessions use up what is above the target; then there is more to be relayed.
      for (let sends = 0; sends < 40 && !isRound(); sends++) {
        await sendOne(life, 0, 2)
        await world.until(isRound, { minutes: 2 })
      }
      assert(isRound(), 'keys go by Oxford alone')
      await world.passing(admin(world, 'bristol').pardon({}, { nodes: ['london'] }, signal()))
    },
  })
  expectNoFault(told, seed)
})
