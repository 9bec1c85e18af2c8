/**
 * Connections to PostgreSQL: how they are made, what is demanded of the database, and its schema.
 *
 * A database belongs to one site, and says so in a table. It is opened by one daemon at a time, or by
 * several that agree to share it: a lock of the session says which, and ends with the connection
 * however that ends. Each opening has a number: who comes back after a cut finds out whether
 * another was there meanwhile.
 *
 * Durable means `synchronous_commit = on` over `fsync = on`. Over a network the connection is TLS,
 * checked against a certificate authority; a socket file needs none.
 *
 * Does not protect against whoever administers the database: rooms seal what they store, and the
 * bookkeeping beside it is readable and writable to them.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { Client, type ClientConfig } from 'pg'
import type { SiteId } from '#base'
import { GatewayRefusal } from './refusal.ts'
import { isLost, readers, sqlState } from './store-postgres-values.ts'
import { systemCode } from './system.ts'

/** Where a site's database is. */
export interface PostgresAddress {
  /** A name or address, or the folder of a socket file. */
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  /** Read at each connection; none where the socket file tells who asks. */
  readonly passwordFile?: string | undefined
  /** Certificates of the authority that certifies the database; needed over a network. */
  readonly caFile?: string | undefined
}

/** Connects and sets what every session of ours has. @throws what `pg` says */
export async function connect(
  address: PostgresAddress,
  about: { readonly site: SiteId; readonly writes: boolean },
): Promise<Client> {
  const client = new Client(settingsOf(address, about.site))
  // What breaks an idle connection is met again by whoever uses it next.
  client.on('error', () => undefined)
  try {
    await client.connect()
    const settings = about.writes ? SETTINGS : [...SETTINGS, 'default_transaction_read_only = on']
    await Promise.all(settings.map((setting) => client.query(`set ${setting}`)))
    return client
  } catch (error) {
    await end(client)
    throw error
  }
}

/** Ends a connection, whatever state it is in. */
export async function end(client: Client): Promise<void> {
  await client.end().catch(() => undefined)
}

/** What a connection could not be made for, as the operator hears it. */
export function openingRefusal(cause: unknown, address: PostgresAddress): GatewayRefusal {
  if (cause instanceof GatewayRefusal) return cause
  const { host, port, database, user } = address
  const facts = { host, port, database, user, sqlstate: sqlState(cause) ?? 'none' }
  const system = systemCode(cause)
  if (system !== undefined && isSystemFile(cause)) {
    const message = 'Cannot read the password or the certificates for PostgreSQL'
    return new GatewayRefusal('PERMISSION_DENIED', message, { cause, facts: { ...facts, system } })
  }
  if (!isLost(cause)) {
    const message = `PostgreSQL at ${host} refuses ${user} or has no database ${database}`
    return new GatewayRefusal('STORE_UNREADABLE', message, { cause, facts })
  }
  const message = `PostgreSQL cannot be reached at ${host}, port ${String(port)}`
  return new GatewayRefusal('STORE_UNREACHABLE', message, { cause, facts })
}

const isSystemFile = (cause: unknown): boolean =>
  cause instanceof Error && 'syscall' in cause && ['open', 'read'].includes(String(cause.syscall))

/** Refuses a database on which commits would not be durable, or texts not ours. */
export async function demand(client: Client): Promise<void> {
  const { rows } = await client.query<{ name: string; setting: string }>(
    'select name, setting from pg_settings where name = any ($1)',
    [Object.keys(DEMANDS)],
  )
  const found = new Map(rows.map(({ name, setting }) => [name, setting]))
  for (const [name, { expected, met }] of Object.entries(DEMANDS)) {
    const setting = found.get(name) ?? ''
    if (met(setting)) continue
    const message = `PostgreSQL has ${name} = ${setting}; expected ${expected}`
    throw new GatewayRefusal('STORE_UNSUPPORTED', message, { facts: { name, setting } })
  }
}

/**
 * Takes the lock of the database, for as long as the connection lasts.
 *
 * Waits a little: the server may not have noticed yet that whoever held it was killed.
 */
export async function takeLock(client: Client, alone: boolean): Promise<boolean> {
  const take = alone ? 'pg_advisory_lock' : 'pg_advisory_lock_shared'
  try {
    await client.query(`set lock_timeout = ${String(LOCK_MS_MAX)}`)
    await client.query(`select ${take}($1, $2)`, [LOCK_CLASS, OPEN_LOCK])
    await client.query('set lock_timeout = 0')
    return true
  } catch (error) {
    if (sqlState(error) === LOCK_NOT_AVAILABLE) return false
    throw error
  }
}

function settingsOf(address: PostgresAddress, site: SiteId): ClientConfig {
  const { host, port, database, user, passwordFile, caFile } = address
  const local = host.startsWith('/') || LOOPBACK.has(host)
  const ca = caFile === undefined ? {} : { ca: readFileSync(caFile, 'utf8') }
  return {
    host,
    port,
    database,
    user,
    // A function, lest the client looks for passwords in its environment.
    password: () =>
      passwordFile === undefined ? '' : readFileSync(passwordFile, 'utf8').replace(/\r?\n$/, ''),
    ssl: local && caFile === undefined ? false : { ...ca, minVersion: 'TLSv1.3' },
    application_name: `photonward ${site}`,
    connectionTimeoutMillis: ANSWER_MS_MAX,
    query_timeout: QUERY_MS_MAX,
    keepAlive: true,
    pipeline: true,
    types: readers,
  }
}

/** Locks of this program among those of a database: `PWRD`. */
export const LOCK_CLASS = 0x50575244
/** Held by whoever has the database open. */
const OPEN_LOCK = 1
/** Held by whoever is writing a group of commits. */
export const WRITE_LOCK = 2

const SETTINGS = [
  'synchronous_commit = on',
  "default_transaction_isolation = 'read committed'",
  'standard_conforming_strings = on',
  "bytea_output = 'hex'",
  "statement_timeout = '30s'",
  "idle_in_transaction_session_timeout = '30s'",
]

const on = { expected: 'on', met: (setting: string) => setting === 'on' }
/** Settings of the server without which nothing is promised. */
const DEMANDS: Readonly<
  Record<string, { readonly expected: string; readonly met: (setting: string) => boolean }>
> = {
  server_version_num: { expected: 'version 14 or later', met: (it) => Number(it) >= 140_000 },
  server_encoding: { expected: 'UTF8', met: (it) => it === 'UTF8' },
  fsync: on,
  full_page_writes: on,
}

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '::1'])
const LOCK_NOT_AVAILABLE = '55P03'
const LOCK_MS_MAX = 2000
const ANSWER_MS_MAX = 5000
const QUERY_MS_MAX = 60_000
