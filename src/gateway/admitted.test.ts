/** Certificates that are revoked or end while their connection is in use, at both kinds of listeners. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import type { HttpResponse } from '#base'
import type { StreamCall, StreamFrame } from '#site'
import { MemoryLog } from '#world/ports'
import { northAuthority, type Leaf } from './certificates.test.ts'
import { openStreamListener } from './etsi-004.ts'
import { openHttp, type HttpOptions } from './http.ts'

const authority = await northAuthority()
const client = await authority.leaf({ commonName: 'sae-1' })
const other = await authority.leaf({ commonName: 'sae-2' })
const own = (await authority.leaf({ commonName: 'kme', dns: ['localhost'] })).credentials
const listed = async (revoked: readonly Leaf[]) => {
  const crl = await authority.crl(revoked.map(({ serialNumber }) => serialNumber))
  return { ...own, crl }
}
const listen = { host: '127.0.0.1', port: 0 }

async function overHttp(t: TestContext, handler: HttpOptions['handler']) {
  const log = new MemoryLog()
  const credentials = await listed([])
  const listener = await openHttp({ name: 'kme', listen, credentials, handler, log })
  t.after(() => listener[Symbol.asyncDispose]())
  return { listener, port: listener.address?.port ?? 0 }
}

async function overStreams(t: TestContext, handler: (call: StreamCall) => Promise<StreamFrame>) {
  const log = new MemoryLog()
  const credentials = await listed([])
  const listener = await openStreamListener({ listen, credentials, handler, log })
  t.after(() => listener[Symbol.asyncDispose]())
  return { listener, port: listener.address?.port ?? 0 }
}

/** A connection, what comes on it, and its end. */
async function dial(t: TestContext, port: number, { credentials }: Leaf = client) {
  const socket = connect({ ...credentials, port, host: '127.0.0.1', servername: 'localhost' })
  t.after(() => socket.destroy())
  const read = { text: '' }
  socket.setEncoding('latin1').on('data', (text: string) => (read.text += text))
  socket.on('error', () => undefined)
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await once(socket, 'secureConnect')
  return { socket, read, closed }
}

const ASK = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'
const CALL = Buffer.from([1, 0, 1, 4, 0, 0, 0, 1, 7])
const ok: HttpResponse = { status: 200, body: '{}' }

async function says(socket: TLSSocket, read: { text: string }, what: RegExp): Promise<void> {
  while (!what.test(read.text)) await once(socket, 'data')
}

test('a connection that is in use ends when new lists revoke its client, who cannot come back', async (t) => {
  const { listener, port } = await overHttp(t, () => Promise.resolve(ok))
  const [one, two] = [await dial(t, port), await dial(t, port, other)]
  for (const { socket, read } of [one, two]) {
    socket.write(ASK)
    await says(socket, read, /200 OK/)
  }
  listener.reload(await listed([client]))
  await Promise.all([one.closed, two.closed])
  const again = await dial(t, port)
  again.socket.write(ASK)
  await again.closed
  assert.equal(again.read.text, '')
  const sound = await dial(t, port, other)
  sound.socket.write(ASK)
  await says(sound.socket, sound.read, /200 OK/)
})

test('an answer that is under way is sent, and the connection ends with it', async (t) => {
  const { promise: may, resolve: go } = Promise.withResolvers<void>()
  const { promise: asked, resolve: isAsked } = Promise.withResolvers<void>()
  let requests = 0
  const { listener, port } = await overHttp(t, async () => {
    requests++
    isAsked()
    await may
    return ok
  })
  const { socket, read, closed } = await dial(t, port)
  socket.write(ASK)
  await asked
  listener.reload(await listed([client]))
  // Comes on a connection whose time is over, and is not answered.
  socket.write(ASK)
  go()
  await closed
  assert.equal(read.text.match(/200 OK/g)?.length, 1)
  assert.equal(requests, 1)
})

test('an answer without an end is cut off', async (t) => {
  async function* endless(): AsyncGenerator<string> {
    yield ': open\n'
    await new Promise(() => undefined)
  }
  const { listener, port } = await overHttp(t, () =>
    Promise.resolve({ status: 200, stream: endless() }),
  )
  const { socket, read, closed } = await dial(t, port)
  socket.write(ASK)
  await says(socket, read, /: open/)
  listener.reload(await listed([]))
  await closed
})

test('a connection does not outlive the certificate of its client', async (t) => {
  const { port } = await overHttp(t, () => Promise.resolve(ok))
  const SECONDS = 2
  const brief = await authority.leaf({ commonName: 'brief', days: SECONDS / 86_400 })
  const [short, long] = [await dial(t, port, brief), await dial(t, port)]
  short.socket.write(ASK)
  await says(short.socket, short.read, /200 OK/)
  await short.closed
  long.socket.write(ASK)
  await says(long.socket, long.read, /200 OK/)
})

test('key streams are called on no connection that was let in under older lists', async (t) => {
  const { promise: may, resolve: go } = Promise.withResolvers<void>()
  const { promise: asked, resolve: isAsked } = Promise.withResolvers<void>()
  let calls = 0
  const { listener, port } = await overStreams(t, async ({ service }) => {
    calls++
    isAsked()
    await may
    return { service: service + 1, body: new Uint8Array([9]) }
  })
  const [idle, busy] = [await dial(t, port, other), await dial(t, port)]
  busy.socket.write(Buffer.concat([CALL, CALL]))
  await asked
  listener.reload(await listed([client]))
  await idle.closed
  go()
  await busy.closed
  assert.equal(busy.read.text.length, 9, 'one answer')
  assert.equal(calls, 1)
  const again = await dial(t, port)
  again.socket.write(CALL)
  await again.closed
  assert.equal(calls, 1)
})
