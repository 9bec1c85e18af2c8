/**
 * Links that have been without their other end for longer than somebody's patience: an alarm for
 * each, cleared when the link is there again.
 *
 * Keys that are stored go on being given out meanwhile; what the alarm says is that none come. A link
 * that a controller or the operator has switched off is not missed. Whether it is the other site, its
 * device or the way to it that does not answer cannot be told from here.
 *
 * @module
 */

import { logFacts, type Cancel, type Clock, type LinkId, type Log, type SiteId } from '#base'
import type { Alarms } from './alarms.ts'

/** A link, as far as it can be missed. */
export interface MissableLink {
  readonly link: LinkId
  readonly peer: SiteId
  /** Whether it is wanted, and there is nobody at its other end or no device at this one. */
  readonly isAway: boolean
}

export interface DownWatchInput {
  readonly links: readonly MissableLink[]
  readonly alarms: Alarms
  readonly clock: Clock
  readonly log: Log
  /** For how long a link may be away without an alarm. */
  readonly patienceMs: number
}

export class DownWatch {
  readonly #input: DownWatchInput
  /** By link: since when it has been away, by the monotonic clock. */
  readonly #awaySince = new Map<LinkId, number>()
  #cancel: Cancel | undefined
  #stopped = false

  constructor(input: DownWatchInput) {
    this.#input = input
  }

  start(): void {
    const { links, alarms, clock } = this.#input
    const known = new Set<string>(links.map(({ link }) => link))
    // Of a link that has left the configuration nobody would clear it.
    for (const { kind, subject } of alarms.standing) {
      if (kind === DOWN && !known.has(subject)) this.#change(subject, alarms.clear(DOWN, subject))
    }
    const look = (): void => {
      if (this.#stopped) return
      this.#look()
      this.#cancel = clock.after(LOOK_MS, look)
    }
    look()
  }

  stop(): void {
    this.#stopped = true
    this.#cancel?.()
  }

  #look(): void {
    const { links, alarms, clock, patienceMs } = this.#input
    const nowMs = clock.monotonicMs()
    for (const { link, peer, isAway } of links) {
      if (!isAway) {
        this.#awaySince.delete(link)
        this.#change(link, alarms.clear(DOWN, link))
        continue
      }
      const sinceMs = this.#awaySince.get(link) ?? nowMs
      this.#awaySince.set(link, sinceMs)
      if (nowMs - sinceMs < patienceMs) continue
      const message = `The link to ${peer} has been down for ${String(patienceMs / 1000)} s: the other site, a device or the way between them does not answer; no keys come`
      const cause = { kind: DOWN, severity: 'warning', subject: link, message } as const
      this.#change(link, alarms.raise(cause))
    }
  }

  /** What the store refuses is tried again at the next look. */
  #change(link: string, change: Promise<void>): void {
    change.catch((error: unknown) => {
      this.#input.log.write('error', 'link.alarm-failed', { link, ...logFacts(error) })
    })
  }
}

const DOWN = 'link.down'
const LOOK_MS = 1000
