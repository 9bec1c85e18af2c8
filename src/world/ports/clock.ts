/**
 * Simulated time: stands still until it is advanced, then runs what is due, in order.
 *
 * @module
 */

import { assert, epochMs, type Cancel, type Clock, type EpochMs } from '#base'

interface Timer {
  readonly due: number
  readonly order: number
  /** Undefined once it has run or was cancelled. */
  task: (() => void) | undefined
}

/** The time of a whole world. Sites see it through `view`, each with its own wall-clock offset. */
export class SimulatedTime {
  #now = 0
  #order = 0
  readonly #start: number
  /** A binary heap: no timer is before its parent, which stands at half its place. */
  readonly #timers: Timer[] = []

  /** @param start wall-clock time at the beginning */
  constructor(start: EpochMs = WORLD_BEGINS) {
    this.#start = start
  }

  /** Milliseconds since the beginning. */
  get elapsedMs(): number {
    return this.#now
  }

  after(delayMs: number, task: () => void): Cancel {
    assert(delayMs >= 0, 'a delay is not negative')
    const timer: Timer = { due: this.#now + delayMs, order: this.#order++, task }
    this.#push(timer)
    return () => {
      timer.task = undefined
    }
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
    for (let next = this.#first(); next !== undefined && next.due <= end; next = this.#first()) {
      this.#pop()
      const { task } = next
      if (task === undefined) continue
      next.task = undefined
      this.#now = next.due
      task()
      await settle()
    }
    this.#now = end
  }

  #first(): Timer | undefined {
    while (this.#timers.length > 0 && this.#timers[0].task === undefined) this.#pop()
    return this.#timers.at(0)
  }

  #push(timer: Timer): void {
    const heap = this.#timers
    let at = heap.push(timer) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(timer, heap[parent])) break
      heap[at] = heap[parent]
      at = parent
    }
    heap[at] = timer
  }

  #pop(): void {
    const heap = this.#timers
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++
      if (!isBefore(heap[child], last)) break
      heap[at] = heap[child]
      at = child
    }
    heap[at] = last
  }
}

/** Lets every promise that can go on go on. Nothing in the world waits for anything real. */
export async function settle(): Promise<void> {
  await new Promise<void>((resume) => void setImmediate(resume))
}

const isBefore = (a: Timer, b: Timer): boolean =>
  a.due < b.due || (a.due === b.due && a.order < b.order)

/** When a simulated world begins, unless told otherwise: New Year of 2026. */
export const WORLD_BEGINS = epochMs(1_767_225_600_000)
