/**
 * Values between our rows and SQLite, and what its errors mean to us.
 *
 * Three traps are closed here. `node:sqlite` binds every JavaScript number as a float, so that 5
 * becomes '5.0' in a text column and `? / 2` is no whole number: whole numbers are bound as such.
 * It stores NaN as NULL, and text that is not well-formed as other text: both are refused.
 *
 * @module
 */

import type { Row, SqlValue, Statement } from '#base'
import type { Prepared } from './store-prepared.ts'
import { systemCode } from './system.ts'
import type { Commit, Failure } from './store-wire.ts'

/** What SQLite is given for a value. */
export function toSql(value: SqlValue): SqlValue {
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value
}

/** Why a value cannot be stored as it is, if it cannot. */
export function valueFault(value: SqlValue): string | undefined {
  if (typeof value === 'string') {
    return value.isWellFormed() ? undefined : 'a text that is not well-formed Unicode'
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return 'a number that is not finite'
    return Number.isInteger(value) && !Number.isSafeInteger(value) ? BEYOND : undefined
  }
  if (typeof value === 'bigint') return value > SAFE || value < -SAFE ? BEYOND : undefined
  return value === null || value instanceof Uint8Array ? undefined : `a ${typeof value}`
}

/** A copy that stays as it is while the commit waits. */
export const snapshot = ({ sql, parameters, expectChanges }: Statement): Statement => ({
  sql,
  parameters: parameters.map((value) =>
    value instanceof Uint8Array ? new Uint8Array(value) : value,
  ),
  ...(expectChanges === undefined ? {} : { expectChanges }),
})

/** Octets of a statement's parameters and text, roughly: for limits. */
export function weight({ sql, parameters }: Statement): number {
  let octets = sql.length
  for (const value of parameters) {
    octets += typeof value === 'string' || value instanceof Uint8Array ? value.length : 8
  }
  return octets
}

/** How many of the waiting commits, from the front, are to share one transaction. */
export function groupSize(waiting: readonly Commit[]): number {
  let octets = 0
  let count = 0
  for (const commit of waiting) {
    if (count === GROUP_COMMITS_MAX || octets > GROUP_OCTETS_MAX) break
    for (const statement of commit) octets += weight(statement)
    count++
  }
  return count
}

/** All rows of a prepared statement, as plain objects. */
export function rowsOf(
  { statement, columns }: Pick<Prepared, 'statement' | 'columns'>,
  parameters: readonly SqlValue[],
): readonly Row[] {
  const rows = statement.all(...parameters.map(toSql)) as unknown as readonly SqlValue[][]
  return rows.map((values) => {
    const row: Record<string, SqlValue> = {}
    for (let at = 0; at < columns.length; at++) row[columns[at]] = values[at]
    return row
  })
}

/** What an error of `node:sqlite` means for one commit or read. */
export function failureOf(error: unknown): Failure {
  const cause = error instanceof Error ? error.message : String(error)
  const sqlite = sqliteCode(error)
  const facts = sqlite === undefined ? {} : { sqlite }
  const primary = sqlite === undefined ? undefined : sqlite & 0xff
  if (primary === SQLITE_FULL) {
    return { code: 'STORE_FULL', message: 'No space is left for the database', facts, cause }
  }
  const message =
    primary === SQLITE_CORRUPT || primary === SQLITE_NOTADB
      ? 'The database file is damaged'
      : systemCode(error) === 'ERR_OUT_OF_RANGE'
        ? `The database holds ${BEYOND}`
        : 'The database refused a statement'
  return { code: 'STORE_FAILED', message, facts, cause }
}

/** Whether the disk itself failed, so that what is durable is no longer known. */
export function isDiskFailure(error: unknown): boolean {
  const sqlite = sqliteCode(error)
  return sqlite !== undefined && (sqlite & 0xff) === SQLITE_IOERR
}

/** Whether the space has run out. */
export function isFull(error: unknown): boolean {
  const sqlite = sqliteCode(error)
  return sqlite !== undefined && (sqlite & 0xff) === SQLITE_FULL
}

/** SQLite's extended result code, if the error is SQLite's. */
function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined
  return typeof error.errcode === 'number' ? error.errcode : undefined
}

/** Commits in one transaction. */
export const GROUP_COMMITS_MAX = 1024
/** Octets of parameters in one transaction, before the commit that goes over it. */
const GROUP_OCTETS_MAX = 16 * 1024 * 1024
const SAFE = BigInt(Number.MAX_SAFE_INTEGER)
/** What neither a value nor a row may hold. */
export const BEYOND = 'a whole number beyond 2^53 - 1'
// Primary result codes of SQLite, sqlite3.h.
const SQLITE_IOERR = 10
const SQLITE_CORRUPT = 11
const SQLITE_FULL = 13
const SQLITE_NOTADB = 26
