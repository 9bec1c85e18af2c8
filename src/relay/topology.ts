/**
 * The network as one site sees it: which sites and links there are, and how each link stands.
 *
 * The plan (`Network`) comes from configuration and stays; the states come from advertisements and
 * change link by link. Both are values: `withLink` copies an array of references (3,000 links take
 * some microseconds), everything else is shared. Every link is two arcs, one for each direction,
 * because each end gives out keys of its own half only. Routing works on the arrays of arcs.
 *
 * Says nothing of whether what sites advertise is true: `advertisement` believes the worse end.
 *
 * @see ETSI GS QKD 015 V2.1.1 §6 (qkd_links)
 * @module
 */

import { assert, type LinkId, type SiteId } from '#base'
import { RelayRefusal } from './refusal.ts'

/** A hospital has keys of its own to share; a trusted node only passes on those of others. */
export type NodeKind = 'hospital' | 'trusted-node'

export interface NetworkNode {
  readonly site: SiteId
  readonly kind: NodeKind
  /** Whether it passes on keys of others (GS QKD 015 key_relay_mode_enable). */
  readonly relays: boolean
}

export interface NetworkLink {
  readonly link: LinkId
  readonly a: SiteId
  readonly b: SiteId
}

/**
 * GS QKD 015 qkdl_status: generating, serving what is stored only, being set up, out of use.
 * In this order each is worse than the one before.
 */
export const LINK_STATUSES = ['active', 'passive', 'pending', 'off'] as const
export type LinkStatus = (typeof LINK_STATUSES)[number]

/** How a link stands, as both of its ends agree or as the worse of them says. */
export interface LinkState {
  readonly status: LinkStatus
  /** Octets that may still be given out from a to b (the half of a), and from b to a. */
  readonly freeOctets: readonly [fromA: number, fromB: number]
  /** Secret bits distilled in a second, lately (GS QKD 015 skr). */
  readonly secretBitsPerSecond: number
  /** Bits that are expected to be used in a second (GS QKD 015 expected_consumption). */
  readonly consumptionBitsPerSecond: number
  /** Error rate of the last blocks, millionths. */
  readonly qberPpm: number
  /** How it changes, millionths in an hour; rising is positive. */
  readonly qberTrendPpmPerHour: number
  /** Whether either end holds its keys under quarantine. */
  readonly suspect: boolean
  /** When the older of the two ends said so, on the monotonic clock of this site, milliseconds. */
  readonly saidMs: number
}

/** Number of an arc: twice the index of its link, plus one for the direction from b to a. */
export type Arc = number

/** Sites and links with their indexes and arcs. Never changes; a new plan is a new network. */
export interface Network {
  readonly nodes: readonly NetworkNode[]
  readonly links: readonly NetworkLink[]
  readonly nodeAt: ReadonlyMap<SiteId, number>
  readonly linkAt: ReadonlyMap<LinkId, number>
  /** Node indexes by arc. */
  readonly tails: Int32Array
  readonly heads: Int32Array
  /** Arcs in the order of their tails; those of node v stand from `starts[v]` to `starts[v + 1]`. */
  readonly leaving: Int32Array
  readonly starts: Int32Array
}

/** A network and how its links stand; undefined where not both ends were heard. */
export interface Topology {
  readonly network: Network
  readonly states: readonly (LinkState | undefined)[]
}

/**
 * Checks a plan and numbers it. Two links may join the same two sites.
 *
 * @throws RelayRefusal `RELAY_NETWORK_INVALID`
 */
