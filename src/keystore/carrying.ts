/**
 * Carrying keys to a further site: each key XOR as many bits of the pool with that site, used once.
 *
 * GS QKD 014 has one key for all slaves, wherever they are, and GS QKD 020 has keys of others to be
 * passed on. The key is made with one site, or came from outside; for a further site bits of our own
 * half are reserved as a pad and activated there under the key's own key_ID, with the key masked by
 * them. So the pad's life is the key's: the key can be had at that site once for each slave, expires,
 * is withdrawn, and survives or ends in a crash as any key of the store; there it is never at rest,
 * for what the store holds is masked by bits that are destroyed with the delivery.
 *
 * The mask hides the key perfectly from whoever does not hold the pad. It does not authenticate it:
 * the connection between the two KMEs does. What is told of the key's origin is the sender's word.
 *
 * @see ETSI GS QKD 014 V1.1.1 §6.2 (additional_slave_SAE_IDs)
 * @module
 */

import { assert, concat, type KeyId, type SaeId, type SecretBytes, type SiteId } from '#base'
import { reserve } from './allocation.ts'
import { provenanceOf, type Reservation } from './parts.ts'
import { combined, type Provenance } from './provenance.ts'
import { KeystoreRefusal } from './refusal.ts'
import type { KeyUse, Room } from './room.ts'
import { CARRIED_OCTETS_MAX } from './wire.ts'

/** What is stored beside the pad of a carried key. */
export interface CarriedKey {
  /** The key XOR the pad. */
  readonly mask: Uint8Array
  /** Where the key itself comes from. */
  readonly provenance: Provenance
}

/** Who is to have the keys of a reservation at a further site. */
export interface CarryRequest {
  readonly peer: SiteId
  readonly master: SaeId
  readonly slaves: readonly SaeId[]
  readonly sizeBits: number
  readonly lifeMs: number
  readonly use?: KeyUse
}

/**
 * Reserves a pad for each key of a standing reservation. Issue or abandon both together.
 *
 * @throws KeystoreRefusal as `reserve`, `KEYSTORE_RESERVATION_UNKNOWN`; PortRefusal
 */
export async function carry(
  room: Room,
  reservation: Reservation,
  request: CarryRequest,
): Promise<Reservation> {
  const octetsWanted = (reservation.keyIds.length * request.sizeBits) / 8
  if (octetsWanted > CARRIED_OCTETS_MAX) {
    throw new KeystoreRefusal(
      'KEYSTORE_REQUEST_INVALID',
      `Expected at most ${CARRIED_OCTETS_MAX} octets of key for a further site`,
      { facts: { octets: octetsWanted } },
    )
  }
  const parts = reservation.parts.map((id) => room.parts.get(id))
  const standing = parts.filter((part) => part !== undefined)
  assert(standing.length === parts.length, 'what is carried is reserved')
  const octets = concat(...standing.map(({ material }) => material.reveal()))
  const provenance = combined(
    ...standing.map(({ link, ranges }) =>
      provenanceOf(ranges, link, { from: link.site, to: link.peer }),
    ),
  )
  try {
    const { keyIds } = reservation
    return await reserve(
      room,
      { ...request, number: keyIds.length },
      { keyIds, octets, provenance },
    )
  } finally {
    octets.fill(0)
  }
}

/** Keys to be carried, joined in order. */
export interface CarriedKeys {
  readonly keyIds: readonly KeyId[]
  readonly octets: Uint8Array
  readonly provenance: Provenance
}

/** The octets from `from` on of keys that are carried, masked, and where they come from. */
export function masked(
  { octets, provenance }: CarriedKeys,
  from: number,
  pad: SecretBytes,
): CarriedKey {
  return {
    mask: xor(octets.subarray(from, from + pad.length), pad.reveal()),
    provenance: provenanceSlice(provenance, from, pad.length),
  }
}

/** Takes the mask off: turns the pad into the key, in place. */
export function unmask(pad: SecretBytes, { mask }: CarriedKey): void {
  const octets = pad.reveal()
  assert(octets.length === mask.length, 'a mask is as long as its pad')
  octets.set(xor(octets, mask))
}

/** Key `index` of what an activation carries. */
export const carriedAt = (
  { mask, provenance }: CarriedKey,
  index: number,
  keyOctets: number,
): CarriedKey => ({
  mask: mask.slice(index * keyOctets, (index + 1) * keyOctets),
  provenance: provenanceSlice(provenance, index * keyOctets, keyOctets),
})

/** Where some octets come from, of those whose parts are joined in order. */
function provenanceSlice({ parts }: Provenance, from: number, octets: number): Provenance {
  const end = from + octets
  let at = 0
  return {
    parts: parts.flatMap((part) => {
      const [first, last] = [Math.max(from, at), Math.min(end, at + part.octets)]
      const skipped = first - at
      at += part.octets
      if (last <= first) return []
      return [{ ...part, offset: part.offset + skipped, octets: last - first }]
    }),
  }
}

const xor = (a: Uint8Array, b: Uint8Array): Uint8Array => a.map((octet, at) => octet ^ b[at])
