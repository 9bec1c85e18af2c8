/**
 * Where the QKD keys of sessions came from, remembered by key_ID.
 *
 * Every protection record names its keys; the key store forgets a key soon after it was fetched. What
 * is remembered here is public: no octet of a key, only how it came. It is durable before the session
 * has the key, at both ends, and stays for as long as the store does, for nothing deletes records and
 * transfers that name it.
 *
 * @module
 */

import {
  bind,
  epochMs,
  keyId,
  statement,
  tablesOf,
  type Clock,
  type EpochMs,
  type KeyId,
  type Migration,
  type Row,
  type SiteId,
  type Store,
} from '#base'
import type { KeySupply, SuppliedKey } from '#kme'
import { provenanceOctets, readProvenance, type Provenance } from '#keystore'

/** A key that a session of this site has had. */
export interface RememberedKey {
  readonly keyId: KeyId
  /** When the session got it, by this site's clock. */
  readonly at: EpochMs
  readonly provenance: Provenance
}

export class KeyMemory {
  readonly #site: SiteId
  readonly #store: Store
  readonly #clock: Clock

  constructor(at: { readonly site: SiteId; readonly store: Store; readonly clock: Clock }) {
    this.#site = at.site
    this.#store = at.store
    this.#clock = at.clock
  }

  /** The same supply; a key that cannot be remembered is not given out, and is lost. */
  remembering(supply: KeySupply): KeySupply {
    const kept = async (key: SuppliedKey): Promise<SuppliedKey> => {
      try {
        await this.#remember(key)
        return key
      } catch (error) {
        key.octets[Symbol.dispose]()
        throw error
      }
    }
    return {
      sae: supply.sae,
      sources: (request) => supply.sources(request),
      getKey: async (request) => kept(await supply.getKey(request)),
      getKeyWithId: async (request) => kept(await supply.getKeyWithId(request)),
    }
  }

  /** How a key came, if a session of this site has had it. */
  async find(key: KeyId): Promise<RememberedKey | undefined> {
    const [row] = (await this.#store.read(bind(FIND, this.#site, key))) as [Row?]
    return row && rememberedOf(row)
  }

  /** All of them, in order of their key_IDs. */
  async *all(): AsyncGenerator<RememberedKey> {
    for (let after = ''; ;) {
      const rows = await this.#store.read(bind(PAGE, this.#site, after, PAGE_ROWS))
      for (const row of rows) yield rememberedOf(row)
      if (rows.length < PAGE_ROWS) return
      after = String(rows[rows.length - 1]['key_id'])
    }
  }

  async #remember({ keyId: key, provenance }: SuppliedKey): Promise<void> {
    const row = [this.#site, key, this.#clock.now(), provenanceOctets(provenance)]
    await this.#store.commit([bind(INSERT, ...row)])
  }
}

function rememberedOf(row: Row): RememberedKey {
  const octets = row['provenance']
  return {
    keyId: keyId(String(row['key_id'])),
    at: epochMs(Number(row['used_at'])),
    provenance: readProvenance(octets instanceof Uint8Array ? octets : NONE),
  }
}

interface MemoryTables {
  session_key: { site_id: string; key_id: string; used_at: number; provenance: Uint8Array }
}
const db = tablesOf<MemoryTables>()
const NONE = new Uint8Array(0)
const PAGE_ROWS = 500
const COLUMNS = ['key_id', 'used_at', 'provenance'] as const
const INSERT = statement(
  db.insertInto('session_key').values({ site_id: '', key_id: '', used_at: 0, provenance: NONE }),
)
const FIND = statement(
  db.selectFrom('session_key').select(COLUMNS).where('site_id', '=', '').where('key_id', '=', ''),
)
const PAGE = statement(
  db
    .selectFrom('session_key')
    .select(COLUMNS)
    .where('site_id', '=', '')
    .where('key_id', '>', '')
    .orderBy('key_id')
    .limit(1),
)

export const keyMemoryMigrations: readonly Migration[] = [
  {
    id: 'session-key-1',
    statements: [
      `CREATE TABLE session_key (
        site_id TEXT NOT NULL, key_id TEXT NOT NULL, used_at BIGINT NOT NULL,
        provenance BLOB NOT NULL, PRIMARY KEY (site_id, key_id))`,
    ],
  },
]
