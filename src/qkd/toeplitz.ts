/**
 * The modified Toeplitz hash [I | T]: the first ℓ bits of x plus T times the other m = n − ℓ.
 *
 * T has ℓ rows and m columns; T(i, j) is seed bit i − j + m − 1. Over GF(2) that is a run of the
 * product of two polynomials, computed in whole numbers and reduced modulo 2.
 *
 * @see Hayashi, Tsurumaru, IEEE Trans. Inf. Theory 62 (2016), arXiv 1311.5322
 * @module
 */

import { octetsFor, type Bits } from '#base'
import { fourierPlan, productModTwo, type FourierPlan } from './fourier.ts'

/** ℓ bits in a new array. @param seed n − 1 bits */
export function toeplitzHash(verified: Bits, secretBits: number, seed: Uint8Array): Bits {
  const { length, octets } = verified
  const rest = length - secretBits
  // Row i is coefficient i + m − 1 of seed · rest. The product wraps round at N ≥ n − 1, which
  // touches only coefficients below m − 1: none of those that are wanted.
  const product = productModTwo(planFor(length - 1), seed, dropped(octets, secretBits, rest), {
    from: rest - 1,
    to: rest - 1 + secretBits,
  })
  const out = new Uint8Array(octetsFor(secretBits))
  for (let at = 0; at < out.length; at++) out[at] = octets[at] ^ product[at]
  const spare = secretBits & 7
  if (spare !== 0) out[out.length - 1] &= (1 << spare) - 1
  return { length: secretBits, octets: out }
}

/** The packed bits behind the first `skip`. */
function dropped(octets: Uint8Array, skip: number, left: number): Uint8Array {
  const out = new Uint8Array(octetsFor(left))
  const [first, shift] = [skip >> 3, skip & 7]
  for (let at = 0; at < out.length; at++) {
    const high = first + at + 1 < octets.length ? octets[first + at + 1] : 0
    out[at] = ((octets[first + at] | (high << 8)) >> shift) & 0xff
  }
  return out
}

/** Plans are costly to make and public: the last one is kept. */
function planFor(least: number): FourierPlan {
  if (kept === undefined || kept.length < least || kept.length >= 2 * least)
    kept = fourierPlan(least)
  return kept
}

let kept: FourierPlan | undefined
