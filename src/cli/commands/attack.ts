/** Commands about the simulated fibre: its state, and the eavesdropper on it. @module */

import type { Command } from 'commander'
import { newContext, type Context } from '../context.ts'
import { CliRefusal } from '../exit.ts'
import { fibreView } from '../views.ts'

export function addAttackCommands(program: Command): void {
  const context = (): Context => newContext(program.opts())
  const attack = program
    .command('attack')
    .description('Attacks on a simulated fibre: see what an eavesdropper does and what catches her')
  attack
    .command('run <kind>')
    .description('Start an attack: intercept-resend or fibre-cut')
    .requiredOption('--fibre <folder>', 'folder of the simulated fibre')
    .option('--fraction <share>', 'share of the pulses attacked, 0 to 1', '1')
    .action(async (kind: string, options: { fibre: string; fraction: string }) => {
      const { out, fibre } = context()
      const fraction = Number(options.fraction)
      if (kind !== 'intercept-resend' && kind !== 'fibre-cut') {
        throw new CliRefusal('ARGUMENT_INVALID', 'Known attacks: intercept-resend, fibre-cut')
      }
      if (!(fraction >= 0 && fraction <= 1)) {
        throw new CliRefusal('ARGUMENT_INVALID', 'The fraction must lie between 0 and 1')
      }
      out.data(await fibre(options.fibre).call('attack', {}, { kind, fraction }), fibreView)
    })
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
    .description('State of the simulated fibre')
    .requiredOption('--fibre <folder>', 'folder of the simulated fibre')
    .action(async (options: { fibre: string }) => {
      const { out, fibre } = context()
      out.data(await fibre(options.fibre).call('fibre', {}, null), fibreView)
    })
}
