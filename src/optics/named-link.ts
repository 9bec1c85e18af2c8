/**
 * Any link that can be named, whatever its source: what a site and a simulated fibre need of it.
 *
 * @module
 */

import { channelLossDb, type FibreChannel } from './channel.ts'
import { checkedLink, type OpticalLink } from './link.ts'
import { PAIR_PRESETS, pairLinkOf } from './pair-preset.ts'
import { checkedPairLink, type PairLink } from './pairs.ts'
import { figuresIn, linkOf, presetNamed, presetNames } from './preset.ts'
import { OpticsRefusal } from './refusal.ts'

/** A link that can be simulated. */
export type SimulatedLink = OpticalLink | PairLink

/** A preset, made to run. */
export interface NamedLink {
  readonly name: string
  readonly title: string
  readonly link: SimulatedLink
  /** Slots of each batch that suit the link's clock. */
  readonly batchSlots: number
  /** Sifted bits of a block that suit the link's rate; left out where any will do. */
  readonly blockBits?: number
}

/** Whether both ends detect halves of pairs. */
export const isPairLink = (link: SimulatedLink): link is PairLink => 'slotShare' in link

/** The names of all links. */
export const linkNames = (): readonly string[] => [
  ...presetNames(),
  ...PAIR_PRESETS.map(({ name }) => name),
]

/**
 * The link of this name.
 *
 * @param clockHz  another clock, for machines that cannot keep up; probabilities per slot stay
 * @throws OpticsRefusal OPTICS_PRESET_UNKNOWN, OPTICS_LINK_INVALID
 */
export function namedLink(name: string, clockHz?: number): NamedLink {
  const pairs = PAIR_PRESETS.find((preset) => preset.name === name)
  if (pairs !== undefined) {
    const { title, batchSlots, blockBits } = pairs
    return { name, title, link: pairLinkOf(pairs, clockHz), batchSlots, blockBits }
  }
  if (!presetNames().includes(name)) {
    throw new OpticsRefusal(
      'OPTICS_PRESET_UNKNOWN',
      `Expected the name of a link preset: ${linkNames().join(', ')}`,
    )
  }
  const preset = presetNamed(name)
  const { title, batchSlots, blockBits } = preset
  const size = blockBits === undefined ? {} : { blockBits }
  return { name, title, link: linkOf(preset, clockHz), batchSlots, ...size }
}

/**
 * Every figure that the link of this name is made with, and where it is from.
 *
 * @throws OpticsRefusal OPTICS_PRESET_UNKNOWN
 */
export const figuresNamed = (name: string): ReturnType<typeof figuresIn> =>
  figuresIn(PAIR_PRESETS.find((preset) => preset.name === name) ?? presetNamed(name))

/** Length and loss of all fibre between both ends. */
export function pathOf(link: SimulatedLink): {
  readonly lengthKm: number
  readonly lossDb: number
} {
  const channels = isPairLink(link)
    ? [link.transmitter.channel, link.receiver.channel]
    : [link.channel]
  return {
    lengthKm: channels.reduce((sum, { lengthKm }) => sum + lengthKm, 0),
    lossDb: channels.reduce((sum, channel) => sum + channelLossDb(channel), 0),
  }
}

/** Another path for the light of a preset, as a survey would tell it. */
export interface SurveyedPath {
  readonly lengthKm: number
  /** All of it: glass, splices, connectors; of air, what the telescope does not collect. */
  readonly lossDb: number
  /** Stray light of one detector in one gate; left out, that of the preset. */
  readonly backgroundProbability?: number
}

/**
 * The devices of a link over another path. Of a source of pairs, both arms change in proportion.
 *
 * @throws OpticsRefusal OPTICS_LINK_INVALID
 */
export function overPath(link: SimulatedLink, path: SurveyedPath): SimulatedLink {
  const { lengthKm, lossDb, backgroundProbability } = path
  const shared = (channel: FibreChannel, share: number): FibreChannel => ({
    lengthKm: lengthKm * share,
    attenuationDbPerKm: 0,
    insertionLossDb: lossDb * share,
    backgroundProbability: backgroundProbability ?? channel.backgroundProbability,
  })
  if (!isPairLink(link)) return checkedLink({ ...link, channel: shared(link.channel, 1) })
  const whole = pathOf(link).lossDb
  const arm = (end: 'transmitter' | 'receiver') => {
    const { channel } = link[end]
    const share = whole > 0 ? channelLossDb(channel) / whole : 0.5
    return { ...link[end], channel: shared(channel, share) }
  }
  return checkedPairLink({ ...link, transmitter: arm('transmitter'), receiver: arm('receiver') })
}
