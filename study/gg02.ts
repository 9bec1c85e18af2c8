/**
 * GG02 from symbols to the length of a key: what both ends estimate beside what is so, the length
 * beside its closed form, and what each attack shows. Draws symbols with a fixed seed.
 *
 * @module
 */

import {
  coherentLinkNamed,
  expectCoherent,
  fibreTransmittance,
  type CoherentAttack,
  type CoherentLink,
} from '#optics'
import {
  gaussianBlockRate,
  gaussianRate,
  type GaussianBlockRate,
  type GaussianLink,
  type GaussianReport,
} from '#qkd'
import { seededRandom } from '#world/ports'
import { EPSILON, ESTIMATION_SHARE, RECONCILIATION, runGaussianBlock } from './gaussian-block.ts'
import { lastWithKey, steps, type Comparison, type Study, type StudyResult } from './study.ts'

export const study: Study = { run }

/** Symbols of each simulated block: half disclosed. */
const SYMBOLS = 10_000_000

const HOMODYNE = 'gg02-25km'
const HETERODYNE = 'gg02-25km-heterodyne'

/** The link that the models are told of. */
const modelOf = ({ settings, channel, receiver }: CoherentLink, T: number): GaussianLink => ({
  modulationVariance: settings.modulationVariance,
  transmittance: T,
  excessNoise: channel.excessNoise,
  receiver: { ...receiver, detection: settings.detection },
  reconciliation: RECONCILIATION,
})

const infinite = (name: string, km: number): number => {
  const link = coherentLinkNamed(name, km)
  return gaussianRate(modelOf(link, fibreTransmittance(link))).rate
}

const finite = (name: string, km: number, symbols: number): GaussianBlockRate => {
  const link = coherentLinkNamed(name, km)
  const block = { symbols, estimationShare: ESTIMATION_SHARE, epsilon: EPSILON }
  return gaussianBlockRate(modelOf(link, fibreTransmittance(link)), block)
}

const simulated = (
  name: string,
  km: number,
  attack: CoherentAttack = { kind: 'none' },
  symbols = SYMBOLS,
): GaussianReport =>
  runGaussianBlock({
    ...{ link: coherentLinkNamed(name, km), attack, symbols },
    random: seededRandom(20),
    simulatedRandomness: true,
  })

/** What the point estimate alone would promise, per kept symbol. */
const atEstimate = ({ length }: GaussianReport): number =>
  RECONCILIATION * length.mutualInformation - length.holevoEstimated

function run(): StudyResult {
  const blocks = [5, 10, 15, 20, 25, 30, 35].map((km) => ({ km, report: simulated(HOMODYNE, km) }))
  const heterodyne = simulated(HETERODYNE, 25)
  const at25 = blocks.find(({ km }) => km === 25)?.report ?? heterodyne
  const shares = [0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1]
  const intercepted = shares.map((fraction) => ({
    fraction,
    report: simulated(HOMODYNE, 25, { kind: 'intercept-resend', fraction }, 1_000_000),
  }))
  return {
    comparisons: [
      ...worked(at25, heterodyne),
      ...attacks(),
      {
        what: 'heterodyne over 25 km at 50 MBd, blocks of 10⁹',
        unit: 'Mb/s',
        ours: 50 * finite(HETERODYNE, 25, 1e9).rate,
        published: 5,
        source: 'Sci. Rep. 2023, real-time system; its V_A, ξ and β are not ours',
      },
      {
        what: 'heterodyne: reach with blocks of 10⁹',
        unit: 'dB',
        ours: 0.2 * lastWithKey((km) => finite(HETERODYNE, km, 1e9).rate, 5, 200),
        published: 15.4,
        source: 'Hajomer et al.: key over 100 km, 15.4 dB, finite size',
      },
      {
        what: 'heterodyne over 10 km, infinitely long blocks',
        unit: 'bit/symbol',
        ours: infinite(HETERODYNE, 10),
        published: null,
        source: 'arXiv 2504.08298 has 1.213 Gb/s at 40 GBd there, discrete modulation: 0.030',
      },
    ],
    plots: [ratePlot(blocks, heterodyne), noisePlot(intercepted)],
    remarks: [
      'lengths of keys that are not made: β = 0.95 is assumed, no reconciliation is built',
      'V_A 4, ξ 0.01, η 0.6, v_el 0.05: typical, assumed; half of all symbols disclosed; ε 10⁻¹⁰ each',
      'collective attacks; S at the worst T inside its confidence, not at the least one',
      'a dimmed local oscillator shows only where shot noise is watched: the bound would not see it',
    ],
  }
}

