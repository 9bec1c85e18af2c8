/**
 * How the bits of a finished block are shared out: reserves for authentication, then two halves.
 *
 * The same at both ends. Each end may hand out keys only from its own half, so the ends never race
 * for one key; the reserve is never served to applications.
 *
 * @module
 */

/** Octets from `from` up to, not including, `to` of the packed block. */
export interface OctetRange {
  readonly from: number
  readonly to: number
}

/** Where each part of a block lies. */
export interface BlockLayout {
  /** Hash key and pads for tags that this end sends. */
  readonly reserve: { readonly transmitter: OctetRange; readonly receiver: OctetRange }
  /** Key octets that this end may hand out. */
  readonly half: { readonly transmitter: OctetRange; readonly receiver: OctetRange }
  /** Bits behind the halves that are thrown away. */
  readonly remainderBits: number
}

/** Bits that a block must have beyond its reserve to be worth storing. */
export const KEY_BITS_MIN = 1024

/** The layout of a block of ℓ bits, or undefined if it is too short. */
export function blockLayout(secretBits: number, reserveOctets: number): BlockLayout | undefined {
  if (secretBits < 8 * reserveOctets + KEY_BITS_MIN) return undefined
  const one = reserveOctets / 2
  const half = Math.floor((secretBits - 8 * reserveOctets) / 16)
  const end = reserveOctets + 2 * half
  return {
    reserve: { transmitter: { from: 0, to: one }, receiver: { from: one, to: reserveOctets } },
    half: {
      transmitter: { from: reserveOctets, to: reserveOctets + half },
      receiver: { from: reserveOctets + half, to: end },
    },
    remainderBits: secretBits - 8 * end,
  }
}
