/**
 * The syndrome of a packed string: one parity for each check of a code, a word of lanes at a time.
 *
 * @module
 */

import type { Code } from './code.ts'

/**
 * The syndrome of a string; checks beyond `checks` are not computed.
 *
 * @param words    a bit for each lane of each column, packed; `lift / 32` words a column
 * @param checks   how many, counted through the rows; the last row may be used in part
 * @returns packed, as many words as hold the checks; bits behind the last are 0
 */
export function syndromeOf(code: Code, words: Int32Array, checks: number): Int32Array {
  const { lift, starts, column, shift } = code
  const laneWords = lift / 32
  const mask = laneWords - 1
  const syndrome = new Int32Array(Math.ceil(checks / lift) * laneWords)
  for (let row = 0; row * lift < checks; row++) {
    const into = row * laneWords
    for (let edge = starts[row]; edge < starts[row + 1]; edge++) {
      const from = column[edge] * laneWords
      const skip = shift[edge] >>> 5
      const turn = shift[edge] & 31
      for (let word = 0; word < laneWords; word++) {
        const low = words[from + ((word + skip) & mask)]
        const high = words[from + ((word + skip + 1) & mask)]
        // A shift by 32 would be one by 0.
        syndrome[into + word] ^= (low >>> turn) | ((high << 1) << (31 - turn))
      }
    }
  }
  const used = syndrome.subarray(0, Math.ceil(checks / 32))
  if ((checks & 31) !== 0) used[used.length - 1] &= (1 << (checks & 31)) - 1
  return used
}
