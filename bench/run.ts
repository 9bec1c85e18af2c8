/**
 * `photonward bench [group…]`: runs groups of benchmarks and prints one table, or with `--json`
 * one document with a row for each.
 *
 * @module
 */

import { cpus, loadavg } from 'node:os'
import type { BenchOutput } from '#cli'
import { measure, type Group, type Result } from './bench.ts'

export type Groups = Readonly<Record<string, () => Promise<{ readonly group: Group }>>>

/** Groups are loaded only when they are asked for. */
export const groups: Groups = {
  link: () => import('./link.ts'),
  keys: () => import('./keys.ts'),
  envelope: () => import('./envelope.ts'),
  vault: () => import('./vault.ts'),
  console: () => import('./console.ts'),
  day: () => import('./day.ts'),
}

/** Parts of groups, for whoever wants only these. */
const parts: Groups = {
  'vault.import': async () => ({ group: (await import('./vault.ts')).importGroup }),
  'vault.serve': async () => ({ group: (await import('./vault.ts')).servingGroup }),
  'vault.search': async () => ({ group: (await import('./vault.ts')).searchGroup }),
}

/** @returns whether every bar was met, or undefined if a group is unknown */
export async function runBenchmarks(
  names: readonly string[],
  out: BenchOutput,
): Promise<boolean | undefined> {
  const chosen = names.length === 0 ? Object.keys(groups) : names
  const known = { ...groups, ...parts }
  const unknown = chosen.filter((name) => !Object.hasOwn(known, name))
  if (unknown.length > 0) {
    out.say(`No such group: ${unknown.join(', ')}; there are ${Object.keys(known).join(', ')}`)
    return undefined
  }
  const results: Result[] = []
  if (!out.json) out.print(heading())
  for (const name of chosen) {
    const { group } = await known[name]()
    const { list, close } = await group.open()
    try {
      for (const benchmark of list) {
        out.say(`… ${benchmark.claim}`)
        const result = await measure(benchmark)
        results.push(result)
        if (!out.json) out.print(row(result))
      }
    } finally {
      await close?.()
    }
  }
  if (out.json) out.print(JSON.stringify({ machine: machine(), results }, undefined, 2))
  return results.every(({ met }) => met !== false)
}

const machine = (): string =>
  `${cpus()[0].model}, ${String(cpus().length)} cores, Node ${process.version}, ` +
  `load ${loadavg()[0].toFixed(1)}`

const COLUMNS = [44, 14, 10, 14, 5, 28] as const

const heading = (): string =>
  `${machine()}\n${cells('CLAIM', 'FIGURE', 'UNIT', 'BAR', 'MET', 'PEER (ratio)')}`

function row({ claim, value, unit, bar, met, peer, others }: Result): string {
  const beside = [...(peer === null ? [] : [peer]), ...others]
    .map((one) => `${one.name} ${figure(one.value)} (${one.ratio.toFixed(2)}×)`)
    .join('; ')
  const word = met === null ? '–' : met ? 'yes' : 'NO'
  return cells(claim, figure(value), unit, bar === null ? '–' : figure(bar), word, beside)
}

const cells = (...texts: readonly string[]): string =>
  texts
    .map((text, at) => text.padEnd(COLUMNS[at]))
    .join(' ')
    .trimEnd()

/** Three significant digits, four of small figures, with thousands grouped. */
function figure(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en-GB')
  return String(Number(value.toPrecision(value < 10 ? 4 : 3)))
}
