/**
 * What the key store refuses, with stable codes.
 *
 * @module
 */

import { Refusal } from '#base'

/** Codes of the key store; API, and stay. */
export type KeystoreRefusalCode =
  /** A link, peer or limit in the options contradicts another. */
  | 'KEYSTORE_OPTIONS_INVALID'
  | 'KEYSTORE_LINK_UNKNOWN'
  | 'KEYSTORE_PEER_UNKNOWN'
  /** A block too short for its layout, or with a place that is not a whole number. */
  | 'KEYSTORE_BLOCK_INVALID'
  /** Another content under the same link, epoch and sequence. */
  | 'KEYSTORE_BLOCK_DIFFERS'
  /** The block was voided or used up: it does not come back. */
  | 'KEYSTORE_BLOCK_SPENT'
  | 'KEYSTORE_BLOCK_UNKNOWN'
  /** Too many blocks wait for the peer, or the link holds all it may. */
  | 'KEYSTORE_FULL'
  | 'KEYSTORE_EPOCH_PASSED'
  | 'KEYSTORE_REQUEST_INVALID'
  /** Fewer bits than asked for may be given out now. */
  | 'KEYSTORE_EXHAUSTED'
  /** The bits exist, but their link is under quarantine. */
  | 'KEYSTORE_QUARANTINED'
  | 'KEYSTORE_RESERVATION_UNKNOWN'
  | 'KEYSTORE_MESSAGE_INVALID'
  /** No such key here: never activated, delivered before, voided or expired. */
  | 'KEYSTORE_KEY_UNKNOWN'
  /** The caller is none of the slaves of the key. */
  | 'KEYSTORE_KEY_FOREIGN'
  /** A stored segment does not open; it is under quarantine now. */
  | 'KEYSTORE_SEGMENT_DAMAGED'
  /** More segments were wanted at once than may stand open. */
  | 'KEYSTORE_BUSY'
  | 'KEYSTORE_SOURCE_UNKNOWN'
  /** A pad was to be burned again, or beyond the end of its source. */
  | 'KEYSTORE_PADS_INVALID'
  | 'KEYSTORE_CLOSED'

/** The key store refused; nothing was given out. */
export class KeystoreRefusal extends Refusal<KeystoreRefusalCode> {
  override readonly name = 'KeystoreRefusal'
}
