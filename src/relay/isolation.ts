/**
 * What is lost if links are taken out of use: which hospitals would have no way left to any other.
 *
 * Asked before links are put under quarantine. The last path to a hospital is never cut silently:
 * the host raises an alarm with what is found here, and policy decides.
 *
 * A way is counted whatever keys are left on it now, for those grow again.
 *
 * @module
 */

import type { LinkId, SiteId } from '#base'
import { linkIndexOf, linkOf, type Topology } from './topology.ts'

export interface Isolation {
  /** Hospitals that reach another one now and would reach none. */
  readonly isolated: readonly SiteId[]
  /** Pairs of hospitals that have a way now and would have none, those of isolated ones included. */
  readonly pairsLost: number
}

/**
 * What taking out these links would cut.
 *
 * Ways lead over links that both ends say are up and sound, through sites that relay and are not
 * in `avoid`.
 *
 * @throws RelayRefusal `RELAY_LINK_UNKNOWN`
 */
export function isolationBy(
  topology: Topology,
  links: Iterable<LinkId>,
  avoid: ReadonlySet<SiteId> = new Set(),
): Isolation {
  const { network, states } = topology
  const before = new Uint8Array(states.length)
  for (const [at, state] of states.entries()) {
    const isUp = state !== undefined && state.status !== 'off' && state.status !== 'pending'
    before[at] = isUp && !state.suspect ? 1 : 0
  }
  const after = before.slice()
  for (const link of links) after[linkIndexOf(network, link)] = 0
  const [had, has] = [before, after].map((up) => reachedHospitals(topology, { up, avoid }))
  const isolated: SiteId[] = []
  let pairsLost = 0
  for (const [node, { site, kind }] of network.nodes.entries()) {
    if (kind !== 'hospital') continue
    if (had[node] > 0 && has[node] === 0) isolated.push(site)
    pairsLost += had[node] - has[node]
  }
  return { isolated, pairsLost: pairsLost / 2 }
}

interface Reach {
  readonly up: Uint8Array
  readonly avoid: ReadonlySet<SiteId>
}

/** How many other hospitals each hospital reaches, by node; 0 at other nodes. */
function reachedHospitals(topology: Topology, { up, avoid }: Reach): Int32Array {
  const { nodes } = topology.network
  const reached = new Int32Array(nodes.length)
  const known = new Uint8Array(nodes.length)
  const mayPass = (node: number): boolean => nodes[node].relays && !avoid.has(nodes[node].site)
  for (const [from, { kind }] of nodes.entries()) {
    if (kind !== 'hospital' || known[from] === 1) continue
    const seen = seenFrom(topology, from, { up, mayPass })
    const hospitals = seen.filter((node) => nodes[node].kind === 'hospital')
    // Whoever may be passed is reached from wherever it reaches: all of those see the same.
    const alike = mayPass(from) ? hospitals.filter(mayPass) : [from]
    for (const node of alike) {
      reached[node] = hospitals.length - 1
      known[node] = 1
    }
  }
  return reached
}

/** Nodes that a node reaches, itself included. */
function seenFrom(
  { network }: Topology,
  from: number,
  { up, mayPass }: Pick<Reach, 'up'> & { readonly mayPass: (node: number) => boolean },
): readonly number[] {
  const seen = new Uint8Array(network.nodes.length)
  const found = [from]
  seen[from] = 1
  // An array is walked in the order in which it grows.
  for (const node of found) {
    if (node !== from && !mayPass(node)) continue
    for (let at = network.starts[node]; at < network.starts[node + 1]; at++) {
      const arc = network.leaving[at]
      const head = network.heads[arc]
      if (up[linkOf(arc)] === 0 || seen[head] === 1) continue
      seen[head] = 1
      found.push(head)
    }
  }
  return found
}
