/**
 * What KMEs in the field do differently from the text of GS QKD 014, each against the client: the table
 * in docs/reference/client.md. Those of the connection are in `src/gateway/kme-https.test.ts`.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { textOf, utf8 } from '#base'
import {
  KmeClient,
  KmeClientRefusal,
  type ForeignKey,
  type KmeClientPatience,
  type KmeClientRequest,
  type KmeClientRefusalCode,
} from '#kme/client'

const ID = '0b6e8d3a-7d6c-4a3e-9d2f-1d6f8a0c5e11'
const octetsOf = (seed: number): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, at) => (at * 37 + seed) % 256)

interface Asked {
  readonly method: string
  readonly path: string
  readonly json: Readonly<Record<string, unknown>> | undefined
}

type Said = readonly [status: number, body: string | object, retryAfterS?: number]

/** A KME that behaves as `answer` says, and what it was asked. */
function kmeThat(answer: (asked: Asked) => Said | Promise<Said>, patience?: KmeClientPatience) {
  const asked: Asked[] = []
  const transport = async ({ method, path, body }: KmeClientRequest) => {
    const json = body === undefined ? undefined : (JSON.parse(textOf(body)) as Asked['json'])
    asked.push({ method, path, json })
    const [status, said, retryAfterS] = await answer({ method, path, json })
    const octets = utf8(typeof said === 'string' ? said : JSON.stringify(said))
    return { status, body: octets, ...(retryAfterS === undefined ? {} : { retryAfterS }) }
  }
  return { client: new KmeClient(transport, patience), asked }
}

const oneKey = (id: string, octets = octetsOf(1)): object => ({
  key_ID: id,
  key: octets.toBase64(),
})
/** So many keys with key_IDs counted on from a number. */
const container = (number: number, from = 0): object => ({
  keys: Array.from({ length: number }, (_, at) => oneKey(`id-${from + at}`, octetsOf(from + at))),
})
const refusedAs = (code: KmeClientRefusalCode) => (error: unknown) =>
  error instanceof KmeClientRefusal && error.code === code

async function gathered(parts: AsyncIterable<readonly ForeignKey[]>): Promise<readonly string[]> {
  const ids: string[] = []
  for await (const keys of parts) ids.push(...keys.map(({ id }) => id))
  return ids
}

const isStatus = ({ path }: Asked): boolean => path.endsWith('/status')

test('a KME that ignores what a GET says is asked by POST', async () => {
  const { client, asked } = kmeThat(({ json }) => [200, container(Number(json?.['number'] ?? 1))])
  assert.equal((await client.encKeys('ward', { number: 3, sizeBits: 256 })).length, 3)
  assert.deepEqual(asked[0].json, { number: 3, size: 256 })
})

test('a KME of GET only is asked one key at a time, and nothing it gave is lost', async () => {
  const { client, asked } = kmeThat(({ method, path }) => {
    if (path.endsWith('/status')) return [200, { max_key_per_request: 8 }]
    if (method === 'POST') return [405, '<h1>Method Not Allowed</h1>']
    const id = new URL(path, 'https://kme').searchParams.get('key_ID') ?? ''
    return id === 'id-2' ? [400, {}] : [200, { keys: [oneKey(id)] }]
  })
  const had: string[] = []
  const fetching = async (): Promise<void> => {
    const ids = ['id-0', 'id-1', 'id-2', 'id-3']
    for await (const [{ id }] of client.decKeysInParts('ward', { ids })) had.push(id)
  }
  await assert.rejects(fetching, refusedAs('KME_CLIENT_KEY_NOT_FOUND'))
  assert.deepEqual(had, ['id-0', 'id-1'])
  assert.equal(asked.filter(({ method }) => method === 'POST').length, 1)
  const wish = { additionalSlaves: ['lab'] }
  await assert.rejects(client.encKeys('ward', wish), refusedAs('KME_CLIENT_REFUSED'))
})

test('small limits are read from the status: asked for in parts, other sizes not at all', async () => {
  let made = 0
  const { client, asked } = kmeThat(({ path, json }) => {
    if (path.endsWith('/status')) {
      return [
        200,
        { source_KME_ID: 17, min_key_size: 256, max_key_size: 256, max_key_per_request: 10 },
      ]
    }
    const number = Number(json?.['number'])
    made += number
    return number > 10 ? [400, { message: 'too many' }] : [200, container(number, made - number)]
  })
  const ids = await gathered(client.encKeysInParts('ward', { number: 23, sizeBits: 256 }))
  assert.deepEqual(new Set(ids).size, 23)
  assert.deepEqual(
    asked.flatMap(({ json }) => json?.['number'] ?? []),
    [10, 10, 3],
  )
  const other = gathered(client.encKeysInParts('ward', { number: 1, sizeBits: 512 }))
  await assert.rejects(other, refusedAs('KME_CLIENT_SIZE_UNMET'))
  assert.equal(asked.filter((one) => !isStatus(one)).length, 3)
})

