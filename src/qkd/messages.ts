/**
 * What the two ends of a link say to each other: one deterministic CBOR map for each message.
 *
 * `n` counts the messages of one direction of a session from 0; a gap, a repetition or a reordering
 * shows at once. `k` is the kind. Every kind has a shape and a size limit; whatever does not fit is
 * refused before anything acts on it. Who may say what, and when, is decided by the engines.
 *
 * @module
 */

import {
  CborRefusal,
  door,
  Exactly,
  fromCborInPlace,
  Octets,
  OneOf,
  ShapeRefusal,
  Text,
  toCbor,
  Type,
  Whole,
  type CborValue,
  type Static,
} from '#base'
import { LDPC_FRAME_BITS_MAX } from './ldpc/plan.ts'
import { QkdRefusal } from './refusal.ts'
import { DETECTIONS_MAX } from './sifting.ts'

/** Octets that one message may have; the host's transport must carry them. */
export const MESSAGE_OCTETS_MAX = 24 * 2 ** 20

/** Strips of one block worked on at once: bounds what a long block holds in memory. */
export const STRIPS_IN_FLIGHT_MAX = 16

/** Version of this protocol; ends of different versions refuse each other. */
export const PROTOCOL_VERSION = 3

const Counter = Whole(0, 2 ** 40)
const Block = { block: Counter }
const Packed = Octets(0, DETECTIONS_MAX / 8)
const TagFields = { source: Text(80, 1), pad: Whole(0, 2 ** 20), tag: Octets(16) }
const StripPart = (octetsMax: number) =>
  Type.Array(Exactly({ strip: Whole(0, 1023), octets: Octets(0, octetsMax) }), {
    minItems: 1,
    maxItems: STRIPS_IN_FLIGHT_MAX,
  })
const LdpcFrame = Whole(0, 1024)

/** The shape of each kind of message, without `n` and `k`. */
const SHAPES = {
  /** First message of each end. */
  hello: {
    version: Whole(0, 65_535),
    parameters: Octets(32),
    from: Text(63, 1),
    role: OneOf('transmitter', 'receiver'),
    nonce: Octets(16),
    epoch: Counter,
    sources: Type.Array(Exactly({ id: Text(80, 1), next: Whole(0, 2 ** 20) }), { maxItems: 64 }),
  },
  /** A tag over everything said in a phase; in the session phase `block` is 0. */
  tag: {
    ...Block,
    phase: OneOf('session', 'sifting', 'reconciliation', 'estimation', 'amplification', 'storage'),
    ...TagFields,
  },
  /** R → T: what was detected in a batch. */
  detections: {
    batch: Counter,
    slotCount: Whole(1, 2 ** 32 - 1),
    simulated: Type.Boolean(),
    count: Whole(0, DETECTIONS_MAX),
    gapWidth: Whole(1, 4),
    gaps: Octets(0, 8 * DETECTIONS_MAX),
    bases: Packed,
    testBits: Packed,
    /** On a link with a CHSH test. */
    tested: Type.Optional(Packed),
    testedBits: Type.Optional(Packed),
  },
  /** T → R: which detections match, and the intensities told. The batch belongs to `block`. */
  sifted: {
    ...Block,
    batch: Counter,
    matches: Packed,
    intensityLow: Packed,
    intensityHigh: Packed,
    testBits: Packed,
    /** On a link with a CHSH test. */
    seen: Type.Optional(Packed),
    seenBases: Type.Optional(Packed),
    seenBits: Type.Optional(Packed),
  },
  /** T → R: the device no longer knows the choices of this batch; both ends forget it. */
  unsifted: { batch: Counter },
  /** T → R: how the block is coded, before the first syndrome, where errors are corrected one way. */
  code: {
    ...Block,
    frames: LdpcFrame,
    frameBits: Whole(32, LDPC_FRAME_BITS_MAX),
    checks: Whole(1, LDPC_FRAME_BITS_MAX),
  },
  /** T → R: the syndrome of the next frame. */
  syndrome: { ...Block, frame: LdpcFrame, octets: Octets(1, LDPC_FRAME_BITS_MAX / 8) },
  /** R → T: frames that no word was found for; Cascade corrects them. */
  undecoded: { ...Block, frames: Type.Array(LdpcFrame, { minItems: 1, maxItems: 1024 }) },
  /** R → T: how the block, or what is left of it, is cut, before its first question. */
  plan: {
    ...Block,
    frames: Whole(1, 32 * 1024),
    frameBits: Whole(32, 65_536),
    blockBits: Type.Array(Whole(2, 65_536), { minItems: 1, maxItems: 32 }),
    keptPasses: Whole(1, 8),
  },
  /** R → T: questions of all strips of frames in work that have one. */
  question: { ...Block, strips: StripPart(2 ** 22) },
  /** T → R: the answers, in the same order; none to a last question. */
  parities: { ...Block, strips: StripPart(2 ** 20) },
  /** R → T: all strips are done. */
  corrected: { ...Block },
  /** T → R: hash of its block under a fresh key. */
  hash: { ...Block, key: Octets(16), hash: Octets(1, 16) },
  /** R → T: whether the hash fits its own block. */
  verdict: { ...Block, equal: Type.Boolean() },
  /** T → R: hashes of all frames under a fresh key, after a verdict that they differ. */
  frameHashes: { ...Block, key: Octets(16), hashes: Octets(4, 4 * 32 * 1024) },
  /** R → T: frames that differ. */
  disclose: { ...Block, frames: Type.Array(Whole(0, 32 * 1024), { minItems: 1, maxItems: 64 }) },
  /** T → R: these frames in clear, one after another. */
  disclosed: { ...Block, octets: Octets(1, 64 * 8192) },
  /** R → T: errors of each intensity in the key basis, what leaked, and its ℓ. */
  errors: {
    ...Block,
    errors: Type.Array(Whole(0, 2 ** 26), { minItems: 1, maxItems: 3 }),
    leakBits: Whole(0, 2 ** 32),
    verificationBits: Whole(0, 2 ** 32),
    secretBits: Whole(0, 2 ** 26),
  },
  /** T → R: its ℓ. */
  length: { ...Block, secretBits: Whole(0, 2 ** 26) },
  /** T → R: the seed of privacy amplification. */
  seed: { ...Block, octets: Octets(1, MESSAGE_OCTETS_MAX - 1024) },
  /** Both: the block is durably stored and not yet usable. */
  stored: { ...Block },
  /** Both: the block is void. Without a tag where no pad is left, or none is worth it. */
  abort: { ...Block, cause: Text(40, 1), proof: Type.Optional(Exactly(TagFields)) },
} as const

