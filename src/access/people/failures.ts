/**
 * The failed sign-ins of those who are known here, kept over a restart: else whoever can make a daemon
 * start anew could guess on without waiting.
 *
 * A row for each person at most, sealed; names that nobody has leave none. What a source has tried is
 * not kept: there are too many of them.
 *
 * @module
 */

import { Exactly, HOUR_MS, Whole, type Clock, type EpochMs, type Statement } from '#base'
import { SealedRows, type RowsInput } from '../sealed-rows.ts'

/** How often somebody has failed, and when last. */
export interface KeptCount {
  readonly failures: number
  readonly at: EpochMs
}

const CountShape = Exactly({ failures: Whole(0), at: Whole(0) })

export class Failures {
  readonly #clock: Clock
  readonly #rows: SealedRows<typeof CountShape>

  constructor(input: RowsInput & { readonly clock: Clock }) {
    this.#clock = input.clock
    this.#rows = new SealedRows(input, { kind: 'tries', shape: CountShape, octetsMax: 256 })
  }

  /** What is kept of a person, unless it is as good as forgotten. */
  async of(person: string): Promise<{ readonly failures: number; agoMs: number } | undefined> {
    const value = (await this.#rows.get(person))?.value
    if (value === undefined) return undefined
    // A clock that was put back makes nobody wait longer.
    const agoMs = Math.max(0, this.#clock.now() - value.at)
    return agoMs < HOUR_MS ? { failures: value.failures, agoMs } : undefined
  }

  /** Keeps how often somebody has failed by now; undefined for never. */
  async keeping(person: string, count: KeptCount | undefined): Promise<readonly Statement[]> {
    const kept = await this.#rows.get(person)
    if (count === undefined) return kept === undefined ? [] : this.#rows.remove(kept)
    return kept === undefined ? this.#rows.insert(person, count) : this.#rows.replace(kept, count)
  }
}
