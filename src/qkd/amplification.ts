/**
 * Privacy amplification: shortens a verified key until Eve's share is negligible.
 *
 * Two families that the leftover hash lemma allows, both with collision probability 2^−ℓ exactly:
 *
 * - *modular*: ((a·x + b) mod 2ⁿ) ≫ (n − ℓ) with a odd and b uniform. Odd a *and* b are both
 *   needed: without b, or with any a, collisions are twice as likely or worse, and the lemma then
 *   promises nothing. Not linear: fine for proofs by entropic uncertainty (all bounds of this
 *   room), not for proofs by phase error correction.
 * - *toeplitz*: [I | T] with T a random Toeplitz matrix; linear and dual-universal, so fit for
 *   both kinds of proof.
 *
 * The seed is public, but drawn only after all else about the block is settled and authenticated.
 * Drawn from a deterministic generator it makes the claim computational.
 *
 * Does not bound what Eve knows: `bounds` do. A wrong ℓ there makes every key from here insecure,
 * without any sign.
 *
 * @see Woelfel, MFCS '99; Tomamichel et al., IEEE Trans. Inf. Theory 57 (2011); Hayashi, Tsurumaru,
 *   IEEE Trans. Inf. Theory 62 (2016), arXiv 1311.5322
 * @module
 */

import { assert, bitsOf, octetsFor, type Bits, type RandomSource } from '#base'
import { modularHash } from './modular.ts'
import type { AmplificationFamily } from './parameters.ts'
import { toeplitzHash } from './toeplitz.ts'

/** What one amplification is: `inputBits` n of a verified key become `secretBits` ℓ. */
export interface AmplificationShape {
  readonly family: AmplificationFamily
  readonly inputBits: number
  readonly secretBits: number
}

/** Octets of the seed: a and the low n − ℓ bits of b; or the n − 1 bits of a Toeplitz matrix. */
export function seedOctets({ family, inputBits, secretBits }: AmplificationShape): number {
  switch (family) {
    case 'modular':
      return octetsFor(inputBits) + octetsFor(inputBits - secretBits)
    case 'toeplitz':
      return octetsFor(inputBits - 1)
  }
}

/** A fresh seed. */
export function drawSeed(shape: AmplificationShape, random: RandomSource): Uint8Array {
  const seed = random.octets(seedOctets(shape))
  if (shape.family === 'modular') {
    seed[0] |= 1
    const multiplier = octetsFor(shape.inputBits)
    bitsOf(seed.subarray(0, multiplier), shape.inputBits)
    bitsOf(seed.subarray(multiplier), shape.inputBits - shape.secretBits)
  } else {
    bitsOf(seed, shape.inputBits - 1)
  }
  return seed
}

/** Whether a seed is one that `drawSeed` may give. */
export function isSeed(shape: AmplificationShape, seed: Uint8Array): boolean {
  if (seed.length !== seedOctets(shape)) return false
  if (shape.family === 'toeplitz') return isPadded(seed, shape.inputBits - 1)
  const multiplier = seed.subarray(0, octetsFor(shape.inputBits))
  const addend = seed.subarray(multiplier.length)
  const added = shape.inputBits - shape.secretBits
  return (
    (multiplier[0] & 1) === 1 && isPadded(multiplier, shape.inputBits) && isPadded(addend, added)
  )
}

/**
 * The secret key: ℓ bits in a new array that the caller owns.
 *
 * @param verified   n bits, not changed
 */
export function amplify(shape: AmplificationShape, verified: Bits, seed: Uint8Array): Bits {
  const { family, inputBits, secretBits } = shape
  assert(verified.length === inputBits, 'amplification takes the whole block')
  assert(secretBits > 0 && secretBits < inputBits, 'amplification shortens')
  assert(isSeed(shape, seed), 'the seed fits the block')
  switch (family) {
    case 'modular':
      return modularHash(verified, secretBits, seed)
    case 'toeplitz':
      return toeplitzHash(verified, secretBits, seed)
  }
}

const isPadded = (octets: Uint8Array, bits: number): boolean =>
  (bits & 7) === 0 || octets[octets.length - 1] >> (bits & 7) === 0
