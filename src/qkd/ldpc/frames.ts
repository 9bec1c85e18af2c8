/**
 * The frames of a block in one-way correction: told as syndromes at one end, decoded at the other.
 *
 * @module
 */

import { assert } from '#base'
import { buildCode, type Code, type CodeShape } from './code.ts'
import { Decoder } from './decoder.ts'
import { shapeOf, type Coding } from './plan.ts'
import { syndromeOf } from './syndrome.ts'

/** Tells the frames of a block; keeps nothing but its code. */
export class SyndromeTeller {
  readonly #words: Int32Array
  readonly #coding: Coding
  readonly #code: Code

  /** @param words   the block, packed; not changed */
  constructor(words: Int32Array, coding: Coding) {
    this.#words = words
    this.#coding = coding
    this.#code = codeFor(shapeOf(coding))
  }

  /** The syndrome of a frame, each of its `checks` bits leaked. */
  tell(frame: number): Uint8Array {
    const { frameBits, checks } = this.#coding
    const held = lanesOf(this.#code, wordsOfFrame(this.#words, frameBits, frame))
    const syndrome = syndromeOf(this.#code, held, checks)
    held.fill(0)
    return new Uint8Array(syndrome.buffer, syndrome.byteOffset, Math.ceil(checks / 8)).slice()
  }
}

/** Corrects the frames of a block to those whose syndromes it is told. */
export class SyndromeDecoder {
  readonly #words: Int32Array
  readonly #coding: Coding
  readonly #code: Code
  readonly #decoder: Decoder
  readonly #errorRate: number
  readonly #undecoded: number[] = []
  #taken = 0

  /**
   * @param words       the block, packed; corrected in place
   * @param errorRate   expected
   */
  constructor(words: Int32Array, coding: Coding, errorRate: number) {
    this.#words = words
    this.#coding = coding
    this.#code = codeFor(shapeOf(coding))
    this.#decoder = new Decoder(this.#code)
    this.#errorRate = Math.min(0.15, Math.max(0.0005, errorRate))
  }

  /** Frames taken so far, in order. */
  get taken(): number {
    return this.#taken
  }

  /** Frames that could not be decoded and are as they were. */
  get undecoded(): readonly number[] {
    return this.#undecoded
  }

  /** Bits that all frames taken so far have leaked, decoded or not. */
  get leakBits(): number {
    return this.#taken * this.#coding.checks
  }

  /**
   * Takes the next frame.
   *
   * @returns whether its syndrome now is the one told; undefined for octets that are none
   */
  take(octets: Uint8Array): boolean | undefined {
    const { frameBits, checks } = this.#coding
    const spare = checks & 7
    const last = octets[octets.length - 1]
    if (octets.length !== Math.ceil(checks / 8) || (spare !== 0 && last >> spare !== 0)) {
      return undefined
    }
    const frame = this.#taken++
    const words = wordsOfFrame(this.#words, frameBits, frame)
    const held = lanesOf(this.#code, words)
    const wanted = syndromeOf(this.#code, held, checks)
    held.fill(0)
    for (let at = 0; at < octets.length; at++) wanted[at >> 2] ^= octets[at] << (8 * (at & 3))
    const decoding = this.#decoder.decode({
      syndrome: wanted,
      checks,
      bits: 32 * words.length,
      errorRate: this.#errorRate,
      iterationsMax: ITERATIONS_MAX,
    })
    if (decoding.kind === 'undecoded') {
      this.#undecoded.push(frame)
      return false
    }
    for (let at = 0; at < words.length; at++) words[at] ^= decoding.errors[at]
    return true
  }

  /** Overwrites what it knows of errors. */
  clear(): void {
    this.#decoder.clear()
  }
}

/** Some frames of a block, one after another; short ones are filled up with zeros. */
export function gatherFrames(
  words: Int32Array,
  frameBits: number,
  frames: readonly number[],
): Int32Array {
  const gathered = new Int32Array((frames.length * frameBits) / 32)
  frames.forEach((frame, at) => {
    gathered.set(wordsOfFrame(words, frameBits, frame), (at * frameBits) / 32)
  })
  return gathered
}

/** Puts frames back where `gatherFrames` took them from. */
export function scatterFrames(
  gathered: Int32Array,
  frameBits: number,
  { frames, into }: { readonly frames: readonly number[]; readonly into: Int32Array },
): void {
  frames.forEach((frame, at) => {
    const place = wordsOfFrame(into, frameBits, frame)
    const from = (at * frameBits) / 32
    place.set(gathered.subarray(from, from + place.length))
  })
}

/** The words of a frame, shared with the block; the last one may be short. */
const wordsOfFrame = (words: Int32Array, frameBits: number, frame: number): Int32Array =>
  words.subarray((frame * frameBits) / 32, ((frame + 1) * frameBits) / 32)

/** A copy with zeros up to the size of the code. */
function lanesOf({ columns, lift }: Code, words: Int32Array): Int32Array {
  assert(words.length * 32 <= columns * lift, 'a frame fits its code')
  const held = new Int32Array((columns * lift) / 32)
  held.set(words)
  return held
}

/** The code of a shape, from those built lately. */
export function codeFor(shape: CodeShape): Code {
  const name = `${shape.lift}x${shape.columns}x${shape.rows}`
  const code = builtCodes.get(name) ?? buildCode(shape)
  builtCodes.delete(name)
  builtCodes.set(name, code)
  for (const oldest of builtCodes.keys()) {
    if (builtCodes.size <= BUILT_MAX) break
    builtCodes.delete(oldest)
  }
  return code
}

/** Codes are public and depend on nothing but their shape; each takes some 30 kB. */
const builtCodes = new Map<string, Code>()
const BUILT_MAX = 16
/** Frames that need more are given up. */
const ITERATIONS_MAX = 60
