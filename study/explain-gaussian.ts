/**
 * `photonward link explain --preset gg02-…`: one simulated block of a Gaussian link, the channel as
 * estimated beside the channel as it is, and the length that a key could have. No key is made.
 *
 * @module
 */

import type { RandomSource } from '#base'
import type { ExplanationView } from '#contract'
import {
  coherentLinkNamed,
  expectCoherent,
  fibreTransmittance,
  noCoherentAttack,
  type CoherentAttack,
  type CoherentExpectation,
  type CoherentLink,
} from '#optics'
import { gaussianRate, QkdRefusal, type GaussianAlarm, type GaussianReport } from '#qkd'
import { section, type Section } from './explain-section.ts'
import { EPSILON, runGaussianBlock } from './gaussian-block.ts'

export interface GaussianExplainRequest {
  readonly preset: string
  readonly lengthKm: number | undefined
  /** Symbols of the block. */
  readonly symbols: number
  /** β, assumed. */
  readonly reconciliation: number
  /** Name of an attack, and how much of it; left out: none, and what is usual. */
  readonly attack: string | undefined
  readonly amount: number | undefined
  readonly random: RandomSource
  readonly simulatedRandomness?: boolean
}

/** @throws OpticsRefusal for an unknown preset or an impossible amount, QkdRefusal for an attack */
export function explainGaussian(request: GaussianExplainRequest): ExplanationView {
  const { preset, lengthKm, symbols, reconciliation, random, simulatedRandomness } = request
  const link = coherentLinkNamed(preset, lengthKm)
  const attack = attackNamed(request.attack, request.amount)
  const report = runGaussianBlock({
    ...{ link, attack, symbols, reconciliation, random },
    ...(simulatedRandomness === undefined ? {} : { simulatedRandomness }),
  })
  const under = attack.kind === 'none' ? '' : `, under ${attack.kind}`
  return {
    subject: `preset ${preset}, ${String(link.channel.lengthKm)} km${under}`,
    from: 'block',
    outcome: 'length only, no key is made',
    bound: 'leverrier-2010',
    sections: [
      lightSection(link),
      channelSection(report, expectCoherent(link, attack)),
      blockSection(report, reconciliation),
      lengthSection(report, rateOf(link, reconciliation)),
    ],
    secretBits: report.lengthBits,
    verdict: report.verdict,
    why: WHY[report.verdict],
    alarms: report.alarms.map(alarmText),
  }
}

/** The attack of this name; its amount is a share, an excess noise, decibels or radians a second. */
function attackNamed(name: string | undefined, amount: number | undefined): CoherentAttack {
  switch (name) {
    case undefined:
      return noCoherentAttack
    case 'intercept-resend':
      return { kind: name, fraction: amount ?? 1 }
    case 'entangling-cloner':
      return { kind: name, excessNoise: amount ?? 0.1 }
    case 'fibre-cut':
      return { kind: name, lossDb: amount ?? 3 }
    case 'drift':
      return { kind: name, radiansPerSecond: amount ?? 1 }
    case 'saturation':
    case 'local-oscillator':
      return { kind: name }
    default:
      throw new QkdRefusal('PARAMETERS_INVALID', `Expected an attack: ${ATTACKS.join(', ')}`)
  }
}

function lightSection(link: CoherentLink): Section {
  const { settings, channel, receiver } = link
  return section('Light and calibration', [
    ['symbolRateHz', settings.symbolRateHz, 'symbols per second'],
    ['modulationVariance', settings.modulationVariance, 'V_A, in shot noise units'],
    ['lengthKm', channel.lengthKm, 'fibre'],
    ['channelLossDb', -10 * Math.log10(fibreTransmittance(link)), 'of the fibre, without Eve'],
    ['efficiency', receiver.efficiency, 'η of the receiver, trusted'],
    ['electronicNoise', receiver.electronicNoise, 'v_el, trusted, in shot noise units'],
    ['shotNoise', receiver.shotNoise, 'N₀, calibrated, in squared steps of the converter'],
  ])
}

