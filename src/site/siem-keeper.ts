/**
 * Sends the log to a SIEM as it grows, from where it stood, whatever happens in between.
 *
 * The log itself is the spool: nothing is copied, and nothing is lost while the other end is away. A
 * cursor in the store says up to where it was sent. RFC 5425 has no receipts: what a connection took
 * may have lain in the buffers of both kernels when it broke. So a new one repeats the last of what the
 * one before took, more than any buffers hold; receivers tell repetitions by the index. A page is sent
 * when the one before was taken; what cannot be sent is tried again, ever more slowly, with an alarm
 * after a while.
 *
 * What a receiver has read and loses itself, is lost to it: that takes a protocol with receipts.
 *
 * @module
 */

import {
  bind,
  concat,
  logFacts,
  MINUTE_MS,
  statement,
  tablesOf,
  type Cancel,
  type Clock,
  type Log,
  type Migration,
  type Row,
  type SiteId,
  type Store,
} from '#base'
import type { AuditLog } from '#audit'
import type { Alarms } from './alarms.ts'
import { syslogFrame, type SiemAbout } from './siem-message.ts'

/** The way to a receiver. */
export interface SiemWay {
  /** Makes a connection where none is open. @returns whether it is a new one */
  connect(): Promise<boolean>
  /** Resolves once the connection has taken the octets; rejects where it is closed. */
  send(octets: Uint8Array): Promise<void>
  close(): void
}

export interface SiemKeeperInput {
  readonly site: SiteId
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  readonly audit: Pick<AuditLog, 'entries'>
  readonly alarms: Pick<Alarms, 'raise' | 'clear'>
  readonly about: SiemAbout
  readonly way: SiemWay
  /** How much of what was sent last a new connection repeats: more than buffers hold. */
  readonly repeatedOctets?: number
}

/** A page that a connection took: the index of its first entry, and how long it was. */
interface Taken {
  readonly from: number
  readonly octets: number
}

export class SiemKeeper {
  readonly #input: SiemKeeperInput
  /** What the connection takes next. */
  #at = 0
  /** What it took, oldest first: as much as may lie in buffers. */
  #taken: readonly Taken[] = []
  #timer: Cancel | undefined
  #running: Promise<void> | undefined
  #failures = 0
  #stopped = false

  constructor(input: SiemKeeperInput) {
    this.#input = input
  }

  start(): void {
    this.#sleep(0)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.()
    this.#input.way.close()
    await this.#running
  }

  #sleep(ms: number): void {
    if (this.#stopped) return
    this.#timer = this.#input.clock.after(ms, () => {
      this.#running = this.#send()
    })
  }

  async #send(): Promise<void> {
    const { log, alarms } = this.#input
    try {
      while (!this.#stopped && (await this.#page()));
      if (this.#failures >= ALARM_FAILURES) await alarms.clear(KIND, SUBJECT)
      this.#failures = 0
      this.#sleep(EVERY_MS)
    } catch (error) {
      this.#failures++
      log.write('warning', 'siem.not-sent', { ...logFacts(error), failures: this.#failures })
      if (this.#failures === ALARM_FAILURES) await this.#alarm()
      this.#sleep(Math.min(FIRST_PAUSE_MS * 2 ** (this.#failures - 1), PAUSE_MS_MAX))
    }
  }

  /** Sends a page. @returns whether there may be more */
  async #page(): Promise<boolean> {
    const { site, store, audit, about, way, repeatedOctets = BUFFERS_OCTETS } = this.#input
    const [row] = (await store.read(bind(SELECT, site))) as readonly (Row | undefined)[]
    const [next, again] = [Number(row?.['next'] ?? 0), Number(row?.['again'] ?? 0)]
    const isRepeating = this.#taken.length > 0 && this.#at < next
    const [newest] = isRepeating ? [] : await audit.entries({ after: next - 1 }, 1)
    if (!isRepeating && (newest as typeof newest | undefined) === undefined) return false
    if (await way.connect()) [this.#at, this.#taken] = [again, []]
    const entries = await audit.entries({ after: this.#at - 1 }, PAGE)
    const octets = concat(...entries.map((entry) => syslogFrame(entry, about)))
    await way.send(octets)
    const taken = [...this.#taken, { from: this.#at, octets: octets.length }]
    this.#taken = lastOf(taken, repeatedOctets)
    this.#at += entries.length
    await store.commit([bind(PUT, site, Math.max(next, this.#at), this.#taken[0].from)])
    return true
  }

  async #alarm(): Promise<void> {
    const { alarms, log } = this.#input
    const message = 'The log cannot be sent to the SIEM: see "siem" and photonward doctor'
    try {
      await alarms.raise({ kind: KIND, severity: 'warning', subject: SUBJECT, message })
    } catch (error) {
      log.write('error', 'siem.alarm-failed', logFacts(error))
    }
  }
}

/** The last of some pages, as few as hold more than so many octets. */
function lastOf(taken: readonly Taken[], least: number): readonly Taken[] {
  let first = taken.length
  for (let octets = 0; first > 0 && octets <= least;) octets += taken[--first].octets
  return taken.slice(first)
}

interface SiemTables {
  siem_cursor: {
    readonly site_id: string
    /** The index of what was never sent. */
    readonly next: number
    /** Where a new connection begins. */
    readonly again: number
  }
}

export const siemMigrations: readonly Migration[] = [
  {
    id: 'siem-1',
    statements: [
      'CREATE TABLE siem_cursor (site_id TEXT NOT NULL, next BIGINT NOT NULL, PRIMARY KEY (site_id))',
    ],
  },
  {
    id: 'siem-2',
    statements: [
      'ALTER TABLE siem_cursor ADD COLUMN again BIGINT NOT NULL DEFAULT 0',
      'UPDATE siem_cursor SET again = next',
    ],
  },
]

const db = tablesOf<SiemTables>()
const SELECT = statement(
  db.selectFrom('siem_cursor').select(['next', 'again']).where('site_id', '=', ''),
)
const PUT = statement(
  db
    .insertInto('siem_cursor')
    .values({ site_id: '', next: 0, again: 0 })
    .onConflict((on) =>
      on.columns(['site_id']).doUpdateSet({
        next: (from) => from.ref('excluded.next'),
        again: (from) => from.ref('excluded.again'),
      }),
    ),
)
const KIND = 'siem.unreachable'
const SUBJECT = 'siem'
/** Entries of one page. */
const PAGE = 200
/**
 * More than lies in the buffers of a connection: of Linux, where nobody has raised them, 4 MiB here and
 * up to 32 MiB there.
 */
const BUFFERS_OCTETS = 40 * 1024 * 1024
const EVERY_MS = 1000
const FIRST_PAUSE_MS = 1000
const PAUSE_MS_MAX = 5 * MINUTE_MS
/** Failures in a row after which somebody should look: some two minutes. */
const ALARM_FAILURES = 7
