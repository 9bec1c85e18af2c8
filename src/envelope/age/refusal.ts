/** @module */

import { Refusal } from '#base'

export type AgeRefusalCode =
  | 'RECIPIENT_INVALID'
  | 'IDENTITY_INVALID'
  /** Hybrid and X25519 recipients in one file: it would be as weak as the weaker. */
  | 'RECIPIENTS_MIXED_INVALID'
  | 'AGE_FILE_INVALID'
  /** It is for somebody else. */
  | 'AGE_IDENTITY_DENIED'

/** A file of age was refused, or could not be written. */
export class AgeRefusal extends Refusal<AgeRefusalCode> {
  override readonly name = 'AgeRefusal'
}
