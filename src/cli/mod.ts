/**
 * The command line: grammar, views, and the demo. A client of the admin socket, with no other way in.
 *
 * @module
 */

export { newClient, type Client } from './client.ts'
export { ADMIN_SOCKET } from './context.ts'
export { freePorts } from './demo/ports.ts'
export { CliRefusal, EXIT_MEANINGS } from './exit.ts'
export { newProgram, runCli } from './program.ts'
export type { ExplainOptions } from './commands/explain.ts'
export type { PlanOptions } from './commands/network.ts'
export type { BenchOutput, Powers } from './commands/setup.ts'
export type { StudyOptions } from './commands/study.ts'
