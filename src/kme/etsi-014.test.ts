/**
 * ETSI GS QKD 014 V1.1.1, clause by clause: every member, rule and refusal of its three methods.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  archive,
  assertRefused,
  bristol,
  call,
  cambridge,
  certificate,
  clinic,
  dec,
  enc,
  imaging,
  keyIdsOf,
  office,
  Pair,
  statusOf,
  ward,
} from './two-kmes.test.ts'

const NOT_FOUND = 'one or more keys specified are not found on KME'
const UUID_4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

async function pair(options: Parameters<Pair['open']>[0] = {}, keys = 8): Promise<Pair> {
  const two = await new Pair().open(options)
  await two.grow(keys)
  return two
}

test('§6.1 status has every member, with figures that are true', async () => {
  const two = await pair({ limits: { linkOctetsMax: 4096 } })
  const { status, body } = await call(two.a, archive, { path: statusOf(ward) })
  assert.equal(status, 200)
  assert.deepEqual(body, {
    source_KME_ID: 'kme.bristol',
    target_KME_ID: 'kme.cambridge',
    master_SAE_ID: archive,
    slave_SAE_ID: ward,
    key_size: 256,
    stored_key_count: 8,
    max_key_count: 64,
    max_key_per_request: 128,
    max_key_size: 4096,
    min_key_size: 64,
    max_SAE_ID_count: 8,
  })
  await call(two.a, archive, { path: enc(ward), body: { number: 3 } })
  const after = await call(two.a, archive, { path: statusOf(ward) })
  assert.equal(after.body['stored_key_count'], 5)
  const other = await call(two.b, ward, { path: statusOf(archive) })
  assert.equal(other.body['stored_key_count'], 8)
})

test('§5.2 an empty GET gives one key of the default size, and dec_keys the same key', async () => {
  const two = await pair()
  const made = await call(two.a, archive, { path: enc(ward) })
  assert.equal(made.status, 200)
  assert.deepEqual(Object.keys(made.body), ['keys'])
  const [key] = made.body.keys ?? []
  assert.deepEqual(Object.keys(key), ['key_ID', 'key'])
  assert.match(key.key_ID, UUID_4)
  assert.match(key.key, BASE64)
  assert.equal(Buffer.from(key.key, 'base64').length, 32)
  const got = await call(two.b, ward, { path: `${dec(archive)}?key_ID=${key.key_ID}` })
  assert.deepEqual(got, made)
})

test('§6.2 number and size by GET and by POST, in every size of the range', async () => {
  const two = await pair({}, 100)
  for (const size of [64, 72, 80, 88, 256, 1024, 4096]) {
    for (const byGet of [true, false]) {
      const request = byGet
        ? { path: `${enc(ward)}?number=2&size=${size}` }
        : { path: enc(ward), body: { number: 2, size } }
      const made = await call(two.a, archive, request)
      assert.equal(made.status, 200, JSON.stringify(made.body))
      assert.equal(made.body.keys?.length, 2)
      for (const { key } of made.body.keys ?? []) {
        assert.match(key, BASE64)
        assert.equal(Buffer.from(key, 'base64').toString('base64'), key)
        assert.equal(Buffer.from(key, 'base64').length * 8, size)
      }
      const got = await call(two.b, ward, { path: dec(archive), body: keyIdsOf(made) })
      assert.deepEqual(got.body, made.body)
    }
  }
})

test('a POST without body and without Content-Type is a request with all defaults', async () => {
  const two = await pair()
  const bare = { method: 'POST', path: enc(ward) }
  for (const request of [
    bare,
    { ...bare, contentType: 'application/json' },
    { ...bare, body: {} },
    { ...bare, body: '{}', contentType: 'application/json; charset=UTF-8' },
    { ...bare, body: ' {\n} ' },
  ]) {
    const made = await call(two.a, archive, request)
    assert.equal(made.status, 200)
    assert.equal(made.body.keys?.length, 1)
  }
})

test('keys come in the order asked for', async () => {
  const two = await pair()
  const made = await call(two.a, archive, { path: enc(ward), body: { number: 5 } })
  const keys = (made.body.keys ?? []).toReversed()
  const key_IDs = keys.map(({ key_ID }) => ({ key_ID: key_ID.toUpperCase() }))
  const got = await call(two.b, ward, { path: dec(archive), body: { key_IDs } })
  assert.deepEqual(got.body.keys, keys)
})

test('§6.6 a key is given once; unknown, used and foreign masters look alike', async () => {
  const two = await pair()
  const made = await call(two.a, archive, { path: enc(ward), body: { number: 2 } })
  const request = { path: dec(archive), body: keyIdsOf(made) }
  const [first] = request.body.key_IDs
  assertRefused(await call(two.b, ward, { ...request, path: dec(imaging) }), 400, NOT_FOUND)
  assert.equal(
    (await call(two.b, ward, { path: dec(archive), body: { key_IDs: [first] } })).status,
    200,
  )
  assertRefused(await call(two.b, ward, request), 400, NOT_FOUND)
  const unknown = { key_ID: '00000000-0000-4000-8000-000000000000' }
  assertRefused(
    await call(two.b, ward, { path: dec(archive), body: { key_IDs: [unknown] } }),
    400,
    NOT_FOUND,
  )
  const second = { path: dec(archive), body: { key_IDs: [request.body.key_IDs[1]] } }
  assert.equal((await call(two.b, ward, second)).status, 200)
  assertRefused(await call(two.b, ward, second), 400, NOT_FOUND)
})

test('all or nothing: one missing key leaves the others to be fetched', async () => {
  const two = await pair()
  const made = await call(two.a, archive, { path: enc(ward), body: { number: 2 } })
  const { key_IDs } = keyIdsOf(made)
  const unknown = { key_ID: '00000000-0000-4000-8000-000000000000' }
  const mixed = { path: dec(archive), body: { key_IDs: [...key_IDs, unknown] } }
  assertRefused(await call(two.b, ward, mixed), 400, NOT_FOUND)
  const got = await call(two.b, ward, { path: dec(archive), body: { key_IDs } })
  assert.deepEqual(got.body, made.body)
})

test('§5.3 an SAE that was no slave of every key asked for gets 401', async () => {
  const two = await pair()
  const forWard = await call(two.a, archive, { path: enc(ward) })
  const forClinic = await call(two.a, archive, { path: enc(clinic) })
  const both = { key_IDs: [...keyIdsOf(forWard).key_IDs, ...keyIdsOf(forClinic).key_IDs] }
  assertRefused(await call(two.b, clinic, { path: dec(archive), body: keyIdsOf(forWard) }), 401)
  assertRefused(await call(two.b, clinic, { path: dec(archive), body: both }), 401)
  assert.equal(
    (await call(two.b, clinic, { path: dec(archive), body: keyIdsOf(forClinic) })).status,
    200,
  )
  assert.equal(
    (await call(two.b, ward, { path: dec(archive), body: keyIdsOf(forWard) })).status,
    200,
  )
})

test('§6.2 additional slaves: the same key to each, once each', async () => {
  const two = await pair()
  const body = { number: 2, additional_slave_SAE_IDs: [clinic] }
  const made = await call(two.a, archive, { path: enc(ward), body })
  assert.equal(made.status, 200)
  for (const slave of [clinic, ward]) {
    const request = { path: dec(archive), body: keyIdsOf(made) }
    assert.deepEqual((await call(two.b, slave, request)).body, made.body)
    assertRefused(await call(two.b, slave, request), 400, NOT_FOUND)
  }
  const wrong: readonly [unknown, RegExp][] = [
    [[ward], /named twice/],
    [[clinic, clinic], /names an SAE twice/],
    [[archive], /caller itself/],
    [[imaging], /attached to this KME/],
    [['nobody'], /not known/],
    [[office], /shares no key/],
    [['with space'], /expected SAE IDs/],
    [[7], /expected SAE IDs/],
    [clinic, /expected an array/],
    [Array.from({ length: 9 }, (_, at) => `sae${at}`), /at most 8/],
  ]
  for (const [additional_slave_SAE_IDs, message] of wrong) {
    const answer = await call(two.a, archive, {
      path: enc(ward),
      body: { additional_slave_SAE_IDs },
    })
    assertRefused(answer, 400, message)
  }
  two.assertCountsAgree()
})

test('an empty list of additional slaves is accepted or refused by dialect', async () => {
  const request = { path: enc(ward), body: { additional_slave_SAE_IDs: [] } }
  const lenient = await pair()
  assert.equal((await call(lenient.a, archive, request)).status, 200)
  const strict = await pair({ kme: { dialect: { emptyAdditionalSlaves: false } } })
  assertRefused(await call(strict.a, archive, request), 400, /at least one/)
})

test('§6.2 malformed requests are refused with 400, and name the member', async () => {
  const two = await pair()
  const wrong: readonly [unknown, string | RegExp][] = [
    [{ number: 0 }, /^number: expected a whole number from 1 to 128$/],
    [{ number: 129 }, /^number/],
    [{ number: 1.5 }, /^number/],
    [{ number: '1' }, /^number/],
    [{ number: null }, /^number/],
    [{ number: -1 }, /^number/],
    [{ size: 257 }, 'size shall be a multiple of 8'],
    [{ size: 7 }, 'size shall be a multiple of 8'],
    [{ size: 56 }, /^size: expected a whole number of bits from 64 to 4096$/],
    [{ size: 4104 }, /^size/],
    [{ size: 0 }, /^size/],
    [{ size: '256' }, /^size/],
    [{ size: 256.5 }, /^size/],
    [{ extension_mandatory: {} }, /^extension_mandatory: expected an array of objects$/],
    [{ extension_mandatory: ['x'] }, /^extension_mandatory/],
    [{ extension_optional: 'x' }, /^extension_optional/],
    [{ extension_optional: [[]] }, /^extension_optional/],
    [{ numbr: 2 }, /member other than/],
    [[], /expected an object/],
    ['null', /expected an object/],
    ['3', /expected an object/],
    ['{"number":1', /not JSON/],
    ['{"number":1}}', /not JSON/],
    ['{"number":1,}', /not JSON/],
    ['{"number":1,"number":2}', /names a member twice/],
    ['{"number":01}', /not JSON/],
    ['{number:1}', /not JSON/],
    ["{'number':1}", /not JSON/],
    ['{"number":NaN}', /not JSON/],
    [Uint8Array.of(0x7b, 0xff, 0x7d), /not UTF-8/],
    ['{"__proto__":{"number":2}}', /member other than/],
    ['{"constructor":1}', /member other than/],
    [`{"number":${'['.repeat(40)}${']'.repeat(40)}}`, /nested deeper/],
  ]
  for (const [body, message] of wrong) {
    assertRefused(await call(two.a, archive, { path: enc(ward), body }), 400, message)
  }
  const status = await call(two.a, archive, { path: statusOf(ward) })
  assert.equal(status.body['stored_key_count'], 8)
})

test('§5.2 a GET takes number and size only, each once, in digits', async () => {
  const two = await pair()
  for (const query of [
    'number=0',
    'number=',
    'number=two',
    'number=+1',
    'number=1e0',
    'number=1&number=1',
    'size=63',
    'size=0x100',
    'additional_slave_SAE_IDs=clinic.cambridge',
    'extension_mandatory=x',
    'Number=1',
  ]) {
    assertRefused(await call(two.a, archive, { path: `${enc(ward)}?${query}` }), 400)
  }
})

test('§6.2 extensions: unknown mandatory, unmet mandatory, and optional ones', async () => {
  const two = await pair()
  const ask = (body: unknown) => call(two.a, archive, { path: enc(ward), body })
  const unsupported = 'not all extension_mandatory parameters are supported'
  const unmet = 'not all extension_mandatory request options could be met'
  const direct = { photonward_route_type: 'direct' }
  assertRefused(
    await ask({ extension_mandatory: [{ abc_route_type: 'direct' }] }),
    400,
    unsupported,
  )
  assertRefused(await ask({ extension_mandatory: [direct, { abc_x: 1 }] }), 400, unsupported)
  assertRefused(await ask({ extension_mandatory: [{ ...direct, abc_x: 1 }] }), 400, unsupported)
  assertRefused(await ask({ extension_mandatory: [{ toString: 1 }] }), 400, unsupported)
  const indirect = { photonward_route_type: 'indirect' }
  assertRefused(await ask({ extension_mandatory: [indirect] }), 400, unmet)
  assertRefused(await ask({ extension_mandatory: [{ photonward_route_type: 1 }] }), 400, unmet)
  assert.equal((await ask({ extension_mandatory: [direct] })).status, 200)
  assert.equal((await ask({ extension_mandatory: [] })).status, 200)
  assert.equal((await ask({ extension_optional: [{ abc_x: 1 }, indirect] })).status, 200)
  const plain = await ask({ extension_optional: [{ photonward_provenance: false }] })
  assert.equal(plain.body.keys?.[0].key_extension, undefined)
  const made = await ask({ extension_mandatory: [{ photonward_provenance: true }] })
  const provenance = {
    photonward_provenance: {
      source: 'seeded-test',
      epsilon: 1e-9,
      seen_by: [bristol, cambridge],
      authentication: ['pre-shared'],
      links: ['bristol-cambridge'],
    },
  }
  assert.deepEqual(made.body.keys?.[0].key_extension, provenance)
  const key_IDs_extension = { photonward_provenance: true }
  const got = await call(two.b, ward, {
    path: dec(archive),
    body: { ...keyIdsOf(made), key_IDs_extension },
  })
  assert.deepEqual(got.body, made.body)
})

test('§6.4 Key IDs: its extensions are accepted, malformed bodies are refused', async () => {
  const two = await pair()
  const made = await call(two.a, archive, { path: enc(ward) })
  const [{ key_ID }] = keyIdsOf(made).key_IDs
  const wrong: readonly [unknown, string | RegExp][] = [
    [undefined, /body with key_IDs/],
    [{}, /^key_IDs: expected an array$/],
    [{ key_IDs: {} }, /^key_IDs: expected an array$/],
    [{ key_IDs: [] }, /^key_IDs: expected 1 to 128$/],
    [{ key_IDs: [key_ID] }, /^key_IDs: expected an object$/],
    [{ key_IDs: [{}] }, /^key_ID: expected a UUID$/],
    [{ key_IDs: [{ key_ID: 7 }] }, /^key_ID/],
    [{ key_IDs: [{ key_ID: `${key_ID} ` }] }, /^key_ID/],
    [{ key_IDs: [{ key_ID: key_ID.replaceAll('-', '') }] }, /^key_ID/],
    [{ key_IDs: [{ key_ID }, { key_ID }] }, /names a key twice/],
    [{ key_IDs: [{ key_ID }, { key_ID: key_ID.toUpperCase() }] }, /names a key twice/],
    [{ key_IDs: Array.from({ length: 129 }, () => ({ key_ID })) }, /1 to 128/],
    [{ key_IDs: [{ key_ID, key_ID_extension: 'x' }] }, /^key_ID_extension/],
    [{ key_IDs: [{ key_ID, more: 1 }] }, /member other than/],
    [{ key_IDs: [{ key_ID }], key_IDs_extension: [] }, /^key_IDs_extension/],
    [{ key_IDs: [{ key_ID }], more: 1 }, /member other than/],
  ]
  for (const [body, message] of wrong) {
    const answer = await call(two.b, ward, { method: 'POST', path: dec(archive), body })
    assertRefused(answer, 400, message)
  }
  for (const query of ['', '?key_ID=', '?key_ID=x', `?key_ID=${key_ID}&key_ID=${key_ID}`]) {
    assertRefused(await call(two.b, ward, { path: `${dec(archive)}${query}` }), 400)
  }
  const comma = `${dec(archive)}?key_IDs=${key_ID},${key_ID.replace(/^./, 'f')}`
  assertRefused(await call(two.b, ward, { path: comma }), 400, /parameter other than/)
  const got = await call(two.b, ward, {
    path: dec(archive),
    body: { key_IDs: [{ key_ID, key_ID_extension: { a: 1 } }], key_IDs_extension: { b: [2] } },
  })
  assert.deepEqual(got.body, made.body)
})

test('the comma form of key_IDs works where the dialect has it', async () => {
  const two = await pair({ kme: { dialect: { keyIdsQuery: true } } })
  const made = await call(two.a, archive, { path: enc(ward), body: { number: 3 } })
  const ids = keyIdsOf(made).key_IDs.map(({ key_ID }) => key_ID)
  const path = `${dec(archive)}?key_IDs=${ids.join(',')}`
  assertRefused(await call(two.b, ward, { path: `${path},${ids[0]}` }), 400, /twice/)
  assert.deepEqual((await call(two.b, ward, { path })).body, made.body)
  const one = await call(two.a, archive, { path: enc(ward) })
  const single = `${dec(archive)}?key_ID=${keyIdsOf(one).key_IDs[0].key_ID}`
  assert.deepEqual((await call(two.b, ward, { path: single })).body, one.body)
})

test('members beyond the standard are passed over where the dialect says so', async () => {
  const two = await pair({ kme: { dialect: { unknownMembers: true } } })
  const made = await call(two.a, archive, { path: `${enc(ward)}?x=1&size=64` })
  assert.equal(made.status, 200)
  const more = await call(two.a, archive, { path: enc(ward), body: { size: 64, __proto__x: 1 } })
  assert.equal(more.status, 200)
})

test('an SAE ID in a path is checked and decoded', async () => {
  const two = await pair()
  for (const [name, status] of [
    ['ward%2Ecambridge', 200],
    ['with%20space', 400],
    ['%', 400],
    ['%ff', 400],
    ['a%2Fb', 400],
    ['', 400],
    ['x'.repeat(65), 400],
    ['nobody', 400],
    [archive, 400],
    [imaging, 400],
    [office, 400],
  ] as const) {
    for (const path of [statusOf(name), enc(name)]) {
      const answer = await call(two.a, archive, { path })
      if (status === 200) assert.equal(answer.status, 200, name)
      else assertRefused(answer, status)
    }
  }
  assertRefused(await call(two.b, ward, { path: `${dec(ward)}?key_ID=x` }), 400, /caller itself/)
})

test('unknown paths, wrong verbs and wrong bodies have their own statuses, with JSON', async () => {
  const two = await pair()
  for (const path of [
    '/',
    '/api/v1/keys',
    `${enc(ward)}/`,
    `${enc(ward)}/x`,
    `/api/v2/keys/${ward}/enc_keys`,
    `/api/v1/keys/${ward}/ENC_KEYS`,
    `/api/v1/keys/${ward}/keys`,
    `//api/v1/keys/${ward}/enc_keys`,
  ]) {
    assertRefused(await call(two.a, archive, { path }), 404)
  }
  for (const method of ['PUT', 'DELETE', 'HEAD', 'PATCH', 'get']) {
    const answer = await call(two.a, archive, { method, path: enc(ward) })
    assertRefused(answer, 405)
    assert.equal(answer.headers['allow'], 'GET, POST')
  }
  const posted = await call(two.a, archive, { method: 'POST', path: statusOf(ward) })
  assertRefused(posted, 405)
  assert.equal(posted.headers['allow'], 'GET')
  for (const contentType of [
    undefined,
    'text/plain',
    'application/jsonx',
    'application/json; charset=utf-16',
    'multipart/form-data; boundary=x',
  ]) {
    assertRefused(await call(two.a, archive, { path: enc(ward), body: {}, contentType }), 415)
  }
  const body = new Uint8Array(65_537).fill(0x20)
  assertRefused(await call(two.a, archive, { path: enc(ward), body }), 413)
})

test('§5.1 a caller is the SAE its certificate names, or nobody: 401 with JSON', async () => {
  const two = await pair()
  const as = async (client: ReturnType<typeof certificate> | undefined) =>
    (await call(two.a, undefined, { path: statusOf(ward), client })).status
  assert.equal(await as(undefined), 401)
  assert.equal(await as(certificate(undefined)), 401)
  assert.equal(await as(certificate('nobody')), 401)
  assert.equal(await as(certificate('Jane Doe')), 401)
  assert.equal(await as(certificate(ward)), 401)
  assert.equal(await as(certificate(archive)), 200)
  const uri = (...uriNames: string[]) => ({ ...certificate('someone'), uriNames })
  assert.equal(await as(uri('https://a.example', `photonward:sae:${archive}`)), 200)
  assert.equal(await as(uri(`photonward:sae:${ward}`)), 401)
  assert.equal(await as(uri(`photonward:sae:${archive}`, `photonward:sae:${imaging}`)), 401)
  assert.equal(await as({ ...uri(`photonward:sae:${ward}`), commonName: archive }), 401)
  const refused = await call(two.a, undefined, { path: '/anything', client: undefined })
  assertRefused(refused, 401, /names no SAE/)
  const serial = { fields: ['serial', 'common-name'] as const, serials: { '01AB': archive } }
  const bySerial = await pair({ kme: { callers: serial } })
  const other = { ...certificate('nobody'), serialNumber: '02' }
  for (const [client, status] of [
    [certificate('nobody'), 200],
    [other, 401],
    [{ ...other, commonName: archive }, 200],
    [{ ...other, serialNumber: 'toString' }, 401],
  ] as const) {
    const answer = await call(bySerial.a, undefined, { path: statusOf(ward), client })
    assert.equal(answer.status, status)
  }
})

test('an exhausted pool is 503 with Retry-After, and relay keeps its part', async () => {
  const two = await pair({ limits: { criticalBits: 512 } }, 4)
  const all = await call(two.a, archive, { path: enc(ward), body: { number: 3 } })
  assertRefused(all, 503, /Not enough keys/)
  assert.equal(all.headers['retry-after'], '1')
  const status = await call(two.a, archive, { path: statusOf(ward) })
  assert.equal(status.body['stored_key_count'], 2)
  assert.equal((await call(two.a, archive, { path: enc(ward), body: { number: 2 } })).status, 200)
  assertRefused(await call(two.a, archive, { path: enc(ward) }), 503)
  const last = await call(two.a, archive, { path: statusOf(ward) })
  assert.equal(last.body['stored_key_count'], 0)
})

test('a rate limit, where configured, is 429 with Retry-After', async () => {
  let calls = 0
  const two = await pair({ kme: { limitRate: () => (++calls > 1 ? 2.5 : undefined) } })
  assert.equal((await call(two.a, archive, { path: statusOf(ward) })).status, 200)
  const limited = await call(two.a, archive, { path: enc(ward) })
  assertRefused(limited, 429)
  assert.equal(limited.headers['retry-after'], '3')
})
