import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https'
import type { IncomingHttpHeaders } from 'node:http'
import { test, type TestContext } from 'node:test'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { utf8, type HttpResponse } from '#base'
import { MemoryLog } from '#world/ports'
import { northAuthority, type LeafOptions } from './certificates.test.ts'
import { openHttp, type HttpListener, type HttpOptions, type NorthRequest } from './http.ts'
import type { Credentials } from './tls.ts'

const authority = await northAuthority()
const client = (await authority.leaf({ commonName: 'sae-1', uri: 'urn:sae:1' })).credentials
const own = (await authority.leaf({ commonName: 'kme', dns: ['localhost'] })).credentials

interface Served {
  readonly listener: HttpListener
  readonly port: number
  readonly log: MemoryLog
  readonly seen: NorthRequest[]
}

const ok: HttpResponse = { status: 200, body: '{}' }

async function serve(
  t: TestContext,
  answer: (request: NorthRequest) => Promise<HttpResponse> = () => Promise.resolve(ok),
  more: Partial<HttpOptions> = {},
): Promise<Served> {
  const log = new MemoryLog()
  const seen: NorthRequest[] = []
  const listener = await openHttp({
    name: 'kme',
    listen: { host: '127.0.0.1', port: 0 },
    credentials: own,
    handler: (request) => {
      seen.push(request)
      return answer(request)
    },
    log,
    ...more,
  })
  t.after(() => listener[Symbol.asyncDispose]())
  return { listener, port: listener.address?.port ?? 0, log, seen }
}

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

interface Call extends RequestOptions {
  readonly content?: Uint8Array | string
  readonly tls?: ConnectionOptions
}

/** One request on a connection of its own. */
async function call({ port }: Served, path: string, more: Call = {}): Promise<Answer> {
  const { content, tls, ...options } = more
  const agent = new Agent({ ...client, ecdhCurve: 'X25519MLKEM768', ...tls })
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const sent = httpsRequest({
    host: '127.0.0.1',
    servername: 'localhost',
    port,
    path,
    agent,
    ...options,
  })
  sent.once('error', reject)
  sent.once('response', (response) => {
    let body = ''
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => (body += chunk))
    response.once('end', () => {
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body })
    })
  })
  sent.end(content)
  try {
    return await promise
  } finally {
    agent.destroy()
  }
}

/** A TLS connection on which to write requests by hand. */
async function raw({ port }: Served): Promise<TLSSocket> {
  const socket = connectTls({ host: '127.0.0.1', port, servername: 'localhost', ...client })
  socket.on('error', () => undefined)
  await new Promise((secure) => socket.once('secureConnect', secure))
  return socket
}

/** Everything that comes until the connection ends. */
async function rest(socket: TLSSocket): Promise<string> {
  let text = ''
  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => (text += chunk))
  await new Promise((closed) => socket.once('close', closed))
  return text
}

const message = (body: string): string => (JSON.parse(body) as { message: string }).message

test('a request reaches the handler as it was sent, with the certificate of its client', async (t) => {
  const served = await serve(t)
  const content = Uint8Array.of(0, 255, 10, 13)
  const { status } = await call(served, '/api/v1/keys/a%2Fb//c/enc_keys?size=256&x=%20y&x=2', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    content,
  })
  assert.equal(status, 200)
  const [request] = served.seen
  assert.equal(request.method, 'POST')
  assert.equal(request.path, '/api/v1/keys/a%2Fb//c/enc_keys')
  assert.deepEqual(
    [...request.query],
    [
      ['size', '256'],
      ['x', ' y'],
      ['x', '2'],
    ],
  )
  assert.equal(request.contentType, 'application/json')
  assert.deepEqual(request.body, content)
  assert.equal(request.client?.commonName, 'sae-1')
  assert.deepEqual(request.client.uriNames, ['urn:sae:1'])
  assert.match(request.client.fingerprint, /^[0-9a-f]{64}$/)
})

test('a body is octets whatever it claims to be, and JSON that is none is not our business', async (t) => {
  const served = await serve(t)
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'image/dicom',
    undefined,
  ]) {
    const headers = type === undefined ? {} : { 'content-type': type }
    await call(served, '/', { method: 'POST', headers, content: '{not json' })
  }
  for (const { body } of served.seen) assert.deepEqual(body, utf8('{not json'))
  assert.equal(served.seen.length, 4)
})

