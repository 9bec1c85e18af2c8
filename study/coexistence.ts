/**
 * How much data light a fibre may carry beside the quantum channel.
 *
 * Data transmitters are set as low as their receivers bear (a sensitivity), or to a given power;
 * Raman noise, crosstalk and the receiver's filter and gate decide what is left of the key.
 *
 * @module
 */

import {
  coexistence,
  dataChannels,
  narrowWindow,
  RAMAN_C_BAND,
  type DataChannel,
  type FibreChannel,
  type PulseSettings,
  type QuantumWindow,
} from '#optics'
import { optimiseSettings } from '#qkd'
import { oneDecoy } from './decoy-model.ts'
import { blockOver, detectorOf, type LinkModel } from './link-model.ts'
import { lastWithKey, steps, type Comparison, type Study, type StudyResult } from './study.ts'

export const study: Study = { run }

const model: LinkModel = {
  receiverLossDb: narrowWindow.receiverLossDb,
  misalignment: 0.015,
  detector: detectorOf({
    efficiency: narrowWindow.efficiency,
    darkCountProbability: 2e-6,
    deadTimePs: 2000,
    afterpulseProbability: 0.01,
  }),
  bound: 'wiesemann-2024',
  blockBits: 1e7,
  efficiency: 1.06,
  epsilons: { secrecy: 1e-10, correctness: 1e-15 },
}

const settings: PulseSettings = {
  clockHz: 1e9,
  intensities: [
    { meanPhotonNumber: 0.4, probability: 0.6 },
    { meanPhotonNumber: 0.12, probability: 0.4 },
  ],
  keyBasisProbability: { transmitter: 0.85, receiver: 0.85 },
}

/** The quantum channel of a fibre that carries this data. */
function beside(
  km: number,
  data: readonly DataChannel[],
  window: QuantumWindow = narrowWindow,
): FibreChannel {
  const { backgroundProbability } = coexistence(window, { lengthKm: km }, data)
  return { lengthKm: km, attenuationDbPerKm: 0.2, insertionLossDb: 0, backgroundProbability }
}

const rate = (channel: FibreChannel, of = settings): number =>
  blockOver(model, channel, of).secretBitsPerSecond

/** With settings searched for this channel. */
const bestRate = (channel: FibreChannel): number =>
  optimiseSettings({
    start: oneDecoy(1e9),
    evaluate: (of) => blockOver(model, channel, of),
    evaluationsMax: 250,
  }).block.secretBitsPerSecond

const DIRECTIONS = ['co', 'counter'] as const

/** One pair of channels, one each way, launched so that each is received with this power. */
const pairReceived = (km: number, receivedDbm: number): readonly DataChannel[] =>
  DIRECTIONS.map((direction) => ({
    ...dataChannels(1, receivedDbm + 0.2 * km, direction)[0],
  }))

function run(): StudyResult {
  const worked = (direction: DataChannel['direction']): number =>
    coexistence({ ...narrowWindow, gateSeconds: 1e-9, isolationDb: 300 }, { lengthKm: 25 }, [
      { ...dataChannels(1, 0, direction)[0], ramanPerKmNm: RAMAN_C_BAND },
    ]).ramanClicks
  const dataReach = (receivedDbm: number): number =>
    lastWithKey((km) => bestRate(beside(km, pairReceived(km, receivedDbm))), 5, 150)
  const comparisons: Comparison[] = [
    {
      what: 'Raman clicks per gate, 0 dBm co, 25 km, 1 ns',
      unit: '',
      ours: worked('co'),
      published: 1.546e-3,
      source: 'worked by hand from Eraerds et al. 2010',
    },
    {
      what: 'Raman clicks per gate, 0 dBm counter, 25 km, 1 ns',
      unit: '',
      ours: worked('counter'),
      published: 1.911e-3,
      source: 'worked by hand from Eraerds et al. 2010',
    },
    {
      what: 'key at 50 km beside 1 Gb/s each way, −30 dBm received',
      unit: 'b/s',
      ours: bestRate(beside(50, pairReceived(50, -30))),
      published: 5e5,
      source: 'Patel et al. 2012: more than this',
    },
    {
      what: 'reach beside 1 Gb/s each way, −30 dBm received',
      unit: 'km',
      ours: dataReach(-30),
      published: 90,
      source: 'Patel et al. 2012',
    },
    {
      what: 'reach beside 2 × 100 Gb/s each way, −24 dBm together',
      unit: 'km',
      ours: dataReach(-24),
      published: 101,
      source: 'Dynes et al. 2016',
    },
  ]
  return { comparisons, plots: [powerPlot(), distancePlot()], remarks: REMARKS }
}

function powerPlot(): StudyResult['plots'][number] {
  const powers = steps(-30, 12, 85)
  return {
    name: 'coexistence-power',
    title: 'Key rate beside data channels, by their power into the fibre',
    subtitle:
      'All power in the C band, four channels away or more; filter 0.1 nm, gates of 100 ps, ρ ' +
      '2.5·10⁻⁹/(km·nm), isolation 110 dB. 1 GHz, detectors of 20 % behind 3 dB, blocks of 10⁷.',
    x: { label: 'data power launched (dBm)', min: -30, max: 12 },
    y: { label: 'secret key rate (b/s)', log: true, min: 1000 },
    series: [10, 25, 50, 75].flatMap((km, hue) =>
      DIRECTIONS.map((direction) => ({
        name: `${String(km)} km, ${direction}-propagating`,
        style: direction === 'co' ? ('line' as const) : ('dashed' as const),
        hue,
        points: powers.map(
          (dbm) => [dbm, rate(beside(km, dataChannels(1, dbm, direction)))] as const,
        ),
      })),
    ),
  }
}

function distancePlot(): StudyResult['plots'][number] {
  const places = steps(2, 130, 65)
  const series = [
    { name: 'dark fibre', data: () => [] },
    { name: 'each way, −30 dBm received', data: (km: number) => pairReceived(km, -30) },
    { name: 'each way, −24 dBm received', data: (km: number) => pairReceived(km, -24) },
    { name: 'each way, 0 dBm launched', data: (km: number) => pairReceived(km, -0.2 * km) },
  ]
  return {
    name: 'coexistence-distance',
    title: 'Key rate against distance beside data that run both ways',
    subtitle:
      'The same receiver. Data transmitters are turned down until their receivers just work, as ' +
      'Patel et al. did, or left at 0 dBm.',
    x: { label: 'fibre (km)', min: 0, max: 130 },
    y: { label: 'secret key rate (b/s)', log: true, min: 1000 },
    series: [
      ...series.map(({ name, data }, hue) => ({
        name,
        style: 'line' as const,
        hue,
        points: places.map((km) => [km, rate(beside(km, data(km)))] as const),
      })),
      {
        name: 'Patel et al. 2012: > 500 kb/s',
        style: 'points',
        hue: 1,
        points: [[50, 5e5]],
      },
    ],
  }
}

const REMARKS = [
  'sensitivities of data receivers are assumed: −30 dBm for 1 Gb/s, −24 dBm for 2 × 100 Gb/s in all',
  'lines use one setting for all points; the figures of the table search settings',
  'Mao et al. 2018 (3.6 Tb/s at 21 dBm, 66 km, 4.5 and 5.1 kb/s) send the quantum signal at 1310 nm; ' +
    'no ρ for that distance of wavelengths is at hand, so it is not compared',
]
