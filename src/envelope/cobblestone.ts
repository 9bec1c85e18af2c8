/**
 * Cobblestone-256 of C2SP chunked-encryption: the payload of every container.
 *
 *   key(32) ‖ base nonce(12) ‖ commitment(32) = HKDF-Expand-SHA-512(data key,
 *       "c2sp.org/chunked-encryption@v1+" ‖ "AEAD_AES_256_GCM" ‖ 0x00 ‖ salt(24) ‖ context)
 *   payload = salt ‖ commitment ‖ chunk 0 ‖ chunk 1 …
 *
 * Chunks of 16 KiB, AES-256-GCM with nonce = base nonce XOR chunk number, no associated data. The
 * last chunk is always shorter than 16 KiB, and may be empty: so an end cannot be forged.
 *
 * Hides nothing about the length of the plaintext.
 *
 * @see https://c2sp.org/chunked-encryption
 * @module
 */

import { assert, concat, utf8 } from '#base'
import { hkdfExpand, openInto, sameSecret, sealInto, TAG_OCTETS } from '#crypto'
import { containerRefused } from './refusal.ts'

/** Key and nonces of one message, and the commitment that belongs to them. */
export class ChunkCipher implements Disposable {
  readonly #derived: Uint8Array
  readonly #key: Uint8Array
  readonly #baseNonce: Uint8Array
  /** Of the chunk under way; OpenSSL copies it, so one array serves them all. */
  readonly #nonce = new Uint8Array(NONCE_OCTETS)
  readonly commitment: Uint8Array

  /** @param dataKey 32 octets, uniformly random; not kept. @param salt 24 octets */
  constructor(dataKey: Uint8Array, salt: Uint8Array, context: Uint8Array) {
    assert(dataKey.length === KEY_OCTETS, 'a data key has 32 octets')
    assert(salt.length === SALT_OCTETS, 'a salt has 24 octets')
    const info = concat(INFO, salt, context)
    const length = KEY_OCTETS + NONCE_OCTETS + COMMITMENT_OCTETS
    this.#derived = hkdfExpand('sha512', { key: dataKey, info, length })
    this.#key = this.#derived.subarray(0, KEY_OCTETS)
    this.#baseNonce = this.#derived.subarray(KEY_OCTETS, KEY_OCTETS + NONCE_OCTETS)
    this.commitment = this.#derived.subarray(KEY_OCTETS + NONCE_OCTETS)
  }

