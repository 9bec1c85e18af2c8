/**
 * Where a key comes from: what may be said of it, and nothing more.
 *
 * A block has one provenance, noted by both ends when it is stored; its digest travels with every
 * activation, so two ends that tell different stories never share a key. A key carries one part for
 * each block (and, once relayed, each share) that went into it: combining keeps all parts, and
 * their ε adds. `provenanceOctets` is what goes into the context of a key derivation.
 *
 * This is a statement by the ends of the link, not a proof: nobody can tell from key bits how they
 * were made, and a vendor's KME attests nothing.
 *
 * @module
 */

import {
  assert,
  Exactly,
  fromCbor,
  KEY_SOURCES,
  linkId,
  OneOf,
  siteId,
  Text,
  toCbor,
  Type,
  weakestSource,
  Whole,
  door,
  type CborValue,
  type KeySource,
  type LinkId,
  type SiteId,
  type Static,
} from '#base'
import { sha256 } from '#crypto'

const OriginShape = Exactly({
  source: OneOf(...KEY_SOURCES),
  /** What drew the raw bits and bases. `unattested`: the vendor does not say. */
  randomness: OneOf('quantum', 'operating-system', 'simulated', 'unattested'),
  /**
   * What authenticated the classical channel while the block was made. `wegman-carter-from-…`: tags
   * under pads that both ends signed for when the session began (ML-DSA and Ed25519), or that
   * earlier blocks of the link had set aside, or that a courier had brought. `ml-dsa` is what older
   * blocks say of the first two. `relay-wrap`: an authenticated encryption from end to end, by a
   * signed hybrid session.
   */
  authentication: OneOf(
    'wegman-carter-from-signatures',
    'wegman-carter-from-reserve',
    'wegman-carter-from-pre-shared-key',
    'ml-dsa',
    'pre-shared',
    'vendor',
    'courier',
    'relay-wrap',
  ),
  /** What must hold of the devices, each a short term: `decoy-bb84`, `detectors-characterised`. */
  assumptions: Type.Array(Text(64, 1), { maxItems: 16 }),
  /** Probability that the bits are not an ideal key: of secrecy, correctness and forged tags. */
  epsilon: Type.Number({ minimum: 0, maximum: 1 }),
  /**
   * Every party that has held these bits in clear, rising, no repeats: both ends, and the process
   * of a simulated fibre.
   */
  seenBy: Type.Array(Text(63, 1), { maxItems: 64 }),
  /**
   * Of relayed bits, which are the exclusive or of all shares: how each share came. Every party in
   * `heldBy` has held it, wrapped from end to end; whoever held all has only the wrap before it.
   */
  shares: Type.Optional(
    Type.Array(
      Exactly({
        way: Type.Array(Text(63, 1), { minItems: 2, maxItems: 32 }),
        heldBy: Type.Array(Text(63, 1), { maxItems: 256 }),
        source: OneOf(...KEY_SOURCES),
        epsilon: Type.Number({ minimum: 0, maximum: 1 }),
      }),
      { minItems: 1, maxItems: 8 },
    ),
  ),
})
/** What is said of all bits of a block. Both ends must say the same. */
export type Origin = Static<typeof OriginShape>
type Share = NonNullable<Origin['shares']>[number]

const openOrigin = door(OriginShape, 'provenance of a block')

/** Part of a key: where some of its octets come from. */
export interface ProvenancePart extends Origin {
  readonly link: LinkId
  readonly epoch: number
  readonly sequence: number
  /** The end whose half it comes from, hence who may give it out, and who is to receive it. */
  readonly from: SiteId
  readonly to: SiteId
  /** First octet in that half, and how many. */
  readonly offset: number
  readonly octets: number
}

/** Where a key comes from, part by part. */
export interface Provenance {
  readonly parts: readonly ProvenancePart[]
}

/** What a person or a policy wants to know of a provenance. */
export interface ProvenanceSummary {
  /** The weakest source of any part. */
  readonly source: KeySource
  /** Sum over all blocks that went in; at most 1. */
  readonly epsilon: number
  readonly seenBy: readonly SiteId[]
  /**
   * Who, besides, has held every share of some relayed part: they lack nothing but the wrap. Empty
   * where no part was relayed, or its ways had nobody in common.
   */
  readonly heldWrappedBy: readonly SiteId[]
  /** What authenticated the blocks that went in, each once. */
  readonly authentication: readonly Origin['authentication'][]
  readonly links: readonly LinkId[]
}

/** An origin, checked and brought into one form. @throws ShapeRefusal, or RangeError for a name */
export function originOf(value: unknown): Origin {
  const origin = openOrigin(value)
  return {
    ...origin,
    assumptions: [...new Set(origin.assumptions)].toSorted(),
    seenBy: [...new Set(origin.seenBy.map(siteId))].toSorted(),
    ...(origin.shares === undefined ? {} : { shares: origin.shares.map(shareOf) }),
  }
}

