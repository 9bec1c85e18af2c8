import assert from 'node:assert/strict'
import { connect as connectTcp, createServer } from 'node:net'
import { test } from 'node:test'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import { concat, siteId, uint32, utf8 } from '#base'
import { MemoryLog, SimulatedTime } from '#world/ports'
import { northAuthority, peerAuthority } from './certificates.test.ts'
import { DIAL_MS } from './dial.ts'
import { frameHead } from './frames.ts'
import { controlOctets } from './greeting.ts'
import { openNetwork } from './network.ts'
import type { PeerEntry } from './peer.ts'
import {
  accepted,
  authority,
  bristol,
  cambridge,
  credentialsFor,
  fibre,
  pair,
  rawClient,
  unreachable,
  until,
  uriOf,
  type PairOptions,
} from './site-pair.test.ts'
import { PEER_TLS, type Credentials } from './tls.ts'

test('nobody gets in whose certificate is missing, foreign, expired, revoked or for servers only', async (t) => {
  const foreign = await peerAuthority()
  const revoked = await authority.leaf({ uri: uriOf('bristol') })
  const crl = await authority.crl([revoked.serialNumber])
  const cases: readonly (readonly [string, PairOptions, Credentials?])[] = [
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', { dialledBy: foreign }],
    ['CERT_HAS_EXPIRED', { dialler: { uri: uriOf('bristol'), days: -1 } }],
    ['INVALID_PURPOSE', { dialler: { uri: uriOf('bristol'), usages: ['server'] } }],
    ['CERT_REVOKED', { crl }, revoked.credentials],
  ]
  for (const [name, options, credentials] of cases) {
    const sites = await pair(t, options)
    if (credentials !== undefined) sites.bristol.reload(credentials)
    sites.cambridge.accept(
      () => true,
      () => assert.fail(name),
    )
    await assert.rejects(sites.bristol.dial(cambridge, 'peer'), unreachable(/./), name)
    assert.deepEqual(sites.cambridge.connections, [], name)
    const refused = sites.log.lines.find(({ event }) => event === 'connection-refused')
    assert.equal(refused?.facts['reason'], name)
  }
  const sites = await pair(t)
  const socket = connectTls({
    host: '127.0.0.1',
    port: sites.port,
    ...PEER_TLS,
    ca: authority.root,
    ALPNProtocols: ['photonward/1'],
    servername: '',
    checkServerIdentity: () => undefined,
  })
  const alert = await new Promise((failed) => socket.once('error', failed))
  assert.match(String(alert), /certificate required/)
})

test('the dialling end refuses a listener that is foreign, expired, or another than it meant', async (t) => {
  const expired = await pair(t, { listener: { uri: uriOf('cambridge'), days: -1 } })
  await assert.rejects(expired.bristol.dial(cambridge, 'peer'), unreachable('CERT_HAS_EXPIRED'))
  const client = await pair(t, { listener: { uri: uriOf('cambridge'), usages: ['client'] } })
  await assert.rejects(client.bristol.dial(cambridge, 'peer'), unreachable('INVALID_PURPOSE'))
  for (const listener of [
    { uri: uriOf('oxford') },
    { uri: 'photonward:device:cambridge' },
    { dns: ['cambridge'] },
    {},
  ]) {
    const sites = await pair(t, { listener })
    await assert.rejects(sites.bristol.dial(cambridge, 'peer'), {
      code: 'NETWORK_UNKNOWN_PEER',
      facts: { peer: 'cambridge', reason: 'certificate-names-another' },
    })
  }
})

