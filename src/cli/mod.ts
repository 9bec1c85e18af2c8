/**
 * The command line: grammar, views, and the demo. A client of the admin socket, with no other way in.
 *
 * @module
 */

export { CliRefusal, EXIT_MEANINGS } from './exit.ts'
export { newProgram, runCli } from './program.ts'
export type { Powers } from './commands/setup.ts'
