/**
 * Two hospitals whose daemons keep everything in PostgreSQL: killed under load, cut off from their
 * database, and verified.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PostgresCluster, withoutPostgres } from '#world/ports'
import { HospitalLoad } from '../support/hospital-load.ts'
import { KeyLedger } from '../support/key-ledger.ts'
import { cohort, merged } from '../support/records.ts'
import { makeTwoSites } from '../support/two-sites.ts'
import { until } from '../support/until.ts'

const skip = withoutPostgres()
const BUNDLES = 12

test('two hospitals over PostgreSQL', { skip, timeout: 300_000 }, async (t) => {
  await using cluster = await PostgresCluster.start()
  const sites = await makeTwoSites(t)
  const { bristol, cambridge } = sites
  for (const site of [bristol, cambridge]) {
    const place = cluster.database()
    site.configure((value) => (value['store'] = { kind: 'postgres', ...place }))
  }
  await sites.start()
  await Promise.all([bristol.hasKeys(100), cambridge.hasKeys(100)])
  const [organisations, ...patients] = cohort(7, 2 * BUNDLES)
  const bundles = patients.map((patient) => merged([patient]))
  for (const site of [bristol, cambridge]) await site.import(organisations)
  const keys = new KeyLedger()
  const loads = [
    new HospitalLoad({ site: bristol, peer: cambridge, keys, bundles: bundles.slice(0, BUNDLES) }),
    new HospitalLoad({ site: cambridge, peer: bristol, keys, bundles: bundles.slice(BUNDLES) }),
  ] as const

  await t.test('daemons killed under load come back, and no key is out twice', async () => {
    for (const load of loads) load.start()
    try {
      for (const site of [bristol, cambridge, bristol, cambridge]) {
        const before = keys.fetchedCount
        await until('keys are fetched', () => keys.fetchedCount > before + 20)
        await site.daemon.kill()
        await site.daemon.start()
      }
      const before = keys.fetchedCount
      await until('keys are fetched again', () => keys.fetchedCount > before + 20)
    } finally {
      await Promise.all(loads.map((load) => load.stop()))
    }
    assert.deepEqual(keys.problems, [])
    for (const { problems, site } of loads) assert.deepEqual(problems, [], site.name)
    t.diagnostic(`${keys.madeCount} keys made, ${keys.fetchedCount} fetched`)
  })

  await t.test('every transfer arrived', async () => {
    for (const { transfer, from } of loads.flatMap(({ sent }) => sent)) {
      const end = await from.finished(transfer)
      assert.equal(end.state, 'delivered', end.reason)
    }
  })

  await t.test('without its database a site answers 503, and serves again with it', async () => {
    await cluster.stop()
    const answer = await bristol.ward.ask('GET', 'cambridge.ward/enc_keys')
    assert.equal(answer.status, 503)
    assert.equal(await bristol.ward.decKeys('cambridge.ward', [NOBODYS]), undefined)
    await cluster.resume()
    const [key] = await until('keys are served', () => bristol.ward.encKeys('cambridge.ward'))
    const fetched = await cambridge.ward.decKeys('bristol.ward', [key.key_ID])
    assert.deepEqual(fetched, [key])
  })

  await t.test('log, records and keys are whole', async () => {
    for (const site of [bristol, cambridge]) {
      const { faults } = await site.verify()
      assert.deepEqual(faults, [], site.name)
    }
  })
})

const NOBODYS = '00000000-0000-4000-8000-000000000000'
