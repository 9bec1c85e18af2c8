/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  epochMs,
  linkId,
  newUuid,
  siteId,
  utf8,
  type ClientCertificate,
  type HttpResponse,
  type Store,
} from '#base'
import { AuditLog, auditMigrations } from '#audit'
import { newSigningKeyPair } from '#crypto'
import { MemoryLog, MemoryStore, seededRandom, SimulatedTime } from '#world/ports'
import { alarmMigrations, Alarms } from '../alarms.ts'
import { Events, READERS_MAX } from './events.ts'
import type { NodeFacts } from './facts.ts'
import { namesIn } from './names.ts'
import { answer, type ControlAnswer, type ControlRequest } from './restconf.ts'
import { controlMigrations, Steering } from './steering.ts'
import { Usage } from './usage.ts'

const LOG_KEYS = {
  ed25519: newSigningKeyPair('ed25519'),
  mlDsa44: newSigningKeyPair('ml-dsa-44'),
}
const site = siteId('bristol')
const [cambridge, london] = ['cambridge', 'london'].map(siteId)
const names = namesIn('south-west')
const clock = new SimulatedTime().view()
const LINK = linkId('bristol-london')
const NODE = '/restconf/data/etsi-qkd-sdn-node:qkd_node'
const LINKS = `${NODE}/qkd_links`
const ENABLE = `${LINKS}/qkd_link=${names.link(LINK)}/qkdl_enable`

async function desk(
  store = new MemoryStore([...auditMigrations, ...alarmMigrations, ...controlMigrations]),
) {
  const random = seededRandom(5, 'control')
  const log = new MemoryLog()
  const failing = { now: false }
  const port: Store = {
    read: (statement) => store.read(statement),
    commit: (all) => (failing.now ? Promise.reject(new RangeError('full')) : store.commit(all)),
  }
  const signer = { ...LOG_KEYS, name: 'photonward.example/bristol' }
  const audit = await AuditLog.open({ site, store: port, clock, signer })
  const alarms = await Alarms.open({ site, store: port, clock, random, audit, log })
  const steering = await Steering.open({
    ...{ site, store: port, clock, log, audit, alarms },
    cutOffBy: () => [london],
  })
  const events = new Events(clock, epochMs(1000))
  const facts = (): NodeFacts => ({
    ...{ federation: 'south-west', site, version: '1', isSound: true, relays: true },
    links: [
      {
        ...{ link: LINK, peer: london, interfaceId: 1, role: 'transmitter', state: 'running' },
        ...{
          model: 'm',
          lossDb: 1,
          isDiscrete: true,
          reason: '',
          isEnabled: steering.isOn(LINK),
          storedBits: 8,
        },
        ...{ secretBitsPerSecond: 1, qber: null },
      },
    ],
    pairs: [
      {
        ...{ peer: cambridge, isEnabled: true, isRelaying: true, shares: 1, ways: [] },
        ...{ storedBits: 8, bitsPerSecond: 1 },
      },
    ],
    ...{ pins: steering.pins, applications: [], alarms: [] },
  })
  const input = {
    controllers: new Map([
      ['sdn.reader', 'read'],
      ['sdn.boss', 'steer'],
    ] as const),
    surroundings: () => ({
      facts: facts(),
      sites: [site, cambridge, london],
      neighbours: (one: string, other: string) => one !== other,
    }),
    ...{ steering, events, log },
  }
  return { input, store, steering, events, alarms, audit, failing, log }
}

const certificate = (name: string): ClientCertificate => ({
  ...{ commonName: undefined, uriNames: [`photonward:sae:${name}`] },
  ...{ serialNumber: '01', fingerprint: '00' },
})

function request(
  method: string,
  path: string,
  more: Partial<Omit<ControlRequest, 'header' | 'body'>> & {
    readonly name?: string
    readonly body?: unknown
    readonly headers?: Readonly<Record<string, string>>
  } = {},
): ControlRequest {
  const { name = 'sdn.boss', body, headers = {}, ...rest } = more
  const [plain, query = ''] = path.split('?')
  return {
    ...{ method, path: plain, query: new URLSearchParams(query) },
    contentType: 'application/yang-data+json',
    body: body === undefined ? new Uint8Array(0) : utf8(JSON.stringify(body)),
    client: certificate(name),
    header: (one) => headers[one],
    ...rest,
  }
}

