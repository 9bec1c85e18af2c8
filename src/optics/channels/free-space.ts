/**
 * Light through the air between two buildings.
 *
 * A Gaussian beam spreads by diffraction and turbulence, trembles by pointing, loses to haze by
 * visibility, and the receiver's telescope takes what falls on it, together with daylight that its
 * field of view holds. Losses are means; turbulence also makes the light twinkle, which is told as a
 * scintillation index and as how deep a fade is met how rarely.
 *
 * The gain of dim pulses is linear in the transmittance, so means suffice for counts, unless dark
 * counts are to be cut out of deep fades. Beam wander counts as pointing. Rain and snow are not
 * modelled, nor mirages over hot roofs.
 *
 * @see Andrews, Phillips, Laser Beam Propagation through Random Media, 2nd ed. (2005) for
 *   turbulence; Kim, McArthur, Korevaar, Proc. SPIE 4214 (2001) for haze; Miao et al., New J. Phys.
 *   7, 215 (2005) for daylight
 * @module
 */

import type { FibreChannel } from '../channel.ts'
import { requireRange } from '../range.ts'
import { fadeQuantile, gammaGammaOf, type Fading } from './fading.ts'
import { lossDbOf, photonsIn } from './light.ts'

export interface FreeSpacePath {
  readonly lengthKm: number
  readonly wavelengthNm: number
  /** Diameter of the beam where it starts, between the points of 1/e² of its intensity. */
  readonly beamM: number
  readonly apertureM: number
  /** Standard deviation of the pointing error along each axis. */
  readonly pointingUrad: number
  /** Meteorological visibility. */
  readonly visibilityKm: number
  /** Cₙ² of the refractive index in m^(−2/3): 10⁻¹⁵ calm night to 10⁻¹³ hot day. */
  readonly turbulence: number
  /** Both telescopes together. */
  readonly opticsDb: number
  readonly sky: SkyLight
}

/** Sky radiances in W/(m²·sr·µm), as Miao et al. list them. */
export const skyRadiance = {
  'moonless-night': 1.5e-6,
  'full-moon-night': 1.5e-3,
  'clear-day': 1.5,
  'hazy-day': 15,
  'cloudy-day': 150,
} as const

/** What else gets into the telescope. */
export interface SkyLight {
  readonly radiance: number
  /** Full angle of the field of view. */
  readonly fieldUrad: number
  readonly filterNm: number
  readonly gateSeconds: number
  /** From the aperture to a count: receiver loss and detectors. */
  readonly countedShare: number
}

/** The parts of the loss in dB, and the channel that they make. */
export interface FreeSpaceBudget {
  /** Radius at the receiver without turbulence, in metres, at 1/e² of the intensity. */
  readonly diffractedM: number
  /** With turbulence, and with pointing on top. */
  readonly spreadM: number
  readonly effectiveM: number
  readonly geometricDb: number
  readonly turbulenceDb: number
  readonly pointingDb: number
  readonly hazeDb: number
  readonly opticsDb: number
  readonly totalDb: number
  /** σ_R²: below 1 turbulence is weak. */
  readonly rytovVariance: number
  readonly fading: Fading
  /** Depth of fade below the mean that is exceeded one part of a hundred of the time. */
  readonly fadeDb: number
  readonly backgroundProbability: number
  readonly channel: FibreChannel
}

