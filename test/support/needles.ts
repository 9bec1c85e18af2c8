/**
 * A search for thousands of texts in everything that lies on a disk, all at once.
 *
 * Each text is looked for as it is, in UTF-16 of either order, in hex of either case, and in base64
 * and base64url wherever it may begin. Of a long text every part of some length is looked for too,
 * so that half of it, or a copy broken into chunks, is found as well.
 *
 * Does not find what was compressed, or encrypted with a key that lies beside it.
 *
 * @module
 */

/** Texts below this many octets are not looked for: too many of them occur by chance. */
export const NEEDLE_OCTETS_MIN = 6

/** One text that was found, where, and in which spelling. */
export interface Found {
  readonly text: string
  readonly spelling: Spelling
  readonly place: string
}

type Spelling = 'plain' | 'utf-16' | 'hex' | 'base64'

interface Needle {
  readonly octets: Uint8Array
  readonly text: string
  readonly spelling: Spelling
}

/** Finds any of its texts in any number of haystacks. */
export class NeedleSearch {
  readonly #byStart = new Map<number, Needle[]>()
  /** Parts and spellings that are there already, as latin1. */
  readonly #known = new Set<string>()
  /** Which beginnings occur at all, by a hash of them: most places are passed by this. */
  readonly #begins = new Uint8Array(2 ** BEGINS_LOG / 8)
  readonly texts: ReadonlySet<string>

  constructor(texts: Iterable<string>) {
    const kept = [...texts].filter((text) => Buffer.byteLength(text) >= NEEDLE_OCTETS_MIN)
    this.texts = new Set(kept)
    for (const text of this.texts) {
      for (const part of partsOf(Buffer.from(text))) {
        for (const needle of spellingsOf(part)) this.#add({ ...needle, text })
      }
    }
  }

  /** Each text that occurs in some octets, once for each spelling. */
  in(haystack: Uint8Array, place: string): readonly Found[] {
    const found = new Map<string, Found>()
    const view = new DataView(haystack.buffer, haystack.byteOffset, haystack.byteLength)
    const begins = this.#begins
    for (let at = 0; at + NEEDLE_OCTETS_MIN <= haystack.length; at++) {
      const low = view.getUint32(at, true)
      const high = view.getUint16(at + 4, true)
      const slot = slotOf(low, high)
      if ((begins[slot >>> 3] & (1 << (slot & 7))) === 0) continue
      for (const { octets, text, spelling } of this.#byStart.get(low + high * 2 ** 32) ?? []) {
        const there = haystack.subarray(at, at + octets.length)
        if (Buffer.compare(there, octets) !== 0) continue
        found.set(`${spelling} ${text}`, { text, spelling, place })
      }
    }
    return [...found.values()]
  }

  get needles(): number {
    return this.#known.size
  }

  #add(needle: Needle): void {
    const { octets } = needle
    const name = Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('latin1')
    if (this.#known.has(name)) return
    this.#known.add(name)
    const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength)
    const low = view.getUint32(0, true)
    const high = view.getUint16(4, true)
    const slot = slotOf(low, high)
    this.#begins[slot >>> 3] |= 1 << (slot & 7)
    const start = low + high * 2 ** 32
    const same = this.#byStart.get(start)
    if (same === undefined) this.#byStart.set(start, [needle])
    else same.push(needle)
  }
}

const slotOf = (low: number, high: number): number =>
  Math.imul(Math.imul(low, 0x9e3779b1) ^ high, 0x85ebca6b) >>> (32 - BEGINS_LOG)

/** The text itself, or the parts of a long one. */
function partsOf(octets: Uint8Array): readonly Uint8Array[] {
  if (octets.length <= 2 * PART_OCTETS) return [octets]
  const count = Math.floor(octets.length / PART_OCTETS)
  return Array.from({ length: count }, (_, at) =>
    octets.subarray(at * PART_OCTETS, (at + 1) * PART_OCTETS),
  )
}

function spellingsOf(octets: Uint8Array): Omit<Needle, 'text'>[] {
  const text = Buffer.from(octets).toString('utf8')
  const hex = Buffer.from(octets).toString('hex')
  const wide = Buffer.from(text, 'utf16le')
  const spelled: Omit<Needle, 'text'>[] = [
    { spelling: 'plain', octets },
    { spelling: 'utf-16', octets: wide },
    { spelling: 'utf-16', octets: Buffer.from(wide).swap16() },
    { spelling: 'hex', octets: Buffer.from(hex) },
    { spelling: 'hex', octets: Buffer.from(hex.toUpperCase()) },
  ]
  for (const before of [0, 1, 2]) {
    for (const base of ['base64', 'base64url'] as const) {
      const inner = innerOf(octets, before, base)
      if (inner.length >= BASE64_OCTETS_MIN) spelled.push({ spelling: 'base64', octets: inner })
    }
  }
  return spelled
}

/** What base64 of a text looks like after so many octets (modulo 3), whatever stands around it. */
function innerOf(octets: Uint8Array, before: number, base: 'base64' | 'base64url'): Uint8Array {
  const whole = Buffer.concat([Buffer.alloc(before), octets]).toString(base)
  const from = Math.ceil((before * 8) / 6)
  const to = Math.floor(((before + octets.length) * 8) / 6)
  return Buffer.from(whole.slice(from, to))
}

/** Long texts are cut into parts of this length. */
const PART_OCTETS = 24
/** Fewer characters of base64 occur by chance in certificates and keys. */
const BASE64_OCTETS_MIN = 8
/** 2 to this many beginnings can be told apart before the exact look. */
const BEGINS_LOG = 27