test('no status, or one of zeros, means unknown and not empty', async () => {
  for (const status of [
    [404, ''],
    [500, '<html>'],
    [200, '[]'],
    [200, { stored_key_count: 0, max_key_count: 0, max_key_per_request: 0, max_key_size: 0 }],
  ] as const) {
    const { client, asked } = kmeThat(({ path, json }) =>
      path.endsWith('/status') ? status : [200, container(Number(json?.['number']))],
    )
    assert.equal((await gathered(client.encKeysInParts('ward', { number: 5 }))).length, 5)
    assert.equal(asked.length, 2)
  }
  const { client } = kmeThat(() => [401, ''])
  const denied = gathered(client.encKeysInParts('ward', { number: 5 }))
  await assert.rejects(denied, refusedAs('KME_CLIENT_DENIED'))
})

test('where fewer are there than asked for, fewer are asked for, down to the last', async () => {
  for (const empty of [
    [400, { message: 'Not enough keys' }],
    [404, 'nothing'],
    [429, ''],
    [503, { message: 'x', details: ['a', { b: 1 }] }],
  ] as const) {
    let left = 11
    const { client } = kmeThat(({ path, json }) => {
      if (path.endsWith('/status')) return [200, { max_key_per_request: 128 }]
      const number = Number(json?.['number'])
      if (number > left) return empty
      left -= number
      return [200, container(number, left)]
    })
    const had: string[] = []
    const asking = async (): Promise<void> => {
      for await (const keys of client.encKeysInParts('ward', { number: 20 })) {
        had.push(...keys.map(({ id }) => id))
      }
    }
    await assert.rejects(asking, refusedAs('KME_CLIENT_EXHAUSTED'))
    assert.equal(new Set(had).size, 11)
  }
})

test('an empty list and what was not wished for are not sent', async () => {
  const { client, asked } = kmeThat(() => [200, container(1)])
  await client.encKeys('ward')
  await client.encKeys('ward', { additionalSlaves: [], extensionMandatory: [] })
  const extensionOptional = [{ acme_route_type: 'direct' }]
  await client.encKeys('ward', { additionalSlaves: ['lab'], extensionOptional })
  assert.deepEqual(
    asked.map(({ json }) => json),
    [
      { number: 1 },
      { number: 1 },
      { number: 1, additional_slave_SAE_IDs: ['lab'], extension_optional: extensionOptional },
    ],
  )
})

test('key_IDs of any form come back in the order asked for; extensions are passed on', async () => {
  const extended = { ...oneKey(ID.toUpperCase()), key_extension: { acme_age: 7 }, extra: [null] }
  const { client } = kmeThat(() => [200, { keys: [oneKey('not-a-uuid'), extended], by: 'acme' }])
  const keys = await client.decKeys('ward', { ids: [ID, 'not-a-uuid'] })
  assert.deepEqual(
    keys.map(({ id }) => id),
    [ID.toUpperCase(), 'not-a-uuid'],
  )
  assert.deepEqual(keys[0].extension, new Map([['acme_age', 7]]))
  assert.equal(keys[1].extension, undefined)
})

test('only what was certainly not acted on is asked for again, when the KME says', async () => {
  const unreached = new KmeClientRefusal('KME_CLIENT_UNREACHED', 'none')
  const unanswered = new KmeClientRefusal('KME_CLIENT_UNANSWERED', 'none')
  const busy: Said = [503, '', 2]
  const cases: readonly (readonly [readonly (Said | Error)[], readonly number[], string])[] = [
    [[unreached, [429, ''], [200, container(1)]], [250, 500], 'had'],
    [[busy, [503, '', 86_400], [200, container(1)]], [2000, 30_000], 'had'],
    [[busy, busy, busy, [200, container(1)]], [2000, 2000], 'KME_CLIENT_EXHAUSTED'],
    [[unreached, unreached, unreached], [250, 500], 'KME_CLIENT_UNREACHED'],
    [[unanswered, [200, container(1)]], [], 'KME_CLIENT_UNANSWERED'],
    [
      [
        [500, ''],
        [200, container(1)],
      ],
      [],
      'KME_CLIENT_REFUSED',
    ],
    [
      [
        [200, '{"keys":['],
        [200, container(1)],
      ],
      [],
      'KME_CLIENT_ANSWER_INVALID',
    ],
    [
      [
        [200, container(2)],
        [200, container(1)],
      ],
      [],
      'KME_CLIENT_ANSWER_DIFFERS',
    ],
  ]
  for (const [answers, pauses, end] of cases) {
    const left = [...answers]
    const paused: number[] = []
    const pause = (ms: number): Promise<void> => Promise.resolve(void paused.push(ms))
    const { client } = kmeThat(
      () => {
        const next = left.shift()
        return next instanceof Error ? Promise.reject(next) : (next ?? [500, ''])
      },
      { triesMax: 3, pause },
    )
    const ended = await client.encKeys('ward').then(
      () => 'had',
      (error: unknown) => (error as KmeClientRefusal).code,
    )
    assert.deepEqual([ended, paused], [end, pauses])
  }
})

test('nothing that a KME writes can be read in a refusal', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(400, 401, 403, 404, 418, 429, 500, 503),
      fc.string({ minLength: 8, maxLength: 40 }),
      async (status, secret) => {
        const message = `not enough ${secret} ${secret}`
        const { client } = kmeThat(() => [status, { message, details: [secret] }])
        const error: unknown = await client.encKeys('ward').catch((one: unknown) => one)
        assert(error instanceof KmeClientRefusal)
        const told = [error.message, JSON.stringify(error.facts), String(error.cause)].join('\n')
        assert(!told.includes(message))
      },
    ),
    { seed: 14, numRuns: 60 },
  )
})
