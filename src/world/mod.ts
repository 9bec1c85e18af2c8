/**
 * The world: many sites over simulated ports, one seed, with faults and attacks.
 *
 * @module
 */

export * from './ports/mod.ts'
