/**
 * Closed forms of what pulses of one intensity fire, without Eve and under each of her attacks.
 *
 * Everything follows from one function, *quiet*: the probability that none of a pulse's photons is
 * counted when a share x of them is watched. A coherent pulse of λ counted photons has
 * quiet(x) = e^−λx. Under photon-number splitting, with p₁ and p₂ the shares of single and fuller
 * pulses that pass and M(z) = Σ_{n≥2} P(n)·z^(n−1) = (e^−μ(1−z) − e^−μ − μ·e^−μ·z) / z, it is
 * e^−μ + μ·e^−μ·(1 − p₁·ηx) + (1 − p₂)·M(1) + p₂·M(1 − ηx).
 *
 * @module
 */

import { blinds, unnoticedReplies } from './blinding.ts'
import { transmittance } from './channel.ts'
import { gateFactor } from './detector.ts'
import { resentMeanPhotonNumber, type Attack } from './eve.ts'
import { figuresOf, type OpticalLink } from './link.ts'

/** A probability, given the misalignment and whether both ends are in one basis. */
export type PulseFigure = (misalignment: number, alike: boolean) => number

/** What pulses of one intensity do in a live slot. */
export interface LitPulse {
  /** Probability that anything fires. */
  readonly fires: PulseFigure
  /** Probability of a wrong bit, both ends in one basis of this misalignment. */
  readonly wrong: (misalignment: number) => number
  /** Probability that the bit 0 is seen. */
  readonly zero: PulseFigure
  /** Probability that both detectors fire. */
  readonly double: PulseFigure
}

/**
 * The closed form for one intensity. The link is that under Eve's light.
 *
 * @param ones  probability that the bit of the pulse is 1
 */
export function litPulse(
  link: OpticalLink,
  attack: Attack,
  meanPhotonNumber: number,
  ones: number,
): LitPulse {
  const { noiseProbability: noise, ...figures } = figuresOf(link)
  const share = figures.channelTransmittance * figures.receiverTransmittance
  /** Coherent light of this mean photon number, as counted, spread over two detectors. */
  const coherentPulse = (counted: number): LitPulse =>
    spreadPulse((part) => Math.exp(-counted * part), { noise, ones })
  const untouched = coherentPulse(meanPhotonNumber * share)
  switch (attack.kind) {
    case 'none':
    case 'drift':
    case 'beam-splitting':
    case 'trojan-horse':
      return untouched
    case 'bright-light':
      return blinds(attack.powerUw, link) ? coherentPulse(0) : untouched
    case 'failing-source':
      return untouched
    case 'fibre-cut':
      return coherentPulse(meanPhotonNumber * share * transmittance(attack.lossDb))
    case 'intercept-resend': {
      const resent = resentMeanPhotonNumber(attack, link.settings.intensities) * share
      const right = coherentPulse(resent)
      const seen = attack.fraction * -Math.expm1(-meanPhotonNumber)
      return mixture([
        [1 - attack.fraction, untouched],
        [seen / 2, right],
        [seen / 2, inOtherBasis(right)],
        [attack.fraction - seen, coherentPulse(0)],
      ])
    }
    case 'photon-number-splitting':
      return mixture([
        [1 - attack.fraction, untouched],
        [attack.fraction, splitPulse(link, attack, { mu: meanPhotonNumber, noise, ones })],
      ])
    case 'blinding': {
      const replies = attack.fraction * unnoticedReplies(link.settings.intensities, share)
      const heard = (-Math.expm1(-meanPhotonNumber) * replies) / 2
      const zero = (_: number, alike: boolean): number => heard * (alike ? 1 - ones : 0.5)
      return { fires: () => heard, wrong: () => 0, zero, double: () => 0 }
    }
    case 'time-shift':
      return mixture([
        [1 - attack.fraction, untouched],
        [attack.fraction, shiftedPulse(link, attack, { counted: meanPhotonNumber * share, ones })],
      ])
  }
}

/**
 * Light spread over two detectors.
 *
 * @param quiet     probability that none of the counted photons goes to a share of the light
 * @param at.ones   probability that the right detector is the one of bit 1
 * @param at.gates  efficiency of the right and of the wrong detector, over the usual one
 */
