/**
 * What an authenticator app does with what it reads.
 *
 * @module
 */

/** The secret in an `otpauth:` address (base32 of RFC 4648, without padding). */
export function secretOf(uri: string): Uint8Array {
  const letters = /secret=([A-Z2-7]+)/.exec(uri)?.[1] ?? ''
  const bits = Array.from(letters, (letter) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'),
  ).join('')
  return Uint8Array.from(bits.match(/.{8}/g) ?? [], (octet) => Number.parseInt(octet, 2))
}
