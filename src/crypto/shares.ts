/**
 * A secret in shares: some of them give it back, fewer say nothing about it.
 *
 * Shamir over GF(2⁸), octet by octet. Shares carry no check: too few, or one that was changed, give
 * another secret without a word. Whoever uses them keeps a commitment to the secret beside them.
 *
 * @see Shamir, "How to Share a Secret", Communications of the ACM 22 (1979)
 * @module
 */

import { assert } from '#base'
import { combine, split } from 'shamir-secret-sharing'

/** How many shares a secret is cut into, and how many give it back. */
export interface ShareCounts {
  readonly shares: number
  readonly threshold: number
}

/** Cuts a secret into shares of its own length and one octet more. The caller clears them. */
export async function splitSecret(
  secret: Uint8Array,
  { shares, threshold }: ShareCounts,
): Promise<readonly Uint8Array[]> {
  assert(
    threshold >= 2 && threshold <= shares && shares <= 255,
    'a threshold is of 2 to all shares',
  )
  return split(secret, shares, threshold)
}

/** What the shares give: the secret only if all are good and enough. The caller clears it. */
export const combineShares = async (shares: readonly Uint8Array[]): Promise<Uint8Array> =>
  combine([...shares])
