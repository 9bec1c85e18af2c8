/**
 * Products of polynomials with 0/1 coefficients, by the fast Fourier transform in double precision.
 *
 * Real polynomials modulo x^N + 1 are multiplied as complex ones modulo x^(N/2) − i: half the
 * length, no wasted imaginary parts. Transforms run in place; the forward one leaves its result in
 * digit- reversed order, in which the backward one takes it.
 *
 * Sums of at most N ones come back within 10⁻⁴ of a whole number for all N in use, so rounding is
 * safe; `product` checks that it was.
 *
 * @see Gentleman, Sande, AFIPS '66; Crandall, Fagin, Math. Comp. 62 (1994) for the right-angle
 *   weights
 * @module
 */

import { assert } from '#base'

/** Roots and weights for one length. */
export interface FourierPlan {
  /** N: a power of two, at least 8. */
  readonly length: number
  /** e^(2πik/M) for M = N/2 points, as pairs. */
  readonly roots: Float64Array
  /** e^(iπj/N), as pairs. */
  readonly weights: Float64Array
}

/** The plan for the smallest length that is at least `least`. */
export function fourierPlan(least: number): FourierPlan {
  let length = 8
  while (length < least) length *= 2
  const points = length / 2
  const roots = new Float64Array(2 * points)
  const weights = new Float64Array(2 * points)
  for (let at = 0; at < points; at++) {
    roots[2 * at] = Math.cos((2 * Math.PI * at) / points)
    roots[2 * at + 1] = Math.sin((2 * Math.PI * at) / points)
    weights[2 * at] = Math.cos((Math.PI * at) / length)
    weights[2 * at + 1] = Math.sin((Math.PI * at) / length)
  }
  return { length, roots, weights }
}

/**
 * The coefficients `from` to `to` of a·b modulo x^N + 1, each modulo 2, packed with the low end
 * first.
 *
 * @param a   packed coefficients, fewer than N; so is `b`
 */
export function productModTwo(
  plan: FourierPlan,
  a: Uint8Array,
  b: Uint8Array,
  range: { readonly from: number; readonly to: number },
): Uint8Array {
  const left = weighted(plan, a)
  const right = weighted(plan, b)
  forward(left, plan.roots)
  forward(right, plan.roots)
  for (let at = 0; at < left.length; at += 2) {
    const real = left[at] * right[at] - left[at + 1] * right[at + 1]
    left[at + 1] = left[at] * right[at + 1] + left[at + 1] * right[at]
    left[at] = real
  }
  backward(left, plan.roots)
  return unweighted(plan, left, range)
}

/** Coefficient j and j + N/2 as one complex number, turned by its weight. */
function weighted({ length, weights }: FourierPlan, packed: Uint8Array): Float64Array {
  const data = new Float64Array(length)
  const half = length / 2
  for (let j = 0; j < half; j++) {
    const low = (packed[j >> 3] >> (j & 7)) & 1
    const high = (packed[(j + half) >> 3] >> ((j + half) & 7)) & 1
    const cos = weights[2 * j]
    const sin = weights[2 * j + 1]
    data[2 * j] = low * cos - high * sin
    data[2 * j + 1] = low * sin + high * cos
  }
  return data
}

function unweighted(
  { length, weights }: FourierPlan,
  data: Float64Array,
  { from, to }: { readonly from: number; readonly to: number },
): Uint8Array {
  const half = length / 2
  const scale = 1 / half
  const out = new Uint8Array(Math.ceil((to - from) / 8))
  let worst = 0
  for (let at = from; at < to; at++) {
    const j = at < half ? at : at - half
    const real = data[2 * j]
    const imaginary = data[2 * j + 1]
    const cos = weights[2 * j]
    const sin = weights[2 * j + 1]
    const turned = at < half ? real * cos + imaginary * sin : imaginary * cos - real * sin
    const value = turned * scale
    const whole = Math.round(value)
    worst = Math.max(worst, Math.abs(value - whole))
    out[(at - from) >> 3] |= (whole & 1) << ((at - from) & 7)
  }
  assert(worst < ROUNDING_MAX, 'a product of polynomials is exact')
  return out
}

