/**
 * Finds the ways on which shares go, and says when there are fewer than there should be.
 *
 * No way leads over a node that the operator has declared compromised, nor over a link under
 * suspicion, unless `lastPath` says that the last one may be used: then only for want of any other,
 * and with an alarm. A hop over which a share has just failed is gone round for a while.
 *
 * @see docs/internals/network.md
 * @module
 */

import type { Clock, SiteId } from '#base'
import {
  newLedger,
  padOctetsFor,
  preferredWays,
  routeFor,
  ROUTING_POLICY,
  withLink,
  type Network,
  type RelayPair,
  type Route,
  type RouteOutcome,
  type RouteRequest,
  type Topology,
} from '#relay'
import type { Alarms } from './alarms.ts'
import type { LastPath } from './config.ts'
import type { Declarations } from './declarations.ts'
import type { Steering } from './etsi-015/steering.ts'

export interface WayFinderInput {
  readonly site: SiteId
  readonly network: Network
  readonly clock: Clock
  readonly declarations: Pick<Declarations, 'avoided'>
  readonly lastPath: LastPath
  /** What controllers want of the ways to a site. */
  readonly preferenceFor: Steering['preferenceFor']
  /** Changes an alarm; logs what the store refuses. */
  readonly alarm: (change: (alarms: Alarms) => Promise<unknown>) => void
}

export class WayFinder {
  readonly #input: WayFinderInput
  readonly #routes = new Map<SiteId, Route>()
  /** By `from to`: until when a hop is gone round. */
  readonly #failed = new Map<string, number>()
  /** By peer: since when there are fewer ways than there should be. */
  readonly #shortSince = new Map<SiteId, number>()

  constructor(input: WayFinderInput) {
    this.#input = input
  }

  /**
   * Ways to a site on which so many octets can go, without a common site. As many as were asked
   * for, or as the plan has; for a while none rather than fewer, then fewer, with an alarm.
   */
  ways(topology: Topology, pair: RelayPair, octets: number): readonly (readonly SiteId[])[] {
    const { site, clock, network } = this.#input
    const { peer, shares, sharesLeast } = pair
    if (!network.nodeAt.has(site) || !network.nodeAt.has(peer)) return []
    const { isOn, vias } = this.#input.preferenceFor(peer)
    if (!isOn) return []
    const nowMs = clock.monotonicMs()
    const sound = this.#sound(topology, nowMs)
    const { request, outcome } = this.#search(sound, pair, { octets, nowMs })
    const found = outcome.kind === 'routed' ? outcome.route.paths : []
    const wanted = Math.max(sharesLeast, Math.min(shares, outcome.shortfall?.planned ?? shares))
    const isShort = this.#isShort(peer, { found: found.length, wanted, nowMs })
    if (outcome.kind === 'no-route' || found.length < sharesLeast || isShort) return []
    this.#routes.set(peer, outcome.route)
    const preferred = preferredWays(sound, request, { vias, least: found.length })
    const ways = preferred ?? found.map(({ sites }) => sites)
    this.#noteLastPath(peer, topology, ways)
    return ways
  }

  /** A share did not get over a hop. */
  hopFailed(from: SiteId, to: SiteId): void {
    this.#failed.set(`${from} ${to}`, this.#input.clock.monotonicMs() + DETOUR_MS)
  }

  /** By sound links and nodes; if none lead there, by those that the policy leaves. */
  #search(
    topology: Topology,
    { peer, shares }: RelayPair,
    { octets, nowMs }: { readonly octets: number; readonly nowMs: number },
  ): { readonly request: RouteRequest; readonly outcome: RouteOutcome } {
    const { site, declarations, lastPath } = this.#input
    const by = (avoid: ReadonlySet<SiteId>, suspects: 'never' | 'last-resort') => {
      const request: RouteRequest = {
        ...{ source: site, target: peer, paths: shares, octets: padOctetsFor(octets), nowMs },
        ...{ priority: 'background', ledger: newLedger(topology) },
        policy: { ...ROUTING_POLICY, avoid, suspects },
        previous: this.#routes.get(peer),
      }
      return { request, outcome: routeFor(topology, request) }
    }
    const found = by(declarations.avoided('all'), 'never')
    if (found.outcome.kind === 'routed' || lastPath === 'wait') return found
    return by(declarations.avoided('cut'), 'last-resort')
  }

  /** Says whether the ways to a site are such as only its being the last excuses. */
  #noteLastPath(
    peer: SiteId,
    { network, states }: Topology,
    ways: readonly (readonly SiteId[])[],
  ): void {
    const { declarations, alarm } = this.#input
    const declared = declarations.avoided('all')
    const isAllSound = declared.size === 0 && states.every((state) => state?.suspect !== true)
    const isDoubtful =
      !isAllSound &&
      ways.some((way) =>
        way.some((node, at) => {
          if (at > 0 && at < way.length - 1 && declared.has(node)) return true
          const joins = network.links.findIndex(({ a, b }) => isHop(way[at - 1], node, { a, b }))
          return at > 0 && states[joins]?.suspect === true
        }),
      )
    const message = `The only way to ${peer} is suspect or leads over a compromised node, and is used for want of another (lastPath)`
    const cause = { kind: LAST_PATH, severity: 'critical', subject: peer, message } as const
    alarm((alarms) => (isDoubtful ? alarms.raise(cause) : alarms.clear(LAST_PATH, peer)))
  }

  /** Whether there are fewer ways than there should be, and it is worth waiting for more. */
  #isShort(
    peer: SiteId,
    { found, wanted, nowMs }: { readonly found: number; readonly wanted: number; nowMs: number },
  ): boolean {
    const { alarm } = this.#input
    const since = this.#shortSince.get(peer)
    if (found >= wanted || found === 0) {
      if (since !== undefined) alarm((alarms) => alarms.clear(FEWER_WAYS, peer))
      this.#shortSince.delete(peer)
      return found === 0
    }
    if (since === undefined) this.#shortSince.set(peer, nowMs)
    if (nowMs - (since ?? nowMs) < PATIENCE_MS) return true
    const message = `Of ${wanted} ways without a common site to ${peer} there are ${found} now`
    const cause = { kind: FEWER_WAYS, severity: 'warning', subject: peer, message } as const
    alarm((alarms) => alarms.raise(cause))
    return false
  }

  /** The topology without the hops that have just failed. */
  #sound(topology: Topology, nowMs: number): Topology {
    const { network } = this.#input
    let sound = topology
    for (const [hop, untilMs] of this.#failed) {
      if (untilMs < nowMs) {
        this.#failed.delete(hop)
        continue
      }
      const [from, to] = hop.split(' ')
      for (const [at, ends] of network.links.entries()) {
        const state = sound.states[at]
        if (state !== undefined && isHop(from, to, ends))
          sound = withLink(sound, at, { ...state, status: 'off' })
      }
    }
    return sound
  }
}

const isHop = (
  from: string | undefined,
  to: string | undefined,
  { a, b }: { readonly a: SiteId; readonly b: SiteId },
): boolean => (a === from && b === to) || (a === to && b === from)

/** How long a hop that failed is gone round. */
const DETOUR_MS = 10_000
const FEWER_WAYS = 'relay.fewer-ways'
const LAST_PATH = 'network.last-path'
/** How long a pair waits for all its ways before it goes on fewer. */
const PATIENCE_MS = 60_000
