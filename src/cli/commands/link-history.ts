/**
 * `photonward link history`: what a link has done, and what it has cost.
 *
 * @module
 */

import type { Command } from 'commander'
import { siteRoutes, type HistoryEntry, type LinkHistoryView } from '#contract'
import type { Context } from '../context.ts'
import { CliRefusal } from '../exit.ts'
import { dateTime, listing, percent, scaled, style, table } from '../output.ts'

/** Adds `history` to the command `link`. */
export function addHistoryCommand(link: Command, context: () => Context): void {
  link
    .command('history <link>')
    .description(siteRoutes.linkHistory.summary)
    .option('--since <when>', 'only from here on: 90s, 15m, 24h or 7d ago, or a time as 2026-11-20')
    .option('--limit <count>', 'the newest so many entries', '40')
    .action(async (name: string, flags: { readonly since?: string; readonly limit: string }) => {
      const { out, site } = context()
      const since = flags.since === undefined ? undefined : sinceOf(flags.since, Date.now())
      const query = {
        link: name,
        limit: flags.limit,
        ...(since === undefined ? {} : { since: String(since) }),
      }
      out.data(await site().call('linkHistory', query, null), historyView)
    })
}

/** Epoch milliseconds of `15m` before now, or of a date and time (UTC unless it says otherwise). */
export function sinceOf(text: string, now: number): number {
  const ago = /^(\d{1,6})([smhd])$/.exec(text)
  if (ago !== null)
    return Math.max(0, now - Number(ago[1]) * UNIT_MS[ago[2] as keyof typeof UNIT_MS])
  const local = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?$/.test(text)
  const at = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(local ? `${text}Z` : text) : NaN
  if (at >= 0) return at
  throw new CliRefusal('ARGUMENT_INVALID', '--since must be as 90s, 15m, 24h, 7d or 2026-11-20')
}

/** Sums, then entries, oldest first. */
export function historyView({ link, totals, entries }: LinkHistoryView): string {
  const causes = Object.entries(totals.blocksDiscarded).map(([why, n]) => `${why} ${String(n)}`)
  const head = listing([
    ['link', style.bold(link)],
    ['counted since', totals.since === null ? 'no block yet' : dateTime(totals.since)],
    ['blocks distilled', String(totals.blocksDistilled)],
    ['blocks discarded', causes.length === 0 ? '0' : causes.join(', ')],
    ['sifted', scaled(totals.siftedBits, 'bit')],
    ['leaked', scaled(totals.leakBits, 'bit')],
    ['secret', scaled(totals.secretBits, 'bit')],
    ['ε spent', totals.epsilonSpent.toExponential(2)],
    ['alarms', String(totals.alarms)],
    ['alignments', String(totals.alignments)],
  ])
  if (entries.length === 0) return `${head}\n\nNothing has happened in this time`
  return `${head}\n\n${table([HEADING, ...entries.map(rowOf)])}`
}

const HEADING = [
  ...['AT (UTC)', 'WHAT', 'QBER Z', 'QBER X', 'SIFTED', 'SECRET', 'LEAKED', 'f', 'ε SPENT'],
]

function rowOf(entry: HistoryEntry): readonly string[] {
  const at = dateTime(entry.at)
  switch (entry.kind) {
    case 'alarm': {
      const raised = entry.change === 'raised'
      return [at, (raised ? style.red : style.dim)(`alarm ${entry.alarm} ${entry.change}`)]
    }
    case 'alignment': {
      const { cause, outcome, before, after } = entry
      const rates = `${percent(before)} → ${percent(after)}`
      const bad = outcome === 'failed' || outcome === 'refused'
      return [at, (bad ? style.red : style.bold)(`alignment (${cause}) ${outcome}: ${rates}`)]
    }
    case 'state':
      return [at, style.bold(`${entry.state}${entry.reason === '' ? '' : `: ${entry.reason}`}`)]
    case 'block': {
      const { epoch, sequence, outcome, cause, seconds, efficiency } = entry
      const name = `block ${String(epoch)}/${String(sequence)}`
      const rate = (bits: number): string => (seconds > 0 ? scaled(bits / seconds, 'b/s') : '–')
      return [
        at,
        outcome === 'distilled' ? name : style.yellow(`${name} ${cause === '' ? outcome : cause}`),
        percent(entry.keyErrorRate),
        percent(entry.testErrorRate),
        rate(entry.siftedBits),
        rate(entry.secretBits),
        scaled(entry.leakBits, 'bit'),
        efficiency === null ? '–' : efficiency.toFixed(3),
        entry.epsilonSpent.toExponential(2),
      ]
    }
  }
}

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
