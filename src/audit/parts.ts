/**
 * How an entry binds an event that is kept elsewhere, in two parts that can be told, proven and
 * forgotten apart.
 *
 *   inner      = HMAC-SHA-256(salt of the particular part, particular part)
 *   commitment = HMAC-SHA-256(salt of the general part, inner ‖ general part)
 *
 * The general part says who did what, when; the particular part says to whom. With the general part
 * lies `inner`, so that it can still be proven when the particular part, and its salt, are gone:
 * what is left of them then tells nothing.
 *
 * @see spec/proof.md
 * @module
 */

import { concat, utf8, type RandomSource } from '#base'
import { hmac, sameSecret } from '#crypto'

/** The texts of an event. */
export interface EventParts {
  readonly general: string
  readonly particular: string
}

/** What binds the parts, and what opens it. Each salt is kept with its part, under the same key. */
export interface BoundParts {
  /** 32 octets, for the entry. */
  readonly commitment: Uint8Array
  /** 32 octets, kept with the general part. */
  readonly inner: Uint8Array
  readonly salts: { readonly general: Uint8Array; readonly particular: Uint8Array }
}

/** Binds the parts of an event under fresh salts. */
export function bindParts(random: RandomSource, { general, particular }: EventParts): BoundParts {
  const octets = random.octets(2 * SALT_OCTETS)
  const salts = { general: octets.slice(0, SALT_OCTETS), particular: octets.slice(SALT_OCTETS) }
  const inner = hmac('sha256', salts.particular, utf8(particular))
  return { commitment: outer(salts.general, inner, general), inner, salts }
}

/** Whether this general part, beside the commitment of its particular part, is what was bound. */
export const bindsGeneral = (
  commitment: Uint8Array,
  part: { readonly text: string; readonly salt: Uint8Array; readonly inner: Uint8Array },
): boolean => sameSecret(commitment, outer(part.salt, part.inner, part.text))

/** Whether this particular part is the one with this commitment. */
export const bindsParticular = (
  inner: Uint8Array,
  part: { readonly text: string; readonly salt: Uint8Array },
): boolean => sameSecret(inner, hmac('sha256', part.salt, utf8(part.text)))

const outer = (salt: Uint8Array, inner: Uint8Array, general: string): Uint8Array =>
  hmac('sha256', salt, concat(inner, utf8(general)))

const SALT_OCTETS = 32
