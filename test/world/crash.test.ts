import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Death, WorldState } from '#world'
import { afterwards, prepared, runErrand } from './support/errand.ts'
import { live } from './support/life.ts'
import { expectNoFault, seedsOr } from './support/seed.ts'

const SITES = ['bristol', 'cambridge'] as const
/** `PHOTONWARD_CRASHES=all` dies at every effect of the errand, and at more of those of growth. */
const all = process.env['PHOTONWARD_CRASHES'] === 'all'
const [seed] = seedsOr(11)
const from: WorldState = await prepared(seed)

/** The errand without a death. @returns effects of each site in it */
async function effectsOfErrand(): Promise<ReadonlyMap<string, number>> {
  const life = await afterwards(from, { seed: seed + 1 })
  using world = life.world
  const effects = new Map<string, number>()
  await runErrand(life, async () => {
    // Long enough for the last receipt.
    await world.run({ seconds: 5 })
    for (const { id, effects: so } of world.sites) effects.set(id, so)
  })
  expectNoFault(life.tell(), seed)
  return effects
}

/** The errand with a death in it. */
async function errandWith(site: string, death: Death): Promise<void> {
  const life = await afterwards(from, { seed: seed + 1 })
  using world = life.world
  world.site(site).crash(death, DOWN_MS)
  await runErrand(life, async () => {
    const died = await world.until(() => world.site(site).runs === 2, { minutes: 10 })
    assert(died, `${site} died at effect ${death.atEffect}`)
  })
  expectNoFault(life.tell(), seed)
  const { figures } = life.tell()
  assert(figures['keysDelivered'] >= 12 && figures['transfers'] >= 2, JSON.stringify(figures))
}

for (const site of SITES) {
  test(`${site} may die between any two effects of keys, import and transfer`, async (t) => {
    const effects = (await effectsOfErrand()).get(site) ?? 0
    assert(effects > 40, `${effects} effects`)
    const stride = all ? 1 : STRIDE
    let deaths = 0
    for (let at = 1 + (seed % stride); at <= effects; at += stride) {
      for (const after of all ? [false, true] : [at % 2 === 0]) {
        await errandWith(site, { atEffect: at, after })
        deaths++
      }
    }
    t.diagnostic(`${deaths} deaths in ${effects} effects`)
  })

  test(`${site} may die between any two effects while blocks grow`, async (t) => {
    const options = { sites: SITES, seed, hours: 0.1, patients: 1, link: { clockHz: 32_000 } }
    const effects: number[] = []
    const grow = async (death: Death | undefined): Promise<void> => {
      const told = await live({
        ...options,
        before: ({ world }) => {
          if (death !== undefined) world.site(site).crash(death, DOWN_MS)
        },
        during: ({ world }) => {
          if (death === undefined) effects.push(world.site(site).effects)
          else assert(world.site(site).runs === 2, `died at ${death.atEffect}`)
        },
      })
      expectNoFault(told, seed)
    }
    await grow(undefined)
    const stride = Math.ceil(effects[0] / (all ? GROWTH_DEATHS_ALL : GROWTH_DEATHS))
    let deaths = 0
    for (let at = 1 + (seed % stride); at <= effects[0]; at += stride) {
      await grow({ atEffect: at, after: at % 2 === 0 })
      deaths++
    }
    t.diagnostic(`${deaths} deaths in ${effects[0]} effects`)
  })
}

const DOWN_MS = 2000
const STRIDE = 6
const GROWTH_DEATHS = 4
const GROWTH_DEATHS_ALL = 40
