/**
 * Group commit: many commits, each all-or-none by itself, in one transaction with one sync.
 *
 * Nearly always all of them stand, so they are tried together without more. If one loses a race or
 * breaks a rule, all are tried again with a savepoint each, so that it is undone without harm to the
 * others: a savepoint costs a copy of every page that is touched under it. Where the transaction as
 * a whole cannot be committed (a full disk), each commit is tried again alone: those that fit are
 * kept, the others refused.
 *
 * @module
 */

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Row, Statement } from '#base'
import { PreparedStatements } from './store-prepared.ts'
import { confineWriter } from './store-schema.ts'
import { failureOf, isDiskFailure, rowsOf, toSql } from './store-values.ts'
import type { Commit, Failure, Outcome } from './store-wire.ts'

/** The disk failed while a transaction was being made durable. Nobody may write any more. */
export class DiskFailure extends Error {
  override readonly name = 'DiskFailure'
  readonly failure: Failure

  constructor(cause: unknown) {
    super('The disk failed under the database', { cause })
    const { facts, cause: text = '' } = failureOf(cause)
    this.failure = {
      code: 'STORE_FAILED',
      message: 'The disk failed under the database; what was not acknowledged may or may not stand',
      facts,
      cause: text,
    }
  }
}

/** A statement changed another number of rows than its commit expected. */
class Conflict extends Error {
  readonly expected: number
  readonly changed: number

  constructor(expected: number, changed: number) {
    super('The rows were not as the transaction expected')
    this.expected = expected
    this.changed = changed
  }
}

/** Owns the writing connection. */
export class GroupWriter {
  readonly #database: DatabaseSync
  readonly #prepared: PreparedStatements
  readonly #unconfined: ReturnType<typeof confineWriter>
  readonly #control: Readonly<Record<keyof typeof CONTROL, StatementSync>>

  constructor(database: DatabaseSync) {
    this.#database = database
    this.#prepared = new PreparedStatements(database)
    this.#unconfined = confineWriter(database)
    this.#control = this.#unconfined(() => ({
      begin: database.prepare(CONTROL.begin),
      commit: database.prepare(CONTROL.commit),
      mark: database.prepare(CONTROL.mark),
      keep: database.prepare(CONTROL.keep),
      undo: database.prepare(CONTROL.undo),
    }))
  }

  /**
   * Commits in order, in one transaction. What is `committed` is durable on return.
   *
   * @throws DiskFailure if the disk failed: the outcome of none of them is known
   */
  commitAll(commits: readonly Commit[]): readonly Outcome[] {
    const together = this.#transact(commits, (commit) => this.#performAll(commit))
    if (together.kind === 'stands') return together.outcomes
    if (commits.length === 1) return [{ kind: 'undone', failure: failureFor(together.error) }]
    const marked = this.#transact(commits, (commit) => this.#attempt(commit))
    if (marked.kind === 'stands') return marked.outcomes
    return commits.flatMap((commit) => this.commitAll([commit]))
  }

  /** Bounds the size of the database. */
  limit(pagesMax: number): void {
    this.#unconfined(() => this.#database.exec(`pragma max_page_count = ${pagesMax}`))
  }

  /** One transaction of all commits; durable if it stands, otherwise nothing of it is kept. */
  #transact(
    commits: readonly Commit[],
    perform: (commit: Commit) => Outcome,
  ):
    | { readonly kind: 'stands'; readonly outcomes: readonly Outcome[] }
    | { readonly kind: 'undone'; readonly error: unknown } {
    try {
      this.#run('begin')
      const outcomes = commits.map(perform)
      this.#run('commit')
      return { kind: 'stands', outcomes }
    } catch (error) {
      if (this.#database.isTransaction) this.#rollback(error)
      // After a failed sync the pages in memory count as clean: what the disk holds is unknown.
      if (isDiskFailure(error)) throw new DiskFailure(error)
      return { kind: 'undone', error }
    }
  }

  /** One commit inside the transaction. @throws if the transaction as a whole is gone */
  #attempt(commit: Commit): Outcome {
    this.#run('mark')
    try {
      const outcome = this.#performAll(commit)
      this.#run('keep')
      return outcome
    } catch (error) {
      // SQLite undoes the whole transaction by itself after some failures.
      if (!this.#database.isTransaction || isDiskFailure(error)) throw error
      this.#run('undo')
      this.#run('keep')
      return { kind: 'undone', failure: failureFor(error) }
    }
  }

  #performAll(commit: Commit): Outcome {
    const rows = commit.map((statement) => this.#perform(statement))
    return rows.some((some) => some.length > 0) ? { kind: 'committed', rows } : STANDS
  }

  #perform({ sql, parameters, expectChanges }: Statement): readonly Row[] {
    const prepared = this.#prepared.of(sql)
    if (prepared.columns.length > 0) {
      const rows = rowsOf(prepared, parameters)
      // `returning` yields one row for each changed one.
      expectExactly(expectChanges, rows.length)
      return rows
    }
    const { changes } = prepared.statement.run(...parameters.map(toSql))
    expectExactly(expectChanges, Number(changes))
    return NO_ROWS
  }

  #run(name: keyof typeof CONTROL): void {
    this.#unconfined(() => this.#control[name].run())
  }

  #rollback(reason: unknown): void {
    try {
      this.#unconfined(() => this.#database.exec('rollback'))
    } catch {
      throw new DiskFailure(reason)
    }
  }
}

function expectExactly(expected: number | undefined, changed: number): void {
  if (expected !== undefined && changed !== expected) throw new Conflict(expected, changed)
}

const failureFor = (error: unknown): Failure =>
  error instanceof Conflict ? lost(error) : failureOf(error)

const lost = ({ message, expected, changed }: Conflict): Failure => ({
  code: 'STORE_CONFLICT',
  message,
  facts: { expected, changed },
})

const CONTROL = {
  begin: 'begin immediate',
  commit: 'commit',
  mark: 'savepoint one',
  keep: 'release one',
  undo: 'rollback to one',
} as const

/** One object for all: it crosses to the other thread once in each message. */
const STANDS: Outcome = { kind: 'committed', rows: null }
const NO_ROWS: readonly Row[] = []
