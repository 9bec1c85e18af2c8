/**
 * One optical link: how the pulses are set, the fibre, and the receiver.
 *
 * This is the truth of the simulation. It stays below the device boundary: the layers above see
 * settings, choices, clicks and observables only.
 *
 * @module
 */

import { channelLossDb, checkChannel, transmittance, type FibreChannel } from './channel.ts'
import { checkReceiver, deadSlots, noiseProbability, type Receiver } from './detector.ts'
import type { PulseSettings } from './device.ts'
import { checkedSettings } from './source.ts'
import { checkGuard, type TransmitterGuard } from './trojan-horse.ts'

export interface OpticalLink {
  readonly settings: PulseSettings
  readonly channel: FibreChannel
  readonly receiver: Receiver
  /** How the transmitter is closed against light from the fibre. */
  readonly transmitter: TransmitterGuard
}

/** The figures of a link that its model works with. */
export interface LinkFigures {
  /** Share of light that reaches the receiver's entrance. */
  readonly channelTransmittance: number
  /**
   * Share of light at the receiver's entrance that is counted: receiver loss × efficiency.
   *
   * Times the channel's transmittance this is η_sys, which also weighs the misalignment; with the
   * channel's alone there, errors would be overstated by orders of magnitude.
   */
  readonly receiverTransmittance: number
  /** Probability that one detector fires in one gate without the transmitter's light. */
  readonly noiseProbability: number
  /** Slots after a click in which nothing can fire. */
  readonly deadSlots: number
}

/** Derives the figures that the model works with. */
export function figuresOf({ settings, channel, receiver }: OpticalLink): LinkFigures {
  return {
    channelTransmittance: transmittance(channelLossDb(channel)),
    receiverTransmittance: transmittance(receiver.lossDb) * receiver.detector.efficiency,
    noiseProbability: noiseProbability(receiver.detector, channel.backgroundProbability),
    deadSlots: deadSlots(receiver.detector, settings.clockHz),
  }
}

/**
 * Returns the link if it can be simulated.
 *
 * @throws OpticsRefusal OPTICS_LINK_INVALID, naming the first wrong member
 */
export function checkedLink(link: OpticalLink): OpticalLink {
  checkedSettings(link.settings)
  checkChannel(link.channel)
  checkReceiver(link.receiver, link.settings.clockHz)
  checkGuard(link.transmitter)
  return link
}
