/**
 * The steps of a Fourier transform on two lanes of doubles at once, as WebAssembly.
 *
 * A point is 32 octets: the real parts of both lanes, then the imaginary ones. Each lane is a ring
 * of complex polynomials modulo xⁿ − C of its own. A step splits it into rings modulo x^(n/r) − cₖ,
 * cₖ the r-th roots of C, so that a whole block shares its constant and the weights of a right-angle
 * convolution cost nothing. Backward steps undo forward ones, but for a factor r.
 *
 * @see Bernstein, "Multidigit multiplication for mathematicians" (2001), §§4-7 (the twist as a
 *   change of ring)
 * @module
 */

import { wasm } from '#base'

const { add, assembled, constant, doubles, load, multiply, plus, subtract, times } = wasm

type Body = wasm.Body
type Count = wasm.Variable<'i32'>
type Lanes = wasm.Expression<'v128'>
type Address = wasm.Expression<'i32'>

/** A complex number in both lanes. */
interface Complex {
  readonly re: Lanes
  readonly im: Lanes
}

/** Octets of a point. */
export const POINT_OCTETS = 32

/**
 * Steps over neighbouring blocks: `(base, part, blocks, roots)`.
 *
 * `base` is where the first block stands, `part` the octets of each of its parts, `blocks` how many
 * there are, `roots` where the constant c of the first stands; the others follow. `product` is
 * `(a, b, octets, scale)`: a ← a · b · scale, point by point, `scale` the address of a point.
 */
export const transformKernel = assembled([
  step('forward2', 2, (body, [a, b], [c]) => {
    const turned = kept(body, product(b, c))
    return [sum(a, turned), difference(a, turned)]
  }),
  step('backward2', 2, (body, [p, q], [c]) => [
    sum(p, q),
    productWithConjugate(kept(body, difference(p, q)), c),
  ]),
  step('forward3', 3, (body, [a, b, c], [r1, r2]) => {
    const b1 = kept(body, product(b, r1))
    const c1 = kept(body, product(c, r2))
    return [kept(body, sum(a, kept(body, sum(b1, c1)))), ...thirds(body, a, b1, c1)]
  }),
  step('backward3', 3, (body, [p, q, r], [r1, r2]) => {
    const [b, c] = thirds(body, p, r, q)
    return [
      sum(p, sum(q, r)),
      productWithConjugate(kept(body, b), r1),
      productWithConjugate(kept(body, c), r2),
    ]
  }),
  step('forward4', 4, (body, [a, b, c, d], [r1, r2, r3]) => {
    const b1 = kept(body, product(b, r1))
    const c1 = kept(body, product(c, r2))
    const d1 = kept(body, product(d, r3))
    const evenSum = kept(body, sum(a, c1))
    const evenDifference = kept(body, difference(a, c1))
    const oddSum = kept(body, sum(b1, d1))
    const oddDifference = kept(body, difference(b1, d1))
    return [
      sum(evenSum, oddSum),
      difference(evenSum, oddSum),
      plusI(evenDifference, oddDifference),
      minusI(evenDifference, oddDifference),
    ]
  }),
  step('backward4', 4, (body, [p, q, r, s], [r1, r2, r3]) => {
    const evenSum = kept(body, sum(p, q))
    const evenDifference = kept(body, sum(r, s))
    const oddSum = kept(body, difference(p, q))
    const oddDifference = kept(body, difference(r, s))
    return [
      sum(evenSum, evenDifference),
      productWithConjugate(kept(body, minusI(oddSum, oddDifference)), r1),
      productWithConjugate(kept(body, difference(evenSum, evenDifference)), r2),
      productWithConjugate(kept(body, plusI(oddSum, oddDifference)), r3),
    ]
  }),
  {
    name: 'product',
    parameters: 4,
    write: (body, a, b, length, scale) => {
      const end = body.keep(plus(a, length))
      const factor = body.keep(load(scale))
      body.repeat(a, POINT_OCTETS, end, () => {
        const left = loaded(body, a)
        const right = loaded(body, b)
        const both = product(left, right)
        stored(body, a, { re: multiply(both.re, factor), im: multiply(both.im, factor) })
        body.set(b, plus(b, constant(POINT_OCTETS)))
      })
    },
  },
])

/** From the parts of one place and the powers of c, what is to stand there. */
type Butterfly = (
  body: Body,
  parts: readonly Complex[],
  powers: readonly Complex[],
) => readonly Complex[]

function step<const Name extends string>(name: Name, radix: number, butterfly: Butterfly) {
  return {
    name,
    parameters: 4,
    write: (body: Body, base: Count, part: Count, blocks: Count, roots: Count): void => {
      const at = body.keep(base)
      const last = body.keep(plus(roots, times(blocks, constant(POINT_OCTETS))))
      body.repeat(roots, POINT_OCTETS, last, () => {
        const powers = [loaded(body, roots)]
        while (powers.length < radix - 1) {
          powers.push(kept(body, product(powers[powers.length - 1], powers[0])))
        }
        const end = body.keep(plus(at, part))
        body.repeat(at, POINT_OCTETS, end, () => {
          const places: Address[] = [at]
          while (places.length < radix) {
            places.push(body.keep(plus(places[places.length - 1], part)))
          }
          const parts = places.map((place) => loaded(body, place))
          const results = butterfly(body, parts, powers).map((result) => kept(body, result))
          for (const [index, place] of places.entries()) stored(body, place, results[index])
        })
        body.set(at, plus(at, times(part, constant(radix - 1))))
      })
    },
  }
}

/** a + ωb + ω²c and a + ω²b + ωc, with ω = e^(2πi/3). */
function thirds(body: Body, a: Complex, b: Complex, c: Complex): [Complex, Complex] {
  const half = doubles(-0.5)
  const high = doubles(Math.sqrt(0.75))
  const both = sum(b, c)
  const even = kept(body, sum(a, { re: multiply(both.re, half), im: multiply(both.im, half) }))
  const apart = difference(b, c)
  const odd = kept(body, { re: multiply(apart.re, high), im: multiply(apart.im, high) })
  return [plusI(even, odd), minusI(even, odd)]
}

const loaded = (body: Body, address: Address): Complex =>
  kept(body, { re: load(address), im: load(address, 16) })

const kept = (body: Body, { re, im }: Complex): Complex => ({
  re: body.keep(re),
  im: body.keep(im),
})

function stored(body: Body, address: Address, { re, im }: Complex): void {
  body.store(address, 0, re)
  body.store(address, 16, im)
}

const sum = (a: Complex, b: Complex): Complex => ({ re: add(a.re, b.re), im: add(a.im, b.im) })

const difference = (a: Complex, b: Complex): Complex => ({
  re: subtract(a.re, b.re),
  im: subtract(a.im, b.im),
})

const product = (a: Complex, b: Complex): Complex => ({
  re: subtract(multiply(a.re, b.re), multiply(a.im, b.im)),
  im: add(multiply(a.re, b.im), multiply(a.im, b.re)),
})

const productWithConjugate = (a: Complex, b: Complex): Complex => ({
  re: add(multiply(a.re, b.re), multiply(a.im, b.im)),
  im: subtract(multiply(a.im, b.re), multiply(a.re, b.im)),
})

/** a + ib. */
const plusI = (a: Complex, b: Complex): Complex => ({
  re: subtract(a.re, b.im),
  im: add(a.im, b.re),
})

/** a − ib. */
const minusI = (a: Complex, b: Complex): Complex => ({
  re: add(a.re, b.im),
  im: subtract(a.im, b.re),
})
