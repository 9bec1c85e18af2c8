/**
 * Key octets at rest: each segment sealed under its own wrapping key, and how both are destroyed.
 *
 * A segment is sealed with AES-256-GCM under a random key used once and stored in the database. The
 * wrapping keys stand in a file beside it, one slot of 64 octets for each segment, each sealed with
 * AES-256-GCM-SIV under a key derived from the site's root. Overwriting a slot in place destroys a
 * segment, whatever old pages, write-ahead logs or copies of the database still hold. Place, size
 * and origin of the block are bound into both seals, so nothing can be moved or relabelled.
 *
 * Does not protect against a copy of the slot file made before the overwrite: backups must leave
 * out `keys/`, and flash storage may keep overwritten sectors (then the root key is what is left).
 * JavaScript cannot prove that opened octets are gone from memory; here they are cleared.
 *
 * @see SP 800-38D, RFC 8452
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
  type Bits,
  type Disk,
  type RandomSource,
  type SiteId,
  type Statement,
  type Store,
} from '#base'
import { hkdfExpand, open as openSealed, seal as sealOctets } from '#crypto'
import { segmentSpan, type Layout, type Side, type Span } from './layout.ts'
import { segmentsOf, placeOf, type Block } from './state.ts'
import { insertSegment, octetsOf, selectSegment, type Place } from './tables.ts'

/** Why a segment does not open; names the place, never what is in it. */
export type SegmentFault =
  | 'slot file missing'
  | 'wrapping key slot damaged'
  | 'wrapping key destroyed'
  | 'sealed octets missing'
  | 'sealed octets damaged'

type SegmentRead =
  | { readonly kind: 'opened'; readonly octets: Uint8Array }
  | { readonly kind: 'faulty'; readonly fault: SegmentFault }

/** What is bound into the seals of a block. */
export interface SealedPlace {
  readonly place: Place
  readonly layout: Layout
  readonly originDigest: Uint8Array
}

/** Seals, opens and destroys segments. Owns the slot key and every opened octet in the cache. */
export class Segments implements Disposable {
  readonly #site: SiteId
  readonly #siteOctets: Uint8Array
  readonly #store: Store
  readonly #disk: Disk
  readonly #random: RandomSource
  readonly #slotKey: SecretBytes
  /** Opened segments, least recently used first. */
  readonly #cache = new Map<string, Uint8Array>()
  readonly #opening = new Map<string, Promise<SegmentFault | undefined>>()

