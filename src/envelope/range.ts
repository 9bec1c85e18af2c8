/**
 * Opens a part of a container without touching the rest: a page of a study, a header of an image.
 *
 * Each chunk that is read is authentic and stands where it says. That the other chunks are whole
 * is not checked; the length is, for it is part of the header.
 *
 * @module
 */

import {
  CHUNK_OCTETS,
  CHUNK_SEALED_OCTETS,
  chunkAt,
  committedCipher,
  payloadOctets,
  PREFIX_OCTETS,
} from './cobblestone.ts'
import { BEGINNING_OCTETS_MAX, parsePreamble, withDataKey, type Opener } from './container.ts'
import { expectHeader, type ContainerHeader } from './header.ts'
import { containerRefused, EnvelopeRefusal } from './refusal.ts'

/** A container that can be read in places: in memory, in a file, or with a peer. */
export interface ContainerSource {
  /** Octets of the whole container. */
  readonly size: number
  /** The octets from `from` up to, not including, `to`. */
  read(from: number, to: number): Promise<Uint8Array>
}

/** A container in memory as a source. */
export const sourceOf = (container: Uint8Array): ContainerSource => ({
  size: container.length,
  read: (from, to) => Promise.resolve(container.subarray(from, to)),
})

export interface RangeInput {
  readonly source: ContainerSource
  readonly by: Opener
  readonly expected: Partial<ContainerHeader>
  /** Of the plaintext: octets from `from` up to, not including, `to`. */
  readonly from: number
  readonly to: number
}

/**
 * Opens a range of the plaintext.
 *
 * Reads the beginning of the container and the chunks that cover the range, nothing else.
 *
 * @throws EnvelopeRefusal `CONTAINER_REFUSED`; `RANGE_INVALID` for a range outside the plaintext
 */
export async function openRange(input: RangeInput): Promise<Uint8Array> {
  const { source, from, to } = input
  const beginning = await source.read(0, Math.min(source.size, BEGINNING_OCTETS_MAX))
  const preamble = parsePreamble(beginning)
  const { header, headerHash, payloadAt } = preamble
  expectHeader(header, input.expected)
  if (source.size !== payloadAt + payloadOctets(header.length)) throw containerRefused()
  checkRange(from, to, header.length)
  const prefix = beginning.subarray(payloadAt, payloadAt + PREFIX_OCTETS)
  using cipher = withDataKey(preamble, input.by, (key) => committedCipher(key, headerHash, prefix))
  const first = Math.floor(from / CHUNK_OCTETS)
  // An empty range still opens the chunk it touches, so that it says something true.
  const last = Math.max(first, Math.ceil(to / CHUNK_OCTETS) - 1)
  const end = Math.min(chunkAt(last + 1), payloadOctets(header.length))
  const sealed = await source.read(payloadAt + chunkAt(first), payloadAt + end)
  if (sealed.length !== end - chunkAt(first)) throw containerRefused()
  const opened = new Uint8Array((last - first + 1) * CHUNK_OCTETS)
  try {
    for (let number = first; number <= last; number++) {
      const at = (number - first) * CHUNK_SEALED_OCTETS
      const chunk = sealed.subarray(at, at + CHUNK_SEALED_OCTETS)
      cipher.open(number, chunk, opened.subarray((number - first) * CHUNK_OCTETS))
    }
  } catch {
    opened.fill(0)
    throw containerRefused()
  }
  const base = first * CHUNK_OCTETS
  return opened.subarray(from - base, to - base)
}

function checkRange(from: number, to: number, length: number): void {
  const whole = Number.isSafeInteger(from) && Number.isSafeInteger(to)
  if (whole && from >= 0 && from <= to && to <= length) return
  throw new EnvelopeRefusal('RANGE_INVALID', 'The range lies outside the plaintext', {
    facts: { from, to, length },
  })
}
