import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Exactly, Type, Whole } from '#base'
import { route, type Handlers } from '#contract'
import { MemoryLog, seededRandom, SimulatedTime } from '#world/ports'
import { openConsole, type ConsoleListener } from './console.ts'
import { ConsoleSessions } from './console-sessions.ts'
import { GatewayRefusal } from './refusal.ts'
import { scratch } from './scratch.test.ts'

const table = {
  count: route({
    method: 'GET',
    path: '/v1/count',
    summary: 'A number',
    query: Exactly({}),
    body: Type.Null(),
    answer: Exactly({ count: Whole(0) }),
  }),
  raise: route({
    method: 'POST',
    path: '/v1/count',
    summary: 'Raises it',
    query: Exactly({}),
    body: Exactly({ by: Whole(0) }),
    answer: Exactly({ count: Whole(0) }),
  }),
  watch: route({
    method: 'GET',
    path: '/v1/watch',
    summary: 'Numbers',
    query: Exactly({}),
    body: Type.Null(),
    answer: Exactly({ count: Whole(0) }),
    stream: true,
  }),
}

interface Stand {
  readonly console: ConsoleListener
  readonly sessions: ConsoleSessions
  readonly clock: SimulatedTime
  readonly log: MemoryLog
  readonly host: string
}

async function stand(t: TestContext, built = true): Promise<Stand> {
  const pages = join(scratch(t), 'dist')
  if (built) {
    mkdirSync(join(pages, 'assets'), { recursive: true })
    writeFileSync(join(pages, 'index.html'), '<script nonce="__CSP_NONCE__" src="/assets/a.js">')
    writeFileSync(join(pages, 'assets', 'a.js'), 'run()')
    writeFileSync(join(pages, 'assets', 'notes.txt'), 'not served')
  }
  let count = 0
  const handlers: Handlers<typeof table> = {
    count: () => Promise.resolve({ count }),
    raise: (_query, { by }) => Promise.resolve({ count: (count += by) }),
    watch: async function* () {
      yield await Promise.resolve({ count: 1 })
      yield { count: 2 }
      throw new GatewayRefusal('REQUEST_INVALID', 'No more')
    },
  }
  const clock = new SimulatedTime()
  const log = new MemoryLog()
  const sessions = new ConsoleSessions({ clock: clock.view(), random: seededRandom(1) })
  const listen = { host: '127.0.0.1', port: 0 }
  const console = await openConsole({
    ...{ listen, pages, table, sessions, log },
    handlersFor: () => handlers,
  })
  t.after(() => console[Symbol.asyncDispose]())
  return { console, sessions, clock, log, host: console.origin.replace('http://', '') }
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
}

/** Asks as a page of the console does, unless other headers are given; null leaves one out. */
async function ask(
  { console, host }: Pick<Stand, 'console' | 'host'>,
  method: string,
  path: string,
  {
    headers,
    body,
  }: { readonly headers?: Record<string, string | null>; readonly body?: string } = {},
): Promise<Answer> {
  const all: Record<string, string | null> = { host, 'x-photonward': 'use', ...headers }
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(all)) if (value !== null) kept[name] = value
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const sent = request(console.origin + path, { method, headers: kept })
  sent.once('error', reject)
  sent.once('response', (response) => {
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => (text += chunk))
    response.once('end', () => {
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text })
    })
  })
  sent.end(body)
  return promise
}

const codeOf = ({ text }: Answer): unknown =>
  (JSON.parse(text) as { error: { code: string } }).error.code

async function cookieOf(about: Stand): Promise<string> {
  const ticket = about.console.newLink().split('#')[1]
  const answer = await ask(about, 'POST', '/login', { body: JSON.stringify({ ticket }) })
  assert.equal(answer.status, 200, answer.text)
  const [cookie] = answer.headers['set-cookie'] as string[]
  assert.match(cookie, /^photonward=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/)
  return cookie.split(';')[0]
}

