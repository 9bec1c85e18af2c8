/**
 * Parts of a reservation: bits of the own half between being taken and being a key or nothing.
 *
 * A part is closed once, by whoever issues or abandons it; from then on nobody else can. What is over
 * of it is cleared and counted as spent.
 *
 * @module
 */

import { assert, SecretBytes, type KeyId, type SiteId, type Uuid } from '#base'
import { doom, doomIfSpent } from './destruction.ts'
import { combined, type Provenance } from './provenance.ts'
import { KeystoreRefusal } from './refusal.ts'
import type { Orphan, Part, Room } from './room.ts'
import { placeKey, spend, type Block, type Link } from './state.ts'
import { rangesOfKey, rangesOfKeys, restOctets, type Range } from './wire.ts'

/** Bits on their way to become keys. To be issued or abandoned, once. */
export interface Reservation {
  readonly peer: SiteId
  readonly keyIds: readonly KeyId[]
  /** Messages for the peer, each to be acknowledged before `issue`. */
  readonly activations: readonly Uint8Array[]
  /** Names of the parts, one for each activation. */
  readonly parts: readonly Uuid[]
}

/** A key that may be handed to an SAE. Whoever gets it owns the octets. */
export interface DeliveredKey {
  readonly keyId: KeyId
  readonly octets: SecretBytes
  readonly provenance: Provenance
}

/** Keys of a part, counted from 0: those from `from` on, before `to`. */
export interface Stretch {
  readonly from: number
  readonly to: number
}

/** The parts of a reservation. @throws KeystoreRefusal unless all of them stand */
export function partsOf(room: Room, reservation: Reservation): readonly Part[] {
  const parts = reservation.parts.map((id) => room.parts.get(id))
  if (parts.every((part) => part !== undefined)) return parts
  throw new KeystoreRefusal('KEYSTORE_RESERVATION_UNKNOWN', 'No such reservation stands')
}

/** From here on nobody else can issue or abandon the part. */
export const closePart = (room: Room, part: Part): boolean => room.parts.delete(part.id)

/** Clears the octets of a part that is over and counts as spent what nobody has taken of it. */
export function finishPart(room: Room, part: Part): void {
  part.material[Symbol.dispose]()
  spendKeys(room, part, { from: part.taken, to: part.keyIds.length })
}

/** Counts the bits of keys as spent. */
export function spendKeys(room: Room, part: Part, { from, to }: Stretch): void {
  for (const range of rangesOfKeys(part, from, to)) {
    const block = part.link.blocks.get(placeKey(range))
    if (block === undefined) continue
    doom(room, block, spend(block, part.link.side, range))
    doomIfSpent(room, block)
  }
}

/** The withdrawal of what nobody has taken of a part, not stored yet. */
export function orphanOf(part: Part): Orphan {
  const { id, link, taken } = part
  const message = restOctets(part.message, { from: taken })
  const pending = { id, peer: link.peer, link: link.link, message }
  return { pending, blocks: blocksOf(part), part }
}

/** The blocks that octets of a part lie in, as far as they are remembered. */
export const blocksOf = ({ link, ranges }: Pick<Part, 'link' | 'ranges'>): readonly Block[] =>
  ranges.map((range) => link.blocks.get(placeKey(range))).filter((block) => block !== undefined)

/** Keys of a part, copied, with what is told of them and of the pads that carry them elsewhere. */
export function keysOf(
  part: Part,
  { from, to }: Stretch,
  pads: readonly Part[] = [],
): readonly DeliveredKey[] {
  const { keyOctets, material } = part
  return part.keyIds.slice(from, to).map((id, at) => {
    const carriers = pads.filter((pad) => pad.keyIds.includes(id))
    const others = carriers.map((pad) => provenanceAt(pad, pad.keyIds.indexOf(id)))
    const provenance = combined(provenanceAt(part, from + at), ...others)
    const start = (from + at) * keyOctets
    const octets = material.reveal().subarray(start, start + keyOctets)
    return { keyId: id, octets: SecretBytes.copyOf(octets), provenance }
  })
}

/** The provenance of octets in these ranges of the half of one end. */
export function provenanceOf(
  ranges: readonly Range[],
  link: Link,
  ends: { readonly from: SiteId; readonly to: SiteId },
): Provenance {
  return {
    parts: ranges.map(({ epoch, sequence, from: offset, octets }) => {
      const block = link.blocks.get(placeKey({ epoch, sequence }))
      assert(block !== undefined, 'a block outlives the keys that come from it')
      const place = { link: link.link, epoch, sequence, offset, octets }
      return { ...block.origin, ...place, ...ends }
    }),
  }
}

const provenanceAt = ({ link, ranges, keyOctets }: Part, index: number): Provenance => {
  const ends = { from: link.site, to: link.peer }
  return provenanceOf(rangesOfKey({ ranges, keyOctets }, index), link, ends)
}
