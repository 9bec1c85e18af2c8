/**
 * Random words for choices: the bits that become keys.
 *
 * Stands between the cryptographic random source and the simulation, which needs some hundred
 * megabytes a second: AES-256 in counter mode, keyed from the source.
 *
 * @module
 */

import { SeededRandom, type RandomSource } from '#base'
import { Keystream } from '#crypto'
import { OpticsRefusal } from './refusal.ts'

/** Uniform words of 32 bits, each given out once. */
export class RandomWords {
  readonly #stream: Keystream
  #words: Uint32Array = new Uint32Array(0)
  #at = 0

  constructor(source: RandomSource) {
    this.#stream = new Keystream(source)
  }

  /** One fresh word. */
  next(): number {
    if (this.#at === this.#words.length) {
      this.#words = this.#stock()
      this.#at = 0
    }
    const word = this.#words[this.#at]
    this.#words[this.#at++] = 0
    return word
  }

  /** Forgets the words held in stock. */
  clear(): void {
    this.#words.fill(0)
    this.#at = this.#words.length
  }

  #stock(): Uint32Array {
    const octets = this.#stream.octets(STOCK_WORDS * 4)
    if (octets.byteOffset % 4 === 0) {
      return new Uint32Array(octets.buffer, octets.byteOffset, STOCK_WORDS)
    }
    const aligned = new Uint32Array(STOCK_WORDS)
    new Uint8Array(aligned.buffer).set(octets)
    octets.fill(0)
    return aligned
  }
}

/**
 * A generator for noise, with a seed from the random source.
 *
 * Announced slots and bases may tell its state, which is why choices have another one. Whoever
 * knew all noise would know when detectors fire and which bits may be wrong, but not one bit of
 * the transmitter: those are fair coins whatever the noise.
 */
export function noiseFrom(source: RandomSource): SeededRandom {
  const octets = source.octets(8)
  const seed = new DataView(octets.buffer, octets.byteOffset, octets.byteLength)
  return new SeededRandom((seed.getUint32(0) >>> 11) * 2 ** 32 + seed.getUint32(4))
}

/** A nearly normal deviate: twelve uniform ones have variance 1. */
export function deviate(noise: SeededRandom): number {
  let sum = -6
  for (let term = 0; term < 12; term++) sum += noise.unit()
  return sum
}

/**
 * Refuses a random source that repeats itself, unless the caller says that it may.
 *
 * @throws OpticsRefusal OPTICS_RANDOMNESS_REFUSED
 */
export function requireRandomness(source: RandomSource, allowSimulated: boolean): void {
  if (source.kind === 'operating-system' || allowSimulated) return
  throw new OpticsRefusal(
    'OPTICS_RANDOMNESS_REFUSED',
    'Key bits need a cryptographic random source; a seeded one is for tests and the world only',
    { facts: { kind: source.kind } },
  )
}

const STOCK_WORDS = 16384