/** Adds up the loss of a path through the air. @throws OpticsRefusal OPTICS_LINK_INVALID */
export function freeSpaceBudget(path: FreeSpacePath): FreeSpaceBudget {
  check(path)
  const metres = path.lengthKm * 1000
  const wave = path.wavelengthNm * 1e-9
  const k = (2 * Math.PI) / wave
  const radius = path.apertureM / 2
  const start = path.beamM / 2
  const diffractedM = start * Math.hypot(1, (metres * wave) / (Math.PI * start * start))
  const rytovVariance = 1.23 * path.turbulence * k ** (7 / 6) * metres ** (11 / 6)
  const fresnel = (2 * metres) / (k * diffractedM * diffractedM)
  const spreadM = diffractedM * Math.sqrt(1 + 1.33 * rytovVariance * fresnel ** (5 / 6))
  const wander = 2 * path.pointingUrad * 1e-6 * metres
  const effectiveM = Math.hypot(spreadM, wander)
  const shares = [diffractedM, spreadM, effectiveM].map((width) => collected(radius, width))
  const geometricDb = lossDbOf(shares[0])
  const turbulenceDb = lossDbOf(shares[1]) - geometricDb
  const pointingDb = lossDbOf(shares[2]) - lossDbOf(shares[1])
  const hazeDb = hazeDbPerKm(path.visibilityKm, path.wavelengthNm) * path.lengthKm
  const totalDb = lossDbOf(shares[2]) + hazeDb + path.opticsDb
  const fading = gammaGammaOf(rytovVariance, averaging(path.apertureM, k, metres))
  const { backgroundProbability } = skyNoise(path.sky, path.apertureM, path.wavelengthNm)
  return {
    diffractedM,
    spreadM,
    effectiveM,
    geometricDb,
    turbulenceDb,
    pointingDb,
    hazeDb,
    opticsDb: path.opticsDb,
    totalDb,
    rytovVariance,
    fading,
    fadeDb: lossDbOf(fadeQuantile(fading, 0.01)),
    backgroundProbability,
    // All of it as insertion loss: air does not lose by the kilometre alone.
    channel: {
      lengthKm: path.lengthKm,
      attenuationDbPerKm: 0,
      insertionLossDb: totalDb,
      backgroundProbability,
    },
  }
}

/** Share of a centred Gaussian beam, of this radius at 1/e², that a round aperture takes. */
export const collected = (apertureRadiusM: number, beamRadiusM: number): number =>
  -Math.expm1((-2 * apertureRadiusM ** 2) / beamRadiusM ** 2)

/**
 * Loss to haze and fog in dB/km.
 *
 * @see Kim, McArthur, Korevaar 2001: 3.912/V·(λ/550 nm)^−q, q from 1.6 in clear air to 0 in fog
 */
export function hazeDbPerKm(visibilityKm: number, wavelengthNm: number): number {
  const exponent =
    visibilityKm > 50
      ? 1.6
      : visibilityKm > 6
        ? 1.3
        : visibilityKm > 1
          ? 0.16 * visibilityKm + 0.34
          : Math.max(0, visibilityKm - 0.5)
  const perKm = (3.912 / visibilityKm) * (wavelengthNm / 550) ** -exponent
  return (10 / Math.LN10) * perKm
}

/** Photons of the sky that are counted in a gate, and what that is for one of two detectors. */
export function skyNoise(
  sky: SkyLight,
  apertureM: number,
  wavelengthNm: number,
): {
  readonly watts: number
  readonly clicksPerGate: number
  readonly backgroundProbability: number
} {
  const area = Math.PI * (apertureM / 2) ** 2
  const solidAngle = Math.PI * ((sky.fieldUrad * 1e-6) / 2) ** 2
  const watts = sky.radiance * area * solidAngle * sky.filterNm * 1e-3
  const clicksPerGate = photonsIn(watts, sky.gateSeconds, wavelengthNm) * sky.countedShare
  return { watts, clicksPerGate, backgroundProbability: -Math.expm1(-clicksPerGate / 2) }
}

/**
 * How much an aperture evens the twinkling out: the scintillation over it, over that at a point.
 *
 * @see Andrews, Phillips, section 10.3: plane wave, weak turbulence
 */
const averaging = (apertureM: number, k: number, metres: number): number =>
  (1 + (1.062 * k * apertureM ** 2) / (4 * metres)) ** (-7 / 6)

function check(path: FreeSpacePath): void {
  requireRange('lengthKm', path.lengthKm, 0.001, 300)
  requireRange('wavelengthNm', path.wavelengthNm, 400, 2000)
  requireRange('beamM', path.beamM, 1e-4, 10)
  requireRange('apertureM', path.apertureM, 1e-4, 10)
  requireRange('pointingUrad', path.pointingUrad, 0, 1e4)
  requireRange('visibilityKm', path.visibilityKm, 0.01, 500)
  requireRange('turbulence', path.turbulence, 0, 1e-11)
  requireRange('opticsDb', path.opticsDb, 0, 100)
  checkSky(path.sky)
}

/** @throws OpticsRefusal OPTICS_LINK_INVALID */
export function checkSky(sky: SkyLight): void {
  requireRange('radiance', sky.radiance, 0, 1000)
  requireRange('fieldUrad', sky.fieldUrad, 0, 1e5)
  requireRange('filterNm', sky.filterNm, 0, 1000)
  requireRange('gateSeconds', sky.gateSeconds, 0, 1e-3)
  requireRange('countedShare', sky.countedShare, 0, 1)
}
