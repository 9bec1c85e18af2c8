/**
 * One hop of a relay: a share XOR a one-time pad of the link it crosses, under a one-time tag.
 *
 * Pad and tag key come from the pool that the two neighbours share, are fetched once and never used
 * again. The pad hides the share from whoever listens between the two; the tag (Wegman, Carter, with
 * a hash key of its own) tells whether it was changed there. Both neighbours see the share.
 *
 * Does not protect from the neighbours themselves: that is what `wrap.ts` and several ways are for.
 *
 * @see ETSI GS QKD 020 (KME to KME); docs/decisions/0034-relay.md
 * @module
 */

import { assert, lengthPrefixed } from '#base'
import { PolynomialHash, sameSecret } from '#crypto'
import { RelayRefusal } from './refusal.ts'

/** Octets of pad that a body of this length takes: for the body, the hash key and the tag. */
export const padOctetsFor = (bodyOctets: number): number => bodyOctets + 2 * TAG_OCTETS

/** What crosses a link. */
export interface SealedHop {
  readonly body: Uint8Array
  /** 16 octets. */
  readonly tag: Uint8Array
}

/**
 * Seals a share for one link.
 *
 * @param pad    `padOctetsFor(share)` octets, shared with the neighbour, of no other use
 * @param header what else the tag is to cover: who, which way, which share
 */
export function sealHop(pad: Uint8Array, header: Uint8Array, share: Uint8Array): SealedHop {
  const { mask, hashKey, tagPad } = partsOf(pad, share.length)
  const body = xor(share, mask)
  return { body, tag: xor(hashOf(hashKey, header, body), tagPad) }
}

/**
 * The share in a hop.
 *
 * @throws RelayRefusal `RELAY_TAG_WRONG` if header or body are not what the neighbour sealed
 */
export function openHop(pad: Uint8Array, header: Uint8Array, hop: SealedHop): Uint8Array {
  if (pad.length !== padOctetsFor(hop.body.length)) throw tagWrong()
  const { mask, hashKey, tagPad } = partsOf(pad, hop.body.length)
  const expected = xor(hashOf(hashKey, header, hop.body), tagPad)
  if (!sameSecret(expected, hop.tag)) throw tagWrong()
  return xor(hop.body, mask)
}

/** The exclusive or of two runs of octets of one length. */
export function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  assert(a.length === b.length, 'only runs of one length are added')
  const sum = new Uint8Array(a.length)
  for (let at = 0; at < a.length; at++) sum[at] = a[at] ^ b[at]
  return sum
}

function partsOf(pad: Uint8Array, bodyOctets: number) {
  assert(pad.length === padOctetsFor(bodyOctets), 'a pad fits the body that it hides')
  return {
    mask: pad.subarray(0, bodyOctets),
    hashKey: pad.subarray(bodyOctets, bodyOctets + TAG_OCTETS),
    tagPad: pad.subarray(bodyOctets + TAG_OCTETS),
  }
}

function hashOf(key: Uint8Array, header: Uint8Array, body: Uint8Array): Uint8Array {
  using hash = new PolynomialHash(key)
  return hash.digestOf([lengthPrefixed(header), body])
}

const tagWrong = (): RelayRefusal =>
  new RelayRefusal('RELAY_TAG_WRONG', 'The tag of a hop does not fit what came')

const TAG_OCTETS = 16
