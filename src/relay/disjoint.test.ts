/**
 * Disjoint paths against brute force on small random networks, and the sweep against the search.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SeededRandom } from '#base'
import { disjointPairs, pairTo } from './disjoint-pairs.ts'
import { disjointPaths } from './disjoint-paths.ts'
import {
  assertDisjoint,
  cheapestSet,
  costOf,
  networkOf,
  randomTerrain,
  simplePaths,
} from './networks.test.ts'
import { pathTo, shortestPaths, type Terrain } from './shortest-paths.ts'
import type { Arc } from './topology.ts'

const seeds = fc.integer({ min: 0, max: 2 ** 31 })

const costOfAll = (terrain: Terrain, paths: readonly (readonly Arc[])[]): number =>
  paths.reduce((sum, arcs) => sum + costOf(terrain, arcs), 0)

const bare = (nodes: number, pairs: readonly (readonly [number, number])[]): Terrain => {
  const network = networkOf(nodes, pairs)
  const costs = new Float64Array(network.tails.length).fill(1)
  return { network, costs, passable: new Uint8Array(nodes).fill(1) }
}

test('the shortest path is the cheapest of all simple paths', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const terrain = randomTerrain(seed)
      const found = shortestPaths(terrain, 0)
      for (let target = 1; target < terrain.network.nodes.length; target++) {
        const all = simplePaths(terrain, 0, target).map((arcs) => costOf(terrain, arcs))
        assert.equal(found.distance[target], Math.min(Infinity, ...all))
        const path = pathTo(terrain.network, found, target)
        if (all.length > 0) assert.equal(costOf(terrain, path), found.distance[target])
        else assert.deepEqual(path, [])
      }
    }),
    { numRuns: 300 },
  )
})

test('k disjoint paths are as many as exist, disjoint, and the cheapest such set', () => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 1, max: 4 }), (seed, count) => {
      const terrain = randomTerrain(seed)
      const all = simplePaths(terrain, 0, 1)
      const { paths, cut } = disjointPaths(terrain, { source: 0, target: 1, count })
      assertDisjoint(terrain, paths, [0, 1])
      assert.equal(costOfAll(terrain, paths), cheapestSet(terrain, all, paths.length))
      assert.equal(cut === undefined, paths.length === count)
      if (paths.length < count) {
        assert.equal(cheapestSet(terrain, all, paths.length + 1), Infinity)
      }
    }),
    { numRuns: 600 },
  )
})

test('a cut has as many members as there are paths, and without them there is no path', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const terrain = randomTerrain(seed)
      const { paths, cut } = disjointPaths(terrain, { source: 0, target: 1, count: 14 })
      assert(cut !== undefined)
      assert.equal(cut.nodes.length + cut.arcs.length, paths.length)
      const passable = terrain.passable.slice()
      for (const node of cut.nodes) passable[node] = 0
      const costs = terrain.costs.slice()
      for (const arc of cut.arcs) costs[arc] = Infinity
      assert.deepEqual(simplePaths({ ...terrain, passable, costs }, 0, 1), [])
    }),
    { numRuns: 600 },
  )
})

test('the sweep finds to every node the pair that the search finds for it, or its one path', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const terrain = randomTerrain(seed)
      const pairs = disjointPairs(terrain, 0)
      for (let target = 1; target < terrain.network.nodes.length; target++) {
        const { paths } = disjointPaths(terrain, { source: 0, target, count: 2 })
        const pair = pairTo(pairs, target)
        assertDisjoint(terrain, pair, [0, target])
        assert.equal(pair.length, paths.length)
        assert.equal(costOfAll(terrain, pair), costOfAll(terrain, paths))
      }
      assert.deepEqual(pairTo(pairs, 0), [])
    }),
    { numRuns: 1000 },
  )
})

test('on a grid of 144 sites sweep and search find pairs of the same cost', () => {
  const side = 12
  const pairs = Array.from({ length: side * side }, (_, at) => at).flatMap((at) => [
    ...(at % side < side - 1 ? [[at, at + 1] as const] : []),
    ...(at + side < side * side ? [[at, at + side] as const] : []),
  ])
  for (let seed = 0; seed < 6; seed++) {
    const random = new SeededRandom(seed)
    const terrain = bare(side * side, pairs)
    for (const arc of terrain.costs.keys()) terrain.costs[arc] = 1 + random.below(1000)
    const sweep = disjointPairs(terrain, 0)
    for (let target = 1; target < side * side; target++) {
      const { paths } = disjointPaths(terrain, { source: 0, target, count: 2 })
      const pair = pairTo(sweep, target)
      assertDisjoint(terrain, pair, [0, target])
      assert.equal(costOfAll(terrain, pair), costOfAll(terrain, paths))
    }
  }
})

test('the cheapest pair need not hold the shortest path', () => {
  // The trap that greedy searches fall into: 0-1-2-3 is shortest and blocks both detours.
  const terrain = bare(6, [
    [0, 1],
    [1, 2],
    [2, 3],
    [0, 4],
    [4, 2],
    [1, 5],
    [5, 3],
  ])
  for (const arc of [6, 8, 10, 12]) terrain.costs[arc] = 2
  const shortest = pathTo(terrain.network, shortestPaths(terrain, 0), 3)
  assert.deepEqual(shortest, [0, 2, 4])
  const { paths } = disjointPaths(terrain, { source: 0, target: 3, count: 2 })
  assert.deepEqual(
    new Set(paths),
    new Set([
      [6, 8, 4],
      [0, 10, 12],
    ]),
  )
  assert.deepEqual(new Set(pairTo(disjointPairs(terrain, 0), 3)), new Set(paths))
})

test('one waist of a network is named as what prevents a second path', () => {
  const terrain = bare(6, [
    [0, 1],
    [0, 2],
    [1, 3],
    [2, 3],
    [3, 4],
    [4, 5],
    [3, 5],
  ])
  const { paths, cut } = disjointPaths(terrain, { source: 0, target: 5, count: 2 })
  assert.equal(paths.length, 1)
  assert.deepEqual(cut, { nodes: [3], arcs: [] })
})

test('two links between the same two sites are two paths with nobody between', () => {
  const terrain = bare(2, [
    [0, 1],
    [0, 1],
  ])
  const { paths, cut } = disjointPaths(terrain, { source: 0, target: 1, count: 3 })
  assert.deepEqual(paths, [[0], [2]])
  assert.deepEqual(cut, { nodes: [], arcs: [0, 2] })
  assert.equal(pairTo(disjointPairs(terrain, 0), 1).length, 2)
})
