/**
 * Ground floor: bits, bytes, identifiers, units, refusals, secrets, shapes and the ports.
 *
 * Knows nothing of keys, patients or protocols, and touches nothing of the outside world.
 *
 * @module
 */

export * from './assert.ts'
export * from './bits.ts'
export * from './bytes.ts'
export * from './cbor.ts'
export * from './ids.ts'
export * from './key-source.ts'
export * from './port-refusal.ts'
export * from './ports.ts'
export * from './random.ts'
export * from './refusal.ts'
export * from './secret.ts'
export * from './session-secrets.ts'
export * from './shape.ts'
export * from './sql.ts'
export * from './units.ts'
export * as wasm from './wasm.ts'
