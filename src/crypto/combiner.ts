/**
 * CatKDF of ETSI TS 103 744: one key from a pre-shared (here: QKD) key, X25519 and ML-KEM.
 *
 * The result is as strong as the strongest input, and is bound to the whole exchange: both
 * messages and the context go into the derivation, so a key made for one exchange, mode or key_ID
 * never comes out of another.
 *
 *   secret = psk ‖ k1 ‖ k2        psk: 32 octets for each QKD key, or none; k1 and k2: 32 each
 *   info   = H(len‖context ‖ len‖MA ‖ len‖MB)
 *   key    = HKDF(H, salt = label, IKM = secret, info, length)      H = SHA-384
 *
 * Unlike the standard, whose parameter sets pair ML-KEM-1024 with P-384 or X448, it takes X25519:
 * the classical part only has to hold until there are quantum computers.
 *
 * @see ETSI TS 103 744 V1.1.1 §7.2.3 (hashed context), §7.4.2 (HKDF), §8.2 (CatKDF)
 * @module
 */

import { assert, concat, lengthPrefixed, utf8 } from '#base'
import { hkdf, sha384 } from './hash.ts'

export interface CombinerInput {
  /** QKD keys, 32 octets each, or no octets where the mode has none. */
  readonly psk: Uint8Array
  /** X25519 shared secret, 32 octets. */
  readonly classical: Uint8Array
  /** ML-KEM shared secret, 32 octets. */
  readonly postQuantum: Uint8Array
  /** What the derived key is for; separates purposes. 1 to 128 visible ASCII characters. */
  readonly label: string
  /** Everything both ends must agree on, in one deterministic encoding. */
  readonly context: Uint8Array
  /** The initiator's and the responder's message, whole. */
  readonly messageA: Uint8Array
  readonly messageB: Uint8Array
  /** Octets wanted. */
  readonly length: number
}

/** The key of the exchange, `length` octets; the caller owns and clears it and its inputs. */
export function catKdf(input: CombinerInput): Uint8Array {
  const { psk, classical, postQuantum, context, messageA, messageB, label, length } = input
  // Two secrets of fixed length at the end leave one way only to read the concatenation.
  assert(classical.length === 32 && postQuantum.length === 32, 'k1 and k2 have 32 octets each')
  assert(psk.length % 32 === 0, 'a QKD key in the combiner has 32 octets')
  // The label is an HMAC key: padded with zeros below a block, hashed above one.
  assert(LABEL.test(label), 'a label is 1 to 128 visible ASCII characters')
  const secret = concat(psk, classical, postQuantum)
  const info = sha384(lengthPrefixed(context, messageA, messageB))
  const key = hkdf('sha384', { secret, salt: utf8(label), info, length })
  secret.fill(0)
  return key
}

const LABEL = /^[!-~]{1,128}$/
