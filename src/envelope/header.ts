/**
 * The header of a container: what is sealed, in clear, in neutral words, bound to every octet.
 *
 *   header = [1, 1, tenant, object, version, content type, length]     deterministic CBOR
 *
 * Format version and suite come first; a reader that does not know both refuses. The header is
 * hashed into the key derivation of the payload and into every wrap of the data key, so a payload
 * or wrap moved to another tenant, object, version, type or length does not open.
 *
 * Hides nothing of itself: object and version are random or counted, never anything of a patient,
 * and the content type is a small number whose meaning stays in the code.
 *
 * @module
 */

import {
  door,
  fromDeterministicCbor,
  Octets,
  siteId,
  Text,
  toCbor,
  Type,
  uuid,
  uuidOctets,
  uuidOf,
  Whole,
  type SiteId,
  type Uuid,
} from '#base'
import { CHUNK_OCTETS, CHUNKS_MAX } from './cobblestone.ts'
import { containerRefused, EnvelopeRefusal } from './refusal.ts'

/** What a container says of its content in clear. */
export interface ContainerHeader {
  /** The site that sealed it. */
  readonly tenant: SiteId
  /** The object, by a random UUID. */
  readonly object: Uuid
  /** Counts the versions of the object from 1; each has its own data key. */
  readonly version: number
  /** A neutral number from 0 to 65,535 for what kind of content this is. */
  readonly contentType: number
  /** Octets of the plaintext. */
  readonly length: number
}

/** The header's octets. @throws EnvelopeRefusal `HEADER_INVALID` if a field is out of its range */
export function encodeHeader(header: ContainerHeader): Uint8Array {
  const { tenant, object, version, contentType, length } = header
  try {
    siteId(tenant)
    const id = uuidOctets(uuid(object))
    return toCbor(shape([FORMAT_VERSION, SUITE, tenant, id, version, contentType, length]))
  } catch (cause) {
    throw new EnvelopeRefusal('HEADER_INVALID', 'A field of the container header is out of range', {
      cause,
    })
  }
}

/** The header of its octets. @throws EnvelopeRefusal `CONTAINER_REFUSED` for any other octets */
export function decodeHeader(octets: Uint8Array): ContainerHeader {
  try {
    const fields = shape(fromDeterministicCbor(octets, HEADER_OCTETS_MAX))
    const [, , tenant, object, version, contentType, length] = fields
    return { tenant: siteId(tenant), object: uuidOf(object), version, contentType, length }
  } catch {
    throw containerRefused()
  }
}

/** Refuses a header that is not the one the reader asked for. */
export function expectHeader(header: ContainerHeader, expected: Partial<ContainerHeader>): void {
  for (const name of Object.keys(expected) as (keyof ContainerHeader)[]) {
    if (expected[name] !== header[name]) throw containerRefused()
  }
}

export const FORMAT_VERSION = 1
/** Cobblestone-256 payload, AES-256-GCM-SIV wraps, SHA-512 of the header. */
export const SUITE = 1
export const HEADER_OCTETS_MAX = 128
/** One octet less than 2³⁸ chunks of 16 KiB: the last chunk is short. */
export const LENGTH_MAX = CHUNKS_MAX * CHUNK_OCTETS - 1
export const CONTENT_TYPE_MAX = 65_535

const shape = door(
  Type.Tuple([
    Type.Literal(FORMAT_VERSION),
    Type.Literal(SUITE),
    Text(63, 1),
    Octets(16),
    Whole(1),
    Whole(0, CONTENT_TYPE_MAX),
    Whole(0, LENGTH_MAX),
  ]),
  'container header',
)
