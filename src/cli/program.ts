/**
 * The command line: grammar, help that teaches, and how errors end.
 *
 *   photonward <noun> <verb> [id] [--flags]
 *
 * Commands that only talk to a daemon stand in `commands/`; those that need the real world
 * (serve, init, pki, demo, bench) are handed in as `powers` by `main.ts`.
 *
 * @module
 */

import { Command, CommanderError } from 'commander'
import { addAccessCommands } from './commands/access.ts'
import { addAppCommands } from './commands/app.ts'
import { addAttackCommands } from './commands/attack.ts'
import { addAuditCommands } from './commands/audit.ts'
import { addBreakGlassCommands } from './commands/break-glass.ts'
import { addConfigCommands } from './commands/config.ts'
import { addDoctorCommand } from './commands/doctor.ts'
import { addKeyCommands } from './commands/key.ts'
import { addNetworkCommands } from './commands/network.ts'
import { addExposureCommands } from './commands/network-exposure.ts'
import { addPatientCommands } from './commands/patient.ts'
import { addPersonCommands } from './commands/person.ts'
import { addPortableCommands } from './commands/portable.ts'
import { addRecordCommands } from './commands/record.ts'
import { addRootKeyCommands } from './commands/root-key.ts'
import { addSealCommands } from './commands/seal.ts'
import { addSetupCommands, type Powers } from './commands/setup.ts'
import { addSiteKeyCommands } from './commands/site-key.ts'
import { addSiteCommands } from './commands/site.ts'
import { addStudyCommand } from './commands/study.ts'
import { addCompletion } from './completion.ts'
import { newContext, type GlobalFlags } from './context.ts'
import { EXIT, EXIT_MEANINGS, exitStatusOf } from './exit.ts'
import { style } from './output.ts'

/** Runs one command line. @returns the exit status */
export async function runCli(argv: readonly string[], powers: Powers): Promise<number> {
  const program = newProgram(powers)
  try {
    await program.parseAsync([...argv], { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    const flags: GlobalFlags = program.opts()
    newContext(flags).out.fail(error)
    return exitStatusOf(error)
  }
  return typeof process.exitCode === 'number' ? process.exitCode : EXIT.ok
}

export function newProgram(powers: Powers): Command {
  const program = new Command('photonward')
    .description(DESCRIPTION)
    .version(powers.version, '-V, --version')
    .option('--site <folder>', 'folder of the site (or PHOTONWARD_SITE, or the current folder)')
    .option('--json', 'data as JSON on stdout; streams as one document a line')
    .option('-q, --quiet', 'no talk on stderr')
    .option('-y, --yes', 'do not ask before something that cannot be undone')
    .option('--no-input', 'never ask; refuse instead')
    .addHelpText('after', HELP)
    .showHelpAfterError('(photonward --help shows what there is)')
    .exitOverride()
  addSetupCommands(program, powers)
  addSiteCommands(program, powers)
  addKeyCommands(program, powers)
  addConfigCommands(program, powers)
  addDoctorCommand(program, powers)
  addRecordCommands(program, powers)
  addPatientCommands(program)
  addPortableCommands(program, powers)
  addRootKeyCommands(program, powers)
  addSealCommands(program, powers)
  addSiteKeyCommands(program)
  addPersonCommands(program, powers)
  addAppCommands(program)
  addAuditCommands(program, powers)
  addBreakGlassCommands(program, powers)
  addAccessCommands(program)
  addAttackCommands(program)
  addNetworkCommands(program, powers)
  addExposureCommands(program)
  addStudyCommand(program, powers)
  addCompletion(program)
  for (const command of program.commands) quietExit(command)
  return program
}

function quietExit(command: Command): void {
  command.exitOverride()
  for (const inner of command.commands) quietExit(inner)
}

const DESCRIPTION = `Hospital records under keys grown from photons and mixed with post-quantum cryptography.
One daemon per site; this command starts it and talks to it.`

const HELP = `
${style.bold('First steps')}
  photonward demo                           two hospitals on this machine, from nothing to proof
  photonward demo --keep                    the same, left running for you to explore
  photonward --site <folder> status         what a running site is doing
  photonward --site <folder> doctor         whether a site can work, and what to do

${style.bold('A site of your own')}
  photonward pki init authority/            certificates: root, issuer, north hierarchy
  photonward init bristol/ --name bristol   folder, configuration, keys, enrolment request
  photonward pki issue authority/ bristol/  certificates for the site
  photonward serve --site bristol/          start the daemon

${style.bold('Exit statuses')}
${exitLines()}
`

/** Three exit statuses a line. */
function exitLines(): string {
  const all = Object.entries(EXIT_MEANINGS).map(([status, meaning]) => `${status} ${meaning}`)
  const lines = Array.from({ length: Math.ceil(all.length / 3) }, (_, at) =>
    all.slice(3 * at, 3 * at + 3).map((text) => text.padEnd(30)),
  )
  return lines.map((line) => `  ${line.join('').trimEnd()}`).join('\n')
}
