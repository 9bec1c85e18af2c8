import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NO_FAULTS, simulate, type World } from '#world'
import { seedsOr } from './support/seed.ts'

const [seed] = seedsOr(51)

const standing = (world: World, site: string): readonly string[] =>
  world
    .site(site)
    .serving?.parts.alarms.standing.map(({ kind, subject }) => `${kind} ${subject}`) ?? []

const isRunning = (world: World, site: string): boolean =>
  world.site(site).serving?.parts.links[0].view().state === 'running'

for (const [dies, stays] of [
  ['bristol', 'cambridge'],
  ['cambridge', 'bristol'],
]) {
  test(`when ${dies} dies ${stays} says within a minute that the link is down, and when it is back`, async () => {
    using world = await simulate({
      ...{ sites: ['bristol', 'cambridge'], seed, faults: NO_FAULTS, link: { clockHz: 24_000 } },
    })
    const runs = (): boolean => isRunning(world, 'bristol') && isRunning(world, 'cambridge')
    assert(await world.until(runs, { minutes: 10 }))
    assert.deepEqual(standing(world, stays), [])
    world.site(dies).kill(600_000)
    const says = (): boolean => standing(world, stays).some((one) => one.startsWith('link.down '))
    await world.run({ seconds: 29 })
    assert(!says(), 'a restart is no alarm')
    assert(await world.until(says, { minutes: 1 }), 'the alarm comes')
    assert(await world.until(runs, { minutes: 30 }))
    assert(await world.until(() => !says(), { minutes: 1 }), 'and goes')
    assert(!standing(world, dies).some((one) => one.startsWith('link.down ')))
    assert.deepEqual(world.violations, [])
  })
}
