/**
 * The loss of an installed fibre, part by part: what a planner adds up before a link is built.
 *
 * Typical figures of new cable; a survey with a reflectometer replaces them. Bends, water and
 * repairs after a digger are not foreseen here, but `marginDb` may stand for them.
 *
 * @module
 */

import type { FibreChannel } from '../channel.ts'
import { requireRange } from '../range.ts'

/** Kinds of single-mode fibre by their ITU-T recommendation. */
export type FibreType = 'g652d' | 'g654e' | 'g655'

/** Typical attenuation of a fibre type. */
export interface FibreTypeFigures {
  readonly title: string
  /** Wavelength in nm and attenuation in dB/km, in rising order; linear in between. */
  readonly attenuation: readonly (readonly [wavelengthNm: number, dbPerKm: number])[]
  readonly source: string
}

/** What is assumed of each type. */
export const fibreTypes: Readonly<Record<FibreType, FibreTypeFigures>> = {
  g652d: {
    title: 'standard single-mode fibre without water peak',
    attenuation: [
      [1270, 0.36],
      [1310, 0.33],
      [1383, 0.31],
      [1490, 0.22],
      [1550, 0.2],
      [1625, 0.22],
    ],
    source: 'typical of cabled ITU-T G.652.D fibre; 0.33 and 0.20 as usual in QKD papers',
  },
  g654e: {
    title: 'ultra-low-loss fibre with a pure silica core',
    attenuation: [
      [1530, 0.172],
      [1550, 0.165],
      [1625, 0.185],
    ],
    source: 'typical of ITU-T G.654.E fibre; QKD papers use 0.16 to 0.17 at 1550 nm',
  },
  g655: {
    title: 'non-zero dispersion-shifted fibre',
    attenuation: [
      [1310, 0.38],
      [1550, 0.22],
      [1625, 0.24],
    ],
    source: 'typical of ITU-T G.655 fibre',
  },
}

export interface FibreRoute {
  readonly type: FibreType
  readonly wavelengthNm: number
  readonly lengthKm: number
  /** Longest cable between two splices. */
  readonly drumKm: number
  readonly spliceDb: number
  readonly connectors: number
  readonly connectorDb: number
  readonly ageYears: number
  /** What a cable loses each year, per kilometre. */
  readonly ageingDbPerKmYear: number
  readonly marginDb: number
}

/** The parts in dB, and the channel that they make. */
export interface FibreBudget {
  readonly attenuationDbPerKm: number
  readonly glassDb: number
  readonly splices: number
  readonly splicesDb: number
  readonly connectorsDb: number
  readonly ageingDb: number
  readonly marginDb: number
  readonly totalDb: number
  /** Without any background light; add what `coexistence` gives. */
  readonly channel: FibreChannel
}

/** A route between two hospitals of a town, where nothing else is known. Assumed. */
export const townRoute: Omit<FibreRoute, 'lengthKm'> = {
  type: 'g652d',
  wavelengthNm: 1550,
  drumKm: 4,
  spliceDb: 0.05,
  connectors: 4,
  connectorDb: 0.3,
  ageYears: 10,
  ageingDbPerKmYear: 0.0005,
  marginDb: 0,
}

/** Adds up the loss of a route. @throws OpticsRefusal OPTICS_LINK_INVALID */
export function fibreBudget(route: FibreRoute): FibreBudget {
  const { lengthKm, drumKm, spliceDb, connectors, connectorDb, marginDb } = route
  requireRange('lengthKm', lengthKm, 0, 2000)
  requireRange('drumKm', drumKm, 0.01, 100)
  requireRange('spliceDb', spliceDb, 0, 5)
  requireRange('connectors', connectors, 0, 1000)
  requireRange('connectorDb', connectorDb, 0, 5)
  requireRange('ageYears', route.ageYears, 0, 100)
  requireRange('ageingDbPerKmYear', route.ageingDbPerKmYear, 0, 1)
  requireRange('marginDb', marginDb, 0, 100)
  const attenuationDbPerKm = attenuationOf(route.type, route.wavelengthNm)
  const splices = Math.max(0, Math.ceil(lengthKm / drumKm - 1e-9) - 1)
  const parts = {
    glassDb: attenuationDbPerKm * lengthKm,
    splicesDb: splices * spliceDb,
    connectorsDb: connectors * connectorDb,
    ageingDb: route.ageYears * route.ageingDbPerKmYear * lengthKm,
    marginDb,
  }
  const insertionLossDb = parts.splicesDb + parts.connectorsDb + parts.ageingDb + marginDb
  return {
    attenuationDbPerKm,
    splices,
    ...parts,
    totalDb: parts.glassDb + insertionLossDb,
    channel: { lengthKm, attenuationDbPerKm, insertionLossDb, backgroundProbability: 0 },
  }
}

/**
 * Attenuation in dB/km of a new fibre.
 *
 * @throws OpticsRefusal OPTICS_LINK_INVALID outside the wavelengths that the type is listed for
 */
export function attenuationOf(type: FibreType, wavelengthNm: number): number {
  const { attenuation } = fibreTypes[type]
  const last = attenuation.length - 1
  requireRange('wavelengthNm', wavelengthNm, attenuation[0][0], attenuation[last][0])
  const above = Math.max(
    1,
    attenuation.findIndex(([nm]) => nm >= wavelengthNm),
  )
  const [[lowNm, low], [highNm, high]] = [attenuation[above - 1], attenuation[above]]
  return low + ((high - low) * (wavelengthNm - lowNm)) / (highNm - lowNm)
}
