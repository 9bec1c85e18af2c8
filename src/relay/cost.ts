/**
 * What it costs to send a share over an arc, and which arcs may not be used at all.
 *
 * ```
 * cost = 1  +  A / (octets free above the floor)  +  B × consumption / rate  +  C × rise of QBER
 * ```
 *
 * in hops. The first term keeps paths short, for every hop spends keys and every trusted node in
 * clear is one more to trust; the second spares pools that run dry; the third, links that are used
 * up as fast as they grow; the fourth, links that go bad. Each of the last three is capped. Costs
 * are whole millionths of a hop, so that sums are exact and every site finds the same order.
 *
 * The rate of a link that grows nothing (`passive`) counts as zero: it may be used while its keys
 * last, at the highest price. Unlike the usual advice to drop it, which would strand keys.
 *
 * @see reference formula: Dijkstra with hop, free bits, consumption/eskr and QBER trend
 * @module
 */

import type { SiteId } from '#base'
import { RelayRefusal } from './refusal.ts'
import { usableOctets, type Ledger } from './ledger.ts'
import { linkOf, type Arc, type LinkState, type Topology } from './topology.ts'
import type { Priority, Watermarks } from './watermarks.ts'

export interface RoutingPolicy {
  readonly marks: Watermarks
  /** A: an arc with so many octets above the floor costs one hop more. */
  readonly scarceOctets: number
  /** B: hops that a link costs more if it is used as fast as it grows. */
  readonly loadHops: number
  /** C: hops for each millionth that the QBER rises in an hour; falling is not rewarded. */
  readonly trendHopsPerPpm: number
  /** Nothing older than this counts. */
  readonly staleMs: number
  /** Links under suspicion: never, or if there is no other way at all. */
  readonly suspects: 'never' | 'last-resort'
  /** Sites that no path may pass: declared compromised, or lying. They may still be its ends. */
  readonly avoid: ReadonlySet<SiteId>
  /** A route is kept until another is better by this share of its cost. */
  readonly hysteresis: number
}

/** Why an arc may not be used; the first that holds, in this order. */
export const EXCLUSIONS = ['unheard', 'off', 'stale', 'suspect', 'drained'] as const
export type Exclusion = (typeof EXCLUSIONS)[number]

/** What costs are computed for. */
export interface CostRequest {
  /** Octets that each arc must bear. */
  readonly octets: number
  readonly priority: Priority
  readonly policy: RoutingPolicy
  readonly ledger: Ledger
  /** Now, on the monotonic clock by which states were heard, milliseconds. */
  readonly nowMs: number
  /** Whether suspect links count as sound: the last resort. */
  readonly suspectsToo?: boolean
}

/** Costs by arc, millionths of a hop; Infinity for arcs that may not be used. */
export type ArcCosts = Float64Array

/** Checks a policy. @throws RelayRefusal `RELAY_POLICY_INVALID` */
export function routingPolicy(policy: RoutingPolicy): RoutingPolicy {
  const { scarceOctets, loadHops, trendHopsPerPpm, staleMs, hysteresis } = policy
  const numbers = { scarceOctets, loadHops, trendHopsPerPpm, staleMs, hysteresis }
  if (Object.values(numbers).every((value) => Number.isFinite(value) && value >= 0)) return policy
  throw new RelayRefusal('RELAY_POLICY_INVALID', 'Weights of a policy are finite and at least 0', {
    facts: numbers,
  })
}

/** Why a link may not be used for the request in one direction, or undefined if it may. */
export function exclusionOf(
  topology: Topology,
  arc: Arc,
  request: CostRequest,
): Exclusion | undefined {
  const state = topology.states[linkOf(arc)]
  if (state === undefined) return 'unheard'
  const { policy, octets, ledger, priority } = request
  const whole = wholeExclusion(state, request)
  if (whole !== undefined) return whole
  const usable = usableOctets(topology, arc, { ledger, priority, marks: policy.marks })
  return usable < octets ? 'drained' : undefined
}

/** Why a link may not be used in either direction. */
function wholeExclusion(
  state: LinkState,
  { policy, nowMs, suspectsToo }: CostRequest,
): Exclusion | undefined {
  if (state.status === 'off' || state.status === 'pending') return 'off'
  if (nowMs - state.saidMs > policy.staleMs) return 'stale'
  return state.suspect && suspectsToo !== true ? 'suspect' : undefined
}

/** Costs of all arcs for one request. */
export function arcCosts(topology: Topology, request: CostRequest): ArcCosts {
  const { policy, ledger, priority, octets } = request
  const by = { ledger, priority, marks: policy.marks }
  const costs = new Float64Array(topology.network.tails.length).fill(Infinity)
  for (let arc = 0; arc < costs.length; arc++) {
    const state = topology.states[linkOf(arc)]
    if (state === undefined || wholeExclusion(state, request) !== undefined) continue
    const usable = usableOctets(topology, arc, by)
    if (usable >= octets) costs[arc] = costOf(state, usable, policy)
  }
  return costs
}

/** How many arcs are excluded for which reason: what an operator asks when there is no route. */
export function exclusionsOf(
  topology: Topology,
  request: CostRequest,
): Readonly<Record<Exclusion, number>> {
  const counts = { unheard: 0, off: 0, stale: 0, suspect: 0, drained: 0 }
  for (let arc = 0; arc < topology.network.tails.length; arc++) {
    const reason = exclusionOf(topology, arc, request)
    if (reason !== undefined) counts[reason]++
  }
  return counts
}

/** Cost of a usable arc, whole millionths of a hop. */
function costOf(state: LinkState, usable: number, policy: RoutingPolicy): number {
  const { secretBitsPerSecond: rate, consumptionBitsPerSecond: consumption } = state
  const load = state.status === 'active' && rate > 0 ? consumption / rate : Infinity
  const rise = Math.max(0, state.qberTrendPpmPerHour)
  const hops =
    1 +
    capped(policy.scarceOctets / usable) +
    (policy.loadHops === 0 ? 0 : capped(policy.loadHops * load)) +
    capped(policy.trendHopsPerPpm * rise) +
    (state.suspect ? SUSPECT_HOPS : 0)
  return Math.round(hops * HOP)
}

const capped = (hops: number): number => Math.min(hops, TERM_HOPS_MAX)

/** A hop in the whole units of costs. */
export const HOP = 1_000_000
/** No single term outweighs a detour of so many hops. */
const TERM_HOPS_MAX = 64
/** What a suspect link costs where it is allowed: more than any detour over others. */
const SUSPECT_HOPS = 1_000_000

/** Weights for links of some kb/s to Mb/s and pools of megabits; none of them is from a standard. */
export const ROUTING_POLICY: RoutingPolicy = {
  marks: { critical: 8192, low: 32_768, target: 524_288, full: 4_194_304 },
  scarceOctets: 65_536,
  loadHops: 1,
  // One percentage point more in an hour is as bad as two hops.
  trendHopsPerPpm: 2 / 10_000,
  staleMs: 300_000,
  suspects: 'never',
  avoid: new Set(),
  hysteresis: 0.2,
}
