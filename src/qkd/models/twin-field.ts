/**
 * Twin-field QKD, sending-or-not-sending: both ends send one weak pulse or nothing to a relay in
 * the middle, where they interfere; the rate falls with the square root of the transmittance.
 *
 * A rate model for infinitely long blocks with the single-photon yield known exactly. A bit is
 * whether an end sent; the relay announces which of its two detectors clicked alone. Wrong are the
 * events where both or neither sent. Not modelled: the window for the phases and their drift beyond
 * one misalignment, active odd-parity pairing (which raises the rate), unequal arms.
 *
 * @see Wang, Yu, Hu, Phys. Rev. A 98, 062323 (2018); Lucamarini et al., Nature 557, 400 (2018)
 * @module
 */

import { binaryEntropy } from '../bounds/entropy.ts'
import { besselI0 } from './interference.ts'
import { requireIn } from './range.ts'

export interface TwinFieldLink {
  /** η of the path from each end to a click: half the channel, relay loss and efficiency. */
  readonly armTransmittance: number
  /** Of a pulse that is sent. */
  readonly meanPhotonNumber: number
  /** Share of the key windows in which an end sends. */
  readonly sendingProbability: number
  /** Per detector and gate. */
  readonly darkCountProbability: number
  /** Share of single photons at the wrong detector, phases matched: the phase error's floor. */
  readonly misalignment: number
  /** f of error correction. */
  readonly efficiency: number
}

/** A rate and everything it was computed from; probabilities are per key window. */
export interface TwinFieldRate {
  /** s₁: probability that one photon from either end is announced. */
  readonly singleYield: number
  readonly phaseError: number
  /** Probabilities of an announcement if one end, both, or neither sent. */
  readonly gainOne: number
  readonly gainBoth: number
  readonly gainNone: number
  readonly gain: number
  readonly errorRate: number
  /** Secret bits per key window, at least 0. */
  readonly rate: number
}

/** The rate per key window. @throws QkdRefusal `MODEL_INVALID` */
export function twinFieldRate(link: TwinFieldLink): TwinFieldRate {
  const { armTransmittance: eta, meanPhotonNumber: mu, sendingProbability: send } = link
  const { darkCountProbability: dark, misalignment, efficiency } = link
  requireIn('transmittance of an arm', eta, 0, 1)
  requireIn('mean photon number', mu, 0, 10)
  requireIn('sending probability', send, 0, 1)
  requireIn('dark count probability', dark, 0, 0.5)
  requireIn('misalignment', misalignment, 0, 0.5)
  requireIn('efficiency', efficiency, 1, 100)
  const quiet = 1 - dark
  const lost = 2 * dark * quiet * (1 - eta)
  const singleYield = eta * quiet + lost
  const phaseError = singleYield > 0 ? (eta * quiet * misalignment + lost / 2) / singleYield : 0.5
  const light = eta * mu
  // Exactly one of two detectors: 2·(one silent) − 2·(both silent).
  const gainOne = 2 * quiet * Math.exp(-light / 2) * (1 - quiet * Math.exp(-light / 2))
  const gainBoth = 2 * quiet * Math.exp(-light) * (besselI0(light) - quiet * Math.exp(-light))
  const gainNone = 2 * quiet * dark
  const both = send * send * gainBoth
  const none = (1 - send) ** 2 * gainNone
  const gain = 2 * send * (1 - send) * gainOne + both + none
  const errorRate = gain > 0 ? (both + none) / gain : 0.5
  const single = 2 * send * (1 - send) * mu * Math.exp(-mu) * singleYield
  const hidden = single * (1 - binaryEntropy(phaseError))
  const rate = Math.max(0, hidden - gain * efficiency * binaryEntropy(errorRate))
  return { singleYield, phaseError, gainOne, gainBoth, gainNone, gain, errorRate, rate }
}
