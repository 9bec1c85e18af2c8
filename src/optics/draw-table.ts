/**
 * Tables for drawing from a discrete law with one random word.
 *
 * Inverts the cumulative law; the leading 8 bits of the word mostly decide alone, by a look-up
 * whose branch a processor predicts well, and only at the borders between outcomes are all bits
 * compared.
 *
 * @see Chen and Asau, AIIE Trans. 6, 163 (1974), indexed search
 * @module
 */

import { assert } from '#base'

/** Several laws over the same outcomes, one for each row. */
export interface DrawTable {
  readonly wordBits: number
  readonly outcomes: number
  /** 256 for each row: the outcome that these leading bits decide on, or `UNDECIDED`. */
  readonly guide: Uint8Array
  /** For each row and outcome: words below this draw that outcome or an earlier one. */
  readonly limits: Float64Array
}

/**
 * Builds a table. Each probability is met to within 2^−wordBits; what has probability 0 is never
 * drawn.
 *
 * @param rows      weights of each outcome in each row, not negative, not all 0
 * @param wordBits  bits of the word that one draw takes, 8 to 32
 */
export function drawTable(rows: readonly (readonly number[])[], wordBits: number): DrawTable {
  const outcomes = rows[0].length
  const guide = new Uint8Array(rows.length * GUIDES).fill(UNDECIDED)
  const limits = new Float64Array(rows.length * outcomes)
  for (const [row, weights] of rows.entries()) {
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    assert(weights.length === outcomes && outcomes < UNDECIDED, 'rows are over the same outcomes')
    assert(total > 0 && weights.every((weight) => weight >= 0), 'weights make a law')
    const last = weights.findLastIndex((weight) => weight > 0)
    let sum = 0
    let least = 0
    for (const [outcome, weight] of weights.entries()) {
      sum += weight
      const limit = outcome >= last ? 2 ** wordBits : Math.round((sum / total) * 2 ** wordBits)
      limits[row * outcomes + outcome] = limit
      const width = 2 ** (wordBits - 8)
      guide.fill(outcome, row * GUIDES + Math.ceil(least / width), row * GUIDES + limit / width)
      least = limit
    }
  }
  return { wordBits, outcomes, guide, limits }
}

/** Draws from one row with a uniform word of `wordBits` bits. */
export function draw(table: DrawTable, row: number, word: number): number {
  const guided = table.guide[(row << 8) | (word >>> (table.wordBits - 8))]
  return guided === UNDECIDED ? compared(table, row, word) : guided
}

function compared({ limits, outcomes }: DrawTable, row: number, word: number): number {
  let at = row * outcomes
  while (word >= limits[at]) at++
  return at - row * outcomes
}

const GUIDES = 256
const UNDECIDED = 255
