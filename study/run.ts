/**
 * `photonward study [name…]`: runs studies, prints ours beside the published figures, and writes
 * the plots.
 *
 * @module
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { StudyOptions } from '#cli'
import { drawPlot } from './plot.ts'
import type { Comparison, Study, StudyResult } from './study.ts'

/** A study that can be asked for: its line in the list, and how to load it. */
export interface StudyEntry {
  readonly title: string
  readonly load: () => Promise<{ readonly study: Study }>
}

/** Studies are loaded only when they are asked for. */
export const studies: Readonly<Record<string, StudyEntry>> = {
  distance: {
    title: 'Secret key rate against distance: Lim 2014, Rusca 2018, GYS',
    load: () => import('./distance.ts'),
  },
  systems: {
    title: 'Published decoy-state systems and our model of them',
    load: () => import('./systems.ts'),
  },
  metro: {
    title: 'Cambridge metro: three spans',
    load: () => import('./metro.ts'),
  },
  coexistence: {
    title: 'Data channels on the same fibre: what power the key bears',
    load: () => import('./coexistence.ts'),
  },
  air: {
    title: 'Two roofs in all weathers, and a satellite that passes',
    load: () => import('./air.ts'),
  },
  'three-state': {
    title: 'Three states or four: what a proven bound leaves',
    load: () => import('./three-state.ts'),
  },
  protocols: {
    title: 'BB84, BBM92, CV, MDI and twin field against the capacity of a link',
    load: () => import('./protocols.ts'),
  },
  gg02: {
    title: 'GG02 from simulated symbols: estimates, key length, attacks (no key is made)',
    load: () => import('./gg02.ts'),
  },
  cascade: {
    title: 'Cascade: efficiency by error rate, beside published variants',
    load: () => import('./cascade.ts'),
  },
  attacks: {
    title: 'Every attack on one link: what shows, which alarm, what becomes of the key',
    load: () => import('./attacks.ts'),
  },
  'pair-attacks': {
    title: 'Attacks on entangled pairs: on the light, and on the detectors of either end',
    load: () => import('./pair-attacks.ts'),
  },
  'classical-attacks': {
    title: 'Man in the middle and replay on the classical channel: which check catches what',
    load: () => import('./classical-attacks.ts'),
  },
  'photon-number-splitting': {
    title: 'Photon-number splitting with and without decoys',
    load: () => import('./photon-number-splitting.ts'),
  },
}

/** What one study came to, as `--json` prints it. */
interface Report extends Omit<StudyResult, 'plots'> {
  readonly study: string
  readonly plots: readonly string[]
  readonly cpuSeconds: number
}

/**
 * Runs the studies named, all of them for `all`, and lists them for none.
 *
 * @returns false if one of them is unknown
 */
export async function runStudies(
  names: readonly string[],
  options: StudyOptions,
): Promise<boolean> {
  const known = Object.keys(studies)
  if (names.length === 0) {
    options.print(options.json ? JSON.stringify(known) : list())
    return true
  }
  const chosen = names.includes('all') ? known : names
  const unknown = chosen.filter((name) => !known.includes(name))
  if (unknown.length > 0) {
    options.say(`No such study: ${unknown.join(', ')}; there are ${known.join(', ')}, or all`)
    return false
  }
  const reports: Report[] = []
  for (const name of chosen) {
    options.say(`… ${studies[name].title}`)
    const report = await runOne(name, options)
    reports.push(report)
    if (!options.json) options.print(page(report))
  }
  if (options.json) options.print(JSON.stringify(reports, undefined, 2))
  return true
}

async function runOne(name: string, { out }: StudyOptions): Promise<Report> {
  const before = process.cpuUsage()
  const { study } = await studies[name].load()
  const { comparisons, plots, remarks } = study.run()
  const { user, system } = process.cpuUsage(before)
  mkdirSync(out, { recursive: true })
  const files = plots.map((plot) => {
    const file = join(out, `${plot.name}.svg`)
    writeFileSync(file, drawPlot(plot))
    return file
  })
  return { study: name, comparisons, plots: files, remarks, cpuSeconds: (user + system) / 1e6 }
}

function list(): string {
  const width = Math.max(...Object.keys(studies).map((name) => name.length))
  const lines = Object.entries(studies).map(
    ([name, { title }]) => `${name.padEnd(width)}  ${title}`,
  )
  return [...lines, '', 'photonward study <name…> or all, with --out <folder> for the plots'].join(
    '\n',
  )
}

function page({ study, comparisons, plots, remarks, cpuSeconds }: Report): string {
  const rows = [['WHAT', 'OURS', 'PUBLISHED', 'RATIO', 'UNIT', 'SOURCE'], ...comparisons.map(row)]
  const widths = rows[0].map((_, column) => Math.max(...rows.map((cells) => cells[column].length)))
  const lines = rows.map((cells) =>
    cells
      .map((cell, at) => (at >= 1 && at <= 3 ? cell.padStart(widths[at]) : cell.padEnd(widths[at])))
      .join('  ')
      .trimEnd(),
  )
  return [
    `== ${studies[study].title}`,
    ...lines,
    ...remarks.map((remark) => `  – ${remark}`),
    ...plots.map((file) => `  plot ${file}`),
    `  ${cpuSeconds.toFixed(1)} s of processor time`,
    '',
  ].join('\n')
}

const row = ({ what, unit, ours, published, source }: Comparison): string[] => [
  what,
  figure(ours),
  published === null ? '–' : figure(published),
  published === null || published === 0 ? '–' : (ours / published).toPrecision(3),
  unit,
  source,
]

/** Four significant digits; thousands grouped, and powers of ten where that is shorter. */
function figure(value: number): string {
  const size = Math.abs(value)
  if (size >= 1e9 || (size > 0 && size < 1e-3)) return value.toExponential(3)
  if (size >= 1000) return Math.round(value).toLocaleString('en-GB')
  return String(Number(value.toPrecision(4)))
}
