import assert from 'node:assert/strict'
import { existsSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Exactly, Refusal, Text, Type, Whole } from '#base'
import { rawBody, route, siteRoutes, type Handlers } from '#contract'
import { MemoryLog } from '#world/ports'
import { openAdmin, type AdminListener } from './admin.ts'
import { statusOf } from './routes.ts'
import { scratch } from './scratch.test.ts'

const none = Exactly({})
const nothing = Type.Null()
const table = {
  read: route({
    method: 'GET',
    path: '/v1/pots/:pot',
    summary: 'A pot',
    query: Exactly({ pot: Text(20, 1), lid: Type.Optional(Text(8)) }),
    body: nothing,
    answer: Exactly({ pot: Text(20), lid: Type.Union([Text(8), nothing]) }),
  }),
  fill: route({
    method: 'POST',
    path: '/v1/pots',
    summary: 'Fills a pot',
    query: none,
    body: Exactly({ litres: Whole(0, 10) }),
    answer: Exactly({ litres: Whole(0, 10) }),
  }),
  pour: route({
    method: 'POST',
    path: '/v1/octets',
    summary: 'Takes octets',
    query: none,
    body: rawBody,
    answer: Exactly({ octets: Whole(0) }),
  }),
  watch: route({
    method: 'GET',
    path: '/v1/watch',
    summary: 'Numbers',
    query: Exactly({ upto: Text(8) }),
    body: nothing,
    answer: Exactly({ number: Whole(0) }),
    stream: true,
  }),
}
type Table = typeof table

class PotRefusal extends Refusal {
  override readonly name = 'PotRefusal'
}

const quiet: Handlers<Table> = {
  read: ({ pot, lid }) => Promise.resolve({ pot, lid: lid ?? null }),
  fill: (_query, { litres }) => Promise.resolve({ litres }),
  pour: (_query, octets) => Promise.resolve({ octets: octets.length }),
  watch: async function* ({ upto }) {
    for (let number = 0; number < Number(upto); number++) yield await Promise.resolve({ number })
  },
}

interface Served {
  readonly path: string
  readonly log: MemoryLog
  readonly listener: AdminListener
}

async function serve(t: TestContext, handlers: Partial<Handlers<Table>> = {}): Promise<Served> {
  const path = join(scratch(t), 'admin.sock')
  const log = new MemoryLog()
  const listener = await openAdmin({ path, table, handlers: { ...quiet, ...handlers }, log })
  t.after(() => listener[Symbol.asyncDispose]())
  return { path, log, listener }
}

async function send(
  { path: socketPath }: { readonly path: string },
  method: string,
  path: string,
  content?: string | Uint8Array,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const sent = httpRequest({ socketPath, method, path, agent: false })
  sent.once('response', resolve)
  sent.once('error', reject)
  sent.end(content)
  return promise
}

async function call(
  ...request: Parameters<typeof send>
): Promise<{ status: number; body: string; type: string }> {
  const response = await send(...request)
  let body = ''
  response.setEncoding('utf8')
  for await (const chunk of response) body += String(chunk)
  return { status: response.statusCode ?? 0, body, type: response.headers['content-type'] ?? '' }
}

const errorOf = (body: string): { code: string; message: string; facts: unknown } =>
  (JSON.parse(body) as { error: { code: string; message: string; facts: unknown } }).error

test('a route is served with path and query parameters, body and answer of its shapes', async (t) => {
  const served = await serve(t)
  const read = await call(served, 'GET', '/v1/pots/a%20b?lid=red')
  assert.deepEqual(read, {
    status: 200,
    body: '{"pot":"a b","lid":"red"}',
    type: 'application/json; charset=utf-8',
  })
  assert.equal((await call(served, 'POST', '/v1/pots', '{"litres":3}')).body, '{"litres":3}')
  const octets = new Uint8Array(3_000_000)
  assert.equal((await call(served, 'POST', '/v1/octets', octets)).body, '{"octets":3000000}')
})

