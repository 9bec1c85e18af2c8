/**
 * Finds the pattern of errors behind a syndrome by belief propagation, row after row.
 *
 * The sum–product rule in Gallager's form: a check adds up φ(|q|) = −ln tanh(|q|/2) of its messages
 * and gives each edge φ of the sum without its own. Both directions are tables of small integers, so
 * an edge costs two look-ups and no search for the least. Layers share posteriors at once, which
 * halves the iterations. A check that is met, and whose bits are sure, is passed over a few times:
 * it would say again what it said.
 *
 * The time taken depends on the errors, whose number is public at the end of a block anyway.
 *
 * @see Gallager, Low-Density Parity-Check Codes, 1963; Hocevar, SiPS 2004 (layers)
 * @module
 */

import { DEGREE_MAX, type Code } from './code.ts'
import { syndromeOf } from './syndrome.ts'

/** What came of a decoding. */
export type Decoding =
  | {
      readonly kind: 'decoded'
      /** The errors, packed; their syndrome is the one asked for. */
      readonly errors: Int32Array
      readonly iterations: number
    }
  | { readonly kind: 'undecoded'; readonly iterations: number }

/** Decodes frames of one code; holds its messages, some three octets an edge. */
export class Decoder {
  readonly #code: Code
  /** Position of lane 0 of each edge's column. */
  readonly #base: Int32Array
  /** Edges of each row, in the order in which their lanes come to the end of their column. */
  readonly #wraps: Int32Array
  readonly #posterior: Int16Array
  readonly #messages: Int16Array
  readonly #hard: Int32Array
  /** Visits that each check is passed over. */
  readonly #rests: Uint8Array

  constructor(code: Code) {
    this.#code = code
    const { lift, columns, column } = code
    this.#base = column.map((at) => at * lift)
    this.#wraps = column.map((_, edge) => edge)
    for (let row = 0; row < code.rows; row++) {
      const edges = this.#wraps.subarray(code.starts[row], code.starts[row + 1])
      edges.sort((a, b) => code.shift[b] - code.shift[a])
    }
    this.#posterior = new Int16Array(columns * lift)
    this.#messages = new Int16Array(column.length * lift)
    this.#hard = new Int32Array((columns * lift) / 32)
    this.#rests = new Uint8Array(code.rows * lift)
  }

