/**
 * Simulated ports, for the tests of every room and for the world.
 *
 * @module
 */

export * from './clock.ts'
export * from './disk.ts'
export * from './hostile.ts'
export * from './log.ts'
export * from './network.ts'
export * from './postgres.ts'
export * from './random.ts'
export * from './store.ts'
