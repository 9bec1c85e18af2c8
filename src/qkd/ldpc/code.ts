/**
 * Quasi-cyclic LDPC codes of any size, built by both ends from a fixed seed alone.
 *
 * A code is a base graph of columns and rows, each of `lift` bits or checks. An edge joins lane z of
 * its row to lane (z + shift) mod lift of its column. Rows are chosen as in progressive edge growth,
 * the emptiest first; shifts so that no cycle has four edges, and few have six. Columns of two edges
 * are chained through the rows, which leaves no short cycle among them alone.
 *
 * How many columns have how many edges was tuned by measurement with our decoder, beginning from
 * what arXiv 0901.2140 found for the binary symmetric channel. Changing anything here changes the
 * protocol: both ends must build the same code.
 *
 * @see Hu, Eleftheriou, Arnold, IEEE Trans. Inf. Theory 51 (2005); Elkouss et al., arXiv 0901.2140
 * @module
 */

import { assert, SeededRandom } from '#base'

/** The size of a code. */
export interface CodeShape {
  /** Lanes of each row and column: a power of two, at least 32. */
  readonly lift: number
  readonly columns: number
  readonly rows: number
}

/** A code: its edges row by row. */
export interface Code extends CodeShape {
  /** The edges of row r are those from `starts[r]` up to `starts[r + 1]`. */
  readonly starts: Int32Array
  /** Column of each edge. */
  readonly column: Int32Array
  /** Shift of each edge, below `lift`. */
  readonly shift: Int32Array
}

/** Edges of each column. */
export interface DegreeShare {
  readonly degree: number
  /** Share of the columns; those left over have three edges. */
  readonly share: number
}

/** Builds the code of a shape; always the same one. */
export function buildCode(shape: CodeShape, shares = sharesFor(shape)): Code {
  const { lift, columns, rows } = shape
  assert(lift >= 32 && (lift & (lift - 1)) === 0, 'lanes are a power of two')
  assert(rows >= 3 && columns > rows, 'a code has more columns than rows')
  const random = new SeededRandom(CODE_SEED + lift * 31 + columns * 17 + rows)
  const graph = new Graph(shape)
  const degrees = degreesOf(shape, shares)
  const places = shuffled(columns, random)
  const byRow: { column: number; shift: number }[][] = Array.from({ length: rows }, () => [])
  degrees.forEach((degree, at) => {
    const chain = degree === 2 ? at : undefined
    const chosen = graph.rowsFor(degree, { chain, random })
    const shifts = graph.shiftsFor(chosen, random)
    chosen.forEach((row, k) => byRow[row].push({ column: places[at], shift: shifts[k] }))
  })
  return flatten(shape, byRow)
}

/** Degrees in the order in which columns are placed, smallest first. */
function degreesOf({ columns, rows }: CodeShape, shares: readonly DegreeShare[]): number[] {
  const degrees = shares.flatMap(({ degree, share }) =>
    Array.from({ length: Math.round(share * columns) }, () => Math.min(degree, rows)),
  )
  while (degrees.length < columns) degrees.push(3)
  return degrees.toSorted((a, b) => a - b)
}

/** The base graph while it grows. */
class Graph {
  readonly #rows: number
  readonly #lift: number
  readonly #filled: Int32Array
  /** For each ordered pair of rows: differences of shifts that some column has. */
  readonly #differences: Int32Array[]
  readonly #taken: Uint8Array

  constructor({ rows, lift }: CodeShape) {
    this.#rows = rows
    this.#lift = lift
    this.#filled = new Int32Array(rows)
    this.#differences = Array.from({ length: rows * rows }, () => new Int32Array(0))
    this.#taken = new Uint8Array(rows * rows * lift)
  }

