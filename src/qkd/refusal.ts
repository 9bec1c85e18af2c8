/**
 * What the room refuses, with stable codes.
 *
 * @module
 */

import { Refusal } from '#base'

/** Codes are API and stay. */
export type QkdRefusalCode =
  | 'PARAMETERS_INVALID'
  | 'COUNTS_IMPOSSIBLE'
  | 'BOUND_NOT_APPLICABLE'
  | 'MODEL_INVALID'
  | 'MESSAGE_INVALID'
  | 'MESSAGE_TOO_LARGE'
  | 'MESSAGE_OUT_OF_ORDER'
  | 'MESSAGE_OUT_OF_PHASE'
  | 'BATCH_INVALID'
  | 'RECONCILIATION_INVALID'
  | 'PARITIES_INCONSISTENT'

/** Input of this room was refused; nothing was changed by it. */
export class QkdRefusal extends Refusal<QkdRefusalCode> {
  override readonly name = 'QkdRefusal'
}
