/**
 * How all links stand, as every site of a simulated network sees it.
 *
 * Real sites hear it from signed advertisements that neighbours pass on, each for itself. Here all
 * see one picture, made of what the two ends of each link say, by the rules of the relay room: anew
 * every minute, and of single links at once when something happens to them.
 *
 * @module
 */

import type { SiteId } from '#base'
import {
  agreedState,
  newTopology,
  withLink,
  type HeardReport,
  type LinkState,
  type Network,
  type Topology,
} from '#relay'

/** What the ends of a link say of it; undefined of an end that is silent. */
export type Witnesses = (
  link: number,
) => readonly [HeardReport | undefined, HeardReport | undefined]

export class Picture {
  topology: Topology
  /** How often all links were looked at. */
  looks = 0
  readonly #witnesses: Witnesses
  readonly #atSite: ReadonlyMap<SiteId, readonly number[]>

  constructor(network: Network, witnesses: Witnesses) {
    this.topology = newTopology(network)
    this.#witnesses = witnesses
    this.#atSite = linksBySite(network)
  }

  /** Looks at all links. */
  renew(): void {
    const { network } = this.topology
    this.looks++
    this.topology = { network, states: network.links.map((_, at) => this.#stateOf(at)) }
  }

  /** Looks at one link. */
  renewLink(at: number): void {
    this.topology = withLink(this.topology, at, this.#stateOf(at))
  }

  /** Looks at the links of one site. */
  renewSite(site: SiteId): void {
    for (const at of this.#atSite.get(site) ?? []) this.renewLink(at)
  }

  #stateOf(at: number): LinkState | undefined {
    const [fromA, fromB] = this.#witnesses(at)
    return fromA && fromB && agreedState(fromA, fromB)
  }
}

/** The links that end at each site, by number. */
export function linksBySite({ links }: Network): ReadonlyMap<SiteId, readonly number[]> {
  const found = new Map<SiteId, number[]>()
  for (const [at, { a, b }] of links.entries()) {
    for (const site of [a, b]) found.set(site, [...(found.get(site) ?? []), at])
  }
  return found
}
