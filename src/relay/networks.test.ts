/**
 * Small networks for tests, and brute force over them: every simple path, every disjoint set.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkId, SeededRandom, siteId, type SiteId } from '#base'
import type { Terrain } from './shortest-paths.ts'
import {
  newTopology,
  openNetwork,
  withLink,
  type Arc,
  type LinkState,
  type Network,
  type NetworkNode,
  type Topology,
} from './topology.ts'

export const SOUND: LinkState = {
  status: 'active',
  freeOctets: [100_000, 100_000],
  secretBitsPerSecond: 10_000,
  consumptionBitsPerSecond: 0,
  qberPpm: 10_000,
  qberTrendPpmPerHour: 0,
  suspect: false,
  saidMs: 0,
}

/** Site number `at`: `s0`, `s1`, … */
export const site = (at: number): SiteId => siteId(`s${String(at)}`)

/** A network of hospitals that relay, with a link for each pair: link `l0` joins the first. */
export const networkOf = (
  nodes: number,
  pairs: readonly (readonly [number, number])[],
  change: (node: NetworkNode, at: number) => NetworkNode = (node) => node,
): Network =>
  openNetwork({
    nodes: Array.from({ length: nodes }, (_, at) =>
      change({ site: site(at), kind: 'hospital', relays: true }, at),
    ),
    links: pairs.map(([a, b], at) => ({
      link: linkId(`l${String(at)}`),
      a: site(a),
      b: site(b),
    })),
  })

/** The topology in which every link stands alike, but for some. */
export function topologyOf(
  network: Network,
  changes: Readonly<Record<number, Partial<LinkState> | undefined>> = {},
): Topology {
  let topology = newTopology(network)
  for (const at of network.links.keys()) {
    const isSilent = at in changes && changes[at] === undefined
    topology = withLink(topology, at, isSilent ? undefined : { ...SOUND, ...changes[at] })
  }
  return topology
}

/** A random terrain: whole costs from 1 to 9, some arcs excluded, some nodes not passable. */
export function randomTerrain(seed: number): Terrain {
  const random = new SeededRandom(seed)
  const nodes = 2 + random.below(6)
  const links = random.below(14)
  const pairs = Array.from({ length: links }, () => {
    const a = random.below(nodes)
    return [a, (a + 1 + random.below(nodes - 1)) % nodes] as const
  })
  const network = networkOf(nodes, pairs)
  return {
    network,
    costs: Float64Array.from(network.tails, () =>
      random.chance(0.1) ? Infinity : 1 + random.below(9),
    ),
    passable: Uint8Array.from(network.nodes, () => (random.chance(0.9) ? 1 : 0)),
  }
}

/** Every simple path between two nodes. */
export function simplePaths(terrain: Terrain, source: number, target: number): Arc[][] {
  const { network, costs, passable } = terrain
  const paths: Arc[][] = []
  const walk = (node: number, arcs: readonly Arc[], seen: ReadonlySet<number>): void => {
    if (node === target) {
      paths.push([...arcs])
      return
    }
    if (node !== source && passable[node] === 0) return
    for (const [arc, tail] of network.tails.entries()) {
      const head = network.heads[arc]
      if (tail !== node || seen.has(head) || costs[arc] === Infinity) continue
      walk(head, [...arcs, arc], new Set([...seen, head]))
    }
  }
  walk(source, [], new Set([source]))
  return paths
}

/** Nodes of a path between its ends. */
export const between = ({ heads }: Network, arcs: readonly Arc[]): number[] =>
  arcs.slice(0, -1).map((arc) => heads[arc])

export const costOf = ({ costs }: Terrain, arcs: readonly Arc[]): number =>
  arcs.reduce((sum, arc) => sum + costs[arc], 0)

/** The cheapest cost of exactly `count` node-disjoint paths; Infinity if there are not so many. */
export function cheapestSet(terrain: Terrain, all: readonly Arc[][], count: number): number {
  if (count === 0) return 0
  return all.reduce((best, path, at) => {
    const inside = new Set(between(terrain.network, path))
    const apart = all.slice(at + 1).filter((other) => {
      const isApart = between(terrain.network, other).every((node) => !inside.has(node))
      return isApart && other[0] !== path[0]
    })
    return Math.min(best, costOf(terrain, path) + cheapestSet(terrain, apart, count - 1))
  }, Infinity)
}

/** Fails unless every path leads from source to target and no two share a node or an arc. */
export function assertDisjoint(
  { network, costs, passable }: Terrain,
  paths: readonly (readonly Arc[])[],
  [source, target]: readonly [number, number],
): void {
  for (const arcs of paths) {
    assert.equal(network.tails[arcs[0]], source)
    assert.equal(network.heads[arcs.at(-1)!], target)
    arcs.slice(1).forEach((arc, at) => assert.equal(network.tails[arc], network.heads[arcs[at]]))
    assert(arcs.every((arc) => costs[arc] < Infinity))
    assert(between(network, arcs).every((node) => passable[node] === 1))
  }
  const inner = paths.flatMap((arcs) => between(network, arcs))
  assert.equal(new Set(inner).size, inner.length)
  assert(!inner.includes(source) && !inner.includes(target))
  const arcs = paths.flat()
  assert.equal(new Set(arcs).size, arcs.length)
}

test('brute force finds both ways around a square and their cheapest pair', () => {
  const network = networkOf(4, [
    [0, 1],
    [1, 3],
    [0, 2],
    [2, 3],
  ])
  const terrain = {
    network,
    costs: new Float64Array(8).fill(2),
    passable: new Uint8Array(4).fill(1),
  }
  const all = simplePaths(terrain, 0, 3)
  assert.equal(all.length, 2)
  assert.equal(cheapestSet(terrain, all, 2), 8)
  assert.equal(cheapestSet(terrain, all, 3), Infinity)
})
