import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accountOf } from '#audit'
import { HOUR_MS, SecretBytes, utf8 } from '#base'
import { createFhir, type DecisionFacts, type HookOptions, type Session } from '#fhir'
import type { JsonObject } from '#health'
import { clientOf, issuesIn, newServer, patient } from '../fixture.test.ts'
import { isListed } from './subscription.ts'

const ENDPOINT = 'https://ward.example/hooks/7'
const subscription = (more: object = {}, channel: object = {}): JsonObject => ({
  ...{ resourceType: 'Subscription', id: 's', status: 'requested', reason: 'new weights' },
  criteria: 'Observation?status=final',
  channel: {
    type: 'rest-hook',
    endpoint: ENDPOINT,
    header: ['Authorization: Bearer abc'],
    ...channel,
  },
  ...more,
})
const weight = (id: string, about = 'a', status = 'final'): JsonObject => ({
  ...{ resourceType: 'Observation', id, status, code: { text: 'weight' } },
  subject: { reference: `Patient/${about}` },
})

/** A server with an endpoint that answers as it is told. */
async function hooked(isHidden: (resource: JsonObject) => boolean = () => false) {
  const knocks: { url: string; headers: Readonly<Record<string, string>> }[] = []
  const endpoint = { status: 200, sessions: true }
  const decide = ({ action, resource }: DecisionFacts) =>
    action !== 'create' && resource !== undefined && isHidden(resource)
      ? ({ permit: false, reason: 'not this one' } as const)
      : ({ permit: true } as const)
  const hooks: HookOptions = {
    endpoints: ['https://ward.example/hooks/'],
    knock: (url, headers) => {
      knocks.push({ url, headers })
      if (endpoint.status === 0) return Promise.reject(new Error('Cut off'))
      return Promise.resolve(endpoint.status)
    },
    sessionFor: (actor): Session | undefined =>
      endpoint.sessions && actor === 'ward' ? { account: accountOf(actor), decide } : undefined,
    key: SecretBytes.take(new Uint8Array(32).fill(9)),
  }
  const server = await newServer(decide, { hooks })
  const { ask, time } = server
  for (const id of ['a', 'b']) await ask(`PUT /Patient/${id}`, { body: patient(id) })
  /** Lets time pass, and what it wakes come to an end. */
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 1000) {
      await time.advance(1000)
      for (let turn = 0; turn < 30; turn++) await new Promise((resume) => setImmediate(resume))
    }
  }
  const told = async (ms = 5000): Promise<number> => {
    knocks.length = 0
    await pass(ms)
    return knocks.length
  }
  const put = async (resource: JsonObject): Promise<number> => {
    const name = `${resource['resourceType'] as string}/${resource['id'] as string}`
    return (await ask(`PUT /${name}`, { body: resource })).status
  }
  return { ...server, hooks, knocks, endpoint, pass, told, put }
}

const statusOf = async ({ ask }: Pick<Awaited<ReturnType<typeof hooked>>, 'ask'>) =>
  (await ask('GET /Subscription/s')).body?.['status']

test('an endpoint that answers is told once of everything new that fits, without any of it', async () => {
  const server = await hooked()
  const { put, told, knocks } = server
  assert.equal(await put(subscription()), 201)
  assert.equal(await told(), 1, 'the first knock tries the endpoint')
  assert.deepEqual(knocks, [{ url: ENDPOINT, headers: { authorization: 'Bearer abc' } }])
  assert.equal(await statusOf(server), 'active')
  assert.equal(await told(30_000), 0)
  await put(weight('one'))
  await put(weight('two'))
  assert.equal(await told(), 1)
  assert.equal(await told(30_000), 0, 'what was told is not told again')
  await put(weight('three', 'a', 'preliminary'))
  await put(patient('c'))
  assert.equal(await told(30_000), 0, 'what does not fit is not told')
  await put(weight('three'))
  assert.equal(await told(), 1, 'what changes so that it fits is')
})

test('whoever subscribed is told of what he may see, and nobody is once he may no more', async () => {
  const server = await hooked((resource) => JSON.stringify(resource).includes('Patient/b'))
  const { put, told, endpoint } = server
  await put(subscription())
  await told()
  await put(weight('hidden', 'b'))
  assert.equal(await told(30_000), 0)
  await put(weight('seen', 'a'))
  assert.equal(await told(), 1)
  endpoint.sessions = false
  await put(weight('later', 'a'))
  assert.equal(await told(), 0)
  assert.equal(await statusOf(server), 'error')
})

test('a knock that is not answered is repeated, later each time, and in the end is an error', async () => {
  const server = await hooked()
  const { put, told, endpoint } = server
  await put(subscription())
  await told()
  endpoint.status = 503
  await put(weight('one'))
  const rounds = [await told(10_000), await told(10_000), await told(20_000), await told(40_000)]
  assert.deepEqual(rounds, [2, 1, 1, 1])
  endpoint.status = 204
  assert.equal(await told(90_000), 1, 'nothing is lost')
  assert.equal(await told(60_000), 0)
  endpoint.status = 0
  await put(weight('two'))
  await told((3 * HOUR_MS) / 4)
  assert.equal(await statusOf(server), 'active')
})