test('an answer has the status, headers and octets of the handler, and our headers', async (t) => {
  const octets = Uint8Array.of(1, 2, 3)
  const served = await serve(t, ({ path }) =>
    Promise.resolve(
      path === '/octets'
        ? {
            status: 201,
            headers: { 'content-type': 'application/x-own', 'x-own': 'yes' },
            body: octets,
          }
        : {
            status: path === '/none' ? 204 : 400,
            body: path === '/none' ? '' : '{"message":"no"}',
          },
    ),
  )
  const one = await call(served, '/octets')
  assert.deepEqual(
    [one.status, one.headers['content-type'], one.headers['x-own'], one.body],
    [201, 'application/x-own', 'yes', '\x01\x02\x03'],
  )
  const two = await call(served, '/text')
  assert.deepEqual(
    [two.status, two.headers['content-type'], two.body],
    [400, 'application/json; charset=utf-8', '{"message":"no"}'],
  )
  assert.deepEqual(await call(served, '/none').then(({ status, body }) => [status, body]), [
    204,
    '',
  ])
  for (const { headers } of [one, two]) {
    assert.equal(headers['cache-control'], 'no-store')
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['x-powered-by'], undefined)
    assert.equal(headers['server'], undefined)
  }
})

/** Ways to ask for a path: as it is, and so that it has to be decoded, or comes with an empty body. */
const ASKED: readonly ((path: string) => readonly [string, Call])[] = [
  (path) => [path, {}],
  (path) => [path.replace('/', '/%2E'), {}],
  (path) => [path, { headers: { 'content-length': '0' } }],
]

test('plain requests are answered in the same words as those that Fastify reads', async (t) => {
  const answers: Readonly<Record<string, HttpResponse>> = {
    text: { status: 200, body: '{"é":1}' },
    octets: { status: 201, headers: { 'Content-Type': 'application/x-own' }, body: utf8('abc') },
    none: { status: 204, body: '' },
    same: { status: 304, headers: { etag: 'W/"1"' }, body: '' },
    empty: { status: 404, body: '' },
    kept: { status: 200, headers: { 'cache-control': 'private' }, body: 'x' },
  }
  const served = await serve(t, ({ path }) => {
    const name = path.replace(/^\/(?:%2E)?/, '')
    return name in answers ? Promise.resolve(answers[name]) : Promise.reject(new Error('none'))
  })
  for (const name of [...Object.keys(answers), 'fails']) {
    const [plain, ...others] = await Promise.all(
      ASKED.map(async (asked) => {
        const { headers, ...rest } = await call(served, ...asked(`/${name}`))
        return { ...rest, headers: { ...headers, date: undefined } }
      }),
    )
    for (const other of others) assert.deepEqual(plain, other, name)
  }
  const queries = ['?a=1&b=&a=2', '?', '?a=b=c', '']
  for (const query of queries) await call(served, `/text${query}`)
  const seen = served.seen.slice(-queries.length).map((one) => [one.path, one.query.toString()])
  assert.deepEqual(seen, [
    ['/text', 'a=1&b=&a=2'],
    ['/text', ''],
    ['/text', 'a=b%3Dc'],
    ['/text', ''],
  ])
})

test('an answer that goes on is sent as it comes, and ends its connection if it fails', async (t) => {
  const served = await serve(t, undefined, {
    handler: ({ path }) => Promise.resolve({ status: 200, stream: parts(path === '/cut') }),
  })
  assert.equal((await call(served, '/whole')).body, 'one two')
  const socket = await raw(served)
  socket.write('GET /cut HTTP/1.1\r\nhost: localhost\r\n\r\n')
  const text = await rest(socket)
  assert(text.endsWith('\r\none \r\n'), text)
})

async function* parts(isCut: boolean): AsyncGenerator<string> {
  yield 'one '
  await new Promise((resume) => setImmediate(resume))
  if (isCut) throw new Error('no more')
  yield 'two'
}

test('each request says whether its key exchange was hybrid; both kinds are served', async (t) => {
  const served = await serve(t)
  await call(served, '/')
  await call(served, '/', { tls: { ecdhCurve: 'X25519' } })
  assert.deepEqual(
    served.seen.map(({ session: { group, postQuantum } }) => [group, postQuantum]),
    [
      ['X25519MLKEM768', true],
      ['X25519', false],
    ],
  )
  assert.deepEqual(served.listener.sessions, { X25519MLKEM768: 1, X25519: 1 })
})

