/**
 * The Store port over in-memory SQLite, or, for a process that says so, over another engine.
 *
 * @module
 */

import { DatabaseSync, type StatementSync } from 'node:sqlite'
import {
  assert,
  PortRefusal,
  type Migration,
  type Row,
  type SqlValue,
  type Statement,
  type Store,
} from '#base'

/** Opens an empty database of another engine. */
export type StoreElsewhere = (migrations: readonly Migration[]) => Promise<Store>

/** A statement and whether running it yields rows. */
interface Prepared {
  readonly statement: StatementSync
  readonly yieldsRows: boolean
}

/** A database that outlives the site that uses it, as a disk outlives a crash. */
export class MemoryStore implements Store, Disposable {
  /** From now on in this process: suites that were written over memory run over another engine. */
  static elsewhere: StoreElsewhere | undefined

  readonly #elsewhere: Promise<Store> | undefined
  readonly #database = new DatabaseSync(':memory:')
  readonly #prepared = new Map<string, Prepared>()
  #commits = 0

  constructor(migrations: readonly Migration[] = []) {
    this.#elsewhere = MemoryStore.elsewhere?.(migrations)
    if (this.#elsewhere !== undefined) return
    this.#database.exec(`pragma page_size = ${PAGE_OCTETS}`)
    for (const { statements } of migrations) for (const sql of statements) this.#database.exec(sql)
  }

  /** How many transactions have been committed. */
  get commits(): number {
    return this.#commits
  }

  /** Another database with the same content, on its own from here on. */
  copy(): MemoryStore {
    assert(this.#elsewhere === undefined, 'a database in memory')
    const copy = new MemoryStore()
    copy.#database.deserialize(this.#database.serialize())
    return copy
  }

  async read(statement: Statement): Promise<readonly Row[]> {
    if (this.#elsewhere !== undefined) return await (await this.#elsewhere).read(statement)
    return this.#rows(statement)
  }

  async commit(statements: readonly Statement[]): Promise<readonly (readonly Row[])[]> {
    if (this.#elsewhere === undefined) return this.#commit(statements)
    const results = await (await this.#elsewhere).commit(statements)
    this.#commits++
    return results
  }

  #commit(statements: readonly Statement[]): readonly (readonly Row[])[] {
    this.#of(BEGIN).statement.run()
    try {
      const results = statements.map((statement) => this.#perform(statement))
      this.#of(COMMIT).statement.run()
      this.#commits++
      return results
    } catch (error) {
      this.#of(ROLLBACK).statement.run()
      throw error instanceof PortRefusal ? error : storeFailure(error)
    }
  }

  #perform({ sql, parameters, expectChanges }: Statement): readonly Row[] {
    const { statement, yieldsRows } = this.#of(sql)
    if (yieldsRows) {
      const rows = this.#rows({ sql, parameters })
      // `returning` yields one row for each changed one.
      expectExactly(expectChanges, rows.length)
      return rows
    }
    const { changes } = statement.run(...parameters.map(boundValue))
    expectExactly(expectChanges, Number(changes))
    return NO_ROWS
  }

  #rows({ sql, parameters }: Statement): readonly Row[] {
    const rows = this.#of(sql).statement.all(...parameters.map(boundValue))
    return rows.map((row) => ({ ...row }))
  }

  #of(sql: string): Prepared {
    let prepared = this.#prepared.get(sql)
    if (prepared === undefined) {
      const statement = this.#database.prepare(sql)
      prepared = { statement, yieldsRows: statement.columns().length > 0 }
      this.#prepared.set(sql, prepared)
    }
    return prepared
  }

  [Symbol.dispose](): void {
    this.#database.close()
  }
}

/** As the real store binds: whole numbers as such, and nothing that would be stored as another value. */
function boundValue(value: SqlValue): SqlValue {
  if (typeof value === 'string' && !value.isWellFormed()) throw unstorable('text')
  if (typeof value !== 'number') return value
  if (!Number.isFinite(value)) throw unstorable('number')
  if (!Number.isInteger(value)) return value
  if (!Number.isSafeInteger(value)) throw unstorable('number')
  return BigInt(value)
}

function expectExactly(expected: number | undefined, changed: number): void {
  if (expected === undefined || changed === expected) return
  throw new PortRefusal('STORE_CONFLICT', 'The rows were not as the transaction expected', {
    facts: { expected, changed },
  })
}

const NO_ROWS: readonly Row[] = []
const BEGIN = 'begin immediate'
const COMMIT = 'commit'
const ROLLBACK = 'rollback'

const unstorable = (what: string): PortRefusal =>
  new PortRefusal('STORE_FAILED', `A ${what} of a statement cannot be stored as it is`)

/** What a commit in memory costs grows with the number of pages that there are. */
const PAGE_OCTETS = 16384

const storeFailure = (cause: unknown): PortRefusal =>
  new PortRefusal('STORE_FAILED', 'The database refused a statement', { cause })
