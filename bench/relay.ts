/**
 * Routing in a network of 1,000 sites and 3,000 links: what a site computes when a link changes.
 *
 * @module
 */

import { SeededRandom } from '#base'
import {
  newLedger,
  newTopology,
  openNetwork,
  reserve,
  routeFor,
  ROUTING_POLICY,
  routesFrom,
  withLink,
  type LinkState,
  type RouteTable,
  type Topology,
} from '#relay'
import { randomNetwork } from '#world'
import { cpuSeconds, type Benchmark } from './bench.ts'

/** Time of one recomputation of all routes of a site, and of one request with three paths. */
export function routing(): readonly Benchmark[] {
  const random = new SeededRandom(1)
  let topology = soundTopology(random)
  const { nodes } = topology.network
  let table: RouteTable | undefined
  return [
    {
      name: 'keys.routing',
      claim: `two disjoint paths to each of ${String(nodes.length - 1)} sites`,
      unit: 'ms',
      bar: 50,
      better: 'less',
      run: async () => {
        const seconds = await cpuSeconds(() => {
          for (let change = 0; change < CHANGES; change++) {
            topology = withLink(topology, random.below(LINKS), stateBy(random))
            table = routesFrom(topology, { ...asking(topology), previous: table })
          }
        })
        return (seconds / CHANGES) * 1000
      },
    },
    {
      name: 'keys.route',
      claim: 'three disjoint paths to one site, and their octets promised',
      unit: 'ms',
      bar: null,
      better: 'less',
      run: async () => {
        const targets = Array.from({ length: REQUESTS }, () => nodes[random.below(SITES / 2)])
        const seconds = await cpuSeconds(() => {
          for (const { site } of targets) planOne(topology, site)
        })
        return (seconds / REQUESTS) * 1000
      },
    },
  ]
}

const asking = (topology: Topology) =>
  ({
    source: topology.network.nodes[SITES / 2].site,
    octets: SHARE_OCTETS,
    priority: 'clinical',
    policy: ROUTING_POLICY,
    ledger: newLedger(topology),
    nowMs: 0,
  }) as const

function planOne(topology: Topology, target: Topology['network']['nodes'][number]['site']): void {
  const request = { ...asking(topology), target, paths: 3 }
  const found = routeFor(topology, request)
  if (found.kind !== 'routed') return
  reserve(topology, request.ledger, {
    id: 'one',
    arcs: found.route.paths.flatMap(({ arcs }) => arcs),
    octets: SHARE_OCTETS,
    untilMs: 1000,
    priority: request.priority,
    marks: ROUTING_POLICY.marks,
  })
}

function soundTopology(random: SeededRandom): Topology {
  const plan = randomNetwork({ nodes: SITES, links: LINKS, hospitals: 0.3, sideKm: 800, seed: 1 })
  let topology = newTopology(openNetwork(plan))
  for (let at = 0; at < LINKS; at++) topology = withLink(topology, at, stateBy(random))
  return topology
}

const stateBy = (random: SeededRandom): LinkState => ({
  status: random.chance(0.02) ? 'off' : 'active',
  freeOctets: [100_000 + random.below(1_000_000), 100_000 + random.below(1_000_000)],
  secretBitsPerSecond: 1000 + random.below(100_000),
  consumptionBitsPerSecond: random.below(50_000),
  qberPpm: 20_000,
  qberTrendPpmPerHour: random.below(2000) - 1000,
  suspect: random.chance(0.01),
  saidMs: 0,
})

const SITES = 1000
const LINKS = 3000
/** A share of 256 bits, and the key of its tag. */
const SHARE_OCTETS = 64
const CHANGES = 20
const REQUESTS = 50
