/**
 * The vault of a stopped site, opened in this process: for what no command shows, such as the
 * hospitals and practitioners that records refer to.
 *
 * @module
 */

import { join } from 'node:path'
import { PortRefusal, siteId } from '#base'
import {
  JsonLog,
  openDisk,
  openStore,
  readConfigurationFile,
  SystemClock,
  testedRandom,
} from '#gateway'
import { openSite, readMaterial, readRootKey, SiteConfigurationShape, siteMigrations } from '#site'
import type { TestSite } from './two-sites.ts'

type ReadRecord = (about: { type: string; id: string; origin: string }) => Promise<string>

/** Opens the vault of a stopped site, and closes it after the task. */
export async function withVault(
  { folder, configFile }: TestSite,
  task: (read: ReadRecord) => Promise<void>,
): Promise<void> {
  const configuration = readConfigurationFile(configFile, SiteConfigurationShape)
  using clock = new SystemClock()
  await using store = await openStore({
    file: join(folder, 'state.db'),
    migrations: await siteMigrations(),
  })
  const disk = openDisk(folder)
  using root = await readRootKey(disk, undefined)
  const about = { site: configuration.site, kme: configuration.kme, root }
  const material = await readMaterial(disk, about, { clock, report: () => undefined })
  const network = { accept: () => () => undefined, dial: unreachable }
  const log = new JsonLog({ clock, sinks: [] })
  const site = await openSite({
    configuration,
    ports: { clock, store, disk, log, network, random: testedRandom() },
    devices: { transmitter: unreachable, receiver: unreachable },
    compute: { open: () => ({ step: unreachable, close: () => undefined }) },
    material,
    root,
    version: 'test',
    surroundings: () => ({ folder, engine: 'embedded SQLite', listeners: [] }),
    onStop: () => undefined,
  })
  const { records, keystore } = site.parts
  if (records === undefined) throw new Error('The site keeps no records')
  const { vault } = records
  try {
    await task(async ({ type, id, origin }) => {
      const record = await vault.readRecord({ type, id, origin: siteId(origin) }, { actor: 'test' })
      return record.text
    })
  } finally {
    await keystore.close()
    vault[Symbol.dispose]()
  }
}

const unreachable = (): Promise<never> =>
  Promise.reject(new PortRefusal('NETWORK_UNREACHABLE', 'This site is not running'))
