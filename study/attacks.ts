/**
 * Every attack on one link: what the instruments show, which alarm, what becomes of the key.
 *
 * Runs both engines over simulated devices, with all they observe and, for attacks on devices, a
 * second time with devices that report detections and choices only: what a bound alone would do.
 *
 * @module
 */

import { linkOf, noAttack, presetNamed, returnedPhotons, type Attack } from '#optics'
import { runRange, type RangeResult } from './attack-range.ts'
import type { Comparison, Study, StudyResult } from './study.ts'

export const study: Study = { run }

const PRESET = 'range-50km'

interface Case {
  readonly name: string
  readonly attack: Attack
  /** Error rate, and share of the sifted bits that Eve knows, worked out by hand. */
  readonly expected?: { readonly qber?: number; readonly known?: number }
  /** An attack that only watching the devices shows. */
  readonly onDevices?: true
  /** Blocks under attack; one if left out. */
  readonly blocks?: number
}

const link = linkOf(presetNamed(PRESET))
const T = 10 ** -1
/** Of the intensities, weighted by their detections: the share of pulses of which Eve got a photon. */
const tapped = (): number => {
  const [signal, decoy] = link.settings.intensities
  const weights = [signal, decoy].map((one) => one.probability * one.meanPhotonNumber)
  const shares = [signal, decoy].map((one) => -Math.expm1(-one.meanPhotonNumber * (1 - T)))
  return (weights[0] * shares[0] + weights[1] * shares[1]) / (weights[0] + weights[1])
}

const CASES: readonly Case[] = [
  { name: 'none', attack: noAttack, expected: { known: 0 } },
  {
    name: 'intercept-resend, all pulses',
    attack: { kind: 'intercept-resend', fraction: 1 },
    expected: { qber: 0.25, known: 0.5 },
  },
  {
    name: 'intercept-resend, one pulse in ten',
    attack: { kind: 'intercept-resend', fraction: 0.1 },
    expected: { known: 0.05 },
  },
  {
    name: 'photon-number splitting',
    attack: { kind: 'photon-number-splitting', fraction: 1 },
    expected: { known: 1 },
  },
  {
    name: 'beam splitting',
    attack: { kind: 'beam-splitting', fraction: 1 },
    expected: { known: tapped() },
  },
  {
    name: 'blinding',
    attack: { kind: 'blinding', fraction: 1 },
    expected: { qber: 0, known: 1 },
    onDevices: true,
  },
  {
    name: 'time shift by 80 ps',
    attack: { kind: 'time-shift', fraction: 1, shiftPs: 80 },
    // (1 − r) / (1 + r) with r = e^(−tδ/w²) for gates of w = 60 ps that are δ = 20 ps apart.
    expected: { known: Math.tanh((80 * 20) / 60 ** 2 / 2) },
    onDevices: true,
  },
  {
    name: 'Trojan horse of 1 mW',
    attack: { kind: 'trojan-horse', powerUw: 1000 },
    expected: { known: -Math.expm1(-returnedPhotons(1000, link)) },
    onDevices: true,
  },
  { name: 'bright light, 30 pW', attack: { kind: 'bright-light', powerUw: 3e-5 } },
  { name: 'bright light, 1 mW', attack: { kind: 'bright-light', powerUw: 1000 } },
  { name: 'bent fibre, 3 dB', attack: { kind: 'fibre-cut', lossDb: 3 } },
  { name: 'cut fibre', attack: { kind: 'fibre-cut', lossDb: Infinity } },
  {
    name: 'failing source, a half stuck',
    attack: { kind: 'failing-source', fraction: 0.5 },
    expected: { known: 0.5 },
  },
  { name: 'drift over 12 blocks', attack: { kind: 'drift', radiansPerSecond: 0.03 }, blocks: 12 },
]

function run(): StudyResult {
  const results = CASES.map((one) => ({ one, ...runsOf(one) }))
  return {
    comparisons: results.flatMap(({ one, watched, unwatched }) => rowsOf(one, watched, unwatched)),
    plots: [],
    remarks: [
      `Preset ${PRESET}, blocks of 10⁶ sifted bits, fixed seed; key is ℓ of the last block under attack.`,
      'No decoy-less link runs here: see the study photon-number-splitting for one.',
      ...results.map(({ one, watched }) => `${one.name}: ${wordsOf(watched)}`),
    ],
  }
}

function runsOf({ attack, onDevices, blocks = 1 }: Case): {
  readonly watched: RangeResult
  readonly unwatched: RangeResult | undefined
} {
  const options = {
    preset: PRESET,
    attack,
    seed: 1,
    blockBits: 1e6,
    blocksBefore: 5,
    blocksDuring: blocks,
  }
  return {
    watched: runRange({ ...options, watched: true }),
    unwatched: onDevices ? runRange({ ...options, watched: false }) : undefined,
  }
}

function rowsOf(
  { name, expected }: Case,
  watched: RangeResult,
  unwatched: RangeResult | undefined,
): readonly Comparison[] {
  const source = 'by hand'
  const row = (what: string, unit: string, ours: number, hand: number | undefined) => ({
    what: `${name}: ${what}`,
    unit,
    ours,
    published: hand ?? null,
    source: hand === undefined ? 'counted' : source,
  })
  const qber = qberOf(watched)
  return [
    row('detections, over those before', '', watched.rateRatio, undefined),
    ...(qber === undefined ? [] : [row('error rate', '', qber, expected?.qber)]),
    row('sifted bits that Eve knows', 'of 1', watched.knownShare, expected?.known),
    row('key of a block', 'bits', keyOf(watched), undefined),
    ...(unwatched === undefined
      ? []
      : [row('key of a block if nobody watched the devices', 'bits', keyOf(unwatched), undefined)]),
  ]
}

function qberOf({ during }: RangeResult): number | undefined {
  const last = during.at(-1)
  return last?.keyErrorRate ?? last?.testErrorRate
}

const keyOf = ({ during }: RangeResult): number => {
  const last = during.at(-1)
  return last?.outcome === 'distilled' ? (last.keyLength?.secretBits ?? 0) : 0
}

function wordsOf({ during, alarms }: RangeResult): string {
  const last = during.at(-1)
  const fate = last === undefined ? 'no block came' : (last.cause ?? last.outcome)
  return `${fate}; ${alarms.length === 0 ? 'no alarm' : alarms.join(', ')}`
}
