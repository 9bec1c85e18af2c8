/**
 * A small country for an hour: the simulation of whole networks, and that its checks can fail.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Keystore } from '#keystore'
import { NETWORK_FAULTS, randomScenario, simulateNetwork, type NetworkFaults } from '#world'
import { seedsOr } from './support/seed.ts'

/** What befalls a thousand sites in a day befalls these in an hour. */
const HARD: NetworkFaults = {
  ...NETWORK_FAULTS,
  ...{ cutsPerLinkDay: 1, cutMinutesMax: 20, evesPerLinkDay: 1, eveMinutesMax: 20 },
  ...{ killsPerNodeDay: 6, downMinutesMax: 5, deathsPerBlock: 0.005 },
  ...{ partitionsPerDay: 48, partitionMinutesMax: 10 },
  ...{ questionsLost: 0.005, answersLost: 0.005 },
  ...{ declarationsPerDay: 48, declaredMinutesMax: 20, clockJumpsPerNodeDay: 5 },
}
const scenario = randomScenario({ nodes: 20, links: 48, seed: 3 }, () => 16_384)

const hour = (seed: number, how: Partial<Parameters<typeof simulateNetwork>[0]> = {}) =>
  simulateNetwork({ scenario, seed, minutes: 70, requests: 120, faults: HARD, ...how })

for (const seed of seedsOr(81)) {
  test(`twenty sites come whole through an hour of faults, twice alike (seed ${seed})`, async (t) => {
    const view = await hour(seed)
    t.diagnostic(JSON.stringify(view.counts))
    assert.deepEqual(view.faults, [])
    assert(view.requests.servedAtOnce > 30, `${view.requests.servedAtOnce} served at once`)
    assert(view.keys.sharesPassedOn > 20, `${view.keys.sharesPassedOn} shares passed on`)
    assert(view.exposure.octetsByCoalition['2'] > 0, 'some keys rest on two ways')
    for (const what of ['fibre cut', 'Eve on a link', 'node killed', 'country divided']) {
      assert(view.injected[what] > 0, what)
    }
    const { grown, free, claimed, givenUp } = view.octets
    assert.equal(grown, free + claimed + givenUp)
    assert.deepEqual(await hour(seed), view)
  })
}

/** What a fault that is planted in every key store sets off. */
async function planted(tamper: (keystore: Keystore) => Keystore): Promise<string> {
  const [seed] = seedsOr(81)
  const faults = { ...HARD, evesPerLinkDay: 8 }
  const view = await hour(seed, { tamper, faults, minutes: 60, restMinutesMax: 30 })
  return view.faults.join('\n')
}

test('keys that do not wait for Eve to leave are noticed', async () => {
  const faults = await planted((keystore) => ({ ...keystore, quarantine: () => Promise.resolve() }))
  assert.match(faults, /suspect keys wait/)
})

test('withdrawals that are never told are noticed', async () => {
  const faults = await planted((keystore) => ({ ...keystore, pendingVoids: () => [] }))
  assert.match(faults, /all comes to rest/)
})

test('a block that only one end puts to use is noticed', async () => {
  const faults = await planted((keystore) => ({
    ...keystore,
    settle: () => Promise.resolve({ confirmed: 0, voided: 0 }),
  }))
  assert.match(faults, /both ends count the same|all comes to rest/)
})
