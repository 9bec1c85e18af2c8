/**
 * How fast each link of a network runs where one machine simulates all of them.
 *
 * What a simulated link costs is what is detected on it, at both ends, and not what is sent. So all
 * links are slowed to the same number of sifted bits a second, their own clock being the most: a
 * block takes the same time everywhere, and a network with many links runs slower, not hotter.
 *
 * @module
 */

import { linkNameOf, type LinkPace, type NetworkFile } from '#contract'
import { namedLink } from '#optics'
import { linkRateOf } from './link-rate.ts'

/**
 * Clocks of all links.
 *
 * @param most.siftedBitsPerSecond   of all links together
 * @param most.clockHz               of each link, if the operator wants a limit of his own instead
 */
export const paceNetwork = (
  { links }: NetworkFile,
  most: {
    readonly blockBits: number
    readonly siftedBitsPerSecond: number
    readonly clockHz?: number | undefined
  },
): readonly LinkPace[] =>
  links.map((link) => {
    const { clockHz: fullHz } = namedLink(link.preset).link.settings
    const { blockBits } = most
    const full = linkRateOf(link, { blockBits })
    const share = most.siftedBitsPerSecond / links.length / full.siftedBitsPerSecond
    const clockHz = Math.min(fullHz, most.clockHz ?? Math.max(1, Math.round(fullHz * share)))
    const rate = linkRateOf(link, { blockBits, clockHz })
    return {
      ...{ link: linkNameOf(link), a: link.a, b: link.b, preset: link.preset },
      ...{ path: rate.path, clockHz, fullHz },
      secondsPerBlock: blockBits / rate.siftedBitsPerSecond,
      secretBitsPerSecond: rate.secretBitsPerSecond,
    }
  })
