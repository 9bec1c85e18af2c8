/**
 * JSON with places: where each value of a text stands, and where the text stops being JSON.
 *
 * Node's parser tells neither reliably, and lets the last of two equal keys win. For files that
 * people write; what machines send is read with `JSON.parse` and a shape.
 *
 * @see RFC 8259; keys are unique as in RFC 7493 §2.3
 * @module
 */

/** A place in a text, both counted from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** Where a text is not JSON, and why. */
export class JsonFault extends Error {
  override readonly name = 'JsonFault'
  readonly place: Place

  constructor(message: string, place: Place) {
    super(message)
    this.place = place
  }
}

/** A value, and the place of each member under its path: `listen/port`, `peers/0/name`. */
export interface PlacedJson {
  readonly value: unknown
  readonly placeOf: (path: string) => Place | undefined
}

/** Reads a text as one JSON value. @throws JsonFault */
export function readJson(text: string): PlacedJson {
  const reader = new Reader(text)
  const value = reader.whole()
  return { value, placeOf: (path) => reader.places.get(path) }
}

class Reader {
  readonly places = new Map<string, Place>()
  readonly #text: string
  #at = 0

  constructor(text: string) {
    // Editors on some systems put a byte order mark in front.
    this.#text = text.startsWith('\ufeff') ? text.slice(1) : text
  }

  whole(): unknown {
    const value = this.#value('', 0)
    this.#space()
    if (this.#at < this.#text.length) this.#fail('Expected the end of the text')
    return value
  }

  #value(path: string, depth: number): unknown {
    if (depth > DEPTH_MAX) this.#fail(`Values lie at most ${DEPTH_MAX} deep`)
    this.#space()
    if (!this.places.has(path)) this.places.set(path, this.#place(this.#at))
    const next = this.#text[this.#at]
    if (next === '{') return this.#object(path, depth)
    if (next === '[') return this.#array(path, depth)
    if (next === '"') return this.#string()
    for (const [word, value] of WORDS) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length
        return value
      }
    }
    return this.#number()
  }

  #object(path: string, depth: number): unknown {
    const members: [string, unknown][] = []
    const seen = new Set<string>()
    this.#at++
    for (let first = true; !this.#ends('}', first, 'a key in double quotes'); first = false) {
      this.#space()
      const place = this.#place(this.#at)
      if (this.#text[this.#at] !== '"') this.#fail('Expected a key in double quotes')
      const key = this.#string()
      if (seen.has(key)) throw new JsonFault(`The key "${key}" is there twice`, place)
      seen.add(key)
      const inner = path === '' ? key : `${path}/${key}`
      this.places.set(inner, place)
      this.#space()
      if (this.#text[this.#at] !== ':') this.#fail('Expected a colon after the key')
      this.#at++
      members.push([key, this.#value(inner, depth + 1)])
    }
    // Unlike assignment, this makes `__proto__` a member like any other.
    return Object.fromEntries(members)
  }

  #array(path: string, depth: number): unknown {
    const values: unknown[] = []
    this.#at++
    for (let first = true; !this.#ends(']', first, 'a value'); first = false) {
      values.push(
        this.#value(path === '' ? `${values.length}` : `${path}/${values.length}`, depth + 1),
      )
    }
    return values
  }

  /** Whether the object or array ends here; else a comma has been read, unless it just began. */
  #ends(bracket: string, first: boolean, wanted: string): boolean {
    this.#space()
    if (this.#text[this.#at] === bracket) {
      this.#at++
      return true
    }
    if (first) return false
    if (this.#text[this.#at] !== ',') this.#fail(`Expected a comma or ${bracket}`)
    this.#at++
    this.#space()
    if (this.#text[this.#at] === bracket) this.#fail(`Expected ${wanted} after the comma`)
    return false
  }

  #string(): string {
    const match = this.#match(STRING)
    if (match === undefined) this.#fail('This text in double quotes does not end, or is malformed')
    return JSON.parse(match) as string
  }

  #number(): number {
    const match = this.#match(NUMBER)
    if (match === undefined) this.#fail('Expected a value')
    return Number(match)
  }

  #space(): void {
    this.#match(SPACE)
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#text)?.[0]
    this.#at += match?.length ?? 0
    return match
  }

  #place(at: number): Place {
    const before = this.#text.slice(0, at)
    return { line: before.split('\n').length, column: at - before.lastIndexOf('\n') }
  }

  #fail(message: string): never {
    throw new JsonFault(message, this.#place(this.#at))
  }
}

const WORDS: readonly (readonly [string, unknown])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
]
const SPACE = /[ \t\r\n]*/y
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"/y
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const DEPTH_MAX = 32
