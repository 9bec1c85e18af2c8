/**
 * The wrap around every share, from end to end: what no trusted node between can open.
 *
 * Both ends hold the exported secret of a signed hybrid session (ML-KEM-1024 and X25519). Each share
 * has a key of its own from it, so that nonces need not be counted; what the share is, of which
 * block, from whom to whom, is authenticated with it. Changing, swapping or repeating shares on the
 * way is found here, whoever did it.
 *
 * Computational: it holds as long as the session's key encapsulations do. What the ways of the shares
 * give beyond that is computed in `exposure.ts`.
 *
 * @module
 */

import { toCbor, type LinkId, type SiteId, type Uuid } from '#base'
import { CryptoRefusal, hkdfExpand, hmac, open, sameSecret, seal, TAG_OCTETS } from '#crypto'
import { RelayRefusal } from './refusal.ts'

/** A block on its way, as both ends name it. */
export interface RelayedBlock {
  readonly link: LinkId
  readonly from: SiteId
  readonly to: SiteId
  readonly epoch: number
  readonly sequence: number
  /** The session whose secret wraps it. */
  readonly session: Uuid
  readonly shares: number
}

/** Octets that a wrap adds to a share. */
export const WRAP_OCTETS = TAG_OCTETS
/** Octets of the secret of a wrap. */
export const WRAP_SECRET_OCTETS = 32

/** Wraps share `index` of a block. @param secret of the session, 32 octets */
export const wrapShare = (
  secret: Uint8Array,
  block: RelayedBlock,
  index: number,
  share: Uint8Array,
): Uint8Array => withKey(secret, block, index, (input) => seal('aes-256-gcm', input, share))

/** The share in a wrap. @throws RelayRefusal `RELAY_SHARE_FORGED` */
export const unwrapShare = (
  secret: Uint8Array,
  block: RelayedBlock,
  index: number,
  wrapped: Uint8Array,
): Uint8Array =>
  withKey(secret, block, index, (input) => {
    try {
      return open('aes-256-gcm', input, wrapped)
    } catch (error) {
      if (!(error instanceof CryptoRefusal)) throw error
      const message = `Share ${index} of a block is not what the other end sent`
      throw new RelayRefusal('RELAY_SHARE_FORGED', message, { cause: error })
    }
  })

/**
 * What the receiving end says of a block once it holds it: a MAC over the block's name and its
 * `story`, the noted origin, by which the sending end knows that both note the same of the same.
 */
export const storyMac = (
  secret: Uint8Array,
  block: RelayedBlock,
  story: Uint8Array,
): Uint8Array => {
  const key = hkdfExpand('sha256', { key: secret, info: label(block, 'story'), length: 32 })
  try {
    return hmac('sha256', key, story)
  } finally {
    key.fill(0)
  }
}

/** Whether a story was told by whoever holds the secret. */
export function isStoryOf(
  secret: Uint8Array,
  block: RelayedBlock,
  { story, mac }: { readonly story: Uint8Array; readonly mac: Uint8Array },
): boolean {
  return sameSecret(storyMac(secret, block, story), mac)
}

function withKey(
  secret: Uint8Array,
  block: RelayedBlock,
  index: number,
  work: (input: { key: Uint8Array; nonce: Uint8Array; associated: Uint8Array }) => Uint8Array,
): Uint8Array {
  const associated = label(block, index)
  const key = hkdfExpand('sha256', { key: secret, info: associated, length: 32 })
  try {
    return work({ key, nonce: new Uint8Array(12), associated })
  } finally {
    key.fill(0)
  }
}

const label = (block: RelayedBlock, part: number | 'story'): Uint8Array =>
  toCbor({ label: 'photonward/relay-wrap/v1', ...block, part })