/**
 * Radix 4, decimation in frequency, with one step of radix 2 at the end where the size asks for it.
 */
function forward(data: Float64Array, roots: Float64Array): void {
  const points = data.length / 2
  let size = points
  for (; size >= 4; size >>= 2) {
    const quarter = size >> 1
    const stride = (2 * points) / size
    for (let base = 0; base < data.length; base += 2 * size) {
      for (let k = 0, root = 0; k < quarter; k += 2, root += stride) {
        const a = base + k
        const b = a + quarter
        const c = b + quarter
        const d = c + quarter
        const sumR = data[a] + data[c]
        const sumI = data[a + 1] + data[c + 1]
        const difR = data[a] - data[c]
        const difI = data[a + 1] - data[c + 1]
        const tumR = data[b] + data[d]
        const tumI = data[b + 1] + data[d + 1]
        const tifR = data[b] - data[d]
        const tifI = data[b + 1] - data[d + 1]
        data[a] = sumR + tumR
        data[a + 1] = sumI + tumI
        const r2 = sumR - tumR
        const i2 = sumI - tumI
        const r1 = difR + tifI
        const i1 = difI - tifR
        const r3 = difR - tifI
        const i3 = difI + tifR
        const c1 = roots[root]
        const s1 = roots[root + 1]
        const c2 = roots[2 * root]
        const s2 = roots[2 * root + 1]
        const c3 = roots[3 * root]
        const s3 = roots[3 * root + 1]
        data[b] = r2 * c2 + i2 * s2
        data[b + 1] = i2 * c2 - r2 * s2
        data[c] = r1 * c1 + i1 * s1
        data[c + 1] = i1 * c1 - r1 * s1
        data[d] = r3 * c3 + i3 * s3
        data[d + 1] = i3 * c3 - r3 * s3
      }
    }
  }
  if (size === 2) pairs(data)
}

/** Undoes `forward`, but for a factor of the number of points. */
function backward(data: Float64Array, roots: Float64Array): void {
  const points = data.length / 2
  let size = 4
  if ((31 - Math.clz32(points)) % 2 === 1) {
    pairs(data)
    size = 8
  }
  for (; size <= points; size <<= 2) {
    const quarter = size >> 1
    const stride = (2 * points) / size
    for (let base = 0; base < data.length; base += 2 * size) {
      for (let k = 0, root = 0; k < quarter; k += 2, root += stride) {
        const a = base + k
        const b = a + quarter
        const c = b + quarter
        const d = c + quarter
        const c1 = roots[root]
        const s1 = roots[root + 1]
        const c2 = roots[2 * root]
        const s2 = roots[2 * root + 1]
        const c3 = roots[3 * root]
        const s3 = roots[3 * root + 1]
        const r2 = data[b] * c2 - data[b + 1] * s2
        const i2 = data[b + 1] * c2 + data[b] * s2
        const r1 = data[c] * c1 - data[c + 1] * s1
        const i1 = data[c + 1] * c1 + data[c] * s1
        const r3 = data[d] * c3 - data[d + 1] * s3
        const i3 = data[d + 1] * c3 + data[d] * s3
        const sumR = data[a] + r2
        const sumI = data[a + 1] + i2
        const difR = data[a] - r2
        const difI = data[a + 1] - i2
        const tumR = r1 + r3
        const tumI = i1 + i3
        const tifR = r1 - r3
        const tifI = i1 - i3
        data[a] = sumR + tumR
        data[a + 1] = sumI + tumI
        data[c] = sumR - tumR
        data[c + 1] = sumI - tumI
        data[b] = difR - tifI
        data[b + 1] = difI + tifR
        data[d] = difR + tifI
        data[d + 1] = difI - tifR
      }
    }
  }
}

/** Butterflies of two neighbours each. */
function pairs(data: Float64Array): void {
  for (let a = 0; a < data.length; a += 4) {
    const real = data[a + 2]
    const imaginary = data[a + 3]
    data[a + 2] = data[a] - real
    data[a + 3] = data[a + 1] - imaginary
    data[a] += real
    data[a + 1] += imaginary
  }
}

const ROUNDING_MAX = 0.01
