/**
 * Routes: what is excluded, what is preferred, what is promised, what stays, and what is admitted.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SeededRandom } from '#base'
import {
  arcCosts,
  exclusionOf,
  HOP,
  ROUTING_POLICY,
  routingPolicy,
  type CostRequest,
  type RoutingPolicy,
} from './cost.ts'
import { networkOf, randomTerrain, site, SOUND, topologyOf } from './networks.test.ts'
import { lapse, newLedger, release, reserve, usableOctets, type Ledger } from './ledger.ts'
import { routeFor, routesFrom, type RouteOutcome, type RouteRequest } from './routing.ts'
import { RelayRefusal } from './refusal.ts'
import { openNetwork, withLink, type LinkState, type Topology } from './topology.ts'
import { floorOf, levelOf, wantedBy, watermarks } from './watermarks.ts'

/** 0–1–3 over links 0 and 1, 0–2–3 over links 2 and 3. */
const SQUARE = networkOf(4, [
  [0, 1],
  [1, 3],
  [0, 2],
  [2, 3],
])
const MARKS = { critical: 100, low: 1000, target: 10_000, full: 100_000 }
const POLICY: RoutingPolicy = { ...ROUTING_POLICY, marks: MARKS, staleMs: 1000 }

const requestIn = (topology: Topology, more: Partial<RouteRequest> = {}): RouteRequest => ({
  ...{ octets: 48, priority: 'clinical', policy: POLICY, nowMs: 0, ledger: newLedger(topology) },
  ...{ source: site(0), target: site(3), paths: 2 },
  ...more,
})

const linksOf = (outcome: RouteOutcome): string[][] =>
  outcome.kind === 'routed' ? outcome.route.paths.map(({ links }) => [...links]) : []

const inWith = (
  change: Partial<LinkState> | undefined,
  more: Partial<RouteRequest> = {},
): RouteOutcome => {
  const topology = topologyOf(SQUARE, { 1: change })
  return routeFor(topology, requestIn(topology, more))
}

test('a square has two disjoint paths, and a third is owed to its two middle sites', () => {
  const topology = topologyOf(SQUARE)
  const two = routeFor(topology, requestIn(topology))
  assert.deepEqual(linksOf(two), [
    ['l0', 'l1'],
    ['l2', 'l3'],
  ])
  assert(two.kind === 'routed' && two.shortfall === undefined)
  const three = routeFor(topology, requestIn(topology, { paths: 3 }))
  assert(three.kind === 'routed')
  assert.deepEqual(three.shortfall, {
    ...{ asked: 3, found: 2, planned: 2 },
    ...{ sites: [site(1), site(2)], links: [] },
  })
})

test('links that are unheard, off, pending, old, suspect or drained are left out', () => {
  const cases: readonly (readonly [Partial<LinkState> | undefined, string | undefined])[] = [
    [undefined, 'unheard'],
    [{ status: 'off' }, 'off'],
    [{ status: 'pending' }, 'off'],
    [{ saidMs: -1001 }, 'stale'],
    [{ saidMs: -1000 }, undefined],
    [{ suspect: true }, 'suspect'],
    [{ freeOctets: [147, 100_000] }, 'drained'],
    [{ freeOctets: [148, 0] }, undefined],
    [{ status: 'passive' }, undefined],
  ]
  for (const [change, reason] of cases) {
    const topology = topologyOf(SQUARE, { 1: change })
    assert.equal(exclusionOf(topology, 2, requestIn(topology)), reason)
    const outcome = inWith(change)
    assert(outcome.kind === 'routed')
    assert.equal(outcome.route.paths.length, reason === undefined ? 2 : 1)
    assert.deepEqual(
      outcome.shortfall,
      reason && { asked: 2, found: 1, sites: [site(2)], links: [], planned: 2 },
    )
  }
})

test('without any path the outcome says which links are out of use, and why', () => {
  const topology = topologyOf(SQUARE, { 0: { suspect: true }, 2: undefined })
  assert.deepEqual(routeFor(topology, requestIn(topology)), {
    kind: 'no-route',
    shortfall: { asked: 2, found: 0, sites: [], links: [], planned: 2 },
    excluded: { unheard: 2, off: 0, stale: 0, suspect: 2, drained: 0 },
  })
})

