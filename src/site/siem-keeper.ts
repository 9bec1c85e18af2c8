/**
 * Sends the log to a SIEM as it grows, from where it stood, whatever happens in between.
 *
 * The log itself is the spool: nothing is copied, and nothing is lost while the other end is away. A
 * cursor in the store says up to where it was sent. RFC 5425 has no receipts: what a connection took
 * before it broke may be lost, so a new one begins a page earlier; receivers tell repetitions by the
 * index. A page is sent when the one before was taken; what cannot be sent is tried again, ever more
 * slowly, with an alarm after a while.
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
  type SiteId,
  type Store,
} from '#base'
import type { AuditLog } from '#audit'
import type { Alarms } from './alarms.ts'
import { syslogFrame, type SiemAbout } from './siem-message.ts'

/** The way to a receiver. */
export interface SiemWay {
  /** Resolves once the connection, a new one where none is open, has taken the octets. */
  send(octets: Uint8Array): Promise<void>
  /** Whether the next octets go over a connection that is open already. */
  readonly isOpen: boolean
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
}

export class SiemKeeper {
  readonly #input: SiemKeeperInput
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
    const { site, store, audit, about, way } = this.#input
    const [row] = await store.read(bind(SELECT, site))
    const sent = (row as typeof row | undefined) === undefined ? 0 : Number(row['next'])
    const from = way.isOpen ? sent : Math.max(0, sent - PAGE)
    const entries = await audit.entries({ after: from - 1 }, PAGE + sent - from)
    const last = entries.at(-1)
    if (last === undefined || last.index < sent) return false
    await way.send(concat(...entries.map((entry) => syslogFrame(entry, about))))
    await store.commit([bind(PUT, site, last.index + 1)])
    return last.index + 1 - sent === PAGE
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

interface SiemTables {
  siem_cursor: { readonly site_id: string; readonly next: number }
}

export const siemMigrations: readonly Migration[] = [
  {
    id: 'siem-1',
    statements: [
      'CREATE TABLE siem_cursor (site_id TEXT NOT NULL, next BIGINT NOT NULL, PRIMARY KEY (site_id))',
    ],
  },
]

const db = tablesOf<SiemTables>()
const SELECT = statement(db.selectFrom('siem_cursor').select('next').where('site_id', '=', ''))
const PUT = statement(
  db
    .insertInto('siem_cursor')
    .values({ site_id: '', next: 0 })
    .onConflict((on) =>
      on.columns(['site_id']).doUpdateSet({ next: (from) => from.ref('excluded.next') }),
    ),
)
const KIND = 'siem.unreachable'
const SUBJECT = 'siem'
/** Entries of one page. */
const PAGE = 200
const EVERY_MS = 1000
const FIRST_PAUSE_MS = 1000
const PAUSE_MS_MAX = 5 * MINUTE_MS
/** Failures in a row after which somebody should look: some two minutes. */
const ALARM_FAILURES = 7
