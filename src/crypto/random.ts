/**
 * Cryptographic random sources: the operating system's, and bulk output keyed from one.
 *
 * @module
 */

import { createCipheriv, randomFillSync, type Cipheriv } from 'node:crypto'
import { assert, concat, type RandomSource } from '#base'
import { plain } from './octets.ts'

/**
 * The operating system's generator through OpenSSL's DRBG.
 *
 * Small draws come from a stock of 4 KiB, since a call costs some µs whatever its size. Octets are
 * cleared in the stock as they leave it: none is given twice, and none stays behind.
 */
export const systemRandom: RandomSource = {
  kind: 'operating-system',
  octets: (size) =>
    size <= STOCKED_OCTETS_MAX ? fromStock(size) : randomFillSync(new Uint8Array(size)),
}

const stock = new Uint8Array(4096)
/** Octets of the stock that have left it. */
let gone = stock.length

function fromStock(size: number): Uint8Array {
  if (gone + size > stock.length) {
    randomFillSync(stock)
    gone = 0
  }
  const taken = stock.slice(gone, gone + size)
  stock.fill(0, gone, gone + size)
  gone += size
  return taken
}

/**
 * Bulk random octets: AES-256-CTR under a key drawn from `source`, re-keyed every 2³⁰ octets.
 *
 * Gives several GB/s, where the system source gives some hundred MB/s. CTR output has no repeated
 * block, which tells it from random with probability below 2⁻⁷⁶ in one key's 2²⁶ blocks. Whoever
 * reads this process's memory can compute what the present key gave before: at most 1 GiB.
 */
export class Keystream {
  readonly #source: RandomSource
  readonly #rekeyOctets: number
  #cipher: Cipheriv
  #left: number

  /** @param rekeyOctets   how much one key may give; smaller in tests only */
  constructor(source: RandomSource, rekeyOctets = REKEY_OCTETS) {
    this.#source = source
    this.#rekeyOctets = rekeyOctets
    this.#cipher = newCipher(source)
    this.#left = rekeyOctets
  }

  get kind(): RandomSource['kind'] {
    return this.#source.kind
  }

  /** Fresh random octets, at most 2³⁰ at once; the caller owns the array. */
  octets(size: number): Uint8Array {
    assert(size <= this.#rekeyOctets, 'one key of a keystream gives all that is asked at once')
    if (size > this.#left) {
      this.#cipher = newCipher(this.#source)
      this.#left = this.#rekeyOctets
    }
    this.#left -= size
    return plain(this.#cipher.update(new Uint8Array(size)))
  }
}

/**
 * A random source that repeats itself: for tests and the world, and nothing else.
 *
 * The same seed gives the same octets, so whoever knows the seed knows every key.
 */
export function simulatedRandom(seed: Uint8Array): RandomSource {
  assert(seed.length === 32, 'a simulated random source has a seed of 32 octets')
  const cipher = createCipheriv('aes-256-ctr', seed, new Uint8Array(16))
  const more = (size: number) => plain(cipher.update(new Uint8Array(size)))
  // Small draws come from a stock: the octets are the same, and a call costs some µs whatever its size.
  let stock: Uint8Array = new Uint8Array(0)
  return {
    kind: 'simulated',
    octets: (size) => {
      const taken = stock.slice(0, size)
      stock = stock.subarray(taken.length)
      if (taken.length === size) return taken
      const fresh = more(Math.max(size - taken.length, SIMULATED_OCTETS))
      stock = fresh.subarray(size - taken.length)
      return concat(taken, fresh.subarray(0, size - taken.length))
    },
  }
}

function newCipher(source: RandomSource): Cipheriv {
  const key = source.octets(32)
  const cipher = createCipheriv('aes-256-ctr', key, new Uint8Array(16))
  key.fill(0)
  return cipher
}

const STOCKED_OCTETS_MAX = 64
const SIMULATED_OCTETS = 1024
const REKEY_OCTETS = 2 ** 30