test('TLS 1.2 and other groups are refused', async (t) => {
  const served = await serve(t)
  for (const tls of [
    { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const,
    { ecdhCurve: 'secp256r1' },
    { ecdhCurve: 'X448' },
  ]) {
    await assert.rejects(call(served, '/', { tls }), /alert/)
  }
  assert.deepEqual(served.seen, [])
})

test('nobody is served without an accepted certificate, and a missing one is told by an alert', async (t) => {
  const foreign = await northAuthority()
  const revoked = await authority.leaf({ commonName: 'sae-2' })
  const crl = await authority.crl([revoked.serialNumber])
  const served = await serve(t, undefined, { credentials: { ...own, crl } })
  await assert.rejects(call(served, '/', { tls: { cert: undefined, key: undefined } }), {
    code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
  })
  const issue = async (leaf: LeafOptions): Promise<Credentials> =>
    (await authority.leaf(leaf)).credentials
  for (const [name, credentials] of [
    [
      'foreign',
      { ...(await foreign.leaf({ commonName: 'sae-1' })).credentials, ca: authority.root },
    ],
    ['expired', await issue({ commonName: 'sae-1', days: -1 })],
    ['for servers only', await issue({ commonName: 'sae-1', usages: ['server'] })],
    ['revoked', revoked.credentials],
  ] as const) {
    await assert.rejects(call(served, '/', { tls: credentials }), name)
  }
  assert.deepEqual(served.seen, [])
  assert.equal(served.log.lines.filter(({ event }) => event === 'tls-refused').length, 5)
  assert.equal((await call(served, '/')).status, 200)
})

test('where a certificate is welcome, none is taken, and one that is shown must be good', async (t) => {
  const foreign = await northAuthority()
  const revoked = await authority.leaf({ commonName: 'sae-2' })
  const crl = await authority.crl([revoked.serialNumber])
  const welcome = { certificates: 'welcome', credentials: { ...own, crl } } as const
  const served = await serve(t, undefined, welcome)
  const bare = { tls: { key: undefined, cert: undefined } }
  assert.equal((await call(served, '/', bare)).status, 200)
  assert.equal((await call(served, '/')).status, 200)
  assert.deepEqual(
    served.seen.map((request) => request.client?.commonName),
    [undefined, 'sae-1'],
  )
  for (const { credentials } of [
    await foreign.leaf({ commonName: 'sae-1' }),
    await authority.leaf({ commonName: 'sae-1', days: -1 }),
    await authority.leaf({ commonName: 'sae-1', usages: ['server'] }),
    revoked,
  ]) {
    await assert.rejects(call(served, '/', { tls: { ...credentials, ca: authority.root } }))
  }
  assert.equal(served.seen.length, 2)
  assert.equal(served.log.lines.filter(({ event }) => event === 'tls-refused').length, 4)
})

test('a body of the greatest length is taken, one octet more is a 413, announced or not', async (t) => {
  const served = await serve(t, undefined, { bodyOctetsMax: 1000 })
  const post = { method: 'POST', headers: { 'content-type': 'application/json' } }
  assert.equal((await call(served, '/', { ...post, content: 'x'.repeat(1000) })).status, 200)
  const over = await call(served, '/', { ...post, content: 'x'.repeat(1001) })
  assert.equal(over.status, 413)
  assert.equal(message(over.body), 'The body of a request has at most 1000 octets')
  const socket = await raw(served)
  const chunk = `400\r\n${'x'.repeat(1024)}\r\n`
  socket.write(`POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n${chunk}`)
  assert.match(await rest(socket), /^HTTP\/1\.1 413 /)
  assert.equal(served.seen.length, 1)
})

test('a client that sends a body too large still reads the refusal, and can go on', async (t) => {
  const served = await serve(t, undefined, { bodyOctetsMax: 1000 })
  const socket = await raw(served)
  let answer = ''
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString()))
  const octets = 4 * 1024 * 1024
  socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${octets}\r\n\r\n`)
  // In pieces, so that much is still to come when the refusal is written.
  const piece = Buffer.alloc(65_536, 'x')
  for (let sent = 0; sent < octets; sent += piece.length) {
    await new Promise((resume) => socket.write(piece, resume))
  }
  socket.write('GET /next HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  await once(socket, 'close')
  assert.match(answer, /^HTTP\/1\.1 413 [^]*HTTP\/1\.1 200 /)
  assert.deepEqual(
    served.seen.map(({ path }) => path),
    ['/next'],
  )
})

test('a client that asks before it sends is told to go on only where its body fits', async (t) => {
  const served = await serve(t, undefined, { bodyOctetsMax: 1000 })
  const ask = async (octets: number, body: string): Promise<string> => {
    const socket = await raw(served)
    const head = `content-length: ${octets}\r\nexpect: 100-continue\r\nconnection: close\r\n`
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\n${head}\r\n${body}`)
    return rest(socket)
  }
  assert.match(await ask(1000, 'x'.repeat(1000)), /^HTTP\/1\.1 100 [^]*HTTP\/1\.1 200 /)
  assert.match(await ask(1001, ''), /^HTTP\/1\.1 413 /)
  assert.equal(served.seen.length, 1)
})

