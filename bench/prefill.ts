/**
 * Key blocks put into two stopped sites at once, as a link between them would have in days: so that
 * a store of a million keys can be measured.
 *
 * The octets are random, the same at both ends, and said to be simulated.
 *
 * @module
 */

import { join } from 'node:path'
import { bitsOf, linkId, PortRefusal, type Network } from '#base'
import {
  JsonLog,
  openDisk,
  openFolder,
  openSiteStore,
  readConfigurationFile,
  SystemClock,
  testedRandom,
} from '#gateway'
import { openSite, readMaterial, readRootKey, SiteConfigurationShape, type Site } from '#site'
import type { Origin } from '#keystore'
import type { BenchSite } from './daemons.ts'

/** Fills the pool that two stopped sites share, until each may give out so many keys of 256 bits. */
export async function prefill(
  [one, other]: readonly [BenchSite, BenchSite],
  keys: number,
): Promise<void> {
  await withStopped(one, (first) => withStopped(other, (second) => fill([first, second], keys)))
}

async function fill(sites: readonly Site[], keys: number): Promise<void> {
  const ends = sites.map(({ parts }) => parts.keystore)
  const link = linkId(sites[0].parts.options.configuration.links[0].link)
  const epoch = Math.max(...ends.map((end) => end.epoch(link))) + 1
  const seenBy = ends.map(({ site }) => site)
  const provenance: Origin = {
    source: 'simulated',
    randomness: 'simulated',
    authentication: 'wegman-carter-from-reserve',
    assumptions: [],
    epsilon: 1e-10,
    seenBy,
  }
  const random = testedRandom()
  await Promise.all(ends.map((end) => end.beginEpoch(link, epoch)))
  const isEnough = (): boolean => ends.every((end) => end.storedKeys(end.peers[0], 256) >= keys)
  for (let sequence = 0; !isEnough(); sequence++) {
    const octets = random.octets(BLOCK_OCTETS)
    await Promise.all(
      ends.map(async (end) => {
        await end.ingest({ link, epoch, sequence, key: bitsOf(octets.slice()), provenance })
        await end.confirm(link, { epoch, sequence })
      }),
    )
  }
}

/** Opens the folder of a site as its daemon does, without any network, and closes it again. */
async function withStopped(
  { folder: name }: BenchSite,
  work: (site: Site) => Promise<void>,
): Promise<void> {
  const folder = openFolder(name)
  const configuration = readConfigurationFile(join(folder, CONFIG_FILE), SiteConfigurationShape)
  using clock = new SystemClock()
  await using store = await openSiteStore(folder, configuration, clock)
  const disk = openDisk(folder)
  const log = new JsonLog({ clock, sinks: [] })
  using root = await readRootKey(disk, undefined)
  const about = { site: configuration.site, kme: configuration.kme, root }
  const material = await readMaterial(disk, about, { clock, report: () => undefined })
  const site = await openSite({
    ...{ configuration, material, root, version: 'bench' },
    ports: { clock, store, disk, log, random: testedRandom(), network: noNetwork },
    devices: { transmitter: unreachable, receiver: unreachable },
    compute: { open: () => ({ step: unreachable, close: () => undefined }) },
    surroundings: () => ({ folder, engine: store.engine, listeners: [] }),
    onStop: () => undefined,
  })
  try {
    await work(site)
  } finally {
    await site.parts.keystore.close()
    site.parts.records?.vault[Symbol.dispose]()
    site.parts.preShared[Symbol.dispose]()
  }
}

const unreachable = (): Promise<never> =>
  Promise.reject(new PortRefusal('NETWORK_UNREACHABLE', 'This site is not running'))

const noNetwork: Network = { accept: () => () => undefined, dial: unreachable }
const CONFIG_FILE = 'photonward.json'
/** A block of two megabits, as links of some Mb/s make them. */
const BLOCK_OCTETS = 2 ** 18
