/**
 * Eve on the quantum channel: what arrives at the receiver instead of what was sent.
 *
 * An attack is data. For one pulse as sent, `arrivalsOf` lists what may arrive in its place, with
 * probabilities; `linkUnder` says how the devices work under the light that she adds. The
 * simulation works from these two alone. A new attack that acts pulse by pulse is a new kind here;
 * only its closed form in `expectation` has to be written beside it.
 *
 * Does not cover attacks that act on several pulses at once, nor the classical channel.
 *
 * @module
 */

import type { Arrival } from './arrival.ts'
import { blinds, DARK, fakedArrivals, linkUnderLight, unnoticedReplies } from './blinding.ts'
import { transmittance } from './channel.ts'
import { gateFactor } from './detector.ts'
import type { Basis, Intensity, PulseSettings } from './device.ts'
import { figuresOf, type OpticalLink } from './link.ts'
import { OpticsRefusal } from './refusal.ts'
import { boldPlan, splitArrivals, splittingPlan, tappedArrivals } from './splitting.ts'
import { readArrivals } from './trojan-horse.ts'

/** Whose detectors are attacked: the receiver's if left out; the other end has some only of pairs. */
export type AttackedSite = 'transmitter' | 'receiver'

export type Attack =
  | { readonly kind: 'none' }
  | {
      /**
       * Eve sits at the transmitter's end. Of a share `fraction` of all pulses she measures each
       * in a random basis, with detectors that miss nothing, and resends what she saw; where she
       * saw nothing she sends nothing. QBER rises by fraction / 4; she knows fraction / 2 of the
       * sifted bits.
       */
      readonly kind: 'intercept-resend'
      /** Share of pulses intercepted, 0 to 1. */
      readonly fraction: number
      /**
       * Mean photon number of what she resends. Left out, it is chosen so that the receiver's
       * mean photon number, and so nearly its click rate, stays as it was.
       */
      readonly resendMeanPhotonNumber?: number
      /** Where that is left out: what she resends, as a share of the unnoticed brightness; 1 if left out. */
      readonly stealth?: number
    }
  | {
      /** The fibre is cut or bent: a step of extra loss. Infinity is a clean cut. */
      readonly kind: 'fibre-cut'
      readonly lossDb: number
    }
  | {
      /** Singles blocked, one photon of each fuller pulse kept; see `splitting`. */
      readonly kind: 'photon-number-splitting'
      readonly fraction: number
      /** How far she keeps the signal's count rate as it was, 0 to 1; 1 if left out. */
      readonly stealth?: number
    }
  /** The fibre's loss goes to Eve instead; see `splitting`. */
  | { readonly kind: 'beam-splitting'; readonly fraction: number }
  | {
      /** Detectors blinded and fed with faked states; see `blinding`. */
      readonly kind: 'blinding'
      /** Share of the usual count rate that she restores, as far as she can. */
      readonly fraction: number
      /** Continuous light at the receiver, in μW; half as much again as is needed, if left out. */
      readonly powerUw?: number
      readonly at?: AttackedSite
    }
  /** Continuous light at the receiver, which jams its detectors or blinds them. */
  | { readonly kind: 'bright-light'; readonly powerUw: number; readonly at?: AttackedSite }
  | {
      /**
       * Eve delays or hastens pulses at random, so that one detector is likelier to fire than the
       * other: she learns a little of each bit, and causes no error.
       */
      readonly kind: 'time-shift'
      readonly fraction: number
      readonly shiftPs: number
      /** Share of the shifted pulses that come early; one half if left out. */
      readonly earlyShare?: number
      readonly at?: AttackedSite
    }
  /** Light into the transmitter, in μW; see `trojan-horse`. */
  | { readonly kind: 'trojan-horse'; readonly powerUw: number }
  /**
   * No attack, but the fibre turns the light's polarisation slowly: the misalignment grows, in both
   * bases. Aligning anew undoes it.
   */
  | { readonly kind: 'drift'; readonly radiansPerSecond: number }
  /**
   * No attack, but a source that fails: in a share `fraction` of pulses its bit is stuck at 0.
   * Whoever knows that knows those bits.
   */
  | { readonly kind: 'failing-source'; readonly fraction: number }

/** One pulse as the transmitter sent it. */
export interface SentPulse {
  readonly meanPhotonNumber: number
  readonly basis: Basis
  readonly bit: 0 | 1
}

/** No attack. */
export const noAttack: Attack = { kind: 'none' }

