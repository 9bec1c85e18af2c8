/**
 * What two sites say to each other about an erasure: the order, and the word that it was obeyed.
 *
 * Both are signed with ML-DSA-65 and Ed25519 and may be shown to anybody later. An order names
 * objects by their random ids; the word names the order by its hash, how many of its objects are no
 * more at the site, and when the last of them went.
 *
 * The word is what a site says of itself: it does not prove that nobody there kept a copy.
 *
 * @module
 */

import {
  cborDoor,
  concat,
  door,
  epochMs,
  Exactly,
  fromDeterministicCbor,
  Octets,
  OneOf,
  siteId,
  Text,
  toCbor,
  Type,
  uuid,
  uuidOctets,
  uuidOf,
  UuidText,
  Whole,
  type EpochMs,
  type SiteId,
  type Uuid,
} from '#base'
import { sha256, signDual, verifyDual, type DualSigner, type DualVerifier } from '#crypto'
import { ERASURE_CAUSES, TOMB_OBJECTS_MAX, type ErasureCause } from '#vault'
import { ExchangeRefusal } from './refusal.ts'

/** What one site asks another to erase. */
export interface Order {
  /** The ordering site's random id of the patient. */
  readonly erasure: Uuid
  readonly from: SiteId
  readonly to: SiteId
  readonly at: EpochMs
  readonly cause: ErasureCause
  readonly objects: readonly Uuid[]
}

/** What a site says of an order that it obeyed. */
export interface Word {
  readonly erasure: Uuid
  /** The site that ordered. */
  readonly from: SiteId
  /** The site that obeyed. */
  readonly site: SiteId
  /** `orderHash`. */
  readonly order: Uint8Array
  /** Objects of the order that are no more there. */
  readonly items: number
  /** When the last of them went; when this was said, where none was ever there. */
  readonly at: EpochMs
  /** Sites to which it had passed the record on, and which have all signed to it. */
  readonly passedOn: readonly SiteId[]
}

/** The answer to an order. */
export type OrderAnswer =
  | { readonly kind: 'done'; readonly word: Uint8Array }
  /** The site has obeyed; sites to which it passed the record on have not. */
  | { readonly kind: 'waiting'; readonly sites: readonly string[] }

export function signOrder(order: Order, by: DualSigner): Uint8Array {
  const { erasure, from, to, at, cause } = order
  const objects = concat(...order.objects.map(uuidOctets))
  return signed(ORDER, toCbor({ v: 1, erasure, from, to, at, cause, objects }), by)
}

/** Reads an order. @throws ExchangeRefusal `ERASURE_INVALID` unless its sender signed it for us */
export function checkOrder(
  octets: Uint8Array,
  expected: { readonly from: SiteId; readonly to: SiteId; readonly by: DualVerifier },
): Order & { readonly hash: Uint8Array } {
  const body = opened(ORDER, octets, expected.by)
  const read = reading(() => orderShape(fromDeterministicCbor(body, ORDER_OCTETS_MAX)))
  const { erasure, from, to, at, cause } = read
  if (from !== expected.from || to !== expected.to) throw invalid('it is for another site')
  const objects: Uuid[] = []
  for (let next = 0; next + ID_OCTETS <= read.objects.length; next += ID_OCTETS) {
    objects.push(uuidOf(read.objects.subarray(next, next + ID_OCTETS)))
  }
  const parties = { from: siteId(from), to: siteId(to) }
  return { ...parties, erasure: uuid(erasure), at: epochMs(at), cause, objects, hash: sha256(body) }
}

/** By which a word names an order. */
export const orderHash = (octets: Uint8Array): Uint8Array => sha256(openFrame(octets).body)

export const signWord = (word: Word, by: DualSigner): Uint8Array =>
  signed(WORD, toCbor({ v: 1, ...word, passedOn: [...word.passedOn] }), by)

/** Reads a word. @throws ExchangeRefusal `ERASURE_INVALID` unless that site signed it */
export function readWord(octets: Uint8Array, by: DualVerifier): Word {
  const body = opened(WORD, octets, by)
  const read = reading(() => wordShape(fromDeterministicCbor(body, WORD_OCTETS_MAX)))
  const { erasure, from, site, order, items, at, passedOn } = read
  return {
    ...{ erasure: uuid(erasure), from: siteId(from), site: siteId(site), order, items },
    ...{ at: epochMs(at), passedOn: passedOn.map(siteId) },
  }
}

export const writeOrderAnswer = (answer: OrderAnswer): Uint8Array => toCbor({ v: 1, ...answer })

export function readOrderAnswer(octets: Uint8Array): OrderAnswer {
  const answer = answerDoor(octets)
  return answer.kind === 'done'
    ? { kind: 'done', word: answer.word }
    : { kind: 'waiting', sites: answer.sites }
}

function signed(label: string, body: Uint8Array, by: DualSigner): Uint8Array {
  const { mlDsa, ed25519 } = signDual(by, label, body)
  return toCbor({ body, mlDsa, ed25519 })
}

function opened(label: string, octets: Uint8Array, by: DualVerifier): Uint8Array {
  const { body, mlDsa, ed25519 } = reading(() => openFrame(octets))
  if (verifyDual(by, label, body, { mlDsa, ed25519 })) return body
  throw invalid('it is not signed')
}

function reading<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw invalid('it cannot be read', cause)
  }
}

export const invalid = (why: string, cause?: unknown): ExchangeRefusal =>
  new ExchangeRefusal('ERASURE_INVALID', `A message about an erasure is not accepted: ${why}`, {
    cause,
  })

const ORDER = 'photonward/erasure-order/v1'
const WORD = 'photonward/erasure-word/v1'
const ID_OCTETS = 16
const ORDER_OCTETS_MAX = TOMB_OBJECTS_MAX * ID_OCTETS + 1024
export const WORD_OCTETS_MAX = 16_384
/** Sites to which one site may have passed a record on. */
const SITES_MAX = 128
const v = Type.Literal(1)
const openFrame = cborDoor(
  Exactly({ body: Octets(1, ORDER_OCTETS_MAX), mlDsa: Octets(3309), ed25519: Octets(64) }),
  'message about an erasure',
  ORDER_OCTETS_MAX + 4096,
)
const orderShape = door(
  Exactly({
    v,
    erasure: UuidText,
    from: Text(63, 1),
    to: Text(63, 1),
    at: Whole(0),
    cause: OneOf(...ERASURE_CAUSES),
    objects: Octets(0, TOMB_OBJECTS_MAX * ID_OCTETS),
  }),
  'order of an erasure',
)
const wordShape = door(
  Exactly({
    v,
    erasure: UuidText,
    from: Text(63, 1),
    site: Text(63, 1),
    order: Octets(32),
    items: Whole(0),
    at: Whole(0),
    passedOn: Type.Array(Text(63, 1), { maxItems: SITES_MAX }),
  }),
  'word of an erasure',
)
const answerDoor = cborDoor(
  Type.Union([
    Exactly({ v, kind: Type.Literal('done'), word: Octets(1, WORD_OCTETS_MAX) }),
    Exactly({
      v,
      kind: Type.Literal('waiting'),
      sites: Type.Array(Text(63, 1), { maxItems: SITES_MAX }),
    }),
  ]),
  'answer to an order of an erasure',
  WORD_OCTETS_MAX + 1024,
)