/** Closed forms, and what blocks of symbols come to, at 25 km. */
function worked(homodyne: GaussianReport, heterodyne: GaussianReport): readonly Comparison[] {
  const source = 'formulas of Lodewyck et al. 2007, worked by hand'
  const closed = 'closed form'
  const { actual } = expectCoherent(coherentLinkNamed(HOMODYNE), { kind: 'none' })
  const compare = (what: string, unit: string, ours: number, published: number) => ({
    ...{ what, unit, ours, published },
    source: closed,
  })
  const both = [
    { name: HOMODYNE, word: 'homodyne', report: homodyne, rate: 8.831e-2 },
    { name: HETERODYNE, word: 'heterodyne', report: heterodyne, rate: 8.9325e-2 },
  ] as const
  return both.flatMap(({ name, word, report, rate }) => [
    {
      what: `${word} over 25 km, infinitely long blocks`,
      unit: 'bit/symbol',
      ours: infinite(name, 25),
      published: rate,
      source,
    },
    compare(
      `${word}: T estimated from 5·10⁶ symbols`,
      '',
      report.estimate.transmittance.value,
      actual.transmittance,
    ),
    compare(`${word}: ξ estimated`, '', report.estimate.excessNoise.value, actual.excessNoise),
    compare(
      `${word}: ℓ of a block of 10⁷`,
      'bit',
      report.lengthBits,
      Math.floor(SYMBOLS * finite(name, 25, SYMBOLS).rate),
    ),
  ])
}

/** Excess noise as estimated under each attack, beside what a regression finds on average. */
function attacks(): readonly Comparison[] {
  const cases: readonly (readonly [name: string, km: number, attack: CoherentAttack])[] = [
    [HOMODYNE, 25, { kind: 'intercept-resend', fraction: 1 }],
    [HOMODYNE, 25, { kind: 'intercept-resend', fraction: 0.1 }],
    [HOMODYNE, 25, { kind: 'entangling-cloner', excessNoise: 0.1 }],
    ['gg02-50km', 50, { kind: 'saturation' }],
    [HOMODYNE, 25, { kind: 'local-oscillator' }],
    [HOMODYNE, 25, { kind: 'fibre-cut', lossDb: 3 }],
  ]
  return cases.map(([name, km, attack]) => {
    const { estimate, alarms, lengthBits, length } = simulated(name, km, attack, 2_000_000)
    const { seen, actual } = expectCoherent(coherentLinkNamed(name, km), attack)
    const raised = alarms.length === 0 ? 'no alarm' : alarms.map(({ kind }) => kind).join(', ')
    const share = 'fraction' in attack ? ` of ${String(attack.fraction)}` : ''
    return {
      what: `${attack.kind}${share}, ${String(km)} km: ξ estimated`,
      unit: '',
      ours: estimate.excessNoise.value,
      published: seen.excessNoise,
      source:
        `closed form; really ${actual.excessNoise.toFixed(2)}; ${raised}; ` +
        `ℓ ${String(lengthBits)}, by the bound alone ${String(length.lengthBits)}`,
    }
  })
}

