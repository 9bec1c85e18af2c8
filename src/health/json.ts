/**
 * JSON kept to the letter: reads FHIR JSON strictly and writes it back with every number as spelled.
 *
 * FHIR decimals carry precision (`1.10` is not `1.1`), which `JSON.parse` loses; repeated keys,
 * prototype keys and lone surrogates it lets through. This reader refuses those, bounds size,
 * depth and count before they cost memory, and keeps numbers that a double would respell as raw
 * JSON, which `JSON.stringify` writes as they were. On a 4 MB bundle it takes half the time of
 * `JSON.parse` with a reviver, which could not see repeated keys.
 *
 * Knows nothing of FHIR but the names of its members: any other name may be somebody's data, so
 * places in refusals spell it by its position.
 *
 * @see RFC 8259, RFC 7493 (I-JSON), FHIR R4 §2.6.2.1 on decimals
 * @module
 */

import { isMemberName } from './names.ts'
import { refusal, type HealthRefusal, type HealthRefusalCode } from './refusal.ts'

/** A number whose spelling a double would not give back. Made by this reader alone. */
export interface ExactNumber {
  readonly rawJSON: string
}
export interface JsonObject {
  [name: string]: Json | undefined
}
/** A JSON value. Objects keep the order of their members; the reader's caller owns them. */
export type Json = null | boolean | number | string | ExactNumber | Json[] | JsonObject

/** Work that may be interrupted after each step, so that one large input does not hold the site. */
export type Steps<T> = Generator<undefined, T>

/**
 * Reads one JSON document, a step at a time.
 *
 * Members of the topmost object that are arrays are read some elements a step; the rest is one.
 *
 * @throws HealthRefusal `HEALTH_JSON_…`, naming the place
 */
export function* readJsonSteps(octets: Uint8Array): Steps<Json> {
  if (octets.length > JSON_OCTETS_MAX) {
    const reason = `expected at most ${JSON_OCTETS_MAX} octets, got ${octets.length}`
    throw refusal('HEALTH_JSON_TOO_LARGE', { kind: 'structure', place: '', reason })
  }
  const text = yield* decoded(octets)
  return yield* new Reader(text).document()
}

/** Reads one JSON document at once. @throws HealthRefusal `HEALTH_JSON_…` */
export const readJson = (octets: Uint8Array): Json => finish(readJsonSteps(octets))

/** Runs all steps without a pause. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
  }
}

/** The one text we store: members in their order, numbers as spelled, no white space between. */
export const canonicalText = (value: Json): string => JSON.stringify(value)

/** The number that this spelling stands for, spelled so again. @param token a JSON number */
export function numberOf(token: string): number | ExactNumber {
  const value = Number(token)
  return String(value) === token ? value : exact.rawJSON(token)
}

/** Whether a value is a number kept by its spelling. */
export const isExact = (value: Json | undefined): value is ExactNumber =>
  typeof value === 'object' && value !== null && exact.isRawJSON(value)

/** Whether a value is an object of members. */
export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !exact.isRawJSON(value)

/**
 * The value with plain doubles for its exact numbers: for checks, never for storing.
 *
 * Shares every part that holds no exact number with `value`.
 */
export function plain(value: Json | undefined): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (isExact(value)) return Number(value.rawJSON)
  if (Array.isArray(value)) {
    const items = value.map(plain)
    return items.every((item, at) => item === value[at]) ? value : items
  }
  let copy: Record<string, unknown> | undefined
  for (const name of Object.keys(value)) {
    const member = plain(value[name])
    if (member !== value[name]) (copy ??= { ...value })[name] = member
  }
  return copy ?? value
}

/** UTF-8 to text, some octets a step. */
function* decoded(octets: Uint8Array): Steps<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let text = ''
  try {
    for (let at = 0; at < octets.length; at += DECODE_OCTETS) {
      text += decoder.decode(octets.subarray(at, at + DECODE_OCTETS), { stream: true })
      yield
    }
    return text + decoder.decode()
  } catch (cause) {
    const reason = 'expected UTF-8 text'
    throw refusal('HEALTH_JSON_TEXT_INVALID', { kind: 'structure', place: '', reason }, cause)
  }
}

