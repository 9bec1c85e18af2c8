/**
 * Whether everything in a store is certainly about invented patients, as the demo profile wants.
 *
 * The demo profile checks what comes in; that says nothing of what came in before, under the other
 * profile. So a store remembers under which of the two it was last open. Where it may have been
 * filled without the check, every record is opened and checked before the demo profile serves
 * anything; one that might be about somebody real and the vault does not open.
 *
 * The memory is a row in clear: whoever writes the database can make it lie.
 *
 * @module
 */

import { bind, statement, type Uuid } from '#base'
import { ownershipOf } from '#health'
import { isGone, resourceOf } from './body.ts'
import type { VaultContext } from './context.ts'
import type { HolderKey } from './holder-key.ts'
import { everyObjectOf, versionsOf } from './objects.ts'
import { openersOf, openVersion, readVersion } from './reading.ts'
import { idIn, numberOf } from './rows.ts'
import { notSynthetic, requireSynthetic } from './synthetic.ts'
import { db } from './tables.ts'

/**
 * Called before a vault serves.
 *
 * @throws VaultRefusal `VAULT_NOT_SYNTHETIC` if the demo profile is asked for and the store holds
 *   a record that may be about somebody real; `VAULT_DAMAGED` if that cannot be told
 */
export async function enterRegime(context: VaultContext): Promise<void> {
  const { site, store, acceptOnlySynthetic } = context
  const row = (await store.read(bind(SELECT_REGIME, site))).at(0)
  const isChecked = row !== undefined && numberOf(row, 'checked') === 1
  if (isChecked === acceptOnlySynthetic) return
  if (acceptOnlySynthetic) await requireAllSynthetic(context)
  // In production too before anything comes in: from here on nobody has checked.
  await store.commit([bind(PUT_REGIME, site, acceptOnlySynthetic ? 1 : 0)])
}

async function requireAllSynthetic(context: VaultContext): Promise<void> {
  const { site, store, keyring } = context
  for (const row of await store.read(bind(SELECT_HOLDERS, site))) {
    const id = idIn(row, 'holder_id')
    using key = await keyring.keyOf(id)
    if (key !== undefined) await requireHolderSynthetic(context, id, key)
  }
}

/** Every version that the holder's key opens; of a patient, his own resource must be among them. */
async function requireHolderSynthetic(
  context: VaultContext,
  id: Uuid,
  key: HolderKey,
): Promise<void> {
  let isDescribed = key.holder.kind !== 'patient'
  for await (const { object } of everyObjectOf(context, id)) {
    for (const version of await versionsOf(context, object.id)) {
      const verified = await readVersion(context, object, version)
      if (!openersOf(verified).includes(id)) continue
      const body = openVersion(verified, key)
      if (isGone(body)) continue
      const value = resourceOf(body)
      requireSynthetic({ value, ownership: ownershipOf(value) })
      isDescribed ||= body.type === 'Patient'
    }
  }
  if (!isDescribed) throw notSynthetic()
}

const SELECT_REGIME = statement(
  db.selectFrom('vault_regime').select('checked').where('site_id', '=', ''),
)
const PUT_REGIME = statement(
  db
    .insertInto('vault_regime')
    .values({ site_id: '', checked: 0 })
    .onConflict((conflict) =>
      conflict.column('site_id').doUpdateSet((row) => ({ checked: row.ref('excluded.checked') })),
    ),
)
const SELECT_HOLDERS = statement(
  db.selectFrom('vault_holder').select('holder_id').where('site_id', '=', ''),
)