  /**
   * Looks for errors with this syndrome.
   *
   * @param syndrome    as `syndromeOf` gives it for `checks`
   * @param bits        positions that can be wrong; those behind them are known to be right
   * @param errorRate   expected
   */
  decode(input: {
    readonly syndrome: Int32Array
    readonly checks: number
    readonly bits: number
    readonly errorRate: number
    readonly iterationsMax: number
  }): Decoding {
    const { syndrome, checks, bits, errorRate, iterationsMax } = input
    const { lift, rows } = this.#code
    const prior = Math.round(SCALE * Math.log((1 - errorRate) / errorRate))
    this.#posterior.fill(prior, 0, bits)
    this.#posterior.fill(SURE, bits)
    this.#messages.fill(0)
    this.#rests.fill(0)
    for (let iteration = 1; iteration <= iterationsMax; iteration++) {
      let unmet = 0
      for (let row = 0; row < rows; row++) {
        const lanes = Math.min(lift, checks - row * lift)
        if (lanes > 0) unmet += this.#layer(row, lanes, syndrome)
      }
      if (unmet * NEAR > checks) continue
      this.#decide()
      if (same(syndromeOf(this.#code, this.#hard, checks), syndrome)) {
        return { kind: 'decoded', errors: this.#hard.slice(), iterations: iteration }
      }
    }
    return { kind: 'undecoded', iterations: iterationsMax }
  }

  /** Overwrites all messages. */
  clear(): void {
    this.#posterior.fill(0)
    this.#messages.fill(0)
    this.#hard.fill(0)
    this.#rests.fill(0)
  }

  /** One row of checks; returns how many were unmet by what their bits told them. */
  #layer(row: number, lanes: number, syndrome: Int32Array): number {
    const posterior = this.#posterior
    const messages = this.#messages
    const { lift, starts, shift } = this.#code
    // What a loop uses often is held here: a load from the module costs as much as a table.
    const phis = PHI
    const back = BACK
    const places = HELD_PLACE
    const heard = HELD_Q
    const sizes = HELD_PHI
    const end = PHI_END
    const rests = this.#rests
    const first = starts[row]
    const degree = starts[row + 1] - first
    const wraps = this.#wraps
    // Lane by lane each edge moves on by one place, and once back to the begin of its column.
    for (let k = 0; k < degree; k++) places[k] = this.#base[first + k] + shift[first + k]
    let wrap = first
    let message = first * lift
    let unmet = 0
    for (let lane = 0; lane < lanes; lane++) {
      for (; wrap < first + degree && lane + shift[wraps[wrap]] === lift; wrap++) {
        places[wraps[wrap] - first] -= lift
      }
      const check = row * lift + lane
      if (rests[check] > 0) {
        rests[check]--
        message += degree
        continue
      }
      let sum = 0
      let sign = -((syndrome[check >> 5] >>> (check & 31)) & 1)
      for (let k = 0; k < degree; k++) {
        const q = posterior[places[k] + lane] - messages[message + k]
        const negative = q >> 31
        const size = (q ^ negative) - negative
        const phi = phis[size < end ? size : end]
        sum += phi
        sign ^= negative
        heard[k] = q
        sizes[k] = phi
      }
      unmet -= sign
      if (sign === 0 && sum < RESTING) rests[check] = restOf(sum)
      for (let k = 0; k < degree; k++) {
        const rest = (sum - sizes[k]) | 0
        const zeros = Math.clz32(rest)
        const size = back[(zeros << 5) | (((rest << zeros) >>> 26) & 31)]
        const q = heard[k]
        const negative = sign ^ (q >> 31)
        const told = (size ^ negative) - negative
        messages[message + k] = told
        posterior[places[k] + lane] = q + told
      }
      message += degree
    }
    return unmet
  }

  #decide(): void {
    const posterior = this.#posterior
    const hard = this.#hard
    for (let word = 0, at = 0; word < hard.length; word++) {
      let held = 0
      for (let bit = 0; bit < 32; bit++) held |= ((posterior[at++] >> 15) & 1) << bit
      hard[word] = held
    }
  }
}

/** How often a check that is met is passed over: the surer its bits, the less it has to tell. */
const restOf = (sum: number): number => (sum > RESTING / 4 ? 1 : sum > RESTING / 16 ? 2 : 4)

function same(a: Int32Array, b: Int32Array): boolean {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false
  return true
}

/** Units of a log-likelihood ratio of 1. */
const SCALE = 16
const SURE = 4000
/** Sizes from here on count as sure. */
const PHI_END = 255
/** The largest sum, of `DEGREE_MAX` unsure messages, stays below 2³¹. */
const PHI_SCALE = 2 ** 21
const phi = (x: number): number => -Math.log(Math.tanh(x / 2))
const PHI = Int32Array.from({ length: PHI_END + 1 }, (_, size) =>
  Math.round(PHI_SCALE * phi(Math.max(size, 0.25) / SCALE)),
)
/** φ backwards: by the leading zeros and the next five bits of the sum. */
const BACK = Int16Array.from({ length: 33 * 32 }, (_, index) => {
  const zeros = index >> 5
  const value = zeros === 32 ? 0.5 : 2 ** (31 - zeros) * (1 + ((index & 31) + 0.5) / 32)
  return Math.min(PHI_END, Math.round(SCALE * phi(value / PHI_SCALE)))
})
const HELD_PLACE = new Int32Array(DEGREE_MAX)
const HELD_Q = new Int32Array(DEGREE_MAX)
const HELD_PHI = new Int32Array(DEGREE_MAX)
/** A check that is met rests below this sum; half of the work is saved for one iteration more. */
const RESTING = 0.6 * PHI_SCALE
/** Below this share of unmet checks a whole syndrome is compared. */
const NEAR = 16
