import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom, utf8, type SiteId } from '#base'
import { SILENT_TICKS_MAX, TICK_MS } from './connection.ts'
import {
  authority,
  bristol,
  cambridge,
  connected,
  messages,
  pair,
  rawClient,
  stalled,
  unreachable,
  until,
  uriOf,
} from './site-pair.test.ts'

test('both ends can prove that the key exchange was hybrid, from what they saw themselves', async (t) => {
  const sites = await pair(t)
  for (const { session } of await connected(sites)) {
    assert.deepEqual(session, {
      protocol: 'TLSv1.3',
      cipher: 'TLS_AES_256_GCM_SHA384',
      group: 'X25519MLKEM768',
      postQuantum: true,
    })
  }
})

test('octets of every size come whole and in order, under back-pressure', async (t) => {
  const sites = await pair(t)
  const [a, b] = await connected(sites)
  const random = new SeededRandom(5)
  const sizes = [0, 1, 4095, 4096, 16_384, 65_535, 1_000_000, 3, 6_000_000, 2]
  const sent = sizes.map((size) => random.octets(size))
  const got = messages(b, sizes.length)
  for (const message of sent) await a.send(message)
  for (const [at, message] of (await got).entries()) assert.deepEqual(message, sent[at])
})

test('messages are taken one at a time, and a slow taker makes the sender wait', async (t) => {
  const sites = await pair(t)
  const [a, b] = await connected(sites)
  const gates: (() => void)[] = []
  let under = 0
  let taken = 0
  const first = Promise.withResolvers<void>()
  b.receive(async () => {
    under++
    assert.equal(under, 1)
    if (gates.length === 0) {
      await new Promise<void>((open) => {
        gates.push(open)
        first.resolve()
      })
    }
    under--
    taken++
  })
  // Far more than both ends buffer: the sender must come to a halt while the taker is busy.
  const count = 64
  let sent = 0
  const sending = (async () => {
    for (; sent < count; sent++) await a.send(new Uint8Array(1024 * 1024))
  })()
  await first.promise
  const before = await stalled(() => sent)
  assert(before < count, 'the sender was never made to wait')
  assert.equal(taken, 0)
  gates[0]()
  await sending
  await until(() => taken === count)
})

test('what was sent before an orderly end still arrives, and both ends learn of it', async (t) => {
  const sites = await pair(t)
  const [a, b] = await connected(sites)
  const got = messages(b, 2)
  void a.send(utf8('last'))
  void a.send(new Uint8Array(500_000))
  a.close()
  assert.deepEqual((await got)[0], utf8('last'))
  await Promise.all([a.closed, b.closed])
  await assert.rejects(a.send(utf8('x')), { code: 'NETWORK_CLOSED' })
  await assert.rejects(b.send(utf8('x')), { code: 'NETWORK_CLOSED' })
  assert.deepEqual(sites.bristol.connections, [])
  assert.deepEqual(sites.cambridge.connections, [])
})

test('a network that stopped listening still dials and keeps its connections', async (t) => {
  const sites = await pair(t)
  const [a, b] = await connected(sites)
  sites.bristol.stopListening()
  const got = messages(b, 1)
  await a.send(utf8('still'))
  await got
  await sites.bristol.dial(cambridge, 'peer')
  sites.cambridge.stopListening()
  await assert.rejects(sites.bristol.dial(cambridge, 'peer'), unreachable('ECONNREFUSED'))
  assert.equal(sites.cambridge.connections.length, 2)
})

test('a message of the greatest length passes, one octet more is refused and nothing breaks', async (t) => {
  const sites = await pair(t, { more: { messageOctetsMax: (channel) => channel.length * 100 } })
  const [a, b] = await connected(sites, 'peer')
  const got = messages(b, 2)
  await a.send(new Uint8Array(400))
  await assert.rejects(a.send(new Uint8Array(401)), {
    code: 'NETWORK_MESSAGE_TOO_LARGE',
    message: 'A message on peer has at most 400 octets, got 401',
  })
  await a.send(new Uint8Array(399))
  assert.deepEqual(
    (await got).map(({ length }) => length),
    [400, 399],
  )
})

test('a taker that throws ends its connection, and its refusal is logged without its message', async (t) => {
  const sites = await pair(t)
  const [a, b] = await connected(sites)
  b.receive(() => Promise.reject(new Error('Ottoline Nightingale')))
  await a.send(utf8('x'))
  await Promise.all([a.closed, b.closed])
  const line = sites.log.lines.find(({ event }) => event === 'message-refused')
  assert.deepEqual(line?.facts, { peer: 'bristol', channel: 'peer', code: 'INTERNAL' })
})

test('an end that pings stays; one that falls silent is given up', async (t) => {
  const sites = await pair(t)
  const [a, b] = await connected(sites)
  for (let tick = 0; tick < 3 * SILENT_TICKS_MAX; tick++) {
    const before = b.octets.received
    await sites.time.advance(TICK_MS)
    // Both ends have the same clock; each ping must come before the next look.
    if (tick > 0) await until(() => b.octets.received > before)
  }
  assert.equal(sites.cambridge.connections.length, 1)
  a.close()
  await b.closed
  const silent = await rawClient(sites, { hello: true })
  await until(() => sites.cambridge.connections.length === 1)
  const [connection] = sites.cambridge.connections
  for (let tick = 0; tick <= SILENT_TICKS_MAX; tick++) await sites.time.advance(TICK_MS)
  await connection.closed
  silent.destroy()
  const reasons = sites.log.lines.map(({ facts }) => facts['reason'])
  assert(reasons.includes('peer-silent'))
})

test('a connection does not outlive the certificate of its peer', async (t) => {
  const sites = await pair(t)
  const [a, b] = await connected(sites)
  sites.clock.jump(b.certificate.notAfter - sites.clock.now() - TICK_MS - 1)
  await sites.time.advance(TICK_MS)
  assert.equal(sites.cambridge.connections.length, 1)
  await sites.time.advance(TICK_MS)
  await Promise.all([a.closed, b.closed])
  const reasons = sites.log.lines.map(({ facts }) => facts['reason'])
  assert(reasons.includes('certificate-expired'))
})

test('credentials are exchanged without a restart, and a revoked peer can be ended', async (t) => {
  const sites = await pair(t)
  const [, b] = await connected(sites)
  const renewed = await authority.leaf({ uri: uriOf('cambridge') })
  const crl = await authority.crl([b.certificate.serialNumber])
  sites.cambridge.reload({ ...renewed.credentials, crl })
  // The connection stands until it is ended; a new one is refused.
  assert.equal(sites.cambridge.connections.length, 1)
  await assert.rejects(sites.bristol.dial(cambridge, 'peer'), unreachable(/./))
  const ended = sites.cambridge.endWhere(
    ({ serialNumber }, peer: SiteId) =>
      peer === bristol && serialNumber === b.certificate.serialNumber,
    'certificate-revoked',
  )
  assert.equal(ended, 1)
  await b.closed
  // The peer gets a new certificate, and sees ours.
  sites.bristol.reload((await authority.leaf({ uri: uriOf('bristol') })).credentials)
  const again = await sites.bristol.dial(cambridge, 'peer')
  assert.equal(again.certificate.serialNumber, renewed.serialNumber)
  assert.throws(() => sites.bristol.reload({ ...renewed.credentials, key: 'no key' }), {
    code: 'CREDENTIALS_INVALID',
  })
  await sites.bristol.dial(cambridge, 'peer')
})
