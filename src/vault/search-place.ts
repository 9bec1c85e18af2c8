/**
 * Where a page of a search ended: sealed, for the one who asked, for the same search, for a while.
 *
 * What stands in it are the values by which the result is ordered, a patient's name perhaps: so
 * nobody but this site can read it, and nobody else can use it.
 *
 * @see FHIR R4 §3.1.1.5.3 paging
 * @module
 */

import {
  cborDoor,
  concat,
  epochMs,
  Exactly,
  lengthPrefixed,
  SecretBytes,
  Text,
  toCbor,
  Type,
  utf8,
  Whole,
  type EpochMs,
  type RandomSource,
  type SiteId,
} from '#base'
import { hkdfExpand, open, seal } from '#crypto'
import type { SortKeys } from '#health'
import { VaultRefusal } from './refusal.ts'

/** The last match of a page. */
export interface SearchPlace {
  readonly keys: SortKeys
  readonly type: string
  readonly id: string
}

/** Who may go on with what. */
export interface PlaceOwner {
  readonly actor: string
  /** Everything that decides what is found and in which order. */
  readonly search: string
}

/** Seals and opens places. Owns its key. */
export class Places implements Disposable {
  readonly #site: SiteId
  readonly #key: SecretBytes

  /** @param indexKey 32 octets; stays with its owner */
  constructor(site: SiteId, indexKey: SecretBytes) {
    this.#site = site
    const about = { key: indexKey.reveal(), info: lengthPrefixed(PLACES_KEY), length: 32 }
    this.#key = SecretBytes.take(hkdfExpand('sha512', about))
  }

  /** What a link to the next page holds: letters of base64url. */
  seal(place: SearchPlace, owner: PlaceOwner, at: EpochMs, random: RandomSource): string {
    const nonce = random.octets(NONCE_OCTETS)
    const { keys, type, id } = place
    const octets = toCbor({ v: 1, until: at + VALID_MS, keys: [...keys], type, id })
    const sealed = seal('aes-256-gcm-siv', this.#input(owner, nonce), octets)
    return concat(nonce, sealed).toBase64({ alphabet: 'base64url', omitPadding: true })
  }

  /** @throws VaultRefusal `VAULT_PLACE_UNKNOWN` for what is not from here, not the caller's, or old */
  open(token: string, owner: PlaceOwner, at: EpochMs): SearchPlace {
    try {
      const octets = Uint8Array.fromBase64(token, { alphabet: 'base64url' })
      const input = this.#input(owner, octets.subarray(0, NONCE_OCTETS))
      const read = openPlace(open('aes-256-gcm-siv', input, octets.subarray(NONCE_OCTETS)))
      if (epochMs(read.until) >= at) return read
    } catch (cause) {
      throw unknownPlace(cause)
    }
    throw unknownPlace()
  }

  #input({ actor, search }: PlaceOwner, nonce: Uint8Array) {
    const associated = lengthPrefixed(PLACES_KEY, ...[this.#site, actor, search].map(utf8))
    return { key: this.#key.reveal(), nonce, associated }
  }

  [Symbol.dispose](): void {
    this.#key[Symbol.dispose]()
  }
}

const unknownPlace = (cause?: unknown): VaultRefusal =>
  new VaultRefusal('VAULT_PLACE_UNKNOWN', 'The link to this page is not valid any more', { cause })

/** How long a link to the next page is good. */
const VALID_MS = 15 * 60_000
const NONCE_OCTETS = 12
const PLACES_KEY = utf8('photonward/places-key@v1')
const openPlace = cborDoor(
  Exactly({
    v: Type.Literal(1),
    until: Whole(0),
    keys: Type.Array(Type.Union([Type.String(), Type.Number(), Type.Null()])),
    type: Text(64, 1),
    id: Text(64, 1),
  }),
  'place in a search',
  64 * 1024,
)
