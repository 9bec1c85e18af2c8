/**
 * SKIP over the same key stores as GS QKD 014, by the same rules.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromBase64, hex, PortRefusal } from '#base'
import type { Keystore } from '#keystore'
import { Shares } from '#kme'
import { archive, call, clinic, dec, enc, imaging, keyIdsOf, Pair, ward } from './two-kmes.test.ts'

async function pair(keys = 8): Promise<Pair> {
  const two = await new Pair().open()
  await two.grow(keys)
  return two
}

const newKey = (remote: string, more = ''): string => `/key?remoteSystemID=${remote}${more}`
const oldKey = (id: unknown, remote: string): string =>
  `/key/${String(id)}?remoteSystemID=${remote}`

test('an encryptor makes a key, and the other fetches it once', async () => {
  const two = await pair()
  const made = await call(two.a, archive, { path: newKey(ward) })
  assert.equal(made.status, 200)
  assert.deepEqual(Object.keys(made.body), ['keyId', 'key'])
  assert.match(String(made.body['key']), /^[0-9a-f]{64}$/)
  assert.match(String(made.body['keyId']), /^[0-9a-f]{32}$/)
  const fetched = await call(two.b, ward, { path: oldKey(made.body['keyId'], archive) })
  assert.deepEqual(fetched.body, made.body)
  const again = await call(two.b, ward, { path: oldKey(made.body['keyId'], archive) })
  assert.equal(again.status, 400)
  const long = await call(two.a, archive, { path: newKey(ward, '&size=512') })
  assert.equal(String(long.body['key']).length, 128)
  two.assertCountsAgree()
})

test('SKIP and GS QKD 014 give the same keys', async () => {
  const two = await pair()
  const made = await call(two.a, archive, { path: enc(ward) })
  const [key] = made.body.keys ?? []
  const fetched = await call(two.b, ward, { path: oldKey(key.key_ID.toUpperCase(), archive) })
  assert.equal(fetched.body['key'], hex(fromBase64(key.key)))
  const other = await call(two.b, ward, { path: dec(archive), body: keyIdsOf(made) })
  assert.equal(other.status, 400)
})

test('capabilities name the caller and the SAEs a key may be shared with', async () => {
  const two = await new Pair().open({ kme: { inside: [clinic] } })
  const { body } = await call(two.a, archive, { path: '/capabilities' })
  assert.deepEqual(body, {
    ...{ entropy: true, key: true, algorithm: 'QKD' },
    ...{ localSystemID: archive, remoteSystemID: [ward] },
  })
})

test('entropy has as many bits as asked for, and is never the same', async () => {
  const two = await pair()
  const seen = new Set<unknown>()
  for (const [query, octets, bits] of [
    ['', 32, 256],
    ['', 32, 256],
    ['?minentropy=128', 16, 128],
    ['?minentropy=129', 17, 129],
  ] as const) {
    const { status, body } = await call(two.a, archive, { path: `/entropy${query}` })
    assert.equal(status, 200)
    assert.equal(String(body['randomStr']).length, octets * 2)
    assert.equal(body['minentropy'], bits)
    seen.add(body['randomStr'])
  }
  assert.equal(seen.size, 4)
})

test('what is wrong has the status that the draft gives it', async () => {
  const two = await pair(2)
  const id = '0'.repeat(32)
  const cases: readonly (readonly [number, string, string?])[] = [
    [400, '/key'],
    [400, newKey('nobody')],
    [400, newKey(archive)],
    [400, newKey(imaging)],
    [400, newKey('a%20b')],
    [400, newKey(ward, `&remoteSystemID=${clinic}`)],
    [400, newKey(ward, '&size=1')],
    [400, newKey(ward, '&size=257')],
    [400, newKey(ward, '&size=x')],
    [400, oldKey(id, ward)],
    [400, oldKey('x', ward)],
    [400, oldKey(id, archive)],
    [400, '/entropy?minentropy=0'],
    [400, '/entropy?minentropy=4097'],
    [404, '/keys'],
    [404, '/key/'],
    [404, `/key/${id}/more`],
    [405, newKey(ward), 'POST'],
    [405, '/capabilities', 'PUT'],
    [503, newKey(ward, '&size=4096')],
  ]
  for (const [status, path, method = 'GET'] of cases) {
    const answer = await call(two.a, archive, { path, method })
    assert.equal(answer.status, status, path)
    assert.equal(typeof answer.body.message, 'string')
    if (status === 405) assert.equal(answer.headers['allow'], 'GET')
    if (status === 503) assert.equal(answer.headers['retry-after'], '1')
  }
  assert.equal((await call(two.a, undefined, { path: '/capabilities' })).status, 401)
  const made = await call(two.a, archive, { path: newKey(ward) })
  const stolen = await call(two.b, clinic, { path: oldKey(made.body['keyId'], archive) })
  assert.equal(stolen.status, 400)
  two.fault = () => 'lost'
  assert.equal((await call(two.a, archive, { path: newKey(ward) })).status, 503)
})

test('a store that fails is an internal error', async () => {
  const refuse = () => Promise.reject(new PortRefusal('STORE_FAILED', 'The disk is full'))
  const between = (keystore: Keystore): Keystore => ({ ...keystore, reserve: refuse })
  const two = await new Pair().open({ between })
  await two.grow(4)
  assert.equal((await call(two.a, archive, { path: newKey(ward) })).status, 500)
})

test('SKIP takes no more than its share, nor calls beyond its rate', async () => {
  const two = new Pair()
  const shares = new Shares(two.time.view(), { saeShare: 0.5, requestsPerSecond: 3 })
  await two.open({ kme: { shares, limitRate: shares.request } })
  await two.grow(4)
  const statuses: number[] = []
  for (let at = 0; at < 4; at++) {
    statuses.push((await call(two.a, archive, { path: newKey(ward) })).status)
  }
  assert.deepEqual(statuses, [200, 200, 503, 503])
  for (let at = 0; at < 2; at++) await call(two.a, archive, { path: '/capabilities' })
  assert.equal((await call(two.a, archive, { path: '/capabilities' })).status, 503)
})

test('whatever is asked of SKIP, the answer is JSON with a status of its table', async () => {
  const two = await pair(64)
  const made = await call(two.a, archive, { path: newKey(ward) })
  const id = String(made.body['keyId'])
  const name = fc.oneof(fc.constantFrom(ward, archive, clinic, id, ''), fc.string())
  const path = fc.oneof(
    fc.constantFrom('/key', '/capabilities', '/entropy', `/key/${id}`),
    name.map((one) => `/key/${encodeURIComponent(one.toWellFormed())}`),
  )
  const member = fc.constantFrom('remoteSystemID', 'size', 'minentropy', 'x')
  const value = fc.oneof(name, fc.integer({ min: -9, max: 5000 }).map(String))
  const query = fc.array(fc.tuple(member, value), { maxLength: 3 })
  const seen = new Map<number, number>()
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        ...{ method: fc.constantFrom('GET', 'GET', 'GET', 'POST', ''), path, query },
        caller: fc.constantFrom(archive, ward, undefined),
        end: fc.constantFrom(two.a, two.b),
      }),
      async ({ end, caller, method, path, query }) => {
        const asked = `${path}?${new URLSearchParams(query).toString()}`
        const { status, body } = await call(end, caller, { path: asked, method })
        seen.set(status, (seen.get(status) ?? 0) + 1)
        if (status !== 200) assert.equal(typeof body.message, 'string')
        else assert(['key', 'randomStr', 'localSystemID'].some((one) => one in body))
      },
    ),
    { seed: 8784, numRuns: 1500 },
  )
  const statuses = [...seen.keys()]
  assert(
    statuses.every((one) => [200, 400, 401, 404, 405, 503].includes(one)),
    String(statuses),
  )
  assert(statuses.includes(200) && (seen.get(200) ?? 0) > 20)
})
