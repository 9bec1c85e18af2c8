import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NO_FAULTS } from '#world'
import { live } from './support/life.ts'
import { expectNoFault, seedsOr } from './support/seed.ts'

/** Eight million slots hold some ten thousand sifted bits: a block every three minutes. */
const THREE_STATES = {
  preset: 'three-state-102km',
  clockHz: 4e6,
  blockBits: 1_000_000,
  batchSlots: 2 ** 23,
}

test('two hospitals serve keys from three states, until Eve measures and resends', async (t) => {
  const [seed] = seedsOr(52)
  const told = await live({
    ...{ sites: ['bristol', 'cambridge'], seed, hours: 0.1, faults: NO_FAULTS, patients: 2 },
    ...{ growMinutes: 8, link: THREE_STATES },
    during: async ({ world }) => {
      const views = () => world.sites.flatMap(({ serving }) => serving?.parts.links[0].view() ?? [])
      for (const { protocol, chsh, blocksDistilled } of views()) {
        assert.deepEqual([protocol, chsh], ['three-state-bb84', null])
        assert(blocksDistilled > 0)
      }
      world.fibres[0].setAttack({ kind: 'intercept-resend', fraction: 1 })
      const suspended = () => views().some(({ state }) => state === 'suspended')
      assert(await world.until(suspended, { minutes: 30 }), 'an eavesdropper is noticed')
      const grown = views().map(({ blocksDistilled }) => blocksDistilled)
      await world.run({ minutes: 4 })
      assert.deepEqual(
        views().map(({ blocksDistilled }) => blocksDistilled),
        grown,
        'no key grows',
      )
    },
  })
  t.diagnostic(JSON.stringify(told.figures))
  expectNoFault(told, seed)
  const { keysMade = 0 } = told.figures
  assert(keysMade > 3, `${keysMade} keys`)
})
