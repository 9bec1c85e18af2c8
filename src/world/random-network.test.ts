/**
 * Random networks, and routes over one as large as a country.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '#base'
import {
  disjointPaths,
  newLedger,
  newTopology,
  nodeOf,
  openNetwork,
  ROUTING_POLICY,
  routeCost,
  routesFrom,
  shortestPaths,
  terrainFor,
  withLink,
  type TableRequest,
  type Topology,
} from '#relay'
import { randomNetwork } from './random-network.ts'

const COUNTRY = { nodes: 1000, links: 3000, hospitals: 0.3, sideKm: 800, seed: 7 }

/** All links sound, with pools and loads of all kinds, and one in twenty off. */
function country(): Topology {
  const random = new SeededRandom(9)
  let topology = newTopology(openNetwork(randomNetwork(COUNTRY)))
  for (let at = 0; at < COUNTRY.links; at++) {
    topology = withLink(topology, at, {
      status: random.chance(0.05) ? 'off' : 'active',
      freeOctets: [random.below(1_000_000), random.below(1_000_000)],
      secretBitsPerSecond: 1000 + random.below(100_000),
      consumptionBitsPerSecond: random.below(50_000),
      qberPpm: 10_000 + random.below(40_000),
      qberTrendPpmPerHour: random.below(2000) - 1000,
      suspect: random.chance(0.02),
      saidMs: 0,
    })
  }
  return topology
}

test('a network has the sites and links asked for, is connected, and follows from its seed', () => {
  for (const [nodes, links] of [
    [1, 0],
    [2, 1],
    [10, 9],
    [10, 45],
    [60, 150],
  ] as const) {
    const options = { ...COUNTRY, nodes, links }
    const made = randomNetwork(options)
    assert.deepEqual(made, randomNetwork(options))
    assert.deepEqual([made.nodes.length, made.links.length], [nodes, links])
    const network = openNetwork(made)
    const costs = new Float64Array(links * 2).fill(1)
    const passable = new Uint8Array(nodes).fill(1)
    const { distance } = shortestPaths({ network, costs, passable }, 0)
    assert(distance.every((hops) => hops < nodes))
  }
  const other = randomNetwork({ ...COUNTRY, nodes: 10, links: 15, seed: 8 })
  assert.notDeepEqual(other, randomNetwork({ ...COUNTRY, nodes: 10, links: 15 }))
  assert.throws(() => randomNetwork({ ...COUNTRY, nodes: 10, links: 8 }), RangeError)
  assert.throws(() => randomNetwork({ ...COUNTRY, nodes: 10, links: 46 }), RangeError)
})

test('among 1,000 sites every route has the best disjoint paths, over usable links only', () => {
  const topology = country()
  const { network } = topology
  const request: TableRequest = {
    source: network.nodes[500].site,
    octets: 64,
    priority: 'clinical',
    policy: ROUTING_POLICY,
    ledger: newLedger(topology),
    nowMs: 1000,
  }
  const table = routesFrom(topology, request)
  const terrain = terrainFor(topology, request)
  assert(table.filter((route) => route?.paths.length === 2).length > 900)
  for (const route of table) {
    if (route === undefined) continue
    assert(Number.isFinite(routeCost(terrain.costs, route)))
    const inner = route.paths.flatMap(({ sites }) => sites.slice(1, -1))
    assert.equal(new Set(inner).size, inner.length)
  }
  // The sweep of one source against the search for one pair, at every tenth site.
  const source = nodeOf(network, request.source)
  for (let target = 0; target < network.nodes.length; target += 10) {
    if (target === source) continue
    const { paths } = disjointPaths(terrain, { source, target, count: 2 })
    const best = paths.flat().reduce((sum, arc) => sum + terrain.costs[arc], 0)
    const route = table[target]
    assert.equal(route === undefined ? 0 : routeCost(terrain.costs, route), best)
  }
})
