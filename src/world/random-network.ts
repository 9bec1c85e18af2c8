/**
 * Networks to try things on: sites strewn over a country, joined to their neighbours, from a seed.
 *
 * Sites stand on a shaken grid, so that none is empty land and none a heap. A shortest tree joins
 * them all; then the shortest pairs not yet joined are, until there are as many links as asked:
 * nearly planar, as fibre along roads and railways is. No real network has been copied.
 *
 * @module
 */

import { linkId, SeededRandom, siteId } from '#base'
import type { NetworkLink, NetworkNode } from '#relay'

export interface RandomNetworkOptions {
  readonly nodes: number
  /** At least one less than nodes, at most as many as there are pairs. */
  readonly links: number
  /** Share of sites that are hospitals; the others are trusted nodes. All of them relay. */
  readonly hospitals: number
  /** Kilometres along one side of the country. */
  readonly sideKm: number
  readonly seed: number
}

/** A site with its place, kilometres from a corner. */
export interface PlacedNode extends NetworkNode {
  readonly xKm: number
  readonly yKm: number
}

/** A link with its length as the crow flies. */
export interface MeasuredLink extends NetworkLink {
  readonly lengthKm: number
}

export interface RandomNetwork {
  readonly nodes: readonly PlacedNode[]
  readonly links: readonly MeasuredLink[]
}

/** A connected network of so many sites and links; the same seed makes the same one. */
export function randomNetwork(options: RandomNetworkOptions): RandomNetwork {
  const { links, seed } = options
  const pairsMax = (options.nodes * (options.nodes - 1)) / 2
  if (links < options.nodes - 1 || links > pairsMax) {
    throw new RangeError(`Expected ${options.nodes - 1} to ${pairsMax} links, got ${links}`)
  }
  const nodes = placed(options, new SeededRandom(seed))
  const pairs = pairsOf(nodes)
  const tree = treeOf(pairs, nodes.length)
  const inTree = new Set(tree)
  const more = pairs.filter((pair) => !inTree.has(pair)).slice(0, links - tree.length)
  return {
    nodes,
    links: [...tree, ...more].map(({ a, b, lengthKm }) => ({
      link: linkId(`${nodes[a].site}-${nodes[b].site}`),
      a: nodes[a].site,
      b: nodes[b].site,
      lengthKm,
    })),
  }
}

interface Pair {
  readonly a: number
  readonly b: number
  readonly lengthKm: number
}

function placed(
  { nodes, hospitals, sideKm }: RandomNetworkOptions,
  random: SeededRandom,
): PlacedNode[] {
  const columns = Math.ceil(Math.sqrt(nodes))
  const cellKm = sideKm / columns
  return Array.from({ length: nodes }, (_, at) => ({
    site: siteId(`n${String(at).padStart(4, '0')}`),
    kind: random.chance(hospitals) ? 'hospital' : 'trusted-node',
    relays: true,
    xKm: ((at % columns) + random.unit()) * cellKm,
    yKm: (Math.floor(at / columns) + random.unit()) * cellKm,
  }))
}

/** All pairs of sites, the nearest first. */
function pairsOf(nodes: readonly PlacedNode[]): Pair[] {
  const pairs: Pair[] = []
  for (const [b, to] of nodes.entries()) {
    for (const [a, from] of nodes.slice(0, b).entries()) {
      pairs.push({ a, b, lengthKm: Math.hypot(from.xKm - to.xKm, from.yKm - to.yKm) })
    }
  }
  return pairs.sort((one, other) => one.lengthKm - other.lengthKm)
}

/** The shortest pairs that join all sites without a circle (Kruskal 1956). */
function treeOf(pairs: readonly Pair[], nodes: number): Pair[] {
  const group = Array.from({ length: nodes }, (_, at) => at)
  const groupOf = (at: number): number => {
    let root = at
    while (group[root] !== root) root = group[root]
    group[at] = root
    return root
  }
  return pairs.filter(({ a, b }) => {
    const [one, other] = [groupOf(a), groupOf(b)]
    group[one] = other
    return one !== other
  })
}
