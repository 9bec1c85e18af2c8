/**
 * What a courier carries is sealed under a passphrase that travels another way (argon2id,
 * AES-256-GCM).
 *
 * @module
 */

import type { RandomSource } from '#base'
import { keyFromPassphrase, open, seal } from '#crypto'

/** Sealed octets, with what opens them besides the passphrase. */
export interface CourierSealed {
  /** 16 octets. */
  readonly salt: Uint8Array
  /** 12 octets. */
  readonly nonce: Uint8Array
  readonly sealed: Uint8Array
}

/** Seals octets. @param head   what is said of them in clear, authenticated with them */
export function sealForCourier(
  octets: Uint8Array,
  by: {
    readonly passphrase: Uint8Array
    readonly head: Uint8Array
    readonly random: RandomSource
  },
): CourierSealed {
  const [salt, nonce] = [by.random.octets(16), by.random.octets(12)]
  const key = keyFromPassphrase(by.passphrase, salt)
  try {
    return { salt, nonce, sealed: seal('aes-256-gcm', { key, nonce, associated: by.head }, octets) }
  } finally {
    key.fill(0)
  }
}

/** Opens them. @throws CryptoRefusal if the passphrase or anything else is another */
export function openFromCourier(
  { salt, nonce, sealed }: CourierSealed,
  by: { readonly passphrase: Uint8Array; readonly head: Uint8Array },
): Uint8Array {
  const key = keyFromPassphrase(by.passphrase, salt)
  try {
    return open('aes-256-gcm', { key, nonce, associated: by.head }, sealed)
  } finally {
    key.fill(0)
  }
}
