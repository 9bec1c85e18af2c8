/**
 * Authenticated encryption: AES-256-GCM (SP 800-38D) and AES-256-GCM-SIV (RFC 8452).
 *
 * GCM nonces must never repeat under a key: callers use one key per message, or a counter.
 * GCM-SIV survives a repeated nonce (it then reveals equality only) and wraps keys.
 *
 * @module
 */

import { createCipheriv, createDecipheriv } from 'node:crypto'
import { concat } from '#base'
import { CryptoRefusal, decryptionFailed } from './refusal.ts'

export type AeadName = 'aes-256-gcm' | 'aes-256-gcm-siv'

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
  checkSizes(input)
  const cipher = createCipheriv(name as 'aes-256-gcm', input.key, input.nonce, LENGTHS)
  cipher.setAAD(input.associated)
  const body = cipher.update(plaintext)
  return concat(body, cipher.final(), cipher.getAuthTag())
}

/** The plaintext. @throws CryptoRefusal `DECRYPTION_FAILED`, the same for every cause */
export function open(name: AeadName, input: AeadInput, sealed: Uint8Array): Uint8Array {
  checkSizes(input)
  if (sealed.length < TAG_OCTETS) throw decryptionFailed()
  const decipher = createDecipheriv(name as 'aes-256-gcm', input.key, input.nonce, LENGTHS)
  decipher.setAAD(input.associated)
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_OCTETS))
  try {
    // GCM-SIV checks its tag inside update, GCM inside final; neither result leaves unchecked.
    const plaintext = decipher.update(sealed.subarray(0, sealed.length - TAG_OCTETS))
    decipher.final()
    return plaintext
  } catch {
    throw decryptionFailed()
  }
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
