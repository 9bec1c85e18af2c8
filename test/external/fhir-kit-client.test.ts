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
import { until } from '../support/until.ts'

type Resource = Record<string, unknown> & { resourceType: string; id: string }
interface Bundle {
  readonly entry?: readonly { readonly resource?: Resource; readonly response?: Answered }[]
  readonly total?: number
}
interface Answered {
  readonly status: string
  readonly location?: string
}

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

test('fhir-kit-client patches, searches, pages, and sends batches and transactions', async (t) => {
  const { site, base, credentials } = await makeFhirSite(t, {
    clients: { 'bristol.ward': 'write' },
  })
  await site.daemon.start()
  const client = clientAt(t, base, fetchAs(t, credentials('bristol.ward')))
  const urn = 'urn:uuid:0198f2b0-0000-4000-8000-00000000000a'
  const flag = { resourceType: 'Flag', status: 'active', code: { text: 'x' } }
  const transaction = {
    ...{ resourceType: 'Bundle', type: 'transaction' },
    entry: [
      {
        fullUrl: urn,
        resource: { resourceType: 'Patient', name: [{ family: 'Winter' }], gender: 'female' },
        request: { method: 'POST', url: 'Patient', ifNoneExist: 'family=Winter' },
      },
      ...['a', 'b', 'c'].map((id) => ({
        resource: { ...flag, id, subject: { reference: urn } },
        request: { method: 'PUT', url: `Flag/${id}` },
      })),
    ],
  }
  const done = (await client.transaction({ body: transaction })) as Bundle
  assert.deepEqual(
    done.entry?.map(({ response }) => response?.status),
    Array<string>(4).fill('201 Created'),
  )
  const again = (await client.transaction({ body: transaction })) as Bundle
  assert.equal(again.entry?.[0].response?.status, '200 OK')

  const searchParams = { name: 'win', _revinclude: 'Flag:subject' }
  const found = (await client.search({ resourceType: 'Patient', searchParams })) as Bundle
  assert.deepEqual([found.total, found.entry?.length], [1, 4])
  const id = found.entry?.[0].resource?.id ?? ''
  const options = { postSearch: true }
  const posted = await client.search({ resourceType: 'Patient', searchParams, options })
  assert.equal(posted['total'], 1)
  let page = await client.search({ resourceType: 'Flag', searchParams: { _count: 2 } })
  assert.equal((page as Bundle).entry?.length, 2)
  page = (await client.nextPage({ bundle: page as never })) as typeof page
  assert.equal((page as Bundle).entry?.length, 1)
  const compartment = { resourceType: 'Patient', id }
  const own = (await client.compartmentSearch({ resourceType: 'Flag', compartment })) as Bundle
  assert.equal(own.entry?.length, 3)
  const everything = await client.operation({
    ...{ name: 'everything', resourceType: 'Patient', id, method: 'GET' },
  })
  assert.equal(((everything as Bundle).entry ?? []).length, 4)

  const jsonPatch = [{ op: 'replace' as const, path: '/gender', value: 'other' }]
  const patched = await client.patch({ resourceType: 'Patient', id, jsonPatch })
  assert.equal(patched['gender'], 'other')

  const batch = {
    ...{ resourceType: 'Bundle', type: 'batch' },
    entry: [
      { request: { method: 'GET', url: `Patient/${id}` } },
      { request: { method: 'DELETE', url: 'Flag/a' } },
      { request: { method: 'GET', url: 'Flag/nobody' } },
    ],
  }
  const answered = (await client.batch({ body: batch })) as Bundle
  assert.deepEqual(
    answered.entry?.map(({ response }) => response?.status),
    ['200 OK', '204 No Content', '404 Not Found'],
  )
  const { faults } = await site.verify()
  assert.deepEqual(faults, [])
})

test('fhir-kit-client matches, merges, summarises, exports and asks by GraphQL', async (t) => {
  const { site, base, credentials } = await makeFhirSite(t, {
    clients: { 'bristol.ward': 'write' },
  })
  await site.daemon.start()
  const ask = fetchAs(t, credentials('bristol.ward'))
  const client = clientAt(t, base, ask)
  const patient = (id: string) => ({
    ...{ resourceType: 'Patient', id, birthDate: '1961-03-12' },
    name: [{ family: 'Winter', given: ['Ada'] }],
  })
  for (const id of ['a', 'b']) {
    await client.update({ resourceType: 'Patient', id, body: patient(id) })
    const subject = { reference: `Patient/${id}` }
    const body = { resourceType: 'Flag', id, status: 'active', code: { text: 'x' }, subject }
    await client.update({ resourceType: 'Flag', id, body })
  }
  const about = { name: 'resource', resource: { ...patient('a'), id: undefined } }
  const found = (await client.operation({
    ...{ name: 'match', resourceType: 'Patient', method: 'POST' },
    input: { resourceType: 'Parameters', parameter: [about] },
  })) as Bundle
  assert.deepEqual(found.entry?.map(({ resource }) => resource?.id).toSorted(), ['a', 'b'])
  const referring = (name: string, id: string) => ({
    ...{ name, valueReference: { reference: `Patient/${id}` } },
  })
  await client.operation({
    ...{ name: 'merge', resourceType: 'Patient', method: 'POST' },
    input: {
      resourceType: 'Parameters',
      parameter: [referring('source-patient', 'a'), referring('target-patient', 'b')],
    },
  })
  const searchParams = { subject: 'Patient/b' }
  const flags = (await client.resourceSearch({ resourceType: 'Flag', searchParams })) as Bundle
  assert.equal(flags.entry?.length, 2)
  const summary = (await client.operation({
    ...{ name: 'summary', resourceType: 'Patient', id: 'b', method: 'GET' },
  })) as Bundle
  assert.equal(summary.entry?.[0].resource?.resourceType, 'Composition')
  const answer = (await client.operation({
    ...{ name: 'graphql', method: 'GET' },
    input: { query: '{ PatientConnection { count } }' },
  })) as unknown as { readonly data: { readonly PatientConnection: { readonly count: number } } }
  assert.equal(answer.data.PatientConnection.count, 2)

  const begun = await ask(`${base}/$export`, { headers: { prefer: 'respond-async' } })
  const status = begun.headers.get('content-location') ?? ''
  assert.equal(begun.status, 202)
  const manifest = await until('the export is done', async () => {
    const polled = await ask(status)
    return polled.status === 200
      ? ((await polled.json()) as { output: { type: string; url: string; count: number }[] })
      : undefined
  })
  const counts = manifest.output.map(({ type, count }) => `${type} ${count}`).toSorted()
  assert.deepEqual(counts, ['Flag 2', 'Patient 2'])
  const file = await (await ask(manifest.output[0].url)).text()
  assert.equal(file.trimEnd().split('\n').length, 2)
  assert.equal((await ask(status, { method: 'DELETE' })).status, 202)
  const { faults } = await site.verify()
  assert.deepEqual(faults, [])
})
