import assert from 'node:assert/strict'
import { test } from 'node:test'
import { saeId, siteId } from '#base'
import { NO_FAULTS, ROUGH_FAULTS, type WorldSite } from '#world'
import { live } from './support/life.ts'
import { expectNoFault, seedsOr } from './support/seed.ts'

/** A square: no link joins its corners across, and two ways lead from each to the other. */
const SQUARE = {
  sites: ['bristol', 'london', 'cambridge', 'oxford'],
  links: [
    ['bristol', 'london'],
    ['london', 'cambridge'],
    ['bristol', 'oxford'],
    ['oxford', 'cambridge'],
  ],
  relays: {
    pairs: [
      ['bristol', 'cambridge'],
      ['london', 'oxford'],
    ],
    shares: 2,
    blockOctets: 1024,
    targetBits: 16_384,
  },
  link: { clockHz: 100_000 },
  patients: 2,
} as const

test('distant hospitals share keys over trusted nodes, and go round one that is attacked', async (t) => {
  const [seed] = seedsOr(61)
  const told = await live({
    ...{ ...SQUARE, seed, hours: 0.4, faults: NO_FAULTS, growMinutes: 20 },
    during: async ({ world }) => {
      const bristol = world.site('bristol')
      const pair = () => {
        const view = bristol.serving?.parts.relay.views().find(({ peer }) => peer === 'cambridge')
        assert(view !== undefined)
        return view
      }
      assert.equal(pair().ways.length, 2, 'two ways without a common site')
      const before = pair().blocks

      const hop = world.fibres.find(({ link }) => link === 'bristol-oxford')
      hop?.setAttack({ kind: 'intercept-resend', fraction: 1 })
      const suspect = () =>
        bristol.serving?.parts.map
          .view()
          .some(({ link, suspect: found }) => link === hop?.link && found) === true
      assert(await world.until(suspect, { minutes: 30 }), 'the network hears of the attack')
      await world.passing(drain(bristol))
      const isRound = () => pair().blocks > before && pair().ways.length === 1
      assert(await world.until(isRound, { minutes: 20 }), 'keys go by London alone')
      assert.deepEqual(pair().ways, [['bristol', 'london', 'cambridge'].map(siteId)])
      const alarms = await bristol.serving?.parts.alarms.newest(50)
      assert(alarms?.some(({ kind }) => kind === 'relay.fewer-ways'))
      hop?.leaveAlone()
    },
  })
  t.diagnostic(JSON.stringify(told.figures))
  expectNoFault(told, seed)
})

/** Gives up half of what Bristol may give out with Cambridge, so that more is relayed. */
async function drain({ serving }: WorldSite): Promise<void> {
  assert(serving !== undefined)
  const { keystore } = serving.parts
  const reservation = await keystore.reserve({
    ...{ peer: siteId('cambridge'), sizeBits: 256, number: 24, lifeMs: 60_000, use: 'relay' },
    ...{ master: saeId('bristol-archive'), slaves: [saeId('cambridge-ward')] },
  })
  await keystore.abandon(reservation, 'drained')
}

for (const seed of seedsOr(62)) {
  test(`four hospitals and their relays come whole through a rough hour (seed ${seed})`, async (t) => {
    const told = await live({
      ...{ ...SQUARE, seed, hours: 0.5, faults: ROUGH_FAULTS, growMinutes: 20 },
      rhythm: { keys: 1, imports: 8, sends: 6, reads: 8 },
    })
    t.diagnostic(JSON.stringify(told.figures))
    expectNoFault(told, seed)
    assert(told.figures['runs'] > 10, `${told.figures['runs']} runs`)
  })
}
