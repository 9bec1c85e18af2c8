/**
 * A link of entangled pairs: a source between two receivers, one half of each pair to either.
 *
 * A slot is one coincidence window. Into each come pairs by a Poisson law, as from a source whose
 * pairs are far shorter than a slot, so that many modes share it; pairs of one slot know nothing of
 * each other. Both halves of a pair agree in either basis, but for the misalignment. At each end a
 * beam splitter sends every photon to one of the bases, and two threshold detectors measure in each:
 * four detectors, all of them dead for a while after any click. Chance coincidences (of two pairs,
 * or with a dark count) need no term of their own: they happen.
 *
 * Detections in one slot become one report: both detectors of a basis give a random bit; both bases
 * give a random bit of a basis drawn by the splitter's odds. Nothing is left out.
 *
 * For a CHSH test the receiver's end has a third pair of detectors, to which a splitter sends a small
 * share of photons, and which measures at 22.5° or −22.5° from Z towards X, by a coin for each slot.
 * With Z and X of the other end these are the four settings that reach 2√2. Misalignment is taken as
 * noise there: half-way between the bases, the correlation is (1 − 2e)/√2 with e of the other end's
 * basis.
 *
 * Not modelled: pulsed pumps with bunched pairs, afterpulses, jitter but for the share of pairs that
 * it parts (`slotShare`), detectors or splitters that are not alike to all light.
 *
 * The source is nobody's: it may stand at either site, between them, or be Eve's.
 *
 * @see Ekert, PRL 67, 661 (1991), for the test; Acín et al., PRL 98, 230501 (2007), for settings that
 *   serve key and test; Bennett, Brassard, Mermin, PRL 68, 557 (1992); Ma, Fung, Lo, Phys. Rev. A 76, 012307 (2007)
 * @module
 */

import { channelLossDb, checkChannel, transmittance, type FibreChannel } from './channel.ts'
import { checkLight, deadSlots, noiseProbability, type Detector } from './detector.ts'
import type { PulseSettings } from './device.ts'
import { requireRange } from './range.ts'
import { OpticsRefusal } from './refusal.ts'
import { checkedSettings } from './source.ts'

/** Each of the four detectors of one end. */
export type PairDetector = Pick<
  Detector,
  | 'efficiency'
  | 'darkCountProbability'
  | 'deadTimePs'
  | 'avalancheChargePc'
  | 'leakageCurrentUa'
  | 'gateWidthPs'
  | 'gateMismatchPs'
  | 'timingJitterPs'
  | 'blindingPowerUw'
  | 'linearResponsivity'
>

/** The way of one half of each pair. */
export interface PairArm {
  readonly channel: FibreChannel
  readonly receiver: {
    /** Loss from the fibre's end to the detectors. */
    readonly lossDb: number
    readonly detector: PairDetector
  }
}

export interface PairLink {
  /** With one intensity: the mean number of pairs in a slot. */
  readonly settings: PulseSettings
  /** Share of pairs seen at both ends whose time stamps fall into one slot. */
  readonly slotShare: number
  /** Share of pairs with a wrong bit, when both ends measure in one basis. */
  readonly misalignment: { readonly Z: number; readonly X: number }
  /** The end whose string becomes the key. */
  readonly transmitter: PairArm
  /** The end that announces what it saw, and where Eve sits. */
  readonly receiver: PairArm
}

/** Ends of a link, in the order of the arms. */
export type PairEnd = 'transmitter' | 'receiver'

/** The figures of one end that its model works with. */
export interface EndFigures {
  /** Share of photons that are counted: channel, receiver loss and efficiency. */
  readonly transmittance: number
  /** Probability that one detector fires in one slot without any pair. */
  readonly noiseProbability: number
  /** Share of photons that splitters send to Z, to X, and to the CHSH test where there is one. */
  readonly basisShares: readonly number[]
  /** Share of the key basis in what is not for the CHSH test. */
  readonly keyBasisProbability: number
  /** Share of the CHSH test; 0 where there is none. */
  readonly chshProbability: number
  /** Slots after a click in which nothing of this end can fire. */
  readonly deadSlots: number
}

/** Derives the figures of one end. */
export function endFigures(link: PairLink, end: PairEnd): EndFigures {
  const { channel, receiver } = link[end]
  const { detector, lossDb } = receiver
  const { clockHz } = link.settings
  const key = link.settings.keyBasisProbability[end]
  const chsh = end === 'receiver' ? (link.settings.chshProbability ?? 0) : 0
  return {
    transmittance: transmittance(channelLossDb(channel) + lossDb) * detector.efficiency,
    noiseProbability: noiseProbability(detector, channel.backgroundProbability),
    basisShares: chsh === 0 ? [key, 1 - key] : [(1 - chsh) * key, (1 - chsh) * (1 - key), chsh],
    keyBasisProbability: key,
    chshProbability: chsh,
    deadSlots: deadSlots(detector, clockHz),
  }
}

/** Mean number of pairs in a slot. */
export const meanPairs = ({ settings }: PairLink): number =>
  settings.intensities[0].meanPhotonNumber

/** Returns the link if it can be simulated. @throws OpticsRefusal OPTICS_LINK_INVALID */
export function checkedPairLink(link: PairLink): PairLink {
  const { settings, slotShare, misalignment } = link
  checkedSettings(settings)
  if (settings.source !== 'entangled-pairs') {
    throw new OpticsRefusal('OPTICS_LINK_INVALID', 'Expected a source of entangled pairs')
  }
  requireRange('pairs in a slot', meanPairs(link), 0, MEAN_PAIRS_MAX)
  requireRange('slotShare', slotShare, 0, 1)
  requireRange('misalignment.Z', misalignment.Z, 0, 0.5)
  requireRange('misalignment.X', misalignment.X, 0, 0.5)
  for (const end of ['transmitter', 'receiver'] as const) {
    const { channel, receiver } = link[end]
    const { lossDb, detector } = receiver
    checkChannel(channel)
    requireRange('receiver lossDb', lossDb, 0, 100)
    requireRange('efficiency', detector.efficiency, 0, 1)
    requireRange('darkCountProbability', detector.darkCountProbability, 0, 0.5)
    requireRange('deadTimePs', detector.deadTimePs, 0, 1e12)
    requireRange('dead time in slots', deadSlots(detector, settings.clockHz), 0, DEAD_SLOTS_MAX)
    requireRange('avalancheChargePc', detector.avalancheChargePc, 0, 1e6)
    requireRange('leakageCurrentUa', detector.leakageCurrentUa, 0, 1e6)
    checkLight(detector)
  }
  return link
}

/** More pairs in a slot than any source is run with. */
const MEAN_PAIRS_MAX = 1
const DEAD_SLOTS_MAX = 2 ** 24
