/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkId, siteId, type SiteId } from '#base'
import {
  newLedger,
  newTopology,
  openNetwork,
  preferredWays,
  routeFor,
  ROUTING_POLICY,
  withLink,
  type LinkState,
  type RouteRequest,
  type Topology,
} from './mod.ts'

const sound: LinkState = {
  status: 'active',
  freeOctets: [100_000, 100_000],
  secretBitsPerSecond: 1000,
  consumptionBitsPerSecond: 0,
  qberPpm: 20_000,
  qberTrendPpmPerHour: 0,
  suspect: false,
  saidMs: 0,
}

/** A to F over B, over C and D, or over E: one way is cheaper than the other. */
const JOINED = ['a b', 'b f', 'a c', 'c d', 'd f', 'a e', 'e f', 'b d']

function network(without: readonly string[] = []): Topology {
  const sites = ['a', 'b', 'c', 'd', 'e', 'f'].map(siteId)
  const plan = openNetwork({
    nodes: sites.map((site) => ({ site, kind: 'trusted-node', relays: true })),
    links: JOINED.map((pair) => {
      const [a, b] = pair.split(' ').map(siteId)
      return { link: linkId(`${a}-${b}`), a, b }
    }),
  })
  return JOINED.reduce(
    (topology, pair, at) =>
      withLink(topology, at, without.includes(pair) ? { ...sound, status: 'off' } : sound),
    newTopology(plan),
  )
}

function ways(topology: Topology, paths: number, vias: readonly string[]): string[] | undefined {
  const request: RouteRequest = {
    ...{ source: siteId('a'), target: siteId('f'), paths, octets: 1000, nowMs: 0 },
    ...{ priority: 'background', policy: ROUTING_POLICY, ledger: newLedger(topology) },
  }
  const free = routeFor(topology, request)
  const least = free.kind === 'routed' ? free.route.paths.length : 0
  const wanted: readonly (readonly SiteId[])[] = vias.map((via) => via.split('').map(siteId))
  return preferredWays(topology, request, { vias: wanted, least })?.map((way) => way.join(''))
}

test('a preferred way is gone, dearer or not, and the rest of it is the cheapest', () => {
  assert.deepEqual(ways(network(), 1, ['c']), ['acdf'])
  assert.deepEqual(ways(network(), 1, ['cd']), ['acdf'])
  assert.deepEqual(ways(network(), 1, ['bd']), ['abdf'])
})

test('further ways have no site in common with the preferred ones', () => {
  const [first, second] = ways(network(), 2, ['bd']) ?? []
  assert.equal(first, 'abdf')
  assert.equal(second, 'aef')
  assert.deepEqual(ways(network(), 3, ['c', 'b'])?.toSorted(), ['abf', 'acdf', 'aef'])
})

test('a preference that fails, or costs a way, is left', () => {
  assert.equal(ways(network(['a c']), 1, ['c']), undefined)
  assert.equal(ways(network(['d f', 'b d']), 1, ['c']), undefined)
  assert.equal(ways(network(), 3, ['bd']), undefined, 'two ways instead of three')
  assert.equal(ways(network(), 1, ['c', 'b']), undefined, 'more ways than shares')
  assert.equal(ways(network(), 1, ['d']), undefined, 'no neighbour')
  assert.equal(ways(network(), 1, []), undefined)
})
