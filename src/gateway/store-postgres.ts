/**
 * The Store port over PostgreSQL, for sites that outgrow one machine.
 *
 * Commits go through one connection in groups, reads through another; both are made again after a
 * cut. While the database cannot be reached, reads and commits are refused at once, and nothing is
 * kept for later. A commit whose answer was lost in a cut is not guessed at: PostgreSQL is asked what
 * became of its transaction, and only if it does not tell for long the store closes for good.
 *
 * A store that was cut off finds out whether another daemon has opened the database meanwhile, and
 * closes then: what that one changed is not in the memory of this one.
 *
 * Does not encrypt: rooms seal what they store.
 *
 * @module
 */

import type { Client } from 'pg'
import {
  type Clock,
  type Migration,
  type PortRefusal,
  type Row,
  type SiteId,
  type Statement,
  type Store,
} from '#base'
import { GatewayRefusal } from './refusal.ts'
import { CLOSED, refusalOf, refuseFaults, refuseIfCrowded } from './store-refusals.ts'
import { knownMigrations } from './store.ts'
import { PostgresReader, refuseUnlessOfRows } from './store-postgres-reader.ts'
import { lastOpening, openSchema } from './store-postgres-schema.ts'
import {
  connect,
  demand,
  end,
  openingRefusal,
  takeLock,
  type PostgresAddress,
} from './store-postgres-session.ts'
import { postgresFault, UNREACHABLE } from './store-postgres-values.ts'
import { PostgresWriter, type GroupEnd } from './store-postgres-writer.ts'
import { groupSize, snapshot, weight } from './store-values.ts'
import type { Commit, Failure, Outcome } from './store-wire.ts'

export interface PostgresOptions {
  readonly address: PostgresAddress
  /** Whose database it is; a fresh one becomes this site's. */
  readonly site: SiteId
  /** Migrations of all rooms, in order. */
  readonly migrations: readonly Migration[]
  readonly clock: Clock
  /** Whether other processes of the site may have it open as well. */
  readonly shared?: boolean
}

/**
 * Opens the database of a site, makes or migrates it, and takes its lock.
 *
 * @throws GatewayRefusal `STORE_UNREACHABLE`, `STORE_UNREADABLE`, `STORE_UNSUPPORTED`,
 *   `STORE_OTHER_SITE`, `STORE_NEWER`, `STORE_MIGRATION_CHANGED`, `SITE_IN_USE`
 */
export async function openPostgres(options: PostgresOptions): Promise<PostgresStore> {
  const { address, site, shared = false } = options
  const migrations = knownMigrations(options.migrations)
  let client: Client | undefined
  try {
    client = await connect(address, { site, writes: true })
    await demand(client)
    if (!(await takeLock(client, !shared))) {
      const message = `Another daemon has the database ${address.database} open`
      throw new GatewayRefusal('SITE_IN_USE', message, { facts: { database: address.database } })
    }
    const opening = await openSchema(client, site, migrations)
    return new PostgresStore({ ...options, shared }, client, opening)
  } catch (error) {
    if (client !== undefined) await end(client)
    throw openingRefusal(error, address)
  }
}

interface Waiting {
  readonly commit: Commit
  readonly octets: number
  readonly resolve: (rows: readonly (readonly Row[])[]) => void
  readonly reject: (refusal: PortRefusal) => void
}

/** Owns the connections. Made by `openPostgres`. */
export class PostgresStore implements Store, AsyncDisposable {
  readonly #options: PostgresOptions & { readonly shared: boolean }
  /** Number of our opening; another means that another daemon was there. */
  readonly #opening: number
  #writing: Client | undefined
  #writer: PostgresWriter | undefined
  readonly #reader: PostgresReader
  /** Commits that no group has taken yet, in the order of the calls. */
  #waiting: Waiting[] = []
  #octetsWaiting = 0
  /** Set while commits are being written; settles when none is left. */
  #pumping: Promise<void> | undefined
  /** No attempt to connect before this, by the monotonic clock. */
  #connectAfterMs = 0
  #state: 'open' | 'closing' | 'closed' = 'open'
  readonly #closed = Promise.withResolvers<PortRefusal | undefined>()

  constructor(
    options: PostgresOptions & { readonly shared: boolean },
    client: Client,
    opening: number,
  ) {
    this.#options = options
    this.#opening = opening
    this.#reader = new PostgresReader(options.address, options.site)
    this.#use(client)
  }

  /** Resolves when the store is closed; to the refusal if it closed by itself, after a failure. */
  get closed(): Promise<PortRefusal | undefined> {
    return this.#closed.promise
  }

  async read(statement: Statement): Promise<readonly Row[]> {
    this.#refuseUnlessOpen()
    return this.#reader.read(statement)
  }