test('only hybrid groups, ML-DSA signatures, TLS 1.3 and our protocol are spoken', async (t) => {
  const sites = await pair(t)
  const wrong: readonly ConnectionOptions[] = [
    { ecdhCurve: 'X25519' },
    { ecdhCurve: 'secp384r1:secp256r1' },
    { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' },
    { sigalgs: 'ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256' },
    { ALPNProtocols: ['h2'] },
  ]
  for (const options of wrong) {
    const socket = connectTls({
      host: '127.0.0.1',
      port: sites.port,
      ...PEER_TLS,
      ...(await credentialsFor(authority, { uri: uriOf('bristol') })),
      ALPNProtocols: ['photonward/1'],
      servername: '',
      checkServerIdentity: () => undefined,
      ...options,
    })
    const error = await new Promise((failed) => {
      socket.once('error', failed)
      socket.once('secureConnect', () => failed(undefined))
    })
    assert(error instanceof Error, JSON.stringify(options))
    socket.destroy()
  }
  // Without any ALPN the handshake succeeds in TLS; our greeting does not.
  const silent = await rawClient(sites, { hello: false, ALPNProtocols: undefined })
  await new Promise((closed) => silent.once('close', closed))
  assert.deepEqual(sites.cambridge.connections, [])
})

test('an enrolled site that is no configured peer, or asks for what nobody offers, is told so', async (t) => {
  const sites = await pair(t, { dialler: { uri: uriOf('oxford') } })
  sites.cambridge.accept(
    (channel) => channel === 'peer',
    () => assert.fail(),
  )
  await assert.rejects(sites.bristol.dial(cambridge, 'peer'), {
    code: 'NETWORK_UNKNOWN_PEER',
    facts: { peer: 'cambridge', reason: 'peer-unknown' },
  })
  const known = await pair(t)
  const cancel = known.cambridge.accept(
    (channel) => channel === 'peer',
    () => undefined,
  )
  await assert.rejects(known.bristol.dial(cambridge, 'link:x'), unreachable('channel-unknown'))
  await known.bristol.dial(cambridge, 'peer')
  cancel()
  await assert.rejects(known.bristol.dial(cambridge, 'peer'), unreachable('channel-unknown'))
  await assert.rejects(known.bristol.dial(siteId('oxford'), 'peer'), {
    code: 'NETWORK_UNKNOWN_PEER',
  })
  await assert.rejects(known.bristol.dial(cambridge, 'No such name'), { code: 'SHAPE_INVALID' })
})

test('a device opens device channels and no others, and a site cannot pose as one', async (t) => {
  const device = { uri: 'photonward:device:fibre' }
  const sites = await pair(t, {
    listener: device,
    more: { kind: 'device' },
    known: { bristol: { kind: 'site' } },
  })
  const time = new SimulatedTime()
  const daemon = await openNetwork({
    kind: 'site',
    credentials: await credentialsFor(authority, { uri: uriOf('bristol') }),
    peers: (id): PeerEntry | undefined =>
      ({
        fibre: { kind: 'device' as const, host: '127.0.0.1', port: sites.port },
        posing: { kind: 'site' as const, host: '127.0.0.1', port: sites.port },
      })[id as 'fibre'],
    clock: time.view(),
    log: new MemoryLog(),
  })
  t.after(() => daemon[Symbol.asyncDispose]())
  const incoming = accepted(sites.cambridge)
  const dialled = await daemon.dial(fibre, 'device:bristol-cambridge:transmitter')
  assert.equal((await incoming).peer, bristol)
  assert.equal(dialled.peer, fibre)
  await assert.rejects(daemon.dial(fibre, 'peer'), { code: 'NETWORK_UNKNOWN_PEER' })
  await assert.rejects(daemon.dial(siteId('posing'), 'peer'), { code: 'NETWORK_UNKNOWN_PEER' })
})

test('a further check of the chain can refuse at either end what TLS has verified', async (t) => {
  const seen: unknown[] = []
  const sites = await pair(t, {
    more: {
      checkChain: (chain, end) => {
        seen.push([end, chain.length])
        return 'name-not-permitted'
      },
    },
  })
  await assert.rejects(sites.bristol.dial(cambridge, 'peer'), unreachable('closed-before-accepted'))
  assert(sites.log.lines.some(({ facts }) => facts['reason'] === 'name-not-permitted'))
  const checking = await openNetwork({
    kind: 'site',
    credentials: await credentialsFor(authority, { uri: uriOf('bristol') }),
    peers: () => ({ kind: 'site', host: '127.0.0.1', port: sites.port }),
    clock: sites.clock,
    log: sites.log,
    checkChain: (_chain, end) => (end === 'server' ? 'revoked' : undefined),
  })
  t.after(() => checking[Symbol.asyncDispose]())
  await assert.rejects(checking.dial(cambridge, 'peer'), {
    code: 'NETWORK_UNKNOWN_PEER',
    facts: { peer: 'cambridge', reason: 'chain-refused' },
  })
  // The leaf and the root that it leads to.
  assert.deepEqual(seen[0], ['client', 2])
})

test('an enrolled device that asks for a channel between sites is refused by the listener', async (t) => {
  const sites = await pair(t)
  sites.cambridge.accept(
    () => true,
    () => assert.fail(),
  )
  const credentials = await credentialsFor(authority, { uri: 'photonward:device:fibre' })
  const socket = await rawClient(sites, { hello: true, credentials })
  socket.resume()
  await new Promise((closed) => socket.once('close', closed))
  const refused = sites.log.lines.find(({ event }) => event === 'connection-refused')
  assert.deepEqual(
    [refused?.facts['peer'], refused?.facts['reason']],
    ['fibre', 'channel-forbidden'],
  )
})

test('a certificate that is not signed with ML-DSA is refused even from a trusted root', async (t) => {
  const sites = await pair(t)
  const classical = await northAuthority()
  const { credentials } = await classical.leaf({ uri: uriOf('bristol') })
  const trusting = await credentialsFor(authority, { uri: uriOf('cambridge') })
  sites.cambridge.reload({ ...trusting, ca: authority.root + classical.root })
  sites.bristol.reload({ ...credentials, ca: authority.root })
  sites.cambridge.accept(
    () => true,
    () => assert.fail(),
  )
  await assert.rejects(sites.bristol.dial(cambridge, 'peer'), unreachable(/^ERR_SSL_/))
})

test('whatever a stranger or an enrolled liar sends, the listener stands and others are served', async (t) => {
  const sites = await pair(t, { more: { messageOctetsMax: () => 1000 } })
  // More than may stand at once from one address: those that have gone do not count.
  for (let nth = 0; nth < 40; nth++) {
    const garbage = connectTcp(sites.port, '127.0.0.1')
    garbage.on('error', () => undefined)
    garbage.write('GET / HTTP/1.1\r\n\r\n')
    await new Promise((closed) => garbage.once('close', closed))
  }
  const hello = controlOctets({ kind: 'hello', channel: 'peer', octetsMax: 9, group: null })
  const bad: readonly Uint8Array[] = [
    concat(frameHead('message', 3), utf8('abc')),
    concat(frameHead('control', 3), utf8('abc')),
    concat(frameHead('control', 2000), new Uint8Array(2000)),
    frameHead('message', 2 ** 31 - 1),
    concat(frameHead('control', 6), controlOctets({ kind: 'ping' }).subarray(0, 6)),
    ...[{ kind: 'ping' } as const, { kind: 'accept', octetsMax: 1 } as const].map((control) => {
      const octets = controlOctets(control)
      return concat(frameHead('control', octets.length), octets)
    }),
    // Greets, then breaks its word: too long a message, a second hello.
    concat(frameHead('control', hello.length), hello, uint32(1001)),
    concat(frameHead('control', hello.length), hello, frameHead('control', hello.length), hello),
  ]
  sites.cambridge.accept(
    () => true,
    () => undefined,
  )
  for (const octets of bad) {
    const socket = await rawClient(sites, { hello: false })
    socket.resume()
    socket.write(octets)
    await new Promise((closed) => socket.once('close', closed))
  }
  await until(() => sites.cambridge.connections.length === 0)
  await sites.bristol.dial(cambridge, 'peer')
  assert.equal(sites.cambridge.connections.length, 1)
})

test('a stranger that says nothing is shown out after the time for greetings', async (t) => {
  const sites = await pair(t)
  const socket = await rawClient(sites, { hello: false })
  socket.resume()
  const before = sites.log.lines.length
  // The listening end may see the handshake later than we do: its time begins then.
  while (!socket.closed) await sites.time.advance(1000)
  assert(sites.time.elapsedMs >= 10_000)
  assert.deepEqual(sites.log.lines.slice(before), [
    { level: 'info', event: 'stranger-left', facts: { from: '127.0.0.1' } },
  ])
})

test('a listener that accepts TCP and never answers costs the dialling end its time limit, no more', async (t) => {
  const sites = await pair(t)
  const mute = createServer((socket) => socket.on('error', () => undefined))
  await new Promise<void>((ready) => mute.listen(0, '127.0.0.1', ready))
  const { port } = mute.address() as { port: number }
  const network = await openNetwork({
    kind: 'site',
    credentials: await credentialsFor(authority, { uri: uriOf('bristol') }),
    peers: () => ({ kind: 'site', host: '127.0.0.1', port }),
    clock: sites.time.view(),
    log: sites.log,
  })
  const dialling = network.dial(cambridge, 'peer')
  const refused = assert.rejects(dialling, unreachable('timeout'))
  await new Promise((connection) => mute.once('connection', connection))
  await sites.time.advance(DIAL_MS)
  await refused
  // A dial under way when the network closes fails at once.
  const late = assert.rejects(network.dial(cambridge, 'peer'), unreachable(/./))
  await network[Symbol.asyncDispose]()
  await late
  await assert.rejects(network.dial(cambridge, 'peer'), { code: 'NETWORK_CLOSED' })
  mute.close()
})

test('a site that is not there is told apart from one that refuses', async (t) => {
  const sites = await pair(t)
  await sites.cambridge[Symbol.asyncDispose]()
  await assert.rejects(sites.bristol.dial(cambridge, 'peer'), unreachable('ECONNREFUSED'))
})

test('one peer cannot take more than its share of connections', async (t) => {
  const sites = await pair(t)
  sites.cambridge.accept(
    () => true,
    () => undefined,
  )
  for (let i = 0; i < 32; i++) await sites.bristol.dial(cambridge, 'peer')
  await assert.rejects(sites.bristol.dial(cambridge, 'peer'), unreachable('too-many-connections'))
  sites.bristol.connections[0].close()
  await until(() => sites.cambridge.connections.length === 31)
  await sites.bristol.dial(cambridge, 'peer')
})

test('an occupied port is refused by its address', async (t) => {
  const sites = await pair(t)
  const again = openNetwork({
    kind: 'site',
    credentials: await credentialsFor(authority, { uri: uriOf('cambridge') }),
    listen: { host: '127.0.0.1', port: sites.port },
    peers: () => undefined,
    clock: sites.time.view(),
    log: sites.log,
  })
  await assert.rejects(again, {
    name: 'GatewayRefusal',
    code: 'ADDRESS_IN_USE',
    message: `Another process listens on 127.0.0.1:${String(sites.port)}`,
  })
})
