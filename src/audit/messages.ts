/**
 * What sites say to each other as log and witness, as deterministic CBOR.
 *
 * `site` moves these octets over its connections; each comes in through one of the doors here. They
 * carry the same things as the HTTP calls of C2SP tlog-witness, whose status codes are the reasons.
 *
 * @see C2SP tlog-witness (add-checkpoint)
 * @module
 */

import { cborDoor, Exactly, Octets, OneOf, Text, toCbor, Type, Whole, type Static } from '#base'
import { NOTE_OCTETS_MAX } from './note.ts'

/** A log asks a witness to cosign its checkpoint. */
export interface CosignRequest {
  /** The size that the witness is believed to have seen last; 0 if none. */
  readonly oldSize: number
  /** RFC 9162 §2.1.4.1, from `oldSize` to the checkpoint; empty from 0 and between equal sizes. */
  readonly proof: readonly Uint8Array[]
  /** The signed note of the checkpoint. */
  readonly note: Uint8Array
}

export type CosignRefusal =
  /** No log of this origin is known here (404). */
  | 'origin-unknown'
  /** The note is not a checkpoint signed with both keys of its log (400, 403). */
  | 'checkpoint-invalid'
  /** `oldSize` is not what was last seen; `heldSize` is (409). */
  | 'size-other'
  /** Signed before what was last seen: it comes late, and says nothing of the log (409). */
  | 'checkpoint-late'
  /** Fewer entries than what was last seen, and signed after it: the log lost some (409). */
  | 'size-behind'
  /** The proof does not lead from what was last seen to the checkpoint (422). Suspect a fork. */
  | 'proof-invalid'
  /** Signed with the same size and another root than what was last seen: the log lies (409). */
  | 'fork'

/** What the witness answers. */
export type CosignReply =
  | { readonly outcome: 'cosigned'; readonly size: number; readonly lines: string }
  | { readonly outcome: 'refused'; readonly reason: CosignRefusal; readonly heldSize: number }

/** A log asks a witness what it has last seen of it. */
export interface SeenRequest {
  readonly origin: string
}

/** What the witness has last seen: the log's own checkpoint, which only the log can have signed. */
export interface SeenReply {
  readonly note: Uint8Array | null
}

export const writeCosignRequest = ({ oldSize, proof, note }: CosignRequest): Uint8Array =>
  toCbor({ v: 1, oldSize, proof, note })

export const writeCosignReply = (reply: CosignReply): Uint8Array => toCbor({ v: 1, ...reply })

export const writeSeenRequest = ({ origin }: SeenRequest): Uint8Array => toCbor({ v: 1, origin })

export const writeSeenReply = ({ note }: SeenReply): Uint8Array => toCbor({ v: 1, note })

/** @throws Refusal of `#base` for anything that is not such a message; likewise below */
export const readCosignRequest = (octets: Uint8Array): CosignRequest => {
  const { oldSize, proof, note } = openCosignRequest(octets)
  return { oldSize, proof, note }
}

export const readCosignReply = (octets: Uint8Array): CosignReply => {
  const reply = openCosignReply(octets)
  return reply.outcome === 'cosigned'
    ? { outcome: reply.outcome, size: reply.size, lines: reply.lines }
    : { outcome: reply.outcome, reason: reply.reason, heldSize: reply.heldSize }
}

export const readSeenRequest = (octets: Uint8Array): SeenRequest => {
  const { origin } = openSeenRequest(octets)
  return { origin }
}

export const readSeenReply = (octets: Uint8Array): SeenReply => {
  const { note } = openSeenReply(octets)
  return { note }
}

/** Octets of one message between log and witness. */
export const WITNESS_MESSAGE_OCTETS_MAX = NOTE_OCTETS_MAX + 4096
/** C2SP tlog-witness: a client must not send more than 63 hashes. */
const PROOF_HASHES_MAX = 63
const LINES_CHARACTERS_MAX = 8192

const version = Type.Literal(1)
const Note = Octets(1, NOTE_OCTETS_MAX)
const Refused = Exactly({
  v: version,
  outcome: Type.Literal('refused'),
  reason: OneOf(
    'origin-unknown',
    'checkpoint-invalid',
    'size-other',
    'checkpoint-late',
    'size-behind',
    'proof-invalid',
    'fork',
  ),
  heldSize: Whole(0),
})
const Cosigned = Exactly({
  v: version,
  outcome: Type.Literal('cosigned'),
  size: Whole(1),
  lines: Text(LINES_CHARACTERS_MAX, 1),
})

const openCosignRequest = cborDoor(
  Exactly({
    v: version,
    oldSize: Whole(0),
    proof: Type.Array(Octets(32), { maxItems: PROOF_HASHES_MAX }),
    note: Note,
  }),
  'request for a cosignature',
  WITNESS_MESSAGE_OCTETS_MAX,
)
const openCosignReply = cborDoor(
  Type.Union([Cosigned, Refused]),
  'answer of a witness',
  WITNESS_MESSAGE_OCTETS_MAX,
)
const openSeenRequest = cborDoor(
  Exactly({ v: version, origin: Text(255, 1) }),
  'question to a witness',
  1024,
)
const openSeenReply = cborDoor(
  Exactly({ v: version, note: Type.Union([Note, Type.Null()]) }),
  'answer of a witness',
  WITNESS_MESSAGE_OCTETS_MAX,
)

/** So that the two descriptions of an answer cannot drift apart. */
export type CosignReplyShape = Static<typeof Cosigned> | Static<typeof Refused>
