/**
 * The stream of notifications: a bounded past, and a bounded queue for each reader.
 *
 * A reader who names the last event it has read gets what came after, as far as it is kept; one who
 * falls behind is ended, and comes back in that way. Events are numbered anew with each run.
 *
 * @see RFC 8040 §6, WHATWG HTML "Server-sent events"
 * @module
 */

import { isoTime, type Cancel, type Clock, type EpochMs } from '#base'
import { RestconfRefusal } from './refusal.ts'
import type { YangObject } from './tree.ts'

interface Numbered {
  readonly serial: number
  readonly text: string
}

interface Reader {
  readonly waiting: string[]
  wake: PromiseWithResolvers<void>
  hasEnded: boolean
}

/** Owner of the past and of all readers. */
export class Events {
  readonly #clock: Clock
  /** Tells the events of this run from those of others. */
  readonly #run: EpochMs
  #past: Numbered[] = []
  #serial = 0
  readonly #readers = new Set<Reader>()
  #closed = false

  constructor(clock: Clock, run: EpochMs) {
    this.#clock = clock
    this.#run = run
  }

  /** Whether there is room for one more reader. */
  get hasRoom(): boolean {
    return !this.#closed && this.#readers.size < READERS_MAX
  }

  publish(notice: YangObject): void {
    const serial = ++this.#serial
    const eventTime = isoTime(this.#clock.now())
    const data = JSON.stringify({ 'ietf-restconf:notification': { eventTime, ...notice } })
    const text = `id: ${this.#run}-${serial}\ndata: ${data}\n\n`
    this.#past = [...this.#past, { serial, text }].slice(-PAST_MAX)
    for (const reader of this.#readers) offer(reader, text)
  }

  /**
   * Events from now on, or after the one that a reader names; as texts of an event stream. Ends when
   * the reader falls behind, or the site stops.
   *
   * @throws RestconfRefusal `RESTCONF_TOO_MANY`
   */
  read(lastId: string | undefined): AsyncGenerator<string, void, void> {
    if (!this.hasRoom) {
      throw new RestconfRefusal('RESTCONF_TOO_MANY', `A stream has at most ${READERS_MAX} readers`)
    }
    const reader: Reader = {
      waiting: [': open\n\n', ...this.#after(lastId)],
      wake: Promise.withResolvers(),
      hasEnded: false,
    }
    // In the list at once, so that nothing is missed until the first octet is asked for.
    this.#readers.add(reader)
    return this.#deliver(reader)
  }

  close(): void {
    this.#closed = true
    for (const reader of this.#readers) end(reader)
  }

  async *#deliver(reader: Reader): AsyncGenerator<string, void, void> {
    let beat: Cancel | undefined
    try {
      for (;;) {
        while (reader.waiting.length > 0) yield reader.waiting.shift() ?? ''
        if (reader.hasEnded) return
        reader.wake = Promise.withResolvers()
        // A line now and then shows either side that the other is gone.
        beat = this.#clock.after(BEAT_MS, () => offer(reader, ': still here\n\n'))
        await reader.wake.promise
        beat()
      }
    } finally {
      beat?.()
      this.#readers.delete(reader)
    }
  }

  /** What is kept of the events after one; all that is kept if it was of another run. */
  #after(lastId: string | undefined): readonly string[] {
    if (lastId === undefined || lastId === '') return []
    const found = EVENT_ID.exec(lastId)
    const isOfThisRun = found !== null && Number(found[1]) === this.#run
    const after = isOfThisRun ? Number(found[2]) : 0
    const kept = this.#past.filter(({ serial }) => serial > after)
    const isWhole = isOfThisRun && (kept.at(0)?.serial ?? after + 1) === after + 1
    return [
      ...(isWhole ? [] : [': events before these are lost\n\n']),
      ...kept.map(({ text }) => text),
    ]
  }
}

function offer(reader: Reader, text: string): void {
  if (reader.hasEnded) return
  if (reader.waiting.length >= WAITING_MAX) {
    end(reader)
    return
  }
  reader.waiting.push(text)
  reader.wake.resolve()
}

function end(reader: Reader): void {
  reader.hasEnded = true
  reader.wake.resolve()
}

const EVENT_ID = /^(\d{1,15})-(\d{1,15})$/
/** Events that are kept for readers who come back. */
const PAST_MAX = 1024
/** Events that a reader may be behind; more than come back with a reader. */
const WAITING_MAX = 2048
export const READERS_MAX = 16
const BEAT_MS = 15_000
