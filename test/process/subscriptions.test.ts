/**
 * Subscriptions at a real daemon: an endpoint over TLS is told what happened while nobody could tell
 * it, without any of it, and only of what whoever subscribed may see when it is looked at.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { newEndpoint, type Endpoint } from '../support/endpoint.ts'
import { fetchAs, makeFhirSite } from '../support/fhir-site.ts'
import { DaemonProcess } from '../support/processes.ts'
import { until } from '../support/until.ts'

type Resource = Readonly<Record<string, unknown>> & { readonly resourceType: string; id: string }

const SUBJECT = { reference: 'Patient/a' }
const weight = (id: string): Resource => ({
  ...{ resourceType: 'Observation', id, status: 'final', code: { text: 'weight' } },
  subject: SUBJECT,
})
const flag = (id: string): Resource => ({
  ...{ resourceType: 'Flag', id, status: 'active', code: { text: 'falls' }, subject: SUBJECT },
})
const subscription = (endpoint: Endpoint, id: string, criteria: string): Resource => ({
  ...{ resourceType: 'Subscription', id, status: 'requested', reason: 'new', criteria },
  channel: {
    ...{ type: 'rest-hook', endpoint: `${endpoint.base}/hooks/${id}` },
    header: [`Authorization: Bearer ${id}`],
  },
})

/** A site whose daemon trusts the endpoint, and its clients. */
async function scene(t: TestContext) {
  const endpoint = await newEndpoint(t)
  const made = await makeFhirSite(t, {
    clients: { 'bristol.ward': 'write', 'bristol.his': 'write' },
  })
  const { site, base, credentials } = made
  site.configure(({ fhir }) => {
    Object.assign(fhir as object, { hookEndpoints: [`${endpoint.base}/hooks/`] })
  })
  const daemon = new DaemonProcess('bristol', ['--site', site.folder, '--json', 'serve'], {
    wrap: ['/usr/bin/env', `NODE_EXTRA_CA_CERTS=${endpoint.authority}`],
  })
  t.after(() => daemon.kill())
  const clientOf = (name: string) => {
    const ask = fetchAs(t, credentials(name))
    const put = async (resource: Resource): Promise<number> => {
      const url = `${base}/${resource.resourceType}/${resource.id}`
      const headers = { 'content-type': 'application/fhir+json' }
      return (await ask(url, { method: 'PUT', headers, body: JSON.stringify(resource) })).status
    }
    const get = async (name: string) =>
      (await (await ask(`${base}/${name}`)).json()) as Readonly<Record<string, unknown>>
    return { put, get }
  }
  const told = (id: string): number =>
    endpoint.knocks.filter(({ line }) => line === `POST /hooks/${id}`).length
  return {
    endpoint,
    site,
    daemon,
    told,
    ward: clientOf('bristol.ward'),
    his: clientOf('bristol.his'),
  }
}

test('an endpoint is told after a kill -9 between event and delivery, and rights count then', async (t) => {
  const { endpoint, site, daemon, told, ward, his } = await scene(t)
  await endpoint.open()
  await daemon.start()
  await his.put({ resourceType: 'Patient', id: 'a' })
  const elsewhere = { ...subscription(endpoint, 'x', 'Flag?patient=Patient/a') }
  const channel = { type: 'rest-hook', endpoint: 'https://127.0.0.1:1/hooks/x' }
  assert.equal(await ward.put({ ...elsewhere, channel }), 422, 'an endpoint that nobody listed')
  assert.equal(await ward.put(subscription(endpoint, 'w', 'Observation?status=final')), 201)
  assert.equal(await ward.put(subscription(endpoint, 'f', 'Flag?patient=Patient/a')), 201)
  const isActive = async (id: string) =>
    (await ward.get(`Subscription/${id}`))['status'] === 'active'
  await until('both are active', async () => (await isActive('w')) && (await isActive('f')))
  assert.deepEqual([told('w'), told('f')], [1, 1], 'each was tried')

  await endpoint.close()
  assert.equal(await his.put(weight('one')), 201)
  await daemon.kill('SIGKILL')
  assert.deepEqual([told('w'), told('f')], [1, 1])
  await endpoint.open()
  await daemon.start()
  await until('the endpoint is told', () => told('w') > 1)
  for (const { line, authorization, octets } of endpoint.knocks) {
    assert.equal(authorization, `Bearer ${line.slice(-1)}`)
    assert.equal(octets, 0, 'nothing of a record is sent')
  }
  assert.equal(told('f'), 1, 'of what does not fit nobody is told')

  await endpoint.close()
  assert.equal(await his.put(weight('two')), 201)
  assert.equal(await his.put(flag('two')), 201)
  await daemon.kill('SIGKILL')
  const before = told('w')
  site.configure(({ fhir }) => {
    const scopes = 'system/Flag.rs system/Patient.rs system/Subscription.cruds'
    const clients = [
      { name: 'bristol.ward', scopes },
      { name: 'bristol.his', may: 'write' },
    ]
    Object.assign(fhir as object, { clients })
  })
  await endpoint.open()
  await daemon.start()
  await until('the endpoint is told of the flag', () => told('f') > 1)
  assert.equal(await his.put(flag('three')), 201)
  await until('and of the next', () => told('f') > 2)
  assert.equal(told('w'), before, 'of what may not be seen any more nobody is told')
})

test('an endpoint that does not answer is asked ever later, then it is in error, until asked for again', async (t) => {
  const { endpoint, daemon, told, ward } = await scene(t)
  endpoint.answer(503)
  await endpoint.open()
  await daemon.start()
  assert.equal(await ward.put(subscription(endpoint, 's', 'Flag?patient=Patient/a')), 201)
  const isIn = (status: string) => async (): Promise<boolean> =>
    (await ward.get('Subscription/s'))['status'] === status
  await until('it is in error', isIn('error'))
  assert.match(String((await ward.get('Subscription/s'))['error']), /does not answer/)
  assert.equal(told('s'), 3)
  const [first, second, third] = endpoint.knocks.map(({ at }) => at)
  assert(second - first >= 4900 && third - second >= 9900, `${second - first}, ${third - second}`)
  endpoint.answer(200)
  assert.equal(await ward.put(subscription(endpoint, 's', 'Flag?patient=Patient/a')), 200)
  await until('it is active', isIn('active'))
  assert.equal(told('s'), 4)
  assert.equal((await ward.get('Subscription/s'))['error'], undefined)
})
