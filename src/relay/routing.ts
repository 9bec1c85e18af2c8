/**
 * Routes: over which disjoint paths the shares of a key go, and whether to stay with the old ones.
 *
 * A request names the octets of one share, with what authenticates it, and how many paths are
 * wanted. Links that lack them, are off, unheard, too old or under suspicion are left out. The
 * answer never claims more than there is: if fewer disjoint paths exist, it says which sites and
 * direct links prevent another, and how many there would be if every link of the plan were sound.
 *
 * Plans only: the key stores along the way may still refuse. A route says nothing of whether the
 * sites on it are honest; `exposure` says what it means if some are not.
 *
 * @see ETSI GS QKD 015 V2.1.1 (virtual links), ITU-T Y.3803 (key relay)
 * @module
 */

import type { LinkId, SiteId } from '#base'
import { arcCosts, exclusionsOf, type ArcCosts, type CostRequest, type Exclusion } from './cost.ts'
import { disjointPaths, type Cut, type DisjointPaths } from './disjoint-paths.ts'
import { disjointPairs, pairTo } from './disjoint-pairs.ts'
import { SHARES_MAX } from './messages.ts'
import { RelayRefusal } from './refusal.ts'
import type { Terrain } from './shortest-paths.ts'
import {
  linkOf,
  linksAlong,
  nodeOf,
  sitesAlong,
  type Arc,
  type Network,
  type Topology,
} from './topology.ts'

export interface RoutePath {
  /** From source to target, both included. */
  readonly sites: readonly SiteId[]
  readonly links: readonly LinkId[]
  /** The same as arcs, for the ledger. */
  readonly arcs: readonly Arc[]
}

export interface Route {
  readonly source: SiteId
  readonly target: SiteId
  /** At least one; no two have a site in common but the ends. */
  readonly paths: readonly RoutePath[]
  /** Whether a path passes a link under suspicion, for want of any other. */
  readonly suspect: boolean
}

/** Why there are fewer paths than asked for. */
export interface Shortfall {
  readonly asked: number
  readonly found: number
  /** If all these fail, nothing is left; as many as there are paths. */
  readonly sites: readonly SiteId[]
  readonly links: readonly LinkId[]
  /** Paths, at most as many as asked, if every link of the plan were sound and full. */
  readonly planned: number
}

export type RouteOutcome =
  | { readonly kind: 'routed'; readonly route: Route; readonly shortfall?: Shortfall }
  | {
      readonly kind: 'no-route'
      readonly shortfall: Shortfall
      /** How many arcs of the whole network are out of use, and why. */
      readonly excluded: Readonly<Record<Exclusion, number>>
    }

/** What a route is wanted for. */
export type RouteRequest = CostRequest & {
  readonly source: SiteId
  readonly target: SiteId
  /** Node-disjoint paths wanted: one for each share. */
  readonly paths: number
  /** The route until now, kept unless another is clearly better. */
  readonly previous?: Route | undefined
}

/**
 * The best route for one request.
 *
 * @throws RelayRefusal `RELAY_SITE_UNKNOWN`, `RELAY_REQUEST_INVALID`
 */
export function routeFor(topology: Topology, request: RouteRequest): RouteOutcome {
  const { network } = topology
  checkRequest(request)
  const ends = { source: nodeOf(network, request.source), target: nodeOf(network, request.target) }
  const search = (suspectsToo: boolean): Found => {
    const terrain = terrainFor(topology, { ...request, suspectsToo })
    return { terrain, ...disjointPaths(terrain, { ...ends, count: request.paths }) }
  }
  const sound = search(request.suspectsToo === true)
  const isLastResort = sound.paths.length === 0 && request.policy.suspects === 'last-resort'
  const best = isLastResort ? search(true) : sound
  const shortfall = best.cut && shortfallOf(topology, request, best, best.cut)
  if (best.paths.length === 0 && shortfall !== undefined) {
    return { kind: 'no-route', shortfall, excluded: exclusionsOf(topology, request) }
  }
  const { terrain } = best
  const fresh = routeOf(topology, request, best.paths)
  const route = settled(request.previous, fresh, { terrain, hysteresis: request.policy.hysteresis })
  return { kind: 'routed', route, ...(shortfall === undefined ? {} : { shortfall }) }
}

type Found = DisjointPaths & { readonly terrain: Terrain }

/** What routes to all sites are wanted for. */
export type TableRequest = CostRequest & {
  readonly source: SiteId
  readonly previous?: RouteTable | undefined
}

/** The route to each site by its index; undefined where none leads, and at the source. */
export type RouteTable = readonly (Route | undefined)[]

