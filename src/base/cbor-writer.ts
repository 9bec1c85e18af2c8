/**
 * Writing deterministic CBOR (RFC 8949 §4.2.1): heads as short as they can be, keys in the bytewise
 * order of their encodings, floats in the shortest form that loses nothing.
 *
 * Every message between sites and every entry of the log passes here, so it writes straight into
 * one buffer, which is cleared afterwards: what is written may be secret. Reading is `cbor.ts`.
 *
 * @module
 */

import { concat } from './bytes.ts'
import type { CborValue } from './cbor.ts'

/** Owns the buffer that values are written into, and clears it. */
export class CborWriter {
  #octets = new Uint8Array(OCTETS_KEPT)
  #view = new DataView(this.#octets.buffer)
  #at = 0
  /** What stands before the buffer: octets that were in it, then long ones of the caller, in turn. */
  readonly #before: Uint8Array[] = []

  /** The one deterministic form of a value. @throws TypeError for what is no value of ours */
  encode(value: CborValue): Uint8Array {
    try {
      this.#value(value)
      const last = this.#octets.subarray(0, this.#at)
      return this.#before.length === 0 ? last.slice() : concat(...this.#before, last)
    } finally {
      this.#octets.fill(0, 0, this.#at)
      this.#at = 0
      this.#before.forEach((part, index) => index % 2 === 0 && part.fill(0))
      this.#before.length = 0
      if (this.#octets.length > OCTETS_KEPT) this.#replace(new Uint8Array(OCTETS_KEPT))
    }
  }

  #value(value: CborValue): void {
    if (typeof value === 'string') this.#text(value)
    else if (typeof value === 'number') this.#number(value)
    else if (typeof value === 'boolean') this.#octet(value ? TRUE : FALSE)
    else if (value === null) this.#octet(NULL)
    else if (value instanceof Uint8Array) this.#bytes(value)
    else if (isArray(value)) this.#array(value)
    else if (isPlain(value)) this.#map(value)
    else throw new TypeError('Expected a value of our profile of CBOR')
  }

