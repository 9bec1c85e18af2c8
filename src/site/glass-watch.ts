/**
 * Alarms of broken glass: one for each that was opened, until somebody else has reviewed it, and a
 * louder one once that review is late.
 *
 * They name the grant and nobody. An emergency waits for none of this: an alarm that cannot be raised
 * now is raised at the next look, or at the next start.
 *
 * @module
 */

import { isoTime, logFacts, MINUTE_MS, type Cancel, type Clock, type Log } from '#base'
import { overdueReviews, type BreakGlassGrant, type GlassKeeper } from '#access'
import type { Alarms } from './alarms.ts'

export interface GlassWatchInput {
  readonly clock: Clock
  readonly log: Log
  readonly alarms: Pick<Alarms, 'raise' | 'clear' | 'standing'>
  readonly glass: Pick<GlassKeeper, 'state' | 'onChange'>
}

export class GlassWatch {
  readonly #input: GlassWatchInput
  #timer: Cancel | undefined
  /** The end of the queue of looks: alarms of one grant are raised and cleared in order. */
  #turn: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(input: GlassWatchInput) {
    this.#input = input
  }

  start(): void {
    this.#input.glass.onChange(() => void this.#look())
    this.#again()
  }

  /** Resolves once a look that is under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.()
    await this.#turn
  }

  #again(): void {
    if (this.#stopped) return
    void this.#look()
    this.#timer = this.#input.clock.after(EVERY_MS, () => {
      this.#again()
    })
  }

  #look(): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      try {
        await this.#settle()
      } catch (error) {
        this.#input.log.write('error', 'break-glass.alarm-failed', logFacts(error))
      }
    })
    return this.#turn
  }

  async #settle(): Promise<void> {
    const { clock, alarms, glass } = this.#input
    const waiting = glass.state
    const late = overdueReviews(waiting, clock.now())
    for (const grant of waiting) await alarms.raise(openedAlarm(grant))
    for (const grant of late) await alarms.raise(lateAlarm(grant))
    const standing = new Set<string>(waiting.map(({ id }) => id))
    for (const { kind, subject } of alarms.standing) {
      if (KINDS.includes(kind) && !standing.has(subject)) await alarms.clear(kind, subject)
    }
  }
}

const openedAlarm = ({ id, reviewDueAt }: BreakGlassGrant) => ({
  ...({ kind: OPENED, severity: 'notice', subject: id } as const),
  message: `Somebody broke the glass: review it until ${isoTime(reviewDueAt)}, photonward break-glass show ${id}`,
})

const lateAlarm = ({ id, reviewDueAt }: BreakGlassGrant) => ({
  ...({ kind: LATE, severity: 'warning', subject: id } as const),
  message: `Broken glass was to be reviewed until ${isoTime(reviewDueAt)}: photonward break-glass show ${id}`,
})

const OPENED = 'break-glass.opened'
const LATE = 'break-glass.review-late'
const KINDS: readonly string[] = [OPENED, LATE]
/** How often it is looked for reviews that became late. */
const EVERY_MS = 5 * MINUTE_MS
