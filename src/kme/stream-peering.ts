/**
 * What two KMEs say to each other about a key stream, as deterministic CBOR.
 *
 * The KME that does not keep a stream asks the one that does; see `stream-keeper.ts`. No message
 * holds key bits. The messages rest on an authenticated connection between the two sites.
 *
 * @module
 */

import {
  cborDoor,
  Exactly,
  keyId,
  saeId,
  Text,
  toCbor,
  Type,
  uuid,
  UuidText,
  Whole,
  type KeyId,
  type SaeId,
  type Uuid,
} from '#base'
import type { Qos, StreamStatus } from './etsi-004.ts'

/** Who asks about which stream. */
export interface StreamEnd {
  readonly stream: Uuid
  /** The application that called its own KME. */
  readonly caller: SaeId
}

/** A question about a stream that the other KME keeps. */
export type StreamQuestion =
  | (StreamEnd & {
      readonly kind: 'open'
      readonly other: SaeId
      readonly qos: Qos
    })
  | (StreamEnd & { readonly kind: 'get'; readonly index: number })
  | (StreamEnd & { readonly kind: 'close' })

/** What the KME that keeps the stream says. */
export interface StreamWord {
  readonly status: StreamStatus
  /** Of an opened stream, or what could be had. */
  readonly qos?: Qos
  /** Of a chunk: its key, and the octets of what is to be said of it. */
  readonly chunk?: { readonly keyId: KeyId; readonly metadataOctets: number }
}

/** The octets of a question. */
export const questionOctets = (question: StreamQuestion): Uint8Array => {
  const base = { v: 1, kind: question.kind, stream: question.stream, caller: question.caller }
  switch (question.kind) {
    case 'open':
      return toCbor({ ...base, other: question.other, qos: { ...question.qos } })
    case 'get':
      return toCbor({ ...base, index: question.index })
    case 'close':
      return toCbor(base)
  }
}

/** Reads a question. @throws Refusal, or RangeError for a name */
export function readQuestion(octets: Uint8Array): StreamQuestion {
  const asked = openQuestion(octets)
  const end = { stream: uuid(asked.stream), caller: saeId(asked.caller) }
  switch (asked.kind) {
    case 'open':
      return { ...end, kind: 'open', other: saeId(asked.other), qos: asked.qos }
    case 'get':
      return { ...end, kind: 'get', index: asked.index }
    case 'close':
      return { ...end, kind: 'close' }
  }
}

/** The octets of a word. */
export const wordOctets = ({ status, qos, chunk }: StreamWord): Uint8Array =>
  toCbor({
    v: 1,
    status,
    ...(qos === undefined ? {} : { qos: { ...qos } }),
    ...(chunk === undefined ? {} : { chunk: { ...chunk } }),
  })

/** Reads a word. @throws Refusal */
export function readWord(octets: Uint8Array): StreamWord {
  const { status, qos, chunk } = openWord(octets)
  return {
    status: status as StreamStatus,
    ...(qos === undefined ? {} : { qos }),
    ...(chunk === undefined ? {} : { chunk: { ...chunk, keyId: keyId(chunk.keyId) } }),
  }
}

const Word = Whole(0, 2 ** 32 - 1)
const QosShape = Exactly({
  chunkOctets: Word,
  maxBps: Word,
  minBps: Word,
  jitterBps: Word,
  priority: Word,
  timeoutMs: Word,
  lifeS: Word,
  mimetype: Text(256),
})
const End = { v: Type.Literal(1), stream: UuidText, caller: Text(64, 1) }
const QuestionShape = Type.Union([
  Exactly({ ...End, kind: Type.Literal('open'), other: Text(64, 1), qos: QosShape }),
  Exactly({ ...End, kind: Type.Literal('get'), index: Word }),
  Exactly({ ...End, kind: Type.Literal('close') }),
])
const WordShape = Exactly({
  v: Type.Literal(1),
  status: Whole(0, 8),
  qos: Type.Optional(QosShape),
  chunk: Type.Optional(Exactly({ keyId: UuidText, metadataOctets: Word })),
})

/** Octets of one message about a stream. */
const STREAM_MESSAGE_OCTETS_MAX = 4096
const openQuestion = cborDoor(
  QuestionShape,
  'question of a KME about a stream',
  STREAM_MESSAGE_OCTETS_MAX,
)
const openWord = cborDoor(WordShape, 'answer of a KME about a stream', STREAM_MESSAGE_OCTETS_MAX)
