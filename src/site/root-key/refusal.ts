/** @module */

import { Refusal } from '#base'

export type RootKeyRefusalCode =
  | 'ROOT_KEY_EXISTS'
  | 'ROOT_KEY_MISSING'
  | 'ROOT_KEY_DAMAGED'
  /** It lies open in the folder: sealing the site would keep nobody out. */
  | 'ROOT_KEY_UNPROTECTED'
  /** A key under it is from before keys lay in files: change the site key first. */
  | 'ROOT_KEY_TRY_AGAIN'
  | 'PASSPHRASE_NEEDED'
  | 'PASSPHRASE_DENIED'
  /** Too short to be set. */
  | 'PASSPHRASE_INVALID'
  /** The root key is in shares, and too few were given. */
  | 'SHARES_NEEDED'
  /** What was given is no share, or not all of it. */
  | 'SHARE_INVALID'
  /** A share of another root key, or of an earlier ceremony. */
  | 'SHARE_FOREIGN_DENIED'
  /** It claims to be of this ceremony, and is not what was handed out there. */
  | 'SHARE_CHANGED_DENIED'
  /** This one has been given already. */
  | 'SHARE_REPEATED_DENIED'
  /** Good shares, but the file beside them was changed. */
  | 'SHARES_DENIED'
  | 'SHARE_COUNTS_INVALID'
  | 'UNSEAL_TRY_AGAIN'

export class RootKeyRefusal extends Refusal<RootKeyRefusalCode> {
  override readonly name = 'RootKeyRefusal'
}
