/**
 * QKD keys on their way into a session: checked, put in order, joined, cleared.
 *
 * A key that was given to a session is used up, whatever comes of the session: it is never put
 * back, and never given to another.
 *
 * @module
 */

import { keyId as asKeyId, SecretBytes } from '#base'
import { KEYS_MAX, PROVENANCE_OCTETS_MAX, QUANTUM_KEY_OCTETS, type KeyNote } from './message.ts'
import { refuse } from './refusal.ts'

/** A QKD key as fetched from the key management entity. Whoever takes it clears it. */
export interface QuantumKey extends KeyNote {
  /** 32 octets. */
  readonly octets: SecretBytes
}

/**
 * The keys joined in ascending order of key_ID, and their notes in that order.
 *
 * Copies; `useUp` has still to be called on the keys.
 *
 * @throws SessionRefusal `QUANTUM_KEY_INVALID` for a wrong size, a key twice or too many
 */
export function joinKeys(keys: readonly QuantumKey[]): {
  readonly notes: readonly KeyNote[]
  readonly psk: SecretBytes
} {
  if (keys.length > KEYS_MAX) refuseKeys('A session takes at most 16 QKD keys')
  const ordered = keys.toSorted((a, b) => (a.keyId < b.keyId ? -1 : 1))
  for (const [at, { keyId, octets, provenance }] of ordered.entries()) {
    if (asKeyId(keyId) !== keyId) refuseKeys('A key_ID is a UUID in lower case')
    if (at > 0 && ordered[at - 1].keyId === keyId) refuseKeys('A QKD key is given twice')
    if (octets.length !== QUANTUM_KEY_OCTETS) refuseKeys('A QKD key for a session has 32 octets')
    if (provenance.length > PROVENANCE_OCTETS_MAX) refuseKeys('A provenance digest is too long')
  }
  const psk = SecretBytes.take(new Uint8Array(ordered.length * QUANTUM_KEY_OCTETS))
  for (const [at, { octets }] of ordered.entries()) {
    psk.reveal().set(octets.reveal(), at * QUANTUM_KEY_OCTETS)
  }
  const notes = ordered.map(({ keyId, source, path, provenance }) => ({
    keyId,
    source,
    path,
    provenance,
  }))
  return { notes, psk }
}

/** Whether notes stand in strictly ascending order of key_ID, none twice. */
export const inOrder = (notes: readonly KeyNote[]): boolean =>
  notes.every(({ keyId }, at) => at === 0 || notes[at - 1].keyId < keyId)

/** Clears keys that have been given to a session. */
export function useUp(keys: readonly QuantumKey[]): void {
  for (const { octets } of keys) octets[Symbol.dispose]()
}

const refuseKeys = (message: string): never => refuse('QUANTUM_KEY_INVALID', message)
