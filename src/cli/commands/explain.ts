/**
 * `photonward link explain`: a key length with every intermediate value of its bound, of the last
 * block of a running link, of the average block of a preset, or of a simulated one (GG02).
 *
 * @module
 */

import type { Command } from 'commander'
import { siteRoutes, type ExplanationView } from '#contract'
import { newContext } from '../context.ts'
import { CliRefusal } from '../exit.ts'
import { style, table } from '../output.ts'

/** What to explain without a running link. */
export interface ExplainOptions {
  readonly preset: string
  /** Another length of the preset's fibre. */
  readonly lengthKm: number | undefined
  /** Left out: that of the preset's protocol. */
  readonly bound: string | undefined
  readonly blockBits: number
  /** f of error correction. */
  readonly efficiency: number
  /** Whether to search the settings first. */
  readonly optimise: boolean
  /** Of GG02 presets only. */
  readonly simulation?: {
    readonly symbols: number | undefined
    /** β, assumed. */
    readonly reconciliation: number | undefined
    /** Name of an attack, and how much of it. */
    readonly attack: string | undefined
    readonly amount: number | undefined
  }
}

export interface ExplainPowers {
  readonly explain: (options: ExplainOptions) => Promise<ExplanationView>
}

/** Adds `explain` to the command `link`. */
export function addExplainCommand(program: Command, link: Command, powers: ExplainPowers): void {
  link
    .command('explain [link]')
    .description(`${siteRoutes.explainLink.summary}; or a preset's average block`)
    .option('--block <name>', 'one of the newest blocks by epoch and sequence, as 3/17')
    .option('--preset <name>', 'explain the average block of a preset instead of a running link')
    .option('--km <length>', 'another length of its fibre, in kilometres')
    .option(
      '--bound <name>',
      'wiesemann-2024, rusca-2018, lim-2014; three-state of three states, tomamichel-2012 of ' +
        'pairs, leverrier-2010 of GG02',
    )
    .option('--block-bits <bits>', 'sifted bits of the block', '1000000')
    .option('--efficiency <f>', 'efficiency f of error correction', '1.06')
    .option('--optimise', 'search intensities, probabilities and basis bias first')
    .option('--symbols <count>', 'GG02: symbols to simulate; 10,000,000 if left out')
    .option('--beta <share>', 'GG02: assumed efficiency of reconciliation; 0.95 if left out')
    .option(
      '--attack <name>',
      'GG02: intercept-resend, entangling-cloner, saturation, local-oscillator, fibre-cut, drift',
    )
    .option('--amount <figure>', 'GG02: of the attack: share, excess noise, dB, or rad/s')
    .action(async (name: string | undefined, flags: ExplainFlags) => {
      const { out, site } = newContext(program.opts())
      if ((name === undefined) === (flags.preset === undefined)) {
        throw new CliRefusal('ARGUMENT_INVALID', 'Name a link of a running site, or --preset', {
          next: 'photonward link explain --preset lab-25km',
        })
      }
      const explanation =
        flags.preset === undefined
          ? await site().call('explainLink', { link: name ?? '', ...blockOf(flags) }, null)
          : await powers.explain(optionsOf(flags, flags.preset))
      out.data(explanation, explanationView)
    })
}

const blockOf = ({ block }: ExplainFlags): { readonly block?: string } =>
  block === undefined ? {} : { block }

interface ExplainFlags {
  readonly block?: string
  readonly preset?: string
  readonly km?: string
  readonly bound?: string
  readonly blockBits: string
  readonly efficiency: string
  readonly optimise?: boolean
  readonly symbols?: string
  readonly beta?: string
  readonly attack?: string
  readonly amount?: string
}

const optionsOf = (flags: ExplainFlags, preset: string): ExplainOptions => ({
  preset,
  lengthKm: maybe(flags.km, (km) => numberOf('km', km, 0, 2000)),
  bound: flags.bound,
  blockBits: numberOf('block-bits', flags.blockBits, 1, 1e12),
  efficiency: numberOf('efficiency', flags.efficiency, 1, 10),
  optimise: flags.optimise === true,
  simulation: {
    symbols: maybe(flags.symbols, (count) => Math.round(numberOf('symbols', count, 1000, 1e9))),
    reconciliation: maybe(flags.beta, (share) => numberOf('beta', share, 0, 1)),
    attack: flags.attack,
    amount: maybe(flags.amount, (figure) => numberOf('amount', figure, 0, 1e9)),
  },
})

const maybe = <T>(text: string | undefined, of: (text: string) => T): T | undefined =>
  text === undefined ? undefined : of(text)

function numberOf(name: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= least && value <= most) return value
  const range = `${String(least)} to ${String(most)}`
  throw new CliRefusal('ARGUMENT_INVALID', `--${name} must be a number from ${range}`)
}

/** The explanation as a page. */
export function explanationView(explanation: ExplanationView): string {
  const { subject, from, outcome, bound, sections, secretBits, why, alarms = [] } = explanation
  const average = from === 'expectation' ? ', on average' : ''
  const parts = sections.map(({ title, terms }) => {
    const rows = terms.map(({ name, value, meaning }) => [name, figure(value), style.dim(meaning)])
    return `${style.bold(title)}\n${table([['TERM', 'VALUE', 'MEANING'], ...rows])}`
  })
  const length = `ℓ = ${secretBits.toLocaleString('en-GB')} bit`
  const word = secretBits > 0 ? style.green(length) : style.red(length)
  return [
    `${style.bold(subject)}${average}, ${outcome}, bound ${bound}`,
    ...parts,
    ...alarms.map((alarm) => style.red(`ALARM ${alarm}`)),
    `${word}  ${why}`,
  ].join('\n\n')
}

/** Whole numbers in full, others with seven digits. */
const figure = (value: number): string =>
  Number.isInteger(value) ? value.toLocaleString('en-GB') : String(Number(value.toPrecision(7)))
