/**
 * The Store port over SQLite: one writer thread with group commit, reads on the calling thread.
 *
 * A commit resolves once it is synced to the disk. Reads go through a second, read-only connection
 * and so see every commit that was acknowledged before. The lock of the folder is held as long as
 * the store is open.
 *
 * After a failure of the disk or of the writer thread the store is closed for good: commits that
 * were not acknowledged may or may not stand, and the daemon has to start anew and look.
 *
 * Does not encrypt: rooms seal what they store.
 *
 * @module
 */

import { dirname } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import type { PortRefusal } from '#base'
import {
  assert,
  AssertionFailure,
  hex,
  lengthPrefixed,
  utf8,
  type Migration,
  type Row,
  type Statement,
  type Store,
} from '#base'
import { sha256 } from '#crypto'
import { lockFolder, type FolderLock } from './folder.ts'
import { GatewayRefusal } from './refusal.ts'
import { PreparedStatements } from './store-prepared.ts'
import { causeOf, CLOSED, refusalOf, refuseFaults, refuseIfCrowded } from './store-refusals.ts'
import { CommitPacker } from './store-packing.ts'
import { openReader } from './store-schema.ts'
import { failureOf, rowsOf, weight } from './store-values.ts'
import type {
  Failure,
  FromWriter,
  KnownMigration,
  Outcome,
  ToWriter,
  WriterSetup,
} from './store-wire.ts'

export interface StoreOptions {
  /** Path of the database file; its folder must be there, and be ours alone. */
  readonly file: string
  /** Migrations of all rooms, in order. */
  readonly migrations: readonly Migration[]
  /** Bound on the size of the database, in pages of 4 KiB; none unless said. */
  readonly pagesMax?: number
}

/**
 * Opens the database of a site, makes or migrates it, and takes the lock of its folder.
 *
 * @throws GatewayRefusal `SITE_IN_USE`, `STORE_NEWER`, `STORE_MIGRATION_CHANGED`, `STORE_UNREADABLE`
 */
export const openStore = (options: StoreOptions): Promise<SqliteStore> =>
  startStore(options, new URL('store-worker.ts', import.meta.url))

/** As `openStore`, with another program for the writer thread: for tests of its end. */
export async function startStore(options: StoreOptions, program: URL): Promise<SqliteStore> {
  const { file, migrations, pagesMax } = options
  const lock = lockFolder(dirname(file))
  const setup: WriterSetup = { file, migrations: knownMigrations(migrations), pagesMax }
  const writer = new Worker(program, { workerData: setup, name: 'store-writer' })
  try {
    await started(writer, file)
    return new SqliteStore(writer, openReader(file), lock)
  } catch (error) {
    await writer.terminate()
    lock[Symbol.dispose]()
    throw openingRefusal(error, file)
  }
}

/** What SQLite or the system says is no refusal of ours: nobody could tell it from a bug. */
function openingRefusal(error: unknown, file: string): Error {
  if (error instanceof GatewayRefusal || error instanceof AssertionFailure) return error
  const options = { cause: error, facts: { file } }
  return new GatewayRefusal('STORE_UNREADABLE', 'Cannot open the database', options)
}

/** With digests, by which an edited migration is found out. */
export function knownMigrations(migrations: readonly Migration[]): readonly KnownMigration[] {
  const ids = new Set(migrations.map(({ id }) => id))
  assert(ids.size === migrations.length, 'each migration has an id of its own')
  return migrations.map((migration) => ({
    ...migration,
    digest: hex(sha256(lengthPrefixed(...migration.statements.map(utf8)))),
  }))
}

function started(writer: Worker, file: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const ended = (): void => reject(new Error('The writer thread ended before it was ready'))
  writer.once('error', reject)
  writer.once('exit', ended)
  writer.once('message', (message: FromWriter) => {
    writer.off('error', reject)
    writer.off('exit', ended)
    if (message.kind === 'refused') {
      const { code, message: text, facts, cause } = message
      reject(new GatewayRefusal(code, text, { ...causeOf(cause), facts: { ...facts, file } }))
    } else {
      resolve()
    }
  })
  return promise
}

interface Waiting {
  readonly statements: number
  readonly octets: number
  readonly resolve: (rows: readonly (readonly Row[])[]) => void
  readonly reject: (refusal: PortRefusal) => void
}

