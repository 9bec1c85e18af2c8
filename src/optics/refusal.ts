/** @module */

import { Refusal } from '#base'

export type OpticsRefusalCode =
  | 'OPTICS_LINK_INVALID'
  | 'OPTICS_ATTACK_INVALID'
  | 'OPTICS_PRESET_UNKNOWN'
  | 'OPTICS_RANDOMNESS_REFUSED'
  | 'OPTICS_BATCH_UNKNOWN'
  | 'OPTICS_BATCH_FORGOTTEN'
  | 'OPTICS_BATCH_REPEATED'
  | 'OPTICS_SLOTS_INVALID'
  | 'OPTICS_MESSAGE_INVALID'
  | 'OPTICS_REQUESTS_TOO_MANY'
  | 'OPTICS_ALIGNMENT_FAILED'
  | 'OPTICS_CLOSED'

/** A device, real or simulated, refused what was asked of it, or a message was not of its form. */
export class OpticsRefusal extends Refusal<OpticsRefusalCode> {
  override readonly name = 'OpticsRefusal'
}
