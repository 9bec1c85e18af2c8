/**
 * The gateway: the real ports of a site, and what a daemon needs to start and to stop.
 *
 * Rooms receive these as arguments and never see that they are real. Decides nothing: what a
 * message, a request or a row means is known elsewhere.
 *
 * @module
 */

export * from './clock.ts'
export * from './disk.ts'
export * from './folder.ts'
export * from './log.ts'
export * from './random.ts'
export * from './refusal.ts'
export { openStore, SqliteStore, type StoreOptions } from './store.ts'