test('what a route does not ask for is refused at the door, with a code', async (t) => {
  const served = await serve(t)
  const cases: readonly (readonly [string, string, string | undefined, number, string])[] = [
    ['GET', '/v1/pots/x?lod=red', undefined, 400, 'SHAPE_INVALID'],
    ['GET', '/v1/pots/x?lid=red&lid=blue', undefined, 400, 'REQUEST_INVALID'],
    ['GET', '/v1/pots/x?pot=y', undefined, 400, 'REQUEST_INVALID'],
    ['GET', `/v1/pots/${'x'.repeat(21)}`, undefined, 400, 'SHAPE_INVALID'],
    ['POST', '/v1/pots', '{"litres":11}', 400, 'SHAPE_INVALID'],
    ['POST', '/v1/pots', '{"litres":1,"more":1}', 400, 'SHAPE_INVALID'],
    ['POST', '/v1/pots', undefined, 400, 'SHAPE_INVALID'],
    ['POST', '/v1/pots', '{litres:1}', 400, 'REQUEST_INVALID'],
    ['POST', '/v1/pots', '"\xff', 400, 'REQUEST_INVALID'],
    ['POST', '/v1/pots', ' '.repeat(1024 * 1024 + 1), 413, 'BODY_TOO_LARGE'],
    ['GET', '/v1/nowhere', undefined, 404, 'ROUTE_UNKNOWN'],
    ['DELETE', '/v1/pots', undefined, 404, 'ROUTE_UNKNOWN'],
    ['GET', '/v1/pots/%zz', undefined, 400, 'REQUEST_INVALID'],
  ]
  for (const [method, path, content, status, code] of cases) {
    const answer = await call(served, method, path, content)
    assert.equal(answer.status, status, `${method} ${path}: ${answer.body}`)
    assert.equal(errorOf(answer.body).code, code, answer.body)
  }
})

test('a refusal of a handler keeps its code and facts; any other failure says nothing', async (t) => {
  const served = await serve(t, {
    read: () => Promise.reject(new PotRefusal('POT_UNKNOWN', 'No such pot', { facts: { pot: 7 } })),
    fill: () => Promise.reject(new TypeError('Ottoline Nightingale')),
  })
  const unknown = await call(served, 'GET', '/v1/pots/x')
  assert.equal(unknown.status, 404)
  assert.deepEqual(errorOf(unknown.body), {
    code: 'POT_UNKNOWN',
    message: 'No such pot',
    facts: { pot: 7 },
  })
  const failed = await call(served, 'POST', '/v1/pots', '{"litres":1}')
  assert.equal(failed.status, 500)
  assert.equal(errorOf(failed.body).code, 'INTERNAL')
  assert(!JSON.stringify([failed, served.log.lines]).includes('Ottoline'))
  assert.deepEqual(served.log.lines.at(-1)?.facts, { path: '/v1/pots', what: 'TypeError' })
})

test('an answer that is not of its shape never reaches the client', async (t) => {
  const served = await serve(t, { fill: () => Promise.resolve({ litres: 99 }) })
  const { status, body } = await call(served, 'POST', '/v1/pots', '{"litres":1}')
  assert.equal(status, 500)
  assert.equal(errorOf(body).code, 'INTERNAL')
  assert.deepEqual(served.log.lines.at(-1)?.facts, { path: '/v1/pots', what: 'litres' })
})

test('a stream is one document a line, as they come', async (t) => {
  const served = await serve(t)
  const { status, body, type } = await call(served, 'GET', '/v1/watch?upto=3')
  assert.deepEqual(
    [status, body, type],
    [200, '{"number":0}\n{"number":1}\n{"number":2}\n', 'application/x-ndjson; charset=utf-8'],
  )
  assert.equal((await call(served, 'GET', '/v1/watch?upto=0')).body, '')
})

test('a stream refused before its first line has a status, after it an error as its last line', async (t) => {
  const served = await serve(t, {
    watch: async function* ({ upto }) {
      for (let number = 0; number < Number(upto); number++) yield await Promise.resolve({ number })
      throw new PotRefusal('POT_BUSY', 'The pot is in use')
    },
  })
  const early = await call(served, 'GET', '/v1/watch?upto=0')
  assert.deepEqual([early.status, errorOf(early.body).code], [503, 'POT_BUSY'])
  const late = await call(served, 'GET', '/v1/watch?upto=1')
  assert.equal(late.status, 200)
  const [first, last] = late.body.trimEnd().split('\n')
  assert.equal(first, '{"number":0}')
  assert.equal(errorOf(last).code, 'POT_BUSY')
})

