/**
 * Products of polynomials with small whole coefficients, modulo x^N + 1, on vector instructions.
 *
 * Real polynomials modulo x^N + 1 are complex ones modulo x^(N/2) − i: the half N/2 … N − 1 of the
 * coefficients becomes the imaginary part. That ring is split once more, into two lanes, on which
 * `transform-kernel` works at once. N is a power of two, or three times one.
 *
 * Coefficients come back rounded to whole numbers. The error of a double is relative to the typical
 * size of the coefficients of the product, so one factor should be as good as random (the seed is)
 * and balanced around zero. That the rounding was safe is checked each time.
 *
 * @see Crandall, Fagin, Math. Comp. 62 (1994) for the right-angle product
 * @module
 */

import type { wasm } from '#base'
import { POINT_OCTETS, transformKernel } from './transform-kernel.ts'

/** Memory, roots and steps for products of one length. Forgets what it multiplied. */
export interface Convolution {
  /** N, the number of coefficients. */
  readonly length: number
  /** Octets of its memory. */
  readonly octets: number
  /**
   * Coefficients `from` to `to` of a·b modulo x^N + 1, in a new array; `undefined` if they do not
   * come out close enough to whole numbers. Both factors have at most N; neither is kept.
   */
  readonly product: (
    a: Int32Array,
    b: Int32Array,
    range: { readonly from: number; readonly to: number },
  ) => Float64Array | undefined
}

/** One step of the transforms: `blocks` rings are split into `radix` each. */
interface Step {
  readonly radix: 2 | 3 | 4
  readonly blocks: number
  /** Octets of each part of a block. */
  readonly part: number
  /** Where the constants of its blocks stand. */
  readonly roots: number
}

/**
 * For the smallest N that is at least `least`; `undefined` where the engine has no vectors or not
 * that much memory. Kept for the next of the same size, unless it is large.
 */
export function convolutionFor(least: number): Convolution | undefined {
  const length = lengthFor(least)
  const at = kept.findIndex((one) => one.length === length)
  const found = at >= 0 ? kept.splice(at, 1)[0] : newConvolution(length)
  if (found === undefined || found.octets > KEPT_OCTETS_MAX) return found
  kept.push(found)
  if (kept.length > KEPT_MAX) kept.shift()
  return found
}

/** The smallest 2ᵏ or 3·2ᵏ from 8 on that is at least `least`. */
function lengthFor(least: number): number {
  let length = 8
  while (length < least) length *= 2
  const less = (length / 4) * 3
  return length > 8 && less >= least ? less : length
}

function newConvolution(length: number): Convolution | undefined {
  const points = length / 4
  const size = points * POINT_OCTETS
  const steps = stepsFor(points, 2 * size + POINT_OCTETS)
  const end = steps.reduce((sum, { blocks }) => sum + blocks * POINT_OCTETS, 2 * size)
  const octets = end + POINT_OCTETS
  const kernel = transformKernel(octets)
  if (kernel === undefined) return undefined
  const { memory, call } = kernel
  const both = [0, size].map((at) => new Float64Array(memory, at, points * 4))
  fillRoots(memory, steps)
  new Float64Array(memory, 2 * size, 2).fill(1 / points)
  const product: Convolution['product'] = (a, b, range) => {
    for (const [index, factor] of [a, b].entries()) {
      spread(factor, both[index])
      walk(kernel, steps, { forward: true, base: index * size })
    }
    call.product(0, size, size, 2 * size)
    walk(kernel, steps, { forward: false, base: 0 })
    const out = gathered(both[0], range)
    for (const one of both) one.fill(0)
    return out
  }
  return { length, octets, product }
}

function stepsFor(points: number, rootsAt: number): Step[] {
  const steps: Step[] = []
  let blocks = 1
  let roots = rootsAt
  for (let left = points; left > 1;) {
    const radix = left % 3 === 0 ? 3 : (31 - Math.clz32(left)) % 2 === 1 ? 2 : 4
    left /= radix
    steps.push({ radix, blocks, part: left * POINT_OCTETS, roots })
    roots += blocks * POINT_OCTETS
    blocks *= radix
  }
  return steps
}

/**
 * A ring modulo xⁿ − e^(2πiφ) is split into those with (φ + k) / r. The lanes start with the square
 * roots of i: φ is 1/8 and 5/8.
 */