test('a suspect link is passed only as the last resort, only if told, and it shows', () => {
  const policy = { ...POLICY, suspects: 'last-resort' } as const
  const cut = topologyOf(SQUARE, { 0: { suspect: true }, 2: { status: 'off' } })
  assert.equal(routeFor(cut, requestIn(cut)).kind, 'no-route')
  const last = routeFor(cut, requestIn(cut, { policy }))
  assert(last.kind === 'routed' && last.route.suspect)
  const whole = topologyOf(SQUARE, { 0: { suspect: true } })
  const sound = routeFor(whole, requestIn(whole, { policy }))
  assert(sound.kind === 'routed' && !sound.route.suspect)
  assert.deepEqual(linksOf(sound), [['l2', 'l3']])
  const healed = topologyOf(SQUARE, { 2: { status: 'off' } })
  const after = routeFor(healed, requestIn(healed, { policy, previous: last.route }))
  assert(after.kind === 'routed' && !after.route.suspect)
})

test('no path passes a site that does not relay or is to be avoided, but it may end there', () => {
  const ends = networkOf(
    4,
    [
      [0, 1],
      [1, 3],
      [0, 2],
      [2, 3],
    ],
    (node, at) => ({ ...node, relays: at === 1 }),
  )
  const topology = topologyOf(ends)
  assert.deepEqual(linksOf(routeFor(topology, requestIn(topology))), [['l0', 'l1']])
  const avoid = new Set([site(1), site(3)])
  const policy = { ...POLICY, avoid }
  const none = routeFor(topology, requestIn(topology, { policy }))
  assert(none.kind === 'no-route' && none.shortfall.planned === 0)
  const near = routeFor(topology, requestIn(topology, { policy, target: site(2), paths: 1 }))
  assert.deepEqual(linksOf(near), [['l2']])
})

test('an arc never gets cheaper when its link gets worse in any one respect', () => {
  const worse: readonly (readonly [keyof LinkState, (state: LinkState, by: number) => unknown])[] =
    [
      ['freeOctets', ({ freeOctets: [a, b] }, by) => [Math.max(0, a - by), b]],
      ['secretBitsPerSecond', ({ secretBitsPerSecond: rate }, by) => Math.max(0, rate - by)],
      ['consumptionBitsPerSecond', ({ consumptionBitsPerSecond: used }, by) => used + by],
      ['qberTrendPpmPerHour', ({ qberTrendPpmPerHour: trend }, by) => trend + by],
      ['suspect', () => true],
      ['status', () => 'passive'],
    ]
  const state = fc.record({
    freeOctets: fc.tuple(fc.nat(200_000), fc.nat(200_000)),
    secretBitsPerSecond: fc.nat(1e6),
    consumptionBitsPerSecond: fc.nat(1e6),
    qberTrendPpmPerHour: fc.integer({ min: -100_000, max: 100_000 }),
  })
  fc.assert(
    fc.property(state, fc.constantFrom(...worse), fc.nat(100_000), (drawn, [what, change], by) => {
      const before = topologyOf(SQUARE, { 0: drawn })
      const was = before.states[0]!
      const after = withLink(before, 0, { ...was, [what]: change(was, by) })
      const request = { ...requestIn(before), suspectsToo: true }
      assert(arcCosts(after, request)[0] >= arcCosts(before, request)[0])
    }),
  )
})

test('the terms of a cost are what the formula says', () => {
  const request = (topology: Topology): CostRequest => ({
    ...requestIn(topology),
    policy: { ...POLICY, scarceOctets: 1000, loadHops: 3, trendHopsPerPpm: 0.001 },
  })
  const topology = topologyOf(SQUARE, {
    0: {
      freeOctets: [600, 4100],
      consumptionBitsPerSecond: 5000,
      secretBitsPerSecond: 10_000,
      qberTrendPpmPerHour: 250,
    },
    1: { qberTrendPpmPerHour: -250, freeOctets: [1100, 1100] },
    2: { status: 'passive', freeOctets: [1100, 1100] },
  })
  const costs = arcCosts(topology, request(topology))
  assert.equal(costs[0], (1 + 1000 / 500 + 3 / 2 + 0.25) * HOP)
  assert.equal(costs[1], (1 + 1000 / 4000 + 3 / 2 + 0.25) * HOP)
  assert.equal(costs[2], (1 + 1) * HOP)
  assert.equal(costs[4], (1 + 1 + 64) * HOP)
})

