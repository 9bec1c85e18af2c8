/**
 * A backend service of today, over the FHIR client of npm: it finds out where tokens are to be had,
 * proves itself with a key of its own, and then reads and writes with the token and no certificate.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { Client } from 'fhir-kit-client'
import { SignJWT } from 'jose'
import { fetchAs, makeFhirSite } from '../support/fhir-site.ts'

const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

test('a backend service signs on by SMART, reads, writes, and is out when it is removed', async (t) => {
  const { site, base, credentials } = await makeFhirSite(t, {
    clients: { 'bristol.ward': 'write' },
  })
  site.configure((value) => Object.assign(value['fhir'] as object, { tokens: true }))
  await site.daemon.start()
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const jwks = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1' }] })
  await site.admin.call(
    'addApp',
    {},
    {
      ...{ client: 'his', name: 'Hospital system', jwks },
      scope: 'system/Patient.cruds',
    },
  )
  const { ca } = credentials('bristol.ward')
  const bare = fetchAs(t, { ca })
  const own = globalThis.fetch
  globalThis.fetch = bare
  t.after(() => (globalThis.fetch = own))

  const client = new Client({ baseUrl: base })
  const { tokenUrl } = await client.smartAuthMetadata()
  const assertion = (key = privateKey) =>
    new SignJWT({ jti: randomUUID() })
      .setProtectedHeader({ alg: 'ES384', kid: 'k1', typ: 'JWT' })
      .setIssuer('his')
      .setSubject('his')
      .setAudience(String(tokenUrl))
      .setExpirationTime('2 min')
      .sign(key)
  const ask = async (client_assertion: string) =>
    await bare(String(tokenUrl), {
      method: 'POST',
      body: new URLSearchParams({
        ...{ grant_type: 'client_credentials', scope: 'system/Patient.crus' },
        ...{ client_assertion_type: JWT_BEARER, client_assertion },
      }),
    })
  const proof = await assertion()
  const granted = await ask(proof)
  assert.equal(granted.status, 200)
  assert.equal(granted.headers.get('cache-control'), 'no-store')
  const { access_token: token } = (await granted.json()) as { access_token: string }
  assert.equal((await ask(proof)).status, 401, 'an assertion is good once')

  client.bearerToken = token
  const body = { resourceType: 'Patient', name: [{ family: 'Winter' }] }
  const made = (await client.create({ resourceType: 'Patient', body })) as unknown as { id: string }
  const read = await client.read({ resourceType: 'Patient', id: made.id })
  assert.deepEqual(read['name'], body.name)
  const patient = { resourceType: 'Patient', id: made.id }
  const statusOf = async (asked: Promise<unknown>) =>
    await asked.then(
      () => 200,
      (error: unknown) => (error as { response: { status: number } }).response.status,
    )
  assert.equal(await statusOf(client.delete(patient)), 403, 'a scope that was not granted')
  assert.equal(await statusOf(client.search({ resourceType: 'Observation' })), 403)
  for (const bad of [`${token}x`, 'x', token.slice(0, -4)]) {
    client.bearerToken = bad
    assert.equal(await statusOf(client.read(patient)), 401)
  }
  const nobody = await bare(`${base}/Patient/${made.id}`)
  assert.deepEqual([nobody.status, nobody.headers.get('www-authenticate')], [401, 'Bearer'])

  client.bearerToken = token
  assert.equal(await statusOf(client.read(patient)), 200)
  await site.admin.call('removeApp', { client: 'his' }, null)
  assert.equal(await statusOf(client.read(patient)), 401, 'an app that is gone')
  assert.equal((await ask(await assertion())).status, 401)
})
