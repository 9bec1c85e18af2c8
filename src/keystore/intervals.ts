/**
 * A set of octet positions, kept as sorted runs that neither touch nor overlap.
 *
 * Remembers which octets of the peer's half have been activated. Keys come nearly in order, so the
 * set is nearly always one run and adding to it costs the same however much it holds.
 *
 * @module
 */

import type { Span } from './layout.ts'

/** A set of positions. Whoever holds it may only add to it. */
export class Intervals {
  /** Starts and ends in turn, rising. */
  readonly #edges: number[] = []
  #total = 0

  /** How many positions the set holds. */
  get total(): number {
    return this.#total
  }

  /** Whether any position of the span is in the set. */
  touches({ from, octets }: Span): boolean {
    const at = this.#firstEdgeAbove(from)
    // An odd place means that `from` lies inside a run.
    return (
      octets > 0 && (at % 2 === 1 || (at < this.#edges.length && this.#edges[at] < from + octets))
    )
  }

  /** Adds the span and returns how many of its positions are new. */
  add({ from, octets }: Span): number {
    const to = from + octets
    const edges = this.#edges
    const before = this.#total
    let first = this.#firstEdgeAbove(from)
    let start = from
    if (first % 2 === 1) start = edges[--first]
    else if (first > 0 && edges[first - 1] === from) {
      first -= 2
      start = edges[first]
    }
    let last = first
    let end = to
    while (last < edges.length && edges[last] <= to) {
      end = Math.max(end, edges[last + 1])
      this.#total -= edges[last + 1] - edges[last]
      last += 2
    }
    edges.splice(first, last - first, start, end)
    this.#total += end - start
    return this.#total - before
  }

  /** Index of the first edge above a position. */
  #firstEdgeAbove(position: number): number {
    let low = 0
    let high = this.#edges.length
    // Nearly always the end: look there first.
    if (high > 0 && this.#edges[high - 1] <= position) return high
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#edges[middle] <= position) low = middle + 1
      else high = middle
    }
    return low
  }
}
