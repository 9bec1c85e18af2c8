/**
 * Verifies everything that the vault stores, in the background: some hours after the start and then
 * once a day. What it finds wrong is an alarm that stands until a later look finds nothing.
 *
 * One look goes on beside all other work and ends early when the site does. It sees what
 * `Vault.scrub` sees; the log itself and stored keys are verified by `audit verify`. At the start and
 * after each look, files that belong to nothing are removed.
 *
 * @module
 */

import { DAY_MS, HOUR_MS, logFacts, type Cancel, type Clock, type EpochMs, type Log } from '#base'
import type { ScrubFinding } from '#vault'
import type { Alarms } from './alarms.ts'

export interface ScrubKeeperInput {
  readonly clock: Clock
  readonly log: Log
  readonly alarms: Pick<Alarms, 'raise' | 'clear'>
  /** One look at everything; the last finding is `done`. */
  readonly scrub: () => AsyncIterable<ScrubFinding>
  /** Removes files that belong to nothing: at the start, and after each look. */
  readonly sweep: (stop: AbortSignal) => Promise<number>
  /** What is done once a day besides: forgetting what has had its time. */
  readonly besides?: () => Promise<void>
}

/** What the last whole look found. */
export interface ScrubbedView {
  readonly at: EpochMs
  readonly faults: number
  readonly versions: number
}

export class ScrubKeeper {
  readonly #input: ScrubKeeperInput
  #last: ScrubbedView | undefined
  #timer: Cancel | undefined
  #running: Promise<void> | undefined
  readonly #ending = new AbortController()

  constructor(input: ScrubKeeperInput) {
    this.#input = input
  }

  /** What the last whole look of this run found; undefined before the first. */
  get last(): ScrubbedView | undefined {
    return this.#last
  }

  start(): void {
    this.#running = this.#sweep()
    this.#sleep(FIRST_MS)
  }

  /** Resolves once a look that is under way has ended. */
  async stop(): Promise<void> {
    this.#ending.abort()
    this.#timer?.()
    await this.#running
  }

  #sleep(ms: number): void {
    if (this.#ending.signal.aborted) return
    this.#timer = this.#input.clock.after(ms, () => {
      this.#running = this.#look().finally(() => {
        this.#running = undefined
        this.#sleep(EVERY_MS)
      })
    })
  }

  async #look(): Promise<void> {
    const { clock, log, scrub } = this.#input
    const places: string[] = []
    try {
      for await (const finding of scrub()) {
        if (this.#ending.signal.aborted) return
        if (finding.kind === 'fault') places.push(`${finding.place}: ${finding.problem}`)
        if (finding.kind !== 'done') continue
        const { faults, checked } = finding
        this.#last = { at: clock.now(), faults, versions: checked['versions'] ?? 0 }
        await this.#tell(faults, places[0])
      }
    } catch (error) {
      log.write('error', 'scrub.not-ended', logFacts(error))
    }
    await this.#sweep()
    try {
      if (!this.#ending.signal.aborted) await this.#input.besides?.()
    } catch (error) {
      log.write('error', 'scrub.besides-failed', logFacts(error))
    }
  }

  async #sweep(): Promise<void> {
    const { log, sweep } = this.#input
    const { signal } = this.#ending
    if (signal.aborted) return
    try {
      const files = await sweep(signal)
      if (files > 0) log.write('info', 'blobs.swept', { files })
    } catch (error) {
      log.write('warning', 'blobs.not-swept', logFacts(error))
    }
  }

  async #tell(faults: number, first: string | undefined): Promise<void> {
    const { alarms } = this.#input
    if (first === undefined) {
      await alarms.clear(KIND, SUBJECT)
      return
    }
    const message = `${String(faults)} found, first ${first}; see photonward audit verify`
    await alarms.raise({ kind: KIND, severity: 'critical', subject: SUBJECT, message })
  }
}

const KIND = 'vault.doubted'
const SUBJECT = 'vault'
const FIRST_MS = 6 * HOUR_MS
const EVERY_MS = DAY_MS
