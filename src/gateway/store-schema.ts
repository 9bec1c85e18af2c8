/**
 * Opening the database: settings, migrations, and what its statements may do.
 *
 * Durable means `synchronous = FULL` in write-ahead mode: a commit is on the disk when it returns.
 * `secure_delete` overwrites deleted rows with zeros in the database file; the write-ahead log and
 * the file system may still hold older pages, so nothing secret is stored in clear to begin with.
 *
 * @module
 */

import { closeSync, openSync } from 'node:fs'
import { constants, DatabaseSync } from 'node:sqlite'
import type { Facts } from '#base'
import type { GatewayRefusalCode } from './refusal.ts'
import type { KnownMigration } from './store-wire.ts'

/** The database cannot be opened. Becomes a `GatewayRefusal` on the other thread. */
export class OpeningFailure extends Error {
  override readonly name = 'OpeningFailure'
  readonly code: GatewayRefusalCode
  readonly facts: Facts

  constructor(
    code: GatewayRefusalCode,
    message: string,
    { cause, facts = {} }: { cause?: unknown; facts?: Facts } = {},
  ) {
    super(message, { cause })
    this.code = code
    this.facts = facts
  }
}

/** Opens the writing connection and brings the schema up to date. @throws OpeningFailure */
export function openWriter(file: string, migrations: readonly KnownMigration[]): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    // SQLite gives its other files the mode of this one.
    closeSync(openSync(file, 'a', 0o600))
    database = new DatabaseSync(file, CONNECTION)
    for (const pragma of WRITER_PRAGMAS) database.exec(`pragma ${pragma}`)
    claim(database)
    migrate(database, migrations)
    return database
  } catch (cause) {
    database?.close()
    if (cause instanceof OpeningFailure) throw cause
    throw unreadable('Cannot open the database; it is damaged or not a database', cause)
  }
}

/** Opens a connection that can only read; the database has been opened for writing before. */
export function openReader(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { ...CONNECTION, readOnly: true })
  for (const pragma of READER_PRAGMAS) database.exec(`pragma ${pragma}`)
  confine(database, READER_ACTIONS)
  return database
}

/**
 * From here on, statements only read and write rows: none can end a transaction that others share,
 * attach another file, or change the schema or a setting.
 *
 * @returns a function that runs our own work outside these bounds
 */
export const confineWriter = (database: DatabaseSync): (<T>(work: () => T) => T) =>
  confine(database, WRITER_ACTIONS)

/** Marks a fresh database as ours, and refuses one of another program. */
function claim(database: DatabaseSync): void {
  const id = single(database, 'pragma application_id')
  if (id === APPLICATION_ID) return
  const tables = single(database, 'select count(*) from sqlite_schema')
  if (id !== 0 || tables !== 0) throw unreadable('The database belongs to another program')
  database.exec(`pragma application_id = ${APPLICATION_ID}`)
}

/** Applies what is missing, in order, as one transaction. */
function migrate(database: DatabaseSync, migrations: readonly KnownMigration[]): void {
  const known = new Map(migrations.map(({ id, digest }) => [id, digest]))
  database.exec('begin immediate')
  try {
    // In capitals: "primary" is a FHIR text, and none may be found on a disk.
    database.exec(`CREATE TABLE IF NOT EXISTS ${APPLIED} (id TEXT PRIMARY KEY, digest TEXT)`)
    const applied = new Map(
      database
        .prepare(`select id, digest from ${APPLIED}`)
        .all()
        .map(({ id, digest }) => [String(id), String(digest)]),
    )
    compare(applied, known)
    const insert = database.prepare(`insert into ${APPLIED} (id, digest) values (?, ?)`)
    for (const { id, statements, digest } of migrations) {
      if (applied.has(id)) continue
      apply(database, id, statements)
      insert.run(id, digest)
    }
    database.exec('commit')
  } catch (error) {
    if (database.isTransaction) database.exec('rollback')
    throw error
  }
}

function apply(database: DatabaseSync, id: string, statements: readonly string[]): void {
  try {
    for (const sql of statements) database.exec(sql)
  } catch (cause) {
    throw unreadable(`The migration ${id} failed; nothing was changed`, cause)
  }
}

/** Refuses a database that is ahead of this program, or was made by other migrations. */
export function compare(
  applied: ReadonlyMap<string, string>,
  known: ReadonlyMap<string, string>,
): void {
  for (const [id, digest] of applied) {
    const expected = known.get(id)
    if (expected === undefined) {
      throw new OpeningFailure(
        'STORE_NEWER',
        'The database was written by a newer version; start that version or a later one',
        { facts: { migration: id } },
      )
    }
    if (expected !== digest) {
      throw new OpeningFailure(
        'STORE_MIGRATION_CHANGED',
        `The migration ${id} differs from the one this database was made with`,
        { facts: { migration: id } },
      )
    }
  }
}

function confine(database: DatabaseSync, allowed: readonly number[]): <T>(work: () => T) => T {
  // Not by setting and unsetting: each change makes SQLite prepare every statement anew.
  let lifted = false
  database.setAuthorizer((action) =>
    lifted || allowed.includes(action) ? constants.SQLITE_OK : constants.SQLITE_DENY,
  )
  return (work) => {
    lifted = true
    try {
      return work()
    } finally {
      lifted = false
    }
  }
}

function single(database: DatabaseSync, sql: string): unknown {
  return Object.values(database.prepare(sql).get() ?? {})[0]
}

const unreadable = (message: string, cause?: unknown): OpeningFailure =>
  new OpeningFailure('STORE_UNREADABLE', message, { cause })

const CONNECTION = {
  enableForeignKeyConstraints: true,
  enableDoubleQuotedStringLiterals: false,
  allowExtension: false,
  // The schema and shadow tables cannot be written as data.
  defensive: true,
  timeout: 5000,
} as const

const READER_PRAGMAS = [
  'cell_size_check = on',
  'trusted_schema = off',
  // Sorting spills to memory: temporary files would hold what rows hold, outside our folder.
  'temp_store = memory',
  'cache_size = -16384',
]

const WRITER_PRAGMAS = [
  ...READER_PRAGMAS,
  'journal_mode = wal',
  'synchronous = full',
  'secure_delete = on',
  'wal_autocheckpoint = 4000',
  'journal_size_limit = 67108864',
]

const READER_ACTIONS: readonly number[] = [
  constants.SQLITE_SELECT,
  constants.SQLITE_READ,
  constants.SQLITE_FUNCTION,
  constants.SQLITE_RECURSIVE,
]

const WRITER_ACTIONS: readonly number[] = [
  ...READER_ACTIONS,
  constants.SQLITE_INSERT,
  constants.SQLITE_UPDATE,
  constants.SQLITE_DELETE,
]

/** Table of the migrations that were applied, in the order of their ids. */
export const APPLIED = 'schema_migration'
/** `PWRD` in the file header, so that tools can tell what the file is. */
const APPLICATION_ID = 0x50575244
