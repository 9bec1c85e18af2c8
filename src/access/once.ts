/**
 * What may be used once, remembered in the site's database: so that several daemons, and one that
 * restarts, refuse what was used before.
 *
 * Keeps a hash and an end, nothing that says whose it was. What has ended is forgotten at the next
 * use.
 *
 * @module
 */

import {
  bind,
  refusedWith,
  statement,
  tablesOf,
  utf8,
  type EpochMs,
  type Migration,
  type SiteId,
  type Statement,
  type Store,
} from '#base'
import { sha256 } from '#crypto'
import type { OnceOnly } from './client-assertion.ts'

interface OnceTable {
  site_id: string
  digest: Uint8Array
  ends_at: number
}

/** The table of this module. */
export const onceMigrations: readonly Migration[] = [
  {
    id: 'access-once-1',
    statements: [
      `CREATE TABLE access_once (
        site_id TEXT NOT NULL, digest BLOB NOT NULL, ends_at BIGINT NOT NULL,
        PRIMARY KEY (site_id, digest))`,
      'CREATE INDEX access_once_end ON access_once (site_id, ends_at)',
    ],
  },
]

/** A memory of what was used, over a store with `onceMigrations`. */
export const onceOnlyIn = (options: {
  readonly store: Store
  readonly site: SiteId
  readonly now: () => EpochMs
}): OnceOnly => ({
  async take(identifier, until) {
    const { store, site, now } = options
    return await committedFirst(store, [
      bind(FORGET, site, now()),
      bind(TAKE, site, sha256(utf8(identifier)), until),
    ])
  },
})

/** Commits. @returns false, with nothing changed, if somebody was faster */
export async function committedFirst(
  store: Store,
  statements: readonly Statement[],
): Promise<boolean> {
  try {
    await store.commit(statements)
    return true
  } catch (error) {
    if (refusedWith(error, 'STORE_CONFLICT')) return false
    throw error
  }
}

const db = tablesOf<{ access_once: OnceTable }>()

/** What has ended is refused for its age. */
const FORGET = statement(
  db.deleteFrom('access_once').where('site_id', '=', '').where('ends_at', '<=', 0),
)
const TAKE = statement(
  db
    .insertInto('access_once')
    .values({ site_id: '', digest: new Uint8Array(), ends_at: 0 })
    .onConflict((on) => on.columns(['site_id', 'digest']).doNothing()),
  1,
)
