/**
 * Eve on links of entangled pairs: on one arm, on its photons or on the detectors at its end.
 *
 * *Faked states*: continuous light blinds an end's detectors; Eve measures its photons by a receiver
 * of her own and shines bright pulses that fire just the detectors she saw. Which of the passive
 * bases clicks is then hers to say, so both ends' bits, errors and correlations are what they were,
 * those of a CHSH test too, and she knows every bit. We grant her detectors that miss no more than
 * those she blinds, and a way to address each of them; for unequal splitters, or an angle that
 * changes at random, that is more than anybody has shown.
 *
 * *Time shift*: photons come early or late, so that of two gated detectors one is likelier to fire.
 * Detectors that are always on tell her nothing.
 *
 * @see Gerhardt et al., PRL 107, 170404 (2011); Qi, Fung, Lo, Ma, QIC 7, 73 (2007)
 * @module
 */

import { brightCurrentUa, photonsPerSlot } from './blinding.ts'
import { gateFactor } from './detector.ts'
import type { ArrivalTimes } from './device.ts'
import { checkedAttack, type Attack } from './eve.ts'
import { endFigures, type EndFigures, type PairEnd, type PairLink } from './pairs.ts'
import { OpticsRefusal } from './refusal.ts'

/** The figures of one end under an attack. */
export interface AttackedEnd extends EndFigures {
  /** Photons of Eve's light that would be counted in a slot; splitters share them out. */
  readonly strayPhotons: number
  /** Whether Eve says what its detectors show. */
  readonly dictated: boolean
  /** What may be done to the time at which a photon arrives; probabilities sum to 1. */
  readonly arrivals: readonly ArrivingPhoton[]
}

/** One time of arrival. */
export interface ArrivingPhoton {
  readonly probability: number
  readonly delayPs: number
  /** Efficiency of detector 0 and of detector 1 then, over that on time. */
  readonly factors: readonly [number, number]
  /** Share of the clicks of each that tell Eve the bit. */
  readonly certainties: readonly [number, number]
}

/** The figures of an end as Eve leaves them. */
export function endUnder(link: PairLink, end: PairEnd, attack: Attack): AttackedEnd {
  const usual: AttackedEnd = {
    ...endFigures(link, end),
    ...{ strayPhotons: 0, dictated: false, arrivals: ON_TIME },
  }
  if (!isOnDetectors(attack) || attackedEnd(attack) !== end) return usual
  if (attack.kind === 'time-shift') return { ...usual, arrivals: shiftedArrivals(link, attack) }
  const { receiver } = link[end]
  const powerUw = lightAtEndUw(link, end, attack)
  if (powerUw < receiver.detector.blindingPowerUw) {
    const counted = photonsPerSlot(powerUw, receiver, link.settings.clockHz)
    return { ...usual, strayPhotons: Math.min(counted, STRAY_PHOTONS_MAX) }
  }
  const share = attack.kind === 'blinding' ? attack.fraction : 0
  return {
    ...usual,
    transmittance: usual.transmittance * share,
    noiseProbability: 0,
    dictated: true,
  }
}

/** Continuous light of Eve's at an end, in μW. */
export function lightAtEndUw(link: PairLink, end: PairEnd, attack: Attack): number {
  if (!isOnDetectors(attack) || attackedEnd(attack) !== end) return 0
  if (attack.kind === 'bright-light') return attack.powerUw
  if (attack.kind !== 'blinding') return 0
  return attack.powerUw ?? 1.5 * link[end].receiver.detector.blindingPowerUw
}

/** The photocurrent that Eve's light makes at an end, in μA. */
export const lightCurrentUa = (link: PairLink, end: PairEnd, attack: Attack): number =>
  brightCurrentUa(lightAtEndUw(link, end, attack), link[end])

/** When clicks of an end come, on average. */
export function arrivalTimesAt(link: PairLink, end: PairEnd, attack: Attack): ArrivalTimes {
  const { timingJitterPs } = link[end].receiver.detector
  let [all, sum, squares] = [0, 0, 0]
  for (const { probability, delayPs, factors } of endUnder(link, end, attack).arrivals) {
    const weight = (probability * (factors[0] + factors[1])) / 2
    all += weight
    sum += weight * delayPs
    squares += weight * delayPs ** 2
  }
  const meanPs = all === 0 ? 0 : sum / all
  const variance = all === 0 ? 0 : squares / all - meanPs ** 2
  return { meanPs, spreadPs: Math.sqrt(timingJitterPs ** 2 + Math.max(0, variance)) }
}

