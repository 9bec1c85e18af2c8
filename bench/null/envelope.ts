/**
 * As `aead.ts`, with keys that are copied instead of derived: for the envelope, whose keys of
 * chunks and commitments nobody compares with others.
 *
 * @module
 */

import type { HashName } from '#crypto'

export * from './aead.ts'

/** The key itself, as often as it fits. */
export function hkdfExpand(
  _name: HashName,
  { key, length }: { readonly key: Uint8Array; readonly info: Uint8Array; readonly length: number },
): Uint8Array {
  const out = new Uint8Array(length)
  for (let at = 0; at < length; at += key.length) out.set(key.subarray(0, length - at), at)
  return out
}
