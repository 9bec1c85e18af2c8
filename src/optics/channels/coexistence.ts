/**
 * Light of data channels that gets into the quantum channel of the same fibre.
 *
 * Three ways in: Raman scattering all along the fibre, at every wavelength; crosstalk of the
 * channels themselves through the filter; four-wave mixing of channels that run the same way, where
 * a product falls on the quantum channel. All come out as the probability that one of two detectors
 * fires in one gate, which is what `backgroundProbability` of a channel holds.
 *
 * Not modelled: Brillouin scattering (it stays within 0.1 nm of its pump), amplified spontaneous
 * emission of data transmitters (a filter at their side has to remove it), cross-phase modulation.
 *
 * @see Eraerds et al., New J. Phys. 12, 063027 (2010) for all three; Chapuran et al., New J. Phys.
 *   11, 105001 (2009) for Raman scattering
 * @module
 */

import { requireRange } from '../range.ts'
import { LIGHT_SPEED, perKilometre, photonsIn, wattsOf } from './light.ts'

/** One data channel on the fibre. */
export interface DataChannel {
  readonly wavelengthNm: number
  /** As it enters the fibre. */
  readonly launchDbm: number
  /** `co`: as the quantum signal runs; `counter`: against it. */
  readonly direction: 'co' | 'counter'
  readonly attenuationDbPerKm: number
  /** ρ: scattered into the quantum channel, per km of fibre and nm of filter. */
  readonly ramanPerKmNm: number
}

/** The quantum channel's filter and detectors. */
export interface QuantumWindow {
  readonly wavelengthNm: number
  readonly attenuationDbPerKm: number
  readonly filterNm: number
  readonly gateSeconds: number
  /** Loss from the end of the fibre to the detectors. */
  readonly receiverLossDb: number
  readonly efficiency: number
  /** How well filters keep a data channel's own light from the detectors. */
  readonly isolationDb: number
  /** Share of counter-propagating light that returns to the receiver, as a loss. */
  readonly returnLossDb: number
}

/** Glass that mixes waves. */
export interface Nonlinearity {
  /** γ in 1/(W·km): 1.3 for standard fibre. */
  readonly perWattKm: number
  /** D in ps/(nm·km) at the quantum wavelength: 17 for standard fibre at 1550 nm. */
  readonly dispersion: number
  /** dD/dλ in ps/(nm²·km): 0.056 for standard fibre. */
  readonly dispersionSlope: number
}

/** Noise of one data channel, as power at the fibre's end and as clicks. */
export interface ChannelNoise {
  readonly channel: DataChannel
  readonly ramanWatts: number
  readonly crosstalkWatts: number
}

export interface Coexistence {
  readonly channels: readonly ChannelNoise[]
  /** Four-wave mixing of all co-propagating channels together, at the fibre's end. */
  readonly mixingWatts: number
  readonly ramanClicks: number
  readonly crosstalkClicks: number
  readonly mixingClicks: number
  /** Noise photons counted per gate, in both detectors together. */
  readonly clicksPerGate: number
  /** What a channel's `backgroundProbability` is to be: for one of two detectors. */
  readonly backgroundProbability: number
}

/**
 * Noise of data channels over one fibre.
 *
 * @param fibre.nonlinearity  left out: four-wave mixing is not computed
 * @throws OpticsRefusal OPTICS_LINK_INVALID
 */
export function coexistence(
  window: QuantumWindow,
  fibre: { readonly lengthKm: number; readonly nonlinearity?: Nonlinearity },
  data: readonly DataChannel[],
): Coexistence {
  check(window, fibre.lengthKm, data)
  const channels = data.map((channel) => ({
    channel,
    ramanWatts: ramanWatts(channel, window, fibre.lengthKm),
    crosstalkWatts: crosstalkWatts(channel, window, fibre.lengthKm),
  }))
  const mixingWatts =
    fibre.nonlinearity === undefined ? 0 : mixing(window, fibre.lengthKm, fibre.nonlinearity, data)
  const clicks = (watts: number): number =>
    photonsIn(watts, window.gateSeconds, window.wavelengthNm) *
    window.efficiency *
    10 ** (-window.receiverLossDb / 10)
  const ramanClicks = clicks(channels.reduce((sum, one) => sum + one.ramanWatts, 0))
  const crosstalkClicks = clicks(channels.reduce((sum, one) => sum + one.crosstalkWatts, 0))
  const mixingClicks = clicks(mixingWatts)
  const clicksPerGate = ramanClicks + crosstalkClicks + mixingClicks
  return {
    channels,
    mixingWatts,
    ramanClicks,
    crosstalkClicks,
    mixingClicks,
    clicksPerGate,
    // Unpolarised noise splits evenly; a detector fires if any of its share comes.
    backgroundProbability: -Math.expm1(-clicksPerGate / 2),
  }
}

/**
 * ρ for a pump of another wavelength than the one it was measured with: scattering is stronger the
 * shorter the wave, by its fourth power. For the same distance of both wavelengths.
 */
export const ramanScaled = (
  ramanPerKmNm: number,
  measuredNm: number,
  wavelengthNm: number,
): number => ramanPerKmNm * (measuredNm / wavelengthNm) ** 4

