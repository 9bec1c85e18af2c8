/**
 * Leases: which of several key stores of a site has which links, with all their blocks.
 *
 * Where several processes serve one site from one database, each opens a key store with links of its
 * own. A link is leased as a whole, so whoever has it knows all about its bits, and takes it over
 * from a dead process as after a crash. Every commit asks, inside its own transaction, whether the
 * leases still stand: a process that was given up and is not dead after all can store nothing, and
 * so hands out nothing, whatever its clock says.
 *
 * Clocks only decide when a lease may be taken from a process that is silent. Relies on the Store
 * port to run the transactions of all processes one after the other. The slot files of a link have
 * to be where its new owner finds them, or its blocks are lost.
 *
 * @module
 */

import {
  bind,
  PortRefusal,
  refusedWith,
  statement,
  type Clock,
  type LinkId,
  type Row,
  type SiteId,
  type Statement,
  type Store,
} from '#base'
import { KeystoreRefusal } from './refusal.ts'
import { db } from './tables.ts'

/** A store through which the commits of one key store go, as long as its leases stand. */
export class LeasedStore implements Store {
  readonly #input: LeaseInput
  #lost = false

  private constructor(input: LeaseInput) {
    this.#input = input
  }

  /**
   * Takes the leases of links that nobody holds, or whose holder has been silent for too long: all
   * of them, or none.
   *
   * @throws KeystoreRefusal `KEYSTORE_LEASED`
   */
  static async take(input: LeaseInput): Promise<LeasedStore> {
    const { store, site, clock, links, owner } = input
    const now = clock.now()
    const until = now + input.lifeMs
    try {
      await store.commit(links.map((link) => bind(TAKE, site, link, owner, until, now)))
    } catch (cause) {
      if (!refusedWith(cause, 'STORE_CONFLICT')) throw cause
      const message = 'Another process of this site has the lease of a link'
      throw new KeystoreRefusal('KEYSTORE_LEASED', message, { cause, facts: { site } })
    }
    return new LeasedStore(input)
  }

  read(one: Statement): Promise<readonly Row[]> {
    return this.#input.store.read(one)
  }

  /** As the Store port says; rejects with `STORE_FAILED` once a lease was taken by another. */
  async commit(statements: readonly Statement[]): Promise<readonly (readonly Row[])[]> {
    try {
      const [, ...rows] = await this.#input.store.commit([this.#holds(), ...statements])
      return rows
    } catch (error) {
      if (!refusedWith(error, 'STORE_CONFLICT') || (await this.#stands())) throw error
      const message = 'The lease of a link was taken by another process; nothing was stored'
      throw new PortRefusal('STORE_FAILED', message, { cause: error })
    }
  }

  /** Keeps the leases of a process that has nothing to commit. */
  async renew(): Promise<void> {
    await this.commit([])
  }

  /** Gives the leases back, those that are still ours. */
  async release(): Promise<void> {
    const { store, site, owner } = this.#input
    await store.commit([bind(RELEASE, site, owner)])
  }

  /** First in each commit: it does not stand unless every lease does. Every commit renews. */
  #holds(): Statement {
    const { site, clock, lifeMs, links, owner } = this.#input
    return { ...bind(HOLD, clock.now() + lifeMs, site, owner), expectChanges: links.length }
  }

  async #stands(): Promise<boolean> {
    if (this.#lost) return false
    const { store, site, links, owner } = this.#input
    const rows = await store.read(bind(SELECT, site, owner))
    this.#lost = rows.length < links.length
    return !this.#lost
  }
}

interface LeaseInput {
  readonly store: Store
  readonly site: SiteId
  readonly clock: Clock
  readonly links: readonly LinkId[]
  /** Random name of one opening: never used again, so that it fences. */
  readonly owner: string
  /** How long a holder may be silent. */
  readonly lifeMs: number
}

const TAKE = statement(
  db
    .insertInto('keystore_lease')
    .values({ site_id: '', link: '', owner: '', until: 0 })
    .onConflict((on) =>
      on
        .columns(['site_id', 'link'])
        .doUpdateSet({
          owner: (from) => from.ref('excluded.owner'),
          until: (from) => from.ref('excluded.until'),
        })
        .where('keystore_lease.until', '<=', 0),
    ),
  1,
)

const HOLD = statement(
  db
    .updateTable('keystore_lease')
    .set({ until: 0 })
    .where('site_id', '=', '')
    .where('owner', '=', ''),
)

const SELECT = statement(
  db.selectFrom('keystore_lease').select('link').where('site_id', '=', '').where('owner', '=', ''),
)

const RELEASE = statement(
  db.deleteFrom('keystore_lease').where('site_id', '=', '').where('owner', '=', ''),
)
