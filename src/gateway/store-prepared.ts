/**
 * Prepared statements of one connection, the most recently used ones kept.
 *
 * @module
 */

import type { DatabaseSync, StatementSync } from 'node:sqlite'

/** A statement, whose rows are arrays, and the names of their columns; none if it yields no rows. */
export interface Prepared {
  readonly statement: StatementSync
  readonly columns: readonly string[]
}

export class PreparedStatements {
  readonly #database: DatabaseSync
  /** In the order of last use: the first is dropped first. */
  readonly #kept = new Map<string, Prepared>()

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  /** The statement for this text. @throws what SQLite says of the text */
  of(sql: string): Prepared {
    let prepared = this.#kept.get(sql)
    if (prepared === undefined) {
      const statement = this.#database.prepare(sql)
      // Objects of SQLite's own would have to be copied: they have no prototype.
      statement.setReturnArrays(true)
      prepared = { statement, columns: statement.columns().map(({ name }) => name) }
      if (this.#kept.size >= PREPARED_MAX) this.#dropOldest()
    } else {
      this.#kept.delete(sql)
    }
    this.#kept.set(sql, prepared)
    return prepared
  }

  get size(): number {
    return this.#kept.size
  }

  #dropOldest(): void {
    for (const sql of this.#kept.keys()) {
      this.#kept.delete(sql)
      return
    }
  }
}

/** Prepared statements kept for one connection. */
export const PREPARED_MAX = 256