function spreadPulse(
  quiet: (share: number) => number,
  at: Noise & { readonly gates?: readonly [number, number] },
): LitPulse {
  const { noise, ones, gates: [toRight, toWrong] = [1, 1] } = at
  const rightQuiet = (error: number): number => (1 - noise) * quiet((1 - error) * toRight)
  const wrongQuiet = (error: number): number => (1 - noise) * quiet(error * toWrong)
  const bothQuiet = (error: number): number =>
    (1 - noise) ** 2 * quiet((1 - error) * toRight + error * toWrong)
  const both = (error: number): number =>
    1 - rightQuiet(error) - wrongQuiet(error) + bothQuiet(error)
  const wrong = (error: number): number => 1 - wrongQuiet(error) - both(error) / 2
  const right = (error: number): number => 1 - rightQuiet(error) - both(error) / 2
  const within =
    (figure: (error: number) => number): PulseFigure =>
    (misalignment, alike) =>
      figure(alike ? misalignment : 0.5)
  return {
    fires: within((error) => 1 - bothQuiet(error)),
    wrong,
    zero: within((error) => (1 - ones) * right(error) + ones * wrong(error)),
    double: within(both),
  }
}

/** What a pulse meets and carries: noise of one detector, and how likely its bit is 1. */
interface Noise {
  readonly noise: number
  readonly ones: number
}

/** What light does whose basis is drawn anew: it suits the receiver's every other time. */
const inOtherBasis = (pulse: LitPulse): LitPulse => ({
  fires: pulse.fires,
  wrong: () => pulse.wrong(0.5),
  zero: (misalignment, alike) => pulse.fires(misalignment, alike) / 2,
  double: (misalignment, alike) => pulse.double(misalignment, !alike),
})

const mixture = (parts: readonly (readonly [number, LitPulse])[]): LitPulse => {
  const mean = (of: (pulse: LitPulse) => number): number =>
    parts.reduce((sum, [probability, pulse]) => sum + probability * of(pulse), 0)
  return {
    fires: (misalignment, alike) => mean((pulse) => pulse.fires(misalignment, alike)),
    wrong: (misalignment) => mean((pulse) => pulse.wrong(misalignment)),
    zero: (misalignment, alike) => mean((pulse) => pulse.zero(misalignment, alike)),
    double: (misalignment, alike) => mean((pulse) => pulse.double(misalignment, alike)),
  }
}

function splitPulse(
  link: OpticalLink,
  { stealth = 1 }: Attack & { readonly kind: 'photon-number-splitting' },
  { mu, ...at }: Noise & { readonly mu: number },
): LitPulse {
  const { channelTransmittance, receiverTransmittance: eta } = figuresOf(link)
  const signal = link.settings.intensities[0].meanPhotonNumber
  const usual = -Math.expm1(-signal * channelTransmittance * eta)
  const fuller = fullerPulses(signal, 1) - fullerPulses(signal, 1 - eta)
  const fullerPass = 1 - stealth * (1 - Math.min(1, fuller === 0 ? 1 : usual / fuller))
  const missing = Math.max(0, usual - fuller)
  const singlesPass = stealth * Math.min(1, missing / (signal * Math.exp(-signal) * eta))
  const empty = Math.exp(-mu)
  return spreadPulse(
    (share) =>
      empty +
      mu * empty * (1 - singlesPass * eta * share) +
      (1 - fullerPass) * fullerPulses(mu, 1) +
      fullerPass * fullerPulses(mu, 1 - eta * share),
    at,
  )
}

/** Σ_{n≥2} P(n)·z^(n−1). */
const fullerPulses = (mu: number, z: number): number =>
  z === 0 ? 0 : (Math.exp(-mu * (1 - z)) - Math.exp(-mu) - mu * Math.exp(-mu) * z) / z

/** Early light helps detector 0, late light detector 1; the bit says which of them is right. */
function shiftedPulse(
  link: OpticalLink,
  attack: Attack & { readonly kind: 'time-shift' },
  { counted, ones }: { readonly counted: number; readonly ones: number },
): LitPulse {
  const { noiseProbability: noise } = figuresOf(link)
  const { detector } = link.receiver
  const early = attack.earlyShare ?? 0.5
  const parts = [-attack.shiftPs, attack.shiftPs].flatMap((delayPs) =>
    ([0, 1] as const).map((bit) => {
      const gates = [bit, bit === 0 ? 1 : 0].map((which) =>
        gateFactor(detector, which === 0 ? 0 : 1, delayPs),
      )
      const weight = (delayPs < 0 ? early : 1 - early) * (bit === 1 ? ones : 1 - ones)
      const pulse = spreadPulse((share) => Math.exp(-counted * share), {
        ...{ noise, ones: bit },
        gates: [gates[0], gates[1]],
      })
      return [weight, pulse] as const
    }),
  )
  return mixture(parts)
}
