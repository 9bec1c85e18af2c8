/**
 * Carried keys in the store: what lies beside the row of a pad, and goes with it.
 *
 * @module
 */

import { bind, statement, type Row, type Statement } from '#base'
import type { CarriedKey } from './carrying.ts'
import { provenanceOctets, readProvenance } from './provenance.ts'
import type { Room, WaitingKey } from './room.ts'
import { db, octetsOf, textIn } from './tables.ts'

/** For the commit that makes a key fetchable. */
export const depositRows = (
  site: string,
  { keyId, carried }: Pick<WaitingKey, 'keyId' | 'carried'>,
): readonly Statement[] =>
  carried === undefined
    ? []
    : [bind(INSERT, site, keyId, carried.mask, provenanceOctets(carried.provenance))]

/** For the commit after which nobody can fetch it any more. */
export const depositEnds = (
  site: string,
  { keyId, carried }: Pick<WaitingKey, 'keyId' | 'carried'>,
): readonly Statement[] => (carried === undefined ? [] : [bind(DELETE, site, keyId)])

/** All of them, by key_ID, for the opening. */
export async function loadDeposits({ site, store }: Room): Promise<ReadonlyMap<string, Row>> {
  const rows = await store.read(bind(SELECT, site))
  return new Map(rows.map((row) => [textIn(row['key_id']), row]))
}

/** What a row says. @throws Refusal or RangeError if it cannot be read */
export const carriedIn = (row: Row | undefined): CarriedKey | undefined =>
  row && { mask: octetsOf(row['mask']), provenance: readProvenance(octetsOf(row['provenance'])) }

/** Forgets those whose pad is gone: with its block, which was voided. */
export async function forgetDeposits(
  { site, store, keys }: Room,
  deposits: ReadonlyMap<string, Row>,
): Promise<void> {
  const waiting = new Set<string>(keys.keys())
  const over = [...deposits.keys()].filter((name) => !waiting.has(name))
  if (over.length > 0) await store.commit(over.map((name) => bind(DELETE, site, name)))
}

const NONE = new Uint8Array(0)
const INSERT = statement(
  db
    .insertInto('keystore_deposit')
    .values({ site_id: '', key_id: '', mask: NONE, provenance: NONE }),
)
const DELETE = statement(
  db.deleteFrom('keystore_deposit').where('site_id', '=', '').where('key_id', '=', ''),
)
const SELECT = statement(
  db
    .selectFrom('keystore_deposit')
    .select(['key_id', 'mask', 'provenance'])
    .where('site_id', '=', ''),
)
