import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { MemoryLog } from '#world/ports'
import type { StreamCall, StreamFrame } from '#site'
import { northAuthority } from './certificates.test.ts'
import { openStreamListener } from './etsi-004.ts'

const authority = await northAuthority()
const client = (await authority.leaf({ commonName: 'sae-1', uri: 'photonward:sae:sae-1' }))
  .credentials
const own = (await authority.leaf({ commonName: 'kme', dns: ['localhost'] })).credentials

async function serve(
  t: TestContext,
  handler: (call: StreamCall) => Promise<StreamFrame>,
): Promise<{ port: number; log: MemoryLog }> {
  const log = new MemoryLog()
  const listen = { host: '127.0.0.1', port: 0 }
  const listener = await openStreamListener({ listen, credentials: own, handler, log })
  t.after(() => listener[Symbol.asyncDispose]())
  return { port: listener.address?.port ?? 0, log }
}

async function dial(
  t: TestContext,
  port: number,
  more: ConnectionOptions = {},
): Promise<TLSSocket> {
  const socket = connect({ ...client, port, host: '127.0.0.1', servername: 'localhost', ...more })
  t.after(() => socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

async function read(socket: TLSSocket, octets: number): Promise<Buffer> {
  let held = Buffer.alloc(0)
  while (held.length < octets) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    held = Buffer.concat([held, chunk])
  }
  return held
}

/** Answers with the number of the next service, and what it was sent. */
const echo = ({ service, body }: StreamCall): Promise<StreamFrame> =>
  Promise.resolve({ service: service + 1, body: body.slice() })

const call = (service: number, body: string): Buffer =>
  Buffer.concat([Buffer.from([1, 0, 1, service, 0, 0, 0, body.length]), Buffer.from(body)])

test('calls are answered one after the other, in the version of the caller', async (t) => {
  let underWay = 0
  const { port } = await serve(t, async (asked) => {
    assert.equal(++underWay, 1)
    assert.deepEqual(asked.client?.uriNames, ['photonward:sae:sae-1'])
    await new Promise((goOn) => setImmediate(goOn))
    underWay--
    return echo(asked)
  })
  const socket = await dial(t, port)
  socket.write(Buffer.concat([call(2, 'first'), call(4, ''), call(8, 'third')]))
  const want = Buffer.concat([call(3, 'first'), call(5, ''), call(9, 'third')])
  assert.deepEqual(await read(socket, want.length), want)
})

test('a call may come in pieces of any size', async (t) => {
  const { port } = await serve(t, echo)
  const socket = await dial(t, port)
  socket.setNoDelay(true)
  for (const octet of call(4, 'pieces')) {
    socket.write(Buffer.from([octet]))
    await new Promise((goOn) => setImmediate(goOn))
  }
  assert.deepEqual(await read(socket, 14), call(5, 'pieces'))
})

test('a body too long, or one that cannot be read, ends the connection and is logged', async (t) => {
  const { port, log } = await serve(t, () => Promise.reject(new RangeError('not to be read')))
  for (const octets of [Buffer.from([1, 0, 1, 2, 0, 0, 0x10, 1]), call(2, 'x')]) {
    const socket = await dial(t, port)
    socket.on('error', () => undefined)
    socket.write(octets)
    socket.resume()
    await once(socket, 'close')
  }
  const refused = log.lines.filter(({ event }) => event === 'stream-connection-refused')
  assert.equal(refused.length, 2)
})

test('a client without a certificate is not served', async (t) => {
  let calls = 0
  const { port } = await serve(t, (asked) => {
    calls++
    return echo(asked)
  })
  const socket = connect({ ca: client.ca, port, host: '127.0.0.1', servername: 'localhost' })
  t.after(() => socket.destroy())
  const [error] = (await once(socket, 'error')) as [Error & { code?: string }]
  assert.match(error.code ?? '', /CERTIFICATE_REQUIRED|ECONNRESET/)
  assert.equal(calls, 0)
})
