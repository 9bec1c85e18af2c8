/**
 * How far the pre-shared keys of a site are used: one durable cursor for each, and the taking of
 * chunks.
 *
 * A chunk is taken in three steps: the cursor moves behind it, with an entry of the log, in one
 * commit; the chunk is opened; zeros are written over it and over everything before it. A crash
 * after the first step loses the chunk, never gives it twice.
 *
 * @module
 */

import {
  bind,
  statement,
  tablesOf,
  type Clock,
  type Disk,
  type LinkId,
  type Migration,
  type SecretBytes,
  type SiteId,
  type Store,
} from '#base'
import type { AuditTrail } from '#audit'
import type { AuthenticationSource, Role } from '#qkd'
import {
  chunksIn,
  filesOf,
  leftBehind,
  openChunk,
  pathOf,
  PreSharedRefusal,
  pskKey,
} from './pre-shared.ts'
import type { RootKey } from './root-key/root-key.ts'

/** How far one key is used, as one end knows durably. */
export interface PskMark {
  readonly id: string
  /** First chunk that was not taken here. */
  readonly next: number
  readonly count: number
}

/** One chunk of one key. */
export interface PskPlace {
  readonly id: string
  readonly chunk: number
}

export interface PreSharedInput {
  readonly site: SiteId
  readonly store: Store
  readonly disk: Disk
  readonly clock: Clock
  readonly audit: AuditTrail
  /** Stays the caller's. */
  readonly root: RootKey
}

/** The pre-shared keys of one site. Owns the key that they are sealed under. */
export class PreShared implements Disposable {
  readonly #input: PreSharedInput
  readonly #key: SecretBytes

  constructor(input: PreSharedInput) {
    this.#input = input
    this.#key = pskKey(input.root)
  }

  /** Keys of a link with something left, as they lie in the folder now. Clears those without. */
  async marks(link: LinkId): Promise<readonly PskMark[]> {
    const { site, store, disk } = this.#input
    const rows = await store.read(bind(SELECT, site, link))
    const nexts = new Map(rows.map((row) => [String(row['psk']), Number(row['next'])]))
    const marks: PskMark[] = []
    for (const { path, id } of await filesOf(disk, link)) {
      const file = (await disk.read(path)) ?? new Uint8Array(0)
      const count = chunksIn(file)
      const next = nexts.get(id) ?? 0
      if (next >= count) await this.#erase(path, file, count)
      else if (marks.length < MARKS_MAX) marks.push({ id, next, count })
    }
    return marks
  }

  /**
   * Takes a chunk, and with it gives up those before it. Durable when it resolves.
   *
   * @returns a source for one session; whoever takes it owns and clears it
   * @throws PreSharedRefusal `PSK_DAMAGED`; PortRefusal `STORE_CONFLICT` if it was taken before
   */
  async take(
    { link, role }: { readonly link: LinkId; readonly role: Role },
    { id, chunk }: PskPlace,
  ): Promise<AuthenticationSource> {
    const { site, store, disk, clock, audit } = this.#input
    const at = clock.now()
    const facts = { link, psk: id, chunk }
    await store.commit([
      bind(ADVANCE, site, link, id, chunk + 1),
      audit.append({ kind: 'link.psk-taken', at, actor: link, facts }),
    ])
    const name = { link, id }
    const file = await disk.read(pathOf(name))
    if (file === undefined || chunk >= chunksIn(file)) {
      const message = `Chunk ${chunk} of the pre-shared key is not in this folder`
      throw new PreSharedRefusal('PSK_DAMAGED', message, { facts: { link, chunk } })
    }
    await this.#erase(pathOf(name), file, chunk + 1)
    return openChunk(file, this.#key, { site, name, role, chunk })
  }

  /** Writes zeros over what is left of the chunks before `next`; a file without another goes. */
  async #erase(path: string, file: Uint8Array, next: number): Promise<void> {
    const { disk } = this.#input
    const { from, octets } = leftBehind(file, next)
    if (octets > 0) await disk.overwrite(path, from, new Uint8Array(octets))
    if (next === chunksIn(file)) await disk.remove(path)
  }

  [Symbol.dispose](): void {
    this.#key[Symbol.dispose]()
  }
}

/** Keys of one link that are spoken of at a time. */
export const MARKS_MAX = 16

interface PskTables {
  link_psk: { site_id: string; link: string; psk: string; next: number }
}
const db = tablesOf<PskTables>()
const SELECT = statement(
  db
    .selectFrom('link_psk')
    .select(['psk', 'next'])
    .where('site_id', '=', '')
    .where('link', '=', ''),
)
/** Forward only: whoever would take a chunk again conflicts. */
const ADVANCE = statement(
  db
    .insertInto('link_psk')
    .values({ site_id: '', link: '', psk: '', next: 0 })
    .onConflict((on) =>
      on
        .columns(['site_id', 'link', 'psk'])
        .doUpdateSet((row) => ({ next: row.ref('excluded.next') }))
        .whereRef('link_psk.next', '<', 'excluded.next'),
    ),
  1,
)

export const preSharedMigrations: readonly Migration[] = [
  {
    id: 'link-psk-1',
    statements: [
      `CREATE TABLE link_psk (
        site_id TEXT NOT NULL, link TEXT NOT NULL, psk TEXT NOT NULL, next BIGINT NOT NULL,
        PRIMARY KEY (site_id, link, psk))`,
    ],
  },
]
