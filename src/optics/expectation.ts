/**
 * What a link should report on average: closed forms, as a cross-check of the simulation.
 *
 * Uses nothing of `law` and `simulate`. With η the share of light that is counted (η_sys: channel,
 * receiver loss and efficiency together), d the noise of one detector per gate and e the
 * misalignment, light of mean photon number λ = η·μ fires anything with probability
 * D = 1 − (1 − d)²·e^−λ, and gives a wrong bit in the right basis with E = w − w·r/2, where
 * r = 1 − (1 − d)·e^−λ(1−e) and w = 1 − (1 − d)·e^−λe are the right and the wrong detector firing.
 * To first order these are the usual D ≈ 1 − (1 − 2d)·e^−λ and E ≈ d + e·(1 − e^−λ).
 *
 * Dead time is exact (a renewal process). Afterpulses and jitter are exact to first order in their
 * probabilities: terms of their product with the click probability are left out.
 *
 * @see Rusca et al., Appl. Phys. Lett. 112, 171104 (2018), appendix B
 * @module
 */

import { transmittance } from './channel.ts'
import { afterpulseDecaySlots } from './detector.ts'
import { noAttack, unnoticedMeanPhotonNumber, type Attack } from './eve.ts'
import { figuresOf, type OpticalLink } from './link.ts'

/** Of pulses of one intensity whose basis both ends share. */
export interface PulseExpectation {
  /** Probability that the pulse is reported. */
  readonly gain: number
  /** Probability that it is reported, with a wrong bit. Not divided by the gain. */
  readonly error: number
}

export interface LinkExpectation {
  /** Probability that anything fires in a live slot, over all intensities. */
  readonly clickProbability: number
  /** Share of slots that are not dead. */
  readonly liveFraction: number
  /** Detections per slot. */
  readonly detectionProbability: number
  readonly doubleClickProbability: number
  /** Clicks lost in dead time, per slot. */
  readonly deadTimeDropProbability: number
  /** One for each intensity, in the order of the settings. */
  readonly pulses: readonly { readonly Z: PulseExpectation; readonly X: PulseExpectation }[]
  /** Error rate of the sifted bits; NaN where nothing is ever detected. */
  readonly qber: { readonly Z: number; readonly X: number }
  readonly detectionsPerSecond: number
  /** Detections per second for which both ends chose the key basis. */
  readonly siftedBitsPerSecond: number
}

/** Averages of a checked link under a checked attack. */
export function expectLink(link: OpticalLink, attack: Attack = noAttack): LinkExpectation {
  const { intensities, keyBasisProbability, clockHz } = link.settings
  const { misalignment, detector } = link.receiver
  const lit = intensities.map(({ meanPhotonNumber }) => litPulse(link, attack, meanPhotonNumber))
  const mean = (of: (pulse: LitPulse) => number): number =>
    intensities.reduce((sum, { probability }, at) => sum + probability * of(lit[at]), 0)
  const click = mean(({ fires }) => fires)
  const { transmitter, receiver } = keyBasisProbability
  const bothZ = transmitter * receiver
  const bothX = (1 - transmitter) * (1 - receiver)
  const double = mean(
    (pulse) =>
      bothZ * pulse.double(misalignment.Z, true) +
      (receiver - bothZ) * pulse.double(misalignment.Z, false) +
      bothX * pulse.double(misalignment.X, true) +
      (1 - receiver - bothX) * pulse.double(misalignment.X, false),
  )
  const rates = detectorRates(link, click, click === 0 ? 0 : double / click)
  const jitter = detector.neighbourSlotProbability
  const reported = (pulse: LitPulse, misaligned: number): PulseExpectation => {
    const gain = reportedProbability(pulse.fires, rates, click, jitter)
    const own = rates.live * (1 - jitter)
    return {
      gain,
      error: own * pulse.wrong(misaligned) + (gain - own * pulse.fires) / 2,
    }
  }
  const pulses = lit.map((pulse) => ({
    Z: reported(pulse, misalignment.Z),
    X: reported(pulse, misalignment.X),
  }))
  const over = (basis: 'Z' | 'X', part: keyof PulseExpectation): number =>
    intensities.reduce((sum, { probability }, at) => sum + probability * pulses[at][basis][part], 0)
  return {
    clickProbability: click,
    liveFraction: rates.live,
    detectionProbability: rates.detections,
    doubleClickProbability: rates.live * double * ((1 - jitter) ** 2 + jitter ** 2 / 2),
    deadTimeDropProbability: (1 - rates.live) * click + rates.afterpulsesLost,
    pulses,
    qber: { Z: over('Z', 'error') / over('Z', 'gain'), X: over('X', 'error') / over('X', 'gain') },
    detectionsPerSecond: clockHz * rates.detections,
    siftedBitsPerSecond: clockHz * bothZ * over('Z', 'gain'),
  }
}

/** What pulses of one intensity do in a live slot. */
interface LitPulse {
  /** Probability that anything fires. */
  readonly fires: number
  /** Probability of a wrong bit, both ends in one basis of this misalignment. */
  readonly wrong: (misalignment: number) => number
  /** Probability that both detectors fire; `alike` if both ends are in one basis. */
  readonly double: (misalignment: number, alike: boolean) => number
}

function litPulse(link: OpticalLink, attack: Attack, meanPhotonNumber: number): LitPulse {
  const figures = figuresOf(link)
  const noise = figures.noiseProbability
  const share = figures.channelTransmittance * figures.receiverTransmittance
  switch (attack.kind) {
    case 'none':
      return coherentPulse(meanPhotonNumber * share, noise)
    case 'fibre-cut':
      return coherentPulse(meanPhotonNumber * share * transmittance(attack.lossDb), noise)
    case 'intercept-resend': {
      const unnoticed = unnoticedMeanPhotonNumber(link.settings.intensities)
      const resent = (attack.resendMeanPhotonNumber ?? unnoticed) * share
      const untouched = coherentPulse(meanPhotonNumber * share, noise)
      const right = coherentPulse(resent, noise)
      const dark = coherentPulse(0, noise)
      const seen = attack.fraction * -Math.expm1(-meanPhotonNumber)
      const unseen = attack.fraction - seen
      return {
        fires: (1 - attack.fraction) * untouched.fires + seen * right.fires + unseen * dark.fires,
        wrong: (misalignment) =>
          (1 - attack.fraction) * untouched.wrong(misalignment) +
          (seen / 2) * (right.wrong(misalignment) + right.wrong(0.5)) +
          unseen * dark.wrong(0.5),
        // Eve's basis is the receiver's every other time, whatever the transmitter's.
        double: (misalignment, alike) =>
          (1 - attack.fraction) * untouched.double(misalignment, alike) +
          (seen / 2) * (right.double(misalignment, true) + right.double(misalignment, false)) +
          unseen * dark.double(misalignment, alike),
      }
    }
  }
}

/** Coherent light of this mean photon number, as counted, spread over two detectors. */
function coherentPulse(counted: number, noise: number): LitPulse {
  const detector = (share: number): number => 1 - (1 - noise) * Math.exp(-counted * share)
  return {
    fires: 1 - (1 - noise) ** 2 * Math.exp(-counted),
    wrong: (misalignment) =>
      detector(misalignment) - (detector(misalignment) * detector(1 - misalignment)) / 2,
    double: (misalignment, alike) =>
      alike ? detector(misalignment) * detector(1 - misalignment) : detector(0.5) ** 2,
  }
}

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
