/**
 * The listener for ETSI GS QKD 004: TLS sockets on which applications call for key streams.
 *
 * A frame is three octets of version, one of service, four of length (big-endian) and a body, as
 * ETSI's own sample has it. What a body means is the handler's business: it gets octets and the
 * verified certificate. One call of a connection is answered after the other, with the version the
 * caller sent. A frame too long, or one that the handler cannot read, ends the connection, because
 * the protocol has no answer to it.
 *
 * @see ETSI GS QKD 004 V2.1.1
 * @module
 */

import { createServer, type Server, type TLSSocket } from 'node:tls'
import { AssertionFailure, noteOf, type ClientCertificate, type Log } from '#base'
import { STREAM_BODY_OCTETS_MAX, type StreamCall, type StreamFrame } from '#site'
import { AdmittedSockets } from './admitted.ts'
import { addressText, listenTcp, type TcpAddress } from './listen.ts'
import {
  certificateFields,
  NORTH_TLS,
  tlsOptions,
  tlsRefusalReason,
  type Credentials,
} from './tls.ts'

export interface StreamListenerOptions {
  readonly listen: TcpAddress
  readonly credentials: Credentials
  /** Rejects for a call that cannot be read. The octets of the answer are cleared once sent. */
  readonly handler: (call: StreamCall) => Promise<StreamFrame>
  readonly log: Log
  /** How long a connection may say nothing, in milliseconds; an hour unless said. */
  readonly idleMs?: number
}

/** Opens the listener. @throws GatewayRefusal */
export async function openStreamListener(options: StreamListenerOptions): Promise<StreamListener> {
  const listener = new StreamListener(options)
  await listener.listen(options.listen)
  return listener
}

/** Owns the listening socket and its connections. Made by `openStreamListener`. */
export class StreamListener implements AsyncDisposable {
  readonly #options: StreamListenerOptions
  readonly #server: Server
  readonly #admitted = new AdmittedSockets()
  #address: TcpAddress | undefined

  constructor(options: StreamListenerOptions) {
    const { credentials, log } = options
    this.#options = options
    this.#server = createServer({
      ...tlsOptions(NORTH_TLS, credentials),
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: HANDSHAKE_MS,
    })
    this.#server.maxConnections = CONNECTIONS_MAX
    this.#server.on('secureConnection', (socket: TLSSocket) => void this.#serve(socket))
    this.#server.on('tlsClientError', (error: Error & { code?: string }, socket) => {
      const from = socket.remoteAddress ?? 'unknown'
      const reason = tlsRefusalReason(error, socket)
      log.write('warning', 'tls-refused', { listener: NAME, from, reason })
    })
  }

  /** Used by `openStreamListener`. */
  async listen(address: TcpAddress): Promise<void> {
    this.#address = await listenTcp(this.#server, address)
    const facts = { listener: NAME, address: addressText(this.#address) }
    this.#options.log.write('info', 'listening', facts)
  }

  /** Where it listens, with the port that was chosen. */
  get address(): TcpAddress | undefined {
    return this.#address
  }

  /**
   * Uses other credentials and lists. Connections that were let in under the old ones end, after the
   * call that is under way; streams outlive them.
   *
   * @throws GatewayRefusal `CREDENTIALS_INVALID`
   */
  reload(credentials: Credentials): void {
    this.#server.setSecureContext(tlsOptions(NORTH_TLS, credentials))
    this.#admitted.endAll()
  }

  /** Takes no new connections. */
  stopListening(): void {
    this.#server.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopListening()
    this.#admitted.destroyAll()
    await Promise.resolve()
  }

  async #serve(socket: TLSSocket): Promise<void> {
    const { log, idleMs = IDLE_MS } = this.#options
    this.#admitted.admit(socket)
    socket.on('error', () => socket.destroy())
    socket.setNoDelay(true)
    socket.setTimeout(idleMs, () => socket.destroy())
    const certificate = socket.getPeerX509Certificate()
    const client = certificate === undefined ? undefined : certificateFields(certificate)
    try {
      await this.#converse(socket, client)
      socket.end()
    } catch (error) {
      socket.destroy()
      if (error instanceof AssertionFailure) throw error
      log.write('warning', 'stream-connection-refused', {
        listener: NAME,
        code: noteOf(error).code,
      })
    }
  }

  /** Reading waits while a call is answered: nobody can pile up calls. */
  async #converse(socket: TLSSocket, client: ClientCertificate | undefined): Promise<void> {
    const reader = new CallReader()
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      for (const { version, service, body } of reader.push(chunk)) {
        if (!this.#admitted.begin(socket)) return
        const answer = await this.#options.handler({ service, body, client })
        await this.#say(socket, version, answer)
        this.#admitted.done(socket)
      }
    }
  }

  async #say(
    socket: TLSSocket,
    version: Uint8Array,
    { service, body }: StreamFrame,
  ): Promise<void> {
    const head = new Uint8Array(HEAD_OCTETS)
    head.set(version)
    head[VERSION_OCTETS] = service
    new DataView(head.buffer).setUint32(VERSION_OCTETS + 1, body.length)
    if (socket.destroyed) return
    const { promise: sent, resolve } = Promise.withResolvers<void>()
    socket.cork()
    socket.write(head)
    // Called with an error too, once the socket is gone.
    socket.write(body, () => resolve())
    socket.uncork()
    await sent
    body.fill(0)
  }
}

interface Call {
  readonly version: Uint8Array
  readonly service: number
  readonly body: Uint8Array
}

/** Cuts a stream of chunks into calls. One reader reads one connection. */
class CallReader {
  #held = new Uint8Array(0)

  /** The calls that a chunk completes. @throws RangeError if a body would be too long */
  push(chunk: Uint8Array): readonly Call[] {
    const octets = new Uint8Array(this.#held.length + chunk.length)
    octets.set(this.#held)
    octets.set(chunk, this.#held.length)
    const calls: Call[] = []
    let at = 0
    while (octets.length - at >= HEAD_OCTETS) {
      const length = new DataView(octets.buffer).getUint32(at + VERSION_OCTETS + 1)
      if (length > STREAM_BODY_OCTETS_MAX) {
        throw new RangeError(`Expected a body of at most ${STREAM_BODY_OCTETS_MAX} octets`)
      }
      const body = at + HEAD_OCTETS
      if (octets.length < body + length) break
      const version = octets.slice(at, at + VERSION_OCTETS)
      const service = octets[at + VERSION_OCTETS]
      calls.push({ version, service, body: octets.slice(body, body + length) })
      at = body + length
    }
    this.#held = octets.slice(at)
    return calls
  }
}

const NAME = 'etsi-004'
const VERSION_OCTETS = 3
const HEAD_OCTETS = 8
const CONNECTIONS_MAX = 256
const HANDSHAKE_MS = 10_000
const IDLE_MS = 3_600_000
