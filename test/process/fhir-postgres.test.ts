/**
 * The FHIR server of a real daemon over PostgreSQL: killed under load, and cut off from its
 * database.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PostgresCluster, withoutPostgres } from '#world/ports'
import { fetchAs, makeFhirSite } from '../support/fhir-site.ts'
import { killUnderCharts } from '../support/killed-charts.ts'
import { until } from '../support/until.ts'

const WARD = 'bristol.ward'
const FHIR = { 'content-type': 'application/fhir+json' }

test('a FHIR server over PostgreSQL', { skip: withoutPostgres(), timeout: 300_000 }, async (t) => {
  await using cluster = await PostgresCluster.start()
  const served = await makeFhirSite(t, { clients: { [WARD]: 'write' } })
  const { site, base, credentials } = served
  const place = cluster.database()
  site.configure((value) => (value['store'] = { kind: 'postgres', ...place }))
  const ask = fetchAs(t, credentials(WARD))

  await t.test('loses no acknowledged write in a kill, and leaves no half transaction', () =>
    killUnderCharts(served, ask),
  )

  await t.test('without its database answers 503 with an outcome, and recovers', async () => {
    const write = (): Promise<Response> =>
      ask(`${base}/Patient/kept`, {
        ...{ method: 'PUT', headers: FHIR, body: '{"resourceType":"Patient","id":"kept"}' },
      })
    assert.equal((await write()).status, 201)
    await cluster.stop()
    for (const answer of [await ask(`${base}/Patient/kept`), await write()]) {
      assert.equal(answer.status, 503)
      const outcome = (await answer.json()) as { resourceType: string; issue: { code: string }[] }
      assert.equal(outcome.resourceType, 'OperationOutcome')
      assert.equal(outcome.issue[0].code, 'transient')
    }
    await cluster.resume()
    const read = await until('records are served again', async () => {
      const answer = await ask(`${base}/Patient/kept`)
      return answer.status === 200 ? answer : undefined
    })
    assert.equal(((await read.json()) as { id: string }).id, 'kept')
    assert.equal((await write()).status, 200)
  })

  await t.test('is whole', async () => {
    assert.deepEqual((await site.verify()).faults, [])
  })
})
