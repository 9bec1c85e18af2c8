/**
 * The key that a link of a network file gives on average, by the models of `link explain`.
 *
 * Devices are those of the preset; length, loss and stray light those of the file. Data channels add
 * the stray light that the coexistence model computes for a narrow filter and short gates.
 *
 * @module
 */

import type { NetworkFileLink } from '#contract'
import {
  coexistence,
  dataChannels,
  expectLink,
  isPairLink,
  namedLink,
  narrowWindow,
  overPath,
  type SimulatedLink,
  type SurveyedPath,
} from '#optics'
import { expectedBlock, type ExpectedBlock } from '#qkd'
import { EPSILONS, RESERVE_OCTETS } from '../block-defaults.ts'
import { expectedPairBlock } from '../explain-pairs.ts'

export interface LinkRate {
  readonly path: SurveyedPath & { readonly backgroundProbability: number }
  readonly qber: number
  readonly siftedBitsPerSecond: number
  /** What is left for applications and relays when each block has set its reserve aside. */
  readonly secretBitsPerSecond: number
}

/** Where the light of a link goes, stray light included. @throws OpticsRefusal */
export function pathOfFileLink(link: NetworkFileLink): LinkRate['path'] {
  const { lengthKm, lossDb, data } = link
  const own = link.backgroundProbability?.value ?? presetBackground(namedLink(link.preset).link)
  const stray = data === undefined ? 0 : strayLight(link, data)
  return {
    lengthKm: lengthKm.value,
    lossDb: lossDb.value,
    backgroundProbability: own + stray,
  }
}

/** @param clockHz  pulses a second, where a machine simulates fewer than the devices send */
export function linkRateOf(
  link: NetworkFileLink,
  { blockBits, clockHz }: { readonly blockBits?: number; readonly clockHz?: number } = {},
): LinkRate {
  const preset = namedLink(link.preset, clockHz)
  const path = pathOfFileLink(link)
  const light = overPath(preset.link, path)
  const block = blockOf(light, blockBits ?? preset.blockBits ?? BLOCK_BITS)
  const secret = Math.max(0, block.keyLength.secretBits - 8 * RESERVE_OCTETS)
  return {
    path,
    qber: block.keyErrorRate,
    siftedBitsPerSecond: block.siftedBitsPerSecond,
    secretBitsPerSecond: secret / block.seconds,
  }
}

function blockOf(link: SimulatedLink, blockBits: number): ExpectedBlock {
  const common = { blockBits, efficiency: EFFICIENCY, epsilons: EPSILONS }
  if (isPairLink(link)) return expectedPairBlock(link, common)
  const { settings } = link
  const bound = settings.source === 'three-states' ? 'three-state' : 'wiesemann-2024'
  return expectedBlock({ settings, pulses: expectLink(link).pulses, bound, ...common })
}

const presetBackground = (link: SimulatedLink): number =>
  (isPairLink(link) ? link.receiver.channel : link.channel).backgroundProbability

/** Data both ways, each channel launched so that it arrives with the power it is to arrive with. */
function strayLight(
  { lengthKm, lossDb }: NetworkFileLink,
  { channelsEachWay, receivedDbm }: NonNullable<NetworkFileLink['data']>,
): number {
  const channels = (['co', 'counter'] as const).flatMap((direction) =>
    dataChannels(channelsEachWay.value, receivedDbm.value + lossDb.value, direction),
  )
  return coexistence(narrowWindow, { lengthKm: lengthKm.value }, channels).backgroundProbability
}

/** Sifted bits of a block where neither file nor preset says: as `site join` has it. */
const BLOCK_BITS = 4_000_000
/** f, assumed as in `link explain`. */
const EFFICIENCY = 1.06
