/**
 * What sites say to each other to relay a block, as deterministic CBOR, with its limits.
 *
 * All of it travels over the authenticated requests between sites. A *hop* goes from neighbour to
 * neighbour; the rest goes straight between the two ends.
 *
 * @module
 */

import {
  cborDoor,
  Exactly,
  KEY_SOURCES,
  keyId,
  linkId,
  Octets,
  OneOf,
  siteId,
  Text,
  toCbor,
  Type,
  uuid,
  UuidText,
  Whole,
  type CborValue,
  type KeyId,
  type KeySource,
  type LinkId,
  type SiteId,
  type Static,
} from '#base'
import type { SealedHop } from './hop.ts'
import { RelayRefusal } from './refusal.ts'
import { WRAP_OCTETS, type RelayedBlock } from './wrap.ts'

/** Octets of key in one block: 2,048 keys of 256 bits. */
export const BLOCK_OCTETS_MAX = 65_536
/** Shares of one block. */
export const SHARES_MAX = 8
/** Sites on one way, both ends included. */
export const WAY_SITES_MAX = 32

const BlockShape = Exactly({
  link: Text(63, 1),
  from: Text(63, 1),
  to: Text(63, 1),
  epoch: Whole(0),
  sequence: Whole(0),
  session: UuidText,
  shares: Whole(1, SHARES_MAX),
})
const PadNoteShape = Exactly({
  source: OneOf(...KEY_SOURCES),
  epsilon: Type.Number({ minimum: 0, maximum: 1 }),
  seenBy: Type.Array(Text(63, 1), { maxItems: 64 }),
})

/** What a relay says of the pad it took: where it came from, and who may know it. */
export interface PadNote {
  readonly source: KeySource
  readonly epsilon: number
  readonly seenBy: readonly SiteId[]
}

/** A share on its way: what its tag covers. */
export interface HopHeader {
  readonly block: RelayedBlock
  /** Which share, from 0. */
  readonly index: number
  /** All sites of the way, from end to end. */
  readonly way: readonly SiteId[]
  /** Where on the way the reader stands. */
  readonly at: number
  /** Of each pad so far, in the order of the way. */
  readonly trail: readonly PadNote[]
  /** The pad of this hop. */
  readonly pad: KeyId
}

/** A hop as it travels. */
export interface Hop extends HopHeader {
  readonly body: Uint8Array
  readonly tag: Uint8Array
}

/** What became of a share: it has arrived, or who refused it and why. */
export type HopAnswer =
  | { readonly kind: 'arrived' }
  | { readonly kind: 'failed'; readonly at: SiteId; readonly code: string }

/** The octets of a header, as they are hashed. */
export const headerOctets = ({ block, index, way, at, trail, pad }: HopHeader): Uint8Array =>
  toCbor({ block: { ...block }, index, way: [...way], at, trail: trail.map(padValue), pad })

/** The octets of a hop. @param header `headerOctets`, as its tag covers them */
export const hopOctets = (header: Uint8Array, { body, tag }: SealedHop): Uint8Array =>
  toCbor({ header, body, tag })

/** Reads a hop. @throws Refusal */
export function readHop(octets: Uint8Array): Hop {
  const { header, body, tag } = openHopMessage(octets)
  const { block, index, way, at, trail, pad } = openHeader(header)
  const sites = named(() => way.map(siteId))
  const isWay = new Set(sites).size === sites.length && at >= 1 && at < sites.length
  if (!isWay || index >= block.shares || trail.length !== at) {
    throw new RelayRefusal('RELAY_MESSAGE_INVALID', 'A hop has a way that is none')
  }
  const relayed = blockOf(block)
  if (relayed.from !== sites[0] || relayed.to !== sites[sites.length - 1]) {
    throw new RelayRefusal('RELAY_MESSAGE_INVALID', 'A hop goes another way than its block')
  }
  return {
    ...{ block: relayed, index, way: sites, at, body, tag },
    trail: trail.map(padNote),
    pad: named(() => keyId(pad)),
  }
}

/** The octets of an answer to a hop. */
export const hopAnswerOctets = (answer: HopAnswer): Uint8Array => toCbor({ ...answer })

/** Reads an answer to a hop. @throws Refusal */
export function readHopAnswer(octets: Uint8Array): HopAnswer {
  const answer = openHopAnswer(octets)
  return answer.kind === 'arrived' ? answer : { ...answer, at: named(() => siteId(answer.at)) }
}

