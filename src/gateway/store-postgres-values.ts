/**
 * Values between our rows and PostgreSQL, and what its errors mean to us.
 *
 * Rows come back as from SQLite: whole numbers as numbers, truth as 1 or 0, octets as `Uint8Array`.
 *
 * @module
 */

import { DatabaseError, types } from 'pg'
import type { Row, SqlValue } from '#base'
import { BEYOND, valueFault } from './store-values.ts'
import type { Failure } from './store-wire.ts'

/** A number in the database that ours cannot be. */
class BeyondNumber extends Error {
  override readonly name = 'BeyondNumber'
}

/** Why a value cannot be stored as it is, if it cannot: as in SQLite, and no NUL in texts. */
export const postgresFault = (value: SqlValue): string | undefined =>
  typeof value === 'string' && value.includes('\0') ? 'a text with a NUL' : valueFault(value)

/** What the client is given for a value: numbers as their shortest decimal text. */
export function toPostgres(value: SqlValue): string | Buffer | null {
  if (value === null || typeof value === 'string') return value
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length)
  return Object.is(value, -0) ? '0' : String(value)
}

/** How the client reads what is in a row. */
export const readers = {
  getTypeParser: (type: number): ((text: string) => SqlValue) => READERS[type] ?? ((text) => text),
}

/** What an error means for one commit or read. The database's own words may repeat values. */
export function postgresFailure(error: unknown): Failure {
  if (error instanceof BeyondNumber) {
    return { code: 'STORE_FAILED', message: `The database holds ${BEYOND}`, facts: {} }
  }
  const state = sqlState(error)
  if (isLost(error)) return UNREACHABLE
  const facts = state === undefined ? {} : { sqlstate: state }
  if (state?.startsWith('53') === true) {
    return { code: 'STORE_FULL', message: 'The database has run out of space or memory', facts }
  }
  return { code: 'STORE_FAILED', message: 'The database refused a statement', facts }
}

/** Whether the connection is gone, or the database is going: nothing can be asked on it any more. */
export function isLost(error: unknown): boolean {
  if (error instanceof BeyondNumber) return false
  const state = sqlState(error)
  return state === undefined || state.startsWith('08') || ENDING.has(state)
}

/** A row as a plain object of our values. */
export const plainRow = (row: Record<string, unknown>): Row => ({ ...row }) as Row

/** The five characters by which PostgreSQL names an error, if it is one of its own. */
export const sqlState = (error: unknown): string | undefined =>
  error instanceof DatabaseError ? error.code : undefined

/** What is said while the database cannot be reached. */
export const UNREACHABLE: Failure = {
  code: 'STORE_FAILED',
  message: 'The database cannot be reached; nothing was stored',
  facts: {},
}

function numberOf(text: string): number {
  const number = Number(text)
  if (Number.isInteger(number) && !Number.isSafeInteger(number)) throw new BeyondNumber()
  return number
}

const octetsOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.slice(2), 'hex'))

const { BOOL, BYTEA, INT2, INT4, INT8, FLOAT4, FLOAT8, NUMERIC } = types.builtins
const READERS: Readonly<Record<number, (text: string) => SqlValue>> = {
  [BOOL]: (text) => (text === 't' ? 1 : 0),
  [BYTEA]: octetsOf,
  [INT2]: numberOf,
  [INT4]: numberOf,
  [INT8]: numberOf,
  [FLOAT4]: Number,
  [FLOAT8]: Number,
  [NUMERIC]: numberOf,
}

/** The server shuts down, crashed, or is not up yet. */
const ENDING: ReadonlySet<string> = new Set(['57P01', '57P02', '57P03', '57P05'])
