/** @module */

import { Refusal } from '#base'

export type EnvelopeRefusalCode =
  | 'CONTAINER_REFUSED'
  | 'HEADER_INVALID'
  | 'LENGTH_DIFFERS'
  | 'RANGE_INVALID'
  | 'WRAPPING_KEY_INVALID'
  | 'WRAPS_EXHAUSTED'

/** Sealing or opening was refused. Whatever does not open is refused in the same words. */
export class EnvelopeRefusal extends Refusal<EnvelopeRefusalCode> {
  override readonly name = 'EnvelopeRefusal'
}

/**
 * The one refusal for a container that does not open: malformed, changed, cut, extended, of
 * another object or under another key. Which of these it was helps nobody but an attacker.
 */
export const containerRefused = (): EnvelopeRefusal =>
  new EnvelopeRefusal('CONTAINER_REFUSED', 'The container does not open')
