/**
 * Who looked at whom, as the operator asks for it, and proofs that can be checked anywhere.
 *
 * @module
 */

import { epochMs, Refusal, uuid } from '#base'
import {
  accountingOf,
  accountOf,
  eventOfParts,
  receiptOf,
  type AuditLog,
  type LogKeys,
} from '#audit'
import type { AccessView, Handlers, trailRoutes } from '#contract'
import type { TrailEvent, Vault } from '#vault'
import { noteKeysOf, proofText } from './proof.ts'

/** What these routes stand on. */
export interface TrailDesk {
  readonly audit: AuditLog
  readonly logKeys: LogKeys
  /** @throws Refusal at a site without records */
  readonly vault: () => Vault
  readonly actor: string
}

/** A proof that cannot be made yet, or a question without sense. */
export class TrailRefusal extends Refusal<'RECEIPT_PENDING' | 'QUERY_INVALID'> {
  override readonly name = 'TrailRefusal'
}

/** The handlers of `trailRoutes`. */
export const trailHandlers = (desk: TrailDesk): Handlers<typeof trailRoutes> => ({
  accesses: async ({ patient, actor, since, until, before, limit }) => {
    const { events, next } = await desk.vault().events(
      {
        ...{ patient: patient === undefined ? undefined : uuid(patient), actor },
        ...{ since: timeOf(since), until: timeOf(until), before: wholeOf(before) },
        limit: limitOf(limit),
      },
      { actor: desk.actor, act: 'find', told: { account: accountOf(desk.actor) } },
    )
    return { accesses: events.map(accessView), next: next ?? null }
  },
  eventProof: async ({ index, patient }) => {
    const at = wholeOf(index) ?? 0
    const receipt = await receiptFor(desk, at)
    const event = await eventAt(desk, at)
    const shown = patient === 'kept-back' && event ? { general: event.general } : event
    return { proof: proofText({ receipt, event: shown, keys: keysOf(desk) }) }
  },
  proofKeys: () => Promise.resolve({ keys: [...keysOf(desk)] }),
})

const keysOf = ({ logKeys }: TrailDesk) => noteKeysOf(logKeys.log, logKeys.witnesses)

async function receiptFor({ audit, logKeys }: TrailDesk, index: number): Promise<string> {
  const receipt = await receiptOf(audit, index, Math.min(1, logKeys.witnesses.length))
  if (receipt.kind === 'receipt') return receipt.text
  throw new TrailRefusal('RECEIPT_PENDING', 'No witnessed checkpoint covers the entry yet')
}

/** What is kept beside an entry; undefined where it binds nothing. Opening it is logged. */
async function eventAt(desk: TrailDesk, index: number): Promise<TrailEvent | undefined> {
  if ((await desk.audit.kept({ at: index }, 1)).length === 0) return undefined
  const told = { account: accountOf(desk.actor) }
  const deed = { actor: desk.actor, act: 'open', told } as const
  return (await desk.vault().events({ index, limit: 1 }, deed)).events.at(0)
}

/** An event as whoever may ask is shown it. */
export function accessView(event: TrailEvent): AccessView {
  const { index, at, kind, actor, facts, about, general, particular } = event
  const { account, act, outcome, reason = null, peer = null } = facts
  const { person = null, client = null, roles, purpose } = account
  const { isDisclosure, counts, reason: why } = accountingOf(facts)
  return {
    ...{ index, at, kind, actor, person, client, act, outcome, reason, peer },
    ...{ roles: [...roles], purpose: [...purpose], data: [...(about?.data ?? [])] },
    ...{ disclosure: isDisclosure, counts, why },
    event: JSON.stringify({ ...eventOfParts(general.text, particular?.text), id: String(index) }),
  }
}

const timeOf = (text: string | undefined) => {
  const value = wholeOf(text)
  return value === undefined ? undefined : epochMs(value)
}

function wholeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new TrailRefusal('QUERY_INVALID', 'Expected a whole number of at most 15 digits')
}

/** How many are asked for, 100 unless said. @throws TrailRefusal `QUERY_INVALID` */
export const limitOf = (text: string | undefined): number =>
  Math.min(Math.max(1, wholeOf(text) ?? PAGE), PAGE_MAX)

/** Accesses in one answer. */
const PAGE = 100
const PAGE_MAX = 500
