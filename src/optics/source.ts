/**
 * The source: phase-randomised weak coherent pulses of a few intensities, in two bases. A simple
 * one makes three states: both of the key basis, and of the test basis that of bit 0.
 *
 * A phase-randomised coherent pulse of mean photon number μ holds n photons with the Poisson
 * probability e^−μ μⁿ/n!. Intensity and basis are drawn afresh for each pulse, independently.
 *
 * Does not model imperfect phase randomisation, correlations between pulses, or intensity noise:
 * the proofs above assume that there are none. A finite extinction ratio ER belongs into the
 * misalignment of the receiver, where it adds 1 / (ER + 1).
 *
 * @see Ma, Qi, Zhao, Lo, Phys. Rev. A 72, 012326 (2005)
 * @module
 */

import type { PulseSettings } from './device.ts'
import { requireRange } from './range.ts'
import { OpticsRefusal } from './refusal.ts'

/** The index of an intensity has two bits in a reported choice. */
export const INTENSITIES_MAX = 4

/** Brightest pulse that counts as weak. */
export const MEAN_PHOTON_NUMBER_MAX = 10

/** Fastest clock that the simulation is meant for. */
export const CLOCK_HZ_MAX = 100e9

/**
 * Returns the settings if a device may run with them.
 *
 * @throws OpticsRefusal OPTICS_LINK_INVALID, naming the first wrong member
 */
export function checkedSettings(settings: PulseSettings): PulseSettings {
  const { clockHz, intensities, keyBasisProbability } = settings
  requireRange('clockHz', clockHz, 1e-3, CLOCK_HZ_MAX)
  const most = settings.source === 'entangled-pairs' ? 1 : INTENSITIES_MAX
  requireRange('number of intensities', intensities.length, 1, most)
  let sum = 0
  let brighter = Infinity
  for (const { meanPhotonNumber, probability } of intensities) {
    requireRange('meanPhotonNumber', meanPhotonNumber, 0, MEAN_PHOTON_NUMBER_MAX)
    requireRange('probability of an intensity', probability, 1e-6, 1)
    if (meanPhotonNumber >= brighter) throw refused('intensities must come brightest first')
    brighter = meanPhotonNumber
    sum += probability
  }
  if (Math.abs(sum - 1) > 1e-9) throw refused('probabilities of the intensities must sum to 1')
  requireRange('keyBasisProbability.transmitter', keyBasisProbability.transmitter, 0, 1)
  requireRange('keyBasisProbability.receiver', keyBasisProbability.receiver, 0, 1)
  if (settings.chshProbability !== undefined) {
    if (settings.source !== 'entangled-pairs') throw refused('a CHSH test needs entangled pairs')
    requireRange('chshProbability', settings.chshProbability, 1e-6, 0.5)
  }
  return settings
}

const refused = (problem: string): OpticsRefusal =>
  new OpticsRefusal('OPTICS_LINK_INVALID', `Invalid pulse settings: ${problem}`)
