/**
 * Receipts: offline proofs that an entry is in a signed, witnessed log.
 *
 * A receipt is one text: the entry itself, its index, its path to the root, and the checkpoint with
 * its cosignatures. Whoever has the public keys can check it without this site, and without trusting
 * it further than its witnesses.
 *
 * A receipt proves that the site said so by then, not that it is true; nor that the site did not say
 * something else as well, which is what reading the whole log is for.
 *
 * @see C2SP tlog-proof v1
 * @module
 */

import { base64, sameOctets, utf8 } from '#base'
import { leafHash, rootFromInclusion } from '#crypto'
import {
  verifyCheckpoint,
  type CheckpointPolicy,
  type CheckpointRefusal,
  type VerifiedCheckpoint,
} from './checkpoint.ts'
import { eventOf, type AuditEvent } from './event.ts'
import { canonicalBase64 } from './note.ts'

export interface ReceiptParts {
  readonly leaf: Uint8Array
  readonly index: number
  readonly path: readonly Uint8Array[]
  /** Signed note, with cosignatures. */
  readonly checkpoint: string
}

export type ReceiptRefusal =
  | CheckpointRefusal
  /** Not a tlog-proof of one of our entries. */
  | 'receipt-malformed'
  /** The path does not lead from the entry to the signed root. */
  | 'proof-invalid'

export type ReceiptCheck =
  | {
      readonly kind: 'verified'
      readonly index: number
      readonly event: AuditEvent
      readonly checkpoint: VerifiedCheckpoint
    }
  | { readonly kind: 'refused'; readonly reason: ReceiptRefusal }

/** The text of a receipt. The entry travels as the `extra` data of tlog-proof. */
export function receiptText({ leaf, index, path, checkpoint }: ReceiptParts): string {
  const lines = [HEADER, `extra ${base64(leaf)}`, `index ${index}`, ...path.map(base64)]
  return `${lines.join('\n')}\n\n${checkpoint}`
}

/**
 * Whether a leaf is at this index of the tree with this size and root.
 *
 * @param path   RFC 9162 §2.1.3.1, from the leaf's sibling up
 */
export function verifyInclusion(
  leaf: { readonly octets: Uint8Array; readonly index: number },
  path: readonly Uint8Array[],
  head: { readonly size: number; readonly root: Uint8Array },
): boolean {
  const place = { hash: leafHash(leaf.octets), index: leaf.index, size: head.size }
  try {
    return sameOctets(rootFromInclusion(place, path), head.root)
  } catch {
    return false
  }
}

/** Checks a receipt against a policy. Pure: needs public keys only. */
export function verifyReceipt(receipt: string, policy: CheckpointPolicy): ReceiptCheck {
  const parts = receipt.length > RECEIPT_CHARACTERS_MAX ? undefined : parseReceipt(receipt)
  if (parts === undefined) return { kind: 'refused', reason: 'receipt-malformed' }
  const check = verifyCheckpoint(utf8(parts.checkpoint), policy)
  if (check.kind === 'refused') return check
  const { leaf, index, path } = parts
  if (!verifyInclusion({ octets: leaf, index }, path, check.checkpoint)) {
    return { kind: 'refused', reason: 'proof-invalid' }
  }
  const event = readEvent(leaf)
  if (event === undefined) return { kind: 'refused', reason: 'receipt-malformed' }
  return { kind: 'verified', index, event, checkpoint: check.checkpoint }
}

function parseReceipt(receipt: string): ReceiptParts | undefined {
  const split = receipt.indexOf('\n\n')
  if (split < 0) return undefined
  const [header, extra, place, ...hashes] = receipt.slice(0, split).split('\n')
  if (header !== HEADER || hashes.length > PATH_HASHES_MAX) return undefined
  const leaf = canonicalBase64(EXTRA.exec(extra)?.[1] ?? '')
  const index = INDEX.exec(place)?.[1]
  const path = hashes.map(canonicalBase64).filter((hash) => hash?.length === 32)
  if (leaf === undefined || index === undefined || path.length < hashes.length) return undefined
  return {
    leaf,
    index: Number(index),
    path: path.filter((hash) => hash !== undefined),
    checkpoint: receipt.slice(split + 2),
  }
}

function readEvent(leaf: Uint8Array): AuditEvent | undefined {
  try {
    return eventOf(leaf)
  } catch {
    return undefined
  }
}

const HEADER = 'c2sp.org/tlog-proof@v1'
const EXTRA = /^extra (\S+)$/
const INDEX = /^index (0|[1-9][0-9]{0,15})$/
/** A tree of 2⁵³ leaves is 53 levels high. */
const PATH_HASHES_MAX = 63
const RECEIPT_CHARACTERS_MAX = 300_000
