/**
 * Keys for sites that share no fibre: relayed hop by hop over trusted nodes, in shares on ways of
 * their own, and always wrapped from end to end.
 *
 * Stands between the key stores of neighbours, whose pads it spends, and that of distant pairs,
 * which it fills before anybody asks. What it fills is served like any other pool. On which ways the
 * shares go follows from the topology, as far as it is known here: `receive`, `heardOf`, `routeFor`, `isolationBy`; what compromised sites
 * would learn, from `exposureOf`.
 *
 * Trusted nodes are trusted: one that lies is found, but whoever holds a node on every way of a block
 * lacks nothing but the wrap. `provenance` names them, key by key.
 *
 * @see ITU-T Y.3803, ETSI GS QKD 020; docs/decisions/0034-relay.md
 * @module
 */

export {
  relayLinkName,
  type Pad,
  type PadSupply,
  type RelayOptions,
  type RelayPair,
  type Ways,
} from './context.ts'
export { BLOCK_OCTETS_MAX, SHARES_MAX } from './messages.ts'
export type { OutwardState, OutwardView } from './outward.ts'
export { RelayRefusal, type RelayRefusalCode } from './refusal.ts'
export { Relay } from './relay.ts'
export {
  ADVERTISED_LINKS_MAX,
  ADVERTISEMENT_LIFE_MS_MAX,
  ADVERTISEMENT_OCTETS_MAX,
  signAdvertisement,
  type Advertisement,
  type LinkReport,
  type SignedAdvertisement,
} from './advertisement.ts'
export {
  expire,
  holdingsOf,
  lackingIn,
  newAdvertisementTable,
  nextNumber,
  pardon,
  receive,
  type AdvertisementRefusal,
  type AdvertisementTable,
  type Arrival,
  type Entry,
  type Equivocation,
  type Holding,
  type Received,
  type ReceiveOutcome,
  type Send,
} from './advertisement-table.ts'
export {
  arcCosts,
  EXCLUSIONS,
  exclusionOf,
  exclusionsOf,
  HOP,
  ROUTING_POLICY,
  routingPolicy,
  type ArcCosts,
  type CostRequest,
  type Exclusion,
  type RoutingPolicy,
} from './cost.ts'
export { disjointPairs, pairTo, type DisjointPairs } from './disjoint-pairs.ts'
export { disjointPaths, type Cut, type DisjointPaths } from './disjoint-paths.ts'
export {
  EXPOSURES,
  exposureOf,
  exposureOfAll,
  smallestCoalition,
  type Adversary,
  type Exposure,
  type KeyExposure,
  type PartExposure,
} from './exposure.ts'
export { agreedState, heardOf, type HeardReport } from './heard-topology.ts'
export { padOctetsFor } from './hop.ts'
export { isolationBy, type Isolation } from './isolation.ts'
export {
  lapse,
  newLedger,
  release,
  reserve,
  RESERVATIONS_MAX,
  usableOctets,
  type Ledger,
  type PathReservation,
  type ReserveOutcome,
} from './ledger.ts'
export { preferredWays } from './preferred.ts'
export {
  routeCost,
  routeFor,
  routesFrom,
  settled,
  terrainFor,
  type Route,
  type RouteOutcome,
  type RoutePath,
  type RouteRequest,
  type RouteTable,
  type Shortfall,
  type TableRequest,
} from './routing.ts'
export { pathTo, shortestPaths, type ShortestPaths, type Terrain } from './shortest-paths.ts'
export {
  freeOctetsOn,
  LINK_STATUSES,
  linkIndexOf,
  linkOf,
  LINKS_MAX,
  linksAlong,
  newTopology,
  nodeOf,
  NODES_MAX,
  openNetwork,
  sitesAlong,
  withLink,
  type Arc,
  type LinkState,
  type LinkStatus,
  type Network,
  type NetworkLink,
  type NetworkNode,
  type NodeKind,
  type Topology,
} from './topology.ts'
export {
  floorOf,
  levelOf,
  PRIORITIES,
  wantedBy,
  watermarks,
  type Level,
  type Priority,
  type Watermarks,
} from './watermarks.ts'
export { WRAP_OCTETS } from './wrap.ts'
