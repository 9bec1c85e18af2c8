/**
 * Verification: after error correction both ends compare a hash of the block under a fresh key.
 *
 * The hash is a polynomial over GF(2¹²⁸), cut to as few octets as the correctness ε needs.
 * Different blocks of m octets agree on t octets with probability at most (⌈m/16⌉ + 1) / 2^8t. Two
 * comparisons are allowed for, because a block that differs is repaired once: hashes of its frames
 * show which ones differ, those are disclosed whole, and everything is compared again. Their bits
 * stay in the block, so that its statistics stay valid, and count as leaked; so does every hash.
 *
 * The key is drawn by the transmitter after the receiver has finished its corrections.
 *
 * @see Wegman, Carter, J. Comput. Syst. Sci. 22 (1981); Krawczyk, CRYPTO '94
 * @module
 */

import { sameOctets } from '#base'
import { PolynomialHash } from '#crypto'
import type { Cut } from './cascade/plan.ts'

/** Octets of a hash, so that two comparisons together fail with at most ε_cor; 16 if none do. */
export function hashOctets(blockBits: number, correctness: number): number {
  const terms = Math.ceil(blockBits / 128) + 1
  for (let octets = 4; octets < 16; octets++) {
    if (2 * terms * 2 ** (-8 * octets) <= correctness) return octets
  }
  return 16
}

/** Probability that two comparisons let a difference pass. */
export const verificationFailure = (blockBits: number, octets: number): number =>
  (2 * (Math.ceil(blockBits / 128) + 1)) / 2 ** (8 * octets)

/** The hash of a block. @param key 16 fresh random octets */
export function blockHash(key: Uint8Array, block: Uint8Array, octets: number): Uint8Array {
  using hash = new PolynomialHash(key)
  return hash.digest(block).slice(0, octets)
}

/** Hashes of all frames, one after another. */
export function frameHashes(key: Uint8Array, block: Uint8Array, cut: Cut): Uint8Array {
  using hash = new PolynomialHash(key)
  const hashes = new Uint8Array(cut.frames * FRAME_HASH_OCTETS)
  for (let frame = 0; frame < cut.frames; frame++) {
    const digest = hash.digest(frameOf(block, cut, frame))
    hashes.set(digest.subarray(0, FRAME_HASH_OCTETS), frame * FRAME_HASH_OCTETS)
  }
  return hashes
}

/** Frames whose hashes differ; undefined unless there is one hash for each frame on both sides. */
export function framesThatDiffer(own: Uint8Array, peers: Uint8Array): number[] | undefined {
  if (own.length !== peers.length) return undefined
  const differing: number[] = []
  for (let at = 0; at < own.length; at += FRAME_HASH_OCTETS) {
    const end = at + FRAME_HASH_OCTETS
    if (!sameOctets(own.subarray(at, end), peers.subarray(at, end))) {
      differing.push(at / FRAME_HASH_OCTETS)
    }
  }
  return differing
}

/** The octets of one frame; the last one may be short. Shares memory with the block. */
export function frameOf(block: Uint8Array, { frameBits }: Cut, frame: number): Uint8Array {
  const octets = frameBits / 8
  return block.subarray(frame * octets, Math.min(block.length, (frame + 1) * octets))
}

/** Octets of one frame's hash: a miss only costs the block at the second comparison. */
export const FRAME_HASH_OCTETS = 4

/** Frames that may be disclosed; a block with more differing frames is discarded. */
export const DISCLOSED_FRAMES_MAX = 64
