/**
 * Key streams that this KME keeps: which chunk is which key, and who has had it.
 *
 * Of the two KMEs of a stream one keeps it: the last bit of its name says which, so both know and
 * need not agree. It makes each chunk from its own half of the pool when either end first asks for
 * it, as a key of GS QKD 014 whose master is the application of this site and whose slave is the
 * other; the other KME asks for the key_ID and fetches that key. So both ends see the same chunk at
 * an index, or none.
 *
 * A chunk goes to each end once, whatever crashes: the other end's is a delivery of its key store;
 * this end's octets are in memory only, and gone with the stream when this KME ends. Nothing of a
 * stream outlives its keeper, so no index is ever counted anew over old chunks.
 *
 * @see ETSI GS QKD 004 V2.1.1
 * @module
 */

import {
  utf8,
  uuidOctets,
  type Clock,
  type KeyId,
  type SaeId,
  type SecretBytes,
  type SiteId,
  type Uuid,
} from '#base'
import type { DeliveredKey, Provenance } from '#keystore'
import { STREAM_STATUS, type Qos, type StreamStatus } from './etsi-004.ts'
import { provenanceExtension } from './extensions.ts'
import { agreeQos, joinQos } from './qos.ts'

/** What a keeper stands on. */
export interface StreamKeeperInput {
  readonly clock: Clock
  /** Bits a second that can be kept up with a peer. */
  readonly bpsMax: (peer: SiteId) => number
  /** Makes the key of one chunk. @throws KmeRefusal */
  readonly make: (request: ChunkRequest) => Promise<DeliveredKey>
}

/** A key to be made for a stream. */
export interface ChunkRequest {
  readonly peer: SiteId
  readonly master: SaeId
  readonly slave: SaeId
  readonly octets: number
  readonly lifeMs: number
}

/** One end of a stream that wants to be connected. */
export interface StreamOpening {
  readonly stream: Uuid
  readonly caller: SaeId
  readonly qos: Qos
  /** The application of this site, that of the other, and the other site. */
  readonly own: SaeId
  readonly other: SaeId
  readonly peer: SiteId
}

/** What came of a GET_KEY at the keeper. */
export type ChunkOutcome =
  | {
      readonly kind: 'none'
      readonly status: Exclude<StreamStatus, 0>
      /** Room that is needed, where that is what is missing. */
      readonly metadataOctets: number
    }
  /** For this site's application; whoever gets it owns the octets. */
  | { readonly kind: 'octets'; readonly octets: SecretBytes; readonly metadata: Uint8Array }
  /** For the other's: its KME fetches the key. */
  | { readonly kind: 'key'; readonly keyId: KeyId; readonly metadataOctets: number }

interface Chunk {
  readonly keyId: KeyId
  readonly metadata: Uint8Array
  readonly expiresMs: number
  /** This site's copy, until it is taken or has expired. */
  octets: SecretBytes | undefined
}

interface Stream {
  readonly opening: StreamOpening
  readonly qos: Qos
  readonly connected: Set<SaeId>
  /** Every chunk that was made, from `next` less the window on: what is not here never was. */
  readonly chunks: Map<number, Chunk>
  /** Chunks that are being made. */
  readonly making: Map<number, Promise<Chunk>>
  /** One above the highest index that was ever made. */
  next: number
  /** When Max_bps allows the next chunk. */
  readyMs: number
  usedMs: number
}

/** Owns the streams this KME keeps, and the octets in them. */
export class StreamKeeper implements Disposable {
  readonly #input: StreamKeeperInput
  readonly #streams = new Map<Uuid, Stream>()

  constructor(input: StreamKeeperInput) {
    this.#input = input
  }

  /**
   * Connects one end: makes the stream, or joins it. Whether that application has it open already
   * is known to its own KME, which may have restarted since.
   */
  open(opening: StreamOpening): { readonly status: StreamStatus; readonly qos: Qos } {
    const { stream: name, caller, qos: wished, own, other } = opening
    const standing = this.#streams.get(name)
    if (standing === undefined) return this.#make(opening)
    const { opening: first, connected } = standing
    if (first.own !== own || first.other !== other) {
      return { status: STREAM_STATUS.streamInUse, qos: wished }
    }
    const { isMet, qos } = joinQos(wished, standing.qos)
    if (!isMet) return { status: STREAM_STATUS.qosNotMet, qos }
    connected.add(caller)
    standing.usedMs = this.#now()
    const isWhole = connected.size === ENDS
    return { status: isWhole ? STREAM_STATUS.success : STREAM_STATUS.peerNotConnected, qos }
  }

