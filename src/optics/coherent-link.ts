/**
 * A link of Gaussian-modulated coherent states, and what Eve may do on it.
 *
 * Noise is in shot noise units: the variance of the vacuum in one quadrature is 1. Excess noise is
 * referred to the channel's input. An attack is data; `lawUnder` says what it makes of a symbol,
 * and `expectCoherent` what a regression at both ends finds then. The simulation works from the
 * law alone.
 *
 * Does not cover attacks on several symbols at once, nor Eve inside the receiver.
 *
 * @see Grosshans, Grangier, PRL 88, 057902 (2002); Lodewyck et al., Phys. Rev. A 76, 042305 (2007)
 * @module
 */

import type { CoherentSettings, ReceiverCalibration } from './coherent-device.ts'
import { OpticsRefusal } from './refusal.ts'
import { requireRange } from './range.ts'

export interface CoherentLink {
  readonly settings: CoherentSettings
  readonly channel: {
    readonly lengthKm: number
    readonly attenuationDbPerKm: number
    readonly insertionLossDb: number
    /** ξ: noise beyond that of the vacuum, of the transmitter and the fibre. */
    readonly excessNoise: number
    /** Variance of the phase between signal and local oscillator, anew in each symbol, in rad². */
    readonly phaseVariance: number
  }
  readonly receiver: ReceiverCalibration & {
    /** Samples of each batch by which N₀ is watched; 0 if it is not. */
    readonly watchSamples: number
  }
}

export type CoherentAttack =
  | { readonly kind: 'none' }
  | {
      /**
       * Eve measures both quadratures of a share `fraction` of all symbols at the transmitter's
       * end, and sends what she saw: two shot noise units on each of them.
       */
      readonly kind: 'intercept-resend'
      readonly fraction: number
    }
  | {
      /**
       * The best collective attack: the fibre's loss goes to Eve, through a beam splitter on whose
       * other port she puts one half of an entangled pair. What she adds to ξ may be 0: then
       * nothing shows, and the bound counts all that she gets.
       */
      readonly kind: 'entangling-cloner'
      readonly excessNoise: number
    }
  | {
      /**
       * Everything intercepted, resent four times as strong, and the middle of what the receiver
       * sees moved onto the end of its converter's range: one half of all values is cut off, and
       * with it the noise that would show (Qin, Kumar, Alléaume, Phys. Rev. A 94, 012325 (2016)).
       * Eve adds noise where too little is left.
       */
      readonly kind: 'saturation'
    }
  | {
      /**
       * Everything intercepted, and the local oscillator dimmed, so that a shot noise unit is
       * smaller than calibrated and hides the two that she adds (Jouguet, Kunz-Jacques, Diamanti,
       * Phys. Rev. A 87, 062313 (2013)).
       */
      readonly kind: 'local-oscillator'
    }
  /** The fibre is bent or cut: a step of extra loss. */
  | { readonly kind: 'fibre-cut'; readonly lossDb: number }
  /** No attack: the phase of the local oscillator runs away. */
  | { readonly kind: 'drift'; readonly radiansPerSecond: number }

export const noCoherentAttack: CoherentAttack = { kind: 'none' }

/** How one measured value comes about: √power·(slope·sent + noise + shift) + electronic noise. */
export interface SymbolLaw {
  /** √(g·T): from what was sent to one measured quadrature. */
  readonly slope: number
  /** Variance, that of the vacuum included. */
  readonly noise: number
  /** Share of symbols with `resentNoise` on top. */
  readonly resentShare: number
  readonly resentNoise: number
  /** In √(shot noise unit). */
  readonly shift: number
  /** Power of the local oscillator over that at calibration. */
  readonly power: number
  readonly radiansPerSymbol: number
}

/** A channel in the two figures that the ends estimate. */
export interface ChannelFigures {
  readonly transmittance: number
  readonly excessNoise: number
}

export interface CoherentExpectation {
  /** What happens to the light. */
  readonly actual: ChannelFigures
  /** What a regression of all data finds on average, with the receiver as calibrated. */
  readonly seen: ChannelFigures
}

/** g: η, halved where heterodyne detection splits the light. */
export const gainOf = ({ settings, receiver }: CoherentLink): number =>
  settings.detection === 'homodyne' ? receiver.efficiency : receiver.efficiency / 2

/** T of the fibre. */
export const fibreTransmittance = ({ channel }: CoherentLink): number =>
  10 ** (-(channel.lengthKm * channel.attenuationDbPerKm + channel.insertionLossDb) / 10)

/** @throws OpticsRefusal OPTICS_LINK_INVALID */
export function checkedCoherentLink(link: CoherentLink): CoherentLink {
  const { settings, channel, receiver } = link
  requireRange('symbol rate in Hz', settings.symbolRateHz, 1, 1e12)
  requireRange('modulation variance', settings.modulationVariance, 1e-3, 1e4)
  requireRange('length in km', channel.lengthKm, 0, 1000)
  requireRange('attenuation in dB/km', channel.attenuationDbPerKm, 0, 10)
  requireRange('insertion loss in dB', channel.insertionLossDb, 0, 60)
  requireRange('excess noise', channel.excessNoise, 0, 100)
  requireRange('phase variance in rad²', channel.phaseVariance, 0, 1)
  requireRange('efficiency', receiver.efficiency, 1e-3, 1)
  requireRange('electronic noise', receiver.electronicNoise, 0, 100)
  requireRange('shot noise', receiver.shotNoise, 1e-12, 1e12)
  requireRange('range', receiver.range / Math.sqrt(receiver.shotNoise), 1, 1e6)
  requireRange('samples to watch shot noise by', receiver.watchSamples, 0, 1e9)
  return link
}

