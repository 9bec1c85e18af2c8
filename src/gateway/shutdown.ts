/**
 * An orderly end: stop listening, finish what is under way, stop timers, flush, close.
 *
 * Stages run one after another, the steps of a stage together; a step that fails is logged and does
 * not stop the others. The drain is bounded in time, and a second signal ends the process at once:
 * nothing here is needed for safety, for a daemon may be killed at any moment.
 *
 * @module
 */

import { noteOf, type Clock, type Log } from '#base'

/** In the order in which they run. */
export const STAGES = ['listen', 'drain', 'timers', 'flush', 'close'] as const
export type Stage = (typeof STAGES)[number]

export interface ShutdownOptions {
  readonly clock: Clock
  readonly log: Log
  /** Ends the process; `process.exit` unless a test says otherwise. */
  readonly exit?: (status: number) => void
}

/** What emits signals: the process, or a test's stand-in. */
export interface Signals {
  on(signal: NodeJS.Signals, listener: () => void): unknown
  off(signal: NodeJS.Signals, listener: () => void): unknown
}

/** A listener, as far as its end goes. */
export interface Listening extends AsyncDisposable {
  stopListening(): void
  /** Resolves when what was asked has been answered. */
  drained?(): Promise<void>
}

interface Step {
  readonly stage: Stage
  readonly name: string
  readonly work: () => unknown
}

/** Collects what has to be done at the end, while a daemon starts. */
export class Shutdown {
  readonly #clock: Clock
  readonly #log: Log
  readonly #exit: (status: number) => void
  readonly #steps: Step[] = []
  #running: Promise<void> | undefined

  constructor({ clock, log, exit = (status) => process.exit(status) }: ShutdownOptions) {
    this.#clock = clock
    this.#log = log
    this.#exit = exit
  }

  /** Adds a step, which may return a promise. Steps of one stage have no order among them. */
  add(stage: Stage, name: string, work: Step['work']): void {
    this.#steps.push({ stage, name, work })
  }

  /** Adds the steps that end a listener: no new connections, what is under way, all connections. */
  addListener(name: string, listener: Listening): void {
    this.add('listen', name, () => listener.stopListening())
    if (listener.drained !== undefined) this.add('drain', name, () => listener.drained?.())
    this.add('flush', name, () => listener[Symbol.asyncDispose]())
  }

  /** Whether the end has begun: the daemon is no longer ready for new work. */
  get begun(): boolean {
    return this.#running !== undefined
  }

  /** Runs all stages once; later calls wait for the same end. */
  run(reason: string): Promise<void> {
    this.#running ??= this.#perform(reason)
    return this.#running
  }

  /**
   * Shuts down on SIGTERM and SIGINT and exits with 0; a second signal exits at once with 130.
   *
   * @returns a function that takes the listeners off again
   */
  onSignals(signals: Signals = process): () => void {
    const listeners = SIGNALS.map((signal) => {
      const listener = (): void => {
        if (this.begun) {
          this.#log.write('warning', 'shutdown-cut-short', { signal })
          this.#exit(130)
          return
        }
        void this.run(signal).then(() => this.#exit(0))
      }
      signals.on(signal, listener)
      return { signal, listener }
    })
    return () => {
      for (const { signal, listener } of listeners) signals.off(signal, listener)
    }
  }

  async #perform(reason: string): Promise<void> {
    this.#log.write('info', 'shutdown-begun', { reason })
    for (const stage of STAGES) {
      const steps = this.#steps.filter((step) => step.stage === stage)
      const done = Promise.all(steps.map((step) => this.#attempt(step)))
      await (stage === 'drain' ? this.#within(DRAIN_MS, done) : done)
    }
    this.#log.write('info', 'shutdown-done', { reason })
  }

  async #attempt({ stage, name, work }: Step): Promise<void> {
    try {
      await work()
    } catch (error) {
      const { code } = noteOf(error)
      this.#log.write('error', 'shutdown-step-failed', { stage, step: name, code })
    }
  }

  /** Waits for the work, but not longer. */
  async #within(ms: number, work: Promise<unknown>): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<'late'>()
    const cancel = this.#clock.after(ms, () => resolve('late'))
    const outcome = await Promise.race([work, late])
    cancel()
    if (outcome === 'late') this.#log.write('warning', 'drain-cut-short', { afterMs: ms })
  }
}

const SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT']
/** Time for requests and messages under way, in milliseconds. */
export const DRAIN_MS = 10_000
