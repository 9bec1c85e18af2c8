/**
 * Changing the site key: a new one wraps the holder keys again, and the old one is destroyed.
 *
 * Records, charts and tags stay as they are. It is done in small commits and goes on after a crash
 * when the vault opens next: rows say which version wraps them, and both versions are kept until
 * nothing names the old one.
 *
 * @module
 */

import { bind, statement, uuidOctets, type Statement } from '#base'
import type { VaultContext } from './context.ts'
import { holderColumns, insertKek } from './keyring.ts'
import { holderOf } from './keys.ts'
import { octetsOf } from './rows.ts'
import { db } from './tables.ts'

/** What a change of the site key did. */
export interface Rotated {
  /** Version of the site key now. */
  readonly version: number
  /** Holder keys that were wrapped again. */
  readonly holders: number
}

/** Changes the site key. To be run while no other write of the vault is prepared. */
export async function rotate(context: VaultContext, actor: string): Promise<Rotated> {
  const { site, store, audit, clock, random, keyring, siteKeyFiles } = context
  const next = await siteKeyFiles.make(keyring.version + 1, random)
  const facts = { version: next.version }
  const event = { kind: 'vault.rekeying', at: clock.now(), actor, facts }
  try {
    await store.commit([insertKek(site, next), audit.append(event)])
  } catch (error) {
    next[Symbol.dispose]()
    throw error
  }
  keyring.adopt(next)
  return await finishRotation(context, actor)
}

/** Ends a change that was begun; where none was, removes what a crash left of files. */
export async function finishRotation(context: VaultContext, actor: string): Promise<Rotated> {
  const { site, store, audit, clock, keyring, siteKeyFiles } = context
  const { version } = keyring
  let holders = 0
  if (keyring.versions.length > 1) {
    for (;;) {
      const batch = await rewrapped(context)
      if (batch.length === 0) break
      await store.commit(batch)
      holders += batch.length
    }
    const event = { kind: 'vault.rekeyed', at: clock.now(), actor, facts: { version, holders } }
    await store.commit([bind(DELETE_KEKS, site, version), audit.append(event)])
    keyring.retire()
  }
  for (const found of await siteKeyFiles.versions()) {
    if (found !== version) await siteKeyFiles.destroy(found)
  }
  return { version, holders }
}

/** Statements that put the next holders under the newest site key; none where all are. */
async function rewrapped(context: VaultContext): Promise<readonly Statement[]> {
  const { site, store, random, keyring } = context
  const rows = await store.read(bind(SELECT_OLD, site, keyring.version, HOLDERS_A_COMMIT))
  return rows.map((row) => {
    const holder = holderOf(row)
    const { kek, wrapped } = keyring.rewrap(holder, octetsOf(row, 'wrapped'), random)
    return bind(UPDATE_HOLDER, kek, wrapped, site, uuidOctets(holder.id), holder.kek)
  })
}

const HOLDERS_A_COMMIT = 500
const blank = new Uint8Array(0)
const SELECT_OLD = statement(
  db
    .selectFrom('vault_holder')
    .select(holderColumns)
    .where('site_id', '=', '')
    .where('kek', '<', 0)
    .limit(HOLDERS_A_COMMIT),
)
const UPDATE_HOLDER = statement(
  db
    .updateTable('vault_holder')
    .set({ kek: 0, wrapped: blank })
    .where('site_id', '=', '')
    .where('holder_id', '=', blank)
    .where('kek', '=', 0),
  1,
)
const DELETE_KEKS = statement(
  db.deleteFrom('vault_kek').where('site_id', '=', '').where('kek', '<', 0),
)
