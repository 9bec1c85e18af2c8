/**
 * The Clock port over the operating system's clocks.
 *
 * Wall-clock time is what the operating system says and may jump; the rooms never measure durations
 * with it. Does not check the time against anyone: that is the site's business.
 *
 * @module
 */

import { assert, epochMs, type Cancel, type Clock, type EpochMs } from '#base'

/** The real clock. Disposal cancels every timer that is still set, for an orderly shutdown. */
export class SystemClock implements Clock, Disposable {
  /** Owner: this class. Every pending timer is in here, and no other. */
  readonly #pending = new Set<{ timer?: NodeJS.Timeout }>()

  now(): EpochMs {
    return epochMs(Date.now())
  }

  monotonicMs(): number {
    return Math.floor(performance.now())
  }

  after(delayMs: number, task: () => void): Cancel {
    assert(delayMs >= 0, 'a delay is not negative')
    // setTimeout takes at most 2³¹ − 1 ms and fires at once above: longer delays go in stages.
    const entry: { timer?: NodeJS.Timeout } = {}
    const wait = (leftMs: number): void => {
      const stage = Math.min(leftMs, STAGE_MS_MAX)
      entry.timer = setTimeout(() => {
        if (leftMs > stage) {
          wait(leftMs - stage)
          return
        }
        this.#pending.delete(entry)
        task()
      }, stage)
    }
    this.#pending.add(entry)
    wait(delayMs)
    return () => {
      clearTimeout(entry.timer)
      this.#pending.delete(entry)
    }
  }

  /** How many timers are set. */
  get pending(): number {
    return this.#pending.size
  }

  [Symbol.dispose](): void {
    for (const { timer } of this.#pending) clearTimeout(timer)
    this.#pending.clear()
  }
}

/** The longest delay of one `setTimeout`, in milliseconds. */
const STAGE_MS_MAX = 2 ** 31 - 1