/** Owns the writer thread, the reading connection and the lock. Made by `openStore`. */
export class SqliteStore implements Store, AsyncDisposable {
  readonly #writer: Worker
  readonly #reader: DatabaseSync
  readonly #prepared: PreparedStatements
  readonly #lock: FolderLock
  /** Commits that are not acknowledged yet, in the order of the calls. */
  readonly #waiting: Waiting[] = []
  #octetsWaiting = 0
  /** Commits of this turn of the event loop, not yet handed to the writer. */
  readonly #unsent = new CommitPacker()
  #state: 'open' | 'closing' | 'closed' = 'open'
  readonly #closed = Promise.withResolvers<PortRefusal | undefined>()

  constructor(writer: Worker, reader: DatabaseSync, lock: FolderLock) {
    this.#writer = writer
    this.#reader = reader
    this.#prepared = new PreparedStatements(reader)
    this.#lock = lock
    writer.on('message', (message: FromWriter) => this.#hear(message))
    writer.on('error', (error: Error) => this.#end({ ...WRITER_ENDED, cause: error.message }))
    writer.on('exit', () => this.#end(this.#state === 'closing' ? undefined : WRITER_ENDED))
  }

  /** Resolves when the store is closed; to the refusal if it closed by itself, after a failure. */
  get closed(): Promise<PortRefusal | undefined> {
    return this.#closed.promise
  }

  read({ sql, parameters }: Statement): Promise<readonly Row[]> {
    return Promise.try(() => {
      this.#refuseUnlessOpen()
      refuseFaults(parameters)
      try {
        return rowsOf(this.#prepared.of(sql), parameters)
      } catch (error) {
        throw refusalOf(failureOf(error))
      }
    })
  }

  commit(statements: readonly Statement[]): Promise<readonly (readonly Row[])[]> {
    return Promise.try(() => {
      this.#refuseUnlessOpen()
      refuseFaults(statements.flatMap(({ parameters }) => parameters))
      const octets = statements.reduce((sum, statement) => sum + weight(statement), 0)
      refuseIfCrowded(this.#waiting.length, this.#octetsWaiting, octets)
      const { promise, resolve, reject } = Promise.withResolvers<readonly (readonly Row[])[]>()
      this.#waiting.push({ statements: statements.length, octets, resolve, reject })
      this.#octetsWaiting += octets
      if (this.#unsent.isEmpty) setImmediate(() => this.#send())
      this.#unsent.add(statements)
      return promise
    })
  }

  /** Bounds the size of the database, in pages of 4 KiB. Takes effect after the commits before. */
  limitPages(pagesMax: number): void {
    this.#send()
    this.#say({ kind: 'limit', pagesMax })
  }

  /** Waits for every commit that was called, then closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'open') {
      this.#send()
      this.#state = 'closing'
      // First the reader: the last connection to close folds the log into the database.
      this.#reader.close()
      this.#say({ kind: 'close' })
    }
    await this.#closed.promise
  }

  /** Hands over what was called for in this turn. */
  #send(): void {
    if (this.#unsent.isEmpty || this.#state === 'closed') return
    const commits = this.#unsent.take()
    this.#writer.postMessage({ kind: 'commits', commits } satisfies ToWriter, [
      commits.octets.buffer,
    ])
  }

  #say(message: ToWriter): void {
    this.#writer.postMessage(message)
  }

  #hear(message: FromWriter): void {
    if (message.kind === 'outcomes') for (const outcome of message.outcomes) this.#settle(outcome)
    if (message.kind === 'failed') this.#end(message.failure)
  }

  #settle(outcome: Outcome): void {
    const next = this.#waiting.shift()
    if (next === undefined) return
    this.#octetsWaiting -= next.octets
    if (outcome.kind === 'undone') next.reject(refusalOf(outcome.failure))
    else next.resolve(outcome.rows ?? new Array<readonly Row[]>(next.statements).fill(NO_ROWS))
  }

  #end(failure: Failure | undefined): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    for (const { reject } of this.#waiting) reject(refusalOf(failure ?? CLOSED))
    this.#waiting.length = 0
    if (this.#reader.isOpen) this.#reader.close()
    // The lock goes last, when no thread of ours can write any more.
    void this.#writer.terminate().then(() => {
      this.#lock[Symbol.dispose]()
      this.#closed.resolve(failure === undefined ? undefined : refusalOf(failure))
    })
  }

  #refuseUnlessOpen(): void {
    if (this.#state !== 'open') throw refusalOf(CLOSED)
  }
}

const NO_ROWS: readonly Row[] = []
const WRITER_ENDED: Failure = {
  code: 'STORE_FAILED',
  message: 'The writer of the store ended; what was not acknowledged may or may not stand',
  facts: {},
}
