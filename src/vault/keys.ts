/**
 * Keys at rest: root → site key → holder key → data key of each version.
 *
 *   site key v  = 32 random octets, sealed under the root key in a file: see `site-keys.ts`
 *   holder key  = 32 random octets, wrapped with AES-256-GCM-SIV under the site key; associated
 *                 data bind site, holder, kind, origin, time and version of the site key
 *
 * A holder is whoever a record belongs to: a patient, or the site itself. Destroying a holder's key
 * makes every version of its objects unreadable, in every copy of the database. A new version of
 * the site key wraps the holder keys again and leaves records untouched.
 *
 * Whoever has the root key has everything of this site. It is handed in and never stored here.
 *
 * @see RFC 5869 §2.3, RFC 8452
 * @module
 */

import {
  assert,
  concat,
  lengthPrefixed,
  SecretBytes,
  uint32,
  uint64,
  utf8,
  uuidOctets,
  type EpochMs,
  type RandomSource,
  type Row,
  type SiteId,
  type Uuid,
} from '#base'
import { hkdfExpand, open, sameSecret, seal } from '#crypto'
import { damaged, VaultRefusal } from './refusal.ts'
import { idIn, numberOf, siteIn, timeIn } from './rows.ts'

/** What a holder is. The number stands in the row. */
export const HOLDER_KINDS = { index: 0, shared: 1, unassigned: 2, patient: 3 } as const
export type HolderKind = keyof typeof HOLDER_KINDS

/** A holder's row, as authenticated by its wrapped key. */
export interface Holder {
  readonly id: Uuid
  readonly kind: HolderKind
  /** Site that sealed its first object. */
  readonly origin: SiteId
  readonly since: EpochMs
  readonly kek: number
}

/** The site key, of one version. Owns its octets. */
export class SiteKey implements Disposable {
  readonly site: SiteId
  readonly version: number
  readonly #key: SecretBytes

  /** @param key 32 octets; this object's from now on */
  constructor(site: SiteId, key: SecretBytes, version: number) {
    this.site = site
    this.version = version
    this.#key = key
  }

  /** What shows that a root key is the right one, and nothing else about it. */
  proof(): Uint8Array {
    return derive(this.#key, SITE_PROOF)
  }

  isProvenBy(proof: Uint8Array): boolean {
    return sameSecret(this.proof(), proof)
  }

  /** @throws VaultRefusal `VAULT_ROOT_WRONG` */
  check(proof: Uint8Array): void {
    if (this.isProvenBy(proof)) return
    throw new VaultRefusal('VAULT_ROOT_WRONG', 'This root key does not open the store of this site')
  }

  /** A fresh key for a holder, and its wrapped form: nonce(12) ‖ sealed key(48). */
  newHolderKey(
    holder: Holder,
    random: RandomSource,
  ): { readonly key: SecretBytes; readonly wrapped: Uint8Array } {
    const key = SecretBytes.take(random.octets(KEY_OCTETS))
    return { key, wrapped: this.wrap(holder, key, random) }
  }

  /** A holder's key, wrapped: nonce(12) ‖ sealed key(48). The holder names this version. */
  wrap(holder: Holder, key: SecretBytes, random: RandomSource): Uint8Array {
    assert(holder.kek === this.version, 'a holder names the site key that wraps its own')
    const nonce = random.octets(NONCE_OCTETS)
    const sealed = seal('aes-256-gcm-siv', this.#input(holder, nonce), key.reveal())
    return concat(nonce, sealed)
  }

  /** The key of a holder. @throws VaultRefusal `VAULT_DAMAGED` if any column was changed */
  unwrap(holder: Holder, wrapped: Uint8Array): SecretBytes {
    const place = `vault_holder ${holder.id}`
    if (holder.kek !== this.version) throw damaged(place, 'names a site key that is not in use')
    if (wrapped.length !== WRAPPED_OCTETS) throw damaged(place, 'the wrapped key has a wrong size')
    const input = this.#input(holder, wrapped.subarray(0, NONCE_OCTETS))
    try {
      return SecretBytes.take(open('aes-256-gcm-siv', input, wrapped.subarray(NONCE_OCTETS)))
    } catch (cause) {
      throw damaged(place, 'the wrapped key does not open', cause)
    }
  }

  #input(holder: Holder, nonce: Uint8Array) {
    const { id, kind, origin, since } = holder
    const associated = lengthPrefixed(
      HOLDER_KEY,
      utf8(this.site),
      uuidOctets(id),
      Uint8Array.of(HOLDER_KINDS[kind]),
      utf8(origin),
      uint64(since),
      uint32(this.version),
    )
    return { key: this.#key.reveal(), nonce, associated }
  }

  [Symbol.dispose](): void {
    this.#key[Symbol.dispose]()
  }
}

/** Version 1 of the site key, as stores had it before site keys had files of their own. */
export const derivedSiteKey = (site: SiteId, root: SecretBytes): SiteKey =>
  new SiteKey(site, SecretBytes.take(derive(root, SITE_KEY, utf8(site), uint32(1))), 1)

/** The holder of a row. @throws VaultRefusal `VAULT_DAMAGED` */
export function holderOf(row: Row): Holder {
  const id = idIn(row, 'holder_id')
  const kind = (Object.keys(HOLDER_KINDS) as HolderKind[]).find(
    (name) => HOLDER_KINDS[name] === numberOf(row, 'kind'),
  )
  if (kind === undefined) throw damaged(`vault_holder ${id}`, 'is of an unknown kind')
  const since = timeIn(row, 'made_at')
  return { id, kind, origin: siteIn(row, 'origin'), since, kek: numberOf(row, 'kek') }
}

/** The key of what is kept beside entries of the log: see `TrailKey`. */
export const traceKeyOf = (key: SecretBytes): Uint8Array => derive(key, TRACE_KEY)

/** The key under which the index of a holder's resources is sealed. */
export const chartKeyOf = (key: SecretBytes): Uint8Array => derive(key, CHART_KEY)

const derive = (key: SecretBytes, ...info: readonly Uint8Array[]): Uint8Array =>
  hkdfExpand('sha512', { key: key.reveal(), info: lengthPrefixed(...info), length: KEY_OCTETS })

const KEY_OCTETS = 32
const NONCE_OCTETS = 12
const WRAPPED_OCTETS = NONCE_OCTETS + KEY_OCTETS + 16
const SITE_KEY = utf8('photonward/site-key@v1')
const SITE_PROOF = utf8('photonward/site-key-proof@v1')
const HOLDER_KEY = utf8('photonward/holder-key@v1')
const CHART_KEY = utf8('photonward/chart-key@v1')
const TRACE_KEY = utf8('photonward/trace-key@v1')
