/**
 * What two sites say to each other about a transfer: offer, items, commit, and the answers.
 *
 * Each question may be asked again: the same offer, part or commit has the same effect and the same
 * answer, so lost answers, duplicates and another order do no harm.
 *
 * @module
 */

import { cborDoor, Exactly, Octets, toCbor, Type, uuid, UuidText, Whole, type Uuid } from '#base'
import { ITEMS_MAX, MANIFEST_OCTETS_MAX } from './manifest.ts'
import { RECEIPT_OCTETS_MAX } from './receipt.ts'

export interface Offer {
  readonly transfer: Uuid
  /** Session under whose key the manifest is sealed. */
  readonly session: Uuid
  readonly manifest: Uint8Array
}

/** The receiver's answer to an offer, or to a commit. */
export type OfferAnswer =
  /** It has these items already, by their index in the manifest. */
  | { readonly kind: 'wanted'; readonly held: readonly number[] }
  /** The transfer is in the vault: nothing more is to be sent. */
  | { readonly kind: 'imported'; readonly receipt: Uint8Array }

/** Part of one item's container. */
export interface Part {
  /** Index of the item in the manifest. */
  readonly item: number
  /** Counts parts of `PART_OCTETS`, the last one being shorter or as long. */
  readonly place: number
  readonly octets: Uint8Array
}

export const writeOffer = ({ transfer, session, manifest }: Offer): Uint8Array =>
  toCbor({ v: 1, transfer, session, manifest })

export function readOffer(octets: Uint8Array): Offer {
  const { transfer, session, manifest } = offerDoor(octets)
  return { transfer: uuid(transfer), session: uuid(session), manifest }
}

export const writeAnswer = (answer: OfferAnswer): Uint8Array => toCbor({ v: 1, ...answer })

export function readAnswer(octets: Uint8Array): OfferAnswer {
  const answer = answerDoor(octets)
  return answer.kind === 'wanted'
    ? { kind: 'wanted', held: answer.held }
    : { kind: 'imported', receipt: answer.receipt }
}

export const writeParts = (transfer: Uuid, parts: readonly Part[]): Uint8Array =>
  toCbor({ v: 1, transfer, parts: parts.map((part) => ({ ...part })) })

export function readParts(octets: Uint8Array): { transfer: Uuid; parts: readonly Part[] } {
  const { transfer, parts } = partsDoor(octets)
  return { transfer: uuid(transfer), parts }
}

export const writeCommit = (transfer: Uuid, manifest: Uint8Array): Uint8Array =>
  toCbor({ v: 1, transfer, manifest })

export function readCommit(octets: Uint8Array): { transfer: Uuid; manifest: Uint8Array } {
  const { transfer, manifest } = commitDoor(octets)
  return { transfer: uuid(transfer), manifest }
}

/** Octets of one part, but for the last of an item. */
export const PART_OCTETS = 1024 * 1024
/** Octets of parts in one message, more or less. */
export const PARTS_OCTETS = 2 * 1024 * 1024
const PARTS_MAX = 4096
const MESSAGE_MAX = 15 * 1024 * 1024

const v = Type.Literal(1)
const offerDoor = cborDoor(
  Exactly({
    v,
    transfer: UuidText,
    session: UuidText,
    manifest: Octets(1, MANIFEST_OCTETS_MAX + 65_536),
  }),
  'offer of a transfer',
  MESSAGE_MAX,
)
const answerDoor = cborDoor(
  Type.Union([
    Exactly({
      v,
      kind: Type.Literal('wanted'),
      held: Type.Array(Whole(0, ITEMS_MAX), { maxItems: ITEMS_MAX }),
    }),
    Exactly({ v, kind: Type.Literal('imported'), receipt: Octets(1, RECEIPT_OCTETS_MAX) }),
  ]),
  'answer to an offer',
  MESSAGE_MAX,
)
const partsDoor = cborDoor(
  Exactly({
    v,
    transfer: UuidText,
    parts: Type.Array(
      Exactly({ item: Whole(0, ITEMS_MAX), place: Whole(0, 4096), octets: Octets(1, PART_OCTETS) }),
      { minItems: 1, maxItems: PARTS_MAX },
    ),
  }),
  'items of a transfer',
  MESSAGE_MAX,
)
const commitDoor = cborDoor(
  Exactly({ v, transfer: UuidText, manifest: Octets(32) }),
  'commit of a transfer',
  1024,
)
