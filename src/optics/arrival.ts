/**
 * Light that may arrive at the receiver in place of one pulse, and which detectors it fires.
 *
 * Light is described by what detectors make of it: a coherent pulse, an exact number of photons, or
 * a bright pulse that forces a blinded detector. Of a coherent pulse the two detectors get two
 * independent coherent pulses, so they fire independently; of a number of photons each goes one way
 * or the other, so they do not.
 *
 * @module
 */

import { gateFactor, firingProbability, type Receiver } from './detector.ts'
import type { Basis } from './device.ts'

export type Light =
  | { readonly kind: 'coherent'; readonly meanPhotonNumber: number }
  /** Exactly so many photons, a whole number. */
  | { readonly kind: 'photons'; readonly count: number }
  /**
   * Bright light for detectors in linear mode: measured in its own basis it fires the detector of
   * its bit and no other; in the other basis, where it splits in halves, it fires none.
   */
  | { readonly kind: 'faked' }

/** What may arrive in place of one pulse, at the receiver's entrance. */
export interface Arrival {
  /** Those of all arrivals of one sent pulse sum to 1. */
  readonly probability: number
  readonly light: Light
  /** The state that the light carries. */
  readonly basis: Basis
  readonly bit: 0 | 1
  /** Whether Eve knows the transmitter's bit, once the bases are announced. */
  readonly known: boolean
  /**
   * Where Eve knows no more than which detector is likelier to fire: that detector, and the share
   * of its clicks that tell her the bit. (A bit that is guessed right with probability g > ½ is
   * counted as known with probability 2g − 1, which is more than she can learn from it.)
   */
  readonly guess?: { readonly detector: 0 | 1; readonly certainty: number }
  /** How much later than usual it arrives inside the gate, in picoseconds; 0 if left out. */
  readonly delayPs?: number
}

/** Probabilities that only detector 0, only detector 1, or both fire. */
export type Firing = readonly [zero: number, one: number, both: number]

/** What the receiver's figures make of arriving light. */
export interface ReceiverFigures {
  readonly receiver: Receiver
  /** Share of light at the receiver's entrance that is counted, in the middle of the gate. */
  readonly receiverTransmittance: number
  /** Probability that one detector fires in one gate without any of this light. */
  readonly noiseProbability: number
}

/** Which detectors fire in a live slot in which this light arrives and `measured` is chosen. */
export function firingOf(arrival: Arrival, measured: Basis, figures: ReceiverFigures): Firing {
  const { light, basis, bit, delayPs = 0 } = arrival
  const { receiver, receiverTransmittance, noiseProbability: noise } = figures
  if (light.kind === 'faked') {
    if (basis !== measured) return NOTHING
    return bit === 0 ? [1, 0, 0] : [0, 1, 0]
  }
  const toOther = basis === measured ? receiver.misalignment[measured] : 0.5
  const toOne = bit === 1 ? 1 - toOther : toOther
  const { detector } = receiver
  const countedByZero = receiverTransmittance * (1 - toOne) * gateFactor(detector, 0, delayPs)
  const countedByOne = receiverTransmittance * toOne * gateFactor(detector, 1, delayPs)
  if (light.kind === 'coherent') {
    const zero = firingProbability(light.meanPhotonNumber * countedByZero, noise)
    const one = firingProbability(light.meanPhotonNumber * countedByOne, noise)
    return [zero * (1 - one), (1 - zero) * one, zero * one]
  }
  const { count } = light
  const zeroQuiet = (1 - noise) * (1 - countedByZero) ** count
  const oneQuiet = (1 - noise) * (1 - countedByOne) ** count
  const bothQuiet = (1 - noise) ** 2 * (1 - countedByZero - countedByOne) ** count
  return [oneQuiet - bothQuiet, zeroQuiet - bothQuiet, 1 - zeroQuiet - oneQuiet + bothQuiet]
}

const NOTHING: Firing = [0, 0, 0]
