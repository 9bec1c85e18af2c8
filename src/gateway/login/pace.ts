/**
 * How often somebody may begin to sign in: each beginning is remembered for ten minutes, so that
 * without a limit anybody could fill the database.
 *
 * Counted for each address, minute by minute, in memory. A clinic may stand behind one address: the
 * limit is far above what people do.
 *
 * @module
 */

import { MINUTE_MS } from '#base'

/** Owns the count of this minute. */
export class Pace {
  readonly #max: number
  readonly #counts = new Map<string, number>()
  #minute = 0

  constructor(max: number) {
    this.#max = max
  }

  /** Whether one more from this source may begin now. @param now   milliseconds */
  allows(source: string, now: number): boolean {
    const minute = Math.floor(now / MINUTE_MS)
    if (minute !== this.#minute) this.#counts.clear()
    this.#minute = minute
    const count = (this.#counts.get(source) ?? 0) + 1
    if (count > this.#max || (count === 1 && this.#counts.size >= SOURCES_MAX)) return false
    this.#counts.set(source, count)
    return true
  }
}

const SOURCES_MAX = 10_000