/** One pass over one text. Owns its position; every method leaves it after what it read. */
class Reader {
  readonly #text: string
  #at = 0
  #depth = 0
  #values = 0
  /** Where we are: a member's name or an element's index for each open object or array. */
  readonly #place: (string | number)[] = []
  readonly #open: JsonObject[] = []

  constructor(text: string) {
    this.#text = text
  }

  *document(): Steps<Json> {
    const value = this.#space() === OPEN_OBJECT ? yield* this.#topmost() : this.#value()
    this.#space()
    if (this.#at !== this.#text.length) throw this.#unexpected('the end of the text')
    return value
  }

  /** The topmost object: as `#object`, but pausing between the elements of its arrays. */
  *#topmost(): Steps<Json> {
    const object = this.#enter()
    if (this.#ends(CLOSE_OBJECT)) return object
    do {
      const name = this.#name(object)
      if (this.#space() !== OPEN_ARRAY) {
        object[name] = this.#value()
        continue
      }
      const array: Json[] = []
      object[name] = array
      this.#deeper()
      if (this.#ends(CLOSE_ARRAY)) continue
      do {
        this.#element(array)
        if (array.length % ELEMENTS_A_STEP === 0) yield
      } while (this.#more(CLOSE_ARRAY))
    } while (this.#more(CLOSE_OBJECT))
    return object
  }

  #value(): Json {
    if (++this.#values > JSON_VALUES_MAX) {
      throw this.#refusal('HEALTH_JSON_TOO_LARGE', `expected at most ${JSON_VALUES_MAX} values`)
    }
    switch (this.#space()) {
      case OPEN_OBJECT:
        return this.#object()
      case OPEN_ARRAY:
        return this.#array()
      case QUOTE:
        return this.#string()
      case LETTER_T:
        return this.#word('true', true)
      case LETTER_F:
        return this.#word('false', false)
      case LETTER_N:
        return this.#word('null', null)
      default:
        return this.#number()
    }
  }

  #object(): JsonObject {
    const object = this.#enter()
    if (this.#ends(CLOSE_OBJECT)) return object
    do {
      const name = this.#name(object)
      object[name] = this.#value()
    } while (this.#more(CLOSE_OBJECT))
    return object
  }

  #array(): Json[] {
    const array: Json[] = []
    this.#deeper()
    if (this.#ends(CLOSE_ARRAY)) return array
    do this.#element(array)
    while (this.#more(CLOSE_ARRAY))
    return array
  }

  #element(array: Json[]): void {
    this.#place[this.#depth - 1] = array.length
    array.push(this.#value())
  }

  #enter(): JsonObject {
    this.#deeper()
    const object: JsonObject = {}
    this.#open[this.#depth - 1] = object
    return object
  }

  #deeper(): void {
    this.#at++
    if (++this.#depth > JSON_DEPTH_MAX) {
      this.#depth--
      throw this.#refusal('HEALTH_JSON_TOO_DEEP', `expected at most ${JSON_DEPTH_MAX} levels`)
    }
  }

  /** Whether the object or array just entered is empty; if so, leaves it. */
  #ends(close: number): boolean {
    if (this.#space() !== close) return false
    this.#at++
    this.#depth--
    return true
  }

  /** After a member or element: whether another follows; if not, leaves the object or array. */
  #more(close: number): boolean {
    const code = this.#space()
    if (code === COMMA) {
      this.#at++
      return true
    }
    if (code !== close) throw this.#unexpected('a comma or the end of the object or array')
    this.#at++
    this.#depth--
    return false
  }

  /** A member's name and its colon. */
  #name(object: JsonObject): string {
    if (this.#space() !== QUOTE) throw this.#unexpected('the name of a member')
    const name = this.#string()
    this.#place[this.#depth - 1] = name
    // A plain object already "has" the names of its prototype, and those are the forbidden ones.
    if (name === '__proto__' || object[name] !== undefined) {
      throw name in Object.prototype
        ? this.#refusal('HEALTH_JSON_KEY_FORBIDDEN', 'this member name is never allowed')
        : this.#refusal('HEALTH_JSON_KEY_REPEATED', 'the member stands twice in one object')
    }
    if (this.#space() !== COLON) throw this.#unexpected('a colon')
    this.#at++
    return name
  }

  #string(): string {
    const text = this.#text
    const from = this.#at + 1
    for (let at = from; ; at++) {
      const code = text.charCodeAt(at)
      if (code === QUOTE) {
        this.#at = at + 1
        return text.slice(from, at)
      }
      if (code === BACKSLASH) return this.#escaped(from)
      // Control characters, and NaN beyond the end.
      if (!(code >= 0x20)) throw this.#unexpected('a closed string without control characters')
    }
  }

  /** A string with escapes: found its end, JSON.parse reads it. */
  #escaped(from: number): string {
    const text = this.#text
    let at = from
    while (at < text.length && text.charCodeAt(at) !== QUOTE) {
      at += text.charCodeAt(at) === BACKSLASH ? 2 : 1
    }
    let value: string
    try {
      value = JSON.parse(text.slice(from - 1, at + 1)) as string
    } catch {
      throw this.#unexpected('a closed string with valid escapes')
    }
    if (!value.isWellFormed()) {
      throw this.#refusal('HEALTH_JSON_TEXT_INVALID', 'the text holds half of a surrogate pair')
    }
    this.#at = at + 1
    return value
  }

  #number(): number | ExactNumber {
    NUMBER.lastIndex = this.#at
    const token = NUMBER.exec(this.#text)?.[0]
    if (token === undefined) throw this.#unexpected('a value')
    if (token.length > NUMBER_CHARACTERS_MAX || !Number.isFinite(Number(token))) {
      const limit = `at most ${NUMBER_CHARACTERS_MAX} characters and the range of a double`
      throw this.#refusal('HEALTH_JSON_NUMBER_INVALID', `expected a number of ${limit}`)
    }
    this.#at += token.length
    return numberOf(token)
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#unexpected('a value')
    this.#at += word.length
    return value
  }

  /** Skips white space. @returns the code of the character there, NaN at the end */
  #space(): number {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return code
      this.#at++
    }
  }

  #unexpected(expected: string): HealthRefusal {
    return this.#refusal(
      'HEALTH_JSON_INVALID',
      `expected ${expected} (at character ${this.#at} of ${this.#text.length})`,
    )
  }

  #refusal(code: HealthRefusalCode, reason: string): HealthRefusal {
    let place = ''
    for (const [depth, part] of this.#place.slice(0, this.#depth).entries()) {
      if (typeof part === 'number') place += `[${part}]`
      else place += (place === '' ? '' : '.') + this.#spelled(part, depth)
    }
    return refusal(code, { kind: 'structure', place, reason })
  }

  /** A member's name, or its position where the name is not FHIR's. */
  #spelled(name: string, depth: number): string {
    if (isMemberName(name)) return name
    const names = Object.keys(this.#open[depth])
    return `{member ${names.includes(name) ? names.indexOf(name) + 1 : names.length + 1}}`
  }
}

/** What TypeScript's library does not know yet (ECMAScript proposal JSON.parse source text). */
const exact = JSON as unknown as {
  rawJSON(text: string): ExactNumber
  isRawJSON(value: object): boolean
}

/** Octets of one document. */
export const JSON_OCTETS_MAX = 32 * 1024 * 1024
/** Objects and arrays inside one another. */
export const JSON_DEPTH_MAX = 64
/** Values of one document, of every kind. */
export const JSON_VALUES_MAX = 2_000_000
/** Characters of one number. */
export const NUMBER_CHARACTERS_MAX = 64

const DECODE_OCTETS = 1024 * 1024
const ELEMENTS_A_STEP = 64
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a]
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [0x7b, 0x7d, 0x5b, 0x5d]
const [LETTER_T, LETTER_F, LETTER_N] = [0x74, 0x66, 0x6e]
