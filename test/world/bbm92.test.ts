import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NO_FAULTS } from '#world'
import { live } from './support/life.ts'
import { expectNoFault, seedsOr } from './support/seed.ts'

/** Two hundred thousand windows hold sixty sifted bits: a block every minute or so. */
const PAIRS = {
  preset: 'metro-bbm92-chsh',
  clockHz: 4e6,
  blockBits: 60_000,
  batchSlots: 2 ** 23,
}

test('two hospitals serve keys from entangled pairs, until Eve measures one half of each', async (t) => {
  const [seed] = seedsOr(51)
  const told = await live({
    ...{ sites: ['bristol', 'cambridge'], seed, hours: 0.1, faults: NO_FAULTS, patients: 2 },
    ...{ growMinutes: 6, link: PAIRS },
    during: async ({ world }) => {
      const views = () => world.sites.flatMap(({ serving }) => serving?.parts.links[0].view() ?? [])
      const [here, there] = views()
      assert.deepEqual([here.protocol, there.protocol], ['bbm92', 'bbm92'])
      assert(here.chsh !== null && here.chsh === there.chsh)
      assert(here.chsh > 2.7 && here.chsh < 2 * Math.SQRT2, `S = ${here.chsh}`)

      const [tested, told] = [here.chshTest, there.chshTest]
      assert(tested !== null && told !== null, 'the test is measured')
      assert.deepEqual(tested, told)
      assert(Math.abs(tested.chsh - here.chsh) < 5 * tested.standardError, `${tested.chsh}`)
      assert(tested.lowerBound > 2 && tested.coincidences > 1000)

      world.fibres[0].setAttack({ kind: 'intercept-resend', fraction: 1 })
      const suspect = () => views().some(({ state }) => state === 'suspended')
      assert(await world.until(suspect, { minutes: 30 }), 'an eavesdropper is noticed')
      const grown = views().map(({ blocksDistilled }) => blocksDistilled)
      await world.run({ minutes: 4 })
      assert.deepEqual(
        views().map(({ blocksDistilled }) => blocksDistilled),
        grown,
        'no key grows',
      )
      assert(views().every(({ blocksDiscarded }) => (blocksDiscarded['qber-above-limit'] ?? 0) > 0))
      assert(views().every(({ chshTest }) => chshTest !== null && chshTest.chsh < 2))
    },
  })
  t.diagnostic(JSON.stringify(told.figures))
  expectNoFault(told, seed)
  const { keysMade = 0 } = told.figures
  assert(keysMade > 3, `${keysMade} keys`)
})
