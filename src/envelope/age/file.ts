/**
 * Files of age, version 1: for what leaves the house and must open without our software.
 *
 * Both ends stream: at most one chunk of 64 KiB is in memory. A reader gets a chunk only once its tag
 * was found good, and knows at the end whether the file was cut: what it did with chunks until then it
 * has to undo where the last one does not come.
 *
 * Says nothing about who wrote a file: anybody can, for any recipient.
 *
 * @see C2SP age-encryption.org/v1
 * @module
 */

import { assert, concat, textOf, utf8, type RandomSource } from '#base'
import { hkdf, hmac, open, sameSecret, seal } from '#crypto'
import {
  FILE_KEY_OCTETS,
  readUnpadded,
  unpadded,
  unwrapBy,
  wrapFor,
  type AgeIdentity,
  type AgeRecipient,
  type Stanza,
} from './recipients.ts'
import { AgeRefusal } from './refusal.ts'

type Octets = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

/** Seals octets for recipients, all of one kind. @throws AgeRefusal, CryptoRefusal */
export async function* sealAge(
  plaintext: Octets,
  to: readonly AgeRecipient[],
  random: RandomSource,
): AsyncGenerator<Uint8Array> {
  checkRecipients(to)
  const fileKey = random.octets(FILE_KEY_OCTETS)
  const unsigned = headerOf(to.map((recipient) => wrapFor(recipient, fileKey)))
  const nonce = random.octets(NONCE_OCTETS)
  yield concat(unsigned, utf8(` ${unpadded(macOf(fileKey, unsigned))}\n`), nonce)
  const key = payloadKey(fileKey, nonce)
  fileKey.fill(0)
  const counter = new ChunkCounter(key)
  // The last chunk is told apart by its nonce, so one is always held back.
  let held: Uint8Array | undefined
  for await (const chunk of chunksOf(plaintext, CHUNK_OCTETS)) {
    if (held !== undefined) yield seal(CHACHA, counter.next(false), held)
    held = chunk
  }
  yield seal(CHACHA, counter.next(true), held ?? new Uint8Array(0))
  key.fill(0)
}

/** Opens a file. @throws AgeRefusal `AGE_FILE_INVALID`, `AGE_IDENTITY_DENIED` */
export async function* openAge(
  file: Octets,
  identities: readonly AgeIdentity[],
): AsyncGenerator<Uint8Array> {
  const { header, rest } = await splitHeader(file)
  const { stanzas, unsigned, mac } = readHeader(header)
  const fileKey = fileKeyOf(stanzas, identities)
  if (!sameSecret(macOf(fileKey, unsigned), mac)) throw invalid('its header was changed')
  let key: Uint8Array | undefined
  let counter: ChunkCounter | undefined
  let [held, isFirst] = [undefined as Uint8Array | undefined, true]
  for await (const part of chunksOf(rest, SEALED_OCTETS, NONCE_OCTETS)) {
    if (counter === undefined) {
      if (part.length !== NONCE_OCTETS) throw invalid('it ends before its content')
      key = payloadKey(fileKey, part)
      fileKey.fill(0)
      counter = new ChunkCounter(key)
      continue
    }
    if (held !== undefined) {
      yield opened(counter.next(false), held)
      isFirst = false
    }
    held = part
  }
  if (counter === undefined || held === undefined) throw invalid('it ends before its content')
  const last = opened(counter.next(true), held)
  if (last.length === 0 && !isFirst) throw invalid('its last chunk is empty')
  key?.fill(0)
  yield last
}

/** Refuses to mix kinds: the file would be as weak as the weaker. @throws AgeRefusal */
export function checkRecipients(to: readonly AgeRecipient[]): void {
  if (to.length < 1 || to.length > STANZAS_MAX) {
    const message = `Expected 1 to ${STANZAS_MAX} recipients, got ${to.length}`
    throw new AgeRefusal('RECIPIENT_INVALID', message)
  }
  if (new Set(to.map(({ kind }) => kind)).size === 1) return
  const message = 'Hybrid and X25519 recipients are not mixed: one file for each kind'
  throw new AgeRefusal('RECIPIENTS_MIXED_INVALID', message)
}

/** The header up to and including `---`: what its MAC is over. */
function headerOf(stanzas: readonly Stanza[]): Uint8Array {
  const lines = stanzas.flatMap(({ words, body }) => {
    const text = unpadded(body)
    const full = text.match(/.{1,64}/g) ?? []
    // The last line of a body is a short one, if need be an empty one.
    return [`-> ${words.join(' ')}`, ...full, ...(text.length % 64 === 0 ? [''] : [])]
  })
  return utf8([VERSION_LINE, ...lines, '---'].join('\n'))
}

function readHeader(header: Uint8Array): {
  readonly stanzas: readonly Stanza[]
  readonly unsigned: Uint8Array
  readonly mac: Uint8Array
} {
  const lines = linesIn(header)
  if (lines.shift() !== VERSION_LINE) throw invalid('it is none of age, version 1')
  const last = lines.pop() ?? ''
  const mac = last.startsWith('--- ') ? readUnpadded(last.slice(4)) : undefined
  if (mac?.length !== MAC_OCTETS) throw invalid('its header has no good end')
  const stanzas: Stanza[] = []
  while (lines.length > 0) {
    if (stanzas.length === STANZAS_MAX) throw invalid(`it has more than ${STANZAS_MAX} recipients`)
    stanzas.push(takeStanza(lines))
  }
  const unsigned = header.subarray(0, header.length - last.length - 1 + 3)
  return { stanzas, unsigned, mac }
}

