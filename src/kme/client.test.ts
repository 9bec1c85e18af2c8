import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { textOf, utf8 } from '#base'
import { KmeClient, KmeClientRefusal, type KmeClientRequest } from '#kme'
import { readForeignKeys } from './client-keys.ts'

const IDS = ['0b6e8d3a-7d6c-4a3e-9d2f-1d6f8a0c5e11', '5f0a2c7e-1b3d-4c5e-8f90-a1b2c3d4e5f6']
const KEY = Uint8Array.from({ length: 32 }, (_, at) => (at * 37 + 251) % 256)
const OTHER = KEY.map((octet) => octet ^ 255)

const container = (...keys: readonly object[]): Uint8Array => utf8(JSON.stringify({ keys }))
const oneKey = (id: string, octets: Uint8Array): object => ({ key_ID: id, key: octets.toBase64() })

/** A KME that answers from a list, and what it was asked. */
function answering(...answers: readonly (readonly [number, Uint8Array | string])[]) {
  const asked: KmeClientRequest[] = []
  const left = [...answers]
  const client = new KmeClient((request) => {
    asked.push(request)
    const [status, body] = left.shift() ?? [500, '']
    return Promise.resolve({ status, body: typeof body === 'string' ? utf8(body) : body })
  })
  return { client, asked }
}

const refusedAs = (code: string) => (error: unknown) =>
  error instanceof KmeClientRefusal && error.code === code

test('keys of every length are read out of a container, and the body is cleared', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 16, maxLength: 70 }), { minLength: 1, maxLength: 12 }),
      fc.constantFrom('base64', 'base64url'),
      fc.boolean(),
      fc.boolean(),
      (octets, alphabet, omitPadding, isSlashEscaped) => {
        const keys = octets.map((one, at) => ({
          key_extension: { key: 'of another kind' },
          key: one.toBase64({ alphabet, omitPadding }),
          key_ID: `id-${String(at)}`,
        }))
        const text = JSON.stringify({ keys, key_container_extension: { key: ['key'] } }, null, 1)
        const body = utf8(isSlashEscaped ? text.replaceAll('/', '\\/') : text)
        const read = readForeignKeys(body)
        assert.deepEqual(
          read.map(({ octets: key }) => key.reveal()),
          octets,
        )
        assert(body.every((octet) => octet === 0))
      },
    ),
    { seed: 14 },
  )
})

test('containers that are none are refused', () => {
  const good = KEY.toBase64()
  for (const body of [
    '',
    'keys',
    '[]',
    '{}',
    '{"keys":{}}',
    '{"keys":["x"]}',
    '{"keys":[{"key_ID":"a"}]}',
    '{"keys":[{"key_ID":"a","key":7}]}',
    '{"keys":[{"key_ID":"a","key":""}]}',
    '{"keys":[{"key_ID":"a","key":"AB"}]}',
    '{"keys":[{"key_ID":"a","key":"****"}]}',
    // Bits beyond the last octet: no encoder writes them.
    '{"keys":[{"key_ID":"a","key":"AAAAAAB"}]}',
    `{"keys":[{"key":"${good}"}]}`,
    `{"keys":[{"key_ID":"","key":"${good}"}]}`,
    `{"keys":[{"key_ID":"a b","key":"${good}"}]}`,
    `{"keys":[{"key_ID":"a","key":"${good}"}]`,
    `{"keys":[{"key_ID":"a","key":"${good}"}]} and more`,
    `{"keys":[{"key_ID":"a","key":"${good}`,
    // A member by another spelling cannot name a key that was taken before.
    `{"keys":[{"key_ID":"a","key":"${good}"},{"key_ID":"b","\\u006bey":"00000"}]}`,
  ]) {
    assert.throws(() => readForeignKeys(utf8(body)), refusedAs('KME_CLIENT_ANSWER_INVALID'), body)
  }
})

test('keys are asked for by POST, as many and as long as wanted', async () => {
  const { client, asked } = answering([200, container(...IDS.map((id) => oneKey(id, KEY)))])
  const keys = await client.encKeys('ward/2', { number: 2, sizeBits: 256 })
  assert.deepEqual(
    keys.map(({ id, octets }) => [id, octets.reveal()]),
    IDS.map((id) => [id, KEY]),
  )
  const [{ method, path, body = new Uint8Array(0) }] = asked
  assert.equal(`${method} ${path}`, 'POST /api/v1/keys/ward%2F2/enc_keys')
  assert.deepEqual(JSON.parse(textOf(body)), { number: 2, size: 256 })
})