test('a route stays until another is better by the hysteresis, and goes when it must', () => {
  const single = { paths: 1, policy: { ...POLICY, scarceOctets: 0, trendHopsPerPpm: 0.001 } }
  const calm = topologyOf(SQUARE, { 3: { qberTrendPpmPerHour: 100 } })
  const first = routeFor(calm, requestIn(calm, single))
  assert(first.kind === 'routed')
  assert.deepEqual(linksOf(first), [['l0', 'l1']])
  const previous = first.route
  const rising = (trend: number): RouteOutcome => {
    const topology = topologyOf(SQUARE, { 0: { qberTrendPpmPerHour: trend } })
    return routeFor(topology, requestIn(topology, { ...single, previous }))
  }
  // The other way costs 2 hops; a fifth more is 2.4.
  assert.deepEqual(linksOf(rising(400)), [['l0', 'l1']])
  assert.deepEqual(linksOf(rising(401)), [['l2', 'l3']])
  const more = { ...single, previous }
  const off = topologyOf(SQUARE, { 1: { status: 'off' } })
  assert.deepEqual(linksOf(routeFor(off, requestIn(off, more))), [['l2', 'l3']])
  const avoid = { ...single.policy, avoid: new Set([site(1)]) }
  const declared = routeFor(calm, requestIn(calm, { ...more, policy: avoid }))
  assert.deepEqual(linksOf(declared), [['l2', 'l3']])
})

test('requests under way never plan on more octets than an arc has above its floor', () => {
  const plans = fc.array(
    fc.record({
      octets: fc.integer({ min: 1, max: 400 }),
      priority: fc.constantFrom('emergency', 'clinical', 'background'),
      gone: fc.nat(5),
    }),
    { maxLength: 30 },
  )
  fc.assert(
    fc.property(plans, fc.nat(3000), (requests, free) => {
      const topology = topologyOf(SQUARE, { 0: { freeOctets: [free, free] } })
      let ledger = newLedger(topology)
      for (const [at, { octets, priority, gone }] of requests.entries()) {
        const found = routeFor(
          topology,
          requestIn(topology, { ledger, octets, priority, paths: 1 }),
        )
        if (found.kind === 'routed') {
          const arcs = found.route.paths.flatMap((path) => path.arcs)
          const plan = { id: String(at), arcs, octets, untilMs: 1000, priority, marks: MARKS }
          const outcome = reserve(topology, ledger, plan)
          assert(outcome.kind === 'reserved', 'a route that was just found can be reserved')
          ledger = outcome.ledger
          for (const arc of arcs) {
            const left = topology.states[arc >> 1]!.freeOctets[arc & 1] - ledger.promised[arc]
            assert(left >= floorOf(priority, MARKS))
          }
        }
        ledger = release(ledger, String(at - gone - 1))
      }
      assert.deepEqual(lapse(ledger, 1000), newLedger(topology))
    }),
  )
})

test('a promise is made on all arcs or on none, once for an id, and ends with its time', () => {
  const topology = topologyOf(SQUARE, { 1: { freeOctets: [200, 200] } })
  const ask = { id: 'x', untilMs: 500, priority: 'clinical', marks: MARKS } as const
  const empty = newLedger(topology)
  const both = reserve(topology, empty, { ...ask, arcs: [0, 2], octets: 100 })
  assert(both.kind === 'reserved')
  assert.deepEqual(reserve(topology, empty, { ...ask, arcs: [0, 2], octets: 101 }), {
    ...{ kind: 'refused', reason: 'capacity', arc: 2, usableOctets: 100 },
  })
  const again = reserve(topology, both.ledger, { ...ask, arcs: [4], octets: 1 })
  assert.deepEqual(again, { kind: 'refused', reason: 'id-taken' })
  const by = (ledger: Ledger) => ({ ledger, priority: 'emergency', marks: MARKS }) as const
  assert.equal(usableOctets(topology, 2, by(both.ledger)), 100)
  assert.equal(lapse(both.ledger, 499), both.ledger)
  assert.equal(usableOctets(topology, 2, by(lapse(both.ledger, 500))), 200)
  for (const wrong of [
    { arcs: [0, 0], octets: 1 },
    { arcs: [0], octets: 0 },
    { arcs: [0], octets: 0.5 },
  ]) {
    assert.throws(() => reserve(topology, empty, { ...ask, ...wrong }), {
      code: 'RELAY_REQUEST_INVALID',
    })
  }
})