  commit(statements: readonly Statement[]): Promise<readonly (readonly Row[])[]> {
    return Promise.try(() => {
      this.#refuseUnlessOpen()
      refuseFaults(
        statements.flatMap(({ parameters }) => parameters),
        postgresFault,
      )
      for (const { sql } of statements) refuseUnlessOfRows(sql)
      const octets = statements.reduce((sum, statement) => sum + weight(statement), 0)
      refuseIfCrowded(this.#waiting.length, this.#octetsWaiting, octets)
      const { promise, resolve, reject } = Promise.withResolvers<readonly (readonly Row[])[]>()
      this.#waiting.push({ commit: statements.map(snapshot), octets, resolve, reject })
      this.#octetsWaiting += octets
      this.#pumping ??= this.#pump()
      return promise
    })
  }

  /** Waits for every commit that was called, then closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'open') {
      this.#state = 'closing'
      await this.#pumping
      await this.#end(undefined)
    }
    await this.#closed.promise
  }

  /** Writes what waits, group by group. Never rejects. */
  async #pump(): Promise<void> {
    // A turn later, so that what is called together is one group.
    await new Promise((resume) => setImmediate(resume))
    while (this.#waiting.length > 0 && this.#state !== 'closed') {
      const group = this.#waiting.splice(0, groupSize(this.#waiting.map(({ commit }) => commit)))
      for (const { octets } of group) this.#octetsWaiting -= octets
      const outcomes = await this.#write(group.map(({ commit }) => commit))
      for (const [at, { commit, resolve, reject }] of group.entries()) {
        const outcome = outcomes[at]
        if (outcome.kind === 'undone') reject(refusalOf(outcome.failure))
        else resolve(outcome.rows ?? commit.map(() => []))
      }
    }
    this.#pumping = undefined
  }

  async #write(commits: readonly Commit[]): Promise<readonly Outcome[]> {
    const writer = await this.#connectedWriter()
    if (writer === undefined) return commits.map(() => ({ kind: 'undone', failure: UNREACHABLE }))
    const end = await writer.commitAll(commits)
    return end.kind === 'settled' ? this.#checked(end.outcomes) : this.#clarified(end)
  }

  /** Lets go of a connection on which something could not be done any more. */
  #checked(outcomes: readonly Outcome[]): readonly Outcome[] {
    const lost = outcomes.some((one) => one.kind === 'undone' && one.failure === UNREACHABLE)
    if (lost) void this.#dropWriter()
    return outcomes
  }

  /** Asks what became of a transaction whose answer was lost. */
  async #clarified(end: Extract<GroupEnd, { kind: 'uncertain' }>): Promise<readonly Outcome[]> {
    void this.#dropWriter()
    const { clock } = this.#options
    const deadline = clock.monotonicMs() + UNCERTAIN_MS_MAX
    while (clock.monotonicMs() < deadline && this.#state !== 'closed') {
      const status = await this.#statusOf(end.transaction)
      if (status === 'committed') return [...end.settled, ...end.uncertain]
      if (status === 'aborted') return [...end.settled, ...end.uncertain.map(unreached)]
      await new Promise<void>((resume) => clock.after(RECONNECT_MS, resume))
    }
    await this.#end(UNCERTAIN)
    const unknown = { kind: 'undone', failure: UNCERTAIN } as const
    return [...end.settled, ...end.uncertain.map(() => unknown)]
  }

  async #statusOf(transaction: string): Promise<string | undefined> {
    if ((await this.#connectedWriter()) === undefined) return undefined
    try {
      const asked = this.#writing?.query<{ status: string }>(STATUS, [transaction])
      return (await asked)?.rows[0].status
    } catch {
      void this.#dropWriter()
      return undefined
    }
  }

  /** The writer on a connection that stands, or undefined while there can be none. */
  async #connectedWriter(): Promise<PostgresWriter | undefined> {
    if (this.#writer !== undefined) return this.#writer
    const { clock, address, site, shared } = this.#options
    if (clock.monotonicMs() < this.#connectAfterMs) return undefined
    let client: Client | undefined
    try {
      client = await connect(address, { site, writes: true })
      // The server may not have noticed yet that our last connection is gone.
      if (await takeLock(client, !shared)) {
        if (shared || (await lastOpening(client)) === this.#opening) return this.#use(client)
        await this.#end(TAKEN_OVER)
      }
    } catch {
      // It is told to whoever asked, as a database that cannot be reached.
    }
    if (client !== undefined) await end(client)
    this.#connectAfterMs = clock.monotonicMs() + RECONNECT_MS
    return undefined
  }

  #use(client: Client): PostgresWriter {
    this.#writing = client
    this.#writer = new PostgresWriter(client)
    return this.#writer
  }

  /** Lets go of the writing connection; whoever closes waits until it has ended. */
  #dropWriter(): Promise<void> {
    const client = this.#writing
    this.#writing = undefined
    this.#writer = undefined
    return client === undefined ? Promise.resolve() : end(client)
  }

  async #end(failure: Failure | undefined): Promise<void> {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    for (const { reject } of this.#waiting) reject(refusalOf(failure ?? CLOSED))
    this.#waiting = []
    await this.#reader[Symbol.asyncDispose]()
    await this.#dropWriter()
    this.#closed.resolve(failure === undefined ? undefined : refusalOf(failure))
  }

  #refuseUnlessOpen(): void {
    if (this.#state !== 'open') throw refusalOf(CLOSED)
  }
}

const unreached = (): Outcome => ({ kind: 'undone', failure: UNREACHABLE })

const STATUS = 'select pg_xact_status($1::xid8) as status'

const UNCERTAIN: Failure = {
  code: 'STORE_FAILED',
  message: 'The database was lost while committing; what was not acknowledged may or may not stand',
  facts: {},
}
const TAKEN_OVER: Failure = {
  code: 'STORE_FAILED',
  message: 'Another daemon has opened the database while this one was cut off from it',
  facts: {},
}
/** How long a commit waits to hear what became of it. */
const UNCERTAIN_MS_MAX = 30_000
/** Between attempts to connect again. */
const RECONNECT_MS = 250
