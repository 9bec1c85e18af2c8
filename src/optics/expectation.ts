/**
 * What a link should report on average: closed forms, as a cross-check of the simulation.
 *
 * Uses nothing of `law` and `simulate`; what pulses do under each attack stands in `lit-pulse`. With η the share of light that is counted (η_sys: channel,
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

import { detectorRates, reportedProbability } from './detector-rates.ts'
import type { Basis } from './device.ts'
import { chanceOfOne, linkUnder, noAttack, type Attack } from './eve.ts'
import type { OpticalLink } from './link.ts'
import { litPulse, type LitPulse, type PulseFigure } from './lit-pulse.ts'

/** Of pulses of one intensity that carry a key state and are measured in the test basis. */
export interface CrossedExpectation {
  /** Probability that the pulse is reported. */
  readonly gain: number
  /** Probability that it is reported, with the bit 0. Not divided by the gain. */
  readonly zero: number
}

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
  readonly pulses: readonly {
    readonly Z: PulseExpectation
    readonly X: PulseExpectation
    readonly crossed: CrossedExpectation
  }[]
  /** Error rate of the sifted bits; NaN where nothing is ever detected. */
  readonly qber: { readonly Z: number; readonly X: number }
  readonly detectionsPerSecond: number
  /** Detections per second for which both ends chose the key basis. */
  readonly siftedBitsPerSecond: number
}

/** Averages of a checked link under a checked attack. */
export function expectLink(usual: OpticalLink, attack: Attack = noAttack): LinkExpectation {
  const link = linkUnder(usual, attack)
  const { intensities, keyBasisProbability, clockHz } = link.settings
  const { misalignment, detector } = link.receiver
  const ones = (basis: Basis): number => chanceOfOne(attack, basis, link.settings)
  const lit = intensities.map(({ meanPhotonNumber }) => ({
    Z: litPulse(link, attack, meanPhotonNumber, ones('Z')),
    X: litPulse(link, attack, meanPhotonNumber, ones('X')),
  }))
  const mean = (of: (pulse: LitPulse) => PulseFigure): number =>
    intensities.reduce((sum, { probability }, at) => sum + probability * over(link, lit[at], of), 0)
  const click = mean(({ fires }) => fires)
  const double = mean((pulse) => pulse.double)
  const rates = detectorRates(link, click, click === 0 ? 0 : double / click)
  const jitter = detector.neighbourSlotProbability
  const own = rates.live * (1 - jitter)
  // What comes from other slots shows 0 as often as clicks do on the whole.
  const zeros = click === 0 ? 0.5 : mean(({ zero }) => zero) / click
  const reported = (basis: Basis, pulse: LitPulse): PulseExpectation => {
    const fires = pulse.fires(misalignment[basis], true)
    const gain = reportedProbability(fires, rates, click, jitter)
    const strayWrong = ones(basis) * zeros + (1 - ones(basis)) * (1 - zeros)
    const error = own * pulse.wrong(misalignment[basis]) + (gain - own * fires) * strayWrong
    return { gain, error }
  }
  const crossed = ({ fires, zero }: LitPulse): CrossedExpectation => {
    const fired = fires(misalignment.X, false)
    const gain = reportedProbability(fired, rates, click, jitter)
    return { gain, zero: own * zero(misalignment.X, false) + (gain - own * fired) * zeros }
  }
  // Two avalanches of neighbours in one slot are a double click if their detectors differ.
  const together = ((1 - jitter) * jitter * click ** 2) / 2
  const pulses = lit.map((pulse) => ({
    Z: reported('Z', pulse.Z),
    X: reported('X', pulse.X),
    crossed: crossed(pulse.Z),
  }))
  const inBasis = (basis: Basis, part: keyof PulseExpectation): number =>
    intensities.reduce((sum, { probability }, at) => sum + probability * pulses[at][basis][part], 0)
  return {
    clickProbability: click,
    liveFraction: rates.live,
    detectionProbability: rates.detections,
    doubleClickProbability:
      rates.live * (double * ((1 - jitter) ** 2 + jitter ** 2 / 2) + together),
    deadTimeDropProbability: (1 - rates.live) * click + rates.afterpulsesLost,
    pulses,
    qber: {
      Z: inBasis('Z', 'error') / inBasis('Z', 'gain'),
      X: inBasis('X', 'error') / inBasis('X', 'gain'),
    },
    detectionsPerSecond: clockHz * rates.detections,
    siftedBitsPerSecond:
      clockHz *
      keyBasisProbability.transmitter *
      keyBasisProbability.receiver *
      inBasis('Z', 'gain'),
  }
}

/** A figure of pulses of one intensity, over the bases of both ends. */
function over(
  { settings, receiver: { misalignment } }: OpticalLink,
  { Z, X }: { readonly Z: LitPulse; readonly X: LitPulse },
  of: (pulse: LitPulse) => PulseFigure,
): number {
  const { transmitter, receiver } = settings.keyBasisProbability
  const bothZ = transmitter * receiver
  const bothX = (1 - transmitter) * (1 - receiver)
  const [fromZ, fromX] = [of(Z), of(X)]
  return (
    bothZ * fromZ(misalignment.Z, true) +
    (receiver - bothZ) * fromX(misalignment.Z, false) +
    bothX * fromX(misalignment.X, true) +
    (1 - receiver - bothX) * fromZ(misalignment.X, false)
  )
}
