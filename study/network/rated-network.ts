/**
 * A network file with the rate of each link, and the ways and rates of its pairs.
 *
 * Ways are those that the sites themselves take while all pools are full (`routeFor` of the relay
 * room): the fewest hops, without a common site. Rates are max-min fair over them. That sites also
 * go round links that run low is not foreseen: it may give more than is planned here, never less for
 * want of a way.
 *
 * @module
 */

import { linkId, siteId } from '#base'
import {
  linkNameOf,
  NetworkFileRefusal,
  type NetworkFile,
  type NetworkFileLink,
  type NetworkFilePair,
} from '#contract'
import {
  newLedger,
  newTopology,
  openNetwork,
  padOctetsFor,
  routeFor,
  ROUTING_POLICY,
  withLink,
  WRAP_OCTETS,
  type RouteOutcome,
  type Topology,
} from '#relay'
import { fairShares, type FairShare, type Use } from './fair-share.ts'
import { linkRateOf, type LinkRate } from './link-rate.ts'

export interface RatedLink {
  readonly link: NetworkFileLink
  readonly rate: LinkRate
  readonly usedBitsPerSecond: number
}

export interface RatedPair extends FairShare {
  readonly pair: NetworkFilePair
  /** Whether a link joins the two: no site between them, so no shares. */
  readonly isDirect: boolean
  readonly shares: number
  /** Sites of each way, ends included. */
  readonly ways: readonly (readonly string[])[]
  /** Sites that every way must pass, where there are fewer ways than asked for. */
  readonly cut: readonly string[]
}

export interface RatedNetwork {
  readonly links: readonly RatedLink[]
  readonly pairs: readonly RatedPair[]
}

/** Rates of all links of a file, by name; computed once for files that share links. */
export type RateCache = Map<string, LinkRate>

/** Computes rates, ways and fair shares. @throws OpticsRefusal, QkdRefusal, RelayRefusal */
export function ratedNetwork(file: NetworkFile, cache: RateCache = new Map()): RatedNetwork {
  const rates = file.links.map((link) => rateIn(cache, link))
  const topology = topologyOf(file, rates)
  const routed = file.pairs.map((pair) => waysOf(topology, file, { pair, rates }))
  const demands = routed.map(({ ways, isDirect }) => usesOf(file.links, ways, isDirect))
  const shares = fairShares(
    demands,
    rates.map(({ secretBitsPerSecond }) => secretBitsPerSecond),
  )
  const used = new Array<number>(rates.length).fill(0)
  for (const [at, demand] of demands.entries()) {
    for (const { link, bitsPerBit } of demand) used[link] += bitsPerBit * shares[at].rate
  }
  return {
    links: file.links.map((link, at) => ({ link, rate: rates[at], usedBitsPerSecond: used[at] })),
    pairs: routed.map((one, at) => ({ ...one, ...shares[at] })),
  }
}

/** Bits of pad on each hop for one bit of a relayed key: the wrap, the hash key and the tag. */
export const padBitsPerBit = (blockOctets: number): number =>
  padOctetsFor(blockOctets + WRAP_OCTETS) / blockOctets

function rateIn(cache: RateCache, link: NetworkFileLink): LinkRate {
  const key = JSON.stringify([
    link.preset,
    link.lengthKm,
    link.lossDb,
    link.backgroundProbability,
    link.data,
  ])
  const known = cache.get(key)
  if (known !== undefined) return known
  const rate = linkRateOf(link)
  cache.set(key, rate)
  return rate
}

/** All pools full, all links that give key up. */
function topologyOf({ nodes, links }: NetworkFile, rates: readonly LinkRate[]): Topology {
  const network = openNetwork({
    nodes: nodes.map(({ site, kind, relays = true }) => ({ site: siteId(site), kind, relays })),
    links: links.map((one) => ({
      link: linkId(linkNameOf(one)),
      a: siteId(one.a),
      b: siteId(one.b),
    })),
  })
  const full = ROUTING_POLICY.marks.full
  let topology = newTopology(network)
  for (const [at, { secretBitsPerSecond, qber }] of rates.entries()) {
    topology = withLink(topology, at, {
      status: secretBitsPerSecond > 0 ? 'active' : 'off',
      freeOctets: [full, full],
      secretBitsPerSecond,
      consumptionBitsPerSecond: 0,
      qberPpm: Math.round(qber * 1e6),
      qberTrendPpmPerHour: 0,
      suspect: false,
      saidMs: 0,
    })
  }
  return topology
}

type Routed = Omit<RatedPair, keyof FairShare>

function waysOf(
  topology: Topology,
  { links }: NetworkFile,
  { pair, rates }: { readonly pair: NetworkFilePair; readonly rates: readonly LinkRate[] },
): Routed {
  const isDirect = links.some(
    (link, at) => joins(link, pair.a, pair.b) && rates[at].secretBitsPerSecond > 0,
  )
  const shares = isDirect ? 1 : pair.shares
  const outcome = routeFor(topology, {
    ...{ source: siteId(pair.a), target: siteId(pair.b), paths: shares },
    octets: padOctetsFor(BLOCK_OCTETS + WRAP_OCTETS),
    ...{ priority: 'background', policy: ROUTING_POLICY, ledger: newLedger(topology), nowMs: 0 },
  })
  const ways = outcome.kind === 'routed' ? outcome.route.paths.map(({ sites }) => sites) : []
  const enough = isDirect || ways.length >= pair.sharesLeast
  return { pair, isDirect, shares, ways: enough ? ways : [], cut: cutOf(outcome) }
}

const cutOf = ({ shortfall }: RouteOutcome): readonly string[] => shortfall?.sites ?? []

/** Whole keys over every way: shares are as long as what they add up to. */
function usesOf(
  links: readonly NetworkFileLink[],
  ways: RatedPair['ways'],
  isDirect: boolean,
): readonly Use[] {
  const bitsPerBit = isDirect ? 1 : padBitsPerBit(BLOCK_OCTETS)
  return ways.flatMap((way) =>
    way.slice(1).map((to, at) => ({ link: linkBetween(links, way[at], to), bitsPerBit })),
  )
}

function linkBetween(links: readonly NetworkFileLink[], from: string, to: string): number {
  const at = links.findIndex((link) => joins(link, from, to))
  if (at >= 0) return at
  throw new NetworkFileRefusal('NETWORK_FILE_INVALID', `No link joins ${from} and ${to}`)
}

export const joins = ({ a, b }: NetworkFileLink, one: string, other: string): boolean =>
  (a === one && b === other) || (a === other && b === one)

/** Octets of a relayed block, as a site has it unless configured otherwise. */
const BLOCK_OCTETS = 8192
