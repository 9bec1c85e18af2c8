/**
 * What detectors make of clicks: dead time, afterpulses and jitter, on average.
 *
 * @see Rusca et al., Appl. Phys. Lett. 112, 171104 (2018), appendix B
 * @module
 */

import { afterpulseDecaySlots } from './detector.ts'
import { figuresOf, type OpticalLink } from './link.ts'

/** What a detector makes of clicks that come with one probability in every live slot. */
export interface DetectorRates {
  /** Share of slots that are live. */
  readonly live: number
  /** Per slot. */
  readonly detections: number
  /** Afterpulses in live slots, per slot. */
  readonly afterpulses: number
  /** Afterpulses that fall into the dead time of a later click, per slot. */
  readonly afterpulsesLost: number
}

/**
 * Probability that a pulse is reported: by its own light, or by light of a neighbour or a trapped
 * carrier that falls into its slot while its own light fires nothing. Of the latter, half the bits
 * are wrong.
 *
 * @param fires   probability that the pulse fires anything in a live slot
 * @param click   the same, over all pulses
 * @param jitter  probability that an avalanche is stamped in a neighbouring slot
 */
export const reportedProbability = (
  fires: number,
  rates: DetectorRates,
  click: number,
  jitter: number,
): number =>
  rates.live * fires * (1 - jitter) +
  (rates.live * click * jitter + rates.afterpulses) * (1 - fires)

/**
 * Dead time and afterpulsing together.
 *
 * A click with probability c in each live slot, and D dead slots after it, is a renewal process:
 * 1/(1 + c·D) of the slots are live. A carrier released g slots after the dead time, geometrically
 * with ratio q = e^(−1/decay), meets a live slot with probability 1/(1 + c·(q + … + q^D)): the
 * generating function of that renewal process at q.
 */
export function detectorRates(
  link: OpticalLink,
  click: number,
  doubleShare: number,
): DetectorRates {
  const { deadSlots } = figuresOf(link)
  const { detector } = link.receiver
  const decay = afterpulseDecaySlots(detector, link.settings.clockHz)
  const ratio = decay === 0 ? 0 : Math.exp(-1 / decay)
  const geometric = ratio === 0 ? 0 : (ratio * (1 - ratio ** deadSlots)) / (1 - ratio)
  const survive = 1 / (1 + click * geometric)
  const carriers = detector.afterpulseProbability * (1 + doubleShare)
  const detections = click / (1 - (1 - click) * carriers * survive + click * deadSlots)
  return {
    live: 1 - detections * deadSlots,
    detections,
    afterpulses: detections * carriers * survive,
    afterpulsesLost: detections * carriers * (1 - survive),
  }
}