/** Takes the lines of one stanza off the front. */
function takeStanza(lines: string[]): Stanza {
  const words = (lines.shift() ?? '').split(' ')
  const isGood = words.length >= 2 && words[0] === '->' && words.every((one) => WORD.test(one))
  if (!isGood) throw invalid('its header has a line that is none')
  const parts: Uint8Array[] = []
  for (;;) {
    const line = lines.shift()
    const octets = line === undefined || line.length > 64 ? undefined : readUnpadded(line)
    if (octets === undefined) throw invalid('a stanza of its header is not whole')
    parts.push(octets)
    if (octets.length < 48) return { words: words.slice(1), body: concat(...parts) }
  }
}

function linesIn(header: Uint8Array): string[] {
  try {
    return textOf(header.subarray(0, -1)).split('\n')
  } catch (cause) {
    throw invalid('its header is not text', cause)
  }
}

function fileKeyOf(stanzas: readonly Stanza[], identities: readonly AgeIdentity[]): Uint8Array {
  for (const identity of identities) {
    for (const stanza of stanzas) {
      const key = unwrapBy(identity, stanza)
      if (key !== undefined) return key
    }
  }
  throw new AgeRefusal('AGE_IDENTITY_DENIED', 'The file is for none of these identities')
}

/** The header, to the end of the line with its MAC, and what follows. */
async function splitHeader(
  file: Octets,
): Promise<{ readonly header: Uint8Array; readonly rest: AsyncIterable<Uint8Array> }> {
  const source: AsyncIterator<Uint8Array, undefined> = asyncOf(file)
  let taken: Uint8Array = new Uint8Array(0)
  for (;;) {
    const end = endOfHeader(taken)
    if (end !== undefined) {
      const left = taken.slice(end)
      return { header: taken.slice(0, end), rest: following(left, source) }
    }
    if (taken.length > HEADER_OCTETS_MAX) throw invalid('its header is too long')
    const { done, value } = await source.next()
    if (done === true) throw invalid('it ends within its header')
    taken = concat(taken, value)
  }
}

function endOfHeader(octets: Uint8Array): number | undefined {
  const text = new TextDecoder('latin1').decode(octets.subarray(0, HEADER_OCTETS_MAX))
  const last = text.search(/\n--- [^\n]*\n/)
  return last < 0 ? undefined : text.indexOf('\n', last + 1) + 1
}

async function* following(
  first: Uint8Array,
  source: AsyncIterator<Uint8Array, undefined>,
): AsyncGenerator<Uint8Array> {
  yield first
  for (;;) {
    const { done, value } = await source.next()
    if (done === true) return
    yield value
  }
}

/** Octets in chunks of one size, the last perhaps shorter; the very first perhaps of another. */
async function* chunksOf(
  octets: Octets,
  size: number,
  firstSize = size,
): AsyncGenerator<Uint8Array> {
  let chunk = new Uint8Array(firstSize)
  let filled = 0
  for await (const part of octets) {
    for (let at = 0; at < part.length;) {
      const taken = part.subarray(at, at + chunk.length - filled)
      chunk.set(taken, filled)
      at += taken.length
      filled += taken.length
      if (filled < chunk.length) continue
      yield chunk
      chunk = new Uint8Array(size)
      filled = 0
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled)
}

async function* asyncOf(octets: Octets): AsyncGenerator<Uint8Array, undefined> {
  yield* octets
  return undefined
}

/** Nonces of STREAM: eleven octets of a counter, and whether the chunk is the last. */
class ChunkCounter {
  readonly #key: Uint8Array
  #number = 0

  constructor(key: Uint8Array) {
    this.#key = key
  }

  next(isLast: boolean) {
    assert(this.#number < CHUNKS_MAX, 'an age file has fewer chunks than its counter counts')
    const nonce = new Uint8Array(12)
    new DataView(nonce.buffer).setUint32(7, this.#number++)
    nonce[11] = isLast ? 1 : 0
    return { key: this.#key, nonce, associated: new Uint8Array(0) }
  }
}

function opened(input: Parameters<typeof open>[1], sealed: Uint8Array): Uint8Array {
  try {
    return open(CHACHA, input, sealed)
  } catch (cause) {
    throw invalid('its content was changed or cut', cause)
  }
}

const macOf = (fileKey: Uint8Array, unsigned: Uint8Array): Uint8Array =>
  hmac('sha256', derived(fileKey, new Uint8Array(0), 'header'), unsigned)

const payloadKey = (fileKey: Uint8Array, nonce: Uint8Array): Uint8Array =>
  derived(fileKey, nonce, 'payload')

const derived = (secret: Uint8Array, salt: Uint8Array, info: string): Uint8Array =>
  hkdf('sha256', { secret, salt, info: utf8(info), length: 32 })

const invalid = (why: string, cause?: unknown): AgeRefusal =>
  new AgeRefusal('AGE_FILE_INVALID', `The age file is refused: ${why}`, { cause })

const CHACHA = 'chacha20-poly1305'
const VERSION_LINE = 'age-encryption.org/v1'
const WORD = /^[\x21-\x7e]+$/
const MAC_OCTETS = 32
const NONCE_OCTETS = 16
const CHUNK_OCTETS = 65_536
const SEALED_OCTETS = CHUNK_OCTETS + 16
/** As many as fit four octets of the counter: 256 TiB. */
const CHUNKS_MAX = 2 ** 32
const STANZAS_MAX = 20
const HEADER_OCTETS_MAX = 65_536
