/**
 * Repeatable pseudo-random numbers for noise, faults and synthetic people. Never for keys.
 *
 * xoshiro128** of Blackman and Vigna (ACM TOMS 47, 2021), seeded through splitmix32.
 *
 * @module
 */

/** A generator with one owner: two users of one generator would not be repeatable. */
export class SeededRandom {
  #a: number
  #b: number
  #c: number
  #d: number

  /** @param seed any whole number below 2⁵³; both halves count */
  constructor(seed: number) {
    let state = (seed % 2 ** 32) ^ Math.imul(Math.floor(seed / 2 ** 32), 0x9e3779b1)
    const next = (): number => {
      state = (state + 0x9e3779b9) | 0
      let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
      return mixed ^ (mixed >>> 15)
    }
    this.#a = next()
    this.#b = next()
    this.#c = next()
    this.#d = next() | 1
  }

  /** A whole number from 0 to 2³² − 1. */
  uint32(): number {
    const product = Math.imul(this.#b, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9)
    const shifted = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = (this.#d << 11) | (this.#d >>> 21)
    return result >>> 0
  }

  /** A number in [0, 1) with 53 random bits. */
  unit(): number {
    return ((this.uint32() >>> 5) * 67_108_864 + (this.uint32() >>> 6)) / 9_007_199_254_740_992
  }

  /** A whole number from 0 to `below` − 1. */
  below(below: number): number {
    return Math.floor(this.unit() * below)
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.unit() < probability
  }

  /** One of the items. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]
  }

  /** Octets, for payloads of tests. */
  octets(size: number): Uint8Array {
    const octets = new Uint8Array(size)
    for (let at = 0; at < size; at++) octets[at] = this.uint32() >>> 24
    return octets
  }

  /** An independent generator, so that one more draw here does not shift another part. */
  fork(): SeededRandom {
    return new SeededRandom(this.uint32() * 2 ** 21 + (this.uint32() >>> 11))
  }
}
