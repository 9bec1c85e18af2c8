/**
 * Private state as sealed octets: AES-256-GCM-SIV under a key that the host holds.
 *
 * What is sealed is versioned CBOR; what it is for is authenticated with it, so that sealed keys of
 * one kind never open as another. GCM-SIV, because state is sealed often under one long-lived key.
 *
 * Does not hide its size, and does not know whether it is the newest: the host keeps the file.
 *
 * @see RFC 8452
 * @module
 */

import {
  cborDoor,
  Exactly,
  Octets,
  toCbor,
  Type,
  utf8,
  type CborValue,
  type RandomSource,
} from '#base'
import { open, seal } from '#crypto'
import { PkiRefusal } from './refusal.ts'

/** Seals a value. `label` says what it is; the CBOR of it is cleared afterwards. */
export function sealState(
  value: CborValue,
  {
    key,
    label,
    random,
  }: { readonly key: Uint8Array; readonly label: string; readonly random: RandomSource },
): Uint8Array {
  const plaintext = toCbor(value)
  const nonce = random.octets(12)
  const associated = utf8(label)
  const sealed = seal('aes-256-gcm-siv', { key, nonce, associated }, plaintext)
  plaintext.fill(0)
  return toCbor({ v: 1, nonce, sealed })
}

/**
 * The CBOR octets that were sealed; the caller clears them.
 *
 * @throws PkiRefusal `SEALED_INVALID`, the same for every cause
 */
export function openState(
  octets: Uint8Array,
  { key, label }: { readonly key: Uint8Array; readonly label: string },
): Uint8Array {
  try {
    const { nonce, sealed } = openEnvelope(octets)
    return open('aes-256-gcm-siv', { key, nonce, associated: utf8(label) }, sealed)
  } catch (cause) {
    throw new PkiRefusal('SEALED_INVALID', 'Sealed state does not open', { cause })
  }
}

/** Octets of sealed state. */
export const SEALED_OCTETS_MAX = 16_777_216

const openEnvelope = cborDoor(
  Exactly({ v: Type.Literal(1), nonce: Octets(12), sealed: Octets(17, SEALED_OCTETS_MAX) }),
  'sealed state',
  SEALED_OCTETS_MAX,
)
