/**
 * Frames on a stream: four octets, big-endian, of length, then so many octets.
 *
 * The highest bit of the length marks a control frame (greeting, answer, ping); the others are
 * messages. Stands between TLS and `FramedSocket`. Pure: chunks in, frames out.
 *
 * @module
 */

/** One frame as it was sent. */
export interface Frame {
  readonly kind: 'message' | 'control'
  readonly octets: Uint8Array
}

/** A frame longer than this end takes. */
export class FrameTooLarge extends Error {
  override readonly name = 'FrameTooLarge'
  readonly octets: number

  constructor(octets: number, octetsMax: number) {
    super(`A frame has at most ${octetsMax} octets, this one would have ${octets}`)
    this.octets = octets
  }
}

/** The four octets that stand before the octets of a frame. */
export function frameHead(kind: Frame['kind'], octets: number): Uint8Array {
  const head = new Uint8Array(HEAD_OCTETS)
  new DataView(head.buffer).setUint32(0, kind === 'control' ? (octets | CONTROL) >>> 0 : octets)
  return head
}

/** Cuts a stream of chunks into frames. One reader reads one stream. */
export class FrameReader {
  /** Bounds on the frames of each kind; may change between frames. */
  messageOctetsMax: number
  readonly #head = new Uint8Array(HEAD_OCTETS)
  #headOctets = 0
  #kind: Frame['kind'] = 'message'
  /** The frame that is being put together from several chunks. */
  #body: Uint8Array | undefined
  #bodyOctets = 0

  constructor(messageOctetsMax: number) {
    this.messageOctetsMax = messageOctetsMax
  }

  /**
   * Takes a chunk and calls back for each frame that it completes.
   *
   * Octets of a frame may share memory with the chunk, which therefore is the reader's from now on.
   *
   * @throws FrameTooLarge; the stream is of no use any more then
   */
  push(chunk: Uint8Array, take: (frame: Frame) => void): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#body !== undefined) {
        at += this.#fill(this.#body, chunk.subarray(at), take)
        continue
      }
      const missing = HEAD_OCTETS - this.#headOctets
      const head = chunk.subarray(at, at + missing)
      this.#head.set(head, this.#headOctets)
      this.#headOctets += head.length
      at += head.length
      if (this.#headOctets === HEAD_OCTETS) at += this.#begin(chunk.subarray(at), take)
    }
  }

  /** The head is complete: takes the body from the rest of the chunk, or begins to collect it. */
  #begin(rest: Uint8Array, take: (frame: Frame) => void): number {
    const word = new DataView(this.#head.buffer).getUint32(0)
    const length = word & ~CONTROL
    this.#kind = word >= 2 ** 31 ? 'control' : 'message'
    this.#headOctets = 0
    const octetsMax = this.#kind === 'control' ? CONTROL_OCTETS_MAX : this.messageOctetsMax
    if (length > octetsMax) throw new FrameTooLarge(length, octetsMax)
    if (length > rest.length) {
      this.#body = new Uint8Array(length)
      this.#bodyOctets = 0
      return 0
    }
    const octets = rest.subarray(0, length)
    // A small message that is kept for long should not keep its whole chunk alive.
    take({ kind: this.#kind, octets: length < SHARED_OCTETS_MIN ? octets.slice() : octets })
    return length
  }

  #fill(body: Uint8Array, rest: Uint8Array, take: (frame: Frame) => void): number {
    const part = rest.subarray(0, body.length - this.#bodyOctets)
    body.set(part, this.#bodyOctets)
    this.#bodyOctets += part.length
    if (this.#bodyOctets === body.length) {
      this.#body = undefined
      take({ kind: this.#kind, octets: body })
    }
    return part.length
  }
}

const HEAD_OCTETS = 4
const CONTROL = 2 ** 31
/** Octets of a control frame. */
export const CONTROL_OCTETS_MAX = 1024
/** Shorter messages are copied out of their chunk. */
const SHARED_OCTETS_MIN = 4096
/** Longest message of any channel: the length has 31 bits, memory is the narrower bound. */
export const FRAME_OCTETS_MAX = 256 * 1024 * 1024
