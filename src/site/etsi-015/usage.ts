/**
 * Which applications have keys made at this site, and how many bits they have had, minute by minute.
 *
 * In memory only: it is for controllers to look at, and nothing rests on it.
 *
 * @see ETSI GS QKD 015 V2.1.1 (qkd_app, app_statistics)
 * @module
 */

import { epochMs, MINUTE_MS, type Clock, type EpochMs, type SiteId } from '#base'
import type { ApplicationFacts, UsePeriod } from './facts.ts'

/** Keys that were made. */
export interface KeyUse {
  readonly server: string
  readonly clients: readonly string[]
  readonly remote: SiteId
  readonly isInternal: boolean
  readonly bits: number
}

interface Held {
  readonly use: Omit<KeyUse, 'bits'>
  readonly firstAt: EpochMs
  /** By the number of the minute since the epoch; the newest last. */
  readonly minutes: Map<number, number>
  lastMs: number
}

export class Usage {
  readonly #clock: Clock
  readonly #held = new Map<string, Held>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  note({ bits, ...use }: KeyUse): void {
    const name = [use.server, ...use.clients.toSorted()].join(' ')
    const now = this.#clock.now()
    const held = this.#held.get(name) ?? {
      use,
      firstAt: now,
      minutes: new Map<number, number>(),
      lastMs: 0,
    }
    const minute = Math.floor(now / MINUTE_MS)
    held.minutes.set(minute, (held.minutes.get(minute) ?? 0) + bits)
    held.lastMs = this.#clock.monotonicMs()
    for (const old of held.minutes.keys()) {
      if (held.minutes.size <= MINUTES_KEPT) break
      held.minutes.delete(old)
    }
    // In the order of their last use, so that the first is the one to forget.
    this.#held.delete(name)
    this.#held.set(name, held)
    if (this.#held.size > APPLICATIONS_MAX) this.#held.delete(this.#held.keys().next().value ?? '')
  }

  /** All applications that are remembered. */
  applications(maxBitsPerSecond: (server: string) => number | undefined): ApplicationFacts[] {
    const nowMs = this.#clock.monotonicMs()
    for (const [name, { lastMs }] of this.#held) {
      if (nowMs - lastMs > FORGOTTEN_MS) this.#held.delete(name)
    }
    return [...this.#held.values()].map(({ use, firstAt, minutes, lastMs }) => {
      const periods = [...minutes].map(periodOf)
      return {
        ...{ ...use, firstAt, periods },
        isOn: nowMs - lastMs <= IDLE_MS,
        bitsPerSecond: nowMs - lastMs <= IDLE_MS ? this.#rate(minutes) : 0,
        maxBitsPerSecond: maxBitsPerSecond(use.server),
      }
    })
  }

  /** Over this minute, as far as it has come, and the one before. */
  #rate(minutes: ReadonlyMap<number, number>): number {
    const now = this.#clock.now()
    const minute = Math.floor(now / MINUTE_MS)
    const seconds = (now - (minute - 1) * MINUTE_MS) / 1000
    return ((minutes.get(minute - 1) ?? 0) + (minutes.get(minute) ?? 0)) / seconds
  }
}

function periodOf([minute, bits]: readonly [number, number]): UsePeriod {
  const from = epochMs(minute * MINUTE_MS)
  return { from, to: epochMs(from + MINUTE_MS), bits }
}

const MINUTES_KEPT = 15
const APPLICATIONS_MAX = 1024
/** After so long without a key an application counts as disconnected, and is forgotten later. */
const IDLE_MS = 10 * MINUTE_MS
const FORGOTTEN_MS = 24 * 60 * MINUTE_MS
