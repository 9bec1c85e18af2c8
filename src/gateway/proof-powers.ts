/**
 * What checking a proof needs of this machine: a hash, and two kinds of signatures.
 *
 * @module
 */

import type { ProofPowers } from '#contract'
import { sha256, verifyBareEd25519, verifyBareMlDsa } from '#crypto'

/** The powers of Node. */
export const proofPowers: ProofPowers = {
  hash: (octets) => Promise.resolve(sha256(octets)),
  verify: ({ algorithm, octets: publicKey }, message, signature) =>
    Promise.resolve(
      algorithm === 'ed25519'
        ? verifyBareEd25519(publicKey, message, signature)
        : verifyBareMlDsa({ name: 'ml-dsa-44', publicKey }, message, signature),
    ),
}
