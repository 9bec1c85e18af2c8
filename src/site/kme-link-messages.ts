/**
 * What the two ends of a link from a vendor's KME say to each other, over the authenticated requests
 * between sites: an opening, the key_IDs of each block with digests under a secret, a confirmation.
 * No message holds a key.
 *
 * @module
 */

import {
  cborDoor,
  Exactly,
  linkId,
  Octets,
  Text,
  toCbor,
  Type,
  uuid,
  UuidText,
  Whole,
  type LinkId,
  type Uuid,
} from '#base'
import { hkdfExpand, hmac } from '#crypto'

/** A block, as both ends name it. */
export interface KmeBlock {
  readonly link: LinkId
  readonly epoch: number
  readonly sequence: number
}

/** A block whose keys are to be fetched at the other end. */
export interface KmeBlockOffer extends KmeBlock {
  /** Whose secret the digests are under. */
  readonly session: Uuid
  /** In the order in which the keys make up the block; as the vendor spells them. */
  readonly ids: readonly string[]
  /** By the transmitting end. */
  readonly digest: Uint8Array
}

/** What the ends settle before keys are asked for, and after any failure. */
export interface KmeOpening {
  readonly link: LinkId
  /** `termsDigest` of the end that speaks. */
  readonly terms: Uint8Array
  /** The highest epoch of that end; in the answer, the one that begins. */
  readonly epoch: number
  readonly blocks: Uint8Array
  readonly mark: Uint8Array
}

/** Octets of a digest. */
export const DIGEST_OCTETS = 32

/**
 * What one end says of a block: a MAC over its octets under a key for this block and this end. It
 * tells nothing of the block to whoever does not hold the secret of the session.
 */
export function blockDigest(
  secret: Uint8Array,
  about: Omit<KmeBlockOffer, 'digest'> & { readonly by: 'transmitter' | 'receiver' },
  octets: Uint8Array,
): Uint8Array {
  const info = toCbor({ label: 'photonward/kme-block/v1', ...about, ids: [...about.ids] })
  const key = hkdfExpand('sha256', { key: secret, info, length: 32 })
  try {
    return hmac('sha256', key, octets)
  } finally {
    key.fill(0)
  }
}

export const openingOctets = (opening: KmeOpening): Uint8Array => toCbor({ ...opening })
export const offerOctets = (offer: KmeBlockOffer): Uint8Array =>
  toCbor({ ...offer, ids: [...offer.ids] })
export const blockOctets = ({ link, epoch, sequence }: KmeBlock): Uint8Array =>
  toCbor({ link, epoch, sequence })

/** Reads `openingOctets`. @throws Refusal, or RangeError for a name */
export function readOpening(octets: Uint8Array): KmeOpening {
  const opening = openOpening(octets)
  return { ...opening, link: linkId(opening.link) }
}

/** Reads `offerOctets`. @throws Refusal, or RangeError for a name */
export function readOffer(octets: Uint8Array): KmeBlockOffer {
  const offer = openOffer(octets)
  return { ...offer, link: linkId(offer.link), session: uuid(offer.session) }
}

/** Reads `blockOctets`. @throws Refusal, or RangeError for a name */
export function readBlock(octets: Uint8Array): KmeBlock {
  const block = openBlock(octets)
  return { ...block, link: linkId(block.link) }
}

/** Reads the answer to an offer. @throws Refusal */
export const readDigest = cborDoor(
  Exactly({ digest: Octets(DIGEST_OCTETS) }),
  'answer about a block of a KME',
  128,
)

/** Keys of one block. */
export const KEYS_PER_BLOCK_MAX = 1024
const REPORT_OCTETS_MAX = 65_536
const Place = { link: Text(63, 1), epoch: Whole(0), sequence: Whole(0) }
const openOpening = cborDoor(
  Exactly({
    link: Text(63, 1),
    terms: Octets(32),
    epoch: Whole(0),
    blocks: Octets(0, REPORT_OCTETS_MAX),
    mark: Octets(1, 4096),
  }),
  'opening of a link from a KME',
  REPORT_OCTETS_MAX + 8192,
)
const openOffer = cborDoor(
  Exactly({
    ...Place,
    session: UuidText,
    ids: Type.Array(Text(128, 1), { minItems: 1, maxItems: KEYS_PER_BLOCK_MAX }),
    digest: Octets(DIGEST_OCTETS),
  }),
  'block of a KME',
  KEYS_PER_BLOCK_MAX * 160 + 1024,
)
const openBlock = cborDoor(Exactly(Place), 'name of a block of a KME', 1024)
