/**
 * Links of entangled pairs that can be named, as `preset` has those of weak pulses.
 *
 * @module
 */

import type { FibreChannel } from './channel.ts'
import { detectorPresets } from './detectors.ts'
import { assumed, from, valuesOf, type Figure, type Figures } from './figure.ts'
import { checkedPairLink, type PairArm, type PairDetector, type PairLink } from './pairs.ts'

/** The numbers of a link of pairs. */
export interface PairFigures extends Omit<PairLink, 'settings'> {
  /** Coincidence windows per second. */
  readonly clockHz: number
  /** Pairs in one window. */
  readonly meanPairs: number
  readonly keyBasisProbability: PairLink['settings']['keyBasisProbability']
}

export interface PairPreset {
  readonly name: string
  readonly title: string
  readonly link: Figures<PairFigures>
  /** Share of photons that the receiver's end keeps for a CHSH test; left out: none. */
  readonly chshProbability?: Figure
  readonly batchSlots: number
  /** Sifted bits of a block: as many as come together in a time that one can wait for. */
  readonly blockBits: number
  /** The secret key rate that was published for the link, in bits per second. */
  readonly publishedSecretBitsPerSecond?: Figure
}

/** @throws OpticsRefusal OPTICS_LINK_INVALID if the link cannot run at that clock */
export function pairLinkOf(preset: PairPreset, clockHz = preset.link.clockHz.value): PairLink {
  const plain = valuesOf(preset.link) as PairFigures
  const { meanPairs, keyBasisProbability, slotShare, misalignment, transmitter, receiver } = plain
  const chshProbability = preset.chshProbability?.value
  return checkedPairLink({
    ...{ slotShare, misalignment, transmitter, receiver },
    settings: {
      clockHz,
      intensities: [{ meanPhotonNumber: meanPairs, probability: 1 }],
      keyBasisProbability,
      source: 'entangled-pairs',
      ...(chshProbability === undefined ? {} : { chshProbability }),
    },
  })
}

const dosan = from('Dosan et al., arXiv 2608.18869 (2026)')

const { snspd } = detectorPresets

/** Probabilities of `snspd` are for slots of 1 ns. */
const nanowires = (slotNs: number): Figures<PairDetector> => ({
  efficiency: snspd.efficiency,
  darkCountProbability: from('typical 100 dark counts a second')(1e-7 * slotNs),
  deadTimePs: snspd.deadTimePs,
  avalancheChargePc: snspd.avalancheChargePc,
  leakageCurrentUa: snspd.leakageCurrentUa,
  gateWidthPs: snspd.gateWidthPs,
  gateMismatchPs: snspd.gateMismatchPs,
  timingJitterPs: snspd.timingJitterPs,
  blindingPowerUw: snspd.blindingPowerUw,
  linearResponsivity: snspd.linearResponsivity,
})

const arm = (
  channel: Figures<FibreChannel>,
  detector: Figures<PairDetector>,
): Figures<PairArm> => ({
  channel,
  receiver: { lossDb: assumed(3), detector },
})

const standardFibre = (lengthKm: Figure, insertionLossDb: Figure): Figures<FibreChannel> => ({
  lengthKm,
  attenuationDbPerKm: from('standard single-mode fibre (ITU-T G.652) at 1550 nm, typical')(0.2),
  insertionLossDb,
  backgroundProbability: assumed(1e-7),
})

const metro: PairPreset = {
  name: 'metro-bbm92',
  title: 'Two sites of a town, 10 km apart, and a source of pairs half-way',
  link: {
    clockHz: from('assumed: windows of 1 ns')(1e9),
    meanPairs: from('assumed: ten million pairs a second')(0.01),
    keyBasisProbability: { transmitter: assumed(0.8), receiver: assumed(0.8) },
    slotShare: from('assumed: jitter of both ends against windows of 1 ns')(0.9),
    misalignment: { Z: assumed(0.01), X: assumed(0.01) },
    transmitter: arm(standardFibre(assumed(5), assumed(1)), nanowires(1)),
    receiver: arm(standardFibre(assumed(5), assumed(1)), nanowires(1)),
  },
  batchSlots: 2 ** 22,
  blockBits: 1_000_000,
}

const tested: PairPreset = {
  ...metro,
  name: 'metro-bbm92-chsh',
  title: 'The same, where the receiver keeps one photon in 20 for a CHSH test',
  chshProbability: assumed(0.05),
}

const thuringia: PairPreset = {
  name: 'thuringia-69km',
  title: 'Hospital data in Thuringia: 69 km of buried fibre, the source at one end',
  link: {
    clockHz: from('assumed: windows of 2.5 ns')(4e8),
    // Chosen so that the published rate comes out.
    meanPairs: assumed(7.15e-4),
    keyBasisProbability: {
      transmitter: from('assumed: a balanced splitter')(0.5),
      receiver: from('assumed: a balanced splitter')(0.5),
    },
    slotShare: assumed(0.95),
    misalignment: {
      Z: from('published error rate of 6.1 % (Dosan et al. 2026) less chance coincidences')(0.0605),
      X: from('published error rate of 6.1 % (Dosan et al. 2026) less chance coincidences')(0.0605),
    },
    transmitter: arm(standardFibre(assumed(0), assumed(0)), nanowires(2.5)),
    receiver: arm(
      standardFibre(
        dosan(69),
        from('published loss of more than 21 dB (Dosan et al. 2026) less 69 km × 0.2 dB/km')(7.2),
      ),
      nanowires(2.5),
    ),
  },
  batchSlots: 2 ** 24,
  blockBits: 200_000,
  publishedSecretBitsPerSecond: dosan(22.2),
}

/** All presets of this kind. */
export const PAIR_PRESETS: readonly PairPreset[] = [metro, tested, thuringia]