/** ρ close to a pump in the C band, per km and nm. @see Eraerds et al. 2010: 2 to 3·10⁻⁹ */
export const RAMAN_C_BAND = 2.5e-9

function ramanWatts(channel: DataChannel, window: QuantumWindow, lengthKm: number): number {
  const pump = perKilometre(channel.attenuationDbPerKm)
  const signal = perKilometre(window.attenuationDbPerKm)
  const source = wattsOf(channel.launchDbm) * channel.ramanPerKmNm * window.filterNm
  if (channel.direction === 'counter') {
    const both = pump + signal
    return source * (both === 0 ? lengthKm : -Math.expm1(-both * lengthKm) / both)
  }
  // ∫ e^(−pump·z)·e^(−signal·(L−z)) dz, whose limit for equal attenuation is L·e^(−α·L).
  const apart = (pump - signal) * lengthKm
  const shape = Math.abs(apart) < 1e-9 ? 1 : -Math.expm1(-apart) / apart
  return source * lengthKm * Math.exp(-signal * lengthKm) * shape
}

function crosstalkWatts(channel: DataChannel, window: QuantumWindow, lengthKm: number): number {
  const lossDb =
    channel.direction === 'co' ? channel.attenuationDbPerKm * lengthKm : window.returnLossDb
  return wattsOf(channel.launchDbm - lossDb - window.isolationDb)
}

/** Products f₁ + f₂ − f₃ of co-propagating channels that fall into the filter. */
function mixing(
  window: QuantumWindow,
  lengthKm: number,
  { perWattKm, dispersion, dispersionSlope }: Nonlinearity,
  data: readonly DataChannel[],
): number {
  const waves = data
    .filter(({ direction }) => direction === 'co')
    .map((channel) => ({
      frequency: LIGHT_SPEED / (channel.wavelengthNm * 1e-9),
      watts: wattsOf(channel.launchDbm),
    }))
  const target = LIGHT_SPEED / (window.wavelengthNm * 1e-9)
  const halfFilter = (target * window.filterNm) / window.wavelengthNm / 2
  const alpha = perKilometre(window.attenuationDbPerKm)
  const through = Math.exp(-alpha * lengthKm)
  const effective = alpha === 0 ? lengthKm : (1 - through) / alpha
  const lambda = window.wavelengthNm * 1e-9
  let sum = 0
  for (const [at, first] of waves.entries()) {
    for (const [other, second] of waves.entries()) {
      for (const [third, pump] of waves.entries()) {
        if (other < at || third === at || third === other) continue
        if (Math.abs(first.frequency + second.frequency - pump.frequency - target) > halfFilter) {
          continue
        }
        const [a, b] = [first.frequency - pump.frequency, second.frequency - pump.frequency].map(
          Math.abs,
        )
        // D in s/m², its slope in s/m³; the mismatch in 1/km.
        const slope = ((dispersionSlope * 1e3 * lambda * lambda) / (2 * LIGHT_SPEED)) * (a + b)
        const mismatch =
          ((2 * Math.PI * lambda * lambda) / LIGHT_SPEED) *
          a *
          b *
          (dispersion * 1e-6 + slope) *
          1e3
        const ripple = (4 * through * Math.sin((mismatch * lengthKm) / 2) ** 2) / (1 - through) ** 2
        const efficiency =
          alpha === 0
            ? sinc((mismatch * lengthKm) / 2) ** 2
            : (alpha ** 2 / (alpha ** 2 + mismatch ** 2)) * (1 + ripple)
        const degeneracy = at === other ? 1 : 2
        const product = first.watts * second.watts * pump.watts
        sum += efficiency * (degeneracy * perWattKm * effective) ** 2 * product * through
      }
    }
  }
  return sum
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(x) / x)

function check(window: QuantumWindow, lengthKm: number, data: readonly DataChannel[]): void {
  requireRange('lengthKm', lengthKm, 0, 2000)
  requireRange('number of data channels', data.length, 0, CHANNELS_MAX)
  requireRange('quantum wavelengthNm', window.wavelengthNm, 700, 2000)
  requireRange('attenuationDbPerKm', window.attenuationDbPerKm, 0, 10)
  requireRange('filterNm', window.filterNm, 1e-4, 100)
  requireRange('gateSeconds', window.gateSeconds, 1e-13, 1e-6)
  requireRange('receiverLossDb', window.receiverLossDb, 0, 100)
  requireRange('efficiency', window.efficiency, 0, 1)
  requireRange('isolationDb', window.isolationDb, 0, 300)
  requireRange('returnLossDb', window.returnLossDb, 0, 100)
  for (const channel of data) {
    requireRange('data wavelengthNm', channel.wavelengthNm, 700, 2000)
    requireRange('launchDbm', channel.launchDbm, -100, 40)
    requireRange('attenuationDbPerKm', channel.attenuationDbPerKm, 0, 10)
    requireRange('ramanPerKmNm', channel.ramanPerKmNm, 0, 1e-6)
  }
}

/** Mixing goes through all triples. */
const CHANNELS_MAX = 120
