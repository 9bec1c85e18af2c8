/**
 * The modified Toeplitz hash [I | T]: the first ℓ bits of x plus T times the other m = n − ℓ.
 *
 * T has ℓ rows and m columns; T(i, j) = seed bit (i − j + m − 1). Over GF(2) that is the middle of the product of
 * two polynomials, computed here word by word.
 *
 * @module
 */

import { octetsFor, type Bits } from '#base'

/** ℓ bits in a new array. @param seed n − 1 bits */
export function toeplitzHash(verified: Bits, secretBits: number, seed: Uint8Array): Bits {
  const rest = verified.length - secretBits
  const out = new Uint8Array(octetsFor(secretBits))
  out.set(verified.octets.subarray(0, out.length))
  const words = new Int32Array(((secretBits + 31) >>> 5) + 1)
  const rows = wordsOf(seed, verified.length - 1 + 64)
  for (let column = 0; column < rest; column++) {
    const at = secretBits + column
    if (((verified.octets[at >> 3] >> (at & 7)) & 1) === 0) continue
    // Column `column` of T is the run of ℓ seed bits that starts here.
    addShifted(words, rows, rest - 1 - column)
  }
  const folded = new Uint8Array(words.buffer)
  for (let at = 0; at < out.length; at++) out[at] ^= folded[at]
  const spare = secretBits & 7
  if (spare !== 0) out[out.length - 1] &= (1 << spare) - 1
  return { length: secretBits, octets: out }
}

/** into ← into + (from, read from bit `start` on), over GF(2). */
function addShifted(into: Int32Array, from: Int32Array, start: number): void {
  const word = start >>> 5
  const low = start & 31
  if (low === 0) {
    for (let at = 0; at < into.length - 1; at++) into[at] ^= from[word + at]
    return
  }
  for (let at = 0; at < into.length - 1; at++) {
    into[at] ^= (from[word + at] >>> low) | (from[word + at + 1] << (32 - low))
  }
}

/** Octets as words, with room for so many bits. */
function wordsOf(octets: Uint8Array, bits: number): Int32Array {
  const words = new Int32Array((bits >>> 5) + 1)
  new Uint8Array(words.buffer).set(octets)
  return words
}