  /**
   * The chunk at an index, for one end. @throws KmeRefusal if its key cannot be made now
   *
   * @param metadataOctets   room for metadata; nothing is taken if it does not suffice
   */
  async get(
    name: Uuid,
    caller: SaeId,
    { index, metadataOctets }: { readonly index: number; readonly metadataOctets: number },
  ): Promise<ChunkOutcome> {
    const stream = this.#streams.get(name)
    if (stream?.connected.has(caller) !== true) return none(STREAM_STATUS.noQkdConnection)
    stream.usedMs = this.#now()
    const chunk = stream.chunks.get(index) ?? (await this.#grow(stream, index))
    if (typeof chunk === 'number') return none(chunk)
    const { keyId, metadata, octets } = chunk
    if (caller !== stream.opening.own) {
      return { kind: 'key', keyId, metadataOctets: metadata.length }
    }
    if (octets === undefined) return none(STREAM_STATUS.insufficientKey)
    if (metadata.length > metadataOctets)
      return none(STREAM_STATUS.metadataTooLong, metadata.length)
    chunk.octets = undefined
    return { kind: 'octets', octets, metadata }
  }

  /** Disconnects one end; the stream ends with its last. */
  close(name: Uuid, caller: SaeId): StreamStatus {
    const stream = this.#streams.get(name)
    if (stream?.connected.delete(caller) !== true) return STREAM_STATUS.noQkdConnection
    if (stream.connected.size === 0) this.#end(name, stream)
    return STREAM_STATUS.success
  }

  /** Ends streams that nobody has used for their TTL, and clears chunks that are older. */
  tend(): void {
    const now = this.#now()
    for (const [name, stream] of this.#streams) {
      if (stream.usedMs + stream.qos.lifeS * 1000 <= now) this.#end(name, stream)
      for (const chunk of stream.chunks.values()) if (chunk.expiresMs <= now) clear(chunk)
    }
  }

  [Symbol.dispose](): void {
    for (const [name, stream] of this.#streams) this.#end(name, stream)
  }

  #now(): number {
    return this.#input.clock.monotonicMs()
  }

  #make(opening: StreamOpening): { readonly status: StreamStatus; readonly qos: Qos } {
    const { stream: name, caller, own, peer, qos: wished } = opening
    const streams = [...this.#streams.values()]
    const ofOwn = streams.filter((one) => one.opening.own === own).length
    if (streams.length >= STREAMS_MAX || ofOwn >= STREAMS_OF_SAE_MAX) {
      return { status: STREAM_STATUS.noQkdConnection, qos: wished }
    }
    const promised = streams
      .filter((one) => one.opening.peer === peer)
      .reduce((sum, one) => sum + one.qos.minBps, 0)
    const { isMet, qos } = agreeQos(wished, Math.max(0, this.#input.bpsMax(peer) - promised))
    if (!isMet) return { status: STREAM_STATUS.qosNotMet, qos }
    const now = this.#now()
    this.#streams.set(name, {
      ...{ opening, qos, connected: new Set([caller]), chunks: new Map() },
      ...{ making: new Map(), next: 0, readyMs: now, usedMs: now },
    })
    return { status: STREAM_STATUS.peerNotConnected, qos }
  }

  /** Makes a chunk, or says why there is none. @throws KmeRefusal */
  async #grow(stream: Stream, index: number): Promise<Chunk | Exclude<StreamStatus, 0>> {
    const { qos, connected, making, next } = stream
    const window = windowOf(qos)
    // Below, it was made and is over; far above, it would push out chunks that are still wanted.
    if (index < next - window || index >= next + window) return STREAM_STATUS.insufficientKey
    if (connected.size < ENDS) return STREAM_STATUS.getKeyPeerNotConnected
    const underWay = making.get(index)
    if (underWay !== undefined) return underWay
    if (this.#now() < stream.readyMs) return STREAM_STATUS.insufficientKey
    const chunk = this.#chunk(stream, index).finally(() => making.delete(index))
    making.set(index, chunk)
    return chunk
  }

  async #chunk(stream: Stream, index: number): Promise<Chunk> {
    const { opening, qos } = stream
    const { stream: name, own, other, peer } = opening
    const before = stream.readyMs
    if (qos.maxBps > 0) {
      stream.readyMs = Math.max(before, this.#now()) + (qos.chunkOctets * 8000) / qos.maxBps
    }
    const about = { peer, master: own, slave: other, octets: qos.chunkOctets }
    let key
    try {
      key = await this.#input.make({ ...about, lifeMs: qos.lifeS * 1000 })
    } catch (error) {
      stream.readyMs = before
      throw error
    }
    const { keyId, octets, provenance } = key
    const expiresMs = this.#now() + qos.lifeS * 1000
    const chunk: Chunk = { keyId, octets, expiresMs, metadata: chunkMetadata(keyId, provenance) }
    // Both ends may have closed the stream meanwhile.
    if (this.#streams.get(name) !== stream) clear(chunk)
    stream.chunks.set(index, chunk)
    stream.next = Math.max(stream.next, index + 1)
    for (const [old, { octets: left }] of stream.chunks) {
      if (old >= stream.next - windowOf(qos)) continue
      left?.[Symbol.dispose]()
      stream.chunks.delete(old)
    }
    return chunk
  }

  #end(name: Uuid, stream: Stream): void {
    this.#streams.delete(name)
    for (const chunk of stream.chunks.values()) clear(chunk)
  }
}

/** Which of two sites keeps a stream: the first by name, or the other, by the last bit. */
export function keeperOf(stream: Uuid, sites: readonly [SiteId, SiteId]): SiteId {
  const [first, second] = sites.toSorted()
  return (uuidOctets(stream)[15] & 1) === 0 ? first : second
}

/** What is said of a chunk: its key_ID and where its bits come from. */
export const chunkMetadata = (keyId: KeyId, provenance: Provenance): Uint8Array =>
  utf8(JSON.stringify({ key_ID: keyId, ...provenanceExtension(provenance) }))

function clear(chunk: Chunk): void {
  chunk.octets?.[Symbol.dispose]()
  chunk.octets = undefined
}

const none = (status: Exclude<StreamStatus, 0>, metadataOctets = 0): ChunkOutcome => ({
  kind: 'none',
  status,
  metadataOctets,
})

/** Chunks behind and ahead of the newest that can be had: so many octets, but some in any case. */
const windowOf = ({ chunkOctets }: Qos): number =>
  Math.min(WINDOW_MAX, Math.max(WINDOW_LEAST, Math.floor(WINDOW_OCTETS / chunkOctets)))

const ENDS = 2
const WINDOW_OCTETS = 2 ** 18
const WINDOW_LEAST = 16
const WINDOW_MAX = 1024
/** Streams kept here, and those of one application of this site. */
const STREAMS_MAX = 512
const STREAMS_OF_SAE_MAX = 32
