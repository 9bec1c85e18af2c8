import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY_FAULTS, ROUGH_FAULTS, simulate } from '#world'
import { Life, live } from './support/life.ts'
import { expectNoFault, seedsOr } from './support/seed.ts'

const sites = ['bristol', 'cambridge']

for (const seed of seedsOr(1)) {
  test(`two hospitals come whole through a bad day (seed ${seed})`, async (t) => {
    const told = await live({ sites, seed, hours: 24, faults: DAY_FAULTS, link: { clockHz: 5000 } })
    t.diagnostic(JSON.stringify(told.figures))
    expectNoFault(told, seed)
    // A day on which little was done would prove little.
    const { keysMade, keysDelivered, records, transfers, runs } = told.figures
    assert(keysMade > 50 && keysDelivered > keysMade, `${keysMade} keys, ${keysDelivered} fetched`)
    assert(records === 12 && transfers > 50, `${records} records, ${transfers} transfers`)
    assert(runs > 10, `${runs} runs`)
  })
}

for (const seed of seedsOr(2, 3)) {
  test(`two hospitals come whole through rough hours (seed ${seed})`, async (t) => {
    const told = await live({
      ...{ sites, seed, hours: 1.5, faults: ROUGH_FAULTS, link: { clockHz: 48_000 } },
      growMinutes: 20,
      rhythm: { keys: 0.5, imports: 4, sends: 4, reads: 5 },
    })
    t.diagnostic(JSON.stringify(told.figures))
    expectNoFault(told, seed)
    const { keysMade, transfers, runs } = told.figures
    assert(keysMade > 30 && transfers > 10, `${keysMade} keys, ${transfers} transfers`)
    assert(runs > 20, `${runs} runs`)
  })
}

test('the same seed gives the same world, another seed another one', async () => {
  const [seed] = seedsOr(7)
  const digestOf = async (one: number): Promise<string> => {
    const options = { sites, seed: one, patients: 2, link: { clockHz: 48_000 } }
    using world = await simulate(options)
    new Life(world, options).start()
    await world.run({ minutes: 8 })
    world.beginFaults(ROUGH_FAULTS)
    await world.run({ minutes: 30 })
    return world.trace.digest()
  }
  const first = await digestOf(seed)
  assert.equal(await digestOf(seed), first)
  assert.notEqual(await digestOf(seed + 1), first)
})