test('a KME that takes no POST is asked by GET, from then on at once', async () => {
  const one = (): readonly [number, Uint8Array] => [200, container(oneKey(IDS[0], KEY))]
  const { client, asked } = answering([405, 'no'], one(), one(), one())
  await client.encKeys('ward', { number: 1, sizeBits: 256 })
  await client.encKeys('ward', { number: 1, sizeBits: 256 })
  await client.decKeys('ward', { ids: [IDS[0]], sizeBits: 256 })
  assert.deepEqual(
    asked.map(({ method, path }) => `${method} ${path}`),
    [
      'POST /api/v1/keys/ward/enc_keys',
      'GET /api/v1/keys/ward/enc_keys?number=1&size=256',
      'GET /api/v1/keys/ward/enc_keys?number=1&size=256',
      `GET /api/v1/keys/ward/dec_keys?key_ID=${IDS[0]}`,
    ],
  )
})

test('an answer that may have cost keys is never asked for again', async () => {
  for (const status of [400, 401, 404, 500, 502, 503]) {
    const { client, asked } = answering([status, ''], [200, container(oneKey(IDS[0], KEY))])
    await assert.rejects(client.encKeys('ward', { number: 1, sizeBits: 256 }))
    assert.equal(asked.length, 1)
  }
})

test('keys by key_ID come in the order asked for, whatever the order and case of the answer', async () => {
  const [first, second] = IDS
  const mixed = container(oneKey(second.toUpperCase(), OTHER), oneKey(first, KEY))
  const { client } = answering([200, mixed])
  const keys = await client.decKeys('ward', { ids: IDS, sizeBits: 256 })
  assert.deepEqual(
    keys.map(({ octets }) => octets.reveal()),
    [KEY, OTHER],
  )
})

test('other keys than those asked for are refused', async () => {
  const short = oneKey(IDS[0], KEY.slice(1))
  const [one, other] = IDS.map((id) => oneKey(id, KEY))
  const alien = oneKey('5f0a2c7e-1b3d-4c5e-8f90-000000000000', KEY)
  for (const keys of [[], [one], [one, other, alien], [one, one], [short, other]]) {
    const { client } = answering([200, container(...keys)])
    const asking = client.encKeys('ward', { number: 2, sizeBits: 256 })
    await assert.rejects(asking, refusedAs('KME_CLIENT_ANSWER_DIFFERS'))
  }
  const { client } = answering([200, container(one, alien)])
  const asking = client.decKeys('ward', { ids: IDS, sizeBits: 256 })
  await assert.rejects(asking, refusedAs('KME_CLIENT_ANSWER_DIFFERS'))
})

test('what a KME refuses is told apart, however it says it', async () => {
  const cases = [
    ['enc', 401, '', 'KME_CLIENT_DENIED'],
    ['enc', 403, '<html>', 'KME_CLIENT_DENIED'],
    ['enc', 503, '{"message":"x","details":["a","b"]}', 'KME_CLIENT_EXHAUSTED'],
    ['enc', 404, '', 'KME_CLIENT_EXHAUSTED'],
    ['enc', 429, '', 'KME_CLIENT_EXHAUSTED'],
    ['enc', 400, '{"message":"Not enough keys"}', 'KME_CLIENT_EXHAUSTED'],
    ['enc', 400, '{"message":"size"}', 'KME_CLIENT_REFUSED'],
    ['enc', 500, '', 'KME_CLIENT_REFUSED'],
    ['dec', 400, '{"message":"Not enough keys"}', 'KME_CLIENT_KEY_NOT_FOUND'],
    ['dec', 404, '', 'KME_CLIENT_KEY_NOT_FOUND'],
    ['dec', 401, '', 'KME_CLIENT_DENIED'],
    ['dec', 503, '', 'KME_CLIENT_UNAVAILABLE'],
    ['dec', 429, '', 'KME_CLIENT_UNAVAILABLE'],
    ['dec', 500, '', 'KME_CLIENT_REFUSED'],
  ] as const
  for (const [call, status, body, code] of cases) {
    const { client } = answering([status, body])
    const asking =
      call === 'enc'
        ? client.encKeys('ward', { number: 1, sizeBits: 256 })
        : client.decKeys('ward', { ids: [IDS[0]], sizeBits: 256 })
    await assert.rejects(asking, refusedAs(code), `${call} ${String(status)} ${body}`)
  }
})

test('a status is read as far as it says something', async () => {
  const said = {
    source_KME_ID: 17,
    target_KME_ID: 'kme.b',
    slave_SAE_ID: 'two\nlines',
    key_size: 256,
    stored_key_count: 0,
    max_key_per_request: 10,
    max_key_size: '256',
    min_key_size: 256,
  }
  const { client } = answering([200, JSON.stringify(said)], [200, '[]'], [401, ''])
  assert.deepEqual(await client.getStatus('ward'), {
    sourceKme: undefined,
    targetKme: 'kme.b',
    masterSae: undefined,
    slaveSae: undefined,
    keySizeBits: 256,
    minKeySizeBits: 256,
    maxKeySizeBits: undefined,
    maxKeysPerRequest: 10,
    maxAdditionalSlaves: undefined,
    storedKeys: undefined,
  })
  await assert.rejects(client.getStatus('ward'), refusedAs('KME_CLIENT_ANSWER_INVALID'))
  await assert.rejects(client.getStatus('ward'), refusedAs('KME_CLIENT_DENIED'))
})
