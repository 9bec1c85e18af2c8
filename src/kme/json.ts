/**
 * A strict reader of JSON bodies (RFC 8259) from callers who may be hostile.
 *
 * Objects become maps, so that no member name means anything to JavaScript. Refuses what is not
 * UTF-8, members named twice, deep nesting, and anything after the value.
 *
 * @module
 */

import { textOf } from '#base'
import { invalidRequest } from './refusal.ts'

/** A JSON value, with maps for objects. */
export type JsonValue =
  null | boolean | number | string | readonly JsonValue[] | ReadonlyMap<string, JsonValue>

/**
 * Reads one JSON value that fills `octets`.
 *
 * @throws KmeRefusal `KME_REQUEST_INVALID` naming the place, never the content
 */
export function readJson(octets: Uint8Array): JsonValue {
  let text
  try {
    text = textOf(octets)
  } catch {
    throw invalidRequest('The body is not UTF-8')
  }
  return new Reader(text).whole()
}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  whole(): JsonValue {
    const value = this.#value(0)
    if (this.#next() !== undefined) this.#fail('nothing more')
    return value
  }

  #value(depth: number): JsonValue {
    if (depth > DEPTH_MAX) throw invalidRequest(`The body is nested deeper than ${DEPTH_MAX}`)
    const first = this.#next()
    if (first === '{') return this.#object(depth)
    if (first === '[') return this.#array(depth)
    if (first === '"') return this.#string()
    return this.#literal()
  }

  #object(depth: number): ReadonlyMap<string, JsonValue> {
    const members = new Map<string, JsonValue>()
    this.#at++
    if (this.#take('}')) return members
    do {
      if (this.#next() !== '"') this.#fail('a member name')
      const name = this.#string()
      if (members.has(name)) throw invalidRequest('The body names a member twice')
      if (!this.#take(':')) this.#fail('a colon')
      members.set(name, this.#value(depth + 1))
    } while (this.#take(','))
    if (!this.#take('}')) this.#fail('a comma or the end of the object')
    return members
  }

  #array(depth: number): readonly JsonValue[] {
    const items: JsonValue[] = []
    this.#at++
    if (this.#take(']')) return items
    do items.push(this.#value(depth + 1))
    while (this.#take(','))
    if (!this.#take(']')) this.#fail('a comma or the end of the array')
    return items
  }

  #string(): string {
    const found = this.#match(STRING)
    if (found === undefined) return this.#fail('a string')
    return found.includes('\\') ? (JSON.parse(found) as string) : found.slice(1, -1)
  }

  #literal(): null | boolean | number {
    const found = this.#match(LITERAL)
    if (found === undefined) return this.#fail('a value')
    return JSON.parse(found) as null | boolean | number
  }

  /** Matches at this place and moves behind the match. */
  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  #take(mark: string): boolean {
    if (this.#next() !== mark) return false
    this.#at++
    return true
  }

  /** The next character that is no white space. */
  #next(): string | undefined {
    while (WHITE.includes(this.#text.charAt(this.#at)) && this.#at < this.#text.length) this.#at++
    return this.#at < this.#text.length ? this.#text[this.#at] : undefined
  }

  #fail(expected: string): never {
    throw invalidRequest(`The body is not JSON: expected ${expected} at character ${this.#at}`)
  }
}

/** Levels of objects and arrays inside each other. */
const DEPTH_MAX = 16
const WHITE = ' \t\n\r'
// One pass each, without nested repetition: time grows with the length only.
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const LITERAL = /(?:null|true|false|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)/y
