/**
 * Why a foreign KME gave no keys. What matters to whoever asks: whether asking again can help, and
 * whether keys may have gone.
 *
 * @module
 */

import { Refusal } from '#base'

export type KmeClientRefusalCode =
  /** The KME does not accept this SAE. Nothing has gone. */
  | 'KME_CLIENT_DENIED'
  /** No connection came about, so that the KME heard nothing: asking again costs nothing. */
  | 'KME_CLIENT_UNREACHED'
  /** There are no keys now, or not so many. Nothing has gone. */
  | 'KME_CLIENT_EXHAUSTED'
  /** The KME cannot answer this now, or is asked too often. Nothing has gone. */
  | 'KME_CLIENT_UNAVAILABLE'
  /** The KME does not have the keys asked for by key_ID, or not any more. */
  | 'KME_CLIENT_KEY_NOT_FOUND'
  /** The KME refuses the request as it is. Nothing has gone. */
  | 'KME_CLIENT_REFUSED'
  /** No answer, or none in time: keys may have gone, and are not asked for again. */
  | 'KME_CLIENT_UNANSWERED'
  /** The answer is longer than any should be: what was in it has gone. */
  | 'KME_CLIENT_ANSWER_TOO_LONG'
  /** The answer has not the form that GS QKD 014 gives it: what was in it has gone. */
  | 'KME_CLIENT_ANSWER_INVALID'
  /** Other keys than those asked for: fewer, more, of another length, or twice the same key_ID. */
  | 'KME_CLIENT_ANSWER_DIFFERS'
  /** The KME gives out no keys of such a size. */
  | 'KME_CLIENT_SIZE_UNMET'

/** A failed request to a foreign KME. */
export class KmeClientRefusal extends Refusal<KmeClientRefusalCode> {
  override readonly name = 'KmeClientRefusal'
}
