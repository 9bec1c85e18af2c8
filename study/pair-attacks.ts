/**
 * Attacks on a link of entangled pairs that measures S: on its light, and on the detectors of either
 * end. What the instruments of both ends show, which alarm, what becomes of the key and of S.
 *
 * Runs both engines over simulated devices; attacks on detectors a second time with devices that
 * report detections only: what the bound and the CHSH test alone would do.
 *
 * @module
 */

import { noAttack, type Attack } from '#optics'
import { runRange, type RangeResult } from './attack-range.ts'
import type { Comparison, Study, StudyResult } from './study.ts'

export const study: Study = { run }

const PRESET = 'metro-bbm92-chsh'
const BLOCK_BITS = 200_000

interface Case {
  readonly name: string
  readonly attack: Attack
  /** Share of the sifted bits that Eve knows, and what is left of S, worked out by hand. */
  readonly expected?: { readonly known?: number; readonly chshOver?: number }
  readonly onDetectors?: true
}

const CASES: readonly Case[] = [
  { name: 'none', attack: noAttack, expected: { known: 0, chshOver: 1 } },
  {
    name: 'intercept-resend, all pairs',
    attack: { kind: 'intercept-resend', fraction: 1 },
    expected: { known: 0.5, chshOver: 0.5 },
  },
  {
    name: 'intercept-resend, one pair in ten',
    attack: { kind: 'intercept-resend', fraction: 0.1 },
    expected: { known: 0.05, chshOver: 0.95 },
  },
  ...(['receiver', 'transmitter'] as const).flatMap((at): readonly Case[] => [
    {
      name: `blinding at the ${at}`,
      attack: { kind: 'blinding', fraction: 1, at },
      expected: { known: 1, chshOver: 1 },
      onDetectors: true,
    },
    {
      name: `time shift by 80 ps at the ${at}`,
      attack: { kind: 'time-shift', fraction: 1, shiftPs: 80, at },
      // Nanowires are always on: nothing is learned.
      expected: { known: 0, chshOver: 1 },
    },
    {
      name: `bright light, 3 pW at the ${at}`,
      attack: { kind: 'bright-light', powerUw: 3e-6, at },
    },
    { name: `bright light, 10 μW at the ${at}`, attack: { kind: 'bright-light', powerUw: 10, at } },
  ]),
]

function run(): StudyResult {
  const results = CASES.map((one) => ({
    one,
    watched: rangeOf(one.attack, true),
    unwatched: one.onDetectors ? rangeOf(one.attack, false) : undefined,
  }))
  const usual = chshOf(results[0].watched)
  return {
    comparisons: results.flatMap(({ one, watched, unwatched }) => [
      ...rowsOf(one, watched, usual),
      ...(unwatched === undefined
        ? []
        : [row(`${one.name}: key of a block if nobody watched`, 'bits', keyOf(unwatched))]),
    ]),
    plots: [],
    remarks: [
      `Preset ${PRESET}, blocks of ${String(BLOCK_BITS)} sifted bits, fixed seed; figures of the last block under attack.`,
      'Nanowires are always on; what a time shift tells of gated detectors is in the study attacks.',
      ...results.map(({ one, watched }) => `${one.name}: ${wordsOf(watched)}`),
    ],
  }
}

const rangeOf = (attack: Attack, watched: boolean): RangeResult =>
  runRange({
    ...{ preset: PRESET, attack, watched, seed: 1 },
    ...{ blockBits: BLOCK_BITS, blocksBefore: 4, blocksDuring: 1 },
  })

function rowsOf(
  { name, expected }: Case,
  watched: RangeResult,
  usual: number | undefined,
): readonly Comparison[] {
  const chsh = chshOf(watched)
  const hand =
    expected?.chshOver === undefined || usual === undefined ? undefined : expected.chshOver * usual
  const error = watched.during.at(-1)?.testErrorRate
  return [
    row(`${name}: detections, over those before`, '', watched.rateRatio),
    ...(error === undefined ? [] : [row(`${name}: error rate of the test basis`, '', error)]),
    ...(chsh === undefined ? [] : [row(`${name}: S as measured`, '', chsh, hand)]),
    row(`${name}: sifted bits that Eve knows`, 'of 1', watched.knownShare, expected?.known),
    row(`${name}: key of a block`, 'bits', keyOf(watched)),
  ]
}

const row = (what: string, unit: string, ours: number, hand?: number): Comparison => ({
  ...{ what, unit, ours, published: hand ?? null },
  source: hand === undefined ? 'counted' : 'by hand',
})

const chshOf = ({ during }: RangeResult): number | undefined => during.at(-1)?.chsh?.chsh

const keyOf = ({ during }: RangeResult): number => {
  const last = during.at(-1)
  return last?.outcome === 'distilled' ? (last.keyLength?.secretBits ?? 0) : 0
}

function wordsOf({ during, alarms }: RangeResult): string {
  const last = during.at(-1)
  const fate = last === undefined ? 'no block came' : (last.cause ?? last.outcome)
  return `${fate}; ${alarms.length === 0 ? 'no alarm' : alarms.join(', ')}`
}
