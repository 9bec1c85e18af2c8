/**
 * Authenticated encryption: AES-256-GCM (SP 800-38D), AES-256-GCM-SIV (RFC 8452) and, for
 * foreign formats, ChaCha20-Poly1305 (RFC 8439).
 *
 * GCM nonces must never repeat under a key: callers use one key per message, or a counter.
 * GCM-SIV survives a repeated nonce (it then reveals equality only) and wraps keys. Neither
 * commits to its key: one sealed text can be made to open under two keys, so a format that
 * needs to rule this out carries a commitment of its own.
 *
 * @module
 */

import { createCipheriv, createDecipheriv, type CipherGCM, type DecipherGCM } from 'node:crypto'
import { assert } from '#base'
import { giveBack } from './octets.ts'
import { CryptoRefusal, decryptionFailed } from './refusal.ts'

export type AeadName = 'aes-256-gcm' | 'aes-256-gcm-siv' | 'chacha20-poly1305'

export interface AeadInput {
  /** 32 octets. */
  readonly key: Uint8Array
  /** 12 octets. */
  readonly nonce: Uint8Array
  /** Authenticated with the text, not encrypted. */
  readonly associated: Uint8Array
}

/** Ciphertext followed by its 16-octet tag. */
export function seal(name: AeadName, input: AeadInput, plaintext: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(plaintext.length + TAG_OCTETS)
  sealInto(name, input, plaintext, sealed)
  return sealed
}

/**
 * As `seal`, writing ciphertext and tag to the start of `out`.
 *
 * @returns octets written: those of the plaintext and 16 more
 */
export function sealInto(
  name: AeadName,
  input: AeadInput,
  plaintext: Uint8Array,
  out: Uint8Array,
): number {
  checkSizes(input)
  assert(out.length >= plaintext.length + TAG_OCTETS, 'sealed octets fit where they are written')
  const cipher = createCipheriv(name as 'aes-256-gcm', input.key, input.nonce, LENGTHS)
  associate(cipher, input.associated)
  const body = cipher.update(plaintext)
  cipher.final()
  out.set(body)
  giveBack(body)
  out.set(cipher.getAuthTag(), plaintext.length)
  return plaintext.length + TAG_OCTETS
}

/** The plaintext. @throws CryptoRefusal `DECRYPTION_FAILED`, the same for every cause */
export function open(name: AeadName, input: AeadInput, sealed: Uint8Array): Uint8Array {
  const plaintext = new Uint8Array(Math.max(0, sealed.length - TAG_OCTETS))
  openInto(name, input, sealed, plaintext)
  return plaintext
}

/**
 * As `open`, writing the plaintext to the start of `out`, and only once its tag was found good.
 *
 * @returns octets written: those of the sealed text less 16
 */
export function openInto(
  name: AeadName,
  input: AeadInput,
  sealed: Uint8Array,
  out: Uint8Array,
): number {
  checkSizes(input)
  if (sealed.length < TAG_OCTETS) throw decryptionFailed()
  const size = sealed.length - TAG_OCTETS
  assert(out.length >= size, 'opened octets fit where they are written')
  const decipher = createDecipheriv(name as 'aes-256-gcm', input.key, input.nonce, LENGTHS)
  associate(decipher, input.associated)
  decipher.setAuthTag(sealed.subarray(size))
  let unchecked: Uint8Array | undefined
  try {
    // GCM-SIV checks its tag inside update, GCM inside final; neither result leaves unchecked.
    unchecked = decipher.update(sealed.subarray(0, size))
    decipher.final()
    out.set(unchecked)
  } catch {
    throw decryptionFailed()
  } finally {
    if (unchecked !== undefined) giveBack(unchecked.fill(0))
  }
  return size
}

/** No associated data and empty associated data are the same; the call is saved. */
function associate(cipher: CipherGCM | DecipherGCM, associated: Uint8Array): void {
  if (associated.length > 0) cipher.setAAD(associated)
}

function checkSizes({ key, nonce }: AeadInput): void {
  if (key.length !== 32 || nonce.length !== 12) {
    throw new CryptoRefusal('KEY_INVALID', 'AEAD needs a 32-octet key and a 12-octet nonce', {
      facts: { keyOctets: key.length, nonceOctets: nonce.length },
    })
  }
}

export const TAG_OCTETS = 16
const LENGTHS = { authTagLength: TAG_OCTETS }