function ratePlot(
  blocks: readonly { readonly km: number; readonly report: GaussianReport }[],
  heterodyne: GaussianReport,
): StudyResult['plots'][number] {
  const curve = (rate: (km: number) => number) =>
    steps(1, 120, 239).map((km) => [km, rate(km)] as const)
  const rates = (of: (report: GaussianReport) => number) =>
    blocks.map(({ km, report }) => [km, of(report)] as const)
  return {
    name: 'gg02-rate',
    title: 'GG02: length of a key against distance, from simulated symbols and in closed form',
    subtitle:
      'V_A 4, ξ 0.01, η 0.6, v_el 0.05, β 0.95 (assumed), 0.2 dB/km, ε 10⁻¹⁰; half of all symbols ' +
      'disclosed in finite blocks. Lengths only: no reconciliation is built, no key is made.',
    x: { label: 'fibre (km)', min: 0, max: 120 },
    y: { label: 'key length (bit per symbol)', log: true, min: 1e-4, max: 1 },
    series: [
      {
        name: 'homodyne, infinite block',
        style: 'line',
        hue: 0,
        points: curve((km) => infinite(HOMODYNE, km)),
      },
      {
        name: 'heterodyne, infinite block',
        style: 'line',
        hue: 1,
        points: curve((km) => infinite(HETERODYNE, km)),
      },
      {
        name: 'heterodyne, blocks of 10⁹',
        style: 'dashed',
        hue: 1,
        points: curve((km) => finite(HETERODYNE, km, 1e9).rate),
      },
      {
        name: 'homodyne, blocks of 10⁹',
        style: 'dashed',
        hue: 0,
        points: curve((km) => finite(HOMODYNE, km, 1e9).rate),
      },
      {
        name: 'homodyne, blocks of 10⁷',
        style: 'dotted',
        hue: 0,
        points: curve((km) => finite(HOMODYNE, km, SYMBOLS).rate),
      },
      {
        name: '10⁷ symbols simulated: estimate',
        style: 'points',
        hue: 3,
        points: rates(atEstimate),
      },
      {
        name: '10⁷ symbols simulated: ℓ',
        style: 'points',
        hue: 0,
        points: rates(({ lengthBits, symbols }) => lengthBits / symbols),
      },
      {
        name: 'the same, heterodyne: ℓ',
        style: 'points',
        hue: 1,
        points: [[25, heterodyne.lengthBits / heterodyne.symbols]],
      },
      {
        name: 'published: 5 Mb/s at 50 MBd',
        style: 'points',
        hue: 6,
        points: [[25, 5 / 50]],
      },
      {
        name: 'published: 40 GBd, discrete',
        style: 'points',
        hue: 7,
        points: [[10, 1.213 / 40]],
      },
    ],
  }
}

function noisePlot(
  blocks: readonly { readonly fraction: number; readonly report: GaussianReport }[],
): StudyResult['plots'][number] {
  const link = coherentLinkNamed(HOMODYNE)
  const truth = (fraction: number): number =>
    expectCoherent(link, { kind: 'intercept-resend', fraction }).actual.excessNoise
  const edge = blocks[0].report.estimate.excessNoiseError
  const end = (which: 'value' | 'upper') =>
    blocks.map(({ fraction, report }) => [fraction, report.estimate.excessNoise[which]] as const)
  return {
    name: 'gg02-interception',
    title: 'GG02: excess noise against the share of symbols that Eve intercepts',
    subtitle:
      '25 km, homodyne, blocks of 10⁶ simulated symbols. Each interception adds two shot noise units; ' +
      'the alarm is at twice the calibrated ξ and six standard errors.',
    x: { label: 'share intercepted', min: 0, max: 1 },
    y: { label: 'ξ (shot noise units at the input)', min: 0, max: 2.5 },
    series: [
      {
        name: 'as it is',
        style: 'line',
        hue: 0,
        points: steps(0, 1, 51).map((share) => [share, truth(share)] as const),
      },
      { name: 'estimated', style: 'points', hue: 3, points: end('value') },
      { name: 'most inside the confidence', style: 'dotted', hue: 3, points: end('upper') },
      {
        name: 'alarm above',
        style: 'dashed',
        hue: 1,
        points: [0, 1].map((share) => [share, 2 * link.channel.excessNoise + 6 * edge] as const),
      },
    ],
  }
}