/** How one share came: which way, what its pads were, and who may have held it. */
export interface ShareStory {
  readonly way: readonly SiteId[]
  readonly trail: readonly PadNote[]
}

/** The octets of what is noted of a block: how each of its shares came, in their order. */
export const storyOctets = (story: readonly ShareStory[]): Uint8Array =>
  toCbor({ shares: story.map(({ way, trail }) => ({ way: [...way], trail: trail.map(padValue) })) })

/** Reads `storyOctets`. @throws Refusal */
export const readStory = (octets: Uint8Array): readonly ShareStory[] =>
  openStory(octets).shares.map(({ way, trail }) => ({
    way: named(() => way.map(siteId)),
    trail: trail.map(padNote),
  }))

/** A block by its name alone. */
export const blockOctets = (block: RelayedBlock): Uint8Array => toCbor({ ...block })

/** Reads `blockOctets`. @throws Refusal */
export const readBlock = (octets: Uint8Array): RelayedBlock => blockOf(openBlock(octets))

/** What the two ends of a pair settle before blocks are relayed, and after a crash. */
export interface Opening {
  readonly link: LinkId
  /** The highest epoch of this end; in the answer, the one that begins. */
  readonly epoch: number
  /** Block report and high-water mark of the key store. */
  readonly blocks: Uint8Array
  readonly mark: Uint8Array
}

/** The octets of an opening. */
export const openingOctets = (opening: Opening): Uint8Array => toCbor({ ...opening })

/** Reads an opening. @throws Refusal */
export function readOpening(octets: Uint8Array): Opening {
  const opening = openOpening(octets)
  return { ...opening, link: named(() => linkId(opening.link)) }
}

function blockOf({ link, from, to, session, ...rest }: Static<typeof BlockShape>): RelayedBlock {
  return named(() => ({
    ...rest,
    link: linkId(link),
    from: siteId(from),
    to: siteId(to),
    session: uuid(session),
  }))
}

const padValue = ({ source, epsilon, seenBy }: PadNote): CborValue => ({
  source,
  epsilon,
  seenBy: [...seenBy],
})

const padNote = ({ source, epsilon, seenBy }: Static<typeof PadNoteShape>): PadNote => ({
  source,
  epsilon,
  seenBy: named(() => seenBy.map(siteId)),
})

/** Names as their checks take them; what they throw is the message's fault. */
function named<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw new RelayRefusal('RELAY_MESSAGE_INVALID', 'A relay message names what cannot be', {
      cause,
    })
  }
}

const HEADER_OCTETS_MAX = 65_536
const REPORT_OCTETS_MAX = 65_536
const Way = Type.Array(Text(63, 1), { minItems: 2, maxItems: WAY_SITES_MAX })
const Trail = Type.Array(PadNoteShape, { minItems: 1, maxItems: WAY_SITES_MAX })

const openHopMessage = cborDoor(
  Exactly({
    header: Octets(1, HEADER_OCTETS_MAX),
    body: Octets(WRAP_OCTETS + 1, BLOCK_OCTETS_MAX + WRAP_OCTETS),
    tag: Octets(16),
  }),
  'hop of a relay',
  HEADER_OCTETS_MAX + BLOCK_OCTETS_MAX + 1024,
)
const openHeader = cborDoor(
  Exactly({
    block: BlockShape,
    index: Whole(0, SHARES_MAX - 1),
    way: Way,
    at: Whole(1, WAY_SITES_MAX - 1),
    trail: Trail,
    pad: UuidText,
  }),
  'header of a hop',
  HEADER_OCTETS_MAX,
)
const openHopAnswer = cborDoor(
  Type.Union([
    Exactly({ kind: Type.Literal('arrived') }),
    Exactly({ kind: Type.Literal('failed'), at: Text(63, 1), code: Text(64, 1) }),
  ]),
  'answer to a hop',
  1024,
)
const openStory = cborDoor(
  Exactly({
    shares: Type.Array(Exactly({ way: Way, trail: Trail }), { minItems: 1, maxItems: SHARES_MAX }),
  }),
  'story of a relayed block',
  SHARES_MAX * HEADER_OCTETS_MAX,
)
const openBlock = cborDoor(BlockShape, 'name of a relayed block', 2048)
const openOpening = cborDoor(
  Exactly({
    link: Text(63, 1),
    epoch: Whole(0),
    blocks: Octets(0, REPORT_OCTETS_MAX),
    mark: Octets(1, 4096),
  }),
  'opening of a relay',
  REPORT_OCTETS_MAX + 8192,
)
