/**
 * Octet strings: joining, comparing in public, and the few textual forms we use.
 *
 * Comparison here leaks timing; secrets are compared in `#crypto` only.
 *
 * @module
 */

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** UTF-8 octets of a text. */
export function utf8(text: string): Uint8Array {
  if (text.length > SHORT_MAX) return encoder.encode(text)
  const octets = new Uint8Array(text.length)
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code >= 0x80) return encoder.encode(text)
    octets[at] = code
  }
  return octets
}

/** The text of UTF-8 octets. @throws TypeError if the octets are not UTF-8. */
export const textOf = (octets: Uint8Array): string => decoder.decode(octets)

/** One new array holding all parts in order. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let size = 0
  for (const part of parts) size += part.length
  const joined = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/** Whether two public octet strings are the same. Not for secrets: time depends on content. */
export function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Lower-case hexadecimal. */
export const hex = (octets: Uint8Array): string => octets.toHex()

/** Octets of hexadecimal text. @throws SyntaxError if the text is not an even run of hex digits. */
export const fromHex = (text: string): Uint8Array => Uint8Array.fromHex(text)

/** Base64 of RFC 4648 §4, padded. */
export const base64 = (octets: Uint8Array): string => octets.toBase64()

/** Octets of padded base64, strictly. @throws SyntaxError on any other character or padding. */
export const fromBase64 = (text: string): Uint8Array =>
  Uint8Array.fromBase64(text, { lastChunkHandling: 'strict' })

/** Four octets, big-endian, of a whole number below 2³². */
export function uint32(value: number): Uint8Array {
  const octets = new Uint8Array(4)
  putUint32(octets, 0, value)
  return octets
}

/** Eight octets, big-endian, of a whole number up to 2⁵³ − 1. */
export function uint64(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`Expected a whole number from 0 to 2^53 - 1, got ${value}`)
  }
  const octets = new Uint8Array(8)
  putUint32(octets, 0, Math.floor(value / 2 ** 32))
  putUint32(octets, 4, value)
  return octets
}

/** `parts` with each part's length before it as four octets, so that no two lists collide. */
export function lengthPrefixed(...parts: readonly Uint8Array[]): Uint8Array {
  let size = 4 * parts.length
  for (const part of parts) size += part.length
  const joined = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    putUint32(joined, at, part.length)
    joined.set(part, at + 4)
    at += 4 + part.length
  }
  return joined
}

/** Octet by octet: a view would move a small array out of the heap first, which costs a µs. */
function putUint32(octets: Uint8Array, at: number, value: number): void {
  octets[at] = value >>> 24
  octets[at + 1] = value >>> 16
  octets[at + 2] = value >>> 8
  octets[at + 3] = value
}

/** Texts of so many characters, if they are ASCII, are encoded faster than the encoder is called. */
const SHORT_MAX = 64
