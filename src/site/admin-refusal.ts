/** @module */

import { Refusal } from '#base'

/** What the operator asked for cannot be done. */
export class AdminRefusal extends Refusal<
  | 'QUERY_INVALID'
  | 'RECEIPT_PENDING'
  | 'LINK_UNKNOWN'
  | 'LINK_WITHOUT_OPTICS'
  | 'LINK_RELEASES_ITSELF'
  | 'BLOCK_PENDING'
  | 'BLOCK_UNKNOWN'
  | 'KEY_UNKNOWN'
  | 'NODE_DECLARED'
  | 'CLIENT_UNKNOWN'
  | 'RESOURCE_UNKNOWN'
  | 'ERASURE_UNKNOWN'
  /** A trusted node has no vault. */
  | 'SITE_KEEPS_NO_RECORDS'
  | 'CONSOLE_ABSENT'
> {
  override readonly name = 'AdminRefusal'
}
