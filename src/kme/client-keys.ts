/**
 * Key containers of a foreign KME, read without ever making a text of a key.
 *
 * Texts cannot be cleared. So the base64 of every member `key` is decoded from the octets of the
 * body and written over there before the rest is read as JSON; the body is cleared afterwards.
 *
 * @see ETSI GS QKD 014 V1.1.1 §6.3
 * @module
 */

import { SecretBytes, utf8 } from '#base'
import { KmeClientRefusal } from './client-refusal.ts'
import { readJson, type JsonValue } from './json.ts'

/** One key of an answer. Whoever gets it owns the octets and disposes them. */
export interface ForeignKey {
  /** As the KME spells it: a UUID by the standard, whatever it may be in fact. */
  readonly id: string
  readonly octets: SecretBytes
  /** The member `key_extension`, if there is one; objects are maps. */
  readonly extension?: JsonValue
}

/** Clears keys that nobody will use. */
export function drop(keys: readonly ForeignKey[]): void {
  for (const { octets } of keys) octets[Symbol.dispose]()
}

/**
 * Reads a Key container and clears `body`.
 *
 * Other members than the standard's are passed over. What is refused leaves no key behind.
 *
 * @throws KmeClientRefusal `KME_CLIENT_ANSWER_INVALID`
 */
export function readForeignKeys(body: Uint8Array): readonly ForeignKey[] {
  const lifted: Lifted[] = []
  const keys: ForeignKey[] = []
  try {
    liftKeys(body, lifted)
    const answer = readJson(body)
    const items = answer instanceof Map ? (answer as JsonObject).get('keys') : undefined
    if (!Array.isArray(items)) throw invalid('a member "keys" with an array')
    if (items.length > KEYS_MAX) throw invalid(`at most ${KEYS_MAX} keys`)
    for (const item of items as readonly JsonValue[]) keys.push(keyOf(item, lifted))
    return keys
  } catch (error) {
    drop(keys)
    if (error instanceof KmeClientRefusal) throw error
    throw invalid('JSON of GS QKD 014', error)
  } finally {
    body.fill(0)
    // Those that no key has taken.
    for (const { octets } of lifted) octets?.[Symbol.dispose]()
  }
}

type JsonObject = ReadonlyMap<string, JsonValue>

/** What stood in a member `key`: octets until somebody takes them, if it was base64. */
interface Lifted {
  octets: SecretBytes | undefined
}

function keyOf(item: JsonValue, lifted: readonly Lifted[]): ForeignKey {
  if (!(item instanceof Map)) throw invalid('an object for each key')
  const key = item as JsonObject
  const [id, place] = [key.get('key_ID'), key.get('key')]
  if (typeof id !== 'string' || !ID.test(id)) throw invalid('a key_ID of 1 to 128 characters')
  const found = typeof place === 'string' ? lifted.at(Number(place)) : undefined
  const octets = found?.octets
  if (found === undefined || octets === undefined) throw invalid('a key in base64')
  found.octets = undefined
  const extension = key.get('key_extension')
  return extension === undefined ? { id, octets } : { id, octets, extension }
}

/** Takes the value of each member `key` out of a body; in its place stands which one it was. */
function liftKeys(body: Uint8Array, lifted: Lifted[]): void {
  let afterName = false
  for (let at = 0; at < body.length; at++) {
    if (body[at] === COLON || WHITE.has(body[at])) continue
    if (body[at] !== QUOTE) {
      afterName = false
      continue
    }
    const from = at + 1
    at = endOfString(body, from)
    if (afterName && lifted.length < KEYS_MAX) {
      lifted.push({ octets: decoded(body.subarray(from, at)) })
      const place = utf8(String(lifted.length - 1).padStart(at - from, '0'))
      if (place.length !== at - from) throw invalid('keys of at least 32 bits')
      body.set(place, from)
    }
    afterName = !afterName && isKey(body.subarray(from, at))
  }
}

/** Where the quote stands that ends a string. */
function endOfString(body: Uint8Array, from: number): number {
  for (let at = from; at < body.length; at++) {
    if (body[at] === QUOTE) return at
    if (body[at] === BACKSLASH) at++
  }
  throw invalid('JSON of GS QKD 014')
}

const isKey = (name: Uint8Array): boolean =>
  name.length === KEY.length && name.every((octet, at) => octet === KEY[at])

/**
 * Base64 (RFC 4648 tables 1 and 2), padded or not. Unlike the standard, which knows table 1 with
 * padding only, this takes what libraries in the field write, `\/` of JSON included. Undefined if it
 * is something else.
 */
function decoded(text: Uint8Array): SecretBytes | undefined {
  const octets = new Uint8Array(Math.floor((text.length * 3) / 4))
  let [size, bits, held] = [0, 0, 0]
  let end = text.length
  while (end > 0 && end > text.length - 2 && text[end - 1] === PAD) end--
  for (let at = 0; at < end; at++) {
    if (text[at] === BACKSLASH && text[at + 1] === SLASH) at++
    const value = VALUES[text[at]]
    if (value === NONE) {
      octets.fill(0)
      return undefined
    }
    held = (held << 6) | value
    bits += 6
    if (bits < 8) continue
    bits -= 8
    octets[size++] = held >> bits
    held &= (1 << bits) - 1
  }
  const key = SecretBytes.take(octets.slice(0, size))
  octets.fill(0)
  if (held === 0 && bits < 6) return key
  key[Symbol.dispose]()
  return undefined
}

const invalid = (expected: string, cause?: unknown): KmeClientRefusal =>
  new KmeClientRefusal('KME_CLIENT_ANSWER_INVALID', `Expected of the KME ${expected}`, { cause })

/** Keys of one answer. */
export const KEYS_MAX = 4096
const ID = /^[\x21-\x7e]{1,128}$/
const NONE = 255
const [QUOTE, BACKSLASH, COLON, SLASH, PAD] = utf8('"\\:/=')
const WHITE: ReadonlySet<number> = new Set(utf8(' \t\r\n'))
const KEY = utf8('key')
const VALUES = new Uint8Array(256).fill(NONE)
const TABLES = ['+/', '-_'].map(
  (last) => `ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789${last}`,
)
for (const table of TABLES) utf8(table).forEach((octet, value) => (VALUES[octet] = value))
