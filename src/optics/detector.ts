/**
 * The receiver: active choice of basis, and one pair of threshold detectors that serves both.
 *
 * The pair measures whichever basis the modulator is set to in that slot; detector 0 stands for
 * bit 0, detector 1 for bit 1. Because the same two detectors serve both bases, efficiency does
 * not depend on the basis, as the proofs above require.
 *
 * A coherent pulse splits between the detectors into two independent coherent pulses, so, given
 * what arrives, the detectors fire independently: with w the share of light that goes to one,
 * it fires with probability 1 − (1 − d)·e^(−λw).
 *
 * What happens after a click, in this order:
 * - *jitter*: each avalanche is time-stamped in a neighbouring slot with a small probability, and
 *   then read under that slot's basis;
 * - *dead time*: after a click nothing fires until it has passed, in any detector; otherwise bits
 *   would be anti-correlated, which is a leak and not only a loss;
 * - *afterpulse*: a trapped carrier may fire the same detector once more after the dead time.
 *
 * Both detectors are equally efficient for light on time. Where their gates open at slightly
 * different times, light that comes early or late favours one of them (`gateFactor`).
 *
 * @see Rusca et al., Appl. Phys. Lett. 112, 171104 (2018), appendix B, for the dead time
 * @module
 */

import { requireRange } from './range.ts'
import { OpticsRefusal } from './refusal.ts'

export interface Detector {
  /** Probability that a photon at the detector fires it inside its gate. */
  readonly efficiency: number
  /** Probability of a dark count, per detector and gate. */
  readonly darkCountProbability: number
  /** Time after a click in which no detector can fire, in picoseconds. */
  readonly deadTimePs: number
  /** Probability that one avalanche causes another, in the same detector, after the dead time. */
  readonly afterpulseProbability: number
  /** Decay time of the trapped carriers, in picoseconds. */
  readonly afterpulseDecayPs: number
  /** Probability that an avalanche is time-stamped one slot early or late, half each way. */
  readonly neighbourSlotProbability: number
  /** Charge of one avalanche, in picocoulombs: gives the photocurrent. */
  readonly avalancheChargePc: number
  /** Photocurrent without any click, in μA. */
  readonly leakageCurrentUa: number
  /**
   * Width (1 σ) of the efficiency as a function of arrival time inside the gate, in picoseconds;
   * 0 where there is no gate.
   */
  readonly gateWidthPs: number
  /** Time by which detector 1 opens later than detector 0, in picoseconds. */
  readonly gateMismatchPs: number
  /** Standard deviation of time stamps inside the gate, in picoseconds. */
  readonly timingJitterPs: number
  /** Continuous light at the receiver's entrance that blinds the detectors, in μW. */
  readonly blindingPowerUw: number
  /** Photocurrent that such light makes, in μA per μW. */
  readonly linearResponsivity: number
}

export interface Receiver {
  /** Loss from the fibre's end to the detectors. */
  readonly lossDb: number
  /** Share of light that goes to the wrong detector, when both ends chose the same basis. */
  readonly misalignment: { readonly Z: number; readonly X: number }
  readonly detector: Detector
}

/** Slots after a click in which nothing can fire: those that begin before the dead time is over. */
export const deadSlots = (detector: Pick<Detector, 'deadTimePs'>, clockHz: number): number =>
  Math.max(0, Math.ceil(detector.deadTimePs * 1e-12 * clockHz - 1e-9) - 1)

/** Decay time of trapped carriers, in slots. */
export const afterpulseDecaySlots = (detector: Detector, clockHz: number): number =>
  detector.afterpulseDecayPs * 1e-12 * clockHz

/**
 * Efficiency of detector 0 or 1 for light that arrives `delayPs` late, over that on time.
 *
 * Both gates are Gaussian, their middles apart by the mismatch; on time is half-way between.
 */
export function gateFactor(
  { gateWidthPs, gateMismatchPs }: Pick<Detector, 'gateWidthPs' | 'gateMismatchPs'>,
  which: 0 | 1,
  delayPs: number,
): number {
  if (gateWidthPs === 0 || delayPs === 0) return 1
  const late = which === 0 ? delayPs : -delayPs
  return Math.exp(-(late * (late + gateMismatchPs)) / (2 * gateWidthPs ** 2))
}

