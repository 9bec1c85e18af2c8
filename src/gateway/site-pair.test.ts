/**
 * Two sites over loopback, for the tests of the network: their clocks stand still unless advanced.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { concat, siteId, utf8, type Clock } from '#base'
import { MemoryLog, SimulatedTime } from '#world/ports'
import { peerAuthority, type Authority, type LeafOptions } from './certificates.test.ts'
import type { TlsConnection } from './connection.ts'
import { frameHead } from './frames.ts'
import { controlOctets } from './greeting.ts'
import { openNetwork, type NetworkOptions, type TlsNetwork } from './network.ts'
import type { PeerEntry } from './peer.ts'
import { PEER_TLS, type Credentials } from './tls.ts'

export const bristol = siteId('bristol')
export const cambridge = siteId('cambridge')
export const fibre = siteId('fibre')
export const authority = await peerAuthority()

/** Two sites, `cambridge` listening, over loopback; their clocks stand still unless advanced. */
export interface Pair {
  readonly time: SimulatedTime
  /** The wall clock of both sites. */
  readonly clock: Clock & { jump(byMs: number): void }
  readonly log: MemoryLog
  readonly bristol: TlsNetwork
  readonly cambridge: TlsNetwork
  readonly port: number
}

export interface PairOptions {
  readonly dialler?: LeafOptions
  readonly listener?: LeafOptions
  /** Issuer of the dialling end's certificate, if not the one both trust. */
  readonly dialledBy?: Authority
  readonly crl?: string
  readonly more?: Partial<NetworkOptions>
  /** Peers that `cambridge` knows. */
  readonly known?: Readonly<Record<string, PeerEntry>>
}

export const uriOf = (id: string): string => `photonward:site:${id}`

export async function pair(t: TestContext, options: PairOptions = {}): Promise<Pair> {
  const time = new SimulatedTime()
  const log = new MemoryLog()
  const clock = time.view()
  const shared = { kind: 'site' as const, clock, log }
  const known = options.known ?? { bristol: { kind: 'site' }, fibre: { kind: 'device' } }
  const listening = await openNetwork({
    ...shared,
    credentials: await credentialsFor(
      authority,
      options.listener ?? { uri: uriOf('cambridge') },
      options.crl,
    ),
    listen: { host: '127.0.0.1', port: 0 },
    peers: (id) => known[id],
    ...options.more,
  })
  const port = listening.address?.port ?? 0
  const issuer = options.dialledBy ?? authority
  const dialling = await openNetwork({
    ...shared,
    credentials: {
      ...(await credentialsFor(issuer, options.dialler ?? { uri: uriOf('bristol') })),
      ca: authority.root,
    },
    peers: (id) => (id === cambridge ? { kind: 'site', host: '127.0.0.1', port } : undefined),
    ...(options.more?.kind === undefined ? {} : { kind: options.more.kind }),
  })
  t.after(async () => {
    await dialling[Symbol.asyncDispose]()
    await listening[Symbol.asyncDispose]()
  })
  return { time, clock, log, bristol: dialling, cambridge: listening, port }
}

export async function credentialsFor(
  by: Authority,
  leaf: LeafOptions,
  crl?: string,
): Promise<Credentials> {
  const { credentials } = await by.leaf(leaf)
  return { ...credentials, ...(crl === undefined ? {} : { crl }) }
}

/** The next connection that a network accepts on any channel. */
export function accepted(network: TlsNetwork): Promise<TlsConnection> {
  const { promise, resolve } = Promise.withResolvers<TlsConnection>()
  network.accept(() => true, resolve)
  return promise
}

/** Both ends of one connection. */
export async function connected(
  sites: Pair,
  channel = 'peer',
): Promise<[TlsConnection, TlsConnection]> {
  const incoming = accepted(sites.cambridge)
  return [await sites.bristol.dial(cambridge, channel), await incoming]
}

/** So many messages from a connection, copied. */
export function messages(from: TlsConnection, count: number): Promise<Uint8Array[]> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array[]>()
  const got: Uint8Array[] = []
  from.receive((message) => {
    got.push(message.slice())
    if (got.length === count) resolve(got)
  })
  return promise
}

export const unreachable = (reason: string | RegExp) => (error: unknown) => {
  const { code, facts } = error as { code: string; facts: { reason: string } }
  assert.equal(code, 'NETWORK_UNREACHABLE')
  if (typeof reason === 'string') assert.equal(facts.reason, reason)
  else assert.match(facts.reason, reason)
  return true
}

/** The value once it has not changed for a number of turns of the event loop. */
export async function stalled(value: () => number): Promise<number> {
  for (let same = 0, last = value(); ; same++) {
    if (same === 2000) return last
    await new Promise((resume) => setImmediate(resume))
    if (value() !== last) same = 0
    last = value()
  }
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resume) => setImmediate(resume))
}

/** A TLS client of the dialling site that speaks frames by hand. */
export async function rawClient(
  { port }: Pair,
  { hello, ...tls }: { hello: boolean; credentials?: Credentials } & ConnectionOptions,
): Promise<TLSSocket> {
  const credentials =
    tls.credentials ?? (await credentialsFor(authority, { uri: uriOf('bristol') }))
  const socket = connectTls({
    host: '127.0.0.1',
    port,
    ...PEER_TLS,
    ...credentials,
    ca: authority.root,
    ALPNProtocols: ['photonward/1'],
    servername: '',
    checkServerIdentity: () => undefined,
    ...tls,
  })
  socket.on('error', () => undefined)
  await new Promise((secure) => socket.once('secureConnect', secure))
  if (hello) {
    const control = { kind: 'hello', channel: 'peer', octetsMax: 100, group: null } as const
    const octets = controlOctets(control)
    socket.write(concat(frameHead('control', octets.length), octets))
  }
  return socket
}

test('two sites talk both ways, each knowing the other by its certificate', async (t) => {
  const sites = await pair(t)
  const [a, b] = await connected(sites, 'link:bristol-cambridge')
  assert.equal(a.peer, cambridge)
  assert.equal(b.peer, bristol)
  assert.equal(b.channel, 'link:bristol-cambridge')
  assert(a.dialled && !b.dialled)
  const atB = messages(b, 3)
  const atA = messages(a, 1)
  for (const text of ['one', '', 'three']) await a.send(utf8(text))
  await b.send(utf8('back'))
  assert.deepEqual(await atB, [utf8('one'), utf8(''), utf8('three')])
  assert.deepEqual(await atA, [utf8('back')])
})