/** @throws OpticsRefusal OPTICS_ATTACK_INVALID */
export function checkedAttack(attack: Attack): Attack {
  if ('fraction' in attack) requireWithin('fraction', attack.fraction, 0, 1)
  if ('stealth' in attack) requireWithin('stealth', attack.stealth ?? 1, 0, 1)
  if ('powerUw' in attack) requireWithin('powerUw', attack.powerUw ?? 0, 0, POWER_UW_MAX)
  switch (attack.kind) {
    case 'intercept-resend':
      requireWithin('resendMeanPhotonNumber', attack.resendMeanPhotonNumber ?? 1, 0, 1000)
      break
    case 'fibre-cut':
      requireWithin('lossDb', attack.lossDb, 0, Infinity)
      break
    case 'time-shift':
      requireWithin('shiftPs', attack.shiftPs, 0, 1e6)
      requireWithin('earlyShare', attack.earlyShare ?? 0.5, 0, 1)
      break
    case 'drift':
      requireWithin('radiansPerSecond', attack.radiansPerSecond, 0, 1000)
      break
    case 'none':
    case 'photon-number-splitting':
    case 'beam-splitting':
    case 'blinding':
    case 'bright-light':
    case 'trojan-horse':
    case 'failing-source':
  }
  return attack
}

/**
 * Returns the attack if it can be played on weak pulses.
 *
 * @throws OpticsRefusal OPTICS_ATTACK_INVALID
 */
export function checkedPulseAttack(attack: Attack): Attack {
  if (!('at' in attack) || attack.at !== 'transmitter') return checkedAttack(attack)
  throw new OpticsRefusal(
    'OPTICS_ATTACK_INVALID',
    'Expected an attack on the receiver: a transmitter of weak pulses has no detectors',
    { facts: { kind: attack.kind } },
  )
}

/** Continuous light that an attack shines at the receiver, in μW. */
export function lightAtReceiverUw(attack: Attack, { receiver }: OpticalLink): number {
  if (attack.kind === 'bright-light') return attack.powerUw
  if (attack.kind !== 'blinding') return 0
  return attack.powerUw ?? 1.5 * receiver.detector.blindingPowerUw
}

/** Continuous light that an attack shines at the transmitter, in μW. */
export const lightAtTransmitterUw = (attack: Attack): number =>
  attack.kind === 'trojan-horse' ? attack.powerUw : 0

/** The link as its devices work under the light that Eve adds. */
export const linkUnder = (link: OpticalLink, attack: Attack): OpticalLink =>
  linkUnderLight(link, lightAtReceiverUw(attack, link))

/** The link after its light has been turned by this angle. */
export function turned(link: OpticalLink, radians: number): OpticalLink {
  const { Z, X } = link.receiver.misalignment
  const astray = (share: number): number => Math.sin(Math.asin(Math.sqrt(share)) + radians) ** 2
  const misalignment = { Z: astray(Z), X: astray(X) }
  return { ...link, receiver: { ...link.receiver, misalignment } }
}

/** Probability that the transmitter's bit is 1. Of three states, that of bit 0 alone tests. */
export function chanceOfOne(attack: Attack, basis: Basis, { source }: PulseSettings): number {
  if (source === 'three-states' && basis === 'X') return 0
  return attack.kind === 'failing-source' ? (1 - attack.fraction) / 2 : 0.5
}

