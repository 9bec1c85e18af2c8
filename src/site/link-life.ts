/**
 * How a link stands, as its operator sees it: one state, why, and since when.
 *
 * The state follows from what is true now, and from whether the link has run since the daemon
 * started; the first row that holds decides:
 *
 * | holds                                     | before it first ran | after it    |
 * | ----------------------------------------- | ------------------- | ----------- |
 * | keys of the link wait: a suspicion stands | suspended           | suspended   |
 * | several tries to reach it have failed     | down                | down        |
 * | no device, or no session with the peer    | starting            | recovering  |
 * | the device is aligning itself             | calibrating         | recovering  |
 * | an alarm stands, or a block gave no key   | degraded            | degraded    |
 * | none of these                             | running             | running     |
 *
 * Nothing is decided by a state: keys wait because of the suspicion, not because of the word.
 *
 * @module
 */

import { logFacts, type EpochMs, type LinkId, type Log } from '#base'
import type { AuditTrail } from '#audit'
import type { LinkView } from '#contract'
import type { LinkHistory } from './link-history.ts'

export type LinkState = LinkView['state']

/** What is true of a link at a moment. */
export interface LinkFacts {
  /** Why its keys wait, if they do. */
  readonly suspicion: string | undefined
  /** Whether keys may grow, as a controller or the operator says. */
  readonly isEnabled: boolean
  readonly hasDevice: boolean
  readonly hasSession: boolean
  /** Tries in a row that have failed. */
  readonly failures: number
  /** Whether the device of this end is aligning itself: no key is made meanwhile. */
  readonly isAligning: boolean
  /** Alarms that stand and suspend nothing, the one to be named first. */
  readonly complaints: readonly string[]
  /** Why the last block gave no key; undefined if it did, and before the first. */
  readonly lastCause: string | undefined
}

export interface LinkLife {
  readonly state: LinkState
  /** A neutral term, such as the kind of an alarm; empty while all is well. */
  readonly reason: string
  /** When it came into this state. */
  readonly since: EpochMs
  /** Whether it has made blocks, or could have, since the daemon started. */
  readonly hasRun: boolean
}

/** A link of a daemon that has just started. */
export const newLife = (since: EpochMs): LinkLife => ({
  state: 'starting',
  reason: 'device-away',
  since,
  hasRun: false,
})

/** How the link stands now, given how it stood. The same object if nothing has changed. */
export function lifeAfter(life: LinkLife, facts: LinkFacts, now: EpochMs): LinkLife {
  return turned(life, stateOf(facts, life.hasRun), now)
}

/** How a link stands that has come into a state. The same object if it was there. */
export function turned(
  life: LinkLife,
  [state, reason]: readonly [LinkState, string],
  now: EpochMs,
): LinkLife {
  if (state === life.state && reason === life.reason) return life
  return {
    state,
    reason,
    since: state === life.state ? life.since : now,
    hasRun: life.hasRun || state === 'running' || state === 'degraded',
  }
}

/** What a change of state means to whoever reads the log: a kind of entry, or nothing worth one. */
export function meaningOf(before: LinkLife, after: LinkLife): string | undefined {
  if (after.state === before.state) return undefined
  switch (after.state) {
    case 'suspended':
    case 'down':
      return `link.${after.state}`
    case 'running':
      return before.hasRun || before.state === 'suspended' ? 'link.recovered' : 'link.started'
    case 'degraded':
      return 'link.degraded'
    case 'starting':
    case 'calibrating':
    case 'recovering':
      return undefined
  }
}

/** Notes a change of state where the operator and the auditor look for it. */
export function noteTurn(
  to: {
    readonly history: Pick<LinkHistory, 'turn'>
    readonly audit: AuditTrail
    readonly log: Log
    readonly link: LinkId
  },
  { before, after, now }: { readonly before: LinkLife; readonly after: LinkLife; now: EpochMs },
): void {
  if (after === before) return
  const { history, audit, log, link } = to
  const { state, reason, since } = after
  history.turn({ kind: 'state', at: now, state, reason })
  const kind = meaningOf(before, after)
  if (kind === undefined) return
  const facts = { link, from: before.state, ...(reason === '' ? {} : { cause: reason }) }
  log.write('info', kind, facts)
  audit.record({ kind, at: since, actor: link, facts }).catch((error: unknown) => {
    log.write('error', 'link.audit-failed', { link, ...logFacts(error) })
  })
}

function stateOf(facts: LinkFacts, hasRun: boolean): readonly [LinkState, string] {
  const { suspicion, hasDevice, hasSession, failures, complaints, lastCause } = facts
  if (suspicion !== undefined) return ['suspended', suspicion]
  if (!facts.isEnabled) return ['down', 'disabled']
  if (!hasDevice || !hasSession) {
    const reason = hasDevice ? 'session-closed' : 'device-away'
    if (failures > FAILURES_TO_BE_DOWN) return ['down', reason]
    return [hasRun ? 'recovering' : 'starting', reason]
  }
  if (facts.isAligning) return [hasRun ? 'recovering' : 'calibrating', 'alignment']
  const complaint = complaints.at(0) ?? lastCause
  return complaint === undefined ? ['running', ''] : ['degraded', complaint]
}

/** Tries in a row that may fail before a link counts as down. */
export const FAILURES_TO_BE_DOWN = 3
