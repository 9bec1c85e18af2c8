/** Commands about the simulated fibre: its state, and the eavesdropper on it. @module */

import type { Command } from 'commander'
import {
  attackNamed,
  attackTexts,
  type AttackKind,
  type AttackText,
  type AttackView,
} from '#contract'
import { newContext, type Context } from '../context.ts'
import { CliRefusal } from '../exit.ts'
import { listing, style } from '../output.ts'
import { fibreView } from '../views.ts'

/** How strong an attack is. */
export interface AttackFlags {
  readonly fraction: string
  readonly stealth?: string
  readonly power?: string
  readonly shift?: string
  readonly rate?: string
  readonly at?: string
}

/** Adds the options of a command that starts an attack. */
export const attackOptions = (command: Command): Command =>
  command
    .option('--fraction <share>', 'share of the pulses attacked, 0 to 1', '1')
    .option(
      '--stealth <share>',
      'how far intercept-resend and photon-number-splitting keep the count rate, 0 to 1',
    )
    .option('--power <microwatts>', 'light of blinding, bright-light and trojan-horse')
    .option('--shift <picoseconds>', 'delay of time-shift')
    .option('--rate <degrees>', 'turn of drift, in degrees a minute')
    .option('--at <end>', 'whose detectors, of entangled pairs: transmitter or receiver')

export function addAttackCommands(program: Command): void {
  const context = (): Context => newContext(program.opts())
  const attack = program
    .command('attack')
    .description('Attacks on a simulated fibre: see what an eavesdropper does and what catches her')
  attack
    .command('list')
    .description('Every attack: what it does, what shows, which alarm, what becomes of the key')
    .action(() => context().out.data(attackTexts, textsView))
  const run = attack
    .command('run <kind>')
    .description(`Start an attack: ${Object.keys(attackTexts).join(', ')}`)
    .requiredOption('--fibre <folder>', 'folder of the simulated fibre')
  attackOptions(run).action(
    async (name: string, options: AttackFlags & { readonly fibre: string }) => {
      const { out, fibre } = context()
      const wanted = wantedAttack(name, options)
      out.data(await fibre(options.fibre).call('attack', {}, wanted), fibreView)
      const kind = attackNamed(name)
      if (kind !== undefined) out.say(textView(attackTexts[kind]))
    },
  )
  attack
    .command('stop')
    .description('The eavesdropper leaves')
    .requiredOption('--fibre <folder>', 'folder of the simulated fibre')
    .action(async (options: { fibre: string }) => {
      const { out, fibre } = context()
      const none = { kind: 'none', fraction: 0 } as const
      out.data(await fibre(options.fibre).call('attack', {}, none), fibreView)
    })
  attack
    .command('show')
    .description('State of the simulated fibre, and what Eve knows: only a simulation can tell')
    .requiredOption('--fibre <folder>', 'folder of the simulated fibre')
    .action(async (options: { fibre: string }) => {
      const { out, fibre } = context()
      out.data(await fibre(options.fibre).call('fibre', {}, null), fibreView)
    })
}

/** The attack that a command line asks for. @throws CliRefusal `ARGUMENT_INVALID` */
export function wantedAttack(name: string, options: AttackFlags): AttackView {
  const kind = attackNamed(name)
  if (kind === undefined) {
    const known = Object.keys(attackTexts).join(', ')
    throw new CliRefusal('ARGUMENT_INVALID', `Known attacks: ${known}`)
  }
  const fraction = Number(options.fraction)
  if (!(fraction >= 0 && fraction <= 1)) {
    throw new CliRefusal('ARGUMENT_INVALID', 'The fraction must lie between 0 and 1')
  }
  const stealth = amount(options.stealth, 'stealth')
  if (stealth !== undefined && (stealth > 1 || !WITH_STEALTH.has(kind))) {
    const hiding = [...WITH_STEALTH].join(', ')
    throw new CliRefusal('ARGUMENT_INVALID', `A stealth, from 0 to 1, have: ${hiding}`)
  }
  const powerUw = amount(options.power, 'power')
  const shiftPs = amount(options.shift, 'shift')
  const degreesPerMinute = amount(options.rate, 'rate')
  return {
    kind,
    fraction,
    ...(stealth === undefined ? {} : { stealth }),
    ...(powerUw === undefined ? {} : { powerUw }),
    ...(shiftPs === undefined ? {} : { shiftPs }),
    ...(degreesPerMinute === undefined ? {} : { degreesPerMinute }),
    ...attackedEnd(kind, options.at),
  }
}

function attackedEnd(kind: AttackKind, at: string | undefined): Pick<AttackView, 'at'> {
  if (at === undefined) return {}
  if (!ON_DETECTORS.has(kind)) {
    const aimed = [...ON_DETECTORS].join(', ')
    throw new CliRefusal('ARGUMENT_INVALID', `Only attacks on detectors have an end: ${aimed}`)
  }
  if (at === 'transmitter' || at === 'receiver') return { at }
  throw new CliRefusal('ARGUMENT_INVALID', 'The end must be transmitter or receiver')
}

const WITH_STEALTH: ReadonlySet<AttackKind> = new Set([
  'intercept-resend',
  'photon-number-splitting',
])
const ON_DETECTORS: ReadonlySet<AttackKind> = new Set(['blinding', 'bright-light', 'time-shift'])

function amount(text: string | undefined, what: string): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (Number.isFinite(value) && value >= 0 && text.trim() !== '') return value
  throw new CliRefusal('ARGUMENT_INVALID', `The ${what} must be a number of 0 or more`)
}

const textView = ({ does, shows, alarms, key }: AttackText): string =>
  listing([
    ['does', does],
    ['shows', shows],
    ['alarms', alarms],
    ['key', key],
  ])

const textsView = (texts: Readonly<Record<string, AttackText>>): string =>
  Object.entries(texts)
    .map(([kind, text]) => `${style.bold(kind)}\n${textView(text)}`)
    .join('\n\n')
