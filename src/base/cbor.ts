/**
 * Deterministic CBOR (RFC 8949 §4.2.1) for our own wires and containers.
 *
 * Maps have text keys. Tags, undefined, NaN, infinities, repeated keys and indefinite lengths are not
 * part of our formats and are refused; whole numbers are kept apart from others by shapes.
 *
 * @module
 */

import { decode, encode, type EncodeOptions } from 'cborg'
import { sameOctets } from './bytes.ts'
import { Refusal } from './refusal.ts'

export type CborValue =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly CborValue[]
  | { readonly [key: string]: CborValue | undefined }

export type CborRefusalCode = 'CBOR_INVALID' | 'CBOR_NOT_DETERMINISTIC' | 'CBOR_TOO_LARGE'

export class CborRefusal extends Refusal<CborRefusalCode> {
  override readonly name = 'CborRefusal'
}

/** The one deterministic form of `value`. Members that are undefined are left out. */
export function toCbor(value: CborValue): Uint8Array {
  return encode(value, DETERMINISTIC)
}

/**
 * Reads one CBOR value that fills `octets` exactly.
 *
 * @param octetsMax   refused above this size before anything is read
 * @throws CborRefusal
 */
export function fromCbor(octets: Uint8Array, octetsMax: number): unknown {
  if (octets.length > octetsMax) {
    throw new CborRefusal('CBOR_TOO_LARGE', `Expected at most ${octetsMax} octets of CBOR`, {
      facts: { octets: octets.length },
    })
  }
  try {
    return decode(octets, STRICT)
  } catch (cause) {
    throw new CborRefusal('CBOR_INVALID', 'Not valid CBOR of our profile', { cause })
  }
}

/**
 * As `fromCbor`; byte strings do share memory with `octets`, which must not change from then on.
 *
 * For messages of which most is one byte string, and which are kept as they are anyway.
 */
export function fromCborInPlace(octets: Uint8Array, octetsMax: number): unknown {
  const { buffer, byteOffset, length } = octets
  return fromCbor(new InPlace(buffer as ArrayBuffer, byteOffset, length), octetsMax)
}

/** Octets of which the decoder gets views, where it asks for copies. */
class InPlace extends Uint8Array {
  override slice(from = 0, to = this.length): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.buffer, this.byteOffset + from, to - from)
  }
}

/** As `fromCbor`, and refuses every encoding but the deterministic one: for what is hashed. */
export function fromDeterministicCbor(octets: Uint8Array, octetsMax: number): unknown {
  const value = fromCbor(octets, octetsMax)
  if (!sameOctets(toCbor(value as CborValue), octets)) {
    throw new CborRefusal('CBOR_NOT_DETERMINISTIC', 'CBOR is not in its deterministic form')
  }
  return value
}

/**
 * The order of keys that cborg has by itself, by length and then by octets, is that of RFC 8949
 * §4.2.1 where all keys are texts, as ours are; only with it does cborg write without tokens.
 */
const DETERMINISTIC: EncodeOptions = { ignoreUndefinedProperties: true }

const STRICT = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: false,
  rejectDuplicateMapKeys: true,
}