function whole(reply: ControlAnswer): HttpResponse & { readonly body: string } {
  assert('body' in reply && typeof reply.body === 'string')
  return { ...reply, body: reply.body }
}

const json = (reply: ControlAnswer): unknown => JSON.parse(whole(reply).body)

const off = { 'etsi-qkd-sdn-node:qkdl_enable': false }
const virtual = (id: string) => ({
  'etsi-qkd-sdn-node:qkd_link': [
    {
      qkdl_id: id,
      qkdl_remote: { qkdn_id: names.node('cambridge') },
      qkdl_type: 'etsi-qkd-node-types:VIRT',
      virt_next_hop: [names.node('london')],
    },
  ],
})

test('a controller finds the root, the modules, the capabilities and the stream', async () => {
  const { input } = await desk()
  const get = (path: string) => answer(input, request('GET', path, { name: 'sdn.reader' }))
  const meta = whole(await get('/.well-known/host-meta'))
  assert.equal(meta.headers?.['content-type'], 'application/xrd+xml')
  assert.match(meta.body, /rel="restconf" href="\/restconf"/)
  assert.deepEqual(json(await get('/restconf')), {
    'ietf-restconf:restconf': { data: {}, operations: {}, 'yang-library-version': '2016-06-21' },
  })
  assert.deepEqual(json(await get('/restconf/yang-library-version')), {
    'ietf-restconf:yang-library-version': '2016-06-21',
  })
  const library = '/restconf/data/ietf-yang-library:modules-state'
  const key = 'module=etsi-qkd-sdn-node,2022-01-30/namespace'
  assert.deepEqual(json(await get(`${library}/${key}`)), {
    'ietf-yang-library:namespace': 'urn:etsi:qkd:yang:etsi-qkd-node',
  })
  const state = '/restconf/data/ietf-restconf-monitoring:restconf-state/streams'
  const location = 'stream=etsi-qkd-sdn-node/access=json/location'
  assert.deepEqual(json(await get(`${state}/${location}`)), {
    'ietf-restconf-monitoring:location': '/restconf/streams/etsi-qkd-sdn-node',
  })
  const all = json(await get('/restconf/data?depth=2')) as Record<string, object>
  assert.deepEqual(Object.keys(all['ietf-restconf:data']), [
    'etsi-qkd-sdn-node:qkd_node',
    'ietf-yang-library:modules-state',
    'ietf-restconf-monitoring:restconf-state',
  ])
})

test('nobody but the controllers that are configured gets in, and readers change nothing', async () => {
  const { input, steering } = await desk()
  const status = async (asked: ControlRequest) => (await answer(input, asked)).status
  assert.equal(await status(request('GET', NODE, { name: 'sdn.reader' })), 200)
  assert.equal(await status(request('GET', NODE, { name: 'bristol.ward' })), 403)
  assert.equal(await status(request('GET', NODE, { client: undefined })), 403)
  const denied = await answer(input, request('PATCH', ENABLE, { name: 'sdn.reader', body: off }))
  assert.equal(denied.status, 403)
  const [error] = (
    json(denied) as { 'ietf-restconf:errors': { error: readonly Record<string, string>[] } }
  )['ietf-restconf:errors'].error
  assert.equal(error['error-tag'], 'access-denied')
  assert(steering.isOn(LINK))
})

test('a link is switched off durably, logged under its controller, with an alarm that says what is cut', async () => {
  const { input, steering, store, audit, alarms } = await desk()
  const reply = await answer(input, request('PATCH', ENABLE, { body: off }))
  assert.deepEqual([reply.status, whole(reply).body], [204, ''])
  assert.equal(steering.isOn(LINK), false)
  const read = await answer(input, request('GET', ENABLE))
  assert.deepEqual(json(read), off)
  const [standing] = alarms.standing
  assert.equal(standing.severity, 'critical')
  assert.match(standing.message, /no way is left to london/)
  const entries = await audit.entries({ after: -1 }, 10)
  const [entry] = entries.filter(({ event }) => event.kind === 'control.switched-off')
  assert.equal(entry.event.actor, 'sdn.boss')
  assert.deepEqual(entry.event.facts, { link: LINK })
  // Again changes nothing, and logs nothing.
  await answer(input, request('PUT', ENABLE, { body: off }))
  assert.equal((await audit.entries({ after: -1 }, 10)).length, entries.length)

  const after = await desk(store)
  assert.equal(after.steering.isOn(LINK), false, 'after a restart')
  const on = { 'etsi-qkd-sdn-node:qkdl_enable': true }
  await answer(after.input, request('PUT', ENABLE, { body: on }))
  assert.equal(after.steering.isOn(LINK), true)
  assert.deepEqual(after.alarms.standing, [])
})

