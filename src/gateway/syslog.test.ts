import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createServer, type TLSSocket } from 'node:tls'
import { textOf, utf8 } from '#base'
import { northAuthority } from './certificates.test.ts'
import { scratch } from './scratch.test.ts'
import { SyslogWay } from './syslog.ts'

const authority = await northAuthority()
const stranger = (await (await northAuthority()).leaf({ commonName: 'other' })).credentials
const own = (await authority.leaf({ commonName: 'siem', dns: ['localhost'] })).credentials
const client = (await authority.leaf({ commonName: 'bristol' })).credentials

/** A receiver over TLS, and what came to it. */
async function receiver(t: TestContext, port = 0) {
  const sockets: TLSSocket[] = []
  let text = ''
  const server = createServer({ ...own, requestCert: true, rejectUnauthorized: true }, (socket) => {
    sockets.push(socket)
    socket.on('data', (chunk: Buffer) => (text += textOf(chunk)))
    socket.on('error', () => undefined)
  })
  server.on('tlsClientError', () => undefined)
  server.listen(port, 'localhost')
  await once(server, 'listening')
  const stop = () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  t.after(stop)
  const until = async (wanted: string): Promise<void> => {
    while (!text.includes(wanted)) await new Promise((done) => setImmediate(done))
  }
  return { port: (server.address() as AddressInfo).port, sockets, stop, until, text: () => text }
}

function way(t: TestContext, port: number, more: object = {}): SyslogWay {
  const folder = scratch(t)
  writeFileSync(join(folder, 'ca.pem'), client.ca)
  writeFileSync(join(folder, 'other.pem'), stranger.ca)
  writeFileSync(join(folder, 'cert.pem'), client.cert)
  writeFileSync(join(folder, 'key.pem'), client.key)
  const identity = { key: 'key.pem', certificate: 'cert.pem' }
  const siem = { host: 'localhost', port, authority: 'ca.pem', identity, format: 'ocsf', ...more }
  const made = new SyslogWay(siem as ConstructorParameters<typeof SyslogWay>[0], folder)
  t.after(() => made.close())
  return made
}

test('messages arrive over one connection that both ends have verified', async (t) => {
  const { port, sockets, until, text } = await receiver(t)
  const siem = way(t, port)
  await assert.rejects(siem.send(utf8('5 hello')), { code: 'SIEM_UNREACHABLE' })
  assert.equal(await siem.connect(), true)
  await siem.send(utf8('5 hello'))
  assert.equal(await siem.connect(), false)
  await siem.send(utf8('5 again'))
  await until('5 again')
  assert.equal(text(), '5 hello5 again')
  assert.equal(sockets.length, 1)
  assert.equal(sockets[0].getPeerCertificate().subject.CN, 'bristol')
})

test('after the receiver was away the next messages go over a new connection', async (t) => {
  const first = await receiver(t)
  const siem = way(t, first.port)
  await siem.connect()
  await siem.send(utf8('3 one'))
  await first.until('3 one')
  first.stop()
  const isOpen = (): Promise<boolean> =>
    siem.connect().then(
      () => true,
      () => false,
    )
  while (await isOpen()) await new Promise((done) => setImmediate(done))
  await assert.rejects(siem.send(utf8('3 two')), { code: 'SIEM_UNREACHABLE' })
  const second = await receiver(t, first.port)
  assert.equal(await siem.connect(), true)
  await siem.send(utf8('5 three'))
  await second.until('5 three')
})

test('a receiver of another authority or name gets nothing, and is refused', async (t) => {
  const { port, text } = await receiver(t)
  for (const more of [
    { authority: 'other.pem' },
    { host: '127.0.0.1' },
    { authority: 'none.pem' },
  ]) {
    await assert.rejects(way(t, port, more).connect(), { code: 'SIEM_UNREACHABLE' })
  }
  assert.equal(text(), '')
})
