/**
 * What the acts of the demo share: the players, the stage, and what has been seen so far.
 *
 * @module
 */

import type { FibrePath, LinkView, PoolView } from '#contract'
import { bar, percent, scaled, style } from '../output.ts'
import { stateWord } from '../views.ts'
import type { DemoOptions, Powers } from '../commands/setup.ts'
import type { Stage } from './stage.ts'
import type { FibrePlayer, SitePlayer, Troupe } from './troupe.ts'

/** A site, with what it is founded with. */
export interface PlayedSite extends SitePlayer {
  readonly kind: 'hospital' | 'trusted-node'
  readonly peerPort: number
}

/** A fibre, with what it is laid with. */
export interface PlayedFibre extends FibrePlayer {
  readonly a: string
  readonly b: string
  readonly clockHz: number | undefined
  readonly path: FibrePath | undefined
  readonly port: number
}

export interface Play {
  readonly options: DemoOptions
  readonly powers: Powers
  readonly stage: Stage
  readonly troupe: Troupe
  readonly folder: string
  readonly authority: string
  readonly bristol: PlayedSite
  readonly london: PlayedSite
  readonly cambridge: PlayedSite
  readonly ipswich: PlayedSite
  /** A building across the road from Cambridge. */
  readonly campus: PlayedSite
  /** Joins Bristol and Cambridge. */
  readonly fibre: PlayedFibre
  /** The others, which run in one process. */
  readonly chain: readonly PlayedFibre[]
  /** What was imported of each patient. */
  readonly charts: Map<string, Uint8Array>
  /** Filled by the acts, for the summary. */
  readonly seen: {
    secretBits: number
    qberHonest: number
    qberAttacked: number
    secondsToAlarm: number
    resources: number
    patients: readonly string[]
    strings: number
    transfers: number
    relayed: number
    exposed: number
    entries: number
    faultsPlanted: number
    faultsFound: number
    group: string
    clock: string
  }
}

export const sitesOf = (play: Play): readonly PlayedSite[] => [
  play.bristol,
  play.london,
  play.cambridge,
  play.ipswich,
  play.campus,
]

/** The link between Bristol and Cambridge, as Bristol has it. */
export async function linkOf({ bristol, fibre }: Play): Promise<LinkView> {
  const links = await bristol.admin.call('links', {}, null)
  const found = links.find(({ link }) => link === `${fibre.a}-${fibre.b}`)
  if (found === undefined) throw new Error('The site does not know its link')
  return found
}

/** Keys of a site with another. */
export async function poolOf(
  { admin }: SitePlayer,
  peer: SitePlayer,
): Promise<Pick<PoolView, 'availableKeys' | 'serving'>> {
  const pools = await admin.call('pools', {}, null)
  const none = { availableKeys: 0, serving: false }
  return pools.find((one) => one.peer === peer.name) ?? none
}

/** One look at the link between Bristol and Cambridge, shown to the audience. */
export async function showLink(play: Play): Promise<LinkView> {
  const { stage, bristol, cambridge, fibre } = play
  const link = await linkOf(play)
  const { availableKeys } = await poolOf(bristol, cambridge)
  const { pulsesPerSecond, clockHz } = await fibre.admin.call('fibre', {}, null)
  stage.live(linkLines(link, availableKeys, pulsesPerSecond / clockHz))
  return link
}

/** Live lines of a link: error rate, rates, pool. */
function linkLines(link: LinkView, keys: number, clockShare: number): readonly string[] {
  const { qber, siftedBitsPerSecond, secretBitsPerSecond, blocksDistilled } = link
  const lost = Object.values(link.blocksDiscarded).reduce((sum, count) => sum + count, 0)
  const error = qber ?? 0
  const paint = error > 0.08 ? style.red : style.green
  const state = stateWord(link.state)
  const speed = `${(clockShare * 100).toFixed(0)} % of real time`
  return [
    `QBER   ${paint(bar(error / 0.25, 20))} ${percent(qber)}`,
    `sifted ${scaled(siftedBitsPerSecond, 'b/s').padEnd(11)} secret ${scaled(secretBitsPerSecond, 'b/s').padEnd(11)} ${state}`,
    `blocks ${String(blocksDistilled)} distilled, ${String(lost)} discarded   pool ${String(keys)} keys   optics at ${speed}`,
  ]
}