test('whatever is no HTTP gets a JSON error or the end of its connection, and nothing falls over', async (t) => {
  const served = await serve(t)
  const cases: readonly (readonly [string, RegExp])[] = [
    ['GARBAGE\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['GET / HTTP/9.9\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['GET / HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['GET /\0 HTTP/1.1\r\nhost: x\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n', /^HTTP\/1\.1 400 /],
    [
      'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n',
      /^HTTP\/1\.1 400 /,
    ],
    [`GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
    ['GET /%zz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', /^HTTP\/1\.1 400 /],
    [
      'POST / HTTP/1.1\r\nhost: x\r\nexpect: magic\r\ncontent-length: 1\r\n\r\nx',
      /^HTTP\/1\.1 417 /,
    ],
    ['OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['PROPFIND / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', /^HTTP\/1\.1 404 /],
    [
      'POST / HTTP/1.1\r\nhost: x\r\ncontent-type: /\r\ncontent-length: 1\r\nconnection: close\r\n\r\nx',
      /^HTTP\/1\.1 415 /,
    ],
  ]
  for (const [text, expected] of cases) {
    const socket = await raw(served)
    socket.write(text)
    const answer = await rest(socket)
    assert.match(answer, expected, JSON.stringify(text.slice(0, 60)))
    const [head, body] = answer.split('\r\n\r\n')
    assert.match(head, /content-type: application\/json/i, answer)
    assert.equal(typeof message(body), 'string')
    // Nothing of the request comes back.
    assert(!body.includes('yyy') && !body.includes('magic'))
  }
  const hangup = await raw(served)
  hangup.end('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc')
  await rest(hangup)
  assert.equal(served.seen.length, 0)
  assert.equal((await call(served, 'https://kme.test/a/b?c=d')).status, 200)
  assert.equal(served.seen[0].path, '/a/b')
})

test('a handler that fails is a 500 without a word of why', async (t) => {
  const served = await serve(t, () => Promise.reject(new Error('Ottoline Nightingale')))
  const { status, body } = await call(served, '/')
  assert.equal(status, 500)
  assert.equal(message(body), 'Internal failure; the log of this site says more')
  assert(!JSON.stringify(served.log.lines).includes('Ottoline'))
  assert(served.log.lines.some(({ event }) => event === 'http-failed'))
})

test('a request that comes too slowly is answered with 408 and cut off', async (t) => {
  const served = await serve(t, undefined, { requestMs: 100 })
  const socket = await raw(served)
  socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc')
  assert.match(await rest(socket), /^HTTP\/1\.1 408 [^]*"message"/)
  assert.deepEqual(served.seen, [])
})

test('a stopped listener answers what is under way and takes nothing new', async (t) => {
  const gate = Promise.withResolvers<HttpResponse>()
  const served = await serve(t, () => gate.promise)
  const waiting = call(served, '/')
  while (served.seen.length === 0) await new Promise((resume) => setImmediate(resume))
  served.listener.stopListening()
  await assert.rejects(call(served, '/'), { code: 'ECONNREFUSED' })
  let drained = false
  const done = served.listener.drained().then(() => (drained = true))
  await new Promise((resume) => setImmediate(resume))
  assert(!drained)
  gate.resolve(ok)
  assert.equal((await waiting).status, 200)
  await done
})

test('credentials are exchanged without a restart', async (t) => {
  const served = await serve(t)
  const other = await northAuthority()
  const renewed = (await other.leaf({ commonName: 'kme', dns: ['localhost'] })).credentials
  served.listener.reload(renewed)
  await assert.rejects(call(served, '/'))
  const theirs = (await other.leaf({ commonName: 'sae-9' })).credentials
  assert.equal((await call(served, '/', { tls: theirs })).status, 200)
  assert.equal(served.seen[0].client?.commonName, 'sae-9')
})

test('an occupied port is refused by its address', async (t) => {
  const { port } = await serve(t)
  const again = openHttp({
    name: 'kme',
    listen: { host: '127.0.0.1', port },
    credentials: own,
    handler: () => Promise.resolve(ok),
    log: new MemoryLog(),
  })
  await assert.rejects(again, {
    code: 'ADDRESS_IN_USE',
    facts: { address: `127.0.0.1:${String(port)}`, system: 'EADDRINUSE' },
  })
})
