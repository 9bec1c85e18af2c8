/**
 * Simulated time: stands still until it is advanced, then runs what is due, in order.
 *
 * @module
 */

import { assert, epochMs, type Cancel, type Clock, type EpochMs } from '#base'

interface Timer {
  readonly due: number
  readonly order: number
  readonly task: () => void
}

/** The time of a whole world. Sites see it through `view`, each with its own wall-clock offset. */
export class SimulatedTime {
  #now = 0
  #order = 0
  readonly #start: number
  readonly #timers = new Set<Timer>()

  /** @param start wall-clock time at the beginning */
  constructor(start: EpochMs = epochMs(1_767_225_600_000)) {
    this.#start = start
  }

  /** Milliseconds since the beginning. */
  get elapsedMs(): number {
    return this.#now
  }

  after(delayMs: number, task: () => void): Cancel {
    assert(delayMs >= 0, 'a delay is not negative')
    const timer = { due: this.#now + delayMs, order: this.#order++, task }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** The clock of one site; `jump` shifts its wall clock, as a bad time server would. */
  view(): Clock & { jump(byMs: number): void } {
    let offset = 0
    return {
      now: () => epochMs(Math.max(0, Math.floor(this.#start + this.#now + offset))),
      monotonicMs: () => Math.floor(this.#now),
      after: (delayMs, task) => this.after(delayMs, task),
      jump: (byMs) => {
        offset += byMs
      },
    }
  }

  /** Lets `ms` pass: runs each timer that falls due, and all that follows from it, in order. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await settle()
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#timers.delete(next)
      this.#now = next.due
      next.task()
      await settle()
    }
    this.#now = end
  }

  #next(end: number): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.due > end) continue
      if (first === undefined || timer.due < first.due) first = timer
      else if (timer.due === first.due && timer.order < first.order) first = timer
    }
    return first
  }
}

/** Lets every promise that can go on go on. Nothing in the world waits for anything real. */
export async function settle(): Promise<void> {
  await new Promise<void>((resume) => void setImmediate(resume))
}
