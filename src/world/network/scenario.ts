/**
 * What is simulated at the scale of a network: which sites, links and pairs, how long, how busy, and
 * what goes wrong how often. All of it data.
 *
 * @module
 */

import { SeededRandom, siteId, type SiteId } from '#base'
import { openNetwork, type Network } from '#relay'
import { randomNetwork } from '../random-network.ts'

/** Two sites whose applications want keys with each other. */
export interface ScenarioPair {
  readonly a: SiteId
  readonly b: SiteId
  /** Ways without a common site, and the least of them; of no meaning where a link joins the two. */
  readonly shares: number
  readonly sharesLeast: number
}

export interface Scenario {
  readonly name: string
  readonly network: Network
  /** Expected secret bits of a block, by the number of its link. */
  readonly blockBits: readonly number[]
  readonly pairs: readonly ScenarioPair[]
}

/** How often what goes wrong. Durations are drawn evenly up to their longest. */
export interface NetworkFaults {
  /** A fibre is cut: no blocks, and what the ends had agreed is over. */
  readonly cutsPerLinkDay: number
  readonly cutMinutesMax: number
  /** Eve on a link: blocks show it and are discarded, and both ends let the link's keys wait. */
  readonly evesPerLinkDay: number
  readonly eveMinutesMax: number
  /** A daemon is killed, and started again later. */
  readonly killsPerNodeDay: number
  readonly downMinutesMax: number
  /** A daemon dies while it stores a block: at each of the steps between its two ends. */
  readonly deathsPerBlock: number
  /** A part of the country is cut off from the rest, wires and classical channels alike. */
  readonly partitionsPerDay: number
  readonly partitionMinutesMax: number
  /** The largest part, as a share of all sites. */
  readonly partitionShareMax: number
  /** Share of questions between sites that are lost, and of answers. */
  readonly questionsLost: number
  readonly answersLost: number
  /** The wall clock of a site is set to another time, up to a day off. */
  readonly clockJumpsPerNodeDay: number
  /** A trusted node is declared compromised by every operator, and pardoned later. */
  readonly declarationsPerDay: number
  readonly declaredMinutesMax: number
}

/** A bad day for a country: something is wrong somewhere at every moment. */
export const NETWORK_FAULTS: NetworkFaults = {
  ...{ cutsPerLinkDay: 0.1, cutMinutesMax: 240 },
  ...{ evesPerLinkDay: 0.03, eveMinutesMax: 60 },
  ...{ killsPerNodeDay: 0.3, downMinutesMax: 30 },
  deathsPerBlock: 1e-4,
  ...{ partitionsPerDay: 8, partitionMinutesMax: 60, partitionShareMax: 0.2 },
  ...{ questionsLost: 5e-4, answersLost: 5e-4 },
  clockJumpsPerNodeDay: 0.05,
  ...{ declarationsPerDay: 4, declaredMinutesMax: 360 },
}

/**
 * A country of so many sites and links. Three in ten sites are hospitals; each shares keys with the
 * nearest of them that it has no link with, over two ways.
 *
 * @param blockBitsOf expected secret bits of a block of a link of so many kilometres
 */
export function randomScenario(
  size: { readonly nodes: number; readonly links: number; readonly seed: number },
  blockBitsOf: (lengthKm: number) => number,
): Scenario {
  const sideKm = SPACING_KM * Math.sqrt(size.nodes)
  const plan = randomNetwork({ ...size, hospitals: HOSPITALS, sideKm })
  const network = openNetwork(plan)
  const name = `random ${String(size.nodes)},${String(size.links)}`
  const blockBits = plan.links.map(({ lengthKm }) => blockBitsOf(lengthKm))
  return { name, network, blockBits, pairs: pairsIn(network, size.seed) }
}

/** Hospitals and one or two partners each, some hops away. */
function pairsIn(network: Network, seed: number): ScenarioPair[] {
  const random = new SeededRandom(seed + 1)
  const pairs = new Map<string, ScenarioPair>()
  for (const [node, { site, kind }] of network.nodes.entries()) {
    if (kind !== 'hospital') continue
    const near = distantHospitals(network, node)
    for (let partner = 0; partner < PARTNERS && near.length > 0; partner++) {
      const other = siteId(random.pick(near.slice(0, CHOICE)))
      const [a, b] = [site, other].toSorted()
      pairs.set(`${a} ${b}`, { a, b, shares: 2, sharesLeast: 1 })
    }
  }
  return [...pairs.values()]
}

/** Hospitals that no link joins to this one, the fewest hops away first. */
function distantHospitals(network: Network, from: number): readonly SiteId[] {
  const { nodes, heads, leaving, starts } = network
  const hops = new Map([[from, 0]])
  const found: SiteId[] = []
  // A map is walked in the order in which it grows: that is a search in breadth.
  for (const [node, far] of hops) {
    if (far > 1 && nodes[node].kind === 'hospital') found.push(nodes[node].site)
    if (found.length >= CHOICE) break
    for (let at = starts[node]; at < starts[node + 1]; at++) {
      const head = heads[leaving[at]]
      if (!hops.has(head)) hops.set(head, far + 1)
    }
  }
  return found
}

const HOSPITALS = 0.3
/** Sites stand about so far from each other, kilometres. */
const SPACING_KM = 25
/** Each hospital chooses so many partners among the nearest ones. */
const PARTNERS = 1
const CHOICE = 6
