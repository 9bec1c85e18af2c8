/**
 * The daemons that serve one site together: who is there, as each says of itself in the database.
 *
 * For the operator, and to find out whose borrowed keys nobody will use any more. What a daemon may
 * do does not hang on its row here: see `lead.ts`.
 *
 * @module
 */

import {
  bind,
  epochMs,
  statement,
  tablesOf,
  type Cancel,
  type Clock,
  type EpochMs,
  type Migration,
  type SiteId,
  type Store,
} from '#base'

/** A daemon of the site. */
export interface DaemonEntry {
  readonly name: string
  /** Random name of its start. */
  readonly run: string
  readonly since: EpochMs
  /** Until when it counts as there unless it is heard of again. */
  readonly until: EpochMs
}

export interface PresenceInput {
  readonly site: SiteId
  readonly store: Store
  readonly clock: Clock
  readonly name: string
  readonly run: string
  readonly leaseMs: number
}

/** Says again and again that this daemon is there, until it is stopped. */
export class Presence {
  readonly #input: PresenceInput
  readonly #since: EpochMs
  #next: Cancel | undefined
  #stopped = false

  private constructor(input: PresenceInput) {
    this.#input = input
    this.#since = input.clock.now()
  }

  /** Takes the place of an earlier start of the same name. @throws PortRefusal */
  static async start(input: PresenceInput): Promise<Presence> {
    const presence = new Presence(input)
    await presence.#say()
    presence.#again()
    return presence
  }

  /** Says that this daemon is no longer there. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#next?.()
    const { site, store, name, run } = this.#input
    await store.commit([bind(LEAVE, site, name, run)])
  }

  #again(): void {
    const { clock, leaseMs } = this.#input
    this.#next = clock.after(leaseMs / RENEWALS, () => {
      // While the database is away nobody looks either.
      void this.#say()
        .catch(() => undefined)
        .finally(() => {
          if (!this.#stopped) this.#again()
        })
    })
  }

  async #say(): Promise<void> {
    const { site, store, clock, name, run, leaseMs } = this.#input
    await store.commit([bind(SAY, site, name, run, this.#since, clock.now() + leaseMs)])
  }
}

/** The daemons of a site that were ever there and did not leave in good order, by name. */
export async function daemonsOf(store: Store, site: SiteId): Promise<readonly DaemonEntry[]> {
  const rows = await store.read(bind(SELECT, site))
  return rows.map((row) => ({
    name: String(row['name']),
    run: String(row['run']),
    since: epochMs(Number(row['since'])),
    until: epochMs(Number(row['until'])),
  }))
}

interface DaemonTables {
  site_daemon: { site_id: string; name: string; run: string; since: number; until: number }
}
const db = tablesOf<DaemonTables>()

const SAY = statement(
  db
    .insertInto('site_daemon')
    .values({ site_id: '', name: '', run: '', since: 0, until: 0 })
    .onConflict((on) =>
      on.columns(['site_id', 'name']).doUpdateSet((from) => ({
        run: from.ref('excluded.run'),
        since: from.ref('excluded.since'),
        until: from.ref('excluded.until'),
      })),
    ),
)
const LEAVE = statement(
  db
    .deleteFrom('site_daemon')
    .where('site_id', '=', '')
    .where('name', '=', '')
    .where('run', '=', ''),
)
const SELECT = statement(
  db
    .selectFrom('site_daemon')
    .select(['name', 'run', 'since', 'until'])
    .where('site_id', '=', '')
    .orderBy('name'),
)
/** A daemon says so often that it is there before it would be given up. */
const RENEWALS = 4

export const daemonMigrations: readonly Migration[] = [
  {
    id: 'site-daemon-1',
    statements: [
      `CREATE TABLE site_daemon (
        site_id TEXT NOT NULL, name TEXT NOT NULL, run TEXT NOT NULL, since BIGINT NOT NULL,
        until BIGINT NOT NULL, PRIMARY KEY (site_id, name))`,
    ],
  },
]