type Shapes = typeof SHAPES
/** The kinds of messages there are. */
export type MessageKind = keyof Shapes

/** One message without its number: `{ kind: 'question', block, strips }`. */
export type Message = {
  [K in MessageKind]: { readonly kind: K } & Readonly<
    Static<ReturnType<typeof Type.Object<Shapes[K]>>>
  >
}[MessageKind]

/** Messages of some kinds. */
export type MessageOf<K extends MessageKind> = Extract<Message, { readonly kind: K }>

/** Messages that the post-processing of a block consists of, but for tags, storage and aborts. */
export type WorkMessage = MessageOf<
  | 'code'
  | 'syndrome'
  | 'undecoded'
  | 'plan'
  | 'question'
  | 'parities'
  | 'corrected'
  | 'hash'
  | 'verdict'
  | 'frameHashes'
  | 'disclose'
  | 'disclosed'
  | 'errors'
  | 'length'
  | 'seed'
>

/** The octets of a message. */
export function encodeMessage(number: number, { kind, ...body }: Message): Uint8Array {
  return toCbor({ n: number, k: kind, ...(body as { readonly [key: string]: CborValue }) })
}

/**
 * Reads a message; its byte strings share memory with `octets`.
 *
 * @throws QkdRefusal `MESSAGE_TOO_LARGE`, `MESSAGE_INVALID`
 */
export function decodeMessage(octets: Uint8Array): { number: number; message: Message } {
  try {
    const head = openHead(fromCborInPlace(octets, MESSAGE_OCTETS_MAX))
    const { n, k, ...body } = head
    if (!isKind(k)) throw new QkdRefusal('MESSAGE_INVALID', 'Expected a known kind of message')
    doors[k](body)
    // The door of its kind has checked the body.
    return { number: n, message: { kind: k, ...body } as Message }
  } catch (cause) {
    if (cause instanceof QkdRefusal) throw cause
    if (cause instanceof CborRefusal && cause.code === 'CBOR_TOO_LARGE') {
      const limit = `Expected a message of at most ${MESSAGE_OCTETS_MAX} octets`
      throw new QkdRefusal('MESSAGE_TOO_LARGE', limit, { cause })
    }
    if (cause instanceof CborRefusal || cause instanceof ShapeRefusal) {
      throw new QkdRefusal('MESSAGE_INVALID', 'Expected a message of this protocol', { cause })
    }
    throw cause
  }
}

const openHead = door(Type.Object({ n: Counter, k: Text(16, 1) }), 'message') as (
  value: unknown,
) => Readonly<Record<string, unknown>> & { readonly n: number; readonly k: string }

/** All kinds of messages. */
export const MESSAGE_KINDS = Object.keys(SHAPES) as readonly MessageKind[]

const isKind = (kind: string): kind is MessageKind => Object.hasOwn(SHAPES, kind)

const doors = Object.fromEntries(
  Object.entries(SHAPES).map(([kind, shape]) => [kind, door(Exactly(shape), kind)]),
) as Readonly<Record<MessageKind, (value: unknown) => unknown>>
