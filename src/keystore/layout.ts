/**
 * Where everything lies in a block of distilled key, the same at both ends of its link.
 *
 * `[reserve T→R][reserve R→T][half of T][half of R]`, T the transmitter site and R the receiver
 * site. A reserve is a 16-octet hash key and pads of 16 octets and never goes to applications. The
 * halves split the rest evenly in whole octets; what does not divide is discarded. Each end gives
 * out bits of its own half only, which is why no two requests can ever want the same bits.
 *
 * A segment is what is sealed, and later destroyed, as one: each reserve, and each run of
 * `segmentOctets` of a half.
 *
 * @module
 */

import { assert } from '#base'
import { KeystoreRefusal } from './refusal.ts'

/** The two ends of a link, by what they do on the quantum channel. */
export type Side = 'transmitter' | 'receiver'

/** The side of the peer. */
export const otherSide = (side: Side): Side => (side === 'transmitter' ? 'receiver' : 'transmitter')

/** A run of octets, `from` inclusive. */
export interface Span {
  readonly from: number
  readonly octets: number
}

/** Sizes of the parts of a block, in octets and segments. */
export interface Layout {
  readonly bits: number
  /** Both reserves together. */
  readonly reserveOctets: number
  readonly halfOctets: number
  readonly segmentOctets: number
  /** 2, or 0 on a link without a reserve. */
  readonly reserveSegments: number
  /** Segments of one half. */
  readonly halfSegments: number
  /** All segments: reserves, then the transmitter's half, then the receiver's. */
  readonly segments: number
}

/**
 * The layout of a block of `bits`.
 *
 * @throws KeystoreRefusal `KEYSTORE_BLOCK_INVALID` if it leaves less than `KEY_BITS_LEAST` for keys
 */
export function layoutOf(input: {
  readonly bits: number
  readonly reserveOctets: number
  readonly segmentOctets: number
}): Layout {
  const { bits, reserveOctets, segmentOctets } = input
  const whole = Number.isSafeInteger(bits) && bits <= BLOCK_BITS_MAX ? bits : 0
  if (whole < reserveOctets * 8 + KEY_BITS_LEAST) {
    throw new KeystoreRefusal(
      'KEYSTORE_BLOCK_INVALID',
      `Expected a block of ${reserveOctets * 8 + KEY_BITS_LEAST} to ${BLOCK_BITS_MAX} bits`,
      { facts: { bits } },
    )
  }
  const halfOctets = Math.floor((Math.floor(bits / 8) - reserveOctets) / 2)
  const halfSegments = Math.ceil(halfOctets / segmentOctets)
  const reserveSegments = reserveOctets === 0 ? 0 : 2
  const segments = reserveSegments + 2 * halfSegments
  return {
    bits,
    reserveOctets,
    halfOctets,
    segmentOctets,
    reserveSegments,
    halfSegments,
    segments,
  }
}

/** Whether `octets` divides into two reserves of a hash key and at least one pad each. */
export const isReserve = (octets: number): boolean =>
  octets === 0 || (Number.isInteger(octets / 32) && octets >= 64)

/** Pads in each reserve. */
export const padsPerReserve = ({ reserveOctets }: Layout): number =>
  Math.max(0, reserveOctets / 32 - 1)

/** The segment that holds the reserve for what `sender` sends. */
export const reserveSegment = (sender: Side): number => (sender === 'transmitter' ? 0 : 1)

/** Where a segment lies in the block. */
export function segmentSpan(layout: Layout, segment: number): Span {
  const { reserveOctets, halfOctets } = layout
  const owner = ownerOf(layout, segment)
  if (owner === undefined) {
    return { from: (segment * reserveOctets) / 2, octets: reserveOctets / 2 }
  }
  const { from, octets } = halfSpan(layout, segment)
  const start = owner === 'transmitter' ? reserveOctets : reserveOctets + halfOctets
  return { from: start + from, octets }
}

/** Whose half a segment belongs to; undefined for a reserve. */
export function ownerOf(layout: Layout, segment: number): Side | undefined {
  assert(segment >= 0 && segment < layout.segments, 'a segment lies in its block')
  if (segment < layout.reserveSegments) return undefined
  return segment < layout.reserveSegments + layout.halfSegments ? 'transmitter' : 'receiver'
}

/** Where a segment of a half lies in that half. */
export function halfSpan(layout: Layout, segment: number): Span {
  const { reserveSegments, halfSegments, segmentOctets, halfOctets } = layout
  const from = ((segment - reserveSegments) % halfSegments) * segmentOctets
  return { from, octets: Math.min(segmentOctets, halfOctets - from) }
}

/** The segment that holds the octet at `offset` of the half of `owner`. */
export function segmentAt(layout: Layout, owner: Side, offset: number): number {
  assert(offset >= 0 && offset < layout.halfOctets, 'an offset lies in its half')
  const first = layout.reserveSegments + (owner === 'transmitter' ? 0 : layout.halfSegments)
  return first + Math.floor(offset / layout.segmentOctets)
}

/** Least bits left for keys once the reserve is taken. */
export const KEY_BITS_LEAST = 1024
/** Bits of one block: 16 MiB of key. */
export const BLOCK_BITS_MAX = 2 ** 27
