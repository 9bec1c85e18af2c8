/**
 * Alarms of a site: raised once while their cause stands, cleared when it has gone, kept and logged.
 *
 * Raising an alarm that stands already does nothing: an attack of an hour is one alarm.
 *
 * @module
 */

import {
  bind,
  epochMs,
  newTimeUuid,
  statement,
  tablesOf,
  uuid,
  type Clock,
  type EpochMs,
  type Log,
  type Migration,
  type RandomSource,
  type Row,
  type SiteId,
  type Store,
  type Uuid,
} from '#base'
import type { AuditTrail } from '#audit'

export type Severity = 'notice' | 'warning' | 'critical'

export interface AlarmCause {
  /** Dotted neutral term, such as `link.qber-above-limit`. */
  readonly kind: string
  readonly severity: Severity
  /** What it is about: a link, a log, a peer. */
  readonly subject: string
  /** One line for a person; nothing of a patient, no key bits. */
  readonly message: string
}

export interface Alarm extends AlarmCause {
  readonly id: Uuid
  readonly at: EpochMs
  readonly clearedAt: EpochMs | undefined
}

export interface AlarmsInput {
  readonly site: SiteId
  readonly store: Store
  readonly clock: Clock
  readonly random: RandomSource
  readonly audit: AuditTrail
  readonly log: Log
}

export class Alarms {
  readonly #input: AlarmsInput
  /** Standing alarms by kind and subject; owner of the truth that `alarm` rows repeat. */
  readonly #standing: Map<string, Alarm>

  private constructor(input: AlarmsInput, standing: readonly Alarm[]) {
    this.#input = input
    this.#standing = new Map(standing.map((alarm) => [keyOf(alarm), alarm]))
  }

  static async open(input: AlarmsInput): Promise<Alarms> {
    const rows = await input.store.read(bind(STANDING, input.site))
    return new Alarms(input, rows.map(alarmOf))
  }

  get standing(): readonly Alarm[] {
    return [...this.#standing.values()]
  }

  /**
   * Raises an alarm, durably and logged; nothing happens while the same one stands. If the store
   * refuses it, it does not stand, and may be raised again.
   */
  async raise(cause: AlarmCause): Promise<void> {
    const key = keyOf(cause)
    if (this.#standing.has(key)) return
    const { site, store, clock, random, audit, log } = this.#input
    const at = clock.now()
    const { kind, severity, subject, message } = cause
    const alarm: Alarm = { ...cause, id: newTimeUuid(random, at), at, clearedAt: undefined }
    this.#standing.set(key, alarm)
    log.write(severity === 'notice' ? 'info' : 'warning', 'alarm.raised', { kind, subject })
    const facts = { alarm: kind, subject, severity }
    try {
      await store.commit([
        bind(INSERT, site, alarm.id, at, kind, severity, subject, message, null),
        audit.append({ kind: 'alarm.raised', at, actor: site, facts }),
      ])
    } catch (error) {
      this.#standing.delete(key)
      throw error
    }
  }

  /** Clears an alarm whose cause has gone. If the store refuses that, it stands as before. */
  async clear(kind: string, subject: string): Promise<void> {
    const key = keyOf({ kind, subject })
    const alarm = this.#standing.get(key)
    if (alarm === undefined) return
    const { site, store, clock, audit, log } = this.#input
    this.#standing.delete(key)
    const at = clock.now()
    log.write('info', 'alarm.cleared', { kind, subject })
    try {
      await store.commit([
        bind(CLEAR, at, site, alarm.id),
        audit.append({ kind: 'alarm.cleared', at, actor: site, facts: { alarm: kind, subject } }),
      ])
    } catch (error) {
      this.#standing.set(key, alarm)
      throw error
    }
  }

  /** Alarms, standing and cleared, newest first. @param before   only those older than this one */
  async newest(limit: number, before: Uuid = NEVER): Promise<readonly Alarm[]> {
    const { site, store } = this.#input
    return (await store.read(bind(NEWEST, site, before, limit))).map(alarmOf)
  }
}

const keyOf = ({ kind, subject }: { kind: string; subject: string }): string => `${kind} ${subject}`

function alarmOf(row: Row): Alarm {
  return {
    id: uuid(String(row['alarm_id'])),
    at: epochMs(Number(row['raised_at'])),
    kind: String(row['kind']),
    severity: String(row['severity']) as Severity,
    subject: String(row['subject']),
    message: String(row['message']),
    clearedAt: row['cleared_at'] === null ? undefined : epochMs(Number(row['cleared_at'])),
  }
}

interface AlarmTables {
  alarm: {
    site_id: string
    alarm_id: string
    raised_at: number
    kind: string
    severity: string
    subject: string
    message: string
    cleared_at: number | null
  }
}

const tables = tablesOf<AlarmTables>()
const COLUMNS = [
  'alarm_id',
  'raised_at',
  'kind',
  'severity',
  'subject',
  'message',
  'cleared_at',
] as const
const STANDING = statement(
  tables
    .selectFrom('alarm')
    .select(COLUMNS)
    .where('site_id', '=', '')
    .where('cleared_at', 'is', null),
)
const NEWEST = statement(
  tables
    .selectFrom('alarm')
    .select(COLUMNS)
    .where('site_id', '=', '')
    // Names begin with the time.
    .where('alarm_id', '<', '')
    .orderBy('alarm_id', 'desc')
    .limit(1),
)
/** After every name. */
const NEVER = uuid('ffffffff-ffff-ffff-ffff-ffffffffffff')
const INSERT = statement(
  tables.insertInto('alarm').values({
    site_id: '',
    alarm_id: '',
    raised_at: 0,
    kind: '',
    severity: '',
    subject: '',
    message: '',
    cleared_at: 0,
  }),
)
const CLEAR = statement(
  tables
    .updateTable('alarm')
    .set({ cleared_at: 0 })
    .where('site_id', '=', '')
    .where('alarm_id', '=', ''),
)

export const alarmMigrations: readonly Migration[] = [
  {
    id: 'alarm-1',
    statements: [
      `CREATE TABLE alarm (
        site_id TEXT NOT NULL,
        alarm_id TEXT NOT NULL,
        raised_at BIGINT NOT NULL,
        kind TEXT NOT NULL,
        severity TEXT NOT NULL,
        subject TEXT NOT NULL,
        message TEXT NOT NULL,
        cleared_at BIGINT,
        PRIMARY KEY (site_id, alarm_id)
      )`,
      'CREATE INDEX alarm_by_time ON alarm (site_id, raised_at)',
    ],
  },
]
