/**
 * The store that the configuration of a site names: a file in its folder, or PostgreSQL.
 *
 * @module
 */

import { join, resolve } from 'node:path'
import { siteId, type Clock, type PortRefusal, type Store } from '#base'
import { siteMigrations, type SiteConfiguration } from '#site'
import { lockDaemon, lockFolder } from './folder.ts'
import { GatewayRefusal } from './refusal.ts'
import { openPostgres } from './store-postgres.ts'
import type { PostgresAddress } from './store-postgres-session.ts'
import { openStore } from './store.ts'

/** A store that is open, whatever its engine. */
export interface OpenStore extends Store, AsyncDisposable {
  /** What keeps the data, for people. */
  readonly engine: string
  /** Resolves when the store is closed; to the refusal if it closed by itself, after a failure. */
  readonly closed: Promise<PortRefusal | undefined>
}

/** Where the embedded engine keeps the data of a site. */
export const storeFile = (folder: string): string => join(folder, 'state.db')

/** Where PostgreSQL keeps them; undefined if the configuration does not name it. */
export function postgresOf(
  folder: string,
  { store }: Pick<SiteConfiguration, 'store'>,
): PostgresAddress | undefined {
  if (store?.kind !== 'postgres') return undefined
  const { host, port, database, user, passwordFile, caFile } = store
  const place = (file: string | undefined): string | undefined =>
    file === undefined ? undefined : resolve(folder, file)
  return { host, port, database, user, passwordFile: place(passwordFile), caFile: place(caFile) }
}

/**
 * Opens the store of a site and takes the lock of its folder.
 *
 * @throws GatewayRefusal as `openStore` and `openPostgres` do
 */
export async function openSiteStore(
  folder: string,
  configuration: SiteConfiguration,
  clock: Clock,
): Promise<OpenStore> {
  const migrations = await siteMigrations(configuration.role)
  const address = postgresOf(folder, configuration)
  if (address === undefined) {
    const store = await openStore({ file: storeFile(folder), migrations })
    return faceOf(store, 'embedded SQLite')
  }
  const lock = lockFolder(folder)
  try {
    const site = siteId(configuration.site)
    const store = await openPostgres({ address, site, migrations, clock })
    void store.closed.then(() => lock[Symbol.dispose]())
    return faceOf(store, `PostgreSQL, ${address.host}`)
  } catch (error) {
    lock[Symbol.dispose]()
    throw error
  }
}

/**
 * Opens the database of a site that several daemons serve, and takes the lock of one of their names
 * in this folder. Who leads is not decided by that.
 *
 * @throws GatewayRefusal as `openPostgres` does, and `CONFIG_INVALID` without PostgreSQL
 */
export async function openSharedStore(
  folder: string,
  configuration: SiteConfiguration,
  { name, clock }: { readonly name: string; readonly clock: Clock },
): Promise<OpenStore> {
  const address = postgresOf(folder, configuration)
  if (address === undefined) {
    const message = 'Several daemons serve a site over PostgreSQL only; "store" names none'
    throw new GatewayRefusal('CONFIG_INVALID', message)
  }
  const lock = lockDaemon(folder, name)
  try {
    const site = siteId(configuration.site)
    const migrations = await siteMigrations(configuration.role)
    const about = { migrations, clock, shared: true }
    const store = await openPostgres({ address, site, ...about })
    void store.closed.then(() => lock[Symbol.dispose]())
    return faceOf(store, `PostgreSQL, ${address.host}`)
  } catch (error) {
    lock[Symbol.dispose]()
    throw error
  }
}

const faceOf = (store: Omit<OpenStore, 'engine'>, engine: string): OpenStore => ({
  engine,
  closed: store.closed,
  read: (statement) => store.read(statement),
  commit: (statements) => store.commit(statements),
  [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
})
