/**
 * Ways that somebody prefers: taken while they stand, and never at the cost of a share.
 *
 * Each preference lays down the first sites of one way; the rest is the cheapest that has no site in
 * common with the others. Ways beyond those that are laid down are found as ever. If any preferred
 * way cannot be gone, or fewer ways than without preferences would be left, the answer is none.
 *
 * @see ETSI GS QKD 015 V2.1.1 (virt_next_hop)
 * @module
 */

import type { SiteId } from '#base'
import { routeFor, terrainFor, type RouteRequest } from './routing.ts'
import { SHARES_MAX } from './messages.ts'
import type { Arc, Topology } from './topology.ts'

/**
 * Ways for a request that begin as preferred; undefined where it is better to go without.
 *
 * @param vias   of each preferred way the sites after the source, in order
 * @param least  ways that there would be without preferences
 * @throws RelayRefusal `RELAY_SITE_UNKNOWN`, `RELAY_REQUEST_INVALID`
 */
export function preferredWays(
  topology: Topology,
  request: RouteRequest,
  { vias, least }: { readonly vias: readonly (readonly SiteId[])[]; readonly least: number },
): readonly (readonly SiteId[])[] | undefined {
  const { source, target, paths } = request
  if (vias.length === 0 || vias.length > Math.min(paths, SHARES_MAX)) return undefined
  // What one way begins with, no other may pass.
  const laidDown = new Set([source, ...vias.flat()])
  const ways: (readonly SiteId[])[] = []
  for (const via of vias) {
    const begun = [source, ...via]
    const taken = new Set([...laidDown, ...ways.flat()])
    const rest = goes(topology, request, begun)
      ? restOf(topology, request, begun, taken)
      : undefined
    if (rest === undefined) return undefined
    ways.push([...begun, ...rest])
  }
  const more = paths - ways.length
  if (more > 0) {
    const avoid = new Set([...request.policy.avoid, ...ways.flatMap((way) => way.slice(1, -1))])
    const policy = { ...request.policy, avoid }
    const outcome = routeFor(topology, { ...request, policy, paths: more, previous: undefined })
    if (outcome.kind === 'routed') {
      const others = outcome.route.paths.map(({ sites }) => sites)
      const direct = (way: readonly SiteId[]): boolean => way.length === 2
      // A direct link that a preferred way uses already is no second way.
      ways.push(...others.filter((way) => !direct(way) || !ways.some(direct)))
    }
  }
  return ways.length >= least && ways.every((way) => way.at(-1) === target) ? ways : undefined
}

/** Whether each hop of a way may be gone, through sites that may be passed. */
function goes(topology: Topology, request: RouteRequest, way: readonly SiteId[]): boolean {
  const terrain = terrainFor(topology, request)
  const { network } = topology
  return way.slice(1).every((site, at) => {
    const node = network.nodeAt.get(site)
    if (node === undefined || terrain.passable[node] !== 1) return false
    return arcsFrom(topology, way[at]).some(
      (arc) => network.heads[arc] === node && Number.isFinite(terrain.costs[arc]),
    )
  })
}

/** The cheapest end of a way that is begun, through none of the sites that are taken. */
function restOf(
  topology: Topology,
  request: RouteRequest,
  begun: readonly SiteId[],
  taken: ReadonlySet<SiteId>,
): readonly SiteId[] | undefined {
  const last = begun[begun.length - 1]
  const policy = { ...request.policy, avoid: new Set([...request.policy.avoid, ...taken]) }
  const outcome = routeFor(topology, {
    ...{ ...request, policy, paths: 1, previous: undefined },
    source: last,
  })
  return outcome.kind === 'routed' ? outcome.route.paths[0].sites.slice(1) : undefined
}

function arcsFrom({ network }: Topology, site: SiteId): readonly Arc[] {
  const node = network.nodeAt.get(site) ?? -1
  if (node < 0) return []
  return [...network.leaving.slice(network.starts[node], network.starts[node + 1])]
}
