/**
 * Every protocol against distance, beside the capacity that none without a repeater can beat.
 *
 * Rates are per pulse, or per pair of pulses, or per symbol, for infinitely long blocks, so that
 * clocks do not enter. One fibre and one kind of detector for all that count photons.
 *
 * @module
 */

import {
  deviceIndependentShare,
  entangledKey,
  entangledLink,
  gaussianBlockRate,
  gaussianRate,
  maximise,
  mdiRate,
  rateOfSinglePhotons,
  secretKeyCapacity,
  twinFieldRate,
  type GaussianLink,
} from '#qkd'
import { lastWithKey, steps, type Comparison, type Study, type StudyResult } from './study.ts'

export const study: Study = { run }

/** Superconducting detectors: 80 %, 10⁻⁹ dark counts a gate; errors of 1.5 %, f 1.1. */
const figures = { efficiency: 0.8, dark: 1e-9, error: 0.015, f: 1.1 }

const through = (km: number, dbPerKm = 0.2): number => 10 ** ((-dbPerKm * km) / 10)

/** Logits of parameters between 0 and 1 that give most. */
function best(rate: (at: readonly number[]) => number, start: readonly number[]): number {
  const peak = maximise({
    score: (at) => {
      const found = rate(at.map((value) => 1 / (1 + Math.exp(-value))))
      return found > 0 ? Math.log(found) : -1000 - Math.hypot(...at)
    },
    start,
    step: 0.7,
    tolerance: 1e-9,
    evaluationsMax: 400,
  })
  return peak.score > -1000 ? Math.exp(peak.score) : 0
}

/** Decoy BB84 with single photons known exactly, nearly all pulses in the key basis. */
const decoy = (km: number): number =>
  best(
    ([mu]) => {
      const eta = through(km) * figures.efficiency
      const y0 = 2 * figures.dark
      const light = -Math.expm1(-eta * mu)
      const gain = y0 + light
      const single = y0 + eta
      return rateOfSinglePhotons({
        signal: { meanPhotonNumber: mu, gain, errorRate: (y0 / 2 + figures.error * light) / gain },
        singleGain: Math.min(1, single) * mu * Math.exp(-mu),
        singleError: (y0 / 2 + figures.error * eta) / single,
        sifting: 1,
        efficiency: figures.f,
      })
    },
    [0],
  )

const mdi = (km: number): number =>
  best(
    ([mu]) => {
      const arm = through(km / 2) * figures.efficiency
      return mdiRate({
        transmittance: [arm, arm],
        meanPhotonNumber: [mu, mu],
        darkCountProbability: figures.dark,
        misalignment: figures.error,
        efficiency: figures.f,
      }).rate
    },
    [-0.5],
  )

const twin = (arm: number, dark: number, misalignment: number, f: number): number =>
  best(
    ([mu, send]) =>
      twinFieldRate({
        armTransmittance: arm,
        meanPhotonNumber: mu,
        sendingProbability: send,
        darkCountProbability: dark,
        misalignment,
        efficiency: f,
      }).rate,
    [-0.5, -3],
  )

/** One pair in each of so many time slots, source in the middle. */
const pairs = (km: number): number => {
  const end = {
    transmittance: through(km / 2) * figures.efficiency,
    noisePerSecond: 0,
    deadSeconds: 0,
  }
  const slot = 1e-9
  return best(
    ([brightness]) => {
      const noisy = { ...end, noisePerSecond: (2 * figures.dark) / slot }
      const link = entangledLink({
        pairsPerSecond: brightness / slot,
        receivers: [noisy, noisy],
        windowSeconds: slot,
        jitterSeconds: 0,
        misalignment: figures.error,
      })
      return (
        entangledKey({
          link,
          keyBasisProbability: 1 - 1e-9,
          seconds: 1,
          efficiency: figures.f,
          epsilons: { secrecy: 1e-10, correctness: 1e-15 },
        }).asymptoticBitsPerSecond * slot
      )
    },
    [-3],
  )
}

const gaussian = (km: number, modulationVariance: number): GaussianLink => ({
  modulationVariance,
  transmittance: through(km),
  excessNoise: 0.01,
  receiver: { detection: 'heterodyne', efficiency: 0.6, electronicNoise: 0.05 },
  reconciliation: 0.95,
})

const continuous = (km: number): number =>
  best(([share]) => gaussianRate(gaussian(km, 20 * share)).rate, [-1.4])

