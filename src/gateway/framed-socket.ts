/**
 * A TLS socket that carries frames: sending with back-pressure, receiving with pauses.
 *
 * Owns the socket. Knows nothing of greetings or peers: `TlsConnection` and the greeting do.
 *
 * @module
 */

import type { TLSSocket } from 'node:tls'
import { PortRefusal, type Clock } from '#base'
import { type Frame, FrameReader, frameHead } from './frames.ts'

/** Why a connection ended, as one of our own words or a code of Node or OpenSSL. */
export type EndReason = string

export class FramedSocket {
  readonly #socket: TLSSocket
  readonly #clock: Clock
  readonly #reader: FrameReader
  #take: (frame: Frame) => void = () => undefined
  #ended: EndReason | undefined
  #corked = false
  #drained: PromiseWithResolvers<void> | undefined
  readonly #closed = Promise.withResolvers<EndReason>()
  /** Whether anything came or went since the owner last looked and cleared it. */
  heard = true
  said = true
  octetsReceived = 0
  octetsSent = 0

  /** @param messageOctetsMax   bound on incoming messages */
  constructor(socket: TLSSocket, clock: Clock, messageOctetsMax: number) {
    this.#socket = socket
    this.#clock = clock
    this.#reader = new FrameReader(messageOctetsMax)
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', (error: Error & { code?: string }) => {
      this.#ended ??= error.code ?? 'error'
    })
    socket.on('end', () => {
      this.#ended ??= 'ended-by-peer'
    })
    socket.on('drain', () => this.#release())
    socket.on('close', () => {
      this.#ended ??= 'ended-by-peer'
      this.#release()
      this.#closed.resolve(this.#ended)
    })
  }

  /** Resolves when the socket is gone, to the first reason. */
  get closed(): Promise<EndReason> {
    return this.#closed.promise
  }

  /** Whether anything may still be sent. */
  get open(): boolean {
    return this.#ended === undefined
  }

  /** Octets that wait to be taken by the operating system. */
  get octetsWaiting(): number {
    return this.#socket.writableLength
  }

  /** Sets who gets the frames from now on, the rest of the present chunk included. */
  hear(take: (frame: Frame) => void): void {
    this.#take = take
  }

  /** Sets the bound on incoming messages. */
  expectMessages(octetsMax: number): void {
    this.#reader.messageOctetsMax = octetsMax
  }

  /** Queues a frame. Resolves when more may be sent. @throws PortRefusal `NETWORK_CLOSED` */
  say(kind: Frame['kind'], octets: Uint8Array): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(closedRefusal(this.#ended))
    if (this.octetsWaiting > QUEUE_OCTETS_MAX) {
      this.destroy('send-queue-full')
      return Promise.reject(closedRefusal('send-queue-full'))
    }
    this.#cork()
    this.#socket.write(frameHead(kind, octets.length))
    if (octets.length > 0) this.#socket.write(octets)
    this.said = true
    this.octetsSent += octets.length + FRAME_COST_OCTETS
    if (this.octetsWaiting <= PAUSE_OCTETS) return Promise.resolve()
    this.#drained ??= Promise.withResolvers()
    return this.#drained.promise.then(() => {
      if (this.#ended !== undefined) throw closedRefusal(this.#ended)
    })
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Sends what is queued, then ends; after a while without what is queued. */
  end(reason: EndReason): void {
    if (this.#ended !== undefined) return
    this.#ended = reason
    this.#socket.end()
    this.#release()
    // Nobody reads any more, but the other end's last octets must not stop it from ending.
    this.#take = () => undefined
    this.#socket.resume()
    const cancel = this.#clock.after(GRACE_MS, () => this.#socket.destroy())
    void this.closed.then(cancel)
  }

  /** Ends at once; what is queued is lost. */
  destroy(reason: EndReason): void {
    this.#ended ??= reason
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    this.heard = true
    this.octetsReceived += chunk.length
    try {
      this.#reader.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length), (frame) =>
        this.#take(frame),
      )
    } catch (error) {
      this.destroy(error instanceof Error ? error.name : 'error')
    }
  }

  /** All frames of one turn of the event loop go to TLS together. */
  #cork(): void {
    if (this.#corked) return
    this.#corked = true
    this.#socket.cork()
    process.nextTick(() => {
      this.#corked = false
      this.#socket.uncork()
    })
  }

  #release(): void {
    this.#drained?.resolve()
    this.#drained = undefined
  }
}

/** The refusal for a connection that has ended. */
export const closedRefusal = (reason: EndReason): PortRefusal =>
  new PortRefusal('NETWORK_CLOSED', 'The connection has ended', { facts: { reason } })

/** Queued octets above which `say` makes its caller wait. */
const PAUSE_OCTETS = 1024 * 1024
/** Queued octets at which a caller that does not wait loses the connection. */
const QUEUE_OCTETS_MAX = 64 * 1024 * 1024
/** Time for the last octets to leave after an orderly end. */
const GRACE_MS = 2000
/** What a frame costs beside its octets: its head, and the last block and tag of its record. */
const FRAME_COST_OCTETS = 36
