/**
 * Whether anybody is cut off silently: what the sites' own watch says, held against a search of its
 * own through the links as they are.
 *
 * @module
 */

import type { SiteId } from '#base'
import { linkOf, type Network, type Topology } from '#relay'

/** Hospitals that reach no other, though they would without suspicion and declared nodes. */
export function cutOffBySuspicion(
  topology: Topology,
  declared: ReadonlySet<SiteId>,
): ReadonlySet<SiteId> {
  const { network, states } = topology
  const isUp = (at: number): boolean => {
    const status = states[at]?.status
    return status === 'active' || status === 'passive'
  }
  const isSound = (at: number): boolean => isUp(at) && states[at]?.suspect === false
  const found = new Set<SiteId>()
  for (const [node, { site, kind }] of network.nodes.entries()) {
    if (kind !== 'hospital' || declared.has(site)) continue
    if (reachesHospital(network, node, isSound, declared)) continue
    if (reachesHospital(network, node, isUp, NOBODY)) found.add(site)
  }
  return found
}

/** Whether a way leads from a node to a hospital, through nodes that relay and are not kept out. */
function reachesHospital(
  { nodes, leaving, starts, heads }: Network,
  from: number,
  isOpen: (link: number) => boolean,
  out: ReadonlySet<SiteId>,
): boolean {
  const reached = new Set([from])
  // A set is walked in the order in which it grows.
  for (const node of reached) {
    if (node !== from && !nodes[node].relays) continue
    for (let at = starts[node]; at < starts[node + 1]; at++) {
      const head = heads[leaving[at]]
      if (!isOpen(linkOf(leaving[at])) || out.has(nodes[head].site) || reached.has(head)) continue
      if (nodes[head].kind === 'hospital') return true
      reached.add(head)
    }
  }
  return false
}

const NOBODY: ReadonlySet<SiteId> = new Set()
