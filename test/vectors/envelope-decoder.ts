/**
 * A second reader of containers, written from `spec/envelope.md` alone.
 *
 * Shares no code with `#envelope`, `#crypto` or `#base`: ciphers and hashes are @noble's, CBOR is
 * read by hand. Where it and the daemon disagree, one of them misreads the specification.
 *
 * @module
 */

import { gcm, gcmsiv } from '@noble/ciphers/aes.js'
import { expand } from '@noble/hashes/hkdf.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'

export interface Decoded {
  readonly tenant: string
  readonly object: string
  readonly version: number
  readonly contentType: number
  readonly length: number
  readonly headerOctets: Uint8Array
  readonly containerHash: Uint8Array
  readonly plaintext: Uint8Array
}

/** Opens a container with one wrapping key. @throws Error for anything that is not one */
export function decode(container: Uint8Array, keyId: string, key: Uint8Array): Decoded {
  const reader = new Reader(container)
  if (ascii(reader.take(4)) !== 'PWC1') throw new Error('magic')
  const headerOctets = reader.take(reader.uint(2))
  const wrapsOctets = reader.take(reader.uint(2))
  const wrapsTag = reader.take(32)
  const payload = reader.rest()
  if (headerOctets.length > 128 || wrapsOctets.length > 7362) throw new Error('sizes')
  const header = readHeader(headerOctets)
  const headerHash = sha512(headerOctets)
  const dataKey = unwrap(wrapsOctets, headerHash, keyId, key)
  const tag = hkdf(dataKey, ['photonward/wraps@v1\0', headerHash, wrapsOctets], 32)
  if (!equal(tag, wrapsTag)) throw new Error('tag of the list')
  const plaintext = openPayload(dataKey, headerHash, payload, header.length)
  const size = new Uint8Array(4)
  new DataView(size.buffer).setUint32(0, headerOctets.length)
  const hashed = join('photonward/container@v1\0', size, headerOctets, payload)
  return { ...header, headerOctets, containerHash: sha256(hashed), plaintext }
}

function readHeader(
  octets: Uint8Array,
): Omit<Decoded, 'headerOctets' | 'containerHash' | 'plaintext'> {
  const reader = new Reader(octets)
  reader.head(4, 7)
  reader.head(0, 1)
  reader.head(0, 1)
  const tenant = ascii(reader.take(reader.head(3)))
  const object = hexOf(reader.take(reader.head(2, 16)))
  const [version, contentType, length] = [reader.head(0), reader.head(0), reader.head(0)]
  reader.end()
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(tenant)) throw new Error('tenant')
  if (version < 1 || contentType > 65_535 || length >= 2 ** 52) throw new Error('numbers')
  return { tenant, object, version, contentType, length }
}

function unwrap(
  wraps: Uint8Array,
  headerHash: Uint8Array,
  keyId: string,
  key: Uint8Array,
): Uint8Array {
  const reader = new Reader(wraps)
  const count = reader.head(4)
  if (count < 1 || count > 64) throw new Error('count of wraps')
  const found = new Map<string, Uint8Array[]>()
  for (let at = 0; at < count; at++) {
    reader.head(4, 4)
    const members = [16, 12, 32, 48].map((size) => reader.take(reader.head(2, size)))
    found.set(hexOf(members[0]), members)
  }
  reader.end()
  if (found.size !== count) throw new Error('a key twice')
  const wrap = found.get(keyId.replaceAll('-', ''))
  if (wrap === undefined) throw new Error('no wrap for this key')
  const [id, nonce, commitment, sealed] = wrap
  const okm = hkdf(key, ['photonward/wrapping-key@v1\0', id], 64)
  if (!equal(okm.slice(32), commitment)) throw new Error('commitment of the wrap')
  return gcmsiv(okm.slice(0, 32), nonce, headerHash).decrypt(sealed)
}

function openPayload(
  dataKey: Uint8Array,
  context: Uint8Array,
  payload: Uint8Array,
  length: number,
): Uint8Array {
  const chunks = Math.floor(length / 16_384) + 1
  if (payload.length !== 56 + length + 16 * chunks) throw new Error('length of the payload')
  const salt = payload.slice(0, 24)
  const name = 'c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0'
  const okm = hkdf(dataKey, [name, salt, context], 76)
  if (!equal(okm.slice(44), payload.slice(24, 56))) throw new Error('commitment of the payload')
  const base = BigInt(`0x${hexOf(okm.slice(32, 44))}`)
  const plaintext: Uint8Array[] = []
  for (let i = 0; i < chunks; i++) {
    const nonce = octetsOf((base ^ BigInt(i)).toString(16).padStart(24, '0'))
    const chunk = payload.slice(56 + 16_400 * i, 56 + 16_400 * (i + 1))
    plaintext.push(gcm(okm.slice(0, 32), nonce).decrypt(chunk))
  }
  return join(...plaintext)
}

/** Reads big-endian numbers and CBOR heads in their shortest form. */
class Reader {
  readonly #octets: Uint8Array
  #at = 0

  constructor(octets: Uint8Array) {
    this.#octets = octets
  }

  take(size: number): Uint8Array {
    if (this.#at + size > this.#octets.length) throw new Error('too short')
    this.#at += size
    return this.#octets.slice(this.#at - size, this.#at)
  }

  uint(size: number): number {
    return this.take(size).reduce((value, octet) => value * 256 + octet, 0)
  }

  rest(): Uint8Array {
    return this.take(this.#octets.length - this.#at)
  }

  end(): void {
    if (this.#at !== this.#octets.length) throw new Error('octets left over')
  }

  /** The argument of a head of this major type, in the only form §4.2.1 allows. */
  head(major: number, expected?: number): number {
    const first = this.uint(1)
    if (first >> 5 !== major) throw new Error('major type')
    const short = first & 31
    const size = short - 24
    if (size > 3) throw new Error('reserved or indefinite')
    const value = short < 24 ? short : this.uint(2 ** size)
    const least = [24, 256, 65_536, 2 ** 32][size]
    if (short >= 24 && value < least) throw new Error('not the shortest form')
    if (value > Number.MAX_SAFE_INTEGER) throw new Error('too large')
    if (expected !== undefined && value !== expected) throw new Error('unexpected value')
    return value
  }
}

function hkdf(key: Uint8Array, info: readonly (string | Uint8Array)[], length: number): Uint8Array {
  return expand(sha512, join(key, new Uint8Array(32)), join(...info), length)
}

function join(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  const octets = parts.flatMap((part) => [
    ...(typeof part === 'string' ? new TextEncoder().encode(part) : part),
  ])
  return Uint8Array.from(octets)
}

function hexOf(octets: Uint8Array): string {
  return [...octets].map((octet) => octet.toString(16).padStart(2, '0')).join('')
}

function octetsOf(digits: string): Uint8Array {
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

function ascii(octets: Uint8Array): string {
  return String.fromCharCode(...octets)
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return hexOf(a) === hexOf(b)
}
