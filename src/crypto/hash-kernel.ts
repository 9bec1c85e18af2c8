/**
 * Sixteen blocks at once times a key, in GF(2¹²⁸), as WebAssembly.
 *
 * Blocks stand as *planes*: plane j holds octet j of each of the sixteen. Every nibble of a block
 * has its table of sixteen multiples of the key for each octet of the product, and a shuffle of
 * octets looks up sixteen blocks at once, within a register. So nothing that is looked up leaves a
 * trace in a cache: every address is known beforehand, and there is no branch but for counting.
 *
 * @see Plank, Greenan, Miller, "Screaming fast Galois field arithmetic using Intel SIMD
 *   instructions", FAST 2013
 * @module
 */

import { wasm } from '#base'

const { and, assembled, constant, load, octets, octetsRight, shuffle, swizzle, xor } = wasm

type Lanes = wasm.Expression<'v128'>

/** Blocks that are worked on at once. */
export const LANES = 16
/** Octets of so many blocks. */
export const GROUP_OCTETS = 16 * LANES
/** Octets of the tables of one key: 16 for each nibble of a block and each octet of the product. */
export const TABLE_OCTETS = 32 * 16 * 16
/** Keys, by their powers of the hash key, in the order of their tables. */
export const POWERS = [16, 8, 4, 2, 1] as const

/** Where things stand in the kernel's memory; tables first. */
export const PLACES = {
  state: POWERS.length * TABLE_OCTETS,
  product: POWERS.length * TABLE_OCTETS + GROUP_OCTETS,
  message: POWERS.length * TABLE_OCTETS + 2 * GROUP_OCTETS,
} as const

/**
 * `absorb(from, to)`: state ← state · H¹⁶ ⊕ group, for each group of the message between two
 * addresses, at least one. `finish()`: the sum of all lanes, lane i times H^(16 − i), stands in lane
 * 15 of the product's planes.
 */
export const hashKernel = assembled([
  {
    name: 'multiply',
    parameters: 1,
    write: (body, table) => {
      const state = constant(PLACES.state)
      const nibbles = Array.from({ length: 16 }, (_, j) => {
        const plane = body.keep(load(state, 16 * j))
        return [body.keep(octetsRight(plane, 4)), body.keep(and(plane, octets(0x0f)))]
      }).flat()
      for (let j = 0; j < 16; j++) {
        const terms = nibbles.map((nibble, at) =>
          swizzle(load(table, (j * nibbles.length + at) * 16), nibble),
        )
        body.store(constant(PLACES.product), 16 * j, terms.reduce(xor))
      }
    },
  },
  {
    name: 'absorb',
    parameters: 2,
    write: (body, from, to) => {
      const [state, product] = [constant(PLACES.state), constant(PLACES.product)]
      body.repeat(from, GROUP_OCTETS, to, () => {
        body.call('multiply', tableOf(16))
        const planes = transposed(
          body,
          Array.from({ length: 16 }, (_, block) => load(from, 16 * block)),
        )
        for (const [j, plane] of planes.entries()) {
          body.store(state, 16 * j, xor(load(product, 16 * j), plane))
        }
      })
    },
  },
  {
    name: 'finish',
    parameters: 0,
    write: (body) => {
      const [state, product] = [constant(PLACES.state), constant(PLACES.product)]
      for (const lanes of [8, 4, 2, 1] as const) {
        body.call('multiply', tableOf(lanes))
        const up = Array.from({ length: 16 }, (_, at) => (at < lanes ? at : 16 + at - lanes))
        for (let j = 0; j < 16; j++) {
          const moved = shuffle(octets(0), load(product, 16 * j), up)
          body.store(state, 16 * j, xor(load(state, 16 * j), moved))
        }
      }
      body.call('multiply', tableOf(1))
    },
  },
])

const tableOf = (power: (typeof POWERS)[number]): wasm.Expression<'i32'> =>
  constant(POWERS.indexOf(power) * TABLE_OCTETS)

/** Rows to columns: interleaving the halves turns the eight bits of an octet's place by one. */
function transposed(body: wasm.Body, rows: readonly Lanes[]): readonly Lanes[] {
  const low = Array.from({ length: 16 }, (_, at) => (at >> 1) + 16 * (at & 1))
  const high = low.map((at) => at + 8)
  let held = rows.map((row) => body.keep(row))
  for (let round = 0; round < 4; round++) {
    held = held.flatMap((_, at) => {
      if (at >= 8) return []
      const [one, other] = [held[at], held[at + 8]]
      return [body.keep(shuffle(one, other, low)), body.keep(shuffle(one, other, high))]
    })
  }
  return held
}
