/**
 * Links of Gaussian-modulated coherent states that can be named.
 *
 * They have a list of their own: no site runs one, for no engine makes keys of them.
 *
 * @module
 */

import type { CoherentSettings } from './coherent-device.ts'
import { checkedCoherentLink, type CoherentLink } from './coherent-link.ts'
import { assumed, from, valuesOf, type Figures } from './figure.ts'
import { OpticsRefusal } from './refusal.ts'

/** The numbers of such a link. */
export type CoherentFigures = Omit<CoherentLink, 'settings'> & {
  readonly settings: Omit<CoherentSettings, 'detection'>
}

export interface CoherentPreset {
  readonly name: string
  readonly title: string
  readonly detection: CoherentSettings['detection']
  readonly link: Figures<CoherentFigures>
}

/** Whether this is the name of such a link. */
export const isCoherentName = (name: string): boolean =>
  COHERENT_PRESETS.some((preset) => preset.name === name)

/** @throws OpticsRefusal OPTICS_PRESET_UNKNOWN, and OPTICS_LINK_INVALID as `coherentLinkOf` */
export function coherentLinkNamed(name: string, lengthKm?: number): CoherentLink {
  const preset = COHERENT_PRESETS.find((one) => one.name === name)
  if (preset !== undefined) return coherentLinkOf(preset, lengthKm)
  throw new OpticsRefusal(
    'OPTICS_PRESET_UNKNOWN',
    `Expected the name of a GG02 preset: ${COHERENT_PRESETS.map((one) => one.name).join(', ')}`,
  )
}

/** @throws OpticsRefusal OPTICS_LINK_INVALID for a length that no link has */
export function coherentLinkOf(
  preset: CoherentPreset,
  lengthKm = preset.link.channel.lengthKm.value,
): CoherentLink {
  const { settings, channel, receiver } = valuesOf(preset.link) as CoherentFigures
  return checkedCoherentLink({
    settings: { ...settings, detection: preset.detection },
    channel: { ...channel, lengthKm },
    receiver,
  })
}

const fibre = from('standard single-mode fibre (ITU-T G.652) at 1550 nm, typical')
const typical = from('typical of published systems; assumed here')

const figures = (lengthKm: number): Figures<CoherentFigures> => ({
  settings: {
    symbolRateHz: from('clock of 50 MBd, real-time system over 25 km, Sci. Rep. 2023')(50e6),
    modulationVariance: typical(4),
  },
  channel: {
    lengthKm: assumed(lengthKm),
    attenuationDbPerKm: fibre(0.2),
    insertionLossDb: assumed(0),
    excessNoise: typical(0.01),
    phaseVariance: from('counted in the excess noise')(0),
  },
  receiver: {
    efficiency: typical(0.6),
    electronicNoise: typical(0.05),
    shotNoise: from('assumed: the converter has 100 steps to √(shot noise unit)')(1e4),
    range: from('a converter of 12 bits, both signs')(2047),
    watchSamples: assumed(1e6),
  },
})

/** All presets of this kind. */
export const COHERENT_PRESETS: readonly CoherentPreset[] = [
  {
    name: 'gg02-25km',
    title: 'Gaussian modulation and homodyne detection over 25 km',
    detection: 'homodyne',
    link: figures(25),
  },
  {
    name: 'gg02-25km-heterodyne',
    title: 'Gaussian modulation and heterodyne detection over 25 km',
    detection: 'heterodyne',
    link: figures(25),
  },
  {
    name: 'gg02-50km',
    title: 'Gaussian modulation and homodyne detection over 50 km',
    detection: 'homodyne',
    link: figures(50),
  },
]
