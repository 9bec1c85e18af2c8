/**
 * The certified identities of the sites of a world: a real authority, real site keys, grants and
 * statements, as `photonward pki` makes them.
 *
 * Made once in a process for the same sites and used by all its worlds, for neither the making of
 * ML-DSA keys nor their signatures can be seeded: what is in these files is another in each
 * process. Nothing may branch on it, and no trace holds any of it.
 *
 * @module
 */

import { DAY_MS, epochMs, kmeId, type Disk, type SiteId } from '#base'
import { enrolSite, introduce, makeAuthority, makeSite } from '#site'
import { MemoryDisk, seededRandom, SimulatedTime, WORLD_BEGINS } from './ports/mod.ts'

/** The folder of each site after enrolment, as files by path. */
export type WorldMaterial = ReadonlyMap<SiteId, ReadonlyMap<string, Uint8Array>>

/** The material of these sites: made at the first call in this process. */
export function materialFor(sites: readonly SiteId[]): Promise<WorldMaterial> {
  const name = sites.join(' ')
  const present = made.get(name)
  if (present !== undefined) return present
  const making = makeMaterial(sites)
  made.set(name, making)
  return making
}

/** Makes fresh material: an authority, and each site enrolled with it and known to all others. */
export async function makeMaterial(sites: readonly SiteId[]): Promise<WorldMaterial> {
  const clock = new SimulatedTime(epochMs(WORLD_BEGINS - ENROLLED_BEFORE_MS)).view()
  const means = { clock, random: seededRandom(0, 'material') }
  const authority = new MemoryDisk()
  await makeAuthority(authority, FEDERATION, means)
  const disks = new Map<SiteId, MemoryDisk>()
  for (const site of sites) {
    const disk = new MemoryDisk()
    await makeSite(disk, namesOf(site), { ...means, passphrase: undefined })
    await enrolSite(authority, disk, means)
    disks.set(site, disk)
  }
  await introduceAll([...disks.values()], clock)
  return new Map([...disks].map(([site, { files }]) => [site, files]))
}

/** The ID of a site's KME. */
export const kmeOf = (site: SiteId) => kmeId(`kme.${site}`)

/** The origin line of a site's log. */
export const originOf = (site: SiteId): string => `photonward.example/${site}`

export const FEDERATION = 'simulated'

const namesOf = (site: SiteId) => ({
  federation: FEDERATION,
  site,
  kme: kmeOf(site),
  origin: originOf(site),
  dns: [],
  north: { dns: [], ip: [] },
})

async function introduceAll(
  disks: readonly Disk[],
  clock: Parameters<typeof introduce>[2],
): Promise<void> {
  for (const from of disks) {
    for (const into of disks) if (from !== into) await introduce(from, into, clock)
  }
}

const made = new Map<string, Promise<WorldMaterial>>()

/** Long enough that a clock which is a day slow still finds its certificates valid. */
const ENROLLED_BEFORE_MS = 2 * DAY_MS
