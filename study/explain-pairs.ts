/**
 * The average block of a link of entangled pairs: the parts that its explanation has of its own.
 *
 * @module
 */

import {
  channelLossDb,
  checkedPairLink,
  CHSH_SETTINGS,
  expectPairs,
  pathOf,
  type ChshExpectation,
  type PairLink,
} from '#optics'
import { expectedBlock, type Epsilons, type ExpectedBlock } from '#qkd'
import { section, type Section } from './explain-section.ts'

/** The link with its fibres made longer or shorter in one proportion. @throws OpticsRefusal */
export function stretched(link: PairLink, lengthKm: number | undefined): PairLink {
  if (lengthKm === undefined) return link
  const factor = lengthKm / pathOf(link).lengthKm
  const arm = (end: 'transmitter' | 'receiver') => {
    const { channel } = link[end]
    return { ...link[end], channel: { ...channel, lengthKm: channel.lengthKm * factor } }
  }
  return checkedPairLink({ ...link, transmitter: arm('transmitter'), receiver: arm('receiver') })
}

/** The block that a link of pairs gives on average. @throws QkdRefusal */
export function expectedPairBlock(
  link: PairLink,
  block: {
    readonly blockBits: number
    readonly efficiency: number
    readonly epsilons: Epsilons
  },
): ExpectedBlock {
  const { settings } = link
  const expected = expectPairs(link)
  const { transmitter, receiver } = settings.keyBasisProbability
  // Per window in which both ends would choose this basis: the choice is put back by the block.
  const of = (basis: 'Z' | 'X', chosen: number) => ({
    gain: expected[basis].gain / chosen,
    error: expected[basis].error / chosen,
  })
  const pulses = [
    { Z: of('Z', transmitter * receiver), X: of('X', (1 - transmitter) * (1 - receiver)) },
  ]
  return expectedBlock({ settings, pulses, bound: 'tomamichel-2012', ...block })
}

/** What the light does on its way, and what both ends make of it. */
export function pairSections(link: PairLink): readonly Section[] {
  const { settings, slotShare } = link
  const expected = expectPairs(link)
  const pairs = settings.intensities[0].meanPhotonNumber
  const arms = (['transmitter', 'receiver'] as const).map((end) => {
    const { channel, receiver } = link[end]
    const lossDb = channelLossDb(channel)
    const share = 10 ** (-(lossDb + receiver.lossDb) / 10) * receiver.detector.efficiency
    return section(`Arm of the ${end}`, [
      ['lengthKm', channel.lengthKm, 'fibre from the source'],
      ['channelLossDb', lossDb, 'length × attenuation + insertion loss'],
      ['receiverLossDb', receiver.lossDb, 'from the end of the fibre to the detectors'],
      ['efficiency', receiver.detector.efficiency, 'of the detectors'],
      ['eta', share, 'share of the photons that is counted'],
      ['darkCountProbability', receiver.detector.darkCountProbability, 'per detector and window'],
      ['keyBasis', settings.keyBasisProbability[end], 'share of photons measured in the key basis'],
      ['singlesPerSecond', settings.clockHz * expected.singles[end], 'detections of all bases'],
    ])
  })
  return [
    section('Source', [
      ['clockHz', settings.clockHz, 'coincidence windows per second'],
      ['meanPairs', pairs, 'pairs in one window'],
      ['pairsPerSecond', pairs * settings.clockHz, 'pairs made'],
    ]),
    ...arms,
    section('Coincidences', [
      ['slotShare', slotShare, 'share of pairs whose time stamps fall into one window'],
      ['liveTogether', expected.liveTogether, 'share of windows in which both ends are live'],
      ['coincidencesPerSecond', expected.coincidencesPerSecond, 'in all bases'],
      ['errorZ', expected.qber.Z, 'share of wrong bits in the key basis'],
      ['errorX', expected.qber.X, 'share of wrong bits in the test basis'],
      ['chsh', expected.chsh, 'S inferred from both error rates, not a loophole-free test'],
    ]),
    ...(expected.chshTest === undefined ? [] : [testSection(expected.chshTest, settings)]),
  ]
}

function testSection(
  { gains, correlations, chsh }: ChshExpectation,
  { clockHz, chshProbability = 0 }: PairLink['settings'],
): Section {
  const rate = clockHz * gains.reduce((sum, gain) => sum + gain, 0)
  const meaning = (at: number): string => {
    const { basis, degrees } = CHSH_SETTINGS[at]
    return `correlation at ${basis} here and ${String(degrees)}° there`
  }
  return section('CHSH test', [
    ['chshProbability', chshProbability, 'share of the receiver’s photons that is for the test'],
    ['testedPerSecond', rate, 'coincidences at the settings of the test'],
    ...correlations.map((value, at) => [`E${String(at + 1)}`, value, meaning(at)] as const),
    ['chshMeasured', chsh, 'S = E1 − E2 + E3 + E4, at most 2 without entanglement'],
  ])
}