function channelSection(
  { estimate, observables }: GaussianReport,
  { actual }: CoherentExpectation,
): Section {
  const { transmittance, excessNoise, noise, regression, quantile } = estimate
  const { saturatedShare, shotNoiseShift } = observables
  return section('Channel: as it is, which only a simulation knows, and as estimated', [
    ['transmittanceTrue', actual.transmittance, 'T of the channel as it is'],
    ['transmittance', transmittance.value, 'T as estimated'],
    ['transmittanceLower', transmittance.lower, 'least T inside the confidence'],
    ['transmittanceUpper', transmittance.upper, 'most T inside the confidence'],
    ['excessNoiseTrue', actual.excessNoise, 'ξ of the channel as it is'],
    ['excessNoise', excessNoise.value, 'ξ as estimated, at the input of the channel'],
    ['excessNoiseLower', excessNoise.lower, 'least ξ inside the confidence'],
    ['excessNoiseUpper', excessNoise.upper, 'most ξ inside the confidence'],
    ['noise', noise.value, 'σ²: what is left of the variance, in shot noise units'],
    ['noiseUpper', noise.upper, 'most σ² inside the confidence'],
    ['quantile', quantile, 'z: half the width of the confidence, in standard errors'],
    ['sentVariance', regression.sentVariance, 'variance of what was disclosed'],
    ['offset', regression.offset, 'mean of what was measured; no noise, and no harm by itself'],
    ['saturatedShare', saturatedShare, 'share of values at the end of the converter’s range'],
    ...(shotNoiseShift === undefined
      ? []
      : ([['shotNoiseShift', shotNoiseShift, 'of N₀ as watched from N₀ as calibrated']] as const)),
  ])
}

const blockSection = (report: GaussianReport, reconciliation: number): Section =>
  section('Block', [
    ['symbols', report.symbols, 'exchanged'],
    ['disclosedSymbols', report.disclosedSymbols, 'disclosed to estimate the channel'],
    ['keptSymbols', report.symbols - report.disclosedSymbols, 'n: kept, of which a key could come'],
    ['reconciliation', reconciliation, 'β, assumed: no reconciliation of such values is built'],
    ['epsilon', EPSILON, 'ε of estimate, smoothing and amplification, each'],
  ])

function lengthSection({ length, symbols }: GaussianReport, infinite: number): Section {
  return section('Key length, in bits per kept symbol', [
    ['mutualInformation', length.mutualInformation, 'I of both ends, at the estimate'],
    ['holevoEstimated', length.holevoEstimated, 'S: what Eve may know, at the estimate'],
    ['holevoCorner', length.holevoCorner, 'S at least T and most noise, as in the paper'],
    ['holevo', length.holevo, 'S at the worst T inside the confidence and most noise: counts'],
    ['worstTransmittance', length.worst.transmittance, 'T at which that is'],
    ['worstExcessNoise', length.worst.excessNoise, 'ξ at which that is'],
    ['smoothing', length.smoothing, 'price of a finite block: 7·√(log₂(2/ε)/n)'],
    ['amplification', length.amplification, 'price of amplification: 2·log₂(1/ε)/n'],
    ['surplus', length.surplus, 'β·I − S − both prices; below 0 there is no key'],
    ['boundBits', length.lengthBits, 'n·surplus in whole bits, before any alarm'],
    ['ratePerSymbol', length.lengthBits / symbols, 'the same per symbol exchanged'],
    ['rateOfInfiniteBlock', infinite, 'of the honest link with infinitely many symbols'],
  ])
}

/** The honest link with infinitely many symbols, nearly all kept. */
const rateOf = (link: CoherentLink, reconciliation: number): number =>
  gaussianRate({
    modulationVariance: link.settings.modulationVariance,
    transmittance: fibreTransmittance(link),
    excessNoise: link.channel.excessNoise,
    receiver: { ...link.receiver, detection: link.settings.detection },
    reconciliation,
  }).rate

const alarmText = ({ kind, value, limit, voidsBlock }: GaussianAlarm): string => {
  const figures = `${value.toPrecision(4)} is above ${limit.toPrecision(4)}`
  return `${kind}: ${ALARMS[kind]}, ${figures}${voidsBlock ? '; the block is void' : ''}`
}

const ALARMS: Readonly<Record<GaussianAlarm['kind'], string>> = {
  'excess-noise': 'more excess noise than calibrated',
  saturation: 'share of values at the end of the range',
  'shot-noise': 'shot noise is not as calibrated, by share',
  'noise-below-vacuum': 'less noise than the vacuum has, by so much',
  modulation: 'another variance than agreed was sent, by share',
}

const WHY: Readonly<Record<GaussianReport['verdict'], string>> = {
  length:
    'Reconciliation of the assumed efficiency could leave a key of this length; none is built, ' +
    'and no key is made',
  'no-correlation': 'No key: perhaps nothing of what was sent arrives',
  'noise-takes-all': 'No key: Eve may know as much of the receiver’s data as both ends share',
  'block-too-small':
    'No key: the estimate would leave one, but in so few symbols the channel may be worse',
  'device-suspect': 'No key: a device is not as calibrated, so the bound proves nothing',
}

/** Attacks on such links, by name. */
export const ATTACKS = [
  'intercept-resend',
  'entangling-cloner',
  'saturation',
  'local-oscillator',
  'fibre-cut',
  'drift',
] as const
