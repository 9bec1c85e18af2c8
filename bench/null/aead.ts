/**
 * `#crypto` with an AEAD that copies: what a build without encryption would do, for comparison only.
 *
 * Loaded by `bench/null/hooks.ts` in a process of its own, never by a daemon.
 *
 * @module
 */

import { TAG_OCTETS, type AeadInput, type AeadName } from '#crypto'

export * from '#crypto'

/** The plaintext, with room for a tag behind it. */
export function seal(name: AeadName, input: AeadInput, plaintext: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(plaintext.length + TAG_OCTETS)
  sealInto(name, input, plaintext, sealed)
  return sealed
}

/** As `seal`, into `out`. */
export function sealInto(
  _name: AeadName,
  _input: AeadInput,
  plaintext: Uint8Array,
  out: Uint8Array,
): number {
  out.set(plaintext)
  return plaintext.length + TAG_OCTETS
}

/** What `seal` copied. */
export const open = (_name: AeadName, _input: AeadInput, sealed: Uint8Array): Uint8Array =>
  sealed.slice(0, -TAG_OCTETS)

/** As `open`, into `out`. */
export function openInto(
  _name: AeadName,
  _input: AeadInput,
  sealed: Uint8Array,
  out: Uint8Array,
): number {
  out.set(sealed.subarray(0, -TAG_OCTETS))
  return sealed.length - TAG_OCTETS
}