test('a virtual link is made, kept over a restart, changed and deleted', async () => {
  const { input, steering, store } = await desk()
  const id = newUuid(seededRandom(9, 'pin'))
  const made = await answer(input, request('POST', LINKS, { body: virtual(id) }))
  assert.equal(made.status, 201)
  const location = made.headers?.['location'] ?? ''
  assert.equal(location, `${LINKS}/qkd_link=${id}`)
  assert.deepEqual(steering.preferenceFor(cambridge), { isOn: true, vias: [[london]] })
  assert.equal((await answer(input, request('POST', LINKS, { body: virtual(id) }))).status, 409)
  const again = request('PUT', location, { body: virtual(id) })
  assert.equal((await answer(input, again)).status, 204)

  const after = await desk(store)
  assert.deepEqual(after.steering.preferenceFor(cambridge).vias, [[london]])
  const pause = request('PATCH', `${location}/qkdl_enable`, { body: off })
  assert.equal((await answer(after.input, pause)).status, 204)
  assert.deepEqual(after.steering.preferenceFor(cambridge).vias, [])
  assert.equal((await answer(after.input, request('DELETE', location))).status, 204)
  assert.equal((await answer(after.input, request('DELETE', location))).status, 404)
  assert.deepEqual(after.steering.pins, [])
})

test('what the store refuses is not done', async () => {
  const { input, steering, failing } = await desk()
  failing.now = true
  const reply = await answer(input, request('PATCH', ENABLE, { body: off }))
  assert.equal(reply.status, 503)
  assert(steering.isOn(LINK))
  failing.now = false
  assert.equal((await answer(input, request('PATCH', ENABLE, { body: off }))).status, 204)
})

test('of two virtual links to one node that are made at once, one is', async () => {
  const { input } = await desk()
  const random = seededRandom(4, 'two')
  const both = [newUuid(random), newUuid(random)].map((id) =>
    answer(input, request('POST', LINKS, { body: virtual(id) })),
  )
  assert.deepEqual((await Promise.all(both)).map(({ status }) => status).toSorted(), [201, 409])
})

test('methods, types and parameters that are not there are refused in their form', async () => {
  const { input } = await desk()
  const status = async (...args: Parameters<typeof request>) =>
    (await answer(input, request(...args))).status
  assert.equal(await status('GET', '/'), 404)
  assert.equal(await status('GET', '/restconf/other'), 404)
  assert.equal(await status('POST', '/restconf'), 405)
  assert.equal(await status('TRACE', NODE), 405)
  assert.equal(await status('GET', `${NODE}?depth=x`), 400)
  assert.equal(await status('GET', '/restconf?depth=1'), 400)
  assert.equal(await status('PATCH', `${ENABLE}?insert=first`, { body: off }), 400)
  assert.equal(await status('PATCH', ENABLE, { body: off, contentType: 'application/xml' }), 415)
  const xml = { headers: { accept: 'application/yang-data+xml' } }
  assert.equal(await status('GET', NODE, xml), 406)
  const any = { headers: { accept: 'text/html, */*;q=0.1' } }
  assert.equal(await status('GET', NODE, any), 200)
  const options = await answer(input, request('OPTIONS', NODE))
  assert.match(options.headers?.['allow'] ?? '', /PATCH/)
  const head = whole(await answer(input, request('HEAD', NODE)))
  assert.deepEqual([head.status, head.body], [200, ''])
})

