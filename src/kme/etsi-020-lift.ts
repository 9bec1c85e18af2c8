/**
 * Key octets in the bodies of GS QKD 020, in and out, without ever making a text of a key.
 *
 * Texts cannot be cleared. On the way in, the base64 of each `keys[].value` is decoded from the octets
 * of the body, and a number is written over it, before the rest is read as JSON. Only that member of
 * that object is: a member `value` of an extension is nobody's key and stays as it is.
 *
 * @see ETSI GS QKD 020 V1.1.1 (value); RFC 4648 §4
 * @module
 */

import { SecretBytes, utf8 } from '#base'
import { refusedAs } from './etsi-020-problem.ts'

/**
 * Takes the keys out of a body; in place of each value stands its index, padded with zeros.
 *
 * @returns for each value its octets, or undefined where it is no base64; theirs is the caller
 * @throws KmeRefusal `KME_REQUEST_INVALID` if the body is not even a row of JSON texts and brackets
 */
export function liftValues(body: Uint8Array): readonly (SecretBytes | undefined)[] {
  const lifted: (SecretBytes | undefined)[] = []
  try {
    walk(body, lifted)
    return lifted
  } catch (error) {
    for (const octets of lifted) octets?.[Symbol.dispose]()
    throw error
  }
}

/** One open bracket: what it is, and the member name that stands before the next value. */
interface Level {
  readonly isObject: boolean
  name: string
}

function walk(body: Uint8Array, lifted: (SecretBytes | undefined)[]): void {
  const levels: Level[] = []
  let isName = false
  for (let at = 0; at < body.length; at++) {
    const octet = body[at]
    const level = levels.at(-1)
    if (octet === OPEN_OBJECT || octet === OPEN_ARRAY) {
      if (levels.length >= DEPTH_MAX) throw malformed()
      levels.push({ isObject: octet === OPEN_OBJECT, name: '' })
      isName = octet === OPEN_OBJECT
    } else if (octet === CLOSE_OBJECT || octet === CLOSE_ARRAY) {
      levels.pop()
      isName = false
    } else if (octet === COMMA) isName = level?.isObject === true
    else if (octet === COLON) isName = false
    else if (octet === QUOTE) {
      const from = at + 1
      at = endOfString(body, from)
      if (isName && level !== undefined) level.name = nameIn(body.subarray(from, at))
      else if (isKeyValue(levels)) lifted.push(lift(body.subarray(from, at), lifted.length))
    }
  }
}

/** Whether the next text is `keys[].value`. */
const isKeyValue = (levels: readonly Level[]): boolean =>
  levels.length === 3 &&
  levels[0].isObject &&
  levels[0].name === 'keys' &&
  !levels[1].isObject &&
  levels[2].isObject &&
  levels[2].name === 'value'

/** Where the quote stands that ends a text. */
function endOfString(body: Uint8Array, from: number): number {
  for (let at = from; at < body.length; at++) {
    if (body[at] === QUOTE) return at
    if (body[at] === BACKSLASH) at++
  }
  throw malformed()
}

/** A member name; an escaped one is decoded as JSON would, so that none slips by. */
function nameIn(octets: Uint8Array): string {
  if (octets.length > NAME_OCTETS_MAX) return ''
  const text = new TextDecoder().decode(octets)
  if (!text.includes('\\')) return text
  try {
    return String(JSON.parse(`"${text}"`))
  } catch {
    throw malformed()
  }
}

/** Decodes a text in place and writes its index over it. */
function lift(text: Uint8Array, index: number): SecretBytes | undefined {
  const plain = unescaped(text)
  const octets = plain && decoded(plain)
  plain?.fill(0)
  const place = utf8(String(index).padStart(text.length, '0'))
  // Too short for its own index: too short for a key.
  if (place.length === text.length) text.set(place)
  return octets
}

/** A copy without the escapes of JSON, which some libraries put into base64: `\\/`, `\\u002B`. */
function unescaped(text: Uint8Array): Uint8Array | undefined {
  const plain = new Uint8Array(text.length)
  let size = 0
  for (let at = 0; at < text.length; at++) {
    let octet = text[at]
    if (octet === BACKSLASH && text[at + 1] === SLASH) octet = text[++at]
    else if (octet === BACKSLASH && text[at + 1] === LETTER_U) {
      const digits = String.fromCharCode(...text.subarray(at + 2, at + 6))
      if (!/^00[0-7][0-9a-fA-F]$/.test(digits)) return undefined
      octet = Number.parseInt(digits, 16)
      at += 5
    }
    plain[size++] = octet
  }
  const whole = plain.slice(0, size)
  plain.fill(0)
  return whole
}

/** Strict base64 (RFC 4648 table 1, padded, no bits left over); undefined if it is not. */
function decoded(text: Uint8Array): SecretBytes | undefined {
  if (text.length === 0 || text.length % 4 !== 0) return undefined
  const pads = text.at(-1) !== PAD ? 0 : text.at(-2) !== PAD ? 1 : 2
  const octets = new Uint8Array((text.length / 4) * 3 - pads)
  let [size, bits, held] = [0, 0, 0]
  for (let at = 0; at < text.length - pads; at++) {
    const value = VALUES[text[at]]
    if (value === NONE) {
      octets.fill(0)
      return undefined
    }
    held = ((held << 6) | value) & 0xffff
    bits += 6
    if (bits < 8) continue
    bits -= 8
    octets[size++] = held >> bits
    held &= (1 << bits) - 1
  }
  if (held === 0 && size === octets.length) return SecretBytes.take(octets)
  octets.fill(0)
  return undefined
}

const malformed = () =>
  refusedAs('invalid-parameter', 'malformed_body', 'The body is not JSON of the expected form')

const [QUOTE, BACKSLASH, COLON, COMMA, PAD, SLASH, LETTER_U] = utf8('"\\:,=/u')
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = utf8('{}[]')
const NONE = 255
const VALUES = new Uint8Array(256).fill(NONE)
utf8('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/').forEach(
  (octet, value) => (VALUES[octet] = value),
)
/** Levels of brackets; the JSON reader allows fewer. */
const DEPTH_MAX = 64
/** Octets of a member name that is looked at. */
const NAME_OCTETS_MAX = 64
