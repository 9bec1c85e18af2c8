/**
 * What the acts of the demo share: the players, the stage, and what has been seen so far.
 *
 * @module
 */

import type { LinkView } from '#contract'
import { bar, percent, scaled, style } from '../output.ts'
import { stateWord } from '../views.ts'
import type { DemoOptions, Powers } from '../commands/setup.ts'
import type { Stage } from './stage.ts'
import type { FibrePlayer, SitePlayer, Troupe } from './troupe.ts'

export interface Play {
  readonly options: DemoOptions
  readonly powers: Powers
  readonly stage: Stage
  readonly troupe: Troupe
  readonly folder: string
  readonly authority: string
  readonly bristol: SitePlayer
  readonly cambridge: SitePlayer
  readonly fibre: FibrePlayer
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
    entries: number
    faultsPlanted: number
    faultsFound: number
    group: string
    clock: string
  }
}

/** The one link of a site of the demo. */
export async function linkOf(site: SitePlayer): Promise<LinkView> {
  const [link] = await site.admin.call('links', {}, null)
  return link
}

/** Live lines of a link: error rate, rates, pool. */
export function linkLines(link: LinkView, keys: number, clockShare: number): readonly string[] {
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