  /** @param wrappingRoot 32 octets; stays the caller's, only a key derived from it is kept */
  constructor(input: {
    readonly site: SiteId
    readonly store: Store
    readonly disk: Disk
    readonly random: RandomSource
    readonly wrappingRoot: SecretBytes
  }) {
    assert(input.wrappingRoot.length === 32, 'a wrapping root has 32 octets')
    this.#site = input.site
    this.#siteOctets = utf8(input.site)
    this.#store = input.store
    this.#disk = input.disk
    this.#random = input.random
    this.#slotKey = SecretBytes.take(
      hkdfExpand('sha256', {
        key: input.wrappingRoot.reveal(),
        info: lengthPrefixed(utf8('photonward/keystore/slot/1'), utf8(input.site)),
        length: 32,
      }),
    )
  }

  /**
   * Seals a block. The key is read, not kept. @returns its slot file and the rows of its segments
   */
  seal(sealed: SealedPlace, key: Bits): { readonly slots: Uint8Array; rows: readonly Statement[] } {
    const { place, layout } = sealed
    const wrapping = this.#random.octets(layout.segments * 32)
    const slots = new Uint8Array(layout.segments * SLOT_OCTETS)
    const rows = Array.from({ length: layout.segments }, (_, segment) => {
      const { from, octets } = segmentSpan(layout, segment)
      const associated = this.#associated('segment', sealed, segment)
      const own = wrapping.subarray(segment * 32, segment * 32 + 32)
      slots.set(this.#wrap(sealed, segment, own), segment * SLOT_OCTETS)
      const plaintext = key.octets.subarray(from, from + octets)
      const body = sealOctets('aes-256-gcm', { key: own, nonce: ONCE, associated }, plaintext)
      return insertSegment(this.#site, place, segment, body)
    })
    wrapping.fill(0)
    return { slots, rows }
  }

  /** The octets of spans, joined, if all their segments stand open; the caller owns them. */
  gather(pieces: readonly Piece[]): SecretBytes | undefined {
    const size = pieces.reduce((sum, { span }) => sum + span.octets, 0)
    const joined = new Uint8Array(size)
    let at = 0
    for (const { block, owner, span } of pieces) {
      const end = span.from + span.octets
      for (const segment of segmentsOf(block, owner, span)) {
        const octets = this.#opened(cacheKey(block, segment))
        if (octets === undefined) {
          joined.fill(0)
          return undefined
        }
        const start = this.#startInHalf(block, owner, segment)
        const from = Math.max(span.from, start)
        const to = Math.min(end, start + octets.length)
        joined.set(octets.subarray(from - start, to - start), at)
        at += to - from
      }
    }
    assert(at === size, 'every octet asked for was gathered')
    return SecretBytes.take(joined)
  }

  /**
   * Makes sure that a segment stands open, so that `gather` and `copyOf` find it.
   *
   * It may be forgotten again before the caller goes on; whoever uses it looks again.
   *
   * @returns what is wrong with it, if it cannot be opened
   */
  open(block: Block, segment: number): Promise<SegmentFault | undefined> {
    const key = cacheKey(block, segment)
    if (this.#opened(key) !== undefined) return NO_FAULT
    const under = this.#opening.get(key)
    if (under !== undefined) return under
    const opening = this.#open(block, segment, key).finally(() => this.#opening.delete(key))
    this.#opening.set(key, opening)
    return opening
  }

  /** Whether a segment stands open now. */
  isOpen(block: Block, segment: number): boolean {
    return this.#opened(cacheKey(block, segment)) !== undefined
  }

  /** A copy of an open segment; undefined if it does not stand open. */
  copyOf(block: Block, segment: number): SecretBytes | undefined {
    const octets = this.#opened(cacheKey(block, segment))
    return octets === undefined ? undefined : SecretBytes.copyOf(octets)
  }

  /** Opens a segment from the disk, past the cache, and forgets it at once: for scrubbing. */
  async probe(block: Block, segment: number): Promise<SegmentFault | undefined> {
    const result = await this.#openSealed(block, segment)
    if (result.kind === 'faulty') return result.fault
    result.octets.fill(0)
    return undefined
  }

  /** Clears what stands open of a segment. */
  forget(block: Block, segment: number): void {
    const key = cacheKey(block, segment)
    this.#cache.get(key)?.fill(0)
    this.#cache.delete(key)
  }

  /** Writes the slot file of a block; durable when it resolves. */
  writeSlots(place: Place, slots: Uint8Array): Promise<void> {
    return this.#disk.write(slotFile(place), slots)
  }

  /** Overwrites the slots of these segments, rising, with zeros; durable when it resolves. */
  async wipeSlots(block: Block, segments: readonly number[]): Promise<void> {
    const file = slotFile(placeOf(block))
    for (let at = 0; at < segments.length;) {
      let end = at + 1
      while (end < segments.length && segments[end] === segments[end - 1] + 1) end++
      const zeros = new Uint8Array((end - at) * SLOT_OCTETS)
      try {
        await this.#disk.overwrite(file, segments[at] * SLOT_OCTETS, zeros)
      } catch (error) {
        // A missing file has no slots to wipe: the fault is named when a segment is read.
        if ((await this.#disk.read(file)) === undefined) return
        throw error
      }
      at = end
    }
  }

  /** Removes a slot file, wiping whatever is left in it. */
  async removeSlots(place: Place): Promise<void> {
    const file = slotFile(place)
    const slots = await this.#disk.read(file)
    if (slots === undefined) return
    if (slots.some((octet) => octet !== 0)) {
      await this.#disk.overwrite(file, 0, new Uint8Array(slots.length))
    }
    await this.#disk.remove(file)
  }

  /** For each slot of a block, whether it still holds something. */
  async slotsOf(place: Place): Promise<readonly boolean[]> {
    const file = (await this.#disk.read(slotFile(place))) ?? new Uint8Array(0)
    return Array.from({ length: Math.ceil(file.length / SLOT_OCTETS) }, (_, slot) =>
      file.subarray(slot * SLOT_OCTETS, (slot + 1) * SLOT_OCTETS).some((octet) => octet !== 0),
    )
  }

  /** The places of a link's blocks that have a slot file. */
  async places(link: string): Promise<readonly Place[]> {
    const files = await this.#disk.list(`${FOLDER}/${link}`)
    return files.flatMap((file): readonly Place[] => {
      const found = /\/(\d+)-(\d+)$/.exec(file)
      return found === null ? [] : [[link, Number(found[1]), Number(found[2])]]
    })
  }

  [Symbol.dispose](): void {
    for (const octets of this.#cache.values()) octets.fill(0)
    this.#cache.clear()
    this.#slotKey[Symbol.dispose]()
  }

  #opened(key: string): Uint8Array | undefined {
    const octets = this.#cache.get(key)
    if (octets === undefined) return undefined
    this.#cache.delete(key)
    this.#cache.set(key, octets)
    return octets
  }

  async #open(block: Block, segment: number, key: string): Promise<SegmentFault | undefined> {
    const result = await this.#openSealed(block, segment)
    if (result.kind === 'faulty') return result.fault
    // Destroyed while it was being read: the octets must not come back.
    if (block.fates[segment] !== 'whole') {
      result.octets.fill(0)
      return 'wrapping key destroyed'
    }
    this.#cache.set(key, result.octets)
    for (const [oldest, octets] of this.#cache) {
      if (this.#cache.size <= OPEN_SEGMENTS_MAX) break
      octets.fill(0)
      this.#cache.delete(oldest)
    }
    return undefined
  }

  async #openSealed(block: Block, segment: number): Promise<SegmentRead> {
    const place = placeOf(block)
    const row = (await this.#store.read(selectSegment(this.#site, place, segment))).at(0)
    const file = await this.#disk.read(slotFile(place))
    if (file === undefined) return faulty('slot file missing')
    const slot = file.subarray(segment * SLOT_OCTETS, (segment + 1) * SLOT_OCTETS)
    if (slot.length < SLOT_OCTETS) return faulty('wrapping key slot damaged')
    if (slot.every((octet) => octet === 0)) return faulty('wrapping key destroyed')
    const sealed: SealedPlace = { place, layout: block.layout, originDigest: block.originDigest }
    const key = this.#unwrap(sealed, segment, slot)
    if (key === undefined) return faulty('wrapping key slot damaged')
    try {
      if (row === undefined) return faulty('sealed octets missing')
      const associated = this.#associated('segment', sealed, segment)
      const input = { key, nonce: ONCE, associated }
      const octets = openSealed('aes-256-gcm', input, octetsOf(row['sealed']))
      const expected = segmentSpan(block.layout, segment).octets
      return octets.length === expected
        ? { kind: 'opened', octets }
        : faulty('sealed octets damaged')
    } catch {
      return faulty('sealed octets damaged')
    } finally {
      key.fill(0)
    }
  }

  #wrap(sealed: SealedPlace, segment: number, key: Uint8Array): Uint8Array {
    const nonce = this.#random.octets(NONCE_OCTETS)
    const associated = this.#associated('slot', sealed, segment)
    const input = { key: this.#slotKey.reveal(), nonce, associated }
    const slot = new Uint8Array(SLOT_OCTETS)
    slot.set(concat(nonce, sealOctets('aes-256-gcm-siv', input, key)))
    return slot
  }

  #unwrap(sealed: SealedPlace, segment: number, slot: Uint8Array): Uint8Array | undefined {
    // The octets that fill a slot up are zero, so that no changed octet goes unseen.
    if (slot.subarray(WRAPPED_OCTETS).some((octet) => octet !== 0)) return undefined
    const nonce = slot.subarray(0, NONCE_OCTETS)
    const associated = this.#associated('slot', sealed, segment)
    try {
      const input = { key: this.#slotKey.reveal(), nonce, associated }
      return openSealed('aes-256-gcm-siv', input, slot.subarray(NONCE_OCTETS, WRAPPED_OCTETS))
    } catch {
      return undefined
    }
  }

  #associated(what: 'segment' | 'slot', sealed: SealedPlace, segment: number): Uint8Array {
    const [link, epoch, sequence] = sealed.place
    const { bits, reserveOctets, segmentOctets } = sealed.layout
    return lengthPrefixed(
      LABELS[what],
      this.#siteOctets,
      utf8(link),
      concat(uint64(epoch), uint64(sequence), uint32(segment)),
      concat(uint64(bits), uint32(reserveOctets), uint32(segmentOctets)),
      sealed.originDigest,
    )
  }

  #startInHalf(block: Block, owner: Side, segment: number): number {
    const { layout } = block
    const start = owner === 'transmitter' ? 0 : layout.halfOctets
    return segmentSpan(layout, segment).from - layout.reserveOctets - start
  }
}

/** Octets of one half of a block. */
export interface Piece {
  readonly block: Block
  readonly owner: Side
  readonly span: Span
}

const LABELS = {
  segment: utf8('photonward/keystore/segment/1'),
  slot: utf8('photonward/keystore/slot/1'),
} as const
const NO_FAULT = Promise.resolve(undefined)

const faulty = (fault: SegmentFault): SegmentRead => ({ kind: 'faulty', fault })

const cacheKey = (block: Block, segment: number): string =>
  `${block.link.link}/${block.epoch}/${block.sequence}/${segment}`

const slotFile = ([link, epoch, sequence]: Place): string =>
  `${FOLDER}/${link}/${epoch}-${sequence}`

/** Folder of the slot files; never part of a backup. */
export const FOLDER = 'keys'
/** A slot never straddles a disk sector, so that one overwrite is one write. */
export const SLOT_OCTETS = 64
const NONCE_OCTETS = 12
const WRAPPED_OCTETS = NONCE_OCTETS + 32 + 16
/** A wrapping key seals one segment once, so its nonce need not vary. */
const ONCE = new Uint8Array(NONCE_OCTETS)
/** Opened segments kept: with 2,048 octets each, 4 MiB. */
const OPEN_SEGMENTS_MAX = 2048