  /** The emptiest rows, or a row and the next one in the chain. */
  rowsFor(
    degree: number,
    { chain, random }: { readonly chain: number | undefined; readonly random: SeededRandom },
  ): number[] {
    const chosen: number[] = []
    if (chain !== undefined) {
      // Not through the last row, which may be told in part: one edge would be left.
      const rows = this.#rows - 1
      chosen.push(chain % rows, (chain + 1) % rows)
    } else {
      const keys = Float64Array.from(this.#filled, (count) => count + random.unit() * 0.9)
      const order = Array.from(keys.keys()).sort((a, b) => keys[a] - keys[b])
      chosen.push(...order.slice(0, degree))
    }
    for (const row of chosen) this.#filled[row]++
    return chosen
  }

  /** Shifts of one column's edges, chosen one after another. */
  shiftsFor(rows: readonly number[], random: SeededRandom): number[] {
    const shifts: number[] = []
    rows.forEach((_, k) => {
      let best = 0
      let bestCost = Infinity
      for (let tries = 0; tries < TRIES && bestCost > 0; tries++) {
        shifts[k] = random.below(this.#lift)
        const cost = this.#cost(rows, shifts, bestCost)
        if (cost < bestCost) [best, bestCost] = [shifts[k], cost]
      }
      shifts[k] = best
    })
    for (let a = 0; a < rows.length; a++) {
      for (let b = 0; b < rows.length; b++) {
        if (a !== b) this.#take(rows[a] * this.#rows + rows[b], shifts[a] - shifts[b])
      }
    }
    return shifts
  }

  #take(pair: number, difference: number): void {
    const wrapped = difference & (this.#lift - 1)
    this.#taken[pair * this.#lift + wrapped] = 1
    this.#differences[pair] = Int32Array.of(...this.#differences[pair], wrapped)
  }

  /**
   * What the last of these edges costs: cycles of four, dear, and of six. Counts no further than to
   * `enough`.
   */
  #cost(rows: readonly number[], shifts: readonly number[], enough: number): number {
    const last = shifts.length - 1
    const count = this.#rows
    let cost = 0
    for (let k = 0; k < last && cost < enough; k++) {
      const difference = (shifts[last] - shifts[k]) & (this.#lift - 1)
      cost +=
        FOUR_CYCLE_COST * this.#taken[(rows[last] * count + rows[k]) * this.#lift + difference]
      for (let via = 0; via < count; via++) {
        const onward = (via * count + rows[k]) * this.#lift
        for (const step of this.#differences[rows[last] * count + via]) {
          cost += this.#taken[onward + ((difference - step) & (this.#lift - 1))]
        }
      }
    }
    return cost
  }
}

function flatten(
  shape: CodeShape,
  byRow: readonly (readonly { readonly column: number; readonly shift: number }[])[],
): Code {
  const edges = byRow.flat()
  const starts = new Int32Array(shape.rows + 1)
  assert(
    byRow.every((row) => row.length <= DEGREE_MAX),
    'rows are short enough to decode',
  )
  byRow.forEach((row, at) => (starts[at + 1] = starts[at] + row.length))
  return {
    ...shape,
    starts,
    column: Int32Array.from(edges, ({ column }) => column),
    shift: Int32Array.from(edges, ({ shift }) => shift),
  }
}

function shuffled(count: number, random: SeededRandom): Int32Array {
  const order = Int32Array.from({ length: count }, (_, at) => at)
  for (let at = count - 1; at > 0; at--) {
    const other = random.below(at + 1)
    ;[order[at], order[other]] = [order[other], order[at]]
  }
  return order
}

/** Degrees that suit a share of checks: the fewer checks, the more columns of many edges. */
export function sharesFor({ rows, columns }: CodeShape): readonly DegreeShare[] {
  const checks = rows / columns
  const many = 0.16 + 0.6 * (0.33 - checks) + Math.max(0, 0.095 - checks)
  return [
    { degree: 2, share: 0.9 * checks },
    { degree: 12, share: Math.min(0.37, Math.max(0.1, many)) },
  ]
}

/** Edges that a row may have. */
export const DEGREE_MAX = 128

const CODE_SEED = 20_091_214
/** Shifts tried for an edge. */
const TRIES = 12
const FOUR_CYCLE_COST = 10_000
