/**
 * Which of several daemons of a site leads: a lease in the database that they share.
 *
 * One daemon leads: it runs the links, keeps the log under checkpoints, answers peers and owns the key
 * store, the vault and the folder. Every commit of it asks, inside its own transaction, whether it
 * still leads: a daemon that was given up and is not dead after all stores nothing, and so gives out
 * nothing, whatever its clock says. What it does to its disk is done only while the lease has not run
 * out, or after asking again.
 *
 * Clocks only decide when the lease of a silent daemon may be taken. Relies on the Store port to run
 * the transactions of all daemons one after the other. A daemon that stands still between asking and
 * writing to its disk is not held back: what it can harm so are keys that are over.
 *
 * @module
 */

import {
  bind,
  PortRefusal,
  refusedWith,
  statement,
  tablesOf,
  type Cancel,
  type Clock,
  type Disk,
  type Migration,
  type Row,
  type SiteId,
  type Statement,
  type Store,
} from '#base'

export interface LeadInput {
  readonly site: SiteId
  readonly store: Store
  readonly clock: Clock
  /** Random name of this start of the daemon: never used again, so that it fences. */
  readonly run: string
  /** How long a leading daemon may be silent. */
  readonly leaseMs: number
}

/** The lease of the daemon that leads, as long as it has it. */
export class Lead {
  /** How often the lead has changed. */
  readonly epoch: number
  readonly #input: LeadInput
  readonly #lost = Promise.withResolvers<PortRefusal>()
  /** Until then nobody can have taken it, by the monotonic clock. */
  #standsUntilMs: number
  #renewing: Cancel | undefined
  #ended = false

  private constructor(input: LeadInput, epoch: number, standsUntilMs: number) {
    this.#input = input
    this.epoch = epoch
    this.#standsUntilMs = standsUntilMs
    this.#keepRenewing()
  }

  /** Takes the lease if nobody has it, or its holder has been silent for too long. */
  static async take(input: LeadInput): Promise<Lead | undefined> {
    const { site, store, clock, run, leaseMs } = input
    const now = clock.now()
    const standsUntilMs = clock.monotonicMs() + leaseMs
    if (((await leadOf(store, site))?.until ?? 0) > now) return undefined
    try {
      const taken = await store.commit([bind(TAKE, site, 1, run, now + leaseMs, 1, now)])
      return new Lead(input, Number(taken[0][0]['epoch']), standsUntilMs)
    } catch (error) {
      // Another was quicker.
      if (refusedWith(error, 'STORE_CONFLICT')) return undefined
      throw error
    }
  }

  /** Resolves once another daemon has taken the lease: this one has to end. */
  get lost(): Promise<PortRefusal> {
    return this.#lost.promise
  }

  /** The store, for as long as this daemon leads. Every commit renews the lease. */
  get store(): Store {
    const { store } = this.#input
    return {
      read: (one) => store.read(one),
      commit: (statements) => this.#commit(statements),
    }
  }

  /** The disk, for as long as this daemon leads. */
  disk(disk: Disk): Disk {
    const standing = async <T>(work: () => Promise<T>): Promise<T> => {
      if (this.#input.clock.monotonicMs() >= this.#standsUntilMs) await this.#commit([])
      return work()
    }
    return {
      read: (path) => disk.read(path),
      list: (folder) => disk.list(folder),
      pages: (folder) => disk.pages(folder),
      write: (path, octets) => standing(() => disk.write(path, octets)),
      overwrite: (path, offset, octets) => standing(() => disk.overwrite(path, offset, octets)),
      remove: (path) => standing(() => disk.remove(path)),
    }
  }

  /** Gives the lease back, if it is still ours, so that another daemon leads at once. */
  async release(): Promise<void> {
    this.#ended = true
    this.#renewing?.()
    const { store, site, run } = this.#input
    await store.commit([bind(RELEASE, 0, site, run)])
  }

  async #commit(statements: readonly Statement[]): Promise<readonly (readonly Row[])[]> {
    const { store, site, clock, run, leaseMs } = this.#input
    const standsUntilMs = clock.monotonicMs() + leaseMs
    try {
      const holds = bind(HOLD, clock.now() + leaseMs, site, run)
      const [, ...rows] = await store.commit([holds, ...statements])
      this.#standsUntilMs = Math.max(this.#standsUntilMs, standsUntilMs)
      return rows
    } catch (error) {
      if (!refusedWith(error, 'STORE_CONFLICT') || (await this.#stands())) throw error
      const message = 'Another daemon of this site leads now; nothing was stored'
      const refusal = new PortRefusal('STORE_FAILED', message, { cause: error })
      this.#lost.resolve(refusal)
      throw refusal
    }
  }

  async #stands(): Promise<boolean> {
    const { store, site, run } = this.#input
    return (await leadOf(store, site))?.run === run
  }

  #keepRenewing(): void {
    const { clock, leaseMs } = this.#input
    this.#renewing = clock.after(leaseMs / RENEWALS, () => {
      // Without its database the daemon serves nothing; whether it still leads is asked later.
      void this.#commit([])
        .catch(() => undefined)
        .finally(() => {
          if (!this.#ended) this.#keepRenewing()
        })
    })
  }
}

/** Which start of a daemon leads, or did last. */
export interface LeadEntry {
  readonly run: string
  /** Until when nobody may take its place, by the wall clock. */
  readonly until: number
}

/** Who leads a site; undefined if nobody ever did. */
export async function leadOf(store: Store, site: SiteId): Promise<LeadEntry | undefined> {
  const [row] = (await store.read(bind(SELECT, site))) as [Row?]
  return row && { run: String(row['run']), until: Number(row['until']) }
}

interface LeadTables {
  site_lead: { site_id: string; epoch: number; run: string; until: number }
}
const db = tablesOf<LeadTables>()

const SELECT = statement(
  db.selectFrom('site_lead').select(['run', 'until']).where('site_id', '=', ''),
)
const TAKE = statement(
  db
    .insertInto('site_lead')
    .values({ site_id: '', epoch: 1, run: '', until: 0 })
    .onConflict((on) =>
      on
        .column('site_id')
        .doUpdateSet((from) => ({
          epoch: from('site_lead.epoch', '+', 1),
          run: from.ref('excluded.run'),
          until: from.ref('excluded.until'),
        }))
        .where('site_lead.until', '<=', 0),
    )
    .returning('epoch'),
  1,
)
const HOLD = statement(
  db.updateTable('site_lead').set({ until: 0 }).where('site_id', '=', '').where('run', '=', ''),
  1,
)
const RELEASE = statement(
  db.updateTable('site_lead').set({ until: 0 }).where('site_id', '=', '').where('run', '=', ''),
)
/** A lease is renewed so often before it would run out. */
const RENEWALS = 4

export const leadMigrations: readonly Migration[] = [
  {
    id: 'site-lead-1',
    statements: [
      `CREATE TABLE site_lead (
        site_id TEXT NOT NULL PRIMARY KEY, epoch BIGINT NOT NULL, run TEXT NOT NULL,
        until BIGINT NOT NULL)`,
    ],
  },
]