/** How much likelier or less likely a detector fires, over all times of arrival. */
export const factorOf = ({ arrivals }: AttackedEnd, which: 0 | 1): number =>
  arrivals.reduce((sum, { probability, factors }) => sum + probability * factors[which], 0)

/** The part of that in which the click tells Eve its bit. */
export const guessedFactorOf = ({ arrivals }: AttackedEnd, which: 0 | 1): number =>
  arrivals.reduce(
    (sum, { probability, factors, certainties }) =>
      sum + probability * factors[which] * certainties[which],
    0,
  )

/**
 * Returns the attack if it can be played on pairs; those on weak pulses or on a transmitter cannot.
 *
 * @throws OpticsRefusal OPTICS_ATTACK_INVALID
 */
export function checkedPairAttack(attack: Attack): Attack {
  checkedAttack(attack)
  const played = PAIR_ATTACKS.includes(attack.kind)
  // What she measured of a pair she sends on as one photon: there is no brightness to choose.
  if (played && !('resendMeanPhotonNumber' in attack) && !('stealth' in attack)) return attack
  throw new OpticsRefusal(
    'OPTICS_ATTACK_INVALID',
    `Expected an attack on entangled pairs: ${PAIR_ATTACKS.join(', ')}`,
    { facts: { kind: attack.kind } },
  )
}

/** The link with the light and the fibre as they are under an attack. */
export function pairLinkUnder(link: PairLink, attack: Attack): PairLink {
  if (attack.kind !== 'fibre-cut') return link
  const { channel } = link.receiver
  const insertionLossDb = channel.insertionLossDb + attack.lossDb
  return { ...link, receiver: { ...link.receiver, channel: { ...channel, insertionLossDb } } }
}

/** The link after the light of one arm has been turned by this angle. */
export function turnedPairs(link: PairLink, radians: number): PairLink {
  const astray = (share: number): number => Math.sin(Math.asin(Math.sqrt(share)) + radians) ** 2
  const { Z, X } = link.misalignment
  return { ...link, misalignment: { Z: astray(Z), X: astray(X) } }
}

/**
 * Share of photons of the receiver's arm that Eve measures in a random basis and sends on as she
 * found them.
 */
export const interceptedShare = (attack: Attack): number =>
  attack.kind === 'intercept-resend' ? attack.fraction : 0

type OnDetectors = Extract<Attack, { readonly kind: 'blinding' | 'bright-light' | 'time-shift' }>

const isOnDetectors = (attack: Attack): attack is OnDetectors =>
  attack.kind === 'blinding' || attack.kind === 'bright-light' || attack.kind === 'time-shift'

const attackedEnd = ({ at = 'receiver' }: OnDetectors): PairEnd => at

function shiftedArrivals(
  link: PairLink,
  attack: Attack & { readonly kind: 'time-shift' },
): readonly ArrivingPhoton[] {
  const { fraction, shiftPs, earlyShare = 0.5 } = attack
  const { detector } = link[attackedEnd(attack)].receiver
  // Late light is the mirror image of early light: it favours detector 1.
  const [own, other] = [gateFactor(detector, 0, -shiftPs), gateFactor(detector, 1, -shiftPs)]
  const certainty = own === 0 ? 0 : 1 - other / own
  return [
    { ...ON_TIME[0], probability: 1 - fraction },
    {
      probability: fraction * earlyShare,
      delayPs: -shiftPs,
      factors: [own, other],
      certainties: [certainty, 0],
    },
    {
      probability: fraction * (1 - earlyShare),
      delayPs: shiftPs,
      factors: [other, own],
      certainties: [0, certainty],
    },
  ]
}

const ON_TIME: readonly ArrivingPhoton[] = [
  { probability: 1, delayPs: 0, factors: [1, 1], certainties: [0, 0] },
]

const PAIR_ATTACKS: readonly Attack['kind'][] = [
  'none',
  'intercept-resend',
  'blinding',
  'time-shift',
  'bright-light',
  'fibre-cut',
  'drift',
]

/** Enough that everything fires in every slot. */
const STRAY_PHOTONS_MAX = 10
