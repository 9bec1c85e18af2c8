/**
 * The topology that follows from what was heard: a link is only as good as both of its ends say.
 *
 * The less of two capacities, the worse of two states, suspect if either says so or has been found
 * to lie, and as old as the older of the two. A link that only one end speaks of does not exist:
 * a lying site cannot make up a link to an honest one.
 *
 * @module
 */

import type { SiteId } from '#base'
import type { LinkReport } from './advertisement.ts'
import type { AdvertisementTable } from './advertisement-table.ts'
import {
  LINK_STATUSES,
  linkOf,
  nodeOf,
  withLink,
  type LinkState,
  type Topology,
} from './topology.ts'

/** The topology after something of these sites was heard, or has aged out. */
export function heardOf(
  topology: Topology,
  table: AdvertisementTable,
  sites: Iterable<SiteId>,
): Topology {
  const { network } = topology
  const links = new Set<number>()
  for (const site of sites) {
    if (!network.nodeAt.has(site)) continue
    const node = nodeOf(network, site)
    for (let at = network.starts[node]; at < network.starts[node + 1]; at++) {
      links.add(linkOf(network.leaving[at]))
    }
  }
  let next = topology
  for (const at of links) next = withLink(next, at, heardState(next, table, at))
  return next
}

function heardState(
  { network }: Topology,
  table: AdvertisementTable,
  at: number,
): LinkState | undefined {
  const { link, a, b } = network.links[at]
  const fromA = reportOf(table, a, { link, peer: b })
  const fromB = reportOf(table, b, { link, peer: a })
  return fromA && fromB && agreedState(fromA, fromB)
}

/** How a link stands of which both ends have said something: the worse of what they say. */
export function agreedState(fromA: HeardReport, fromB: HeardReport): LinkState {
  const most = (of: (report: HeardReport) => number): number => Math.max(of(fromA), of(fromB))
  return {
    status: LINK_STATUSES[most(({ status }) => LINK_STATUSES.indexOf(status))],
    freeOctets: [
      Math.min(fromA.sendOctets, fromB.receiveOctets),
      Math.min(fromA.receiveOctets, fromB.sendOctets),
    ],
    secretBitsPerSecond: Math.min(fromA.secretBitsPerSecond, fromB.secretBitsPerSecond),
    consumptionBitsPerSecond: most((report) => report.consumptionBitsPerSecond),
    qberPpm: most((report) => report.qberPpm),
    qberTrendPpmPerHour: most((report) => report.qberTrendPpmPerHour),
    suspect: fromA.suspect || fromB.suspect,
    saidMs: Math.min(fromA.saidMs, fromB.saidMs),
  }
}

/** What one end said of a link, and when. */
export type HeardReport = LinkReport & { readonly saidMs: number }

function reportOf(
  { entries }: AdvertisementTable,
  site: SiteId,
  { link, peer }: Pick<LinkReport, 'link' | 'peer'>,
): HeardReport | undefined {
  const entry = entries.get(site)
  const report = entry?.held?.advertisement.links.find((one) => one.link === link)
  if (entry === undefined || report?.peer !== peer) return undefined
  const suspect = report.suspect || entry.equivocation !== undefined
  return { ...report, suspect, saidMs: entry.saidMs }
}
