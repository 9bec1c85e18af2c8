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
  const isolated: SiteId[] = []
  let pairsLost = 0
  for (const [node, { site, kind }] of network.nodes.entries()) {
    if (kind !== 'hospital') continue
    const [had, has] = [before, after].map((up) => hospitalsFrom(topology, node, { up, avoid }))
    if (had > 0 && has === 0) isolated.push(site)
    pairsLost += had - has
  }
  return { isolated, pairsLost: pairsLost / 2 }
}

/** How many other hospitals a node reaches. */
function hospitalsFrom(
  { network }: Topology,
  from: number,
  { up, avoid }: { readonly up: Uint8Array; readonly avoid: ReadonlySet<SiteId> },
): number {
  const seen = new Uint8Array(network.nodes.length)
  const open = [from]
  seen[from] = 1
  let hospitals = 0
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    const { kind, relays, site } = network.nodes[node]
    if (node !== from && kind === 'hospital') hospitals++
    if (node !== from && (!relays || avoid.has(site))) continue
    for (let at = network.starts[node]; at < network.starts[node + 1]; at++) {
      const arc = network.leaving[at]
      const head = network.heads[arc]
      if (up[linkOf(arc)] === 0 || seen[head] === 1) continue
      seen[head] = 1
      open.push(head)
    }
  }
  return hospitals
}
