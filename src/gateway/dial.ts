/**
 * Dialling a peer: TCP, TLS, the name in its certificate, hello, answer; or one clear refusal.
 *
 * @module
 */

import type { Socket } from 'node:net'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { PortRefusal, type Clock, type PortRefusalCode, type SiteId } from '#base'
import type { Greeted, TlsConnection } from './connection.ts'
import { FramedSocket } from './framed-socket.ts'
import { helloFor, readControl, refusalFor } from './greeting.ts'
import { channelFits, peerNameOf, type PeerEntry, type PeerKind } from './peer.ts'
import { certificateFields, peerChain, tlsSession, type PeerCertificate } from './tls.ts'

export interface DialOptions {
  readonly peer: SiteId
  readonly entry: PeerEntry | undefined
  readonly channel: string
  /** What we are ourselves. */
  readonly kind: PeerKind
  /** Longest message that we take on the channel. */
  readonly octetsMax: number
  readonly tls: ConnectionOptions
  readonly checkChain: ChainCheck | undefined
  readonly clock: Clock
  /** Sockets that are under way; a socket in it that is destroyed makes its dial fail. */
  readonly dialling: Set<Socket>
  /** Called with the answer, at once: messages may follow in the same chunk. */
  readonly connect: (dialled: Dialled) => TlsConnection
}

/**
 * A further check of a chain that TLS has verified, DER, leaf first, shown by this end of the
 * handshake; says why it is refused, or undefined.
 */
export type ChainCheck = (
  chain: readonly Uint8Array[],
  end: 'client' | 'server',
) => string | undefined

/** A socket whose ends have greeted. */
export interface Dialled {
  readonly framed: FramedSocket
  readonly greeted: Greeted
}

/** Connects to a peer. @throws PortRefusal with a `reason` among its facts */
export async function dial(options: DialOptions): Promise<TlsConnection> {
  const { peer, entry, channel, kind, clock } = options
  if (entry === undefined) throw refusal('NETWORK_UNKNOWN_PEER', peer, 'peer-not-configured')
  if (!channelFits(channel, kind, entry.kind)) {
    throw refusal('NETWORK_UNKNOWN_PEER', peer, 'channel-forbidden')
  }
  const { host, port } = entry
  if (host === undefined || port === undefined) {
    throw refusal('NETWORK_UNREACHABLE', peer, 'no-address')
  }
  const socket = connect({
    ...options.tls,
    host,
    port,
    // The name is in the certificate, and checked below; the one of the machine says nothing.
    servername: '',
    checkServerIdentity: () => undefined,
  })
  options.dialling.add(socket)
  const { promise, resolve, reject } = Promise.withResolvers<TlsConnection>()
  const cancel = clock.after(DIAL_MS, () => {
    reject(refusal('NETWORK_UNREACHABLE', peer, 'timeout'))
    socket.destroy()
  })
  socket.once('error', (error: Error & { code?: string }) => {
    reject(refusal('NETWORK_UNREACHABLE', peer, error.code ?? error.name, error))
  })
  socket.once('close', () => reject(refusal('NETWORK_UNREACHABLE', peer, 'closed-before-accepted')))
  socket.once('secureConnect', () => {
    try {
      greet(socket, options, resolve, reject)
    } catch (error) {
      reject(error)
    }
  })
  try {
    return await promise
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    cancel()
    options.dialling.delete(socket)
  }
}

/** The other end's certificate is verified; sends the hello and waits for the answer. */
function greet(
  socket: TLSSocket,
  options: DialOptions,
  resolve: (connection: TlsConnection) => void,
  reject: (refusal: Error) => void,
): void {
  const { peer, channel, octetsMax, clock, connect: connected } = options
  const certificate = verifiedAs(socket, options)
  const session = tlsSession(socket)
  const framed = new FramedSocket(socket, clock, 0)
  framed.hear(({ octets }) => {
    const answer = readControl(octets)
    if (answer.kind === 'refuse') {
      reject(refusalFor(answer.code, peer))
      return
    }
    if (answer.kind !== 'accept') {
      reject(refusal('NETWORK_UNREACHABLE', peer, 'no-greeting'))
      return
    }
    framed.expectMessages(octetsMax)
    const { octetsMax: peerOctetsMax } = answer
    const greeted = { peer, channel, peerOctetsMax, certificate, session, dialled: true }
    resolve(connected({ framed, greeted }))
  })
  framed.say('control', helloFor(channel, octetsMax, session)).catch(reject)
}

/** The other end's certificate, if it is the one of the peer we meant. */
function verifiedAs(socket: TLSSocket, { peer, entry, checkChain }: DialOptions): PeerCertificate {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined || !socket.authorized) {
    throw refusal('NETWORK_UNREACHABLE', peer, 'no-certificate')
  }
  const fields = certificateFields(certificate)
  const name = peerNameOf(fields)
  if (name?.id !== peer || name.kind !== entry?.kind) {
    throw refusal('NETWORK_UNKNOWN_PEER', peer, 'certificate-names-another')
  }
  if (checkChain?.(peerChain(socket), 'server') !== undefined) {
    throw refusal('NETWORK_UNKNOWN_PEER', peer, 'chain-refused')
  }
  return fields
}

function refusal(
  code: PortRefusalCode,
  peer: SiteId,
  reason: string,
  cause?: unknown,
): PortRefusal {
  const message = MESSAGES.get(reason) ?? 'cannot be reached over TLS'
  return new PortRefusal(code, `${peer} ${message}`, { cause, facts: { peer, reason } })
}

const MESSAGES: ReadonlyMap<string, string> = new Map([
  ['peer-not-configured', 'is not a configured peer'],
  ['channel-forbidden', 'is not of the kind that this channel is for'],
  ['no-address', 'has no address; it can only dial us'],
  ['timeout', 'did not answer in time'],
  ['closed-before-accepted', 'ended the connection at once; it may refuse our certificate'],
  ['certificate-names-another', 'is not who answers at its address'],
  ['chain-refused', 'shows certificates that this site does not accept'],
  ['no-greeting', 'answered out of order'],
  ['ECONNREFUSED', 'does not listen at its address'],
])
/** Time from the first packet to the answer, in milliseconds. */
export const DIAL_MS = 15_000
