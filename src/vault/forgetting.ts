/**
 * Forgets events of accesses whose term is over: what is kept beside their entries is emptied.
 *
 * The entries stay, with their commitments: that something happened, when, by whose name and what kind
 * of act stands in the log for good, and nothing opens what it was. Hour by hour from the oldest, each
 * a commit of its own beside an entry that says how many. While a hold stands on a patient, the events
 * that are about that patient stay, of whatever age.
 *
 * Rows are overwritten in the database of the site. An older copy of it has them still, for whoever
 * has its keys; nothing here reaches copies.
 *
 * @see 45 CFR 164.316(b)(2)(i), 164.528(a)(1): six years
 * @module
 */

import { DAY_MS, epochMs, HOUR_MS, type EpochMs } from '#base'
import { countKept, forgetKept, selectOldestKept } from '#audit'
import type { VaultContext } from './context.ts'
import { everyHeld } from './holds.ts'
import type { HolderKey } from './holder-key.ts'
import { dayOf } from './trail-key.ts'

/** What was forgotten. */
export interface Forgotten {
  readonly events: number
  /** Patients on whom a hold stands, whose events stayed. */
  readonly held: number
}

/** Forgets what is kept of before a time. */
export async function forgetEvents(context: VaultContext, before: EpochMs): Promise<Forgotten> {
  const { site, store } = context
  using keys = new DisposableStack()
  const held: HolderKey[] = []
  for (const patient of await everyHeld(context)) {
    const key = await context.keyring.readerOf(patient)
    if (key !== undefined) held.push(keys.use(key))
  }
  const [row] = await store.read(selectOldestKept(site))
  const oldest = row['oldest'] === null ? before : Number(row['oldest'])
  let events = 0
  for (let day = dayOf(oldest); day * DAY_MS < before; day++) {
    const from = epochMs(day * DAY_MS)
    events += await forgetDay(context, { from, before }, held)
  }
  return { events, held: held.length }
}

/** Forgets one day, as far as it is before a time. @returns how many events */
async function forgetDay(
  { site, store, clock, audit }: VaultContext,
  { from, before }: { readonly from: EpochMs; readonly before: EpochMs },
  held: readonly HolderKey[],
): Promise<number> {
  const besides = held.map(({ trail }) => trail.tag(from))
  const countOf = async (span: Parameters<typeof countKept>[1]): Promise<number> => {
    const [row] = await store.read(countKept(site, span, besides))
    return Number(row['entries'])
  }
  const end = Math.min(before, from + DAY_MS)
  if ((await countOf({ from, before: end })) === 0) return 0
  let events = 0
  for (let hour: number = from; hour < end; hour += HOUR_MS) {
    const span = { from: hour, before: Math.min(end, hour + HOUR_MS) }
    const entries = await countOf(span)
    if (entries === 0) continue
    const facts = { since: span.from, until: span.before, entries }
    await store.commit([
      forgetKept(site, span, besides),
      audit.append({ kind: 'log.events-emptied', at: clock.now(), actor: site, facts }),
    ])
    events += entries
  }
  return events
}
