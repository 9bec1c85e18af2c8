/**
 * The receipt: the receiving site's signed word that a transfer is in its vault, and how it was
 * protected on the way.
 *
 * @module
 */

import {
  cborDoor,
  Exactly,
  fromDeterministicCbor,
  door,
  epochMs,
  Octets,
  sameOctets,
  siteId,
  Text,
  toCbor,
  Type,
  uuid,
  UuidText,
  Whole,
  type EpochMs,
  type SiteId,
  type Uuid,
} from '#base'
import { signDual, verifyDual, type DualSigner, type DualVerifier } from '#crypto'
import { ProtectionShape, readProtection, type Protection } from '#session'
import { ExchangeRefusal } from './refusal.ts'

export interface Receipt {
  readonly transfer: Uuid
  readonly from: SiteId
  readonly to: SiteId
  /** `manifestHash`. */
  readonly manifest: Uint8Array
  readonly items: number
  /** Versions that were new to the receiver. */
  readonly written: number
  readonly protection: Protection
  /** When the receiver's commit was made, by its clock. */
  readonly at: EpochMs
}

/** Signs a receipt with both keys of the receiver. */
export function signReceipt(receipt: Receipt, by: DualSigner): Uint8Array {
  const body = toCbor({ v: 1, ...receipt, protection: { ...receipt.protection } })
  const { mlDsa, ed25519 } = signDual(by, SIGNATURE, body)
  return toCbor({ body, mlDsa, ed25519 })
}

/**
 * Checks that a receipt is for this transfer and that its receiver signed it.
 *
 * @throws ExchangeRefusal `RECEIPT_INVALID`
 */
export function checkReceipt(
  octets: Uint8Array,
  expected: Pick<Receipt, 'transfer' | 'from' | 'to'> & {
    /** Of every offer made so far: an earlier one may have been imported. */
    readonly manifests: readonly Uint8Array[]
  },
  by: DualVerifier,
): Receipt {
  const receipt = readReceipt(octets, by)
  const { transfer, from, to, manifests } = expected
  const ours =
    receipt.transfer === transfer &&
    receipt.from === from &&
    receipt.to === to &&
    manifests.some((manifest) => sameOctets(receipt.manifest, manifest))
  if (ours) return receipt
  throw invalid('it is for another transfer')
}

function readReceipt(octets: Uint8Array, by: DualVerifier): Receipt {
  let frame
  try {
    frame = openFrame(octets)
  } catch (cause) {
    throw invalid('it cannot be read', cause)
  }
  const { body, mlDsa, ed25519 } = frame
  if (!verifyDual(by, SIGNATURE, body, { mlDsa, ed25519 })) throw invalid('it is not signed')
  try {
    const read = shape(fromDeterministicCbor(body, RECEIPT_OCTETS_MAX))
    const { transfer, from, to, manifest, items, written, protection, at } = read
    return {
      transfer: uuid(transfer),
      from: siteId(from),
      to: siteId(to),
      manifest,
      items,
      written,
      protection: readProtection(protection),
      at: epochMs(at),
    }
  } catch (cause) {
    throw invalid('it cannot be read', cause)
  }
}

const invalid = (why: string, cause?: unknown): ExchangeRefusal =>
  new ExchangeRefusal('RECEIPT_INVALID', `The receipt of a transfer is not accepted: ${why}`, {
    cause,
  })

const SIGNATURE = 'photonward/receipt/v1'
export const RECEIPT_OCTETS_MAX = 16_384

const openFrame = cborDoor(
  Exactly({ body: Octets(1, RECEIPT_OCTETS_MAX), mlDsa: Octets(3309), ed25519: Octets(64) }),
  'receipt',
  RECEIPT_OCTETS_MAX,
)
const shape = door(
  Exactly({
    v: Type.Literal(1),
    transfer: UuidText,
    from: Text(63, 1),
    to: Text(63, 1),
    manifest: Octets(32),
    items: Whole(1),
    written: Whole(0),
    protection: ProtectionShape,
    at: Whole(0),
  }),
  'receipt',
)
