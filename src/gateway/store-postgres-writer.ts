/**
 * Group commit over PostgreSQL: many commits, each all-or-none by itself, in one transaction.
 *
 * All statements of a group go out together, without waiting for answers. If every one did as
 * expected, the group is committed: two round trips and one sync for all. If a commit lost a race or
 * broke a rule, the transaction is undone and what stood before it, it alone, and what stood
 * after it are done again, so that it harms no other.
 *
 * Groups of all processes of a site take turns, by a lock that lasts as long as their transaction:
 * conditions hold as if each were alone, which is what the embedded engine gives as well.
 *
 * @module
 */

import type { Client, QueryResult } from 'pg'
import type { Row } from '#base'
import { PreparedNames } from './store-postgres-names.ts'
import { LOCK_CLASS, WRITE_LOCK } from './store-postgres-session.ts'
import { isLost, plainRow, postgresFailure, UNREACHABLE } from './store-postgres-values.ts'
import { toPostgres } from './store-postgres-values.ts'
import type { Commit, Failure, Outcome } from './store-wire.ts'

/** What became of a group. */
export type GroupEnd =
  | { readonly kind: 'settled'; readonly outcomes: readonly Outcome[] }
  /**
   * The connection was lost after the word to commit had left. `settled` are outcomes of what came
   * before; `uncertain` those of a transaction that stands or does not.
   */
  | {
      readonly kind: 'uncertain'
      readonly transaction: string
      readonly settled: readonly Outcome[]
      readonly uncertain: readonly Outcome[]
    }

/** Owns the transactions of one connection. One group at a time. */
export class PostgresWriter {
  readonly #client: Client
  readonly #names = new PreparedNames()

  constructor(client: Client) {
    this.#client = client
  }

  /** Commits in order. What is `committed` is durable. Never rejects. */
  async commitAll(commits: readonly Commit[]): Promise<GroupEnd> {
    if (commits.length === 0) return { kind: 'settled', outcomes: [] }
    const begun = this.#begin()
    const results = await Promise.all(commits.map((commit) => this.#perform(commit)))
    const at = results.findIndex(({ failure }) => failure !== undefined)
    const transaction = await begun
    const broken = at < 0 ? undefined : results[at].failure
    if (transaction === undefined || broken?.lost === true) return allUndone(commits, UNREACHABLE)
    if (broken === undefined) return this.#commit(transaction, commits, results.map(committed))
    await this.#undo()
    if (commits.length === 1) return allUndone(commits, broken.why)
    return this.#inTurn([commits.slice(0, at), [commits[at]], commits.slice(at + 1)])
  }

  /** Several groups, one after the other. */
  async #inTurn(groups: readonly (readonly Commit[])[]): Promise<GroupEnd> {
    const outcomes: Outcome[] = []
    for (const [at, group] of groups.entries()) {
      const end = await this.commitAll(group)
      if (end.kind === 'settled') outcomes.push(...end.outcomes)
      else {
        const never = groups
          .slice(at + 1)
          .flat()
          .map(() => undone(UNREACHABLE))
        const settled = [...outcomes, ...end.settled]
        return { ...end, settled, uncertain: end.uncertain.concat(never) }
      }
    }
    return { kind: 'settled', outcomes }
  }

  /** Begins a transaction and waits for our turn to write. @returns its name, if it began */
  async #begin(): Promise<string | undefined> {
    const [, turn] = await Promise.allSettled([
      this.#client.query('begin'),
      this.#client.query<{ name: string }>(TURN),
    ])
    return turn.status === 'fulfilled' ? turn.value.rows[0].name : undefined
  }

  /** The statements of one commit, all sent at once. */
  async #perform(commit: Commit): Promise<Performed> {
    const results = await Promise.allSettled(
      commit.map(({ sql, parameters }) =>
        this.#client.query<Record<string, unknown>>({
          ...this.#names.of(sql),
          values: parameters.map(toPostgres),
        }),
      ),
    )
    const rows: (readonly Row[])[] = []
    for (const [at, result] of results.entries()) {
      if (result.status === 'rejected') {
        const error: unknown = result.reason
        return { rows, failure: { why: postgresFailure(error), lost: isLost(error) } }
      }
      const { expectChanges } = commit[at]
      const { rowCount } = result.value
      if (expectChanges !== undefined && rowCount !== expectChanges) {
        return { rows, failure: { why: conflict(expectChanges, rowCount ?? 0), lost: false } }
      }
      rows.push(result.value.rows.map(plainRow))
    }
    return { rows, failure: undefined }
  }

  async #commit(
    transaction: string,
    commits: readonly Commit[],
    outcomes: readonly Outcome[],
  ): Promise<GroupEnd> {
    try {
      const { command } = await this.#client.query('commit')
      if (command === 'COMMIT') return { kind: 'settled', outcomes }
      return await this.#eachAlone(commits, new Error('The transaction was undone'))
    } catch (error) {
      if (isLost(error)) return { kind: 'uncertain', transaction, settled: [], uncertain: outcomes }
      return this.#eachAlone(commits, error)
    }
  }

  /** What could not be committed together may be committed one by one, or in part. */
  async #eachAlone(commits: readonly Commit[], error: unknown): Promise<GroupEnd> {
    await this.#undo()
    if (commits.length === 1) return allUndone(commits, postgresFailure(error))
    return this.#inTurn(commits.map((commit) => [commit]))
  }

  async #undo(): Promise<void> {
    // If this fails, the connection is lost and the transaction with it.
    await this.#client.query('rollback').catch((): QueryResult | undefined => undefined)
  }
}

interface Performed {
  readonly rows: readonly (readonly Row[])[]
  /** The first that went wrong. */
  readonly failure: { readonly why: Failure; readonly lost: boolean } | undefined
}

const committed = ({ rows }: Performed): Outcome => ({ kind: 'committed', rows })

const undone = (failure: Failure): Outcome => ({ kind: 'undone', failure })

const allUndone = (commits: readonly Commit[], failure: Failure): GroupEnd => ({
  kind: 'settled',
  outcomes: commits.map(() => undone(failure)),
})

const conflict = (expected: number, changed: number): Failure => ({
  code: 'STORE_CONFLICT',
  message: 'The rows were not as the transaction expected',
  facts: { expected, changed },
})

/** Waits for our turn; the name of the transaction tells later what became of it. */
const TURN = {
  name: 'turn',
  text:
    `select pg_advisory_xact_lock(${String(LOCK_CLASS)}, ${String(WRITE_LOCK)}), ` +
    'pg_current_xact_id()::text as name',
}
