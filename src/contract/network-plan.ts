/**
 * What a plan of a network says: rates of links and pairs, bottlenecks, and what sites could learn.
 *
 * @module
 */

import type { FibrePath } from './setup.ts'

/** How a link is run where one machine simulates a whole network. */
export interface LinkPace {
  readonly link: string
  readonly a: string
  readonly b: string
  readonly preset: string
  readonly path: FibrePath
  /** Pulses a second, and how many its devices would send. */
  readonly clockHz: number
  readonly fullHz: number
  readonly secondsPerBlock: number
  readonly secretBitsPerSecond: number
}

export interface PlannedLink {
  readonly link: string
  readonly a: string
  readonly b: string
  readonly medium: 'fibre' | 'air'
  readonly preset: string
  readonly lengthKm: number
  readonly lossDb: number
  /** Stray light of one detector in one gate, data channels included. */
  readonly backgroundProbability: number
  readonly qber: number
  /** Secret bits a second that both ends may give out, both directions together. */
  readonly secretBitsPerSecond: number
  /** What the pairs take of it. */
  readonly usedBitsPerSecond: number
  /** Published for the link; null where nothing was. */
  readonly publishedBitsPerSecond: number | null
}

export interface PlannedPair {
  readonly a: string
  readonly b: string
  /** Ways asked for; one where a link joins the two. */
  readonly shares: number
  readonly ways: readonly (readonly string[])[]
  /** Sites that all ways found must pass, where there are fewer ways than asked for. */
  readonly cut: readonly string[]
  readonly secretBitsPerSecond: number
  readonly keysPerHour: number
  /** The link that keeps the rate from being higher; null without a way. */
  readonly bottleneck: string | null
  /** Fewest sites that together hold every share: only the wrap is left then; null without relays. */
  readonly coalition: number | null
}

export interface PlannedNode {
  readonly site: string
  readonly title: string
  readonly kind: 'hospital' | 'trusted-node'
  readonly latitude: number
  readonly longitude: number
  /** AES-256 keys an hour in all pairs of the site. */
  readonly keysPerHour: number
}

/** What the operator of one site, if compromised, would learn of the keys of pairs. */
export interface PlannedExposure {
  readonly site: string
  /** Pairs of which it is an end. */
  readonly own: number
  /** Pairs whose shares it all holds: their keys lie open but for the end-to-end wrap. */
  readonly wrapped: readonly string[]
  /** Pairs of which it holds a share that says nothing by itself. */
  readonly shares: readonly string[]
  readonly nothing: number
}

/** A fibre or a node more, and what it would bring. */
export interface Extension {
  readonly kind: 'fibre' | 'node'
  /** As `--add` takes it. */
  readonly what: string
  readonly lengthKm: number
  readonly lossDb: number
  readonly waysGained: number
  readonly least: { readonly before: number; readonly after: number }
  readonly total: { readonly before: number; readonly after: number }
}

export interface NetworkPlanView {
  readonly name: string
  readonly title: string
  readonly remarks: readonly string[]
  readonly nodes: readonly PlannedNode[]
  readonly links: readonly PlannedLink[]
  readonly pairs: readonly PlannedPair[]
  /** Pairs that lost an end by `--without`. */
  readonly pairsLost: readonly string[]
  readonly exposure: readonly PlannedExposure[]
  readonly extensions: readonly Extension[]
}
