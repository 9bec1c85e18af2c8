import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromCbor, utf8 } from '#base'
import { createPreShared, endsOf, importPreShared, readRootKey } from '#site'
import { NO_FAULTS, simulate, type World, type WorldSite } from '#world'
import { seededRandom } from '#world/ports'
import { live } from './support/life.ts'
import { LogWatch } from './support/log-watch.ts'
import { expectNoFault, seedsOr } from './support/seed.ts'

const COURIER = { bootstrap: 'psk', clockHz: 24_000 } as const
const SITES = ['bristol', 'cambridge']

/** Draws a key at one site and takes it to the other, as an operator does. */
async function bringKey(world: World, sessions: number): Promise<void> {
  const [bristol, cambridge] = world.sites
  const passphrase = utf8('carried by two people')
  const random = seededRandom(world.seed, `courier ${String(world.time.elapsedMs)}`)
  const [{ link }] = bristol.configuration.links
  using here = await readRootKey(bristol.disk, undefined)
  using there = await readRootKey(cambridge.disk, undefined)
  const at = ({ id: site, disk }: WorldSite) => ({ site, disk, random })
  const ends = endsOf(bristol.configuration, link)
  const from = { ...at(bristol), root: here }
  const { file } = await createPreShared(from, ends, { sessions, passphrase })
  const into = { ...at(cambridge), root: there }
  await importPreShared(into, (name) => endsOf(cambridge.configuration, name), { file, passphrase })
}

const views = (world: World) =>
  world.sites.map(({ serving }) => serving?.parts.links[0].view() ?? assert.fail('it serves'))

const areRunning = (world: World) => (): boolean =>
  world.sites.every(({ serving }) => serving?.parts.links[0].view().state === 'running')

/** What the blocks of a site say that they were authenticated by, oldest first. */
async function authentications(site: WorldSite): Promise<readonly unknown[]> {
  const rows = await site.store.read({
    sql: 'select origin from keystore_block where site_id = ? order by epoch, sequence',
    parameters: [site.id],
  })
  return rows.map(({ origin }) => {
    assert(origin instanceof Uint8Array)
    const told = fromCbor(origin, 4096) as { readonly origin: { readonly authentication: string } }
    return told.origin.authentication
  })
}

test('hospitals that begin with a couriered key serve keys, through crashes, and never sign', async (t) => {
  const [seed] = seedsOr(61)
  const told = await live({
    ...{ sites: SITES, seed, hours: 0.2, faults: NO_FAULTS, patients: 2, link: COURIER },
    growMinutes: 12,
    before: ({ world }) => bringKey(world, 64),
    during: async ({ world }) => {
      const [bristol, cambridge] = world.sites
      assert.equal((await authentications(bristol))[0], 'wegman-carter-from-pre-shared-key')
      assert.deepEqual(await authentications(cambridge), await authentications(bristol))
      assert(views(world).every(({ preSharedSessions }) => preSharedSessions === 63))
      // With a reserve in common the next session costs no chunk.
      bristol.kill(1000)
      await world.run({ minutes: 12 })
      assert(areRunning(world)())
      assert((await authentications(bristol)).includes('wegman-carter-from-reserve'))
      assert.equal(views(world)[1].preSharedSessions, 63)
    },
  })
  t.diagnostic(JSON.stringify(told.figures))
  expectNoFault(told, seed)
  assert((told.figures['keysMade'] ?? 0) > 3, 'keys are made')
})

test('no chunk serves twice whatever dies; without one the link waits, and a new key wakes it', async () => {
  const [seed] = seedsOr(62)
  using world = await simulate({ sites: SITES, seed, link: { ...COURIER, clockHz: 1000 } })
  await bringKey(world, 8)
  const [bristol, cambridge] = world.sites
  const isUp = (kind: string) => () =>
    world.sites.every(({ serving }) => {
      return serving?.parts.alarms.standing.some((alarm) => alarm.kind === kind) === true
    })
  // At these speeds no block is made between two deaths: each session costs a chunk.
  for (let round = 0; round < 40 && !isUp('link.psk-unavailable')(); round++) {
    const site = round % 2 === 0 ? bristol : cambridge
    site.crash({ atEffect: 1 + (round % 7), after: round % 3 === 0 }, 2000)
    await world.run({ minutes: 2 })
  }
  assert(await world.until(isUp('link.psk-unavailable'), { minutes: 30 }), 'both ends say so')
  assert.equal(areRunning(world)(), false)
  const refused = bristol.log.lines.filter(({ facts }) => facts['code'] === 'PSK_UNAVAILABLE')
  assert(refused.length > 0, 'the link says by a code why it waits')
  await bringKey(world, 4)
  assert(await world.until(areRunning(world), { minutes: 5 }), 'nobody has to start anything anew')
  assert.equal(isUp('link.psk-unavailable')(), false)
  const log = new LogWatch(world)
  await log.compareAll()
  for (const site of world.sites) {
    const events = log.events(site.id)
    const taken = events.filter(({ kind }) => kind === 'link.psk-taken')
    const places = taken.map(({ facts }) => `${String(facts['psk'])}-${String(facts['chunk'])}`)
    assert(places.length > 4)
    assert.equal(new Set(places).size, places.length, 'no chunk is taken twice')
    const opened = events.filter(({ kind }) => kind === 'link.session-opened')
    const sources = opened.map(({ facts }) => String(facts['authentication']))
    assert(sources.length > 1 && sources.every((id) => id.startsWith('bootstrap-psk-')))
    assert.equal(new Set(sources).size, sources.length, 'no session begins as another did')
  }
  assert.deepEqual(world.violations, [])
})
