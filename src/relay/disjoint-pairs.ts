/**
 * The cheapest pair of node-disjoint paths from one site to every other, all at once.
 *
 * Suurballe and Tarjan's one sweep after Dijkstra's, instead of a search for each target. Nodes are
 * split into entrance and exit, which makes pairs of arc-disjoint paths node-disjoint. Costs are
 * measured against the tree of shortest paths, on which they become zero in both directions; what
 * is left of the tree falls apart as vertices are settled, and the arcs that join two pieces are
 * looked at once in the smaller of them: O(m log n) in all.
 *
 * Finds pairs only; `disjoint-paths` finds more, one target at a time, and says what prevents them.
 *
 * @see Suurballe, Tarjan, "A quick method for finding shortest pairs of disjoint paths",
 *   Networks 14 (1984)
 * @module
 */

import { assert } from '#base'
import { VertexQueue } from './heap.ts'
import { shortestPaths, type ShortestPaths, type Terrain } from './shortest-paths.ts'
import type { Arc } from './topology.ts'

/** Result of one sweep; `pairTo` reads the pairs off it. */
export interface DisjointPairs {
  readonly terrain: Terrain
  readonly source: number
  readonly shortest: ShortestPaths
  /** Cost of a pair beyond twice the shortest path, by vertex; Infinity if there is none. */
  readonly beyond: Float64Array
  /** For each vertex the settled one and the arc from which its label came. */
  readonly cause: Int32Array
  readonly arc: Int32Array
}

/** Pairs from a source to all nodes. */
export function disjointPairs(terrain: Terrain, source: number): DisjointPairs {
  const shortest = shortestPaths(terrain, source)
  const sweep = newSweep(terrain, source, shortest)
  const { queue } = sweep
  queue.offer(exitOf(source), 0)
  for (let vertex = queue.take(); vertex >= 0; vertex = queue.take()) {
    sweep.settled[vertex] = 1
    const detached = piecesAround(sweep, vertex)
    if (!isEntrance(vertex)) eachLeaving(sweep, vertex, (arc) => offer(sweep, vertex, arc))
    for (const piece of detached) {
      for (const member of piece) eachCrossing(sweep, member, (arc) => offer(sweep, vertex, arc))
    }
  }
  const { cause, arc } = sweep
  return { terrain, source, shortest, beyond: queue.distance, cause, arc }
}

/**
 * The pair to a node, cheapest path first: two paths, or one where no second is disjoint from it,
 * or none.
 */
export function pairTo(pairs: DisjointPairs, target: number): readonly (readonly Arc[])[] {
  const { shortest, source } = pairs
  if (target === source || shortest.distance[target] === Infinity) return []
  if (pairs.beyond[entranceOf(target)] === Infinity) {
    return [traceBack(pairs, target, new Set())]
  }
  const marked = new Set<number>()
  const root = exitOf(source)
  for (let at = entranceOf(target); at !== root; at = pairs.cause[at]) marked.add(at)
  const [first, second] = [traceBack(pairs, target, marked), traceBack(pairs, target, marked)]
  const { costs } = pairs.terrain
  const cost = (arcs: readonly Arc[]): number => arcs.reduce((sum, arc) => sum + costs[arc], 0)
  return cost(first) <= cost(second) ? [first, second] : [second, first]
}

/** Goes back to the source: over the arc of a label where one is marked, else along the tree. */
function traceBack(pairs: DisjointPairs, target: number, marked: Set<number>): Arc[] {
  const { terrain, source, shortest, arc } = pairs
  const arcs: Arc[] = []
  for (let at = entranceOf(target); at !== exitOf(source);) {
    if (!isEntrance(at) && !marked.has(at)) {
      at = entranceOf(at >> 1)
      continue
    }
    const over = marked.delete(at) ? arc[at] : shortest.entering[at >> 1]
    assert(over >= 0 && arcs.length < terrain.network.nodes.length, 'a path leads to its source')
    arcs.push(over)
    at = exitOf(terrain.network.tails[over])
  }
  return arcs.reverse()
}

interface Sweep {
  readonly terrain: Terrain
  readonly source: number
  readonly shortest: ShortestPaths
  readonly queue: VertexQueue
  readonly cause: Int32Array
  readonly arc: Int32Array
  readonly settled: Uint8Array
  /** Number of the piece that a vertex not yet settled is in. */
  readonly piece: Int32Array
  pieces: number
  /** Where a walk through a piece came from, by vertex. */
  readonly cameFrom: Int32Array
  /** Children of exits in the tree of shortest paths, as nodes; `childAt` is indexed by node. */
  readonly children: Int32Array
  readonly childAt: Int32Array
  /** Arcs by head, those of a node from `endings[v]`. */
  readonly arriving: Int32Array
  readonly endings: Int32Array
}

function newSweep(terrain: Terrain, source: number, shortest: ShortestPaths): Sweep {
  const { heads, tails, nodes } = terrain.network
  const vertices = nodes.length * 2
  const parents = shortest.entering.map((arc) => (arc < 0 ? -1 : tails[arc]))
  const [children, childAt] = grouped(parents, nodes.length)
  const [arriving, endings] = grouped(heads, nodes.length)
  return {
    ...{ terrain, source, shortest, children, childAt, arriving, endings },
    queue: new VertexQueue(vertices),
    cause: new Int32Array(vertices).fill(-1),
    arc: new Int32Array(vertices).fill(-1),
    settled: new Uint8Array(vertices),
    piece: new Int32Array(vertices),
    cameFrom: new Int32Array(vertices),
    pieces: 1,
  }
}

