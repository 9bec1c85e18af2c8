/**
 * Calls and answers of ETSI GS QKD 004, as today's implementations put them on a TLS stream.
 *
 * The standard leaves the encoding open. This is the one that ETSI's own sample and the programs
 * descended from it speak: numbers of four octets, big-endian, texts ended by a zero, a stream named
 * by 16 octets. The frame around it (version, service, length) is the listener's.
 *
 * An answer always has all its members, whatever its status: clients that read only the status of a
 * refusal may stop there.
 *
 * @see ETSI GS QKD 004 V2.1.1 §5, §6
 * @module
 */

import {
  concat,
  textOf,
  uint32,
  utf8,
  uuidOctets,
  uuidOf,
  type SecretBytes,
  type Uuid,
} from '#base'
import { invalidRequest } from './refusal.ts'

/** Service numbers of requests and of their answers. */
export const SERVICE = { open: 2, opened: 3, get: 4, got: 5, close: 8, closed: 9 } as const

/** Status of a call, §6.2 table 2. */
export const STREAM_STATUS = {
  success: 0,
  /** Connected; the application at the other end is not yet. */
  peerNotConnected: 1,
  insufficientKey: 2,
  /** GET_KEY needs both ends. */
  getKeyPeerNotConnected: 3,
  noQkdConnection: 4,
  streamInUse: 5,
  timeout: 6,
  /** The answer says what could be had. */
  qosNotMet: 7,
  /** The answer says how much room is needed. */
  metadataTooLong: 8,
} as const
/** One of the statuses. */
export type StreamStatus = (typeof STREAM_STATUS)[keyof typeof STREAM_STATUS]

/** What an application expects of a stream (QoS, §6.1). Zero, or an empty text, is no wish. */
export interface Qos {
  /** Key_chunk_size. */
  readonly chunkOctets: number
  readonly maxBps: number
  readonly minBps: number
  readonly jitterBps: number
  readonly priority: number
  readonly timeoutMs: number
  /** TTL. */
  readonly lifeS: number
  readonly mimetype: string
}

/** A call of an application. */
export type StreamRequest =
  | {
      readonly kind: 'open'
      readonly source: string
      readonly destination: string
      readonly qos: Qos
      /** Undefined where the caller leaves the name to the KME: all zeros. */
      readonly stream: Uuid | undefined
    }
  | {
      readonly kind: 'get'
      readonly stream: Uuid
      readonly index: number
      /** Room for metadata, in octets. */
      readonly metadataOctets: number
    }
  | { readonly kind: 'close'; readonly stream: Uuid }

/** Reads the body of a request. @throws KmeRefusal `KME_REQUEST_INVALID` */
export function readStreamRequest(service: number, body: Uint8Array): StreamRequest {
  const reader = new Reader(body)
  const request = readBody(service, reader)
  reader.end()
  return request
}

function readBody(service: number, reader: Reader): StreamRequest {
  switch (service) {
    case SERVICE.open: {
      const [source, destination] = [reader.text(), reader.text()]
      const qos = reader.qos()
      return { kind: 'open', source, destination, qos, stream: reader.streamOrNone() }
    }
    case SERVICE.get: {
      const stream = reader.stream()
      return { kind: 'get', stream, index: reader.number(), metadataOctets: reader.number() }
    }
    case SERVICE.close:
      return { kind: 'close', stream: reader.stream() }
    default:
      throw invalidRequest(`Expected service 2, 4 or 8 of GS QKD 004, got ${service}`)
  }
}

/** The body of an answer to OPEN_CONNECT. */
export const openAnswer = (
  status: StreamStatus,
  { qos, stream }: { readonly qos: Qos; readonly stream: Uuid | undefined },
): Uint8Array => {
  const { chunkOctets, maxBps, minBps, jitterBps, priority, timeoutMs, lifeS, mimetype } = qos
  const numbers = [chunkOctets, maxBps, minBps, jitterBps, priority, timeoutMs, lifeS]
  const type = new Uint8Array(MIMETYPE_OCTETS)
  type.set(utf8(mimetype))
  const name = stream === undefined ? new Uint8Array(STREAM_OCTETS) : uuidOctets(stream)
  return concat(uint32(status), ...numbers.map(uint32), type, name)
}

/** The body of an answer to GET_KEY with a chunk, whose octets stay the caller's. */
export const keyAnswer = (index: number, octets: SecretBytes, metadata: Uint8Array): Uint8Array => {
  const head = [uint32(STREAM_STATUS.success), uint32(index), uint32(octets.length)]
  return concat(...head, octets.reveal(), uint32(metadata.length), metadata)
}

/** The body of an answer to GET_KEY without one. */
export const noKeyAnswer = (
  status: Exclude<StreamStatus, 0>,
  { index, metadataOctets }: { readonly index: number; readonly metadataOctets: number },
): Uint8Array => concat(uint32(status), uint32(index), uint32(0), uint32(metadataOctets))

/** The body of an answer to CLOSE. */
export const closeAnswer = (status: StreamStatus): Uint8Array => uint32(status)

/** Reads a body from the front. */
class Reader {
  readonly #octets: Uint8Array
  #at = 0

  constructor(octets: Uint8Array) {
    this.#octets = octets
  }

  number(): number {
    const octets = this.#take(4)
    return new DataView(octets.buffer, octets.byteOffset).getUint32(0)
  }

  /** A text up to a zero. */
  text(): string {
    const end = this.#octets.indexOf(0, this.#at)
    if (end < 0 || end - this.#at > URI_OCTETS_MAX) {
      throw invalidRequest(`Expected a URI of at most ${URI_OCTETS_MAX} octets and a zero`)
    }
    const octets = this.#take(end - this.#at)
    this.#at++
    return plainText(octets)
  }

  qos(): Qos {
    return {
      chunkOctets: this.number(),
      maxBps: this.number(),
      minBps: this.number(),
      jitterBps: this.number(),
      priority: this.number(),
      timeoutMs: this.number(),
      lifeS: this.number(),
      mimetype: this.#mimetype(),
    }
  }

  stream(): Uuid {
    return uuidOf(this.#take(STREAM_OCTETS))
  }

  streamOrNone(): Uuid | undefined {
    const octets = this.#take(STREAM_OCTETS)
    return octets.every((octet) => octet === 0) ? undefined : uuidOf(octets)
  }

  end(): void {
    if (this.#at === this.#octets.length) return
    throw invalidRequest(`Expected a body of ${this.#at} octets, got ${this.#octets.length}`)
  }

  #mimetype(): string {
    const octets = this.#take(MIMETYPE_OCTETS)
    const end = octets.indexOf(0)
    return plainText(end < 0 ? octets : octets.subarray(0, end))
  }

  #take(size: number): Uint8Array {
    const from = this.#at
    this.#at += size
    if (this.#at <= this.#octets.length) return this.#octets.subarray(from, this.#at)
    throw invalidRequest(`Expected at least ${this.#at} octets, got ${this.#octets.length}`)
  }
}

function plainText(octets: Uint8Array): string {
  try {
    return textOf(octets)
  } catch {
    throw invalidRequest('Expected a text in UTF-8')
  }
}

/** Octets of the longest request body: two URIs, QoS and a name. */
export const STREAM_BODY_OCTETS_MAX = 4096
const URI_OCTETS_MAX = 1024
const MIMETYPE_OCTETS = 256
const STREAM_OCTETS = 16
