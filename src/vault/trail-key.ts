/**
 * Seals what is kept beside entries of the log, and tags it so that it is found again.
 *
 * AES-256-GCM-SIV under a key of the site or of a holder; associated data bind the site, the part
 * and the commitment of the entry: a part does not open beside another entry. A tag names a day
 * and whom or what, to whoever has the key; without it, rows of one day with the same tag are seen
 * to be about the same, rows of different days are not. Who destroys the holder's key has destroyed
 * both.
 *
 * @see RFC 8452
 * @module
 */

import {
  concat,
  DAY_MS,
  lengthPrefixed,
  SecretBytes,
  uint32,
  utf8,
  type EpochMs,
  type RandomSource,
  type SiteId,
} from '#base'
import { hkdfExpand, hmac, open, seal } from '#crypto'

/** Which part of an event: who, or whom. */
export type TrailPart = 'general' | 'particular'

/** Seals, opens and tags. Owns its keys. */
export class TrailKey implements Disposable {
  readonly #site: SiteId
  readonly #keys: SecretBytes
  /** Tags of one day, by their texts: whoever reads a chart reads it more than once. */
  readonly #tags = new Map<string, Uint8Array>()
  #day = -1

  /** @param key   32 octets; stays with its owner */
  constructor(site: SiteId, key: Uint8Array) {
    this.#site = site
    const info = lengthPrefixed(TRAIL_KEYS)
    this.#keys = SecretBytes.take(hkdfExpand('sha512', { key, info, length: 2 * KEY_OCTETS }))
  }

  /** The tag of these texts on the day of a time, 16 octets: rows of a day lie side by side. */
  tag(at: EpochMs, ...texts: readonly string[]): Uint8Array {
    const key = this.#keys.reveal().subarray(0, KEY_OCTETS)
    const number = dayOf(at)
    if (number !== this.#day || this.#tags.size >= TAGS_MAX) this.#tags.clear()
    this.#day = number
    const name = JSON.stringify(texts)
    const known = this.#tags.get(name)
    if (known !== undefined) return known
    const day = uint32(number)
    const mac = hmac('sha256', key, lengthPrefixed(day, ...texts.map(utf8)))
    const tag = concat(day, mac.subarray(0, TAG_OCTETS))
    this.#tags.set(name, tag)
    return tag
  }

  seal(part: TrailPart, commitment: Uint8Array, octets: Uint8Array, random: RandomSource) {
    const nonce = random.octets(NONCE_OCTETS)
    return concat(nonce, seal('aes-256-gcm-siv', this.#input(part, commitment, nonce), octets))
  }

  /** @throws CryptoRefusal if it is of another entry, another key, or was changed */
  open(part: TrailPart, commitment: Uint8Array, sealed: Uint8Array): Uint8Array {
    const input = this.#input(part, commitment, sealed.subarray(0, NONCE_OCTETS))
    return open('aes-256-gcm-siv', input, sealed.subarray(NONCE_OCTETS))
  }

  #input(part: TrailPart, commitment: Uint8Array, nonce: Uint8Array) {
    const associated = lengthPrefixed(utf8(part), utf8(this.#site), commitment)
    return { key: this.#keys.reveal().subarray(KEY_OCTETS), nonce, associated }
  }

  [Symbol.dispose](): void {
    this.#keys[Symbol.dispose]()
    this.#tags.clear()
  }
}

/** Days since 1970 of a time, in UTC. */
export const dayOf = (at: number): number => Math.floor(at / DAY_MS)

const KEY_OCTETS = 32
const NONCE_OCTETS = 12
const TAG_OCTETS = 12
/** Tags of a day that are kept at hand. */
const TAGS_MAX = 1000
const TRAIL_KEYS = utf8('photonward/trail-keys@v1')
