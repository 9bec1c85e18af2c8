/**
 * Through the air: two roofs of a hospital, and one pass of a satellite.
 *
 * @module
 */

import {
  expectLink,
  freeSpaceBudget,
  hazeDbPerKm,
  linkOf,
  miciusPass,
  presetNamed,
  rooftopPaths,
  satellitePass,
  skyRadiance,
  type FibreChannel,
  type FreeSpacePath,
  type PassProfile,
  type PulseSettings,
} from '#optics'
import { varyingBlock } from '#qkd'
import { along, oneDecoy } from './decoy-model.ts'
import { blockOver, detectorOf, type LinkModel } from './link-model.ts'
import { steps, type Comparison, type Study, type StudyResult } from './study.ts'

export const study: Study = { run }

/** A receiver of 10 % in all, as the presets of the rooftop take it. */
const rooftop: LinkModel = {
  receiverLossDb: 3,
  misalignment: 0.01,
  detector: detectorOf({
    efficiency: 0.2,
    darkCountProbability: 1e-6,
    deadTimePs: 2000,
    afterpulseProbability: 0.01,
  }),
  bound: 'wiesemann-2024',
  blockBits: 1e7,
  efficiency: 1.06,
  epsilons: { secrecy: 1e-10, correctness: 1e-15 },
}

interface Weather {
  readonly name: string
  readonly path: Partial<FreeSpacePath>
  readonly radiance: number
}

const weathers: readonly Weather[] = [
  { name: 'moonless night, clear', path: {}, radiance: skyRadiance['moonless-night'] },
  {
    name: 'clear day, strong turbulence',
    path: { turbulence: 1e-13 },
    radiance: skyRadiance['clear-day'],
  },
  {
    name: 'hazy day, 4 km visibility',
    path: { visibilityKm: 4 },
    radiance: skyRadiance['hazy-day'],
  },
  {
    name: 'bright cloud, 4 km visibility',
    path: { visibilityKm: 4 },
    radiance: skyRadiance['cloudy-day'],
  },
  {
    name: 'fog at night, 0.5 km visibility',
    path: { visibilityKm: 0.5 },
    radiance: skyRadiance['moonless-night'],
  },
]

const base = rooftopPaths.night.figures

const rooftopChannel = (lengthKm: number, { path, radiance }: Weather): FibreChannel =>
  freeSpaceBudget({ ...base, ...path, lengthKm, sky: { ...base.sky, radiance } }).channel

/** The best settings at each distance; each channel is worked out once. */
function rooftopCurve(weather: Weather): readonly (readonly [number, number])[] {
  const channels = new Map<number, FibreChannel>()
  const channelAt = (km: number): FibreChannel => {
    const found = channels.get(km) ?? rooftopChannel(km, weather)
    channels.set(km, found)
    return found
  }
  return along(steps(0.2, 10, 40), oneDecoy(1e9), (km, settings) =>
    blockOver(rooftop, channelAt(km), settings),
  ).map(({ place, block }) => [place, block.secretBitsPerSecond] as const)
}

/** Settings of Micius: half the pulses signal, a quarter decoy, a quarter empty; equal bases. */
const micius: PulseSettings = {
  clockHz: 1e8,
  intensities: [
    { meanPhotonNumber: 0.8, probability: 0.5 },
    { meanPhotonNumber: 0.1, probability: 0.25 },
    { meanPhotonNumber: 0, probability: 0.25 },
  ],
  keyBasisProbability: { transmitter: 0.5, receiver: 0.5 },
}

const laboratory = linkOf(presetNamed('lab-25km'))
const miciusReceiver = {
  ...laboratory.receiver,
  lossDb: 0,
  misalignment: { Z: 0.009, X: 0.009 },
  // 25 dark counts per second and detector in gates of 2 ns.
  detector: detectorOf({ efficiency: 0.5, darkCountProbability: 5e-8, deadTimePs: 50_000 }),
}

const satelliteOver = (profile: PassProfile, settings: PulseSettings) =>
  profile.moments.map(({ channel }) =>
    expectLink({ ...laboratory, settings, channel, receiver: miciusReceiver }),
  )

