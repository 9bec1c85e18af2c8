/**
 * The Network port: TLS 1.3 between enrolled sites, and between a site and its devices.
 *
 * Both ends prove themselves with ML-DSA certificates, keys are exchanged in hybrid groups only,
 * and each connection begins with a greeting (see `greeting.ts`) that says what it is for. Who is
 * at the other end is what the verified certificate says, and must be a configured peer.
 *
 * Protects octets on the wire from outsiders. Does not protect from a peer that was enrolled and
 * lies: the rooms above authenticate what they must themselves.
 *
 * @module
 */

import type { Socket } from 'node:net'
import { createServer, type SecureContext, type Server, type TLSSocket } from 'node:tls'
import { type Cancel, type Clock, type Log, type Network, type SiteId } from '#base'
import { TlsConnection } from './connection.ts'
import { dial, type ChainCheck, type Dialled } from './dial.ts'
import { closedRefusal, FramedSocket } from './framed-socket.ts'
import { controlOctets, readControl, type Hello, type RefuseCode } from './greeting.ts'
import { listenTcp, type TcpAddress } from './listen.ts'
import { channelFits, peerNameOf, type PeerEntry, type PeerKind, type PeerName } from './peer.ts'
import {
  certificateFields,
  PEER_TLS,
  peerChain,
  secureContext,
  tlsOptions,
  tlsRefusalReason,
  tlsSession,
  type Credentials,
  type PeerCertificate,
} from './tls.ts'

export interface NetworkOptions {
  /** What our own certificate says we are. */
  readonly kind: PeerKind
  readonly credentials: Credentials
  /** Where to listen; a process that only dials has none. */
  readonly listen?: TcpAddress
  /** The configured peers; asked anew for each connection. */
  readonly peers: (id: SiteId) => PeerEntry | undefined
  readonly clock: Clock
  readonly log: Log
  /** What `#pki` has to say of a chain beyond what OpenSSL checks; nothing unless given. */
  readonly checkChain?: ChainCheck
  /** Longest message that this end takes on a channel, in octets; 16 MiB unless said. */
  readonly messageOctetsMax?: (channel: string) => number
}

/** Opens the network of a process and begins to listen. @throws GatewayRefusal */
export async function openNetwork(options: NetworkOptions): Promise<TlsNetwork> {
  const network = new TlsNetwork(options)
  if (options.listen !== undefined) await network.listen(options.listen)
  return network
}

interface Ear {
  readonly channels: (name: string) => boolean
  readonly take: (connection: TlsConnection) => void
}

/** Who has greeted, before it is known whether we want to talk. */
interface Stranger {
  readonly fields: PeerCertificate
  readonly peer: PeerName | undefined
  readonly socket: TLSSocket
}

/** Owns the listening socket and every connection. Made by `openNetwork`. */
export class TlsNetwork implements Network, AsyncDisposable {
  readonly #options: NetworkOptions
  readonly #server: Server
  #context: SecureContext
  #address: TcpAddress | undefined
  readonly #ears = new Set<Ear>()
  readonly #connections = new Set<TlsConnection>()
  /** Incoming sockets that have not greeted yet, by where they come from. */
  readonly #strangers = new Map<string, Socket>()
  /** Outgoing sockets that have no answer yet. */
  readonly #dialling = new Set<Socket>()
  #closed = false