test('emergencies keep what others may not touch', () => {
  const topology = topologyOf(SQUARE, { 0: { freeOctets: [130, 130] }, 2: { status: 'off' } })
  for (const [priority, kind] of [
    ['emergency', 'routed'],
    ['clinical', 'no-route'],
    ['background', 'no-route'],
  ] as const) {
    assert.equal(routeFor(topology, requestIn(topology, { priority })).kind, kind)
  }
})

test('levels are named by the mark that is reached, and pre-relay fills up to the target', () => {
  const levels = [99, 100, 999, 1000, 9999, 10_000, 100_000].map((octets) => levelOf(octets, MARKS))
  const rest = ['critical', 'low', 'low', 'target', 'full']
  assert.deepEqual(levels, ['spent', 'critical', ...rest])
  assert.equal(wantedBy(9000, MARKS), 1000)
  assert.equal(wantedBy(10_001, MARKS), 0)
  assert.throws(() => watermarks({ ...MARKS, low: 100 }), RelayRefusal)
  assert.throws(() => watermarks({ ...MARKS, critical: 0 }), RelayRefusal)
  assert.throws(() => watermarks({ ...MARKS, full: Number.NaN }), RelayRefusal)
  assert.deepEqual(watermarks(MARKS), MARKS)
})

test('the table of routes holds for each site what a single request finds', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (seed) => {
      const { network } = randomTerrain(seed)
      const random = new SeededRandom(seed)
      let topology = topologyOf(network)
      for (const at of network.links.keys()) {
        const freeOctets = [random.below(5000), random.below(5000)] as const
        topology = withLink(topology, at, { ...SOUND, freeOctets, suspect: random.chance(0.1) })
      }
      const request = { ...requestIn(topology), previous: undefined }
      const table = routesFrom(topology, request)
      const costs = arcCosts(topology, request)
      for (const [at, { site: target }] of network.nodes.entries()) {
        if (at === 0) {
          assert.equal(table[at], undefined)
          continue
        }
        const one = routeFor(topology, { ...request, target })
        const sum = (route = table[at]) =>
          route?.paths.flatMap(({ arcs }) => arcs).reduce((total, arc) => total + costs[arc], 0)
        assert.equal(table[at] !== undefined, one.kind === 'routed')
        if (one.kind === 'routed') assert.equal(sum(), sum(one.route))
      }
      const again = routesFrom(topology, { ...request, previous: table })
      for (const [at, route] of again.entries()) assert.equal(route, table[at])
    }),
    { numRuns: 200 },
  )
})

test('requests and plans that make no sense are refused', () => {
  const topology = topologyOf(SQUARE)
  const wrong = (more: Partial<RouteRequest>, code: string): void => {
    assert.throws(() => routeFor(topology, requestIn(topology, more)), { code })
  }
  wrong({ target: site(0) }, 'RELAY_REQUEST_INVALID')
  wrong({ target: site(9) }, 'RELAY_SITE_UNKNOWN')
  wrong({ paths: 0 }, 'RELAY_REQUEST_INVALID')
  wrong({ paths: 9 }, 'RELAY_REQUEST_INVALID')
  wrong({ octets: 0 }, 'RELAY_REQUEST_INVALID')
  assert.throws(() => routingPolicy({ ...POLICY, loadHops: -1 }), { code: 'RELAY_POLICY_INVALID' })
  assert.equal(routingPolicy(POLICY), POLICY)
  const { nodes, links } = SQUARE
  const code = 'RELAY_NETWORK_INVALID'
  assert.throws(() => openNetwork({ nodes: [...nodes, nodes[0]], links }), { code })
  assert.throws(() => openNetwork({ nodes, links: [...links, links[0]] }), { code })
  assert.throws(() => openNetwork({ nodes: nodes.slice(1), links }), { code })
  assert.throws(() => openNetwork({ nodes, links: [{ ...links[0], b: links[0].a }] }), { code })
})
