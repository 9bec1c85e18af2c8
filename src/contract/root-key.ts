/**
 * How a root key is to lie in its folder, as commands say it.
 *
 * @module
 */

/** How many shares a root key is cut into, and how many give it back. */
export interface ShareCounts {
  readonly shares: number
  readonly threshold: number
}

/** Shares on their way to their holders. */
export interface HandedShares extends ShareCounts {
  /** Name of the ceremony, hexadecimal. */
  readonly ceremony: string
  /** One for each holder. */
  readonly lines: readonly string[]
}

/** How a root key is to lie from now on. */
export type NewRootKeyForm =
  | { readonly form: 'file' }
  | { readonly form: 'passphrase'; readonly passphrase: Uint8Array }
  | {
      readonly form: 'shares'
      readonly counts: ShareCounts
      /**
       * Brings the lines to their holders before anything is changed. If it rejects, everything stays
       * as it was, and the shares are void.
       */
      readonly handOut: (shares: HandedShares) => Promise<void>
    }

export interface RootKeyChange {
  /** What opens it as it is: the passphrase, or enough shares, one a line. */
  readonly present: Uint8Array | undefined
  readonly next: NewRootKeyForm
}