/** What may arrive in place of one sent pulse. The link is that without Eve. */
export function arrivalsOf(attack: Attack, sent: SentPulse, link: OpticalLink): readonly Arrival[] {
  const { channelTransmittance, receiverTransmittance } = figuresOf(link)
  const { intensities } = link.settings
  const meanPhotonNumber = sent.meanPhotonNumber * channelTransmittance
  const asSent: Arrival = {
    basis: sent.basis,
    bit: sent.bit,
    light: { kind: 'coherent', meanPhotonNumber },
    probability: 1,
    known: false,
  }
  switch (attack.kind) {
    case 'none':
    case 'drift':
      return [asSent]
    case 'bright-light':
      return [blinds(attack.powerUw, link) ? { ...asSent, light: DARK } : asSent]
    case 'fibre-cut': {
      const dimmed = meanPhotonNumber * transmittance(attack.lossDb)
      return [{ ...asSent, light: { kind: 'coherent', meanPhotonNumber: dimmed } }]
    }
    case 'intercept-resend': {
      const resent = resentMeanPhotonNumber(attack, intensities)
      const caught = interceptions(sent, resent * channelTransmittance)
      return partly(attack.fraction, asSent, caught)
    }
    case 'photon-number-splitting': {
      const unnoticed = splittingPlan(intensities[0], channelTransmittance, receiverTransmittance)
      const plan = boldPlan(unnoticed, attack.stealth)
      return partly(attack.fraction, asSent, splitArrivals(sent, plan))
    }
    case 'beam-splitting':
      return partly(attack.fraction, asSent, tappedArrivals(sent, channelTransmittance))
    case 'blinding': {
      const counted = channelTransmittance * receiverTransmittance
      const replies = attack.fraction * unnoticedReplies(intensities, counted)
      return fakedArrivals(sent, replies)
    }
    case 'time-shift':
      return partly(attack.fraction, asSent, shifted(asSent, attack, link))
    case 'trojan-horse':
      return readArrivals(asSent, attack.powerUw, link)
    case 'failing-source': {
      // Of the zeros, this share was stuck.
      const stuck = sent.bit === 0 ? attack.fraction / (0.5 + attack.fraction / 2) : 0
      return partly(stuck, asSent, [{ ...asSent, known: true }])
    }
  }
}

/** The pulse as sent, except with probability `share` what comes of Eve's work. */
const partly = (share: number, asSent: Arrival, worked: readonly Arrival[]): readonly Arrival[] => [
  { ...asSent, probability: 1 - share },
  ...worked.map((arrival) => ({ ...arrival, probability: arrival.probability * share })),
]

/**
 * What arrives of an intercepted pulse: Eve's basis is right or wrong with equal probability, and
 * in the wrong one her bit is a coin toss, however many photons there were.
 */
function interceptions(sent: SentPulse, meanPhotonNumber: number): readonly Arrival[] {
  const seen = -Math.expm1(-sent.meanPhotonNumber)
  const { basis, bit } = sent
  const wrong: Basis = basis === 'Z' ? 'X' : 'Z'
  const light = { kind: 'coherent', meanPhotonNumber } as const
  return [
    { basis, bit, light: DARK, probability: 1 - seen, known: false },
    { basis, bit, light, probability: seen / 2, known: true },
    { basis: wrong, bit: 0, light, probability: seen / 4, known: false },
    { basis: wrong, bit: 1, light, probability: seen / 4, known: false },
  ]
}

function shifted(
  asSent: Arrival,
  { shiftPs, earlyShare = 0.5 }: Attack & { readonly kind: 'time-shift' },
  { receiver }: OpticalLink,
): readonly Arrival[] {
  // Early light favours detector 0, whose gate opens first; late light is its mirror image.
  const [own, other] = [0, 1].map((which) =>
    gateFactor(receiver.detector, which === 0 ? 0 : 1, -shiftPs),
  )
  const certainty = own === 0 ? 0 : 1 - other / own
  const early = { delayPs: -shiftPs, guess: { detector: 0, certainty } } as const
  const late = { delayPs: shiftPs, guess: { detector: 1, certainty } } as const
  return [
    { ...asSent, ...early, probability: earlyShare },
    { ...asSent, ...late, probability: 1 - earlyShare },
  ]
}

/** The brightness that keeps the mean photon number on the fibre as it was without Eve. */
export function unnoticedMeanPhotonNumber(intensities: readonly Intensity[]): number {
  let photons = 0
  let seen = 0
  for (const { meanPhotonNumber, probability } of intensities) {
    photons += probability * meanPhotonNumber
    seen -= probability * Math.expm1(-meanPhotonNumber)
  }
  return seen === 0 ? 0 : photons / seen
}

/** The brightness of what an interceptor resends. */
export const resentMeanPhotonNumber = (
  { resendMeanPhotonNumber, stealth = 1 }: Attack & { readonly kind: 'intercept-resend' },
  intensities: readonly Intensity[],
): number => resendMeanPhotonNumber ?? stealth * unnoticedMeanPhotonNumber(intensities)

function requireWithin(what: string, value: number, least: number, most: number): void {
  if (value >= least && value <= most) return
  throw new OpticsRefusal(
    'OPTICS_ATTACK_INVALID',
    `Invalid ${what} of an attack: expected ${least} to ${most}, got ${value}`,
    { facts: { what, value } },
  )
}

/** More continuous power than a fibre stands. */
const POWER_UW_MAX = 1e8
