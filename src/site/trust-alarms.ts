/**
 * Raises alarms before the trust of a site ends, and clears them once it was renewed.
 *
 * @module
 */

import { DAY_MS, HOUR_MS, Refusal, type Cancel, type Clock, type Disk, type Log } from '#base'
import type { AlarmCause, Alarms } from './alarms.ts'
import { inspectTrust, stageOf, type TrustEnd, type TrustRemedy, type TrustView } from './trust.ts'

export interface TrustAlarmsInput {
  readonly disk: Disk
  readonly clock: Clock
  readonly log: Log
  readonly alarms: Alarms
  readonly site: string
  readonly kme: string
}

/** Looks hourly, from its start until it is stopped. */
export class TrustAlarms {
  readonly #input: TrustAlarmsInput
  #cancel: Cancel = () => undefined
  #stopped = false

  constructor(input: TrustAlarmsInput) {
    this.#input = input
  }

  start(): void {
    void this.look().finally(() => {
      if (!this.#stopped) this.#cancel = this.#input.clock.after(LOOK_MS, () => this.start())
    })
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
  }

  /** Looks once; a folder that cannot be read is a line in the log. */
  async look(): Promise<void> {
    const { disk, clock, log, alarms, site, kme } = this.#input
    try {
      const now = clock.now()
      const causes = causesIn(await inspectTrust(disk, { site, kme, now }), now)
      const present = new Set(causes.map(({ kind, subject }) => `${kind} ${subject}`))
      for (const { kind, subject } of alarms.standing) {
        const gone = KINDS.has(kind) && !present.has(`${kind} ${subject}`)
        if (gone) await alarms.clear(kind, subject)
      }
      for (const cause of causes) await alarms.raise(cause)
    } catch (error) {
      const code = error instanceof Refusal ? (error as Refusal).code : 'INTERNAL'
      log.write('error', 'trust.not-inspected', { code })
    }
  }
}

function causesIn(
  { ends, refused }: TrustView,
  now: ReturnType<Clock['now']>,
): readonly AlarmCause[] {
  const ending = ends.flatMap((end): AlarmCause[] => {
    const stage = stageOf(end, now)
    if (stage === 'good') return []
    const severity = stage === 'ended' ? 'critical' : 'warning'
    return [{ kind: `trust.${stage}`, severity, subject: end.part, message: words(end, now) }]
  })
  const broken = refused.map(({ part, reason }): AlarmCause => {
    const message = `The ${part} does not hold: ${reason}`
    return { kind: 'trust.refused', severity: 'critical', subject: part, message }
  })
  return [...ending, ...broken]
}

function words({ part, endsAt, remedy }: TrustEnd, now: number): string {
  const left = endsAt - now
  const days = Math.floor(Math.abs(left) / DAY_MS)
  const when =
    left <= 0
      ? `ended ${days} days ago`
      : days > 0
        ? `ends in ${days} days`
        : `ends in ${Math.ceil(left / HOUR_MS)} hours`
  return `The ${part} ${when}; ${REMEDY_WORDS[remedy]}`
}

/** What to do about an end, in a sentence's second half. */
export const REMEDY_WORDS: Readonly<Record<TrustRemedy, string>> = {
  publish: 'publish fresh revocation lists',
  renew: 'request and issue its certificates anew',
  join: 'have that site renew, and join the sites again',
  authority: 'the authority has to be renewed',
}

const KINDS: ReadonlySet<string> = new Set(['trust.ending', 'trust.ended', 'trust.refused'])
const LOOK_MS = HOUR_MS
