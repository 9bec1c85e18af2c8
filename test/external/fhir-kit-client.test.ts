/**
 * FHIR as a foreign client speaks it: fhir-kit-client against a real daemon, over TLS 1.3 with
 * client certificates.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Client } from 'fhir-kit-client'
import { fetchAs, makeFhirSite } from '../support/fhir-site.ts'

type Resource = Record<string, unknown> & { resourceType: string; id: string }

/** The client, which uses the global `fetch`. */
function clientAt(t: TestContext, base: string, ask: typeof fetch): Client {
  t.mock.method(globalThis, 'fetch', ask)
  return new Client({ baseUrl: base })
}

const statusOf = (error: unknown): number | undefined =>
  (error as { response?: { status: number } }).response?.status

test('fhir-kit-client creates, reads, updates, deletes and looks back', async (t) => {
  const { site, base, credentials } = await makeFhirSite(t, {
    clients: { 'bristol.ward': 'write', 'bristol.viewer': 'read' },
  })
  await site.daemon.start()
  const client = clientAt(t, base, fetchAs(t, credentials('bristol.ward')))

  const capabilities = await client.capabilityStatement()
  assert.equal(capabilities['fhirVersion'], '4.0.1')

  const body = { resourceType: 'Patient', name: [{ family: 'Winter' }], birthDate: '1980-02' }
  const made = (await client.create({ resourceType: 'Patient', body })) as Resource
  const { id } = made
  const read = (await client.read({ resourceType: 'Patient', id })) as Resource
  assert.deepEqual(read, made)
  assert.equal(read['birthDate'], '1980-02')

  const changed = { ...read, active: true }
  await client.update({ resourceType: 'Patient', id, body: changed })
  const older = await client.vread({ resourceType: 'Patient', id, version: '1' })
  assert.equal(older['active'], undefined)
  const stale = { headers: { 'if-match': 'W/"1"' } }
  await assert.rejects(
    client.update({ resourceType: 'Patient', id, body: changed, options: stale }),
    (error) => statusOf(error) === 412,
  )

  await client.delete({ resourceType: 'Patient', id })
  await assert.rejects(
    client.read({ resourceType: 'Patient', id }),
    (error) => statusOf(error) === 410,
  )
  for (const history of [
    await client.resourceHistory({ resourceType: 'Patient', id }),
    await client.typeHistory({ resourceType: 'Patient' }),
    await client.systemHistory(),
  ]) {
    assert.equal((history['entry'] as unknown[]).length, 3)
  }

  const viewer = fetchAs(t, credentials('bristol.viewer'))
  const asked = { method: 'POST', headers: { 'content-type': 'application/fhir+json' } }
  const refused = await viewer(`${base}/Patient`, { ...asked, body: JSON.stringify(body) })
  assert.equal(refused.status, 403)
  assert.equal((await viewer(`${base}/Patient/${id}/_history/1`)).status, 200)
  const { faults } = await site.verify()
  assert.deepEqual(faults, [])
})
