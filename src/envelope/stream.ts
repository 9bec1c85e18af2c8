/**
 * Seals and opens containers of any size while they pass, in flat memory.
 *
 * What `openStream` has given out is authentic and in its place, but the end may still turn out to
 * be cut off: a reader keeps what it got only when the stream has ended without a refusal.
 *
 * @module
 */

import { assert } from '#base'
import { Sha256 } from '#crypto'
import {
  CHUNK_OCTETS,
  CHUNK_SEALED_OCTETS,
  ChunkCipher,
  chunkCount,
  committedCipher,
  PREFIX_OCTETS,
} from './cobblestone.ts'
import {
  BEGINNING_OCTETS_MAX,
  hashedBeginning,
  parsePreamble,
  withDataKey,
  type Opener,
} from './container.ts'
import { encodeHeader, expectHeader, type ContainerHeader } from './header.ts'
import { Intake, type Pieces } from './intake.ts'
import { containerRefused, EnvelopeRefusal } from './refusal.ts'
import { beginContainer, type SealFor } from './seal.ts'

/** Hears the `containerHash` once the last octet has passed. */
export type NoteHash = (hash: Uint8Array) => void

export interface SealStreamInput extends SealFor {
  /** With the length, which has to be known before the first octet. */
  readonly header: ContainerHeader
  /** The plaintext, in pieces of any size. */
  readonly source: Pieces
  readonly noteHash?: NoteHash
}

/**
 * Seals a plaintext as it comes; gives the container in pieces of at most 1 MiB or so.
 *
 * @throws EnvelopeRefusal `LENGTH_DIFFERS` when the source has more or less than the header says;
 *   what was given out until then is no container
 */
export async function* sealStream(input: SealStreamInput): AsyncGenerator<Uint8Array> {
  const { header, source, noteHash } = input
  const headerOctets = encodeHeader(header)
  const { preamble, headerHash, salt } = beginContainer(headerOctets, input)
  const hash = noteHash === undefined ? undefined : new Sha256()
  for (const part of hashedBeginning(headerOctets)) hash?.update(part)
  using cipher = new ChunkCipher(input.dataKey.reveal(), salt, headerHash)
  yield preamble
  const prefix = Uint8Array.of(...salt, ...cipher.commitment)
  hash?.update(prefix)
  yield prefix
  await using intake = new Intake(source)
  const chunks = chunkCount(header.length)
  for (let number = 0; number < chunks; number += BATCH_CHUNKS) {
    const left = header.length - number * CHUNK_OCTETS
    const plaintext = await intake.take(Math.min(left, BATCH_CHUNKS * CHUNK_OCTETS))
    if (plaintext === undefined) throw lengthDiffers(header.length)
    const count = Math.min(BATCH_CHUNKS, chunks - number)
    const sealed = sealBatch(cipher, plaintext, { first: number, count })
    hash?.update(sealed)
    yield sealed
  }
  if (!(await intake.ended())) throw lengthDiffers(header.length)
  if (hash !== undefined) noteHash?.(hash.digest())
}

export interface OpenStreamInput {
  /** The container, in pieces of any size. */
  readonly source: Pieces
  readonly by: Opener
  readonly expected: Partial<ContainerHeader>
  /** Hears the header, once it is known to be what the data key was sealed with. */
  readonly noteHeader?: (header: ContainerHeader) => void
  readonly noteHash?: NoteHash
}

/**
 * Opens a container as it comes; gives the plaintext in pieces of at most 1 MiB.
 *
 * @throws EnvelopeRefusal `CONTAINER_REFUSED`, and then nothing given out before may be used
 */
export async function* openStream(input: OpenStreamInput): AsyncGenerator<Uint8Array> {
  const { source, noteHash } = input
  await using intake = new Intake(source)
  const preamble = parsePreamble(await intake.peek(BEGINNING_OCTETS_MAX))
  const { header, headerOctets, headerHash, payloadAt } = preamble
  expectHeader(header, input.expected)
  await intake.take(payloadAt)
  const prefix = await intake.take(PREFIX_OCTETS)
  if (prefix === undefined) throw containerRefused()
  using cipher = withDataKey(preamble, input.by, (key) => committedCipher(key, headerHash, prefix))
  input.noteHeader?.(header)
  const hash = noteHash === undefined ? undefined : new Sha256()
  for (const part of [...hashedBeginning(headerOctets), prefix]) hash?.update(part)
  const chunks = chunkCount(header.length)
  for (let number = 0; number < chunks; number += BATCH_CHUNKS) {
    const count = Math.min(BATCH_CHUNKS, chunks - number)
    const length = Math.min(header.length - number * CHUNK_OCTETS, count * CHUNK_OCTETS)
    const sealed = await intake.take(length + count * TAG)
    if (sealed === undefined) throw containerRefused()
    hash?.update(sealed)
    const plaintext = openBatch(cipher, sealed, { first: number, count })
    if (number + count === chunks && !(await intake.ended())) throw containerRefused()
    if (plaintext.length > 0) yield plaintext
  }
  if (hash !== undefined) noteHash?.(hash.digest())
}

interface Batch {
  readonly first: number
  readonly count: number
}

function sealBatch(
  cipher: ChunkCipher,
  plaintext: Uint8Array,
  { first, count }: Batch,
): Uint8Array {
  const sealed = new Uint8Array(plaintext.length + count * TAG)
  let at = 0
  for (let index = 0; index < count; index++) {
    const from = index * CHUNK_OCTETS
    const chunk = plaintext.subarray(from, from + CHUNK_OCTETS)
    at += cipher.seal(first + index, chunk, sealed.subarray(at))
  }
  assert(at === sealed.length, 'a batch has exactly its chunks')
  return sealed
}

function openBatch(cipher: ChunkCipher, sealed: Uint8Array, { first, count }: Batch): Uint8Array {
  const plaintext = new Uint8Array(sealed.length - count * TAG)
  try {
    for (let index = 0; index < count; index++) {
      const from = index * CHUNK_SEALED_OCTETS
      const chunk = sealed.subarray(from, from + CHUNK_SEALED_OCTETS)
      cipher.open(first + index, chunk, plaintext.subarray(index * CHUNK_OCTETS))
    }
    return plaintext
  } catch {
    plaintext.fill(0)
    throw containerRefused()
  }
}

const lengthDiffers = (expected: number): EnvelopeRefusal =>
  new EnvelopeRefusal('LENGTH_DIFFERS', 'The source has another length than its header says', {
    facts: { expected },
  })

const TAG = CHUNK_SEALED_OCTETS - CHUNK_OCTETS
/** Chunks sealed at a stretch: 1 MiB, enough to hide the cost of a turn of the event loop. */
const BATCH_CHUNKS = 64
