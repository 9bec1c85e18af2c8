/**
 * Node-disjoint paths between two sites with the least total cost, and what prevents one more.
 *
 * Successive shortest paths (Suurballe 1974; Bhandari 1999) on a graph where each node is an
 * entrance and an exit joined by an arc that bears one path. Potentials keep all costs at 0 or
 * above, so Dijkstra serves every round. If there are fewer paths than asked, as many sites (and
 * direct links) as there are paths cut the two from each other (Menger 1927); they are named.
 *
 * Two links that join source and target directly are two paths: nobody stands between.
 *
 * @module
 */

import { VertexQueue } from './heap.ts'
import type { Terrain } from './shortest-paths.ts'
import type { Arc } from './topology.ts'

export interface DisjointPaths {
  /** Arcs of each path, cheapest path first. */
  readonly paths: readonly (readonly Arc[])[]
  /** What must all fail, and suffices, to cut source from target; absent if all were found. */
  readonly cut?: Cut
}

/** A least set of sites and direct links through which every path goes; empty without any path. */
export interface Cut {
  readonly nodes: readonly number[]
  readonly arcs: readonly Arc[]
}

/** At most `count` node-disjoint paths from `source` to another node, the cheapest such set. */
export function disjointPaths(
  terrain: Terrain,
  { source, target, count }: { source: number; target: number; count: number },
): DisjointPaths {
  const flow = newFlow(terrain, source, target)
  let found = 0
  while (found < count && augment(terrain, flow)) found++
  const paths = pathsOf(terrain, flow)
  return found === count ? { paths } : { paths, cut: cutOf(terrain, flow) }
}

/** Entrance 2v and exit 2v + 1 of node v; paths lead from an exit to an entrance. */
interface Flow {
  readonly from: number
  readonly to: number
  /** Whether a path uses an arc, and whether one passes a node. */
  readonly used: Uint8Array
  readonly passed: Uint8Array
  /** Arc over which a path enters a node that is passed. */
  readonly entering: Int32Array
  readonly potential: Float64Array
  readonly queue: VertexQueue
  /** Vertex before each vertex in the last search, and the arc between, or −1 inside a node. */
  readonly before: Int32Array
  readonly over: Int32Array
}

function newFlow({ network }: Terrain, source: number, target: number): Flow {
  const nodes = network.nodes.length
  return {
    from: exitOf(source),
    to: entranceOf(target),
    used: new Uint8Array(network.tails.length),
    passed: new Uint8Array(nodes),
    entering: new Int32Array(nodes).fill(-1),
    potential: new Float64Array(nodes * 2),
    queue: new VertexQueue(nodes * 2),
    before: new Int32Array(nodes * 2),
    over: new Int32Array(nodes * 2),
  }
}

/** One more path, if there is one: a search in what the paths so far leave, then the exchange. */
function augment(terrain: Terrain, flow: Flow): boolean {
  const { queue, potential, from, to } = flow
  const seen: number[] = []
  queue.clear()
  queue.offer(from, 0)
  for (let at = queue.take(); at >= 0 && at !== to; at = queue.take()) {
    seen.push(at)
    eachNext(terrain, flow, at, (next, cost, arc) => {
      const distance = queue.distance[at] + cost + potential[at] - potential[next]
      if (!queue.offer(next, distance)) return
      flow.before[next] = at
      flow.over[next] = arc
    })
  }
  const reached = queue.distance[to]
  if (reached === Infinity) return false
  // Potentials only need differences: raising what is nearer than the target by less is enough.
  for (const vertex of seen) potential[vertex] += queue.distance[vertex] - reached
  exchange(terrain, flow)
  return true
}

