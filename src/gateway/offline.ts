/**
 * Looking into the folder of a site that is not running: verification without any network.
 *
 * Takes the folder's lock like a daemon does, so that the two never meet.
 *
 * @module
 */

import { join } from 'node:path'
import { PortRefusal, type Network } from '#base'
import type { FindingView } from '#contract'
import { openSite, readMaterial, readRootKey, SiteConfigurationShape, verifyLogOf } from '#site'
import { SystemClock } from './clock.ts'
import { readConfigurationFile } from './config.ts'
import { sweepPending } from './disk.ts'
import { openFolder } from './folder.ts'
import { JsonLog } from './log.ts'
import { testedRandom } from './random.ts'
import { CONFIG_FILE } from './site-daemon.ts'
import { openSiteDisk } from './site-disk.ts'
import { openSiteStore } from './store-open.ts'

/**
 * Verifies the log, the records and the keys in the folder of a stopped site.
 *
 * @throws GatewayRefusal `SITE_IN_USE` while a daemon runs there, and what a start would refuse
 */
export async function* verifyStopped(
  folderName: string,
  passphrase: Uint8Array | undefined,
): AsyncGenerator<FindingView> {
  const folder = openFolder(folderName)
  const configuration = readConfigurationFile(join(folder, CONFIG_FILE), SiteConfigurationShape)
  using clock = new SystemClock()
  await using store = await openSiteStore(folder, configuration, clock)
  sweepPending(folder)
  const log = new JsonLog({ clock, sinks: [] })
  const disk = openSiteDisk(folder, configuration, { clock, log })
  using root = await readRootKey(disk, passphrase)
  const about = { site: configuration.site, kme: configuration.kme, root }
  const statements: FindingView[] = []
  const report = (place: string, problem: string): void => {
    statements.push({ kind: 'fault', part: 'statements', place, problem })
  }
  const material = await readMaterial(disk, about, { clock, report })
  yield* statements
  const opening = openSite({
    configuration,
    ports: { clock, store, disk, log, random: testedRandom(), network: noNetwork },
    devices: { transmitter: unreachable, receiver: unreachable },
    // No link is started, so no engine ever computes.
    compute: { open: () => ({ step: unreachable, close: () => undefined }) },
    material,
    root,
    version: 'offline',
    surroundings: () => ({ folder, engine: store.engine, listeners: [] }),
    onStop: () => undefined,
  })
  const refusal = await opening.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (refusal !== undefined) {
    yield* damagedLog(verifyLogOf({ configuration, material }, store), refusal)
    return
  }
  const site = await opening
  const { signal } = new AbortController()
  for await (const finding of site.admin.verify({}, null, signal)) {
    yield finding.kind === 'done'
      ? { ...finding, faults: finding.faults + statements.length }
      : finding
  }
  await site.parts.keystore.close()
  site.parts.records?.vault[Symbol.dispose]()
  site.parts.preShared[Symbol.dispose]()
  site.parts.couriers[Symbol.dispose]()
}

/** What keeps a site from opening may be a fault in its log: then that is named. */
async function* damagedLog(
  findings: AsyncIterable<FindingView>,
  refusal: unknown,
): AsyncGenerator<FindingView> {
  for await (const finding of findings) {
    if (finding.kind === 'done' && finding.faults === 0) throw refusal
    yield finding
  }
}

const unreachable = (): Promise<never> =>
  Promise.reject(new PortRefusal('NETWORK_UNREACHABLE', 'This site is not running'))

const noNetwork: Network = { accept: () => () => undefined, dial: unreachable }
