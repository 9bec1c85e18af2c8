/**
 * Why a link whose keys come from a vendor's KME makes no keys.
 *
 * @module
 */

import { Refusal } from '#base'

export type KmeLinkRefusalCode =
  /** The two sites have configured the link differently. */
  | 'KME_LINK_CONFIG_DIFFERS'
  /** This site has no such link with that site. */
  | 'KME_LINK_UNKNOWN'
  /** The link has been opened anew since, or not yet. */
  | 'KME_LINK_EPOCH_PASSED'
  /** The session by which keys are compared is not known here. */
  | 'KME_LINK_SESSION_UNKNOWN'
  /** A message of the other site cannot be read. */
  | 'KME_LINK_MESSAGE_INVALID'
  /** The KMEs gave the two sites different keys. */
  | 'KME_LINK_KEYS_DIFFER'
  /** A KME gave a key that is none: all octets alike, or one that it gave before. */
  | 'KME_LINK_KEYS_SUSPICIOUS'
  /** Keys of the link wait until the operator of the site has released them. */
  | 'KME_LINK_SUSPENDED'
  /** The link is not under suspicion. */
  | 'KME_LINK_NOT_SUSPENDED'

export class KmeLinkRefusal extends Refusal<KmeLinkRefusalCode> {
  override readonly name = 'KmeLinkRefusal'
}

/** Refusals that make the keys of a link wait, here or there. */
export const SUSPICIOUS_CODES: ReadonlySet<string> = new Set<KmeLinkRefusalCode>([
  'KME_LINK_KEYS_DIFFER',
  'KME_LINK_KEYS_SUSPICIOUS',
])
