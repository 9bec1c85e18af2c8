/**
 * The room cli; its work is under way.
 *
 * @module
 */

export { runCli } from './program.ts'
export type { Powers } from './commands/setup.ts'
