/**
 * Shortest paths from one site to all others (Dijkstra 1959), through sites that relay.
 *
 * @module
 */

import type { ArcCosts } from './cost.ts'
import { VertexQueue } from './heap.ts'
import type { Arc, Network } from './topology.ts'

/** What paths are sought in. */
export interface Terrain {
  readonly network: Network
  readonly costs: ArcCosts
  /** Whether a path may pass a node (1) or only begin or end there (0), by node. */
  readonly passable: Uint8Array
}

export interface ShortestPaths {
  /** Costs by node; Infinity where no path leads. */
  readonly distance: Float64Array
  /** Arc over which the path of a node enters it; −1 at the source and where no path leads. */
  readonly entering: Int32Array
}

/** Shortest paths to every node. Of two of the same cost always the same is found. */
export function shortestPaths(terrain: Terrain, source: number): ShortestPaths {
  const { network, costs, passable } = terrain
  const queue = new VertexQueue(network.nodes.length)
  const entering = new Int32Array(network.nodes.length).fill(-1)
  queue.offer(source, 0)
  for (let node = queue.take(); node >= 0; node = queue.take()) {
    if (node !== source && passable[node] === 0) continue
    const distance = queue.distance[node]
    for (let at = network.starts[node]; at < network.starts[node + 1]; at++) {
      const arc = network.leaving[at]
      if (queue.offer(network.heads[arc], distance + costs[arc])) {
        entering[network.heads[arc]] = arc
      }
    }
  }
  return { distance: queue.distance, entering }
}

/** Arcs of the path to a node, in order; empty at the source and where no path leads. */
export function pathTo({ tails }: Network, { entering }: ShortestPaths, node: number): Arc[] {
  const arcs: Arc[] = []
  for (let at = node; entering[at] >= 0; at = tails[entering[at]]) arcs.push(entering[at])
  return arcs.reverse()
}