/**
 * Probability that one detector fires in a live slot.
 *
 * @param meanPhotonNumber  of the light that reaches this detector, efficiency included
 * @param noiseProbability  of a click without that light
 */
export const firingProbability = (meanPhotonNumber: number, noiseProbability: number): number =>
  noiseProbability - (1 - noiseProbability) * Math.expm1(-meanPhotonNumber)

/** Clicks of one detector without the transmitter's light: dark counts and stray light. */
export const noiseProbability = (
  detector: Pick<Detector, 'darkCountProbability'>,
  backgroundProbability: number,
): number => 1 - (1 - detector.darkCountProbability) * (1 - backgroundProbability)

/** @throws OpticsRefusal OPTICS_LINK_INVALID */
export function checkReceiver(receiver: Receiver, clockHz: number): void {
  const { detector } = receiver
  requireRange('receiver lossDb', receiver.lossDb, 0, 100)
  requireRange('misalignment.Z', receiver.misalignment.Z, 0, 0.5)
  requireRange('misalignment.X', receiver.misalignment.X, 0, 0.5)
  requireRange('efficiency', detector.efficiency, 0, 1)
  requireRange('darkCountProbability', detector.darkCountProbability, 0, 0.5)
  requireRange('deadTimePs', detector.deadTimePs, 0, 1e12)
  requireRange('afterpulseProbability', detector.afterpulseProbability, 0, 0.5)
  requireRange('afterpulseDecayPs', detector.afterpulseDecayPs, 0, 1e12)
  requireRange('neighbourSlotProbability', detector.neighbourSlotProbability, 0, 0.5)
  requireRange('avalancheChargePc', detector.avalancheChargePc, 0, 1e6)
  requireRange('leakageCurrentUa', detector.leakageCurrentUa, 0, 1e6)
  checkLight(detector)
  const dead = deadSlots(detector, clockHz)
  requireRange('dead time in slots', dead, 0, MEMORY_SLOTS_MAX)
  requireRange(
    'afterpulse decay in slots',
    afterpulseDecaySlots(detector, clockHz),
    0,
    MEMORY_SLOTS_MAX,
  )
  const trapped =
    (detector.afterpulseProbability * (dead + afterpulseDecaySlots(detector, clockHz))) / (dead + 1)
  if (trapped > TRAPPED_MEAN_MAX) {
    throw new OpticsRefusal(
      'OPTICS_LINK_INVALID',
      `Afterpulses outlive the dead time too long: ${trapped} carriers may be trapped at a time`,
      { facts: { trapped } },
    )
  }
}

/** Gates, and what bright light does. @throws OpticsRefusal OPTICS_LINK_INVALID */
export function checkLight(
  detector: Pick<
    Detector,
    | 'efficiency'
    | 'gateWidthPs'
    | 'gateMismatchPs'
    | 'timingJitterPs'
    | 'blindingPowerUw'
    | 'linearResponsivity'
  >,
): void {
  const { efficiency, gateWidthPs, gateMismatchPs, timingJitterPs } = detector
  requireRange('blindingPowerUw', detector.blindingPowerUw, 1e-9, 1e9)
  requireRange('linearResponsivity', detector.linearResponsivity, 0, 1e6)
  requireRange('gateWidthPs', gateWidthPs, 0, 1e12)
  requireRange('gateMismatchPs', gateMismatchPs, 0, gateWidthPs)
  requireRange('timingJitterPs', timingJitterPs, 0, 1e12)
  if (gateWidthPs === 0) return
  const most = Math.exp(gateMismatchPs ** 2 / (8 * gateWidthPs ** 2))
  requireRange('efficiency at the middle of a gate', efficiency * most, 0, 1)
}

/** How long a detector may remember a click. */
const MEMORY_SLOTS_MAX = 2 ** 24

/** Carriers that may be trapped at a time on average, when clicks follow as fast as they can. */
const TRAPPED_MEAN_MAX = 16
