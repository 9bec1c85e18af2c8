/**
 * Wrapped data keys: who may open a container.
 *
 * A wrapping key (a patient's, a session's) never touches data. From it and its name come
 *
 *   subkey(32) ‖ commitment(32) = HKDF-Expand-SHA-512(wrapping key,
 *                                   "photonward/wrapping-key@v1" ‖ 0x00 ‖ key id(16))
 *
 * and a wrap is [key id, nonce(12), commitment, AES-256-GCM-SIV(subkey, nonce, header hash, data
 * key)]. GCM-SIV keeps its promise should a nonce repeat; the commitment rules out a wrap that
 * opens under two keys; the header hash nails it to one version of one object.
 *
 * The list of wraps stands outside the header hash, so it can be replaced without touching header
 * or payload. It carries a tag under the data key, so only who holds the data key can do so.
 *
 * @module
 */

import {
  assert,
  concat,
  door,
  fromDeterministicCbor,
  hex,
  Octets,
  SecretBytes,
  toCbor,
  Type,
  utf8,
  uuidOctets,
  uuidOf,
  type RandomSource,
  type Uuid,
} from '#base'
import { hkdfExpand, open, sameSecret, seal, TAG_OCTETS } from '#crypto'
import { COMMITMENT_OCTETS, KEY_OCTETS } from './cobblestone.ts'
import { containerRefused, EnvelopeRefusal } from './refusal.ts'

/**
 * How often a wrapping key has wrapped.
 *
 * The owner of the key keeps `used`, or a bound above it, durable before the wraps leave: a count
 * that goes back is no limit.
 */
export class WrapCounter {
  #used: number

  /** @param used wraps made so far, at least */
  constructor(used = 0) {
    assert(Number.isSafeInteger(used) && used >= 0, 'wraps are counted in whole numbers')
    this.#used = used
  }

  get used(): number {
    return this.#used
  }

  /** Counts one wrap, before it is made. @throws EnvelopeRefusal `WRAPS_EXHAUSTED` at 2³² */
  take(): void {
    if (this.#used >= WRAPS_PER_KEY_MAX) {
      throw new EnvelopeRefusal('WRAPS_EXHAUSTED', 'A wrapping key wraps at most 2^32 data keys')
    }
    this.#used++
  }
}

/** A key that wraps data keys, by name. */
export class WrappingKey implements Disposable {
  readonly id: Uuid
  /** Absent where the key only opens. */
  readonly counter: WrapCounter | undefined
  readonly #idOctets: Uint8Array
  readonly #derived: Uint8Array