export function openNetwork(plan: {
  readonly nodes: readonly NetworkNode[]
  readonly links: readonly NetworkLink[]
}): Network {
  const { nodes, links } = plan
  if (nodes.length > NODES_MAX || links.length > LINKS_MAX) {
    throw invalid(`A network has at most ${NODES_MAX} sites and ${LINKS_MAX} links`, {
      sites: nodes.length,
      links: links.length,
    })
  }
  const nodeAt = new Map(nodes.map(({ site }, at) => [site, at]))
  const linkAt = new Map(links.map(({ link }, at) => [link, at]))
  if (nodeAt.size < nodes.length) throw invalid('A site stands in the network twice')
  if (linkAt.size < links.length) throw invalid('A link stands in the network twice')
  const tails = new Int32Array(links.length * 2)
  const heads = new Int32Array(links.length * 2)
  for (const [at, { link, a, b }] of links.entries()) {
    const [from, to] = [nodeAt.get(a), nodeAt.get(b)]
    if (from === undefined || to === undefined || from === to) {
      throw invalid('A link joins two different sites of the network', { link, a, b })
    }
    tails.set([from, to], at * 2)
    heads.set([to, from], at * 2)
  }
  return { nodes, links, nodeAt, linkAt, tails, heads, ...byTail(tails, nodes.length) }
}

/** A topology in which no link was heard of yet. */
export const newTopology = (network: Network): Topology => ({
  network,
  states: new Array<undefined>(network.links.length).fill(undefined),
})

/** The topology with another state of one link, or with none if its ends are silent. */
export function withLink(topology: Topology, at: number, state: LinkState | undefined): Topology {
  assert(at >= 0 && at < topology.states.length, 'the link is in the network')
  const states = topology.states.slice()
  states[at] = state
  return { network: topology.network, states }
}

/** Octets that the tail of an arc may still give out on it; 0 where nothing is known. */
export const freeOctetsOn = ({ states }: Topology, arc: Arc): number =>
  states[linkOf(arc)]?.freeOctets[arc & 1] ?? 0

/** Index of the link that an arc belongs to. */
export const linkOf = (arc: Arc): number => arc >> 1

/** Index of a site. @throws RelayRefusal `RELAY_SITE_UNKNOWN` */
export function nodeOf({ nodeAt }: Network, site: SiteId): number {
  const at = nodeAt.get(site)
  if (at !== undefined) return at
  throw new RelayRefusal('RELAY_SITE_UNKNOWN', 'This site is not in the network', {
    facts: { site },
  })
}

/** Index of a link. @throws RelayRefusal `RELAY_LINK_UNKNOWN` */
export function linkIndexOf({ linkAt }: Network, link: LinkId): number {
  const at = linkAt.get(link)
  if (at !== undefined) return at
  throw new RelayRefusal('RELAY_LINK_UNKNOWN', 'This link is not in the network', {
    facts: { link },
  })
}

/** Sites along a path, both ends included. */
export function sitesAlong({ nodes, tails, heads }: Network, arcs: readonly Arc[]): SiteId[] {
  if (arcs.length === 0) return []
  return [nodes[tails[arcs[0]]].site, ...arcs.map((arc) => nodes[heads[arc]].site)]
}

/** Links along a path. */
export const linksAlong = ({ links }: Network, arcs: readonly Arc[]): LinkId[] =>
  arcs.map((arc) => links[linkOf(arc)].link)

/** Arcs sorted by tail, by counting. */
function byTail(tails: Int32Array, nodes: number): Pick<Network, 'leaving' | 'starts'> {
  const starts = new Int32Array(nodes + 1)
  for (const tail of tails) starts[tail + 1]++
  for (let node = 0; node < nodes; node++) starts[node + 1] += starts[node]
  const next = starts.slice()
  const leaving = new Int32Array(tails.length)
  for (const [arc, tail] of tails.entries()) leaving[next[tail]++] = arc
  return { leaving, starts }
}

const invalid = (message: string, facts: Readonly<Record<string, string | number>> = {}) =>
  new RelayRefusal('RELAY_NETWORK_INVALID', message, { facts })

/** More than the largest network we know of by a factor of ten. */
export const NODES_MAX = 4096
export const LINKS_MAX = 16_384
