import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readableFrom } from './cors.ts'
import type { WebRequest } from './web-request.ts'

const APP = 'https://growth.example'

const request = (method: string, headers: Readonly<Record<string, string>>): WebRequest => ({
  ...{ method, path: '/fhir/Patient', query: new URLSearchParams(), contentType: undefined },
  ...{ body: new Uint8Array(0), address: undefined, header: (name) => headers[name] },
})

let asked = 0
const served = readableFrom([APP], () => {
  asked++
  return Promise.resolve({ status: 200, headers: { etag: 'W/"1"' }, body: '{}' })
})
const preflight = { 'access-control-request-method': 'GET' }

test('a page of a named origin may read answers, without credentials', async () => {
  const { status, headers = {} } = await served(request('GET', { origin: APP }))
  assert.equal(status, 200)
  assert.deepEqual([headers['access-control-allow-origin'], headers['etag']], [APP, 'W/"1"'])
  assert.equal(headers['vary'], 'Origin')
  assert.equal(headers['access-control-allow-credentials'], undefined)
})

test('a preflight is answered without asking, for that origin alone', async () => {
  const before = asked
  const good = await served(request('OPTIONS', { origin: APP, ...preflight }))
  assert.deepEqual([good.status, good.headers?.['access-control-allow-origin']], [204, APP])
  assert.match(good.headers?.['access-control-allow-headers'] ?? '', /Authorization/)
  const bad = await served(request('OPTIONS', { origin: 'https://evil.example', ...preflight }))
  assert.deepEqual(bad.headers, { vary: 'Origin' })
  assert.equal(asked, before)
})

test('no other origin is told anything, however near it is', async () => {
  for (const origin of [
    'https://growth.example:8443',
    'http://growth.example',
    'https://growth.example.evil.example',
    'https://GROWTH.example',
    'https://growth.example/',
    'null',
    '*',
  ]) {
    const { headers } = await served(request('GET', { origin }))
    assert.equal(headers?.['access-control-allow-origin'], undefined, origin)
  }
  const { headers } = await served(request('GET', {}))
  assert.equal(headers?.['access-control-allow-origin'], undefined)
})

test('where nothing is configured answers stay as they are', async () => {
  const bare = readableFrom([], () => Promise.resolve({ status: 200, body: '' }))
  assert.deepEqual(await bare(request('GET', { origin: APP })), { status: 200, body: '' })
})
