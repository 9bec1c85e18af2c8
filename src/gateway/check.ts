/**
 * One line of an examination, and what an examination is about.
 *
 * @module
 */

import type { CheckState, CheckView } from '#contract'
import type { SiteConfiguration } from '#site'

/** A line of the examination. @param next what to do about it */
export const line = (
  check: string,
  state: CheckState,
  says: string,
  next: string | null = null,
): CheckView => ({ check, state, says, next })

/** The site that is looked at. */
export interface ExaminedSite {
  /** Absolute, without symbolic links. */
  readonly folder: string
  readonly configuration: SiteConfiguration
  /** Of its root key, if one was given. */
  readonly passphrase: Uint8Array | undefined
}