/** @throws OpticsRefusal OPTICS_ATTACK_INVALID */
export function checkedCoherentAttack(link: CoherentLink, attack: CoherentAttack): CoherentAttack {
  const least = 2 * gainOf(link) * fibreTransmittance(link)
  switch (attack.kind) {
    case 'intercept-resend':
      requireOf('fraction', attack.fraction, 1)
      break
    case 'entangling-cloner':
      requireOf('excessNoise', attack.excessNoise, 100)
      break
    case 'fibre-cut':
      requireOf('lossDb', attack.lossDb, Infinity)
      break
    case 'drift':
      requireOf('radiansPerSecond', attack.radiansPerSecond, 1e9)
      break
    case 'local-oscillator':
      requireOf('share of the local oscillator to take away', least, 0.95)
      break
    case 'none':
    case 'saturation':
  }
  return attack
}

/** What an attack makes of one symbol. */
export function lawUnder(link: CoherentLink, attack: CoherentAttack): SymbolLaw {
  const { channel, receiver, settings } = link
  const T = fibreTransmittance(link)
  const seen = gainOf(link) * T
  const honest: SymbolLaw = {
    slope: Math.sqrt(seen),
    noise: 1 + seen * channel.excessNoise,
    resentShare: 0,
    resentNoise: 0,
    shift: 0,
    power: 1,
    radiansPerSymbol: 0,
  }
  switch (attack.kind) {
    case 'none':
      return honest
    case 'intercept-resend':
      return { ...honest, resentShare: attack.fraction, resentNoise: RESENT * seen }
    case 'entangling-cloner':
      return { ...honest, noise: honest.noise + seen * attack.excessNoise }
    case 'fibre-cut': {
      const left = seen * 10 ** (-attack.lossDb / 10)
      return { ...honest, slope: Math.sqrt(left), noise: 1 + left * channel.excessNoise }
    }
    case 'drift':
      return { ...honest, radiansPerSymbol: attack.radiansPerSecond / settings.symbolRateHz }
    case 'local-oscillator': {
      // power·(1 + seen/power·(ξ + 2)) is the noise of the honest link.
      const power = 1 - RESENT * seen
      const stronger = seen / power
      const noise = 1 + stronger * (channel.excessNoise + RESENT)
      return { ...honest, slope: Math.sqrt(stronger), noise, power }
    }
    case 'saturation': {
      const { electronicNoise, range, shotNoise } = receiver
      const signal = seen * settings.modulationVariance
      const noise = 1 + STRONGER * seen * RESENT
      const wanted = (honest.noise + electronicNoise + signal) / HALF_LEFT
      const fill = Math.max(0, wanted - STRONGER * signal - noise - electronicNoise)
      const slope = Math.sqrt(STRONGER * seen)
      return { ...honest, slope, noise: noise + fill, shift: range / Math.sqrt(shotNoise) }
    }
  }
}

/** Both ends' regression on average; phase that runs away is left out of it. */
export function expectCoherent(link: CoherentLink, attack: CoherentAttack): CoherentExpectation {
  const { slope, noise, resentShare, resentNoise, shift, power } = lawUnder(link, attack)
  const { electronicNoise } = link.receiver
  const { modulationVariance } = link.settings
  const gain = gainOf(link)
  const steady = Math.exp(-link.channel.phaseVariance)
  const added = noise - 1 + resentShare * resentNoise
  const signal = slope * slope * modulationVariance
  if (slope === 0) return { actual: CLOSED, seen: CLOSED }
  const actual = {
    transmittance: (slope * slope * steady) / gain,
    excessNoise: (added + signal * (1 - steady)) / (slope * slope * steady),
  }
  // Where the middle lies on the end of the range one half of each value's deviations is left.
  const cut = shift === 0 ? 1 : 1 / STRONGER
  const kept = power * slope * slope * steady * cut
  const spread = power * (signal + 1 + added) + electronicNoise
  const rest = (shift === 0 ? spread : HALF_LEFT * spread) - kept * modulationVariance
  const seen = {
    transmittance: kept / gain,
    excessNoise: (rest - 1 - electronicNoise) / kept,
  }
  return { actual, seen }
}

/** Where no light arrives there is no input that noise could be referred to. */
const CLOSED: ChannelFigures = { transmittance: 0, excessNoise: 0 }

function requireOf(what: string, value: number, most: number): void {
  if (value >= 0 && value <= most) return
  throw new OpticsRefusal(
    'OPTICS_ATTACK_INVALID',
    `Invalid ${what}: expected 0 to ${String(most)}, got ${String(value)}`,
    { facts: { what, value } },
  )
}

/** Shot noise units: one for measuring both quadratures, one for preparing anew. */
const RESENT = 2

/** A value whose deviations are cut off on one side depends half as much on what was sent. */
const STRONGER = 4

/** Variance of min(w, 0) for a standard normal w. */
const HALF_LEFT = 0.5 - 1 / (2 * Math.PI)