  /** Writes chunk `number` sealed to the start of `out`. @returns octets written */
  seal(number: number, plaintext: Uint8Array, out: Uint8Array): number {
    assert(plaintext.length <= CHUNK_OCTETS, 'a chunk has at most 16 KiB')
    return sealInto('aes-256-gcm', this.#input(number), plaintext, out)
  }

  /** Writes chunk `number` opened to the start of `out`. @throws CryptoRefusal */
  open(number: number, sealed: Uint8Array, out: Uint8Array): number {
    return openInto('aes-256-gcm', this.#input(number), sealed, out)
  }

  [Symbol.dispose](): void {
    this.#derived.fill(0)
    this.#nonce.fill(0)
  }

  #input(number: number): { key: Uint8Array; nonce: Uint8Array; associated: Uint8Array } {
    assert(number >= 0 && number < CHUNKS_MAX, 'chunk numbers stay below 2^38')
    this.#nonce.set(this.#baseNonce)
    let rest = number
    for (let at = NONCE_OCTETS - 1; rest > 0; at--) {
      this.#nonce[at] ^= rest % 256
      rest = Math.floor(rest / 256)
    }
    return { key: this.#key, nonce: this.#nonce, associated: NONE }
  }
}

/** What the message functions work on. */
export interface MessageInput {
  /** 32 octets, uniformly random. */
  readonly dataKey: Uint8Array
  /** 24 octets that never repeat under one data key. */
  readonly salt: Uint8Array
  readonly context: Uint8Array
}

/**
 * Writes the whole payload of `plaintext` to the start of `out`.
 *
 * @returns octets written, `payloadOctets(plaintext.length)`
 */
export function sealMessage(input: MessageInput, plaintext: Uint8Array, out: Uint8Array): number {
  using cipher = new ChunkCipher(input.dataKey, input.salt, input.context)
  out.set(input.salt)
  out.set(cipher.commitment, SALT_OCTETS)
  let at = PREFIX_OCTETS
  const chunks = chunkCount(plaintext.length)
  for (let number = 0; number < chunks; number++) {
    const from = number * CHUNK_OCTETS
    at += cipher.seal(number, plaintext.subarray(from, from + CHUNK_OCTETS), out.subarray(at))
  }
  return at
}

/**
 * The plaintext of a whole payload: all of it, or nothing.
 *
 * @throws EnvelopeRefusal `CONTAINER_REFUSED`
 */
export function openMessage(
  dataKey: Uint8Array,
  context: Uint8Array,
  payload: Uint8Array,
): Uint8Array {
  const length = plaintextLength(payload.length)
  using cipher = committedCipher(dataKey, context, payload)
  const plaintext = new Uint8Array(length)
  try {
    for (let number = 0, at = 0; number < chunkCount(length); number++) {
      at += cipher.open(number, sealedChunk(payload, number), plaintext.subarray(at))
    }
    return plaintext
  } catch {
    plaintext.fill(0)
    throw containerRefused()
  }
}

/**
 * The cipher of a payload, its commitment checked before any chunk is touched.
 *
 * @param beginning at least the first 56 octets of the payload
 * @throws EnvelopeRefusal `CONTAINER_REFUSED`
 */
export function committedCipher(
  dataKey: Uint8Array,
  context: Uint8Array,
  beginning: Uint8Array,
): ChunkCipher {
  if (beginning.length < PREFIX_OCTETS || dataKey.length !== KEY_OCTETS) throw containerRefused()
  const cipher = new ChunkCipher(dataKey, beginning.subarray(0, SALT_OCTETS), context)
  if (sameSecret(cipher.commitment, beginning.subarray(SALT_OCTETS, PREFIX_OCTETS))) return cipher
  cipher[Symbol.dispose]()
  throw containerRefused()
}

/** Chunk `number` of a payload in memory, with its tag. */
export function sealedChunk(payload: Uint8Array, number: number): Uint8Array {
  const at = chunkAt(number)
  return payload.subarray(at, at + CHUNK_SEALED_OCTETS)
}

/** Where chunk `number` begins in a payload. */
export const chunkAt = (number: number): number => PREFIX_OCTETS + number * CHUNK_SEALED_OCTETS

/** Chunks of a plaintext: one more than fill, for the last is always short. */
export const chunkCount = (plaintextOctets: number): number =>
  Math.floor(plaintextOctets / CHUNK_OCTETS) + 1

/** Octets of the payload of a plaintext of so many octets. */
export const payloadOctets = (plaintextOctets: number): number =>
  PREFIX_OCTETS + plaintextOctets + chunkCount(plaintextOctets) * TAG_OCTETS

/** Octets of the plaintext of a payload of so many. @throws EnvelopeRefusal for lengths none has */
export function plaintextLength(octets: number): number {
  const sealed = octets - PREFIX_OCTETS
  const full = Math.floor(sealed / CHUNK_SEALED_OCTETS)
  const last = sealed - full * CHUNK_SEALED_OCTETS
  if (sealed < TAG_OCTETS || last < TAG_OCTETS || full >= CHUNKS_MAX) throw containerRefused()
  return full * CHUNK_OCTETS + last - TAG_OCTETS
}

export const CHUNK_OCTETS = 16_384
export const CHUNK_SEALED_OCTETS = CHUNK_OCTETS + TAG_OCTETS
export const SALT_OCTETS = 24
export const COMMITMENT_OCTETS = 32
/** Salt and commitment, before the first chunk. */
export const PREFIX_OCTETS = SALT_OCTETS + COMMITMENT_OCTETS
/** Chunks of one message, so that no message passes 4 PiB. */
export const CHUNKS_MAX = 2 ** 38
export const KEY_OCTETS = 32
const NONCE_OCTETS = 12
const NONE = new Uint8Array(0)
const INFO = utf8('c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0')
