/**
 * Seals, opens and re-wraps containers that fit in memory. All of a plaintext comes out, or none.
 *
 * @module
 */

import { concat, SecretBytes, type RandomSource } from '#base'
import { sha512 } from '#crypto'
import {
  committedCipher,
  openMessage,
  payloadOctets,
  PREFIX_OCTETS,
  SALT_OCTETS,
  sealMessage,
} from './cobblestone.ts'
import {
  buildPreamble,
  parseContainer,
  parsePreamble,
  withDataKey,
  type Opener,
  type Preamble,
} from './container.ts'
import { encodeHeader, expectHeader, type ContainerHeader } from './header.ts'
import { encodeWraps, tagWraps, WRAP_NONCE_OCTETS, type WrappingKey } from './wrap.ts'

/** Who will be able to open what is sealed. */
export interface SealFor {
  /** 32 octets, fresh for this version of this object; stays with the caller. */
  readonly dataKey: SecretBytes
  /** 1 to 64 keys with distinct names, each with its counter. */
  readonly wrapUnder: readonly WrappingKey[]
  readonly random: RandomSource
}

export interface SealInput extends SealFor {
  /** The length is that of the plaintext. */
  readonly header: Omit<ContainerHeader, 'length'>
  readonly plaintext: Uint8Array
}

/**
 * Seals a plaintext.
 *
 * @throws EnvelopeRefusal `HEADER_INVALID`, or `WRAPS_EXHAUSTED`
 */
export function seal(input: SealInput): Uint8Array {
  const { plaintext } = input
  const header = encodeHeader({ ...input.header, length: plaintext.length })
  const { preamble, headerHash, salt } = beginContainer(header, input)
  const container = new Uint8Array(preamble.length + payloadOctets(plaintext.length))
  container.set(preamble)
  const message = { dataKey: input.dataKey.reveal(), salt, context: headerHash }
  sealMessage(message, plaintext, container.subarray(preamble.length))
  return container
}

export interface OpenInput {
  readonly container: Uint8Array
  readonly by: Opener
  /** What the reader asked for; a container that says otherwise is refused. */
  readonly expected: Partial<ContainerHeader>
}

export interface Opened {
  readonly header: ContainerHeader
  readonly plaintext: Uint8Array
}

/**
 * Opens a container.
 *
 * @throws EnvelopeRefusal `CONTAINER_REFUSED`, the same for every cause
 */
export function open(input: OpenInput): Opened {
  const container = parseContainer(input.container)
  expectHeader(container.header, input.expected)
  const plaintext = withDataKey(container, input.by, (dataKey) =>
    openMessage(dataKey, container.headerHash, container.payload),
  )
  return { header: container.header, plaintext }
}

/** The data key, for its new owner. @throws EnvelopeRefusal `CONTAINER_REFUSED` */
export function unwrapDataKey(container: Uint8Array, by: WrappingKey): SecretBytes {
  return withDataKey(parseContainer(container), by, (dataKey) => SecretBytes.take(dataKey.slice()))
}

export interface RewrapInput {
  readonly container: Uint8Array
  readonly by: Opener
  /** All wraps there will be: who is not named here can no longer open this copy. */
  readonly wrapUnder: readonly WrappingKey[]
  readonly random: RandomSource
}

/**
 * The same header and payload with other wraps; `containerHash` stays.
 *
 * @throws EnvelopeRefusal `CONTAINER_REFUSED`, `WRAPS_EXHAUSTED`
 */
export function rewrap(input: RewrapInput): Uint8Array {
  const { payload } = parseContainer(input.container)
  return concat(rewrapPreamble(input).preamble, payload)
}

/**
 * As `rewrap`, for a container too large for memory: only what stands before the payload.
 *
 * @param input.container   the whole, or its first `BEGINNING_OCTETS_MAX` octets
 * @returns the new preamble, and where in the old container the payload begins that follows it
 */
export function rewrapPreamble(input: RewrapInput): {
  readonly preamble: Uint8Array
  readonly payloadAt: number
} {
  const old = parsePreamble(input.container)
  const beginning = input.container.subarray(old.payloadAt, old.payloadAt + PREFIX_OCTETS)
  const preamble = withDataKey(old, input.by, (key) => {
    // A data key that is not this payload's must not be spread further.
    committedCipher(key, old.headerHash, beginning)[Symbol.dispose]()
    using dataKey = SecretBytes.copyOf(key)
    return preambleOf(old, { ...input, dataKey })
  })
  return { preamble, payloadAt: old.payloadAt }
}

/** Preamble and salt for a new container; used by `seal` and `sealStream`. */
export function beginContainer(
  headerOctets: Uint8Array,
  input: SealFor,
): {
  readonly preamble: Uint8Array
  readonly headerHash: Uint8Array
  readonly salt: Uint8Array
} {
  const headerHash = sha512(headerOctets)
  const salt = input.random.octets(SALT_OCTETS)
  return { preamble: preambleOf({ headerOctets, headerHash }, input), headerHash, salt }
}

function preambleOf(
  { headerOctets, headerHash }: Pick<Preamble, 'headerOctets' | 'headerHash'>,
  { dataKey, wrapUnder, random }: SealFor,
): Uint8Array {
  const key = dataKey.reveal()
  const wraps = wrapUnder.map((by) => by.wrap(key, headerHash, random.octets(WRAP_NONCE_OCTETS)))
  const wrapsOctets = encodeWraps(wraps)
  return buildPreamble(headerOctets, wrapsOctets, tagWraps(key, headerHash, wrapsOctets))
}
