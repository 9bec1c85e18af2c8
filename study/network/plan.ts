/**
 * `photonward network plan`: rates of links and pairs, bottlenecks, what more would bring, and what
 * single sites would learn.
 *
 * @module
 */

import type { PlanOptions } from '#cli'
import { linkNameOf, type NetworkFile, type NetworkPlanView, type PlannedPair } from '#contract'
import { without, withFibre } from './changes.ts'
import { coalitionOf, exposures } from './exposure.ts'
import { extensionsOf } from './extensions.ts'
import { ratedNetwork, type RateCache, type RatedNetwork, type RatedPair } from './rated-network.ts'

/**
 * Plans a network, with what is to be added or left out.
 *
 * @throws NetworkFileRefusal, OpticsRefusal for a preset or figures that make no link
 */
export function planNetwork(
  given: NetworkFile,
  options: Pick<PlanOptions, 'without' | 'add'> = { without: [], add: [] },
): NetworkPlanView {
  let file = options.add.reduce(withFibre, given)
  const pairsLost: string[] = []
  for (const gone of options.without) {
    const changed = without(file, gone)
    file = changed.file
    pairsLost.push(...changed.pairsLost)
  }
  const cache: RateCache = new Map()
  const rated = ratedNetwork(file, cache)
  return {
    ...{ name: file.name, title: file.title, remarks: file.remarks, pairsLost },
    nodes: nodesOf(file, rated),
    links: linksOf(rated),
    pairs: rated.pairs.map((pair) => pairOf(file, pair)),
    exposure: exposures(
      file.nodes.map(({ site }) => site),
      rated.pairs,
    ),
    extensions: extensionsOf(file, rated, cache),
  }
}

const nodesOf = ({ nodes }: NetworkFile, { pairs }: RatedNetwork): NetworkPlanView['nodes'] =>
  nodes.map(({ site, title, kind, place }) => ({
    ...{ site, title, kind, latitude: place.latitude, longitude: place.longitude },
    keysPerHour: keysPerHour(
      pairs
        .filter(({ pair }) => pair.a === site || pair.b === site)
        .reduce((sum, { rate }) => sum + rate, 0),
    ),
  }))

const linksOf = ({ links }: RatedNetwork): NetworkPlanView['links'] =>
  links.map(({ link, rate, usedBitsPerSecond }) => ({
    ...{ link: linkNameOf(link), a: link.a, b: link.b, medium: link.medium, preset: link.preset },
    ...{ ...rate.path, qber: rate.qber, usedBitsPerSecond },
    secretBitsPerSecond: rate.secretBitsPerSecond,
    publishedBitsPerSecond: link.publishedSecretBitsPerSecond?.value ?? null,
  }))

function pairOf({ links }: NetworkFile, rated: RatedPair): PlannedPair {
  const { pair, ways, rate, bottleneck, cut, shares } = rated
  return {
    ...{ a: pair.a, b: pair.b, shares, ways, cut },
    secretBitsPerSecond: rate,
    keysPerHour: keysPerHour(rate),
    bottleneck: bottleneck === undefined ? null : linkNameOf(links[bottleneck]),
    coalition: coalitionOf(rated),
  }
}

const keysPerHour = (bitsPerSecond: number): number =>
  Math.floor((bitsPerSecond * 3600) / AES_KEY_BITS)

const AES_KEY_BITS = 256
