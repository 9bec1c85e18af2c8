/**
 * SQL text through Kysely, without a connection: rooms describe statements, the Store port runs
 * them. One dialect for all: `?` placeholders and double-quoted names; a PostgreSQL store
 * renumbers the placeholders.
 *
 * Rules that keep statements portable: ids are texts or whole numbers we assign, times are whole
 * milliseconds, octets are blobs, every table has `site_id` first in its key, and nothing relies
 * on sequences, advisory locks, arrays or case-insensitive matching.
 *
 * @module
 */

import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'
import type { Compilable } from 'kysely'
import type { SqlValue, Statement } from './ports.ts'

/** Tables of one room as a query builder: `tablesOf<KeystoreTables>().selectFrom('key_block')`. */
export const tablesOf = <Tables>(): Kysely<Tables> =>
  new Kysely<Tables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  })

/**
 * The statement of a query. Compiling costs some 20 µs: where that matters, compile once and make
 * further statements with `bind`.
 */
export function statement(query: Compilable, expectChanges?: number): Statement {
  const { sql, parameters } = query.compile()
  return {
    sql,
    parameters: parameters as readonly SqlValue[],
    ...(expectChanges === undefined ? {} : { expectChanges }),
  }
}

/** The same SQL with other parameters, in the order in which they stand in the text. */
export const bind = (like: Statement, ...parameters: readonly SqlValue[]): Statement => ({
  ...like,
  parameters,
})

/** One step of a room's schema. Applied once, in order; an `id` is never reused. */
export interface Migration {
  readonly id: string
  /** DDL that both SQLite and PostgreSQL accept (`blob` is renamed to `bytea` there). */
  readonly statements: readonly string[]
}