function run(): StudyResult {
  const worked = gaussianRate({
    ...gaussian(25, 4),
    receiver: { detection: 'homodyne', efficiency: 0.6, electronicNoise: 0.05 },
  })
  const finite = (km: number): number =>
    best(
      ([share]) =>
        gaussianBlockRate(gaussian(km, 20 * share), {
          symbols: 1e9,
          estimationShare: 0.3,
          epsilon: 1e-10,
        }).rate,
      [-1.4],
    )
  // 1,002 km at 0.157 dB/km: superconducting detectors of 60 %, 0.02 dark counts/s in gates of 0.2 ns.
  const longArm = 10 ** (-(0.157 * 1002) / 20) * 0.6
  return {
    comparisons: [
      ...capacities(),
      {
        what: 'GG02 homodyne at 25 km, worked example',
        unit: 'bit/symbol',
        ours: worked.rate,
        published: 8.831e-2,
        source: 'formulas of Lodewyck et al. 2007, worked by hand',
      },
      {
        what: 'GG02 heterodyne at 25 km, blocks of 10⁹',
        unit: 'bit/symbol',
        ours: finite(25),
        published: 0.1,
        source: '5 Mb/s at 50 MBd over 25 km, Sci. Rep. 2023',
      },
      {
        what: 'GG02 heterodyne: reach with blocks of 10⁹',
        unit: 'dB',
        ours: 0.2 * lastWithKey(finite, 5, 200),
        published: 15.4,
        source: 'Hajomer et al.: key over 100 km, 15.4 dB',
      },
      {
        what: 'twin field over 1,002 km',
        unit: 'bit/pulse',
        ours: twin(longArm, 4e-12, 0.045, 1.1),
        published: 9.53e-12,
        source: 'Liu et al. 2023, asymptotic, with odd-parity pairing',
      },
      {
        what: 'MDI: reach at 0.16 dB/km',
        unit: 'km',
        ours: lastWithKey((km) => mdi((km * 0.16) / 0.2), 100, 900),
        published: 404,
        source: 'Yin et al. 2016: key there, finite blocks; ours infinite',
      },
      {
        what: 'error rate where BBM92 ends, f = 1',
        unit: '',
        ours: lastWithKey((q) => 1 - 2 * entropy(q), 0, 0.5),
        published: 0.11,
        source: 'Shor, Preskill 2000',
      },
      {
        what: 'error rate where S falls to 2',
        unit: '',
        ours: lastWithKey((q) => 2 * Math.SQRT2 * (1 - 2 * q) - 2, 0, 0.5),
        published: 0.1464,
        source: '(1 − 1/√2)/2',
      },
      {
        what: 'error rate where untrusted devices end',
        unit: '',
        ours: lastWithKey(
          (q) => deviceIndependentShare(q, 2 * Math.SQRT2 * (1 - 2 * q)).share,
          0,
          0.2,
        ),
        published: 0.071,
        source: 'Acín et al. 2007',
      },
    ],
    plots: [plot()],
    remarks: [
      'per pulse: a link of 1 GHz gives a thousand million times as much a second',
      'infinitely long blocks and yields known exactly: upper ends of what each protocol may give',
      'TF: 4.5 % misalignment assumed for 1,002 km; pairing, which we do not model, raises the rate',
      'BBM92 over 248 km (1.4 b/s, Neumann et al. 2022) has a clockless source: not comparable here',
    ],
  }
}

const capacities = (): readonly Comparison[] =>
  (
    [
      [10, 1.4381],
      [50, 0.152],
      [100, 1.45e-2],
      [200, 1.4428e-4],
    ] as const
  ).map(([km, bits]) => ({
    what: `capacity over ${String(km)} km`,
    unit: 'bit/use',
    ours: secretKeyCapacity(through(km)),
    published: bits,
    source: 'Pirandola et al. 2017, worked at 0.2 dB/km',
  }))

function plot(): StudyResult['plots'][number] {
  const curve = (rate: (km: number) => number, to: number, count = 121) =>
    steps(1, to, count).map((km) => [km, rate(km)] as const)
  const field = (km: number): number =>
    twin(through(km / 2) * figures.efficiency, figures.dark, 0.03, figures.f)
  return {
    name: 'protocols',
    title: 'Protocols against the capacity of a link without repeaters',
    subtitle:
      'Infinitely long blocks, settings optimised at each distance. 0.2 dB/km; detectors of 80 %, ' +
      '10⁻⁹ dark counts a gate, errors of 1.5 %, f 1.1; GG02 with ξ 0.01, detectors of 60 %, β 0.95.',
    x: { label: 'fibre from end to end (km)', min: 0, max: 600 },
    y: { label: 'secret key (bit per pulse)', log: true, min: 1e-12, max: 10 },
    series: [
      {
        name: 'capacity −log₂(1 − η)',
        style: 'dashed',
        hue: 6,
        points: curve((km) => secretKeyCapacity(through(km)), 600),
      },
      { name: 'GG02, heterodyne', style: 'line', hue: 3, points: curve(continuous, 250) },
      { name: 'decoy BB84', style: 'line', hue: 0, points: curve(decoy, 450) },
      { name: 'BBM92, source midway', style: 'line', hue: 2, points: curve(pairs, 450) },
      { name: 'MDI', style: 'line', hue: 4, points: curve(mdi, 500) },
      { name: 'twin field (SNS)', style: 'line', hue: 1, points: curve(field, 600) },
    ],
  }
}

const entropy = (p: number): number => (p <= 0 ? 0 : -p * Math.log2(p) - (1 - p) * Math.log2(1 - p))
