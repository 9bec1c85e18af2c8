/**
 * The modular hash: ((a·x + b) mod 2ⁿ) ≫ (n − ℓ).
 *
 * Two ways to the same bits: with the language's integers, which are the oracle, and by a product
 * of polynomials whose coefficients are the digits of a and x. The second computes only what is
 * asked for: digits below the wanted ones may wrap round, so the product is about n + ℓ bits long
 * in place of 2n. What is left out below can change the result only through a carry, and a carry
 * only through a run of ones or zeros of 144 bits, in which case the first way is taken.
 *
 * Neither takes constant time: engines of both ends work on keys, seen by nobody else's code.
 *
 * @module
 */

import { octetsFor, sliceBits, type Bits } from '#base'
import { integerOf, octetsOf } from '#crypto'
import { convolutionFor } from './convolution.ts'

/** ℓ bits in a new array. @param seed a, then the low n − ℓ bits of b */
export function modularHash(verified: Bits, secretBits: number, seed: Uint8Array): Bits {
  const n = verified.length
  const quick = n >= CONVOLVED_BITS_MIN && n <= CONVOLVED_BITS_MAX
  return (
    (quick ? modularHashByDigits(verified, secretBits, seed) : undefined) ??
    modularHashByIntegers(verified, secretBits, seed)
  )
}

/** The plain way. */
export function modularHashByIntegers(verified: Bits, secretBits: number, seed: Uint8Array): Bits {
  const n = verified.length
  const split = octetsFor(n)
  const product = integerOf(seed.subarray(0, split)) * integerOf(verified.octets)
  const sum = BigInt.asUintN(n, product + integerOf(seed.subarray(split)))
  return {
    length: secretBits,
    octets: octetsOf(sum >> BigInt(n - secretBits), octetsFor(secretBits)),
  }
}

/**
 * The quick way, for n of at most 2²⁷: `undefined` where the engine lacks vectors, or what was left
 * out could decide.
 */
export function modularHashByDigits(
  verified: Bits,
  secretBits: number,
  seed: Uint8Array,
): Bits | undefined {
  const n = verified.length
  const split = octetsFor(n)
  const count = Math.ceil(n / DIGIT_BITS)
  // Digits below `first` are not computed. If it is 0, nothing is left out.
  const first = Math.max(0, Math.floor((n - secretBits) / DIGIT_BITS) - GUARD_DIGITS)
  const convolution = convolutionFor(2 * count - 1 - first)
  if (convolution === undefined) return undefined
  const a = balancedDigits(seed.subarray(0, split), count)
  const x = balancedDigits(verified.octets, count)
  const product = convolution.product(a, x, { from: first, to: count })
  x.fill(0)
  if (product === undefined) return undefined
  const sum = carried(product, seed.subarray(split + 2 * first))
  product.fill(0)
  const key = isDecided(sum, first)
    ? sliceBits(sum, n - secretBits - DIGIT_BITS * first, secretBits)
    : undefined
  sum.fill(0)
  return key
}

/**
 * Digits in two's complement, each with the carry that the sign of the one before it calls for: the
 * integer itself, or 2ⁿ′ less with n′ = 16 · `count` ≥ n, which is the same modulo 2ⁿ.
 */
function balancedDigits(octets: Uint8Array, count: number): Int32Array {
  const digits = new Int16Array(count)
  new Uint8Array(digits.buffer).set(octets)
  const out = new Int32Array(count)
  let carry = 0
  for (let at = 0; at < count; at++) {
    const digit = digits[at]
    out[at] = digit + carry
    carry = digit >>> 31
  }
  digits.fill(0)
  return out
}

/** Sums of digits and an addend as octets; what goes beyond the last is dropped. */
function carried(sums: Float64Array, addend: Uint8Array): Uint8Array {
  const digits = new Uint16Array(sums.length)
  const out = new Uint8Array(digits.buffer)
  out.set(addend.subarray(0, out.length))
  let carry = 0
  for (let at = 0; at < sums.length; at++) {
    const total = sums[at] + digits[at] + carry
    carry = Math.floor(total * 2 ** -DIGIT_BITS)
    digits[at] = total - carry * 2 ** DIGIT_BITS
  }
  return out
}

/**
 * Whether what was left out cannot reach the key: it is less than 2⁵³ times a unit of its highest
 * digit, so less than 2³⁸ of the lowest digit here. It carries (or borrows) into the key only if all
 * digits between are ones (or zeros).
 */
function isDecided(sum: Uint8Array, first: number): boolean {
  if (first === 0) return true
  const between = sum.subarray(2 * REACHED_DIGITS, 2 * GUARD_DIGITS)
  return between.some((octet) => octet !== 0) && between.some((octet) => octet !== 0xff)
}

const DIGIT_BITS = 16
/** Digits below the key that are computed. */
const GUARD_DIGITS = 12
/** Of these, how many what was left out may change without a carry. */
const REACHED_DIGITS = 3
/** Below, a plan costs more than it saves. */
const CONVOLVED_BITS_MIN = 2 ** 13
/** Sums of 2²³ products of digits stay below 2⁵³. */
const CONVOLVED_BITS_MAX = 2 ** 27