/**
 * Routes of two disjoint paths (or one, where there is no second) from one site to all others, in
 * one sweep: what a site computes anew when a link has changed. Without a last resort.
 *
 * @throws RelayRefusal `RELAY_SITE_UNKNOWN`, `RELAY_REQUEST_INVALID`
 */
export function routesFrom(topology: Topology, request: TableRequest): RouteTable {
  const { network } = topology
  const { source, previous, policy } = request
  checkOctets(request.octets)
  const terrain = terrainFor(topology, request)
  const pairs = disjointPairs(terrain, nodeOf(network, source))
  return network.nodes.map(({ site }, at) => {
    const paths = pairTo(pairs, at)
    if (paths.length === 0) return undefined
    const fresh = routeOf(topology, { source, target: site }, paths)
    return settled(previous?.[at], fresh, { terrain, hysteresis: policy.hysteresis })
  })
}

/**
 * The previous route, unless it has become impossible, has another number of paths, differs in
 * whether it passes suspect links, or costs more than the fresh one by the share of `hysteresis`.
 */
export function settled(
  previous: Route | undefined,
  fresh: Route,
  { terrain, hysteresis }: { readonly terrain: Terrain; readonly hysteresis: number },
): Route {
  if (previous === undefined || previous.source !== fresh.source) return fresh
  if (previous.target !== fresh.target || previous.paths.length !== fresh.paths.length) return fresh
  if (previous.suspect !== fresh.suspect) return fresh
  if (!previous.paths.every(({ arcs }) => isOpen(terrain, arcs))) return fresh
  const before = routeCost(terrain.costs, previous)
  // Infinity once any arc is excluded, so such a route never stays.
  return before <= routeCost(terrain.costs, fresh) * (1 + hysteresis) ? previous : fresh
}

/** Cost of all paths of a route, millionths of a hop; Infinity if an arc may not be used. */
export const routeCost = (costs: ArcCosts, { paths }: Route): number =>
  paths.reduce((sum, { arcs }) => arcs.reduce((part, arc) => part + costs[arc], sum), 0)

/** Costs and passable sites for one request. */
export function terrainFor(topology: Topology, request: CostRequest): Terrain {
  const { network } = topology
  return { network, costs: arcCosts(topology, request), passable: passableIn(network, request) }
}

function passableIn({ nodes }: Network, { policy }: Pick<CostRequest, 'policy'>): Uint8Array {
  const { avoid } = policy
  const passable = new Uint8Array(nodes.length)
  for (const [node, { site, relays }] of nodes.entries()) {
    if (relays && !avoid.has(site)) passable[node] = 1
  }
  return passable
}

/** Whether a path passes only sites that may be passed; its links show in its cost. */
const isOpen = ({ network, passable }: Terrain, arcs: readonly Arc[]): boolean =>
  arcs.slice(1).every((arc) => passable[network.tails[arc]] === 1)

function routeOf(
  { network, states }: Topology,
  { source, target }: { readonly source: SiteId; readonly target: SiteId },
  paths: readonly (readonly Arc[])[],
): Route {
  return {
    source,
    target,
    paths: paths.map((arcs) => ({
      sites: sitesAlong(network, arcs),
      links: linksAlong(network, arcs),
      arcs,
    })),
    suspect: paths.flat().some((arc) => states[linkOf(arc)]?.suspect === true),
  }
}

function shortfallOf(
  { network }: Topology,
  request: RouteRequest,
  { paths }: DisjointPaths,
  cut: Cut,
): Shortfall {
  const costs = new Float64Array(network.tails.length).fill(1)
  const whole = { network, costs, passable: passableIn(network, request) }
  const planned = disjointPaths(whole, {
    source: nodeOf(network, request.source),
    target: nodeOf(network, request.target),
    count: request.paths,
  })
  return {
    asked: request.paths,
    found: paths.length,
    sites: cut.nodes.map((node) => network.nodes[node].site),
    links: linksAlong(network, cut.arcs),
    planned: planned.paths.length,
  }
}

function checkRequest({ source, target, octets, paths }: RouteRequest): void {
  checkOctets(octets)
  if (source !== target && Number.isInteger(paths) && paths >= 1 && paths <= SHARES_MAX) return
  throw new RelayRefusal(
    'RELAY_REQUEST_INVALID',
    `A route leads to another site over 1 to ${SHARES_MAX} paths`,
    { facts: { source, target, paths } },
  )
}

function checkOctets(octets: number): void {
  if (Number.isSafeInteger(octets) && octets >= 1) return
  throw new RelayRefusal('RELAY_REQUEST_INVALID', 'Expected a whole number of octets', {
    facts: { octets },
  })
}
