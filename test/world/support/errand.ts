/**
 * One errand through everything that must hold across a crash: keys made and fetched in both
 * directions, a record imported, corrected, sent, receipted and read.
 *
 * @module
 */

import { simulate, type World, type WorldOptions, type WorldState } from '#world'
import { applicationsAt, type Hospital } from './hospital.ts'
import { Life } from './life.ts'

const SITES = ['bristol', 'cambridge'] as const
const PATIENTS = { patients: 1, chartSeed: 4 }
/** One batch in several hours: no block comes in between. */
const DARK = { clockHz: 10 }
/** A block in less than two minutes. */
const BRIGHT = { clockHz: 48_000 }

/** Two sites that share some blocks of key and know each other's staff, stopped. */
export async function prepared(seed: number): Promise<WorldState> {
  using world = await simulate({ sites: SITES, seed, link: BRIGHT })
  const life = new Life(world, { seed, sites: SITES, ...PATIENTS })
  const random = world.fork()
  for (const hospital of life.hospitals) await world.passing(hospital.importStaff(random))
  await world.until(() => world.sites.every(hasKeys), { minutes: 60 })
  return await world.end()
}

const hasKeys = ({ serving }: World['sites'][number]): boolean =>
  (serving?.parts.keystore.peers ?? []).some((peer) => {
    const { availableBits, peerBits } = serving?.parts.keystore.pool(peer) ?? NOTHING
    return availableBits > 40_000 && peerBits > 40_000
  })

/** Two prepared sites in the dark, and nothing done yet. The caller disposes the world. */
export async function afterwards(
  from: WorldState,
  options: Pick<WorldOptions, 'seed' | 'tamper'>,
): Promise<Life> {
  const world = await simulate({ sites: SITES, link: DARK, from, ...options })
  return new Life(world, { ...options, sites: SITES, ...PATIENTS })
}

/**
 * Runs the errand to its end, whatever happens to the sites, and checks everything.
 *
 * @param done   called when the errand is over, before the reckoning begins
 */
export async function runErrand(life: Life, done?: () => Promise<void> | void): Promise<void> {
  await life.world.passing(errand(life))
  await done?.()
  await life.conclude({ growing: false })
}

async function errand({ world, hospitals, charts }: Life): Promise<void> {
  const random = world.fork()
  const [bristol, cambridge] = hospitals
  await untilShared(world, bristol, 0)
  await untilShared(world, cambridge, 1)
  const [chart] = charts[0].charts
  const kept = await bristol.importChart(chart, 0, random)
  const send = (mode: 'require-quantum' | undefined) => bristol.send(kept, world.sites[1], mode)
  await insist(world, 'a send', async () => (await send('require-quantum')) !== undefined)
  await bristol.importChart(chart, 1, random)
  await bristol.readOwn(kept)
  await insist(world, 'a send', async () => (await send(undefined)) !== undefined)
}

async function untilShared(world: World, hospital: Hospital, from: number): Promise<void> {
  const [master] = applicationsAt(world.sites[from])
  const slaves = applicationsAt(world.sites[1 - from])
  const random = world.fork()
  const asked = { number: 2, size: 256 }
  await insist(world, 'enc_keys', () => hospital.shareKeys(master, slaves, asked, random))
}

/** Asks once a second until it is done; a person gives up some time, and says so. */
async function insist(world: World, what: string, ask: () => Promise<boolean>): Promise<void> {
  for (let asked = 0; asked < ASKED_MAX; asked++) {
    if (await ask()) return
    await pause(world)
  }
  world.report(`${what} was asked for ${ASKED_MAX} times in vain`)
}

const pause = (world: World): Promise<void> =>
  new Promise((resume) => void world.time.after(1000, resume))

const NOTHING = { availableBits: 0, peerBits: 0 }
const ASKED_MAX = 300
