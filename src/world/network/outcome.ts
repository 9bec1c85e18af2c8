/**
 * What a simulated network has come to: figures for people, and whether anything was wrong.
 *
 * @module
 */

import { linkId, siteId } from '#base'
import { exposureOf, smallestCoalition } from '#relay'
import type { Provenance } from '#keystore'
import type { NetworkSimulationView } from '#contract'
import type { Accounts } from './accounts.ts'
import type { Balance } from './closing.ts'
import type { Scenario } from './scenario.ts'

/** All but how the scenario was made. */
export type NetworkOutcome = Omit<NetworkSimulationView, 'rateScale'>

/** Puts the figures together. */
export function outcomeOf(
  run: {
    readonly scenario: Scenario
    readonly seed: number
    readonly minutes: number
  },
  found: {
    readonly accounts: Accounts
    readonly waitsMs: readonly number[]
    readonly sum: Balance
    readonly quietMinutes: number
  },
): NetworkOutcome {
  const { scenario, seed, minutes } = run
  const { accounts, waitsMs, sum, quietMinutes } = found
  const { network, pairs, name } = scenario
  const counts = { ...accounts.counts }
  const injected = Object.entries(counts).filter(([what]) => what.startsWith(INJECTED))
  const of = (what: string): number => counts[what] ?? 0
  return {
    ...{ network: name, sites: network.nodes.length, links: network.links.length },
    ...{ pairs: pairs.length, seed, minutes, quietMinutes },
    requests: {
      asked: of('requests'),
      servedAtOnce: of('requests served'),
      servedLater: of('requests waited'),
      refused: of('requests refused'),
      ...waits(waitsMs),
    },
    keys: {
      made: of('keys made'),
      fetched: of('keys fetched'),
      relayedOctets: accounts.relayed.reduce((total, { octets }) => total + octets, 0),
      relayedBlocks: accounts.relayed.length,
      sharesPassedOn: of('shares passed on'),
      pads: of('pads'),
      otherWays: of('other ways'),
    },
    blocks: {
      events: of('block events'),
      stored: of('blocks stored'),
      whileFull: of('blocks while full'),
      withoutLink: of('blocks without a link'),
      discardedForEve: of('blocks that showed Eve'),
    },
    octets: { ...sum },
    injected: Object.fromEntries(injected.map(([what, n]) => [what.slice(INJECTED.length), n])),
    exposure: exposureIn(accounts),
    checks: { ...accounts.checks },
    counts,
    faults: [...accounts.faults],
  }
}

/** Of what was relayed: on how many nodes it rests, and what single ones would have learnt. */
function exposureIn({ relayed }: Accounts): NetworkSimulationView['exposure'] {
  const byCoalition: Record<string, number> = {}
  const wrappedBy = new Map<string, number>()
  for (const { origin, octets } of relayed) {
    const part = partOf(origin)
    const needed = String(smallestCoalition(part)?.length ?? 0)
    byCoalition[needed] = (byCoalition[needed] ?? 0) + octets
    if (needed !== '1') continue
    for (const node of origin.shares?.[0].heldBy ?? []) {
      const adversary = { compromised: new Set([node]), breaksWrap: false }
      if (exposureOf({ parts: [part] }, adversary).exposure !== 'wrapped') continue
      wrappedBy.set(node, (wrappedBy.get(node) ?? 0) + octets)
    }
  }
  const worst = [...wrappedBy].toSorted((a, b) => b[1] - a[1]).slice(0, WORST_MAX)
  return {
    octetsByCoalition: byCoalition,
    worst: worst.map(([site, octets]) => ({ site, octets })),
  }
}

function partOf(origin: Accounts['relayed'][number]['origin']): Provenance['parts'][number] {
  const [from, to] = origin.seenBy.map(siteId)
  const place = { link: NO_LINK, epoch: 0, sequence: 0, offset: 0, octets: 1 }
  return { ...origin, ...place, from, to }
}

function waits(waitsMs: readonly number[]): { waitedMsMedian: number; waitedMsMax: number } {
  const late = waitsMs.filter((ms) => ms >= SOON_MS).toSorted((a, b) => a - b)
  return { waitedMsMedian: late[late.length >> 1] ?? 0, waitedMsMax: late.at(-1) ?? 0 }
}

/** Stands for where bits lie, which says nothing about who knows them. */
const NO_LINK = linkId('none')
const INJECTED = 'faults: '
const WORST_MAX = 5
const SOON_MS = 1000
