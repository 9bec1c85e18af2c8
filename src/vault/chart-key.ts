/**
 * Seals the charts of one holder: pages, and the head that says which pages there are.
 *
 * AES-256-GCM-SIV under a key derived from the holder's own. Associated data bind site, holder and
 * the page's random id, or the head's number: a page of another holder, or another page of this
 * one, does not open in its place. Who destroys the holder's key has destroyed the index of it.
 *
 * Does not keep an old head from being put back together with its pages: the scrub holds charts
 * against the versions.
 *
 * @see RFC 8452
 * @module
 */

import {
  cborDoor,
  concat,
  Exactly,
  lengthPrefixed,
  Octets,
  SecretBytes,
  toCbor,
  Type,
  uint64,
  utf8,
  uuidOctets,
  uuidOf,
  Whole,
  type RandomSource,
  type SiteId,
  type Uuid,
} from '#base'
import { open, seal } from '#crypto'
import { decodePage, encodePage, type ChartEntry } from './chart-page.ts'
import { damaged } from './refusal.ts'

/** Which pages a chart has. */
export interface ChartHead {
  /** Counts the changes of the chart, from 1. */
  readonly edition: number
  readonly pages: readonly PageMark[]
}

export interface PageMark {
  readonly id: Uuid
  /** Entries in it, superseded ones included. */
  readonly entries: number
}

/** Seals and opens the charts of one holder. Owns its key. */
export class ChartKey implements Disposable {
  readonly #site: SiteId
  readonly #holder: Uuid
  readonly #key: SecretBytes

  /** @param key   32 octets; this object's from now on */
  constructor(site: SiteId, holder: Uuid, key: Uint8Array) {
    this.#site = site
    this.#holder = holder
    this.#key = SecretBytes.take(key)
  }

  sealPage(id: Uuid, entries: readonly ChartEntry[], random: RandomSource): Uint8Array {
    return this.#seal([PAGE, uuidOctets(id)], encodePage(entries), random)
  }

  /** @throws VaultRefusal `VAULT_DAMAGED` */
  openPage(id: Uuid, sealed: Uint8Array): readonly ChartEntry[] {
    try {
      return decodePage(this.#open([PAGE, uuidOctets(id)], sealed))
    } catch (cause) {
      throw damaged(`vault_page ${id}`, 'the page was changed', cause)
    }
  }

  sealHead({ edition, pages }: ChartHead, random: RandomSource): Uint8Array {
    const listed = pages.map(({ id, entries }) => [uuidOctets(id), entries])
    return this.#seal([HEAD, uint64(edition)], toCbor({ v: 1, pages: listed }), random)
  }

  /** @throws VaultRefusal `VAULT_DAMAGED` */
  openHead(edition: number, sealed: Uint8Array): ChartHead {
    try {
      const { pages } = openHead(this.#open([HEAD, uint64(edition)], sealed))
      return { edition, pages: pages.map(([id, entries]) => ({ id: uuidOf(id), entries })) }
    } catch (cause) {
      throw damaged(`vault_chart ${this.#holder}`, 'the row was changed', cause)
    }
  }

  #seal(about: readonly Uint8Array[], octets: Uint8Array, random: RandomSource): Uint8Array {
    const nonce = random.octets(NONCE_OCTETS)
    return concat(nonce, seal('aes-256-gcm-siv', this.#input(about, nonce), octets))
  }

  #open(about: readonly Uint8Array[], sealed: Uint8Array): Uint8Array {
    const input = this.#input(about, sealed.subarray(0, NONCE_OCTETS))
    return open('aes-256-gcm-siv', input, sealed.subarray(NONCE_OCTETS))
  }

  #input(about: readonly Uint8Array[], nonce: Uint8Array) {
    const associated = lengthPrefixed(utf8(this.#site), uuidOctets(this.#holder), ...about)
    return { key: this.#key.reveal(), nonce, associated }
  }

  [Symbol.dispose](): void {
    this.#key[Symbol.dispose]()
  }
}

/** Pages of one chart: a million resources and more. */
const PAGES_MAX = 4096
const NONCE_OCTETS = 12
const PAGE = utf8('photonward/chart-page@v1')
const HEAD = utf8('photonward/chart-head@v1')
const openHead = cborDoor(
  Exactly({
    v: Type.Literal(1),
    pages: Type.Array(Type.Tuple([Octets(16), Whole(0)]), { maxItems: PAGES_MAX }),
  }),
  'head of a chart',
  PAGES_MAX * 32,
)
