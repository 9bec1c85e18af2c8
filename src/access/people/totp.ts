/**
 * Time-based one-time passwords, for those who have no passkey.
 *
 * A code is good once and for its step and the one before and after it, for clocks differ. Whoever
 * sees the secret, or is quick enough to pass on a code that he was told, is let in: passkeys are
 * not open to either.
 *
 * @see RFC 6238 (TOTP), RFC 4226 §5.3 (truncation), Key Uri Format of authenticator apps
 * @module
 */

import { createHmac } from 'node:crypto'
import { epochMs, utf8, type EpochMs } from '#base'
import { sameSecret } from '#crypto'

/** The code of one step. SHA-1 with six digits is what authenticator apps do. */
export function totpCode(
  secret: Uint8Array,
  step: number,
  { hash = 'sha1', digits = 6 }: { readonly hash?: string; readonly digits?: number } = {},
): string {
  const counter = new Uint8Array(8)
  new DataView(counter.buffer).setBigUint64(0, BigInt(step))
  const mac = new Uint8Array(createHmac(hash, secret).update(counter).digest())
  const offset = mac[mac.length - 1] & 0x0f
  const number = new DataView(mac.buffer).getUint32(offset) & 0x7fff_ffff
  return String(number % 10 ** digits).padStart(digits, '0')
}

/** The step for which a code is right, now or next to it. Whoever asks sees that it is used once. */
export function stepOf(code: string, secret: Uint8Array, at: EpochMs): number | undefined {
  const now = Math.floor(at / STEP_MS)
  const said = utf8(code)
  return [now, now - 1, now + 1].find((step) => sameSecret(said, utf8(totpCode(secret, step))))
}

/** When nothing that this step gave is accepted any more. */
export const endOfStep = (step: number): EpochMs => epochMs((step + 2) * STEP_MS)

/** What an authenticator app reads, most often as a picture. It holds the secret. */
export function totpUri(secret: Uint8Array, about: { readonly site: string; login: string }) {
  const [site, login] = [encodeURIComponent(about.site), encodeURIComponent(about.login)]
  return `otpauth://totp/PhotonWard%20${site}:${login}?secret=${base32(secret)}&issuer=PhotonWard%20${site}`
}

/** RFC 4648 §6, without padding. */
export function base32(octets: Uint8Array): string {
  const bits = Array.from(octets, (octet) => octet.toString(2).padStart(8, '0')).join('')
  const groups = bits.match(/.{1,5}/g) ?? []
  return groups.map((group) => ALPHABET[Number.parseInt(group.padEnd(5, '0'), 2)]).join('')
}

const STEP_MS = 30_000
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
/** As long as the hash (RFC 4226 §4). */
export const TOTP_SECRET_OCTETS = 20