test('an endpoint that never answers makes no subscription', async () => {
  const server = await hooked()
  const { put, told, endpoint } = server
  endpoint.status = 404
  await put(subscription())
  assert.equal(await told(60_000), 3)
  assert.equal(await statusOf(server), 'error')
  assert.equal(
    (await server.ask('GET /Subscription/s')).body?.['error'],
    'The endpoint does not answer',
  )
  assert.equal(await told(60_000), 0)
  endpoint.status = 200
  await put(subscription({ reason: 'once more' }))
  await told(60_000)
  assert.equal(await statusOf(server), 'active')
})

test('what is written while a daemon is down is told when it is up again', async () => {
  const { put, told, fhir, options, knocks, pass } = await hooked()
  await put(subscription())
  await told()
  await put(weight('one'))
  await told()
  fhir[Symbol.dispose]()
  await put(weight('two'))
  assert.equal(await told(30_000), 0)
  using again = createFhir(options)
  knocks.length = 0
  await pass(5000)
  assert.equal(knocks.length, 1)
  assert.equal((await clientOf(again)('GET /Subscription/s')).status, 200)
})

test('at rest a watch shows nothing of what it is about', async () => {
  const { put, told, store } = await hooked()
  await put(subscription())
  await put(weight('one'))
  await told()
  const rows = await store.read({ sql: 'select * from fhir_hook', parameters: [] })
  assert.equal(rows.length, 1)
  for (const value of Object.values(rows[0])) {
    const octets = Buffer.from(value instanceof Uint8Array ? value : utf8(String(value)))
    for (const text of ['Observation', 'ward', 'hooks', 'abc']) assert(!octets.includes(text), text)
  }
})

test('who owns a subscription is not shown, and cannot be said', async () => {
  const { ask, put } = await hooked()
  const owner = { url: 'urn:photonward:subscription-owner', valueString: 'somebody' }
  const other = { url: 'urn:other', valueString: 'kept' }
  await put(subscription({ extension: [owner, other] }))
  for (const path of ['/Subscription/s', '/Subscription', '/Subscription/s/_history']) {
    const { text } = await ask(`GET ${path}`)
    assert.doesNotMatch(text, /subscription-owner/, path)
    assert.match(text, /urn:other/)
  }
})

/** What a subscription may not ask for. */
const REFUSED: readonly (readonly [string, JsonObject])[] = [
  ['a status that is the server’s to say', subscription({ status: 'active' })],
  ['mail', subscription({}, { type: 'email' })],
  ['payload', subscription({}, { payload: 'application/fhir+json' })],
  ['an address inside', subscription({}, { endpoint: 'https://127.0.0.1/hooks/7' })],
  ['no address', subscription({}, { endpoint: 'hooks/7' })],
  ['criteria of no type', subscription({ criteria: 'Martian?x=1' })],
  ['an order', subscription({ criteria: 'Observation?_sort=date' })],
  ['a chain', subscription({ criteria: 'Observation?subject:Patient.name=Winter' })],
  ['an include', subscription({ criteria: 'Observation?_include=Observation:subject' })],
  ['a header that is not its own', subscription({}, { header: ['Host: inside'] })],
  ['a header in a header', subscription({}, { header: ['X-A: b\r\nHost: inside'] })],
]

for (const [what, resource] of REFUSED) {
  test(`a subscription with ${what} is refused, by itself and in a transaction`, async () => {
    const { ask, told } = await hooked()
    const entry = { resource, request: { method: 'PUT', url: 'Subscription/s' } }
    const transaction = { resourceType: 'Bundle', type: 'transaction', entry: [entry] }
    for (const answer of [
      await ask('PUT /Subscription/s', { body: resource }),
      await ask('POST /', { body: transaction }),
    ]) {
      assert.equal(answer.status, 422, answer.text)
      assert.equal(issuesIn(answer).length, 1)
    }
    assert.equal(await told(), 0)
  })
}

test('a criterion that is no search is refused as a search is', async () => {
  const { ask } = await hooked()
  const answer = await ask('PUT /Subscription/s', {
    body: subscription({ criteria: 'Observation?martian=1' }),
  })
  assert.equal(answer.status, 400)
})

test('an endpoint is listed by its whole origin and path, and only over HTTPS', () => {
  const listed = ['https://ward.example/hooks/', 'https://other.example/one']
  for (const [url, expected] of [
    ['https://ward.example/hooks/7', true],
    ['https://other.example/one', true],
    ['https://other.example/one/more', false],
    ['https://ward.example/hooks', false],
    ['https://ward.example/hooks/../admin', false],
    ['https://ward.example.evil.example/hooks/7', false],
    ['https://ward.example@evil.example/hooks/7', false],
    ['https://user:word@ward.example/hooks/7', false],
    ['https://ward.example:8443/hooks/7', false],
    ['http://ward.example/hooks/7', false],
    ['file:///hooks/7', false],
  ] as const) {
    assert.equal(isListed(url, listed), expected, url)
  }
})
