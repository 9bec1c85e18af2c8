/**
 * Who can open an age file: X25519, and the hybrid of ML-KEM-768 and X25519.
 *
 * @see C2SP age-encryption.org/v1, "X25519 recipient stanza", "mlkem768x25519"; RFC 9180 (HPKE)
 * @module
 */

import { concat, utf8, type RandomSource } from '#base'
import {
  agreeX25519,
  decapsulateHybrid,
  encapsulateHybrid,
  hkdf,
  hkdfExpand,
  hmac,
  HYBRID_CIPHERTEXT_OCTETS,
  HYBRID_KEY_OCTETS,
  hybridPublicKeyOf,
  newX25519KeyPair,
  open,
  seal,
  x25519KeyPairOf,
} from '#crypto'
import { bech32, readBech32 } from './bech32.ts'
import { AgeRefusal } from './refusal.ts'

export type AgeKind = 'x25519' | 'hybrid'

/** Whom a file is for. */
export interface AgeRecipient {
  readonly kind: AgeKind
  readonly publicKey: Uint8Array
}

/** What opens files for its recipient; stays with its owner, who clears it. */
export interface AgeIdentity {
  readonly kind: AgeKind
  readonly secret: Uint8Array
}

/** One entry of a header. */
export interface Stanza {
  readonly words: readonly string[]
  readonly body: Uint8Array
}

/** A recipient from its text: `age1…`, `age1pq1…`. @throws AgeRefusal `RECIPIENT_INVALID` */
export function readRecipient(text: string): AgeRecipient {
  const read = text === text.toLowerCase() ? readBech32(text.trim()) : undefined
  for (const [kind, { recipient, keyOctets }] of KINDS) {
    if (read?.prefix !== recipient || read.octets.length !== keyOctets) continue
    return { kind, publicKey: read.octets }
  }
  const message = 'Expected a recipient of age: age1… (X25519) or age1pq1… (hybrid)'
  throw new AgeRefusal('RECIPIENT_INVALID', message)
}

/** Identities from a file of them, one a line, `#` before remarks. @throws AgeRefusal */
export function readIdentities(text: string): readonly AgeIdentity[] {
  const lines = text.split('\n').map((line) => line.trim())
  const found = lines.filter((line) => line !== '' && !line.startsWith('#')).map(readIdentity)
  if (found.length > 0 && found.length <= IDENTITIES_MAX) return found
  const message = `Expected 1 to ${IDENTITIES_MAX} identities of age, got ${found.length}`
  throw new AgeRefusal('IDENTITY_INVALID', message)
}

function readIdentity(line: string): AgeIdentity {
  const read = line === line.toUpperCase() ? readBech32(line) : undefined
  for (const [kind, { identity }] of KINDS) {
    if (read?.prefix === identity && read.octets.length === 32) {
      return { kind, secret: read.octets }
    }
  }
  throw new AgeRefusal('IDENTITY_INVALID', 'Expected an identity of age: AGE-SECRET-KEY-…')
}

/** A new identity of the hybrid kind, as text. */
export const newIdentity = (random: RandomSource): string =>
  bech32('age-secret-key-pq-', random.octets(32)).toUpperCase()

/** The recipient of an identity, as text. */
export function recipientOf({ kind, secret }: AgeIdentity): string {
  return kind === 'hybrid'
    ? bech32('age1pq', hybridPublicKeyOf(secret))
    : bech32('age', x25519KeyPairOf(secret).publicKey)
}

/** Wraps the key of a file for a recipient. @throws CryptoRefusal for a key that is none */
export function wrapFor({ kind, publicKey }: AgeRecipient, fileKey: Uint8Array): Stanza {
  if (kind === 'hybrid') {
    const { sharedSecret, ciphertext } = encapsulateHybrid(publicKey)
    const body = seal(CHACHA, hpkeKey(sharedSecret), fileKey)
    return { words: [HYBRID, unpadded(ciphertext)], body }
  }
  const own = newX25519KeyPair()
  const agreed = agreeX25519(own.privateKey, publicKey)
  const key = agreedKey(agreed, own.publicKey, publicKey)
  return { words: ['X25519', unpadded(own.publicKey)], body: seal(CHACHA, key, fileKey) }
}