/** Turns over every arc of the path just found: taken ones are given back, others taken. */
function exchange({ network }: Terrain, flow: Flow): void {
  const { from, to, used, passed, entering, before, over } = flow
  for (let at = to; at !== from; at = before[at]) {
    const arc = over[at]
    if (arc < 0) passed[at >> 1] = isEntrance(at) ? 0 : 1
    else if (isEntrance(at)) used[arc] = 1
    else used[arc] = 0
  }
  entering.fill(-1)
  for (let arc = 0; arc < used.length; arc++) {
    if (used[arc] === 1) entering[network.heads[arc]] = arc
  }
}

/** Calls back for every arc that leaves a vertex in what the paths so far leave. */
function eachNext(
  { network, costs, passable }: Terrain,
  { from, to, used, passed, entering }: Flow,
  at: number,
  take: (next: number, cost: number, arc: number) => void,
): void {
  const node = at >> 1
  if (isEntrance(at)) {
    if (passed[node] === 1) {
      const arc = entering[node]
      if (exitOf(network.tails[arc]) !== from) take(exitOf(network.tails[arc]), -costs[arc], arc)
    } else if (passable[node] === 1) take(exitOf(node), 0, -1)
    return
  }
  if (passed[node] === 1) take(entranceOf(node), 0, -1)
  for (let place = network.starts[node]; place < network.starts[node + 1]; place++) {
    const arc = network.leaving[place]
    const head = network.heads[arc]
    if (used[arc] === 1 || costs[arc] === Infinity || exitOf(head) === from) continue
    // An entrance that a path uses may be entered again: only to turn that path away.
    if (entranceOf(head) !== to && passable[head] === 0) continue
    take(entranceOf(head), costs[arc], arc)
  }
}

/** The paths that the arcs in use make up, cheapest first. */
function pathsOf({ network, costs }: Terrain, { from, to, used }: Flow): Arc[][] {
  const leaving = new Map<number, Arc>()
  const firsts: Arc[] = []
  for (let arc = 0; arc < used.length; arc++) {
    if (used[arc] === 0) continue
    if (exitOf(network.tails[arc]) === from) firsts.push(arc)
    else leaving.set(network.tails[arc], arc)
  }
  const paths = firsts.map((first) => {
    const arcs: Arc[] = []
    for (let arc: Arc | undefined = first; arc !== undefined;) {
      arcs.push(arc)
      const head: number = network.heads[arc]
      arc = entranceOf(head) === to ? undefined : leaving.get(head)
    }
    return arcs
  })
  const cost = (arcs: readonly Arc[]): number => arcs.reduce((sum, arc) => sum + costs[arc], 0)
  return paths.toSorted((a, b) => cost(a) - cost(b))
}

/** Nodes whose entrance can be reached when nothing more can flow, but not their exit. */
function cutOf(terrain: Terrain, flow: Flow): Cut {
  const { network, costs, passable } = terrain
  const { from, to, used, passed } = flow
  const reached = new Uint8Array(passable.length * 2)
  const open = [from]
  const visit = (vertex: number): void => {
    if (reached[vertex] === 1) return
    reached[vertex] = 1
    open.push(vertex)
  }
  const directs: Arc[] = []
  reached[from] = 1
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    eachNext(terrain, flow, at, visit)
    if (isEntrance(at)) continue
    // Links count as unlimited, so that the cut consists of sites; save those that join the ends.
    for (let place = network.starts[at >> 1]; place < network.starts[(at >> 1) + 1]; place++) {
      const arc = network.leaving[place]
      const head = network.heads[arc]
      if (used[arc] === 0 || costs[arc] === Infinity) continue
      if (at === from && entranceOf(head) === to) directs.push(arc)
      else visit(entranceOf(head))
    }
  }
  const nodes: number[] = []
  for (let node = 0; node < passed.length; node++) {
    if (reached[entranceOf(node)] === 1 && reached[exitOf(node)] === 0 && passed[node] === 1) {
      nodes.push(node)
    }
  }
  return { nodes, arcs: directs }
}

const entranceOf = (node: number): number => node * 2
const exitOf = (node: number): number => node * 2 + 1
const isEntrance = (vertex: number): boolean => (vertex & 1) === 0
