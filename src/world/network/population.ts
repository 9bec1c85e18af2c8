/**
 * The sites and links of a simulated network, made from its scenario.
 *
 * @module
 */

import {
  kmeId,
  linkId,
  saeId,
  type LinkId,
  type SeededRandom,
  type SiteId,
  type Store,
} from '#base'
import type { KeystoreLink } from '#keystore'
import { fixedDirectory, type SaeDirectory } from '#kme'
import { relayLinkName, type Network, type RelayPair } from '#relay'
import { siteSae } from '#site'
import { seededRandom, type SimulatedTime } from '../ports/mod.ts'
import type { Accounts } from './accounts.ts'
import type { BalancedLink } from './closing.ts'
import { applicationAt } from './demand.ts'
import { NetworkFibre, type FibreInput } from './fibre.ts'
import { NetworkNode, type NodeInput } from './node.ts'
import { linksBySite, type Picture } from './picture.ts'
import type { Scenario, ScenarioPair } from './scenario.ts'
import type { Wires } from './wires.ts'

export interface PopulationInput {
  readonly scenario: Scenario
  readonly seed: number
  readonly time: SimulatedTime
  readonly accounts: Accounts
  /** The sites are spread over them. */
  readonly stores: readonly Store[]
  readonly wires: Wires
  readonly picture: Picture
  readonly tamper: NodeInput['tamper']
}

/** All sites, none started. */
export function newNodes(input: PopulationInput): ReadonlyMap<SiteId, NetworkNode> {
  const { scenario, stores } = input
  const { network } = scenario
  const sites = network.nodes.map(({ site }) => site)
  const directory = directoryOf(sites)
  const linksAt = linksBySite(network)
  const pairs = relayedPairs(scenario)
  return new Map(
    sites.map((site, at) => {
      const store = stores[at % stores.length]
      const fibres = (linksAt.get(site) ?? []).map((at) => fibreOf(network, at, site))
      const own = pairs.filter(({ a, b }) => a === site || b === site)
      const about = {
        store,
        directory,
        network,
        fibres,
        pairs: own.map((pair) => pairAt(site, pair)),
      }
      return [site, new NetworkNode({ ...input, ...about, site })] as const
    }),
  )
}

/** All fibres, each with a generator of its own. */
export function newFibres(
  input: PopulationInput,
  by: Pick<FibreInput, 'deathsPerBlock' | 'died'> & {
    readonly nodes: ReadonlyMap<SiteId, NetworkNode>
    readonly chance: SeededRandom
  },
): readonly NetworkFibre[] {
  const { scenario, seed, picture } = input
  const { nodes, chance, ...deaths } = by
  const random = seededRandom(seed, 'blocks')
  return scenario.network.links.map((link, at) => {
    const [a, b] = [nodes.get(link.a), nodes.get(link.b)]
    if (a === undefined || b === undefined) throw new RangeError(`No site at ${link.link}`)
    const turned = (): void => picture.renewLink(at)
    const about = { link, a, b, random, turned, blockBits: scenario.blockBits[at] }
    return new NetworkFibre({ ...input, ...deaths, ...about, chance: chance.fork() })
  })
}

/** Every link of the key stores: fibres, and both directions of each relayed pair. */
export function balancedLinks(
  scenario: Scenario,
  nodes: ReadonlyMap<SiteId, NetworkNode>,
): readonly BalancedLink[] {
  const between = (link: LinkId, a: SiteId, b: SiteId): readonly BalancedLink[] => {
    const [one, other] = [nodes.get(a), nodes.get(b)]
    return one === undefined || other === undefined ? [] : [{ link, ends: [one, other] }]
  }
  return [
    ...scenario.network.links.flatMap(({ link, a, b }) => between(link, a, b)),
    ...relayedPairs(scenario).flatMap(({ a, b }) => [
      ...between(linkId(relayLinkName(a, b)), a, b),
      ...between(linkId(relayLinkName(b, a)), b, a),
    ]),
  ]
}

/** Pairs that no link joins. */
function relayedPairs({ network, pairs }: Scenario): readonly ScenarioPair[] {
  const joined = new Set(network.links.flatMap(({ a, b }) => [`${a} ${b}`, `${b} ${a}`]))
  return pairs.filter(({ a, b }) => !joined.has(`${a} ${b}`))
}

/** Who serves whom: one application at every site, and each daemon for itself. */
function directoryOf(sites: readonly SiteId[]): SaeDirectory {
  return fixedDirectory({
    saes: sites.flatMap((site) => [
      { sae: applicationAt(site), site },
      { sae: saeId(siteSae(site)), site },
    ]),
    kmes: sites.map((site) => ({ kme: kmeId(`kme.${site}`), site })),
  })
}

function fibreOf({ links }: Network, at: number, site: SiteId): KeystoreLink {
  const { link, a, b } = links[at]
  return { link, peer: a === site ? b : a, transmitter: a, receiver: b, reserveOctets: 0 }
}

function pairAt(site: SiteId, { a, b, shares, sharesLeast }: ScenarioPair): RelayPair {
  const peer = a === site ? b : a
  return {
    ...{ peer, shares, sharesLeast, blockOctets: BLOCK_OCTETS, targetBits: TARGET_BITS },
    outward: linkId(relayLinkName(site, peer)),
    inward: linkId(relayLinkName(peer, site)),
  }
}

/** Octets of a relayed block, and bits that each end wants to have for itself. */
const BLOCK_OCTETS = 4096
const TARGET_BITS = 8 * 4096
