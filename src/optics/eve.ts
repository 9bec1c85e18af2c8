/**
 * Eve on the quantum channel: what arrives at the receiver instead of what was sent.
 *
 * An attack is data. For one pulse as sent, `arrivalsOf` lists what may arrive in its place, with
 * probabilities; the simulation works from that list alone. A new attack that acts pulse by pulse
 * is a new kind here; only its closed form in `expectation` has to be written beside it. Attacks
 * on photon numbers and on detectors (photon-number splitting, blinding, time shift) will add
 * members to `Arrival`, those on the transmitter (Trojan horse) none.
 *
 * Does not cover attacks that act on several pulses at once, nor the classical channel.
 *
 * @module
 */

import { transmittance } from './channel.ts'
import type { Basis, Intensity } from './device.ts'
import { OpticsRefusal } from './refusal.ts'

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
    }
  | {
      /** The fibre is cut or bent: a step of extra loss. Infinity is a clean cut. */
      readonly kind: 'fibre-cut'
      readonly lossDb: number
    }

/** One pulse as the transmitter sent it. */
export interface SentPulse {
  readonly meanPhotonNumber: number
  readonly basis: Basis
  readonly bit: 0 | 1
}

/** Coherent light that may arrive in place of one pulse, at the receiver's entrance. */
export interface Arrival {
  /** Those of all arrivals of one sent pulse sum to 1. */
  readonly probability: number
  readonly meanPhotonNumber: number
  /** The state that the light carries. */
  readonly basis: Basis
  readonly bit: 0 | 1
  /** Whether Eve knows the transmitter's bit, once the bases are announced. */
  readonly known: boolean
}

/** No attack. */
export const noAttack: Attack = { kind: 'none' }

/** @throws OpticsRefusal OPTICS_ATTACK_INVALID */
export function checkedAttack(attack: Attack): Attack {
  switch (attack.kind) {
    case 'none':
      return attack
    case 'intercept-resend':
      requireWithin('fraction', attack.fraction, 0, 1)
      requireWithin('resendMeanPhotonNumber', attack.resendMeanPhotonNumber ?? 1, 0, 1000)
      return attack
    case 'fibre-cut':
      requireWithin('lossDb', attack.lossDb, 0, Infinity)
      return attack
  }
}

/**
 * What may arrive in place of one sent pulse.
 *
 * @param channelTransmittance  share of light that the undisturbed fibre lets through
 * @param intensities           of the source, from which Eve sets the brightness she resends
 */
export function arrivalsOf(
  attack: Attack,
  sent: SentPulse,
  channelTransmittance: number,
  intensities: readonly Intensity[],
): readonly Arrival[] {
  const asSent: Arrival = {
    ...sent,
    probability: 1,
    meanPhotonNumber: sent.meanPhotonNumber * channelTransmittance,
    known: false,
  }
  switch (attack.kind) {
    case 'none':
      return [asSent]
    case 'fibre-cut': {
      const dimmed = asSent.meanPhotonNumber * transmittance(attack.lossDb)
      return [{ ...asSent, meanPhotonNumber: dimmed }]
    }
    case 'intercept-resend': {
      const resent = attack.resendMeanPhotonNumber ?? unnoticedMeanPhotonNumber(intensities)
      const { fraction } = attack
      return [
        { ...asSent, probability: 1 - fraction },
        ...interceptions(sent, resent * channelTransmittance).map((arrival) => ({
          ...arrival,
          probability: arrival.probability * fraction,
        })),
      ]
    }
  }
}

/**
 * What arrives of an intercepted pulse: Eve's basis is right or wrong with equal probability, and
 * in the wrong one her bit is a coin toss, however many photons there were.
 */
function interceptions(sent: SentPulse, meanPhotonNumber: number): readonly Arrival[] {
  const seen = -Math.expm1(-sent.meanPhotonNumber)
  const wrong: Basis = sent.basis === 'Z' ? 'X' : 'Z'
  return [
    { ...sent, probability: 1 - seen, meanPhotonNumber: 0, known: false },
    { ...sent, probability: seen / 2, meanPhotonNumber, known: true },
    { basis: wrong, bit: 0, probability: seen / 4, meanPhotonNumber, known: false },
    { basis: wrong, bit: 1, probability: seen / 4, meanPhotonNumber, known: false },
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

function requireWithin(what: string, value: number, least: number, most: number): void {
  if (value >= least && value <= most) return
  throw new OpticsRefusal(
    'OPTICS_ATTACK_INVALID',
    `Invalid ${what} of an attack: expected ${least} to ${most}, got ${value}`,
    { facts: { what, value } },
  )
}
