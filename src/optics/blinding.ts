/**
 * Attacks with bright light on detectors: blinding with faked states, and plain jamming.
 *
 * Above a certain power, continuous light holds an avalanche photodiode in linear mode: single
 * photons, dark counts and afterpulses do not fire it any more, a bright pulse does. Eve blinds the
 * receiver, measures every pulse herself and sends a faked state for what she saw: it fires exactly
 * her detector if the receiver chooses her basis, and nothing otherwise. Where both ends then share
 * a basis, Eve had it too: she knows every sifted bit, and the error rate falls.
 *
 * Below that power the light only adds clicks at random: a jammed link.
 *
 * @see Lydersen et al., Nature Photonics 4, 686 (2010)
 * @module
 */

import type { Arrival } from './arrival.ts'
import type { Detector } from './detector.ts'
import type { Basis, Intensity } from './device.ts'
import type { SentPulse } from './eve.ts'
import type { OpticalLink } from './link.ts'

/** Continuous light from Eve at the receiver's entrance, in μW. */
export interface BrightLight {
  readonly powerUw: number
}

/** Whether this light takes the detectors out of single-photon mode. */
export const blinds = (powerUw: number, { receiver }: OpticalLink): boolean =>
  powerUw >= receiver.detector.blindingPowerUw

/** The photocurrent that continuous light makes, in μA. */
export const brightCurrentUa = (
  powerUw: number,
  { receiver }: { readonly receiver: { readonly detector: Pick<Detector, 'linearResponsivity'> } },
): number => powerUw * receiver.detector.linearResponsivity

/** Photons of continuous light that a receiver would count in a slot. */
export function photonsPerSlot(
  powerUw: number,
  receiver: { readonly lossDb: number; readonly detector: Pick<Detector, 'efficiency'> },
  clockHz: number,
): number {
  const photons = (powerUw * 1e-6) / PHOTON_JOULE / clockHz
  return photons * 10 ** (-receiver.lossDb / 10) * receiver.detector.efficiency
}

/**
 * The link as its receiver works under continuous light: blind, or with more background.
 *
 * The light is not polarised: half of it goes to each detector, in either basis.
 */
export function linkUnderLight(link: OpticalLink, powerUw: number): OpticalLink {
  if (powerUw === 0) return link
  const { channel, receiver } = link
  if (blinds(powerUw, link)) {
    const detector = { ...receiver.detector, darkCountProbability: 0, afterpulseProbability: 0 }
    return {
      ...link,
      channel: { ...channel, backgroundProbability: 0 },
      receiver: { ...receiver, detector },
    }
  }
  const counted = photonsPerSlot(powerUw, receiver, link.settings.clockHz)
  const quiet = (1 - channel.backgroundProbability) * Math.exp(-counted / 2)
  // Never quite 1: a detector that fires in every gate has no law of gaps.
  const backgroundProbability = Math.min(1 - quiet, BACKGROUND_MOST)
  return { ...link, channel: { ...channel, backgroundProbability } }
}

/** The share of her observations for which Eve sends a faked state, to keep the count rate. */
export function unnoticedReplies(intensities: readonly Intensity[], counted: number): number {
  let usual = 0
  let seen = 0
  for (const { meanPhotonNumber, probability } of intensities) {
    usual -= probability * Math.expm1(-meanPhotonNumber * counted)
    seen -= probability * Math.expm1(-meanPhotonNumber)
  }
  // The receiver chooses her basis every other time.
  return seen === 0 ? 0 : Math.min(1, (2 * usual) / seen)
}

/** What arrives at blinded detectors in place of a pulse. @param replies  share answered by Eve */
export function fakedArrivals(sent: SentPulse, replies: number): readonly Arrival[] {
  const seen = -Math.expm1(-sent.meanPhotonNumber) * replies
  const { basis, bit } = sent
  const wrong: Basis = basis === 'Z' ? 'X' : 'Z'
  const light = { kind: 'faked' } as const
  return [
    { basis, bit, probability: 1 - seen, light: DARK, known: false },
    { basis, bit, probability: seen / 2, light, known: true },
    { basis: wrong, bit: 0, probability: seen / 4, light, known: false },
    { basis: wrong, bit: 1, probability: seen / 4, light, known: false },
  ]
}

/** No light, or light too weak for a detector in linear mode. */
export const DARK = { kind: 'coherent', meanPhotonNumber: 0 } as const

/** Energy of a photon at 1550 nm. */
const PHOTON_JOULE = 1.2816e-19
const BACKGROUND_MOST = 0.999
