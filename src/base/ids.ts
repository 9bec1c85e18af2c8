/**
 * Identifiers: brands, the one checking function of each, and UUIDs from a given random source.
 *
 * @module
 */

import type { RandomSource } from './ports.ts'
import type { EpochMs } from './units.ts'

declare const brand: unique symbol
type Branded<B extends string> = string & { readonly [brand]: B }

/** A hospital site, as named in configuration and certificates: `bristol`. */
export type SiteId = Branded<'site'>
/** A Secure Application Entity, the consumer of keys in ETSI GS QKD 014. */
export type SaeId = Branded<'sae'>
/** A Key Management Entity, the provider of keys in ETSI GS QKD 014. */
export type KmeId = Branded<'kme'>
/** A quantum link between two sites: `bristol-cambridge`. */
export type LinkId = Branded<'link'>
/** The key_ID of ETSI GS QKD 014: a UUID, never derived from key bits. */
export type KeyId = Branded<'key'>
/** Any other object of ours, named by a UUID. */
export type Uuid = Branded<'uuid'>

/** Checks a site name. @throws RangeError unless 1–63 of a–z, 0–9 and inner hyphens. */
export const siteId = (text: string): SiteId => checked(text, NAME, 'site name') as SiteId

/** Checks a link name. @throws RangeError unless 1–63 of a–z, 0–9 and inner hyphens. */
export const linkId = (text: string): LinkId => checked(text, NAME, 'link name') as LinkId

/** Checks an SAE ID: 1–64 characters that a URI path segment may hold (GS QKD 020 limits to 64). */
export const saeId = (text: string): SaeId => checked(text, URI_NAME, 'SAE ID') as SaeId

/** Checks a KME ID: 1–64 characters that a URI path segment may hold. */
export const kmeId = (text: string): KmeId => checked(text, URI_NAME, 'KME ID') as KmeId

/** Checks a key_ID. @throws RangeError unless it is a UUID; the result is in lower case. */
export const keyId = (text: string): KeyId => uuid(text) as string as KeyId

/** Checks a UUID (RFC 9562). @throws RangeError otherwise; the result is in lower case. */
export const uuid = (text: string): Uuid => checked(text.toLowerCase(), UUID, 'UUID') as Uuid

/** Whether a text is a UUID in either case. */
export const isUuid = (text: string): boolean => UUID.test(text.toLowerCase())

/** A fresh UUID version 4 (RFC 9562 §5.4): 122 random bits, nothing about time or content. */
export function newUuid(random: RandomSource): Uuid {
  const octets = random.octets(16)
  octets[6] = (octets[6] & 0x0f) | 0x40
  octets[8] = (octets[8] & 0x3f) | 0x80
  return spell(octets)
}

/** A fresh UUID version 7 (RFC 9562 §5.7): sorts by time of making, to the millisecond. */
export function newTimeUuid(random: RandomSource, at: EpochMs): Uuid {
  const octets = random.octets(16)
  const view = new DataView(octets.buffer)
  view.setUint16(0, Math.floor(at / 2 ** 32))
  view.setUint32(2, at % 2 ** 32)
  octets[6] = (octets[6] & 0x0f) | 0x70
  octets[8] = (octets[8] & 0x3f) | 0x80
  return spell(octets)
}

/** The 16 octets of a UUID. @throws RangeError unless a UUID's digits stand in their places */
export function uuidOctets(id: string): Uint8Array {
  const octets = new Uint8Array(16)
  let seen = 0
  for (let at = 0; at < octets.length; at++) {
    const digits = UUID_DIGITS[at]
    const value = (digitAt(id, digits) << 4) | digitAt(id, digits + 1)
    seen |= value
    octets[at] = value
  }
  if (seen > 0xff || id.length !== UUID_CHARACTERS) throw new RangeError('Expected a UUID')
  return octets
}

/** The value of a hexadecimal digit, or more than any four bits can say. */
const digitAt = (text: string, at: number): number => DIGITS[text.charCodeAt(at)] ?? NO_DIGIT

/** The UUID of 16 octets. @throws RangeError on any other length. */
export function uuidOf(octets: Uint8Array): Uuid {
  if (octets.length !== 16) throw new RangeError(`Expected 16 octets, got ${octets.length}`)
  return spell(octets)
}

function spell(octets: Uint8Array): Uuid {
  const digits = octets.toHex()
  const [a, b, c] = [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16)]
  return `${a}-${b}-${c}-${digits.slice(16, 20)}-${digits.slice(20)}` as Uuid
}

function checked(text: string, pattern: RegExp, what: string): string {
  if (pattern.test(text)) return text
  throw new RangeError(
    `Not a valid ${what} (${text.length} characters, expected ${pattern.source})`,
  )
}

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const URI_NAME = /^[A-Za-z0-9._~:@!$&'()*+,;=-]{1,64}$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const UUID_CHARACTERS = 36
/** Where each octet of a UUID is spelled. */
const UUID_DIGITS = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34] as const
const NO_DIGIT = 0x1000
/** Values of hexadecimal digits in either case, by their characters' codes. */
const DIGITS = Uint16Array.from({ length: 128 }, (_, code) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(code).toLowerCase())
  return digit < 0 ? NO_DIGIT : digit
})
