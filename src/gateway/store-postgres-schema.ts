/**
 * Opening a database of PostgreSQL for a site: whose it is, and which migrations it has.
 *
 * @module
 */

import type { Client } from 'pg'
import { assert, type SiteId } from '#base'
import { GatewayRefusal } from './refusal.ts'
import { LOCK_CLASS, WRITE_LOCK } from './store-postgres-session.ts'
import { defined } from './store-postgres-text.ts'
import { APPLIED, compare, OpeningFailure } from './store-schema.ts'
import type { KnownMigration } from './store-wire.ts'

/**
 * Claims a fresh database, or finds that it is this site's, applies what is missing, and counts the
 * opening: all in one transaction.
 *
 * @returns the number of this opening
 * @throws GatewayRefusal `STORE_OTHER_SITE`, `STORE_UNREADABLE`, `STORE_NEWER`,
 *   `STORE_MIGRATION_CHANGED`
 */
export async function openSchema(
  client: Client,
  site: SiteId,
  migrations: readonly KnownMigration[],
): Promise<number> {
  await client.query('begin')
  try {
    await client.query('select pg_advisory_xact_lock($1, $2)', [LOCK_CLASS, WRITE_LOCK])
    await claim(client, site)
    await migrate(client, migrations)
    const { rows } = await client.query<{ opening: number }>(
      `update ${OWNER} set opening = opening + 1 returning opening`,
    )
    await client.query('commit')
    return rows[0].opening
  } catch (error) {
    await client.query('rollback').catch(() => undefined)
    if (!(error instanceof OpeningFailure)) throw error
    const { code, message, facts, cause } = error
    throw new GatewayRefusal(code, message, { cause, facts })
  }
}

/** The number of the last opening. */
export async function lastOpening(client: Client): Promise<number> {
  const { rows } = await client.query<{ opening: number }>(`select opening from ${OWNER}`)
  return rows[0].opening
}

async function claim(client: Client, site: SiteId): Promise<void> {
  const { rows: tables } = await client.query<{ name: string }>(
    'select relname as name from pg_class where relnamespace = current_schema()::regnamespace ' +
      "and relkind in ('r', 'v', 'm', 'p', 'f')",
  )
  if (tables.length === 0) {
    await client.query(`create table ${OWNER} (site_id text primary key, opening bigint not null)`)
    await client.query(`create table ${APPLIED} (id text collate "C" primary key, digest text)`)
    await client.query(`insert into ${OWNER} (site_id, opening) values ($1, 0)`, [site])
    return
  }
  if (!tables.some(({ name }) => name === OWNER)) {
    throw new GatewayRefusal('STORE_UNREADABLE', 'The database belongs to another program')
  }
  const { rows } = await client.query<{ site_id: string }>(`select site_id from ${OWNER}`)
  assert(rows.length === 1, 'a database has one owner')
  if (rows[0].site_id === site) return
  const message = `The database belongs to the site ${rows[0].site_id}, not to ${site}`
  throw new GatewayRefusal('STORE_OTHER_SITE', message, {
    facts: { owner: rows[0].site_id, site },
  })
}

async function migrate(client: Client, migrations: readonly KnownMigration[]): Promise<void> {
  const known = new Map(migrations.map(({ id, digest }) => [id, digest]))
  const { rows } = await client.query<{ id: string; digest: string }>(
    `select id, digest from ${APPLIED}`,
  )
  const applied = new Map(rows.map(({ id, digest }) => [id, digest]))
  compare(applied, known)
  for (const { id, statements, digest } of migrations) {
    if (applied.has(id)) continue
    try {
      for (const sql of statements) await client.query(defined(sql))
    } catch (cause) {
      const message = `The migration ${id} failed; nothing was changed`
      throw new GatewayRefusal('STORE_UNREADABLE', message, { cause })
    }
    await client.query(`insert into ${APPLIED} (id, digest) values ($1, $2)`, [id, digest])
  }
}

/** Table with the one site that a database belongs to. */
const OWNER = 'photonward_owner'