function fillRoots(memory: ArrayBuffer, steps: readonly Step[]): void {
  let angles = Float64Array.of(1 / 8, 5 / 8)
  for (const { radix, blocks, roots } of steps) {
    const table = new Float64Array(memory, roots, 4 * blocks)
    const order = ORDER[radix]
    const next = new Float64Array(angles.length * radix)
    for (let at = 0; at < angles.length; at++) {
      const [block, lane] = [at >> 1, at & 1]
      const angle = angles[at] / radix
      table[4 * block + lane] = Math.cos(2 * Math.PI * angle)
      table[4 * block + 2 + lane] = Math.sin(2 * Math.PI * angle)
      for (let k = 0; k < radix; k++) {
        next[2 * (block * radix + k) + lane] = angle + order[k] / radix
      }
    }
    angles = next
  }
}

/**
 * All steps. What does not fit the cache is split block by block, so that the parts, which do, are
 * done with before the next is begun.
 */
function walk(
  { call }: wasm.Kernel<StepName | 'product'>,
  steps: readonly Step[],
  { forward, base }: { readonly forward: boolean; readonly base: number },
): void {
  const take = (depth: number, first: number, blocks: number): void => {
    const { radix, part, roots } = steps[depth]
    const name: StepName = `${forward ? 'forward' : 'backward'}${radix}`
    call[name](base + first * part * radix, part, blocks, roots + first * POINT_OCTETS)
  }
  const within = (depth: number, first: number, blocks: number): void => {
    if (depth === steps.length) return
    const { radix, part } = steps[depth]
    const whole = part * radix <= CACHED_OCTETS
    if (forward) take(depth, first, blocks)
    if (whole) within(depth + 1, first * radix, blocks * radix)
    else for (let k = 0; k < radix; k++) within(depth + 1, first * radix + k, 1)
    if (!forward) take(depth, first, blocks)
  }
  within(0, 0, 1)
}

/** Coefficients as points: xᴺᐟ² is i, and xᴺᐟ⁴ is a root of it, one for each lane. */
function spread(coefficients: Int32Array, points: Float64Array): void {
  const quarter = points.length >> 2
  const { length } = coefficients
  const at = (index: number): number => (index < length ? coefficients[index] : 0)
  for (let j = 0; j < quarter; j++) {
    const a = at(j)
    const b = at(j + quarter)
    const c = at(j + 2 * quarter)
    const d = at(j + 3 * quarter)
    const re = (b - d) * Math.SQRT1_2
    const im = (b + d) * Math.SQRT1_2
    points[4 * j] = a + re
    points[4 * j + 1] = a - re
    points[4 * j + 2] = c + im
    points[4 * j + 3] = c - im
  }
}

/** The coefficients wanted, as whole numbers. */
function gathered(
  points: Float64Array,
  { from, to }: { readonly from: number; readonly to: number },
): Float64Array | undefined {
  const quarter = points.length >> 2
  const out = new Float64Array(to - from)
  let worst = 0
  for (let part = 0; part < 4; part++) {
    const first = Math.max(from, part * quarter)
    const last = Math.min(to, (part + 1) * quarter)
    const [re0, re1, im0, im1] = PARTS[part]
    for (let k = first; k < last; k++) {
      const j = 4 * (k - part * quarter)
      const re = re0 * points[j] + re1 * points[j + 1]
      const value = re + im0 * points[j + 2] + im1 * points[j + 3]
      const whole = value + WHOLE - WHOLE
      worst = Math.max(worst, Math.abs(value - whole))
      out[k - from] = whole
    }
  }
  return worst < ROUNDING_MAX ? out : undefined
}

type StepName = `${'forward' | 'backward'}${2 | 3 | 4}`

/** In which order a step leaves the roots cₖ = c·e^(2πik/r). */
const ORDER = { 2: [0, 1], 3: [0, 1, 2], 4: [0, 2, 1, 3] } as const

/** What of the lanes' real and imaginary parts makes the coefficients of each quarter. */
const H = Math.SQRT1_2 / 2
const PARTS = [
  [0.5, 0.5, 0, 0],
  [H, -H, H, -H],
  [0, 0, 0.5, 0.5],
  [-H, H, H, -H],
] as const

/** Blocks of which two, and their roots, fit the second cache of a core. */
const CACHED_OCTETS = 2 ** 19
const KEPT_MAX = 2
const KEPT_OCTETS_MAX = 2 ** 25
const ROUNDING_MAX = 0.2
/** Added to a number below 2⁵¹, it leaves no room for a fraction. */
const WHOLE = 1.5 * 2 ** 52

const kept: Convolution[] = []