  /**
   * @param input.key       32 octets, uniformly random; not kept, stays with its owner
   * @param input.counter   needed to wrap, not to open
   * @throws EnvelopeRefusal `WRAPPING_KEY_INVALID` for a key of another size
   */
  constructor(input: {
    readonly id: Uuid
    readonly key: SecretBytes
    readonly counter?: WrapCounter
  }) {
    if (input.key.length !== KEY_OCTETS) {
      throw new EnvelopeRefusal('WRAPPING_KEY_INVALID', 'A wrapping key has 32 octets', {
        facts: { got: input.key.length },
      })
    }
    this.id = input.id
    this.counter = input.counter
    this.#idOctets = uuidOctets(input.id)
    const info = concat(KEY_INFO, this.#idOctets)
    this.#derived = hkdfExpand('sha512', { key: input.key.reveal(), info, length: 64 })
  }

  /** @param nonce 12 random octets */
  wrap(dataKey: Uint8Array, headerHash: Uint8Array, nonce: Uint8Array): Wrap {
    assert(this.counter !== undefined, 'a key that wraps has a counter')
    this.counter.take()
    const input = { key: this.#subkey(), nonce, associated: headerHash }
    return {
      keyId: this.#idOctets,
      nonce,
      commitment: this.#derived.slice(KEY_OCTETS),
      sealed: seal('aes-256-gcm-siv', input, dataKey),
    }
  }

  /** The data key. @throws EnvelopeRefusal `CONTAINER_REFUSED` */
  unwrap(wrap: Wrap, headerHash: Uint8Array): SecretBytes {
    const input = { key: this.#subkey(), nonce: wrap.nonce, associated: headerHash }
    if (!sameSecret(wrap.commitment, this.#derived.subarray(KEY_OCTETS))) throw containerRefused()
    try {
      return SecretBytes.take(open('aes-256-gcm-siv', input, wrap.sealed))
    } catch {
      throw containerRefused()
    }
  }

  [Symbol.dispose](): void {
    this.#derived.fill(0)
    this.#gone = true
  }

  #gone = false

  #subkey(): Uint8Array {
    assert(!this.#gone, 'a wrapping key is not used after its disposal')
    return this.#derived.subarray(0, KEY_OCTETS)
  }
}

/** One wrapped data key, as it stands in a container. */
export interface Wrap {
  /** The 16 octets of the wrapping key's UUID. */
  readonly keyId: Uint8Array
  readonly nonce: Uint8Array
  readonly commitment: Uint8Array
  /** The data key and its tag, 48 octets. */
  readonly sealed: Uint8Array
}

/** A fresh data key: one for each version of each object. */
export const newDataKey = (random: RandomSource): SecretBytes =>
  SecretBytes.take(random.octets(KEY_OCTETS))

/** The wraps' octets. */
export function encodeWraps(wraps: readonly Wrap[]): Uint8Array {
  assert(wraps.length >= 1 && wraps.length <= WRAPS_MAX, 'a container has 1 to 64 wraps')
  assert(distinct(wraps), 'a wrapping key wraps once in a container')
  return toCbor(
    wraps.map(({ keyId, nonce, commitment, sealed }) => [keyId, nonce, commitment, sealed]),
  )
}

/** The wraps of their octets. @throws EnvelopeRefusal `CONTAINER_REFUSED` for any other octets */
export function decodeWraps(octets: Uint8Array): readonly Wrap[] {
  const wraps = tryDecode(octets)
  if (wraps === undefined || !distinct(wraps)) throw containerRefused()
  return wraps
}

/** The tag of the list of wraps under the data key. */
export function tagWraps(
  dataKey: Uint8Array,
  headerHash: Uint8Array,
  wraps: Uint8Array,
): Uint8Array {
  const info = concat(TAG_INFO, headerHash, wraps)
  return hkdfExpand('sha512', { key: dataKey, info, length: WRAPS_TAG_OCTETS })
}

/** The name of the key that made a wrap. */
export const keyIdOf = (wrap: Wrap): Uuid => uuidOf(wrap.keyId)

function tryDecode(octets: Uint8Array): readonly Wrap[] | undefined {
  try {
    const list = shape(fromDeterministicCbor(octets, WRAPS_OCTETS_MAX))
    return list.map(([keyId, nonce, commitment, sealed]) => ({ keyId, nonce, commitment, sealed }))
  } catch {
    return undefined
  }
}

const distinct = (wraps: readonly Wrap[]): boolean =>
  wraps.length === 1 || new Set(wraps.map(({ keyId }) => hex(keyId))).size === wraps.length

/** NIST SP 800-38D's bound for random nonces, kept for GCM-SIV although it forgives more. */
export const WRAPS_PER_KEY_MAX = 2 ** 32
/** Wraps in one container. */
export const WRAPS_MAX = 64
/** Octets of one wrap. */
export const WRAP_OCTETS = 115
/** Octets of 64 wraps: 115 each, and the head of the list. */
export const WRAPS_OCTETS_MAX = 2 + WRAP_OCTETS * WRAPS_MAX
export const WRAPS_TAG_OCTETS = 32
export const WRAP_NONCE_OCTETS = 12

const KEY_INFO = utf8('photonward/wrapping-key@v1\0')
const TAG_INFO = utf8('photonward/wraps@v1\0')

const shape = door(
  Type.Array(
    Type.Tuple([
      Octets(16),
      Octets(WRAP_NONCE_OCTETS),
      Octets(COMMITMENT_OCTETS),
      Octets(KEY_OCTETS + TAG_OCTETS),
    ]),
    { minItems: 1, maxItems: WRAPS_MAX },
  ),
  'wrapped data keys',
)
