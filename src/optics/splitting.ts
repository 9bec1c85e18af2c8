/**
 * Attacks on photon numbers: splitting single photons off, and splitting the beam.
 *
 * *Photon-number splitting.* Eve counts the photons of each pulse without disturbing them. Single
 * photons she blocks; of two or more she keeps one and sends the others on through a channel without
 * loss. She measures the kept one when the bases have been announced, and so knows the bit for
 * certain, without one error. She passes just so many pulses that signals are counted as often as
 * before; if those with several photons do not suffice (a short fibre), single photons fill up. With
 * less stealth she keeps the rate less well, and knows more of what arrives.
 *
 * *Beam splitting.* Eve takes the share of light that the fibre would lose and replaces the fibre
 * by one without loss. Nothing that arrives changes. She knows the bit of a pulse of which she got a
 * photon.
 *
 * @see Brassard, Lütkenhaus, Mor, Sanders, PRL 85, 1330 (2000)
 * @module
 */

import type { Arrival } from './arrival.ts'
import type { Intensity } from './device.ts'
import type { SentPulse } from './eve.ts'

/** Shares of the pulses that Eve lets pass on, by what she found in them. */
export interface SplittingPlan {
  /** Of pulses with one photon; those that pass do so without loss. */
  readonly singles: number
  /** Of pulses with several photons. */
  readonly multiples: number
}

/**
 * The plan that keeps the signal's count rate, single photons passed as seldom as possible.
 *
 * Where even all pulses would not suffice (no loss to replace), all pass.
 *
 * @param receiverTransmittance  share of arriving photons that the receiver counts
 */
export function splittingPlan(
  { meanPhotonNumber }: Intensity,
  channelTransmittance: number,
  receiverTransmittance: number,
): SplittingPlan {
  const usual = -Math.expm1(-meanPhotonNumber * channelTransmittance * receiverTransmittance)
  const fromMultiples = multiplesCounted(meanPhotonNumber, receiverTransmittance)
  if (fromMultiples >= usual) return { singles: 0, multiples: usual / fromMultiples }
  const fromSingles = meanPhotonNumber * Math.exp(-meanPhotonNumber) * receiverTransmittance
  const singles = fromSingles === 0 ? 0 : (usual - fromMultiples) / fromSingles
  return { singles: Math.min(1, singles), multiples: 1 }
}

/**
 * The plan of an Eve who cares less for the count rate: at stealth 0 she passes every fuller pulse,
 * whose bit she knows, and no single photon, whose bit she does not.
 */
export const boldPlan = ({ singles, multiples }: SplittingPlan, stealth = 1): SplittingPlan => ({
  singles: stealth * singles,
  multiples: 1 - stealth * (1 - multiples),
})

/** Probability that a pulse has several photons and one of those that go on is counted. */
function multiplesCounted(meanPhotonNumber: number, receiverTransmittance: number): number {
  let sum = 0
  for (let count = 2; count <= PHOTONS_MAX; count++) {
    const counted = 1 - (1 - receiverTransmittance) ** (count - 1)
    sum += poisson(meanPhotonNumber, count) * counted
  }
  return sum
}

/** What arrives of a pulse under photon-number splitting. */
export function splitArrivals(sent: SentPulse, plan: SplittingPlan): readonly Arrival[] {
  const { basis, bit, meanPhotonNumber } = sent
  const passed = (photons: number, probability: number, known: boolean): Arrival => ({
    basis,
    bit,
    known,
    probability,
    light: { kind: 'photons', count: photons },
  })
  const arrivals = [passed(1, plan.singles * poisson(meanPhotonNumber, 1), false)]
  for (let count = 2; count <= PHOTONS_MAX; count++) {
    arrivals.push(passed(count - 1, plan.multiples * poisson(meanPhotonNumber, count), true))
  }
  const sum = arrivals.reduce((total, { probability }) => total + probability, 0)
  return [passed(0, 1 - sum, false), ...arrivals]
}

/** What arrives of a pulse of which Eve takes what the fibre would have lost. */
export function tappedArrivals(sent: SentPulse, channelTransmittance: number): readonly Arrival[] {
  const { basis, bit, meanPhotonNumber } = sent
  const light = {
    kind: 'coherent',
    meanPhotonNumber: meanPhotonNumber * channelTransmittance,
  } as const
  // Both parts of a coherent pulse are independent of each other.
  const known = -Math.expm1(-meanPhotonNumber * (1 - channelTransmittance))
  return [
    { basis, bit, light, known: true, probability: known },
    { basis, bit, light, known: false, probability: 1 - known },
  ]
}

function poisson(mean: number, count: number): number {
  let probability = Math.exp(-mean)
  for (let photon = 1; photon <= count; photon++) probability *= mean / photon
  return probability
}

/**
 * Photons of the fullest pulse that is considered: the brightest pulse allowed, of mean 10, holds
 * more with a probability below 10⁻¹⁰; such pulses are blocked.
 */
const PHOTONS_MAX = 40
