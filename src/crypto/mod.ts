/**
 * Cryptography: thin, checked faces of node:crypto, and the constructions we add to it.
 *
 * Holds no keys and no state of its own. Primitives are OpenSSL's; what is ours is the combiner,
 * the universal hash, the Merkle tree and the labels.
 *
 * @module
 */

export * from './aead.ts'
export * from './combiner.ts'
export * from './hash.ts'
export * from './hybrid-kem.ts'
export * from './kem.ts'
export * from './merkle.ts'
export * from './passphrase.ts'
export * from './random.ts'
export * from './refusal.ts'
export * from './shares.ts'
export * from './signature.ts'
export { integerOf, octetsOf } from './integers.ts'
export * from './universal-hash.ts'
