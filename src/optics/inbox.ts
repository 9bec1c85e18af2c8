/**
 * The receiver's inbox: batches that wait to be taken, in order, up to a limit.
 *
 * @module
 */

import type { DetectionBatch } from './device.ts'

/** Takes one batch, and owns its arrays from then on. */
export type TakeBatch = (detections: DetectionBatch) => Promise<void> | void

/** Owner of waiting batches. Hands over one at a time and waits for each to be taken. */
export class Inbox {
  readonly closed: Promise<void>
  readonly #batchesMax: number
  readonly #waiting: DetectionBatch[] = []
  readonly #resolveClosed: () => void
  #taker: Taker | undefined

  constructor(batchesMax: number) {
    this.#batchesMax = batchesMax
    const { promise, resolve } = Promise.withResolvers<void>()
    this.closed = promise
    this.#resolveClosed = resolve
  }

  get queued(): number {
    return this.#waiting.length
  }

  get full(): boolean {
    return this.#waiting.length >= this.#batchesMax
  }

  /**
   * Hands batches to `take` from now on, in place of any earlier taker: a device that connects
   * again goes on where the old connection ended, even if that one never answered.
   */
  open(take: TakeBatch): void {
    this.#taker = { take, busy: false }
    void this.#handOver(this.#taker)
  }

  put(detections: DetectionBatch): void {
    this.#waiting.push(detections)
    if (this.#taker?.busy === false) void this.#handOver(this.#taker)
  }

  /** Overwrites and forgets what waits. */
  close(): void {
    this.#taker = undefined
    for (const { slots, outcomes } of this.#waiting.splice(0)) {
      slots.fill(0)
      outcomes.fill(0)
    }
    this.#resolveClosed()
  }

  async #handOver(taker: Taker): Promise<void> {
    taker.busy = true
    while (this.#taker === taker) {
      const next = this.#waiting.shift()
      if (next === undefined) break
      await taker.take(next)
    }
    taker.busy = false
  }
}

interface Taker {
  readonly take: TakeBatch
  busy: boolean
}
