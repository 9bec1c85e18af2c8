/**
 * The fibre: light is lost along it, and a little that is not the transmitter's gets in.
 *
 * Each photon survives independently with the transmittance, so a coherent pulse stays coherent
 * and only its mean photon number shrinks.
 *
 * @module
 */

import { requireRange } from './range.ts'

export interface FibreChannel {
  readonly lengthKm: number
  readonly attenuationDbPerKm: number
  /** Connectors, splices and patch panels, beyond length × attenuation. */
  readonly insertionLossDb: number
  /**
   * Probability that stray light (leaks, Raman scattering of data channels) fires one detector in
   * one gate, as counted: receiver loss and efficiency are already in it.
   */
  readonly backgroundProbability: number
}

/** Loss of the whole fibre in dB. */
export const channelLossDb = (channel: FibreChannel): number =>
  channel.lengthKm * channel.attenuationDbPerKm + channel.insertionLossDb

/** Share of light that a loss lets through. An infinite loss lets nothing through. */
export const transmittance = (lossDb: number): number => 10 ** (-lossDb / 10)

/** @throws OpticsRefusal OPTICS_LINK_INVALID */
export function checkChannel(channel: FibreChannel): void {
  requireRange('lengthKm', channel.lengthKm, 0, 2000)
  requireRange('attenuationDbPerKm', channel.attenuationDbPerKm, 0, 10)
  requireRange('insertionLossDb', channel.insertionLossDb, 0, 200)
  requireRange('backgroundProbability', channel.backgroundProbability, 0, 0.5)
}
