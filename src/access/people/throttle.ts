/**
 * How long somebody who has failed has to wait: longer each time, and never for ever.
 *
 * Counted for each account and for each source. An account is never locked, for that would keep a
 * clinician from a patient at anybody's will. An attempt counts when it begins, so that many at once
 * are no way around; one that succeeds is taken back.
 *
 * Lives in memory: what is to outlast a restart, `failures.ts` keeps.
 *
 * @module
 */

import { MINUTE_MS, SECOND_MS, type Clock } from '#base'

interface Count {
  failures: number
  /** On the monotonic clock. */
  lastMs: number
}

export class Throttle {
  readonly #clock: Clock
  /** Least recently counted first. */
  readonly #counts = new Map<string, Count>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How long the next attempt of any of these has to wait; 0 for not at all. */
  waitMs(names: readonly string[]): number {
    const now = this.#clock.monotonicMs()
    const waits = names.map((name) => {
      const count = this.#counts.get(name)
      return count === undefined ? 0 : count.lastMs + delayMs(count.failures) - now
    })
    return Math.max(0, ...waits)
  }

  /** How often this one has failed, as far as it is counted. */
  failuresOf(name: string): number | undefined {
    return this.#counts.get(name)?.failures
  }

  /** Goes on with a count from before a restart. */
  recall(name: string, { failures, agoMs }: { readonly failures: number; agoMs: number }): void {
    const lastMs = this.#clock.monotonicMs() - agoMs
    this.#counts.set(name, { failures, lastMs })
  }

  /** Counts an attempt of each of these. */
  begin(names: readonly string[]): void {
    const now = this.#clock.monotonicMs()
    for (const name of names) {
      const count = this.#counts.get(name)
      const isFresh = count === undefined || now - count.lastMs >= FORGOTTEN_MS
      this.#counts.delete(name)
      this.#counts.set(name, { failures: isFresh ? 1 : count.failures + 1, lastMs: now })
    }
    for (const oldest of [...this.#counts.keys()].slice(0, -NAMES_MAX)) this.#counts.delete(oldest)
  }

  /** Takes attempts back that came to a good end: an account starts anew, a source loses one. */
  succeeded({ account, source }: { readonly account: string; readonly source: string }): void {
    this.#counts.delete(account)
    const count = this.#counts.get(source)
    if (count !== undefined) count.failures--
  }
}

/** 1 s after the fourth failure, doubled with each further one, 5 minutes at most. */
export function delayMs(failures: number): number {
  if (failures < FREE) return 0
  return Math.min(DELAY_MS_MAX, SECOND_MS * 2 ** Math.min(failures - FREE, 30))
}

const FREE = 4
const DELAY_MS_MAX = 5 * MINUTE_MS
const FORGOTTEN_MS = 60 * MINUTE_MS
const NAMES_MAX = 10_000