test('a reader of the stream gets what comes, and after a break what it has missed', async () => {
  const { input, events } = await desk()
  const path = '/restconf/streams/etsi-qkd-sdn-node'
  const open = async (headers: Readonly<Record<string, string>> = {}) => {
    const reply = await answer(input, request('GET', path, { headers }))
    assert('stream' in reply)
    assert.equal(reply.headers?.['content-type'], 'text/event-stream')
    return reply.stream[Symbol.asyncIterator]()
  }
  const reader = await open()
  assert.equal((await reader.next()).value, ': open\n\n')
  events.publish({ 'etsi-qkd-sdn-node:event': { serial: 1 } })
  const next = await reader.next()
  assert.match(
    String(next.value),
    /^id: 1000-1\ndata: \{"ietf-restconf:notification":\{"eventTime":"[^"]+Z","etsi-qkd-sdn-node:event":\{"serial":1\}\}\}\n\n$/,
  )
  await reader.return?.()
  events.publish({ 'etsi-qkd-sdn-node:event': { serial: 2 } })
  const texts = async (lastId: string): Promise<string[]> => {
    const again = await open({ 'last-event-id': lastId })
    await again.next()
    const first = String((await again.next()).value)
    await again.return?.()
    return [first]
  }
  assert.match((await texts('1000-1'))[0], /^id: 1000-2\n/)
  assert.match((await texts('999-7'))[0], /^: events before these are lost/)
  const last = await open({ 'last-event-id': '1000-2' })
  await last.next()
  const waiting = last.next()
  events.close()
  assert.deepEqual(await waiting, { value: undefined, done: true })
})

test('readers and what waits for them are bounded', async () => {
  const { input, events } = await desk()
  const path = '/restconf/streams/etsi-qkd-sdn-node'
  const replies = []
  for (let reader = 0; reader <= READERS_MAX; reader++) {
    replies.push(await answer(input, request('GET', path)))
  }
  assert.equal(replies.at(-1)?.status, 409)
  const [slow] = replies
  assert('stream' in slow)
  for (let serial = 0; serial < 5000; serial++) events.publish({ a: serial })
  let read = 0
  for await (const text of slow.stream) read += text.startsWith('id:') ? 1 : 0
  assert(read < 5000, 'a reader that falls behind is ended')
  assert.equal((await answer(input, request('GET', path))).status, 200, 'and leaves its place')
})

test('no request, however malformed, is answered with anything but an error of RESTCONF', async () => {
  const { input, steering } = await desk()
  const piece = fc.oneof(
    fc.constantFrom('restconf', 'data', 'etsi-qkd-sdn-node:qkd_node', 'qkd_links', 'qkdl_enable'),
    fc.constantFrom(`qkd_link=${names.link(LINK)}`, 'qkd_link=', 'a=b,c', '%2f', '..', '__proto__'),
    fc.string({ maxLength: 12 }),
  )
  const path = fc.array(piece, { maxLength: 8 }).map((pieces) => `/${pieces.join('/')}`)
  const body = fc.oneof(
    fc.json({ maxDepth: 5 }),
    fc.string(),
    fc.constantFrom(JSON.stringify({ 'etsi-qkd-sdn-node:qkdl_enable': 1 }), '{"__proto__":{}}'),
  )
  const method = fc.constantFrom('GET', 'PUT', 'PATCH', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'X')
  const query = fc.oneof(
    fc.constant(''),
    fc.webQueryParameters(),
    fc.string({ maxLength: 20 }).map((text) => `fields=${text}`),
  )
  await fc.assert(
    fc.asyncProperty(method, path, body, query, async (how, where, what, asked) => {
      const reply = await answer(input, {
        ...request(how, where),
        query: new URLSearchParams(asked),
        body: utf8(what.toWellFormed()),
      })
      assert(reply.status < 500, `${reply.status}`)
      if (reply.status < 400 || how === 'HEAD') return
      assert(Object.hasOwn(json(reply) as object, 'ietf-restconf:errors'))
    }),
    { seed: 15, numRuns: 3000 },
  )
  assert.deepEqual([steering.isOn(LINK), steering.pins], [true, []])
})

test('use is counted by minute, fades, and is bounded', () => {
  const time = new SimulatedTime()
  const usage = new Usage(time.view())
  const use = { server: 'a', clients: ['b'], remote: london, isInternal: false }
  for (let key = 0; key < 20; key++) usage.note({ ...use, bits: 256 })
  const [now] = usage.applications(() => 10)
  assert.deepEqual([now.isOn, now.maxBitsPerSecond, now.periods.length], [true, 10, 1])
  assert.equal(now.periods[0].bits, 5120)
  assert.equal(now.periods[0].to - now.periods[0].from, 60_000)
  assert(now.bitsPerSecond > 0)
  for (let index = 0; index < 2000; index++) usage.note({ ...use, server: `s${index}`, bits: 1 })
  assert.equal(usage.applications(() => undefined).length, 1024)
})
