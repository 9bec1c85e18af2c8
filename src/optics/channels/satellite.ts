/**
 * One pass of a satellite that sends to a ground station.
 *
 * A circular orbit above a round Earth; its rotation is left out, which shifts a pass by some
 * seconds. At each moment: elevation, range, and the losses that follow: the beam spreads with its
 * divergence, pointing trembles, the air takes what it takes at the zenith, more often the lower the
 * satellite stands. Downlink only: turbulence near the ground then hardly spreads the beam, and is
 * left out.
 *
 * @see Liao et al., Nature 549, 43 (2017) for what a satellite's link is made of
 * @module
 */

import type { FibreChannel } from '../channel.ts'
import { requireRange } from '../range.ts'
import { checkSky, collected, skyNoise, type SkyLight } from './free-space.ts'
import { lossDbOf } from './light.ts'

export interface SatellitePass {
  readonly altitudeKm: number
  /** Elevation at the middle of the pass. */
  readonly elevationMaxDeg: number
  /** The pass is used above this elevation. */
  readonly elevationMinDeg: number
  readonly wavelengthNm: number
  /** Full angle of the beam, between the points of 1/e² of its intensity. */
  readonly divergenceUrad: number
  readonly pointingUrad: number
  readonly apertureM: number
  /** Loss of the air straight up. */
  readonly zenithDb: number
  /** Both telescopes, without the receiver's own loss. */
  readonly opticsDb: number
  readonly sky: SkyLight
}

/** One moment of a pass. */
export interface PassMoment {
  /** From the middle of the pass. */
  readonly seconds: number
  readonly elevationDeg: number
  readonly rangeKm: number
  readonly geometricDb: number
  readonly pointingDb: number
  readonly airDb: number
  readonly totalDb: number
  readonly channel: FibreChannel
}

/** The pass in even steps, each told by its middle. */
export interface PassProfile {
  readonly seconds: number
  readonly stepSeconds: number
  readonly moments: readonly PassMoment[]
}

/** Follows a pass. @throws OpticsRefusal OPTICS_LINK_INVALID */
export function satellitePass(pass: SatellitePass, steps = 200): PassProfile {
  check(pass, steps)
  const orbit = EARTH_KM + pass.altitudeKm
  const rate = Math.sqrt(EARTH_KM3_PER_S2 / orbit ** 3)
  const nearest = centralAngle(orbit, pass.elevationMaxDeg)
  const farthest = centralAngle(orbit, pass.elevationMinDeg)
  // On the sphere: cos ψ = cos ψ₀ · cos ωt.
  const half = Math.acos(Math.min(1, Math.cos(farthest) / Math.cos(nearest))) / rate
  const stepSeconds = (2 * half) / steps
  const moments = Array.from({ length: steps }, (_, at) => {
    const seconds = -half + (at + 0.5) * stepSeconds
    const angle = Math.acos(Math.cos(nearest) * Math.cos(rate * seconds))
    return momentAt(pass, orbit, angle, seconds)
  })
  return { seconds: 2 * half, stepSeconds, moments }
}

/** Range to a circular orbit at an elevation, in kilometres. */
export function slantRangeKm(altitudeKm: number, elevationDeg: number): number {
  const sine = Math.sin(radians(elevationDeg))
  const orbit = EARTH_KM + altitudeKm
  return Math.sqrt(orbit ** 2 - EARTH_KM ** 2 * (1 - sine ** 2)) - EARTH_KM * sine
}

function momentAt(pass: SatellitePass, orbit: number, angle: number, seconds: number): PassMoment {
  const rangeKm = Math.sqrt(orbit ** 2 + EARTH_KM ** 2 - 2 * orbit * EARTH_KM * Math.cos(angle))
  const sine = (orbit * Math.cos(angle) - EARTH_KM) / rangeKm
  const elevationDeg = (Math.asin(sine) * 180) / Math.PI
  const metres = rangeKm * 1000
  const radius = pass.apertureM / 2
  const beam = (pass.divergenceUrad * 1e-6 * metres) / 2
  const trembling = Math.hypot(beam, 2 * pass.pointingUrad * 1e-6 * metres)
  const geometricDb = lossDbOf(collected(radius, beam))
  const pointingDb = lossDbOf(collected(radius, trembling)) - geometricDb
  const airDb = pass.zenithDb * airMass(elevationDeg)
  const totalDb = geometricDb + pointingDb + airDb + pass.opticsDb
  const { backgroundProbability } = skyNoise(pass.sky, pass.apertureM, pass.wavelengthNm)
  return {
    seconds,
    elevationDeg,
    rangeKm,
    geometricDb,
    pointingDb,
    airDb,
    totalDb,
    channel: {
      lengthKm: rangeKm,
      attenuationDbPerKm: 0,
      insertionLossDb: totalDb,
      backgroundProbability,
    },
  }
}

/**
 * How often the air overhead light has to cross.
 *
 * @see Kasten, Young, Appl. Opt. 28, 4735 (1989)
 */
export const airMass = (elevationDeg: number): number =>
  1 / (Math.sin(radians(elevationDeg)) + 0.50572 * (elevationDeg + 6.07995) ** -1.6364)

/** Angle at the Earth's centre between station and satellite. */
function centralAngle(orbit: number, elevationDeg: number): number {
  const elevation = radians(elevationDeg)
  return Math.acos((EARTH_KM / orbit) * Math.cos(elevation)) - elevation
}

const radians = (degrees: number): number => (degrees * Math.PI) / 180

function check(pass: SatellitePass, steps: number): void {
  requireRange('altitudeKm', pass.altitudeKm, 150, 2000)
  requireRange('elevationMaxDeg', pass.elevationMaxDeg, 1, 90)
  requireRange('elevationMinDeg', pass.elevationMinDeg, 1, pass.elevationMaxDeg)
  requireRange('wavelengthNm', pass.wavelengthNm, 400, 2000)
  requireRange('divergenceUrad', pass.divergenceUrad, 0.1, 1e4)
  requireRange('pointingUrad', pass.pointingUrad, 0, 1e3)
  requireRange('apertureM', pass.apertureM, 0.01, 10)
  requireRange('zenithDb', pass.zenithDb, 0, 30)
  requireRange('opticsDb', pass.opticsDb, 0, 100)
  requireRange('steps', steps, 1, 100_000)
  checkSky(pass.sky)
}

/** Mean radius of the Earth. */
const EARTH_KM = 6371
/** Its gravity: G·M. */
const EARTH_KM3_PER_S2 = 398_600.4418
