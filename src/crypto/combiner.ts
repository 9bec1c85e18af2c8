/**
 * CatKDF of ETSI TS 103 744: one key from a pre-shared (here: QKD) key, X25519 and ML-KEM.
 *
 * The result is as strong as the strongest input, and is bound to the whole exchange: both
 * messages and the context go into the derivation, so a key made for one exchange, mode or key_ID
 * never comes out of another.
 *
 *   secret = psk ‖ k1 ‖ k2        lengths are fixed by the suite, psk may be empty
 *   info   = H(len‖context ‖ len‖MA ‖ len‖MB)
 *   key    = HKDF(H, salt = label, IKM = secret, info, length)      H = SHA-384
 *
 * @see ETSI TS 103 744 V1.2.1 §8.2
 * @module
 */

import { concat, lengthPrefixed, utf8 } from '#base'
import { hkdf, sha384 } from './hash.ts'

export interface CombinerInput {
  /** QKD key, or no octets where the mode has none. */
  readonly psk: Uint8Array
  /** X25519 shared secret, 32 octets. */
  readonly classical: Uint8Array
  /** ML-KEM shared secret, 32 octets. */
  readonly postQuantum: Uint8Array
  /** What the derived key is for; separates purposes. */
  readonly label: string
  /** Everything both ends must agree on, in one deterministic encoding. */
  readonly context: Uint8Array
  /** The initiator's and the responder's message, whole. */
  readonly messageA: Uint8Array
  readonly messageB: Uint8Array
  /** Octets wanted. */
  readonly length: number
}

export function catKdf(input: CombinerInput): Uint8Array {
  const { psk, classical, postQuantum, context, messageA, messageB, label, length } = input
  const secret = concat(psk, classical, postQuantum)
  const info = sha384(lengthPrefixed(context, messageA, messageB))
  const key = hkdf('sha384', { secret, salt: utf8(label), info, length })
  secret.fill(0)
  return key
}
