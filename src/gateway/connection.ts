/**
 * One connection to one peer, after both ends have greeted: the Connection port over TLS.
 *
 * Messages come to `receive` one at a time. What has come but was not taken yet is bounded: above
 * the bound the socket is not read, and the other end's `send` waits. Each end pings when it has
 * nothing else to say; an end that hears nothing for a while gives the connection up.
 *
 * A connection ends before AES-GCM has protected so much that its margin shrinks (RFC 8446 §5.5),
 * since Node has no key update, and when the peer's certificate expires. Its owner dials again.
 *
 * @module
 */

import {
  noteOf,
  PortRefusal,
  type Cancel,
  type Clock,
  type Connection,
  type Log,
  type SiteId,
} from '#base'
import { closedRefusal, type FramedSocket } from './framed-socket.ts'
import type { Frame } from './frames.ts'
import { controlOctets, readControl } from './greeting.ts'
import type { PeerCertificate, TlsSession } from './tls.ts'

/** What both ends have agreed on in their greeting. */
export interface Greeted {
  readonly peer: SiteId
  readonly channel: string
  /** Longest message that the peer takes. */
  readonly peerOctetsMax: number
  readonly certificate: PeerCertificate
  readonly session: TlsSession
  /** Whether this end dialled. */
  readonly dialled: boolean
}

export class TlsConnection implements Connection {
  readonly peer: Connection['peer']
  readonly channel: string
  /** The peer's verified certificate. */
  readonly certificate: PeerCertificate
  /** What protects the connection, as this end has seen it. */
  readonly session: TlsSession
  readonly dialled: boolean
  readonly closed: Promise<void>
  readonly #socket: FramedSocket
  readonly #clock: Clock
  readonly #log: Log
  readonly #octetsMax: number
  readonly #inbox: Uint8Array[] = []
  #inboxOctets = 0
  #paused = false
  #busy = false
  #take: ((message: Uint8Array) => Promise<void> | void) | undefined
  /** Set at the end of the socket: called when the inbox is empty as well. */
  #finish: (() => void) | undefined
  #silentTicks = 0
  #cancelTick: Cancel

  constructor(socket: FramedSocket, greeted: Greeted, clock: Clock, log: Log) {
    this.peer = greeted.peer
    this.channel = greeted.channel
    this.certificate = greeted.certificate
    this.session = greeted.session
    this.dialled = greeted.dialled
    this.#socket = socket
    this.#clock = clock
    this.#log = log
    this.#octetsMax = greeted.peerOctetsMax
    socket.hear((frame) => this.#hear(frame))
    this.#cancelTick = clock.after(TICK_MS, () => this.#tick())
    this.closed = socket.closed.then((reason) => this.#settle(reason))
  }

  send(message: Uint8Array): Promise<void> {
    if (message.length <= this.#octetsMax) return this.#socket.say('message', message)
    if (!this.#socket.open) return Promise.reject(closedRefusal('closed'))
    return Promise.reject(
      new PortRefusal(
        'NETWORK_MESSAGE_TOO_LARGE',
        `A message on ${this.channel} has at most ${this.#octetsMax} octets, got ${message.length}`,
        { facts: { channel: this.channel, octets: message.length } },
      ),
    )
  }

  receive(take: (message: Uint8Array) => Promise<void> | void): void {
    this.#take = take
    void this.#drain()
  }

  close(): void {
    this.end('closed')
  }

  /** Ends the connection for a reason that the log will name. */
  end(reason: string): void {
    this.#inbox.length = 0
    this.#inboxOctets = 0
    this.#take = undefined
    this.#socket.end(reason)
  }

  /** Octets in both directions, those that frames cost included. */
  get octets(): { readonly sent: number; readonly received: number } {
    return { sent: this.#socket.octetsSent, received: this.#socket.octetsReceived }
  }

  #hear({ kind, octets }: Frame): void {
    if (kind === 'control') {
      // Only pings are left to say after the greeting.
      if (readControl(octets).kind !== 'ping') this.#socket.destroy('control-out-of-order')
      return
    }
    this.#inbox.push(octets)
    this.#inboxOctets += octets.length
    if (this.#inboxOctets > INBOX_OCTETS_MAX || this.#inbox.length > INBOX_MESSAGES_MAX) {
      this.#paused = true
      this.#socket.pause()
    }
    if (!this.#busy) void this.#drain()
  }

  async #drain(): Promise<void> {
    if (this.#busy || this.#take === undefined) return
    this.#busy = true
    try {
      for (let next = this.#next(); next !== undefined; next = this.#next()) {
        const taken = this.#take(next)
        if (taken !== undefined) await taken
      }
    } catch (error) {
      const { code } = noteOf(error)
      this.#log.write('warning', 'message-refused', { ...this.#facts(), code })
      this.end('message-refused')
    } finally {
      this.#busy = false
      this.#finish?.()
    }
  }

  #next(): Uint8Array | undefined {
    if (this.#take === undefined) return undefined
    const next = this.#inbox.shift()
    if (next !== undefined) this.#inboxOctets -= next.length
    const room =
      this.#inboxOctets <= INBOX_OCTETS_MAX / 2 && this.#inbox.length <= INBOX_MESSAGES_MAX / 2
    if (this.#paused && room) {
      this.#paused = false
      this.#socket.resume()
    }
    return next
  }

  /** Each tick: say something if nothing was said, and count the ticks without hearing anything. */
  #tick(): void {
    this.#cancelTick = this.#clock.after(TICK_MS, () => this.#tick())
    const { sent, received } = this.octets
    if (this.#clock.now() >= this.certificate.notAfter) {
      this.end('certificate-expired')
      return
    }
    if (Math.max(sent, received) > CONNECTION_OCTETS_MAX) {
      this.end('key-used-up')
      return
    }
    // While we do not read, silence is ours.
    this.#silentTicks = this.#socket.heard || this.#paused ? 0 : this.#silentTicks + 1
    if (this.#silentTicks >= SILENT_TICKS_MAX) {
      this.#socket.destroy('peer-silent')
      return
    }
    this.#socket.heard = false
    if (!this.#socket.said) void this.#socket.say('control', PING).catch(() => undefined)
    this.#socket.said = false
  }

  /** What the peer sent before it ended is still handed over, if anybody takes it. */
  async #settle(reason: string): Promise<void> {
    this.#cancelTick()
    if (this.#take !== undefined && (this.#busy || this.#inbox.length > 0)) {
      await new Promise<void>((finished) => (this.#finish = finished))
    }
    this.#inbox.length = 0
    this.#log.write('info', 'connection-ended', { ...this.#facts(), reason })
  }

  #facts(): { peer: string; channel: string } {
    return { peer: this.peer, channel: this.channel }
  }
}

const PING = controlOctets({ kind: 'ping' })
/** Time between looks at a connection, in milliseconds. */
export const TICK_MS = 10_000
/** Ticks without a single octet after which the peer counts as gone. */
export const SILENT_TICKS_MAX = 3
/** Octets and messages that wait to be taken, before the socket is paused. */
const INBOX_OCTETS_MAX = 4 * 1024 * 1024
const INBOX_MESSAGES_MAX = 4096
/**
 * Octets one way under one key: 2³⁸, below the 2^24.5 full records of RFC 8446 §5.5 for AES-GCM.
 */
const CONNECTION_OCTETS_MAX = 2 ** 38