/** Indexes grouped by their value, by counting; negative values are left out. */
function grouped(values: Int32Array, groups: number): readonly [Int32Array, Int32Array] {
  const starts = new Int32Array(groups + 1)
  for (const value of values) if (value >= 0) starts[value + 1]++
  for (let group = 0; group < groups; group++) starts[group + 1] += starts[group]
  const next = starts.slice()
  const members = new Int32Array(starts[groups])
  for (const [at, value] of values.entries()) if (value >= 0) members[next[value]++] = at
  return [members, starts]
}

/** Labels the head of an arc that joins two pieces, if that is better than what it has. */
function offer(sweep: Sweep, vertex: number, arc: Arc): void {
  const { terrain, shortest, queue } = sweep
  const { tails, heads } = terrain.network
  const { distance } = shortest
  const reduced = terrain.costs[arc] + distance[tails[arc]] - distance[heads[arc]]
  const head = entranceOf(heads[arc])
  if (!queue.offer(head, queue.distance[vertex] + reduced)) return
  sweep.cause[head] = vertex
  sweep.arc[head] = arc
}

/** Arcs off the tree that leave an exit for a vertex not yet settled. */
function eachLeaving(sweep: Sweep, exit: number, take: (arc: Arc) => void): void {
  const { terrain, shortest, settled, source } = sweep
  const { network, costs, passable } = terrain
  const node = exit >> 1
  if (node !== source && passable[node] === 0) return
  for (let at = network.starts[node]; at < network.starts[node + 1]; at++) {
    const arc = network.leaving[at]
    const head = network.heads[arc]
    if (head === source || shortest.entering[head] === arc || costs[arc] === Infinity) continue
    if (settled[entranceOf(head)] === 0) take(arc)
  }
}

/** Arcs off the tree between a vertex and those of other pieces, in either direction. */
function eachCrossing(sweep: Sweep, vertex: number, take: (arc: Arc) => void): void {
  const { terrain, shortest, settled, piece, source } = sweep
  const { network, costs, passable } = terrain
  const node = vertex >> 1
  if (!isEntrance(vertex)) {
    eachLeaving(sweep, vertex, (arc) => {
      if (piece[entranceOf(network.heads[arc])] !== piece[vertex]) take(arc)
    })
    return
  }
  for (let at = sweep.endings[node]; at < sweep.endings[node + 1]; at++) {
    const arc = sweep.arriving[at]
    const tail = network.tails[arc]
    if (shortest.entering[node] === arc || costs[arc] === Infinity) continue
    if (tail === source || passable[tail] === 0) continue
    if (shortest.distance[tail] === Infinity || settled[exitOf(tail)] === 1) continue
    if (piece[exitOf(tail)] !== piece[vertex]) take(arc)
  }
}

/**
 * The pieces into which the piece of a vertex falls without it, all but the largest, renumbered.
 * They are walked in turns, one step each, so that no step is spent on the largest alone.
 */
function piecesAround(sweep: Sweep, vertex: number): readonly (readonly number[])[] {
  const walks: { readonly members: number[]; at: number }[] = []
  eachNeighbour(sweep, vertex, (next) => walks.push({ members: [next], at: 0 }))
  const done: number[][] = []
  const { cameFrom } = sweep
  for (const { members } of walks) cameFrom[members[0]] = vertex
  let open = walks
  while (open.length > 1) {
    for (const walk of open) {
      if (done.length === walks.length - 1) break
      const member = walk.members[walk.at++]
      eachNeighbour(sweep, member, (next) => {
        if (cameFrom[member] === next) return
        cameFrom[next] = member
        walk.members.push(next)
      })
      if (walk.at === walk.members.length) done.push(walk.members)
    }
    open = open.filter(({ members, at }) => at < members.length)
    if (done.length >= walks.length - 1) break
  }
  for (const members of done) {
    const number = sweep.pieces++
    for (const member of members) sweep.piece[member] = number
  }
  return done
}

/** Neighbours of a vertex in the tree that are not settled yet. */
function eachNeighbour(sweep: Sweep, vertex: number, take: (next: number) => void): void {
  const { shortest, settled, children, childAt, terrain, source } = sweep
  const node = vertex >> 1
  const visit = (next: number): void => {
    if (settled[next] === 0) take(next)
  }
  if (isEntrance(vertex)) {
    const arc = shortest.entering[node]
    if (arc >= 0) visit(exitOf(terrain.network.tails[arc]))
    if (terrain.passable[node] === 1) visit(exitOf(node))
    return
  }
  if (node !== source) visit(entranceOf(node))
  for (let at = childAt[node]; at < childAt[node + 1]; at++) visit(entranceOf(children[at]))
}

const entranceOf = (node: number): number => node * 2
const exitOf = (node: number): number => node * 2 + 1
const isEntrance = (vertex: number): boolean => (vertex & 1) === 0