  constructor(options: NetworkOptions) {
    this.#options = options
    const tls = tlsOptions(PEER_TLS, options.credentials)
    this.#context = secureContext(tls)
    this.#server = createServer({
      ...tls,
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: [PROTOCOL],
      handshakeTimeout: GREETING_MS,
    })
    this.#server.on('connection', (socket: Socket) => this.#admit(socket))
    this.#server.on('secureConnection', (socket: TLSSocket) => this.#greet(socket))
    this.#server.on('tlsClientError', (error: Error & { code?: string }, socket) => {
      this.#refused(socket, tlsRefusalReason(error, socket))
    })
  }

  /** Used by `openNetwork`. */
  async listen(address: TcpAddress): Promise<void> {
    this.#address = await listenTcp(this.#server, address)
    this.#server.on('error', (error: Error) => {
      this.#options.log.write('error', 'listener-failed', { error: error.message })
    })
  }

  /** Where this end listens, with the port that was chosen; undefined if it does not. */
  get address(): TcpAddress | undefined {
    return this.#address
  }

  /** The connections that stand. */
  get connections(): readonly TlsConnection[] {
    return [...this.#connections]
  }

  accept(channels: (name: string) => boolean, take: (connection: TlsConnection) => void): Cancel {
    const ear = { channels, take }
    this.#ears.add(ear)
    return () => this.#ears.delete(ear)
  }

  dial(peer: SiteId, channel: string): Promise<TlsConnection> {
    if (this.#closed) return Promise.reject(closedRefusal('network-closed'))
    const { kind, peers, clock, checkChain } = this.#options
    return dial({
      peer,
      entry: peers(peer),
      channel,
      kind,
      octetsMax: this.#octetsMax(channel),
      tls: { ...PEER_TLS, secureContext: this.#context, ALPNProtocols: [PROTOCOL] },
      checkChain,
      clock,
      dialling: this.#dialling,
      connect: (dialled) => this.#connect(dialled),
    })
  }

  /**
   * Uses other credentials for every connection from now on. Those that stand go on: end the ones
   * of revoked peers with `endWhere`.
   *
   * @throws GatewayRefusal `CREDENTIALS_INVALID`; the old ones stay in use
   */
  reload(credentials: Credentials): void {
    const tls = tlsOptions(PEER_TLS, credentials)
    this.#context = secureContext(tls)
    this.#server.setSecureContext(tls)
  }

  /** Ends the connections whose peer's certificate is such; how many they were. */
  endWhere(such: (certificate: PeerCertificate, peer: SiteId) => boolean, reason: string): number {
    const chosen = this.connections.filter(({ certificate, peer }) => such(certificate, peer))
    for (const connection of chosen) connection.end(reason)
    return chosen.length
  }

  /** Takes no new connections; those that stand go on, and dialling is still possible. */
  stopListening(): void {
    this.#server.close()
    for (const stranger of this.#strangers.values()) stranger.destroy()
  }

  /** Ends everything; what was queued on connections still has a moment to leave. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stopListening()
    this.#closed = true
    for (const socket of this.#dialling) socket.destroy()
    for (const connection of this.#connections) connection.end('network-closed')
    await Promise.all(this.connections.map(({ closed }) => closed))
  }

  /** A TCP connection, before anything is known of it. */
  #admit(socket: Socket): void {
    const { remoteAddress = '' } = socket
    const origins = [...this.#strangers.keys()]
    const alike = origins.filter((origin) => origin.startsWith(`${remoteAddress} `))
    if (origins.length >= STRANGERS_MAX || alike.length >= STRANGERS_PER_ADDRESS_MAX) {
      this.#refused(socket, 'too-many-strangers')
      socket.destroy()
      return
    }
    const origin = originOf(socket)
    this.#strangers.set(origin, socket)
    socket.once('close', () => {
      // When TLS refuses a certificate, only this line knows where it came from.
      const left = this.#strangers.delete(origin)
      if (left) this.#options.log.write('info', 'stranger-left', { from: remoteAddress })
    })
  }

  /** TLS has verified the certificate; now the name in it, and the hello. */
  #greet(socket: TLSSocket): void {
    const certificate = socket.getPeerX509Certificate()
    if (socket.alpnProtocol !== PROTOCOL || certificate === undefined) {
      this.#refused(socket, 'no-application-protocol')
      socket.destroy()
      return
    }
    const fields = certificateFields(certificate)
    const refused = this.#options.checkChain?.(peerChain(socket), 'client')
    if (refused !== undefined) {
      this.#refused(socket, refused)
      socket.destroy()
      return
    }
    const peer = peerNameOf(fields)
    const { clock } = this.#options
    const framed = new FramedSocket(socket, clock, 0)
    const cancel = clock.after(GREETING_MS, () => framed.destroy('no-greeting'))
    void framed.closed.then(cancel)
    framed.hear(({ octets }) => {
      const hello = readControl(octets)
      if (hello.kind !== 'hello') {
        framed.destroy('no-greeting')
        return
      }
      cancel()
      this.#answer(framed, hello, { fields, peer, socket })
    })
  }

  #answer(framed: FramedSocket, hello: Hello, { fields, peer, socket }: Stranger): void {
    const { channel } = hello
    const ear = [...this.#ears].find(({ channels }) => channels(channel))
    const refusal = this.#objection(peer, channel, ear)
    if (peer === undefined || ear === undefined || refusal !== undefined) {
      this.#refused(socket, refusal ?? 'peer-unknown', peer)
      const code = refusal ?? 'peer-unknown'
      void framed.say('control', controlOctets({ kind: 'refuse', code })).catch(() => undefined)
      framed.end(code)
      return
    }
    const octetsMax = this.#octetsMax(channel)
    framed.expectMessages(octetsMax)
    void framed.say('control', controlOctets({ kind: 'accept', octetsMax })).catch(() => undefined)
    this.#strangers.delete(originOf(socket))
    const greeted = {
      peer: peer.id,
      channel,
      peerOctetsMax: hello.octetsMax,
      certificate: fields,
      session: tlsSession(socket),
      dialled: false,
    }
    ear.take(this.#connect({ framed, greeted }))
  }

  #objection(
    peer: PeerName | undefined,
    channel: string,
    ear: Ear | undefined,
  ): RefuseCode | undefined {
    if (peer === undefined || this.#options.peers(peer.id)?.kind !== peer.kind) {
      return 'peer-unknown'
    }
    if (!channelFits(channel, this.#options.kind, peer.kind)) return 'channel-forbidden'
    if (ear === undefined) return 'channel-unknown'
    const theirs = this.connections.filter((connection) => connection.peer === peer.id)
    return theirs.length >= PEER_CONNECTIONS_MAX ? 'too-many-connections' : undefined
  }

  /** Both have greeted: a stranger has become a connection. */
  #connect({ framed, greeted }: Dialled): TlsConnection {
    const { clock, log } = this.#options
    const connection = new TlsConnection(framed, greeted, clock, log)
    this.#connections.add(connection)
    void connection.closed.then(() => this.#connections.delete(connection))
    log.write('info', 'connection-opened', {
      peer: connection.peer,
      channel: connection.channel,
      dialled: connection.dialled,
      group: connection.session.group ?? 'unknown',
      cipher: connection.session.cipher,
    })
    return connection
  }

  #refused(socket: Socket, reason: string, peer?: PeerName): void {
    this.#options.log.write('warning', 'connection-refused', {
      from: socket.remoteAddress ?? 'unknown',
      reason,
      ...(peer === undefined ? {} : { peer: peer.id }),
    })
  }

  #octetsMax(channel: string): number {
    return this.#options.messageOctetsMax?.(channel) ?? MESSAGE_OCTETS_MAX
  }
}

const originOf = ({ remoteAddress = '', remotePort = 0 }: Socket): string =>
  `${remoteAddress} ${remotePort}`

/** The protocol between sites, as ALPN names it (RFC 7301). */
const PROTOCOL = 'photonward/1'
/** Longest message where the channel says nothing else. */
export const MESSAGE_OCTETS_MAX = 16 * 1024 * 1024
/** Connections of one peer, both directions together. */
const PEER_CONNECTIONS_MAX = 32
/** Connections without a greeting yet, in all and from one address. */
const STRANGERS_MAX = 128
const STRANGERS_PER_ADDRESS_MAX = 32
/** Time for the handshake, and again for the hello, in milliseconds. */
const GREETING_MS = 10_000
