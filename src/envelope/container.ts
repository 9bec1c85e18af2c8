/**
 * The container: how header, wrapped data keys and payload stand together.
 *
 *   container = "PWC1" ‖ len16 ‖ header ‖ len16 ‖ wraps ‖ wraps tag(32) ‖ payload
 *
 * Parsing here checks form and limits only; nothing is authentic until a data key has opened it.
 *
 * @see spec/envelope.md
 * @module
 */

import { concat, lengthPrefixed, sameOctets, utf8, type SecretBytes } from '#base'
import { sameSecret, sha256, sha512 } from '#crypto'
import { KEY_OCTETS, payloadOctets, PREFIX_OCTETS } from './cobblestone.ts'
import { decodeHeader, HEADER_OCTETS_MAX, type ContainerHeader } from './header.ts'
import { containerRefused } from './refusal.ts'
import {
  decodeWraps,
  keyIdOf,
  tagWraps,
  WrappingKey,
  WRAPS_OCTETS_MAX,
  WRAPS_TAG_OCTETS,
  type Wrap,
} from './wrap.ts'

/** What stands before the payload. Byte strings share memory with what was parsed. */
export interface Preamble {
  readonly header: ContainerHeader
  readonly headerOctets: Uint8Array
  /** SHA-512 of the header: the context of payload and wraps. */
  readonly headerHash: Uint8Array
  readonly wraps: readonly Wrap[]
  readonly wrapsOctets: Uint8Array
  readonly wrapsTag: Uint8Array
  /** Where the payload begins. */
  readonly payloadAt: number
}

/** A container taken apart; its payload has exactly the length that its header says. */
export interface Container extends Preamble {
  readonly payload: Uint8Array
}

/** Who opens: a wrapping key that has a wrap in the container, or the data key itself. */
export type Opener = WrappingKey | SecretBytes

/**
 * Takes a container apart.
 *
 * @throws EnvelopeRefusal `CONTAINER_REFUSED` for whatever is not exactly one container
 */
export function parseContainer(octets: Uint8Array): Container {
  const preamble = parsePreamble(octets)
  const payload = octets.subarray(preamble.payloadAt)
  if (payload.length !== payloadOctets(preamble.header.length)) throw containerRefused()
  return { ...preamble, payload }
}

/**
 * Reads what stands before the payload.
 *
 * @param beginning as much of the container as there is, or `PREAMBLE_OCTETS_MAX` of it
 * @throws EnvelopeRefusal `CONTAINER_REFUSED`
 */
export function parsePreamble(beginning: Uint8Array): Preamble {
  const reader = new Reader(beginning)
  if (!sameOctets(reader.take(MAGIC.length), MAGIC)) throw containerRefused()
  const headerOctets = reader.takePrefixed(HEADER_OCTETS_MAX)
  const header = decodeHeader(headerOctets)
  const wrapsOctets = reader.takePrefixed(WRAPS_OCTETS_MAX)
  const wraps = decodeWraps(wrapsOctets)
  const wrapsTag = reader.take(WRAPS_TAG_OCTETS)
  const headerHash = sha512(headerOctets)
  const payloadAt = reader.at
  return { header, headerOctets, headerHash, wraps, wrapsOctets, wrapsTag, payloadAt }
}

/** What stands before a payload. */
export function buildPreamble(
  headerOctets: Uint8Array,
  wrapsOctets: Uint8Array,
  wrapsTag: Uint8Array,
): Uint8Array {
  return concat(
    MAGIC,
    uint16(headerOctets.length),
    headerOctets,
    uint16(wrapsOctets.length),
    wrapsOctets,
    wrapsTag,
  )
}

/**
 * Lets `use` see the data key, once the list of wraps was found untouched. A data key that was
 * unwrapped for this is cleared afterwards; one that was given stays with its owner.
 *
 * @throws EnvelopeRefusal `CONTAINER_REFUSED`
 */
export function withDataKey<T>(preamble: Preamble, by: Opener, use: (dataKey: Uint8Array) => T): T {
  using unwrapped = by instanceof WrappingKey ? unwrapFor(preamble, by) : undefined
  const dataKey = (unwrapped ?? (by as SecretBytes)).reveal()
  const { headerHash, wrapsOctets, wrapsTag } = preamble
  if (dataKey.length !== KEY_OCTETS) throw containerRefused()
  if (!sameSecret(tagWraps(dataKey, headerHash, wrapsOctets), wrapsTag)) throw containerRefused()
  return use(dataKey)
}

function unwrapFor({ wraps, headerHash }: Preamble, by: WrappingKey): SecretBytes {
  const wrap = wraps.find((one) => keyIdOf(one) === by.id)
  if (wrap === undefined) throw containerRefused()
  return by.unwrap(wrap, headerHash)
}

/**
 * The hash by which a container is named, logged and signed: header and payload, not the wraps.
 *
 *   SHA-256("photonward/container@v1" ‖ 0x00 ‖ len32 ‖ header ‖ payload)
 *
 * It stays the same when the data key is wrapped for others.
 *
 * @throws EnvelopeRefusal `CONTAINER_REFUSED` for octets that are no container
 */
export function containerHash(container: Uint8Array | Container): Uint8Array {
  const parsed = container instanceof Uint8Array ? parseContainer(container) : container
  return sha256(HASH_INFO, lengthPrefixed(parsed.headerOctets), parsed.payload)
}

/** The parts before the payload that `containerHash` covers, for hashing piece by piece. */
export const hashedBeginning = (headerOctets: Uint8Array): readonly Uint8Array[] => [
  HASH_INFO,
  lengthPrefixed(headerOctets),
]

/** Reads octets in order; refuses to read past the end. */
class Reader {
  readonly #octets: Uint8Array
  at = 0

  constructor(octets: Uint8Array) {
    this.#octets = octets
  }

  take(size: number): Uint8Array {
    const taken = this.#octets.subarray(this.at, this.at + size)
    if (taken.length !== size) throw containerRefused()
    this.at += size
    return taken
  }

  /** A field behind its length in two octets. */
  takePrefixed(sizeMax: number): Uint8Array {
    const [high, low] = this.take(2)
    const size = high * 256 + low
    if (size > sizeMax) throw containerRefused()
    return this.take(size)
  }
}

const uint16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 0xff)

const MAGIC = utf8('PWC1')
const HASH_INFO = utf8('photonward/container@v1\0')

/** Octets before the payload, at most. */
export const PREAMBLE_OCTETS_MAX =
  MAGIC.length + 2 + HEADER_OCTETS_MAX + 2 + WRAPS_OCTETS_MAX + WRAPS_TAG_OCTETS
/** Octets that hold everything up to the first chunk, whatever the container. */
export const BEGINNING_OCTETS_MAX = PREAMBLE_OCTETS_MAX + PREFIX_OCTETS
