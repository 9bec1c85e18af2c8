/**
 * Refusals told to the log: what somebody tried and did not get.
 *
 * A request of a known caller is always told; no log, no answer. Of strangers so many a minute are
 * told one by one and the others counted, so that nobody fills a log without a name.
 *
 * @module
 */

import { Refusal, type Clock } from '#base'
import { accountOf, type Act } from '#audit'
import { searchText, toldBy, type Call, type FhirOptions, type FhirRequest } from './context.ts'
import { refusedBy } from './outcome.ts'
import type { Interaction } from './routes.ts'

/** Tells the log that a request was refused, unless it says so already. */
export async function tellRefused(call: Call, error: unknown): Promise<void> {
  if (call.log.isTold) return
  const { status } = refusedBy(error)
  const { interaction, type, id, session, options } = call
  const query = ASKING.includes(interaction) ? searchText(call) : undefined
  await options.vault.tellRefused({
    actor: session.account.actor,
    act: ACTS[interaction] ?? 'other',
    told: toldBy(call, query),
    outcome: FORBIDDEN.includes(status) ? 'refused' : 'failed',
    reason: error instanceof Refusal ? (error as Refusal).code : 'INTERNAL',
    ...(type !== undefined && id !== undefined && { name: { type, id } }),
  })
}

/** Tells of callers who are not known. */
export type TellStranger = (request: FhirRequest, requestId: string) => Promise<void>

/** @returns what tells of strangers, and counts those that it passed over */
export function strangers({ vault, clock }: Pick<FhirOptions, 'vault' | 'clock'>): TellStranger {
  const minute = { since: clock.monotonicMs(), told: 0, passed: 0 }
  return async ({ client, address }, request) => {
    if (!isTold(clock, minute)) return
    const { passed } = minute
    minute.passed = 0
    const shown = client?.commonName ?? client?.fingerprint
    const account = {
      ...accountOf(STRANGER),
      ...(shown !== undefined && { client: shown }),
      ...(address !== undefined && { address }),
    }
    await vault.tellRefused({
      ...{ actor: STRANGER, act: 'other', outcome: 'refused', reason: 'FHIR_CALLER_UNKNOWN' },
      told: { account, request },
      ...(passed > 0 && { more: passed }),
    })
  }
}

function isTold(clock: Clock, minute: { since: number; told: number; passed: number }): boolean {
  const now = clock.monotonicMs()
  if (now - minute.since >= MINUTE_MS) [minute.since, minute.told] = [now, 0]
  const isIn = minute.told < STRANGERS_A_MINUTE
  if (isIn) minute.told++
  else minute.passed++
  return isIn
}

/** Strangers of whom the log tells one by one. */
const STRANGERS_A_MINUTE = 30
const MINUTE_MS = 60_000
const STRANGER = 'stranger'
const FORBIDDEN: readonly number[] = [401, 403]
const ASKING: readonly Interaction[] = [
  ...(['search-system', 'search-type', 'search-compartment', 'everything'] as const),
  ...(['update-conditional', 'patch-conditional', 'delete-conditional'] as const),
]
/** What was tried; `other` unless here. */
const ACTS: Readonly<Partial<Record<Interaction, Act>>> = {
  bundle: 'many',
  'history-system': 'past',
  'history-type': 'past',
  'history-instance': 'past',
  create: 'new',
  read: 'open',
  vread: 'older',
  unmask: 'bare',
  update: 'next',
  patch: 'mend',
  delete: 'end',
  'update-conditional': 'next',
  'patch-conditional': 'mend',
  'delete-conditional': 'end',
  'search-system': 'find',
  'search-type': 'find',
  'search-compartment': 'find',
  everything: 'all',
  match: 'match',
  merge: 'join',
  unmerge: 'join',
  'export-system': 'bulk',
  'export-patients': 'bulk',
  'export-group': 'bulk',
}
