import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY_FAULTS, NO_FAULTS } from '#world'
import { live } from './support/life.ts'
import { expectNoFault, seedsOr } from './support/seed.ts'

test('three hospitals come whole through a bad morning', async (t) => {
  const [seed] = seedsOr(31)
  const sites = ['bristol', 'cambridge', 'london']
  const told = await live({
    ...{ sites, seed, hours: 2, faults: DAY_FAULTS, patients: 2, link: { clockHz: 8000 } },
    growMinutes: 20,
  })
  t.diagnostic(JSON.stringify(told.figures))
  expectNoFault(told, seed)
  const { keysMade, transfers } = told.figures
  assert(keysMade > 30 && transfers > 5, `${keysMade} keys, ${transfers} transfers`)
})

test('while Eve listens, transfers wait or go marked; once she has gone, keys grow', async () => {
  const [seed] = seedsOr(41)
  const told = await live({
    ...{ sites: ['bristol', 'cambridge'], seed, hours: 0.5, faults: NO_FAULTS, patients: 2 },
    ...{ growMinutes: 20, link: { clockHz: 24_000 } },
    rhythm: { keys: 5, imports: 1, sends: 600, reads: 600 },
    during: async ({ world, hospitals, records }) => {
      const [fibre] = world.fibres
      const [site, peer] = world.sites
      fibre.setAttack({ kind: 'intercept-resend', fraction: 1 })
      const suspect = await world.until(
        () => {
          return site.serving?.parts.links[0].view().state === 'suspended'
        },
        { minutes: 60 },
      )
      assert(suspect, 'an eavesdropper is noticed')
      const grown = site.serving?.parts.links[0].view().blocksDistilled
      const kept = records.charts.find(({ origin, patient }) => origin === site.id && patient)
      assert(kept !== undefined)
      const strict = await world.passing(hospitals[0].send(kept, peer, 'require-quantum'))
      const marked = await world.passing(hospitals[0].send(kept, peer, 'prefer-quantum'))
      await world.run({ minutes: 30 })
      const states = await Promise.all(
        [strict, marked].map(async (one) =>
          site.serving?.parts.records?.exchange.transfer(one?.transfer ?? ''),
        ),
      )
      assert.deepEqual(
        states.map((one) => [one?.state, one?.reason]),
        [
          ['waiting', 'QUANTUM_KEY_REQUIRED'],
          ['delivered', ''],
        ],
      )
      assert.equal(site.serving?.parts.links[0].view().blocksDistilled, grown, 'no key grows')
      assert.deepEqual(world.violations, [])
    },
  })
  expectNoFault(told, seed)
})
