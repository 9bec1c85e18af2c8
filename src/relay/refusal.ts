/** @module */

import { Refusal } from '#base'

export type RelayRefusalCode =
  /** A message is not what a relay may be asked. */
  | 'RELAY_MESSAGE_INVALID'
  /** No such pair of sites is configured here. */
  | 'RELAY_PAIR_UNKNOWN'
  /** A hop's tag does not fit: something on the way changed it. */
  | 'RELAY_TAG_WRONG'
  /** A share does not open under the key of both ends: a relay lied, or the ends differ. */
  | 'RELAY_SHARE_FORGED'
  /** Not every share of the block has come, or they are not here any more. */
  | 'RELAY_SHARES_MISSING'
  /** The wrap's session is not known here: the sender makes another. */
  | 'RELAY_WRAP_UNKNOWN'
  /** The pair was opened anew since: nothing of before is taken. */
  | 'RELAY_EPOCH_PASSED'
  /** What the other end says of a block is not what was sent. */
  | 'RELAY_STORY_DIFFERS'
  /** No way with enough pads leads there now. */
  | 'RELAY_NO_WAY'
  /** A share did not reach its end. */
  | 'RELAY_STUCK'
  /** Nodes on every way of a block are taken to be compromised: an end does not want its bits. */
  | 'RELAY_ORIGIN_REFUSED'
  /** Too many shares of this neighbour are in hand. */
  | 'RELAY_BUSY'
  /** A network with a site or link twice, a link without its ends, or more than the limits. */
  | 'RELAY_NETWORK_INVALID'
  /** Weights or watermarks of a policy contradict one another. */
  | 'RELAY_POLICY_INVALID'
  | 'RELAY_SITE_UNKNOWN'
  | 'RELAY_LINK_UNKNOWN'
  /** A request for no octets or no path, or for a route from a site to itself. */
  | 'RELAY_REQUEST_INVALID'

/** A relayed block, or a message of one, was refused; nothing of it is used. */
export class RelayRefusal extends Refusal<RelayRefusalCode> {
  override readonly name = 'RelayRefusal'
}
