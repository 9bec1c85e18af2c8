/**
 * Networks in simulated time: a file, or a country drawn from a seed, becomes a scenario whose links
 * grow what the models of `network plan` expect of them.
 *
 * A whole country of full pools does not fit into one machine: all links alike give one part in so
 * many of what their devices would, so that a link of mean rate has `MEAN_BLOCK_BITS` a minute.
 *
 * @module
 */

import { linkId, siteId } from '#base'
import {
  linkNameOf,
  NetworkFileRefusal,
  type NetworkFile,
  type NetworkSimulationProgress,
  type NetworkSimulationView,
  type SimulatedCountry,
} from '#contract'
import { openNetwork } from '#relay'
import { randomScenario, simulateNetwork, type Scenario } from '#world'
import { newFibre } from './changes.ts'
import { linkRateOf } from './link-rate.ts'

export interface SimulateOptions {
  readonly seed: number
  readonly days: number
  /** Requests of applications; unless given, so many for each site and day. */
  readonly requests: number | undefined
  readonly told: (progress: NetworkSimulationProgress) => void
}

/** Simulates a network of a file, or a random one. @throws NetworkFileRefusal */
export async function simulateThis(
  what: NetworkFile | SimulatedCountry,
  { seed, days, requests, told }: SimulateOptions,
): Promise<NetworkSimulationView> {
  const { scenario, scale } = 'name' in what ? ofFile(what) : ofCountry(what, seed)
  const sites = scenario.network.nodes.length
  const outcome = await simulateNetwork({
    ...{ scenario, seed, told, minutes: Math.max(1, Math.round(days * MINUTES_OF_DAY)) },
    requests: requests ?? Math.round(REQUESTS_PER_SITE_DAY * sites * days),
  })
  return { ...outcome, rateScale: scale }
}

/** @param scale   what the links give of what their devices would */
interface Scaled {
  readonly scenario: Scenario
  readonly scale: number
}

function ofFile(file: NetworkFile): Scaled {
  const network = openNetwork({
    nodes: file.nodes.map(({ site, kind, relays = true }) => ({
      site: siteId(site),
      kind,
      relays,
    })),
    links: file.links.map((one) => ({
      link: linkId(linkNameOf(one)),
      ...{ a: siteId(one.a), b: siteId(one.b) },
    })),
  })
  const pairs = file.pairs.map((pair) => ({ ...pair, a: siteId(pair.a), b: siteId(pair.b) }))
  const perMinute = file.links.map((link) => 60 * linkRateOf(link).secretBitsPerSecond)
  return scaled({ name: file.name, network, pairs, blockBits: perMinute })
}

function ofCountry({ sites, links }: SimulatedCountry, seed: number): Scaled {
  const least = sites - 1
  const most = Math.min(LINKS_PER_SITE_MAX * sites, (sites * least) / 2)
  if (sites < 2 || sites > SITES_MAX || links < least || links > most) {
    throw new NetworkFileRefusal(
      'NETWORK_FILE_INVALID',
      `Expected 2 to ${String(SITES_MAX)} sites, and ${String(least)} to ${String(most)} links between ${String(sites)}`,
    )
  }
  const known = new Map<number, number>()
  const bitsOf = (crowKm: number): number => {
    const lengthKm = Math.max(STEP_KM, Math.round((crowKm * DETOUR) / STEP_KM) * STEP_KM)
    const bits =
      known.get(lengthKm) ?? 60 * linkRateOf(newFibre('a', 'b', lengthKm)).secretBitsPerSecond
    known.set(lengthKm, bits)
    return bits
  }
  return scaled(randomScenario({ nodes: sites, links, seed }, bitsOf))
}

function scaled(scenario: Scenario): Scaled {
  const mean = scenario.blockBits.reduce((sum, bits) => sum + bits, 0) / scenario.blockBits.length
  const scale = Math.min(1, MEAN_BLOCK_BITS / mean)
  const blockBits = scenario.blockBits.map((bits) => Math.round(bits * scale))
  return { scenario: { ...scenario, blockBits }, scale }
}

const MINUTES_OF_DAY = 1440
const REQUESTS_PER_SITE_DAY = 100
const MEAN_BLOCK_BITS = 32_768
const SITES_MAX = 1000
const LINKS_PER_SITE_MAX = 6
/** Fibre is longer than the straight line: what the published routes of the presets come to. */
const DETOUR = 1.6
const STEP_KM = 0.5