test('a client that goes away ends the handler of its stream', async (t) => {
  const ended = Promise.withResolvers<boolean>()
  const served = await serve(t, {
    watch: async function* (_query, _body, signal) {
      try {
        for (let number = 0; ; number++) {
          yield { number }
          // Waits for the client's end, as a watch waits for news.
          if (number === 2) {
            await new Promise((resume) => signal.addEventListener('abort', resume))
          }
        }
      } finally {
        ended.resolve(signal.aborted)
      }
    },
  })
  const response = await send(served, 'GET', '/v1/watch?upto=9')
  await new Promise((some) => response.once('data', some))
  response.destroy()
  assert.equal(await ended.promise, true)
})

test('closing the listener ends streams and removes the socket', async (t) => {
  const ended = Promise.withResolvers<void>()
  const served = await serve(t, {
    watch: async function* (_query, _body, signal) {
      try {
        yield { number: 1 }
        await new Promise((resume) => signal.addEventListener('abort', resume))
      } finally {
        ended.resolve()
      }
    },
  })
  const response = await send(served, 'GET', '/v1/watch?upto=9')
  const cut = new Promise((done) => response.once('close', done))
  response.on('error', () => undefined)
  response.resume()
  await served.listener[Symbol.asyncDispose]()
  await Promise.all([ended.promise, cut])
  assert(!existsSync(served.path))
})

test('the socket is ours alone; a dead one is replaced, a living one or another file is not', async (t) => {
  const { path } = await serve(t)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  const again = (at: string) =>
    openAdmin({ path: at, table, handlers: quiet, log: new MemoryLog() })
  await assert.rejects(again(path), {
    code: 'ADDRESS_IN_USE',
    message: `Another process listens on ${path}`,
  })
  const file = join(scratch(t), 'admin.sock')
  writeFileSync(file, 'precious')
  await assert.rejects(again(file), { code: 'ADDRESS_IN_USE' })
  assert.equal(statSync(file).size, 8)
  const stale = join(scratch(t), 'stale.sock')
  await leaveStale(stale)
  assert(existsSync(stale))
  const listener = await again(stale)
  assert.equal((await call({ path: stale }, 'GET', '/v1/pots/x')).status, 200)
  await listener[Symbol.asyncDispose]()
  await assert.rejects(again(join(scratch(t), 'x'.repeat(120))), { code: 'ADDRESS_INVALID' })
  await assert.rejects(again(join(scratch(t), 'no', 'folder')), { code: 'PERMISSION_DENIED' })
})

/** A socket file that nobody listens on, as `kill -9` leaves it. */
async function leaveStale(path: string): Promise<void> {
  const server = createServer()
  await new Promise<void>((ready) => server.listen(path, ready))
  // Closing removes the file, unless it is not there.
  renameSync(path, `${path}.kept`)
  await new Promise((closed) => server.close(closed))
  renameSync(`${path}.kept`, path)
}

test('every code of the contract has the status that its kind deserves', () => {
  for (const [code, status] of [
    ['INTERNAL', 500],
    ['SHAPE_INVALID', 400],
    ['CBOR_TOO_LARGE', 413],
    ['NETWORK_MESSAGE_TOO_LARGE', 413],
    ['NETWORK_UNREACHABLE', 503],
    ['NETWORK_UNKNOWN_PEER', 404],
    ['STORE_CONFLICT', 409],
    ['STORE_FULL', 507],
    ['STORE_FAILED', 503],
    ['KEY_EXHAUSTED', 503],
    ['CERTIFICATE_REVOKED', 403],
    ['SOMETHING_ELSE', 422],
  ] as const) {
    assert.equal(statusOf(code), status, code)
  }
})

test("the contract's own table can be served", async (t) => {
  const path = join(scratch(t), 'admin.sock')
  const handlers = Object.fromEntries(
    Object.keys(siteRoutes).map((name) => [name, () => Promise.resolve({ stopping: true })]),
  ) as unknown as Handlers<typeof siteRoutes>
  const listener = await openAdmin({ path, table: siteRoutes, handlers, log: new MemoryLog() })
  t.after(() => listener[Symbol.asyncDispose]())
  assert.equal((await call({ path }, 'POST', '/v1/stop')).body, '{"stopping":true}')
})
