/** `photonward doctor`: whether a site can work, and what to do where it cannot. @module */

import type { Command } from 'commander'
import type { CheckView } from '#contract'
import { newContext } from '../context.ts'
import { EXIT } from '../exit.ts'
import { style } from '../output.ts'
import { checkLine } from './config.ts'

/** What only the real world can do. */
export interface DoctorPowers {
  /** Looks at the folder of a site and its surroundings; changes nothing. */
  readonly examine: (folder: string, passphrase: Uint8Array | undefined) => AsyncIterable<CheckView>
  readonly readPassphrase: (file: string) => Uint8Array
}

export function addDoctorCommand(program: Command, powers: DoctorPowers): void {
  program
    .command('doctor')
    .description('Look whether a site can work: machine, folder, ports, trust, peers, clock, log')
    .option('--passphrase-file <file>', 'passphrase of the root key; - for stdin')
    .addHelpText('after', HELP)
    .action(async ({ passphraseFile: file }: { passphraseFile?: string }) => {
      const { out, folder } = newContext(program.opts())
      const passphrase = file === undefined ? undefined : powers.readPassphrase(file)
      const checks: CheckView[] = []
      for await (const check of powers.examine(folder(), passphrase)) {
        checks.push(check)
        if (!out.flags.json) out.line(check, (one) => checkLine(one, NAME_WIDTH))
      }
      const count = (state: CheckView['state']): number =>
        checks.filter((check) => check.state === state).length
      const healthy = count('fail') === 0
      if (out.flags.json) out.data({ healthy, checks }, () => '')
      else out.say(`\n${String(count('fail'))} failed, ${String(count('warn'))} to look at`)
      if (!healthy) process.exitCode = EXIT.findings
    })
}

const NAME_WIDTH = 24

const HELP = `
${style.bold('Examples')}
  photonward --site bristol/ doctor                  beside the running daemon, or before its start
  photonward --site bristol/ doctor --json           one document: healthy, checks
  photonward --site bristol/ doctor --passphrase-file -   looks at the sealed keys as well
Changes nothing. Exit status 7 if something fails; a warning alone is 0.
`