function run(): StudyResult {
  const { figures } = miciusPass
  const published = satellitePass({ ...figures, elevationMaxDeg: 49, elevationMinDeg: 19.8 })
  const expected = satelliteOver(published, micius)
  const block = varyingBlock({
    settings: micius,
    stretches: expected.map(({ pulses }) => ({ seconds: published.stepSeconds, pulses })),
    bound: 'lim-2014',
    epsilons: { secrecy: 1e-9, correctness: 1e-15 },
    efficiency: 1.16,
  })
  // Key from Z only; the paper makes key of both bases.
  const sifted = expected.map((one) => 2 * one.siftedBitsPerSecond)
  const source = 'Liao et al. 2017'
  const night = freeSpaceBudget(base)
  const comparisons: Comparison[] = [
    {
      what: 'haze at 0.5 km visibility',
      unit: 'dB/km',
      ours: hazeDbPerKm(0.5, 1550),
      published: 34,
      source: 'Kim et al. 2001',
    },
    {
      what: 'two roofs, 600 m, night: loss before the receiver',
      unit: 'dB',
      ours: night.totalDb,
      published: null,
      source: 'our model of an assumed path',
    },
    { what: 'Micius: pass', unit: 's', ours: published.seconds, published: 273, source },
    {
      what: 'Micius: sifted at 645 km',
      unit: 'b/s',
      ours: Math.max(...sifted),
      published: 12e3,
      source,
    },
    { what: 'Micius: sifted at 1,200 km', unit: 'b/s', ours: sifted[0], published: 1e3, source },
    {
      what: 'Micius: sifted in the pass',
      unit: 'bit',
      ours: 2 * block.siftedBits,
      published: 1_671_072,
      source,
    },
    { what: 'Micius: QBER', unit: '', ours: block.keyErrorRate, published: 0.011, source },
    {
      what: 'Micius: secret bits of the pass',
      unit: 'bit',
      ours: block.keyLength.secretBits,
      published: 300_939,
      source: `${source}, both bases; ours keeps one`,
    },
  ]
  return { comparisons, plots: [rooftopPlot(), passPlot(), passesPlot()], remarks: REMARKS }
}

function rooftopPlot(): StudyResult['plots'][number] {
  return {
    name: 'air-rooftop',
    title: 'Between two roofs: key rate against distance and weather',
    subtitle:
      '1550 nm, beam 3 cm, telescope 8 cm, field of view 200 µrad, filter 0.5 nm, gates of 300 ps, ' +
      '1 GHz; visibility 15 km and Cₙ² 10⁻¹⁴ where nothing else is said. Settings searched.',
    x: { label: 'distance (km)', min: 0, max: 10 },
    y: { label: 'secret key rate (b/s)', log: true, min: 100 },
    series: weathers.map((weather, hue) => {
      const points = rooftopCurve(weather)
      const name = points.length === 0 ? `${weather.name}: no key` : weather.name
      return { name, style: 'line' as const, hue, points }
    }),
  }
}

function passPlot(): StudyResult['plots'][number] {
  const elevations = [85, 49, 30]
  const profiles = elevations.map((elevationMaxDeg) =>
    satellitePass({ ...miciusPass.figures, elevationMaxDeg, elevationMinDeg: 15 }, 120),
  )
  return {
    name: 'air-pass',
    title: 'A satellite passes: sifted bits by the second',
    subtitle:
      'Micius: 500 km, 850 nm, 100 MHz, telescope 1 m; above 15° of elevation. Circles: published, ' +
      'for the pass that culminates at 645 km.',
    x: { label: 'time from culmination (s)' },
    y: { label: 'sifted bits per second, both bases', log: true, min: 100 },
    series: [
      ...profiles.map((profile, at) => ({
        name: `culminates at ${String(elevations[at])}°`,
        style: 'line' as const,
        hue: at,
        points: satelliteOver(profile, micius).map(
          (one, step) => [profile.moments[step].seconds, 2 * one.siftedBitsPerSecond] as const,
        ),
      })),
      {
        name: 'published, 645 and 1,200 km',
        style: 'points',
        hue: 1,
        points: [
          [0, 12e3],
          [-136, 1e3],
          [136, 1e3],
        ],
      },
    ],
  }
}

/** Key of a whole pass, by how high it culminates and what the air takes. */
function passesPlot(): StudyResult['plots'][number] {
  const settings: PulseSettings = {
    ...micius,
    keyBasisProbability: { transmitter: 0.8, receiver: 0.8 },
  }
  const keyOf = (elevationMaxDeg: number, zenithDb: number): number => {
    const pass = { ...miciusPass.figures, elevationMaxDeg, elevationMinDeg: 15, zenithDb }
    const profile = satellitePass(pass, 40)
    const stretches = satelliteOver(profile, settings).map(({ pulses }) => ({
      seconds: profile.stepSeconds,
      pulses,
    }))
    const epsilons = { secrecy: 1e-10, correctness: 1e-15 }
    const common = { settings, stretches, bound: 'lim-2014', epsilons, efficiency: 1.1 } as const
    return varyingBlock(common).keyLength.secretBits
  }
  return {
    name: 'air-passes',
    title: 'Secret key of one whole pass, by its highest elevation',
    subtitle:
      'The same satellite with 80 % of pulses in the key basis; all detections of a pass make one ' +
      'block. An AES-256 key takes 256 bits.',
    x: { label: 'highest elevation (°)', min: 15, max: 90 },
    y: { label: 'secret bits of the pass', log: true, min: 1e3 },
    series: [2, 3, 5, 7].map((zenithDb, hue) => ({
      name: `air ${String(zenithDb)} dB at the zenith`,
      style: 'line' as const,
      hue,
      points: steps(16, 90, 38).map((degrees) => [degrees, keyOf(degrees, zenithDb)] as const),
    })),
  }
}

const REMARKS = [
  'roofs: every figure is assumed; means over fading, which weak pulses make sound',
  'Micius: beam so that 22 dB of diffraction come out at 1,200 km, air 3 dB at the zenith and optics ' +
    '8 dB assumed; the same for all moments',
]
