/**
 * Paths through glass, air and space that can be named: every figure with its source, or the word
 * that it is assumed.
 *
 * @module
 */

import type { DataChannel, QuantumWindow } from './coexistence.ts'
import { RAMAN_C_BAND } from './coexistence.ts'
import { skyRadiance, type FreeSpacePath, type SkyLight } from './free-space.ts'
import type { SatellitePass } from './satellite.ts'

/** A path, and where its figures come from. */
export interface Sourced<T> {
  readonly title: string
  readonly figures: T
  readonly source: string
}

const rooftopSky = (radiance: number): SkyLight => ({
  radiance,
  fieldUrad: 200,
  filterNm: 0.5,
  gateSeconds: 300e-12,
  // A receiver loss of 3 dB and detectors of 20 %.
  countedShare: 0.1,
})

const rooftop = (radiance: number): FreeSpacePath => ({
  lengthKm: 0.6,
  wavelengthNm: 1550,
  beamM: 0.03,
  apertureM: 0.08,
  pointingUrad: 10,
  visibilityKm: 15,
  turbulence: 1e-14,
  opticsDb: 3,
  sky: rooftopSky(radiance),
})

/** Between the roofs of two buildings of a hospital, by night and by day. */
export const rooftopPaths: Readonly<Record<'night' | 'day', Sourced<FreeSpacePath>>> = {
  night: {
    title: 'two roofs 600 m apart, moonless night',
    figures: rooftop(skyRadiance['moonless-night']),
    source: 'assumed; radiance as listed by Miao et al., New J. Phys. 7, 215 (2005)',
  },
  day: {
    title: 'two roofs 600 m apart, hazy day',
    figures: rooftop(skyRadiance['hazy-day']),
    source: 'assumed; radiance as listed by Miao et al., New J. Phys. 7, 215 (2005)',
  },
}

/** The downlink of the satellite Micius, at 850 nm by night. */
export const miciusPass: Sourced<SatellitePass> = {
  title: 'Micius over a telescope of 1 m, from 500 km',
  figures: {
    altitudeKm: 500,
    elevationMaxDeg: 85,
    elevationMinDeg: 15,
    wavelengthNm: 850,
    divergenceUrad: 14.8,
    pointingUrad: 1.2,
    apertureM: 1,
    zenithDb: 3,
    opticsDb: 8,
    sky: {
      radiance: skyRadiance['moonless-night'],
      fieldUrad: 100,
      filterNm: 2,
      gateSeconds: 2e-9,
      countedShare: 0.5,
    },
  },
  source:
    'orbit, pointing and telescope: Liao et al., Nature 549, 43 (2017); divergence so that the ' +
    '22 dB printed there for 1,200 km come out; air of 3 dB at the zenith and optics of 8 dB are ' +
    'assumed, within what is printed there (air 3 to 8 dB)',
}

/** A quantum receiver beside data in the C band: narrow filter, short gate. Assumed. */
export const narrowWindow: QuantumWindow = {
  wavelengthNm: 1550,
  attenuationDbPerKm: 0.2,
  filterNm: 0.1,
  gateSeconds: 100e-12,
  receiverLossDb: 3,
  efficiency: 0.2,
  isolationDb: 110,
  returnLossDb: 32,
}

/** Data channels of 100 GHz spacing below the quantum channel, one level for all. */
export const dataChannels = (
  count: number,
  launchDbm: number,
  direction: DataChannel['direction'],
): readonly DataChannel[] =>
  Array.from({ length: count }, (_, at) => ({
    // The quantum channel keeps four empty places around it.
    wavelengthNm: 1550 - 0.8 * (at + 5),
    launchDbm,
    direction,
    attenuationDbPerKm: 0.2,
    ramanPerKmNm: RAMAN_C_BAND,
  }))
