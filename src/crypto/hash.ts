/**
 * SHA-2, HMAC (RFC 2104) and HKDF (RFC 5869).
 *
 * @module
 */

import { createHash, createHmac, hash, hkdfSync, timingSafeEqual } from 'node:crypto'
import { assert, concat } from '#base'
import { plain } from './octets.ts'

export type HashName = 'sha256' | 'sha384' | 'sha512'

/** SHA-256 of the parts, joined. */
export const sha256 = (...parts: readonly Uint8Array[]): Uint8Array => digest('sha256', parts)
/** SHA-384 of the parts, joined. */
export const sha384 = (...parts: readonly Uint8Array[]): Uint8Array => digest('sha384', parts)
/** SHA-512 of the parts, joined. */
export const sha512 = (...parts: readonly Uint8Array[]): Uint8Array => digest('sha512', parts)

/** SHA-256 of data that arrives piece by piece. */
export class Sha256 {
  readonly #hash = createHash('sha256')

  update(octets: Uint8Array): this {
    this.#hash.update(octets)
    return this
  }

  digest(): Uint8Array {
    return plain(this.#hash.digest())
  }
}

/** HMAC of the parts, joined. */
export function hmac(name: HashName, key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac(name, key)
  const fed = fewer(parts)
  for (const part of fed) mac.update(part)
  if (fed !== parts) fed[0].fill(0)
  return plain(mac.digest())
}

/** HKDF, extract and expand (RFC 5869 §2). @param length octets wanted, at most 255 hashes */
export function hkdf(
  name: HashName,
  input: {
    readonly secret: Uint8Array
    readonly salt: Uint8Array
    readonly info: Uint8Array
    readonly length: number
  },
): Uint8Array {
  return new Uint8Array(hkdfSync(name, input.secret, input.salt, input.info, input.length))
}

/** HKDF-Expand alone (RFC 5869 §2.3), for a secret that is already uniform. */
export function hkdfExpand(
  name: HashName,
  input: { readonly key: Uint8Array; readonly info: Uint8Array; readonly length: number },
): Uint8Array {
  const { key, info, length } = input
  const size = HASH_OCTETS[name]
  assert(key.length >= 32, 'HKDF expands a uniform key of at least 32 octets')
  assert(length <= 255 * size, 'HKDF expands to at most 255 hashes')
  const out = new Uint8Array(length)
  // T(i − 1) ‖ info ‖ i in one place; T(0) is empty, so the first block leaves it out.
  const block = new Uint8Array(size + info.length + 1)
  block.set(info, size)
  for (let at = 0, counter = 1; at < length; at += size, counter++) {
    block[block.length - 1] = counter
    const next = createHmac(name, key)
      .update(counter === 1 ? block.subarray(size) : block)
      .digest()
    block.set(next)
    out.set(next.subarray(0, Math.min(size, length - at)), at)
    next.fill(0)
  }
  block.fill(0, 0, size)
  return out
}

/** Whether two secrets are the same, in time that depends on their length only. */
export const sameSecret = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && timingSafeEqual(a, b)

function digest(name: HashName, parts: readonly Uint8Array[]): Uint8Array {
  const [first, ...rest] = fewer(parts)
  if (rest.length === 0) return plain(hash(name, first, 'buffer'))
  const whole = createHash(name)
  whole.update(first)
  for (const part of rest) whole.update(part)
  return plain(whole.digest())
}

/** Short parts joined: copying some octets costs less than one more call into OpenSSL. */
function fewer(parts: readonly Uint8Array[]): readonly Uint8Array[] {
  if (parts.length === 1) return parts
  let octets = 0
  for (const part of parts) octets += part.length
  return octets <= JOINED_OCTETS_MAX ? [concat(...parts)] : parts
}

const JOINED_OCTETS_MAX = 8192
const HASH_OCTETS: Readonly<Record<HashName, number>> = { sha256: 32, sha384: 48, sha512: 64 }
