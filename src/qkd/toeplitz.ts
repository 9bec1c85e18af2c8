/**
 * The modified Toeplitz hash [I | T]: the first ℓ bits of x plus T times the other m = n − ℓ.
 *
 * T has ℓ rows and m columns; T(i, j) is seed bit i − j + m − 1. Over GF(2) that is a run of the
 * product of two polynomials, computed in whole numbers and reduced modulo 2: by `fourier` bit by
 * bit, which is the oracle, or by `convolution` with two bits in a coefficient.
 *
 * Two bits in one: seed bits become signs ±1, so that sums over the seed stay near √m in place of
 * m / 2, and p₀ + p₁t stands for a pair. Then a coefficient of the product is c₀ + c₁t + c₂t² with
 * |c| < t / 2 but for one seed in e¹⁰⁰, and a sum over signs tells that over bits: v = Σx − 2Σsx.
 *
 * @see Hayashi, Tsurumaru, IEEE Trans. Inf. Theory 62 (2016), arXiv 1311.5322; Hoeffding, J. Am.
 *   Stat. Assoc. 58 (1963) for the bound
 * @module
 */

import { octetsFor, sliceBits, weight, type Bits } from '#base'
import { convolutionFor } from './convolution.ts'
import { fourierPlan, productModTwo, type FourierPlan } from './fourier.ts'

/** ℓ bits in a new array. @param seed n − 1 bits */
export function toeplitzHash(verified: Bits, secretBits: number, seed: Uint8Array): Bits {
  const quick = verified.length >= PAIRED_BITS_MIN && verified.length <= PAIRED_BITS_MAX
  return (
    (quick ? toeplitzHashByPairs(verified, secretBits, seed) : undefined) ??
    toeplitzHashByBits(verified, secretBits, seed)
  )
}

/** The plain way. */
export function toeplitzHashByBits(verified: Bits, secretBits: number, seed: Uint8Array): Bits {
  const { length, octets } = verified
  const rest = length - secretBits
  // Row i is coefficient i + m − 1 of seed · rest. The product wraps round at N ≥ n − 1, which
  // touches only coefficients below m − 1: none of those that are wanted.
  const product = productModTwo(
    planFor(length - 1),
    seed,
    sliceBits(octets, secretBits, rest).octets,
    {
      from: rest - 1,
      to: rest - 1 + secretBits,
    },
  )
  return masked(verified, secretBits, product)
}

/**
 * The quick way, for n of at most 2²³: `undefined` where the engine lacks vectors, or a sum came out
 * larger than a random seed makes it.
 */
export function toeplitzHashByPairs(
  verified: Bits,
  secretBits: number,
  seed: Uint8Array,
): Bits | undefined {
  const { length, octets } = verified
  // With a zero before an odd number of columns, row 0 is the second of a pair, and what wraps
  // round at half of n stays below it.
  const even = length - secretBits + ((length - secretBits) & 1)
  const rest = sliceBits(octets, length - even, even).octets
  if (even > length - secretBits) rest[0] &= 0xfe
  const first = even / 2 - 1
  const range = { from: first, to: first + (secretBits >> 1) + 1 }
  const convolution = convolutionFor(Math.max(length >> 1, range.to))
  if (convolution === undefined) return undefined
  const t = 2 ** (SPREAD + Math.ceil(Math.log2(even) / 2))
  const columns = pairs(rest, even / 2, [0, 1, t, 1 + t])
  const signs = pairs(seed, length >> 1, [1 + t, t - 1, 1 - t, -1 - t])
  const sums = convolution.product(signs, columns, range)
  const ones = weight({ length: even, octets: rest })
  columns.fill(0)
  rest.fill(0)
  const product = sums && parities(sums, { t, ones, secretBits })
  sums?.fill(0)
  return product && masked(verified, secretBits, product)
}

/** A coefficient for each two bits, by their value. */
function pairs(octets: Uint8Array, count: number, values: readonly number[]): Int32Array {
  const table = Int32Array.from(values)
  const out = new Int32Array(count)
  for (let at = 0; at < count; at++) out[at] = table[(octets[at >> 2] >> (2 * (at & 3))) & 3]
  return out
}

/** Row 2k is c₁ of sum k, row 2k − 1 is c₀ of it and c₂ of the one before. */
function parities(
  sums: Float64Array,
  {
    t,
    ones,
    secretBits,
  }: { readonly t: number; readonly ones: number; readonly secretBits: number },
): Uint8Array | undefined {
  const out = new Uint8Array(octetsFor(secretBits))
  let largest = 0
  let odd = 0
  let before = 0
  for (let k = 0; k < sums.length; k++) {
    const c2 = Math.round(sums[k] / (t * t))
    const low = sums[k] - c2 * t * t
    const c1 = Math.round(low / t)
    const c0 = low - c1 * t
    largest = Math.max(largest, Math.abs(c0), Math.abs(c1), Math.abs(c2))
    const second = ones - c1
    const next = ones - c0 - before
    before = c2
    const row = 2 * k
    if (row < secretBits) {
      odd |= second
      out[row >> 3] |= ((second >> 1) & 1) << (row & 7)
    }
    if (row > 0) {
      odd |= next
      out[(row - 1) >> 3] |= ((next >> 1) & 1) << ((row - 1) & 7)
    }
  }
  return (odd & 1) === 0 && largest < t / 4 ? out : undefined
}

/** The product plus the first bits. */
function masked({ octets }: Bits, secretBits: number, product: Uint8Array): Bits {
  const out = sliceBits(octets, 0, secretBits)
  for (let at = 0; at < product.length; at++) out.octets[at] ^= product[at]
  return out
}

/** Plans are costly to make and public: the last one is kept. */
function planFor(least: number): FourierPlan {
  if (kept === undefined || kept.length < least || kept.length >= 2 * least)
    kept = fourierPlan(least)
  return kept
}

let kept: FourierPlan | undefined

/** Below, a plan costs more than it saves. */
const PAIRED_BITS_MIN = 2 ** 12
/** Above, the sums of pairs would come too near to what a double holds. */
const PAIRED_BITS_MAX = 2 ** 23
/** t / 4 is at least 8√m: one sum in e³² is larger, and one in e¹²⁸ as large as t / 2. */
const SPREAD = 5
