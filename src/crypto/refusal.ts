/** @module */

import { Refusal } from '#base'

export type CryptoRefusalCode =
  | 'DECRYPTION_FAILED'
  | 'KEY_INVALID'
  | 'CIPHERTEXT_INVALID'
  | 'PROOF_INVALID'
  | 'RANDOM_SEED_REFUSED'

/** Cryptographic input was refused. Every decryption failure looks the same. */
export class CryptoRefusal extends Refusal<CryptoRefusalCode> {
  override readonly name = 'CryptoRefusal'
}

/** The one refusal for whatever does not open: wrong key, wrong context or a changed octet. */
export const decryptionFailed = (): CryptoRefusal =>
  new CryptoRefusal('DECRYPTION_FAILED', 'Decryption failed')
