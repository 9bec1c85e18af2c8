/**
 * Studies: what our models say beside what was published, with a plot.
 *
 * A study computes from expectations unless it says otherwise, asserts nothing, and says in its
 * remarks what it assumed. Whether a figure of a paper was printed as a number or read off a curve
 * stands in its source.
 *
 * @module
 */

import type { Plot } from './plot.ts'

/** One figure of ours beside one that was published or worked out elsewhere. */
export interface Comparison {
  readonly what: string
  readonly unit: string
  readonly ours: number
  /** Null where nobody printed one: then ours stands alone. */
  readonly published: number | null
  /** Publication with its year, and how the figure was taken from it. */
  readonly source: string
}

export interface StudyResult {
  readonly comparisons: readonly Comparison[]
  /** Named for the file that each is written to. */
  readonly plots: readonly (Plot & { readonly name: string })[]
  /** What was assumed, and what the figures do not show. */
  readonly remarks: readonly string[]
}

export interface Study {
  readonly run: () => StudyResult
}

/** Evenly spaced values, both ends included. */
export const steps = (from: number, to: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, at) => from + ((to - from) * at) / (count - 1))

/** Where a falling rate reaches 0, by halving. */
export function lastWithKey(rate: (place: number) => number, from: number, to: number): number {
  let [low, high] = [from, to]
  while (high - low > 1e-6) {
    const middle = (low + high) / 2
    if (rate(middle) > 0) low = middle
    else high = middle
  }
  return low
}