test('a link logs in once, and its session asks the routes of the table', async (t) => {
  const about = await stand(t)
  assert.equal(codeOf(await ask(about, 'GET', '/api/v1/count')), 'LOGIN_NEEDED')
  const link = about.console.newLink()
  assert.match(link, /^http:\/\/127\.0\.0\.1:\d+\/login#[\w-]{43}$/)
  const ticket = link.split('#')[1]
  const body = JSON.stringify({ ticket })
  const [first, second] = [
    await ask(about, 'POST', '/login', { body }),
    await ask(about, 'POST', '/login', { body }),
  ]
  assert.deepEqual([first.status, second.status], [200, 403])
  assert.equal(codeOf(second), 'LOGIN_REFUSED')
  const cookie = (first.headers['set-cookie'] as string[])[0].split(';')[0]
  const headers = { cookie }
  assert.equal((await ask(about, 'GET', '/api/v1/count', { headers })).text, '{"count":0}')
  const raised = await ask(about, 'POST', '/api/v1/count', { headers, body: '{"by":3}' })
  assert.equal(raised.text, '{"count":3}')
  assert.equal((await ask(about, 'POST', '/logout', { headers })).status, 200)
  assert.equal((await ask(about, 'GET', '/api/v1/count', { headers })).status, 401)
  assert(!JSON.stringify(about.log.lines).includes(ticket), 'no link is in the log')
})

test('a link ends after ten minutes, a session when nobody uses it, and after twelve hours', async (t) => {
  const about = await stand(t)
  const { clock } = about
  const late = about.console.newLink().split('#')[1]
  await clock.advance(10 * 60_000)
  const body = JSON.stringify({ ticket: late })
  assert.equal((await ask(about, 'POST', '/login', { body })).status, 403)

  const idle = { cookie: await cookieOf(about) }
  await clock.advance(14 * 60_000)
  assert.equal((await ask(about, 'GET', '/api/v1/count', { headers: idle })).status, 200)
  await clock.advance(14 * 60_000)
  const poll = { ...idle, 'x-photonward': 'poll' }
  assert.equal((await ask(about, 'GET', '/api/v1/count', { headers: poll })).status, 200)
  await clock.advance(60_000)
  const gone = await ask(about, 'GET', '/api/v1/count', { headers: idle })
  assert.equal(codeOf(gone), 'LOGIN_NEEDED', 'what a page asks for by itself is no use')

  const busy = { cookie: await cookieOf(about) }
  for (let minutes = 0; minutes < 12 * 60; minutes += 10) {
    assert.equal((await ask(about, 'GET', '/api/v1/count', { headers: busy })).status, 200)
    await clock.advance(10 * 60_000)
  }
  assert.equal((await ask(about, 'GET', '/api/v1/count', { headers: busy })).status, 401)
})

test('what another origin could send is refused, with a cookie or without', async (t) => {
  const about = await stand(t)
  const cookie = await cookieOf(about)
  const port = about.host.split(':')[1]
  const refused: readonly Record<string, string | null>[] = [
    { 'x-photonward': null },
    { 'x-photonward': 'yes' },
    { host: `rebound.example:${port}` },
    { host: '127.0.0.1' },
    { origin: 'http://evil.example' },
    { origin: `https://${about.host}.evil.example` },
    { origin: 'null' },
    { accept: 'text/event-stream', 'sec-fetch-site': 'cross-site', 'x-photonward': null },
    { accept: 'text/event-stream', 'x-photonward': null },
  ]
  for (const headers of refused) {
    const answer = await ask(about, 'GET', '/api/v1/count', { headers: { cookie, ...headers } })
    assert.equal(codeOf(answer), 'REQUEST_INVALID', JSON.stringify(headers))
  }
  for (const headers of [{ origin: about.console.origin }, { host: `localhost:${port}` }]) {
    const answer = await ask(about, 'GET', '/api/v1/count', { headers: { cookie, ...headers } })
    assert.equal(answer.status, 200, JSON.stringify(headers))
  }
})

test('a stream is told as events to whoever asks for those, and its refusal as one of them', async (t) => {
  const about = await stand(t)
  const headers = {
    cookie: await cookieOf(about),
    accept: 'text/event-stream',
    'sec-fetch-site': 'same-origin',
    'x-photonward': null,
  }
  const { headers: told, text } = await ask(about, 'GET', '/api/v1/watch', { headers })
  assert.equal(told['content-type'], 'text/event-stream')
  const events = text.split('\n\n')
  assert.deepEqual(events.slice(0, 2), ['data: {"count":1}', 'data: {"count":2}'])
  assert.match(events[2], /^event: refusal\ndata: \{"error":\{"code":"REQUEST_INVALID"/)
})

test('pages are served to anybody, with a policy of their own and the nonce of their answer', async (t) => {
  const about = await stand(t)
  const bare = { 'x-photonward': null }
  const pages = await Promise.all(
    ['/', '/links/a', '/index.html'].map((path) => ask(about, 'GET', path, { headers: bare })),
  )
  const nonces = pages.map(({ status, headers, text }) => {
    assert.equal(status, 200)
    const policy = String(headers['content-security-policy'])
    const [, nonce] = /style-src 'self' 'nonce-([\w+/=]+)'/.exec(policy) ?? []
    assert.equal(text, `<script nonce="${nonce}" src="/assets/a.js">`)
    assert(!policy.includes('unsafe-eval') || policy.includes("'wasm-unsafe-eval'"))
    assert(!policy.includes('unsafe-inline'))
    return nonce
  })
  assert.equal(new Set(nonces).size, 3)
  const script = await ask(about, 'GET', '/assets/a.js', { headers: bare })
  assert.equal(script.text, 'run()')
  assert.match(String(script.headers['cache-control']), /immutable/)
  for (const path of ['/assets/b.js', '/assets/notes.txt', '/../console.test.ts', '/a.map']) {
    assert.equal((await ask(about, 'GET', path, { headers: bare })).status, 404, path)
  }
})

test('without a build every page says how to make one', async (t) => {
  const about = await stand(t, false)
  assert.match((await ask(about, 'GET', '/')).text, /npm run build:console/)
})

test('an address that is not of this machine is refused', async (t) => {
  const about = await stand(t)
  const { sessions, log } = about
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'example.com']) {
    const options = {
      listen: { host, port: 0 },
      pages: '',
      table: {},
      handlersFor: () => ({}),
      sessions,
      log,
    }
    await assert.rejects(openConsole(options), { code: 'CONFIG_INVALID' }, host)
  }
})