const shareOf = ({ way, heldBy, ...rest }: Share): Share => ({
  ...rest,
  way: way.map(siteId),
  heldBy: [...new Set(heldBy.map(siteId))].toSorted(),
})

/** Who has held every one of these shares. */
const heldAll = ([first, ...others]: readonly Share[]): readonly SiteId[] =>
  first.heldBy.map(siteId).filter((one) => others.every(({ heldBy }) => heldBy.includes(one)))

/** Deterministic octets of an origin: stored beside a block and compared by the ends. */
export const originOctets = (origin: Origin): Uint8Array => toCbor({ v: 1, origin })

/** Reads `originOctets`. @throws Refusal or RangeError if they say anything else */
export const readOrigin = (octets: Uint8Array): Origin =>
  originOf(openStored(fromCbor(octets, ORIGIN_OCTETS_MAX)).origin)

/** What two ends compare without telling anything about key bits: SHA-256 of the octets. */
export const originDigest = (origin: Origin): Uint8Array => sha256(originOctets(origin))

/** An origin as it is noted of a block. */
export interface NotedOrigin {
  readonly origin: Origin
  readonly octets: Uint8Array
  readonly digest: Uint8Array
}

/**
 * What is noted of an origin. All blocks of a link may come with the same one: it is checked and
 * encoded once, so whoever hands it over leaves it as it is.
 *
 * @throws as `originOf`
 */
export function notedOrigin(value: Origin): NotedOrigin {
  const known = NOTED.get(value)
  if (known !== undefined) return known
  const origin = originOf(value)
  const octets = originOctets(origin)
  const noted = { origin, octets, digest: sha256(octets) }
  NOTED.set(value, noted)
  return noted
}

/** The provenance of a key made from several: every part of each is kept. */
export const combined = (...all: readonly Provenance[]): Provenance => ({
  parts: all.flatMap(({ parts }) => parts),
})

/** The weakest source, the sum of ε over distinct blocks, and everyone who saw a part. */
export function summary({ parts }: Provenance): ProvenanceSummary {
  const blocks = new Map(parts.map((part) => [placeOf(part), part.epsilon]))
  const epsilon = [...blocks.values()].reduce((sum, one) => sum + one, 0)
  const weakest = weakestSource(parts.map((part) => part.source))
  assert(weakest !== undefined, 'a key comes from somewhere')
  const seenBy = [...new Set(parts.flatMap((part) => part.seenBy.map(siteId)))].toSorted()
  const holders = parts.flatMap(({ shares = [] }) => (shares.length > 0 ? heldAll(shares) : []))
  return {
    source: weakest,
    epsilon: Math.min(1, epsilon),
    seenBy,
    heldWrappedBy: [...new Set(holders)].filter((one) => !seenBy.includes(one)).toSorted(),
    authentication: [...new Set(parts.map((part) => part.authentication))].toSorted(),
    links: [...new Set(parts.map(({ link }) => link))].toSorted(),
  }
}

/** One line for people: `simulated, ε 1.0e-9, seen by bristol and cambridge`. */
export function summaryText(provenance: Provenance): string {
  const { source, epsilon, seenBy } = summary(provenance)
  return `${source}, ε ${epsilon.toExponential(1)}, seen by ${seenBy.join(' and ')}`
}

/** Deterministic octets of a provenance, for the context of a key derivation. */
export const provenanceOctets = ({ parts }: Provenance): Uint8Array =>
  toCbor({ v: 1, parts: parts.map((part): CborValue => ({ ...part })) })

/** Reads `provenanceOctets`. @throws Refusal or RangeError if they say anything else */
export function readProvenance(octets: Uint8Array): Provenance {
  const { parts } = openProvenance(fromCbor(octets, PROVENANCE_OCTETS_MAX))
  return {
    parts: parts.map(({ link, from, to, epoch, sequence, offset, octets: size, ...origin }) => ({
      ...originOf(origin),
      link: linkId(link),
      from: siteId(from),
      to: siteId(to),
      epoch,
      sequence,
      offset,
      octets: size,
    })),
  }
}

const placeOf = ({ link, epoch, sequence }: ProvenancePart): string =>
  `${link}/${epoch}/${sequence}`

const ORIGIN_OCTETS_MAX = 131_072
const PROVENANCE_OCTETS_MAX = 2 ** 20

const openStored = door(
  Exactly({ v: Type.Literal(1), origin: OriginShape }),
  'stored provenance of a block',
)
const openProvenance = door(
  Exactly({
    v: Type.Literal(1),
    parts: Type.Array(
      Type.Composite(
        [
          OriginShape,
          Exactly({
            link: Text(63, 1),
            from: Text(63, 1),
            to: Text(63, 1),
            epoch: Whole(0),
            sequence: Whole(0),
            offset: Whole(0),
            octets: Whole(1),
          }),
        ],
        { additionalProperties: false },
      ),
      { maxItems: 1024 },
    ),
  }),
  'provenance of a key',
)

const NOTED = new WeakMap<Origin, NotedOrigin>()