  #number(value: number): void {
    if (!Number.isSafeInteger(value)) this.#float(value)
    else if (value >= 0) this.#head(UNSIGNED, value)
    else this.#head(NEGATIVE, -1 - value)
  }

  /** Of two, four and eight octets the first that gives the value back; NaN fits into two. */
  #float(value: number): void {
    this.#reserve(9)
    if (Math.f16round(value) === value || Number.isNaN(value)) {
      this.#octets[this.#at] = FLOAT16
      this.#view.setFloat16(this.#at + 1, value)
      this.#at += 3
    } else if (Math.fround(value) === value) {
      this.#octets[this.#at] = FLOAT32
      this.#view.setFloat32(this.#at + 1, value)
      this.#at += 5
    } else {
      this.#octets[this.#at] = FLOAT64
      this.#view.setFloat64(this.#at + 1, value)
      this.#at += 9
    }
  }

  #bytes(value: Uint8Array): void {
    this.#head(BYTES, value.length)
    if (value.length > LONG_OCTETS) {
      this.#before.push(this.#octets.slice(0, this.#at), value)
      this.#octets.fill(0, 0, this.#at)
      this.#at = 0
      return
    }
    this.#reserve(value.length)
    this.#octets.set(value, this.#at)
    this.#at += value.length
  }

  #text(value: string): void {
    if (value.length <= SHORT_TEXT && this.#ascii(value)) return
    const octets = encoder.encode(value)
    this.#head(TEXT, octets.length)
    this.#reserve(octets.length)
    this.#octets.set(octets, this.#at)
    this.#at += octets.length
  }

  /** Writes a short text of ASCII; false, and nothing written, if it is none. */
  #ascii(value: string): boolean {
    const { length } = value
    this.#reserve(length + 2)
    let at = this.#at + (length < 24 ? 1 : 2)
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i)
      if (code > 0x7f) return false
      this.#octets[at++] = code
    }
    this.#head(TEXT, length)
    this.#at = at
    return true
  }

  #array(items: readonly CborValue[]): void {
    this.#head(ARRAY, items.length)
    for (const item of items) this.#value(item)
  }

  #map(members: Members): void {
    const keys = Object.keys(members).filter((key) => members[key] !== undefined)
    if (keys.length > 1) keys.sort(keys.every(isAscii) ? byLength : byEncoding)
    this.#head(MAP, keys.length)
    for (const key of keys) {
      this.#text(key)
      this.#value(members[key] as CborValue)
    }
  }

  /** The first octets of an item: its major type and its argument (RFC 8949 §3). */
  #head(major: number, argument: number): void {
    this.#reserve(9)
    const view = this.#view
    const at = this.#at
    if (argument < 24) {
      this.#octets[at] = major | argument
      this.#at = at + 1
    } else if (argument < 2 ** 8) {
      this.#octets[at] = major | 24
      this.#octets[at + 1] = argument
      this.#at = at + 2
    } else if (argument < 2 ** 16) {
      this.#octets[at] = major | 25
      view.setUint16(at + 1, argument)
      this.#at = at + 3
    } else if (argument < 2 ** 32) {
      this.#octets[at] = major | 26
      view.setUint32(at + 1, argument)
      this.#at = at + 5
    } else {
      this.#octets[at] = major | 27
      view.setUint32(at + 1, Math.floor(argument / 2 ** 32))
      view.setUint32(at + 5, argument % 2 ** 32)
      this.#at = at + 9
    }
  }

  #octet(octet: number): void {
    this.#reserve(1)
    this.#octets[this.#at++] = octet
  }

  /** Makes sure that so many octets can be written. */
  #reserve(octets: number): void {
    const size = this.#at + octets
    if (size <= this.#octets.length) return
    const larger = new Uint8Array(Math.max(size, 2 * this.#octets.length))
    larger.set(this.#octets.subarray(0, this.#at))
    this.#octets.fill(0, 0, this.#at)
    this.#replace(larger)
  }

  #replace(octets: Uint8Array<ArrayBuffer>): void {
    this.#octets = octets
    this.#view = new DataView(octets.buffer)
  }
}

type Members = { readonly [key: string]: CborValue | undefined }

const isArray = (value: readonly CborValue[] | Members): value is readonly CborValue[] =>
  Array.isArray(value)

function isPlain(value: Members): boolean {
  if (typeof value !== 'object') return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

const isAscii = (key: string): boolean => ASCII_KEY.test(key)

/** The bytewise order of the encodings of ASCII keys: their length comes first. */
function byLength(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length
  return a < b ? -1 : 1
}

function byEncoding(a: string, b: string): number {
  const [first, second] = [encoder.encode(a), encoder.encode(b)]
  if (first.length !== second.length) return first.length - second.length
  const at = first.findIndex((octet, index) => octet !== second[index])
  return at < 0 ? 0 : first[at] - second[at]
}

const encoder = new TextEncoder()
const ASCII_KEY = /^[\x20-\x7e]*$/
/** Longer texts are faster in the encoder of the platform. */
const SHORT_TEXT = 64
/** Longer octets are not copied into the buffer first. */
const LONG_OCTETS = 4096
/** A buffer that had to become larger is not kept. */
const OCTETS_KEPT = 16_384

// Major types, in the upper three bits of a head; and the simple values and floats of the last.
const UNSIGNED = 0x00
const NEGATIVE = 0x20
const BYTES = 0x40
const TEXT = 0x60
const ARRAY = 0x80
const MAP = 0xa0
const FALSE = 0xf4
const TRUE = 0xf5
const NULL = 0xf6
const FLOAT16 = 0xf9
const FLOAT32 = 0xfa
const FLOAT64 = 0xfb