/** The key of a file; undefined where the stanza is for somebody else. @throws AgeRefusal */
export function unwrapBy({ kind, secret }: AgeIdentity, stanza: Stanza): Uint8Array | undefined {
  const [name, share, ...more] = stanza.words as readonly (string | undefined)[]
  if (name !== (kind === 'hybrid' ? HYBRID : 'X25519')) return undefined
  const octets = share === undefined ? undefined : readUnpadded(share)
  const size = kind === 'hybrid' ? HYBRID_CIPHERTEXT_OCTETS : 32
  if (octets?.length !== size || more.length > 0 || stanza.body.length !== FILE_KEY_OCTETS + 16) {
    throw new AgeRefusal('AGE_FILE_INVALID', 'A stanza of the header is not as its kind has it')
  }
  try {
    return open(CHACHA, keyBy({ kind, secret }, octets), stanza.body)
  } catch {
    return undefined
  }
}

function keyBy({ kind, secret }: AgeIdentity, share: Uint8Array) {
  if (kind === 'hybrid') return hpkeKey(decapsulateHybrid(secret, share))
  const own = x25519KeyPairOf(secret)
  return agreedKey(agreeX25519(own.privateKey, share), share, own.publicKey)
}

function agreedKey(secret: Uint8Array, share: Uint8Array, recipient: Uint8Array) {
  const info = utf8('age-encryption.org/v1/X25519')
  const key = hkdf('sha256', { secret, salt: concat(share, recipient), info, length: 32 })
  return { key, nonce: new Uint8Array(12), associated: NONE }
}

/** Key and first nonce of HPKE in base mode (RFC 9180 §5.1), with HKDF-SHA-256. */
function hpkeKey(sharedSecret: Uint8Array) {
  const context = concat(
    Uint8Array.of(0),
    labeledExtract(NONE, 'psk_id_hash', NONE),
    labeledExtract(NONE, 'info_hash', utf8(`age-encryption.org/${HYBRID}`)),
  )
  const secret = labeledExtract(sharedSecret, 'secret', NONE)
  const expand = (label: string, length: number): Uint8Array => {
    const prefix = concat(Uint8Array.of(0, length), VERSION, SUITE, utf8(label))
    return hkdfExpand('sha256', { key: secret, info: concat(prefix, context), length })
  }
  return { key: expand('key', 32), nonce: expand('base_nonce', 12), associated: NONE }
}

/** HKDF-Extract is HMAC with the salt as key; no salt is a key of zeros, which HMAC pads to anyway. */
const labeledExtract = (salt: Uint8Array, label: string, input: Uint8Array): Uint8Array =>
  hmac('sha256', salt, VERSION, SUITE, utf8(label), input)

/** Base64 without padding, as age writes it. */
export const unpadded = (octets: Uint8Array): string => octets.toBase64({ omitPadding: true })

/** Undefined for anything but canonical base64 without padding. */
export function readUnpadded(text: string): Uint8Array | undefined {
  try {
    const octets = Uint8Array.fromBase64(text, { lastChunkHandling: 'loose' })
    return unpadded(octets) === text ? octets : undefined
  } catch {
    return undefined
  }
}

export const FILE_KEY_OCTETS = 16
const IDENTITIES_MAX = 16
const CHACHA = 'chacha20-poly1305'
const HYBRID = 'mlkem768x25519'
const NONE = new Uint8Array(0)
const VERSION = utf8('HPKE-v1')
/** KEM 0x647a, HKDF-SHA-256, ChaCha20-Poly1305. */
const SUITE = concat(utf8('HPKE'), Uint8Array.of(0x64, 0x7a, 0, 1, 0, 3))
const KINDS = [
  ['x25519', { recipient: 'age', identity: 'age-secret-key-', keyOctets: 32 }],
  ['hybrid', { recipient: 'age1pq', identity: 'age-secret-key-pq-', keyOctets: HYBRID_KEY_OCTETS }],
] as const
