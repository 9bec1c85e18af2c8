/**
 * Legal holds: while one stands on a patient, nothing of the record is removed and its key is not
 * destroyed. What is written anew is; every version stays.
 *
 * @module
 */

import {
  bind,
  statement,
  uuidOctets,
  type EpochMs,
  type SiteId,
  type Store,
  type Uuid,
} from '#base'
import type { VaultContext } from './context.ts'
import { patientKey } from './records.ts'
import { held } from './refusal.ts'
import { idIn, timeIn } from './rows.ts'
import { db } from './tables.ts'
import { trailEntries } from './trail.ts'

/** Why a hold stands; these words stand in clear in rows and in the log. */
export const HOLD_CAUSES = ['court', 'claim', 'study', 'other'] as const
export type HoldCause = (typeof HOLD_CAUSES)[number]

export interface Hold {
  readonly cause: HoldCause
  readonly since: EpochMs
}

/** Puts a hold on a patient, or another cause on the one that stands. @throws VaultRefusal */
export async function putHold(
  context: VaultContext,
  patient: Uuid,
  { cause, actor }: { readonly cause: HoldCause; readonly actor: string },
): Promise<Hold> {
  const { site, store, clock } = context
  using key = await patientKey(context, patient)
  const since = (await holdOf(context, patient))?.since ?? clock.now()
  await store.commit([
    bind(PUT_HOLD, site, uuidOctets(patient), cause, since),
    ...trailEntries(context, { kind: 'vault.held', actor, act: 'hold', facts: { cause } }, [
      { key },
    ]),
  ])
  return { cause, since }
}

/** Takes the hold off a patient. @returns whether one stood @throws VaultRefusal */
export async function releaseHold(
  context: VaultContext,
  patient: Uuid,
  { actor }: { readonly actor: string },
): Promise<boolean> {
  const { site, store } = context
  using key = await patientKey(context, patient)
  if ((await holdOf(context, patient)) === undefined) return false
  await store.commit([
    bind(DELETE_HOLD, site, uuidOctets(patient)),
    ...trailEntries(context, { kind: 'vault.let-go', actor, act: 'free' }, [{ key }]),
  ])
  return true
}

/** The hold on a patient, or undefined. */
export async function holdOf(
  { site, store }: { readonly site: SiteId; readonly store: Store },
  patient: Uuid,
): Promise<Hold | undefined> {
  const row = (await store.read(bind(SELECT_HOLD, site, uuidOctets(patient)))).at(0)
  if (row === undefined) return undefined
  const cause = HOLD_CAUSES.find((one) => one === row['cause']) ?? 'other'
  return { cause, since: timeIn(row, 'since') }
}

/** Every patient on whom a hold stands. */
export async function everyHeld({
  site,
  store,
}: {
  readonly site: SiteId
  readonly store: Store
}): Promise<readonly Uuid[]> {
  return (await store.read(bind(SELECT_HELD, site))).map((row) => idIn(row, 'holder_id'))
}

/** @param what   as what would be done: `erased`, `removed` @throws VaultRefusal `VAULT_HELD` */
export async function requireUnheldBy(
  at: { readonly site: SiteId; readonly store: Store },
  patients: readonly Uuid[],
  what: string,
): Promise<void> {
  for (const patient of patients) {
    if ((await holdOf(at, patient)) !== undefined) throw held(what)
  }
}

const blank = new Uint8Array(0)
const PUT_HOLD = statement(
  db
    .insertInto('vault_hold')
    .values({ site_id: '', holder_id: blank, cause: '', since: 0 })
    .onConflict((conflict) =>
      conflict
        .columns(['site_id', 'holder_id'])
        .doUpdateSet((row) => ({ cause: row.ref('excluded.cause') })),
    ),
)
const DELETE_HOLD = statement(
  db.deleteFrom('vault_hold').where('site_id', '=', '').where('holder_id', '=', blank),
)
const SELECT_HOLD = statement(
  db
    .selectFrom('vault_hold')
    .select(['cause', 'since'])
    .where('site_id', '=', '')
    .where('holder_id', '=', blank),
)
const SELECT_HELD = statement(
  db.selectFrom('vault_hold').select('holder_id').where('site_id', '=', ''),
)
