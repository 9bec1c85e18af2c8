/**
 * `kill -9` of either daemon, or both, while keys grow and are served, records imported and sent.
 *
 * The load goes on all the time and keeps account of every answer; a daemon that was killed is
 * started again at once. Moments are chosen by what is under way, and a seeded delay.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { SeededRandom } from '#base'
import { HospitalLoad, type Work } from '../support/hospital-load.ts'
import { KeyLedger } from '../support/key-ledger.ts'
import { cohort, expectedTexts, merged, nhsNumbersIn, textsByName } from '../support/records.ts'
import { startTwoSites, type TestSite, type TwoSites } from '../support/two-sites.ts'
import { until } from '../support/until.ts'

/** When a daemon is killed. */
type Moment = Work | 'starting' | 'opening' | 'growing'

const MOMENTS: readonly Moment[] = [
  'growing',
  'serving',
  'importing',
  'sending',
  'starting',
  'fetching',
  'opening',
]
const PATIENTS_A_BUNDLE = 3
const BUNDLES = 40
const SEED = 20_260_120

test('daemons killed at any moment lose and double nothing', { timeout: 600_000 }, async (t) => {
  const sites = await startTwoSites(t)
  const { bristol, cambridge } = sites
  const [organisations, ...patients] = cohort(7, 2 * BUNDLES * PATIENTS_A_BUNDLE)
  const bundles = Array.from({ length: 2 * BUNDLES }, (_, at) =>
    merged(patients.slice(at * PATIENTS_A_BUNDLE, (at + 1) * PATIENTS_A_BUNDLE)),
  )
  for (const site of [bristol, cambridge]) await site.import(organisations)
  const keys = new KeyLedger()
  const loads = [
    new HospitalLoad({ site: bristol, peer: cambridge, keys, bundles: bundles.slice(0, BUNDLES) }),
    new HospitalLoad({ site: cambridge, peer: bristol, keys, bundles: bundles.slice(BUNDLES) }),
  ] as const
  for (const load of loads) load.start()
  try {
    const random = new SeededRandom(SEED)
    for (const moment of MOMENTS) {
      for (const load of loads) await killAt(moment, load, random)
    }
    for (const moment of ['growing', 'sending'] as const) {
      await come(moment, loads[0])
      await Promise.all([bristol.daemon.kill(), cambridge.daemon.kill()])
      await sites.start()
    }
  } finally {
    await Promise.all(loads.map((load) => load.stop()))
  }

  const [out, back] = loads.map(({ sent }) => sent.length)
  t.diagnostic(
    `${keys.madeCount} keys made, ${keys.fetchedCount} fetched, ${out} + ${back} transfers`,
  )

  await t.test('every daemon came back, and the link with new keys', async () => {
    await linkRuns(sites)
  })

  await t.test('no key was delivered twice, and keys are equal at both ends', () => {
    assert.deepEqual(keys.problems, [])
    assert(keys.madeCount > 100, `${keys.madeCount} keys were made`)
    assert(keys.fetchedCount > 100, `${keys.fetchedCount} keys were fetched`)
  })

  await t.test('nothing acknowledged was lost or half there, and nobody was refused', () => {
    for (const { problems, site, imported } of loads) {
      assert.deepEqual(problems, [], site.name)
      assert(imported.length >= 3, `${imported.length} imports at ${site.name}`)
    }
  })

  await t.test('every transfer was delivered, and imported exactly once', async () => {
    for (const { sent } of loads) assert(sent.length > 5, `${sent.length} transfers`)
    for (const { transfer, from } of loads.flatMap(({ sent }) => sent)) {
      const end = await from.finished(transfer)
      assert.equal(end.state, 'delivered', end.reason)
      const to = from === bristol ? cambridge : bristol
      const all = await to.admin.call('transfers', { limit: '1000' }, null)
      const incoming = all.filter((one) => one.transfer === transfer)
      assert.deepEqual(
        incoming.map(({ state, items }) => ({ state, items })),
        [{ state: 'imported', items: end.items }],
      )
      for (const id of end.protection?.keyIds ?? []) assert(!keys.wasMade(id), 'a key served twice')
    }
  })

  await t.test('every record is the same at both ends, and as it was imported', async () => {
    for (const { imported, sent, site, peer } of loads) {
      const wanted = expectedTexts([organisations, ...imported])
      const arrived = new Set(sent.map(({ patient }) => patient))
      for (const number of imported.flatMap(nhsNumbersIn)) {
        const [here] = await patientsWith(site, number)
        const own = await recordAt(site, here)
        for (const [name, text] of own) assert.equal(text, wanted.get(name), name)
        if (!arrived.has(here)) continue
        const [there, ...more] = await patientsWith(peer, number)
        assert.deepEqual(more, [], 'one patient, one record')
        assert.deepEqual(await recordAt(peer, there), own)
      }
    }
  })

  await t.test('log, records and keys verify at both ends', async () => {
    for (const site of [bristol, cambridge]) assert.deepEqual((await site.verify()).faults, [])
  })

  await t.test('a fibre that is killed comes back, and keys grow again', async () => {
    const { daemon, admin } = sites.fibre
    await daemon.kill()
    for (const site of [bristol, cambridge]) {
      await until(`${site.name} notices that its device is gone`, async () => {
        const [link] = (await site.status()).links
        return link.state === 'recovering' || link.state === 'down'
      })
    }
    const before = await bitsOf(bristol)
    await daemon.start()
    await until('both sites reach their devices', async () => {
      return (await admin.call('fibre', {}, null)).connected.length === 2
    })
    await linkRuns(sites)
    await until('more keys than before', async () => (await bitsOf(bristol)) > before)
  })
})

/** Waits for the moment, and a little longer, kills the daemon, and starts it again. */
async function killAt(moment: Moment, load: HospitalLoad, random: SeededRandom): Promise<void> {
  const { daemon } = load.site
  if (moment === 'starting') {
    await daemon.kill()
    daemon.launch()
  } else {
    await come(moment, load)
  }
  await pause(random.below(moment === 'starting' ? 2000 : 200))
  await daemon.kill()
  await daemon.start()
}

async function come(moment: Moment, load: HospitalLoad): Promise<void> {
  const { site } = load
  await until(`${site.name} is ${moment}`, async () => {
    if (isWork(moment)) return load.isUnderWay(moment)
    const [link] = (await site.status()).links
    // A link that opens has no epoch of this run yet; one that grows has made a block in it.
    return moment === 'opening' ? link.state === 'starting' : link.blocksDistilled > 0
  })
}

const isWork = (moment: Moment): moment is Work =>
  moment !== 'starting' && moment !== 'opening' && moment !== 'growing'

async function linkRuns({ bristol, cambridge }: TwoSites): Promise<void> {
  for (const site of [bristol, cambridge]) {
    await until(`the link of ${site.name} makes keys`, async () => {
      const [link] = (await site.status()).links
      return link.state === 'running' && link.blocksDistilled > 0
    })
  }
}

const bitsOf = async (site: TestSite): Promise<number> => {
  const [pool] = await site.admin.call('pools', {}, null)
  return pool.availableBits
}

async function patientsWith(site: TestSite, nhsNumber: string): Promise<readonly string[]> {
  const system = 'https://fhir.nhs.uk/Id/nhs-number'
  const found = await site.admin.call('findPatient', {}, { system, value: nhsNumber })
  return found.map(({ patient }) => patient)
}

const recordAt = async (site: TestSite, patient: string): Promise<Map<string, string>> =>
  textsByName(await site.read(patient))
