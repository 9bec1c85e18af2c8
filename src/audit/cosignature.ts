/**
 * Cosignatures: a timestamped statement that a checkpoint is consistent with all earlier ones.
 *
 * A witness makes two, Ed25519 (type 0x04) and ML-DSA-44 (type 0x06), and both are required to
 * count as one witness. A log signs its own checkpoints with the same ML-DSA-44 form, as C2SP
 * recommends; the time in it is the time of the checkpoint.
 *
 * A cosignature proves what a witness saw, not that the entries are true, and a witness that
 * conspires with the log proves nothing.
 *
 * @see C2SP tlog-cosignature (Ed25519 and ML-DSA-44 signed messages)
 * @module
 */

import { assert, concat, epochMs, uint64, utf8, type EpochMs } from '#base'
import {
  signBareEd25519,
  signBareMlDsa,
  verifyBareEd25519,
  verifyBareMlDsa,
  type SigningKeyPair,
} from '#crypto'
import {
  isKeyName,
  keyIdOf,
  signatureLine,
  signaturesOf,
  type NoteSignature,
  type SignatureType,
} from './note.ts'

/** The public note keys of a log (its name is the origin) or of a cosigner. */
export interface NoteVerifier {
  readonly name: string
  /** 32 octets. */
  readonly ed25519: Uint8Array
  /** 1312 octets. */
  readonly mlDsa44: Uint8Array
}

/** The private note keys of a log or of a cosigner. A site uses one pair of keys for both. */
export interface NoteSigner {
  readonly name: string
  readonly ed25519: SigningKeyPair
  readonly mlDsa44: SigningKeyPair
}

/** A tree head: `size` leaves with this root, of the log of this origin. */
export interface TreeHead {
  readonly origin: string
  readonly size: number
  /** 32 octets. */
  readonly root: Uint8Array
}

/** What the signature lines of one key say: none there, all good (with their time), or a bad one. */
export type LineCheck =
  { readonly kind: 'absent' } | { readonly kind: 'good'; readonly at: EpochMs } | { kind: 'bad' }

/** The public half of a signer. */
export const noteVerifierOf = ({ name, ed25519, mlDsa44 }: NoteSigner): NoteVerifier => ({
  name,
  ed25519: ed25519.publicKey,
  mlDsa44: mlDsa44.publicKey,
})

/**
 * The name under which the site of a log cosigns the logs of others.
 *
 * A name of its own, because Ed25519 cosignatures do not commit to the name of the cosigner.
 */
export const cosignerNameOf = (origin: string): string => `${origin}/cosigner`

/** Checks names and key types once, where keys are handed in. */
export function assertSigner(signer: NoteSigner): void {
  assert(isKeyName(signer.name) && utf8(signer.name).length <= 255, 'a note key has a valid name')
  // An Ed25519 cosignature of a log of this name could be read as a checkpoint of it.
  assert(signer.name !== 'cosignature/v1', 'a log is not named like a cosignature header')
  assert(signer.ed25519.name === 'ed25519', 'the classical note key is Ed25519')
  assert(signer.mlDsa44.name === 'ml-dsa-44', 'the post-quantum note key is ML-DSA-44')
}

/** The ML-DSA-44 line (type 0x06) over a tree head. @param at milliseconds; seconds are signed */
export function mlDsaLine(signer: NoteSigner, head: TreeHead, at: EpochMs): string {
  const seconds = secondsOf(at)
  const message = subtreeMessage(signer.name, head, seconds)
  return signatureLine({
    name: signer.name,
    keyId: keyIdOf(signer.name, 0x06, signer.mlDsa44.publicKey),
    signature: concat(uint64(seconds), signBareMlDsa(signer.mlDsa44, message)),
  })
}

/** The Ed25519 line (type 0x04) over the whole text of a checkpoint. */
export function ed25519Line(signer: NoteSigner, text: string, at: EpochMs): string {
  const seconds = secondsOf(at)
  return signatureLine({
    name: signer.name,
    keyId: keyIdOf(signer.name, 0x04, signer.ed25519.publicKey),
    signature: concat(uint64(seconds), signBareEd25519(signer.ed25519, v1Message(text, seconds))),
  })
}

/** Checks the lines of type 0x06 of one key. */
export const checkMlDsaLines = (
  key: NoteVerifier,
  head: TreeHead,
  signatures: readonly NoteSignature[],
): LineCheck =>
  checkLines(signatures, { name: key.name, type: 0x06, publicKey: key.mlDsa44 }, (line) => {
    const message = subtreeMessage(key.name, head, line.seconds)
    const publicKey = { name: 'ml-dsa-44', publicKey: key.mlDsa44 } as const
    return verifyBareMlDsa(publicKey, message, line.signature)
  })

/** Checks the lines of type 0x04 of one key. */
export const checkEd25519Lines = (
  key: NoteVerifier,
  text: string,
  signatures: readonly NoteSignature[],
): LineCheck =>
  checkLines(signatures, { name: key.name, type: 0x04, publicKey: key.ed25519 }, (line) =>
    verifyBareEd25519(key.ed25519, v1Message(text, line.seconds), line.signature),
  )

interface TimestampedSignature {
  readonly seconds: number
  readonly signature: Uint8Array
}

function checkLines(
  signatures: readonly NoteSignature[],
  key: { readonly name: string; readonly type: SignatureType; readonly publicKey: Uint8Array },
  isGood: (line: TimestampedSignature) => boolean,
): LineCheck {
  const lines = signaturesOf(signatures, key)
  if (lines.length === 0) return { kind: 'absent' }
  let seconds = 0
  for (const { signature } of lines) {
    const line = timestamped(signature)
    if (line === undefined || !isGood(line)) return { kind: 'bad' }
    seconds = Math.max(seconds, line.seconds)
  }
  return { kind: 'good', at: epochMs(seconds * 1000) }
}

function timestamped(octets: Uint8Array): TimestampedSignature | undefined {
  if (octets.length <= 8) return undefined
  const view = new DataView(octets.buffer, octets.byteOffset, 8)
  const seconds = Number(view.getBigUint64(0))
  return seconds <= SECONDS_MAX ? { seconds, signature: octets.subarray(8) } : undefined
}

/** `cosigned_message` of tlog-cosignature, for the subtree that is the whole tree. */
function subtreeMessage(cosigner: string, head: TreeHead, seconds: number): Uint8Array {
  return concat(
    SUBTREE_LABEL,
    opaque(cosigner),
    uint64(seconds),
    opaque(head.origin),
    uint64(0),
    uint64(head.size),
    head.root,
  )
}

const v1Message = (text: string, seconds: number): Uint8Array =>
  utf8(`cosignature/v1\ntime ${seconds}\n${text}`)

/** `opaque<1..2^8-1>` of RFC 8446 §3.4. */
function opaque(text: string): Uint8Array {
  const octets = utf8(text)
  assert(octets.length > 0 && octets.length <= 255, 'a name has 1 to 255 octets')
  return concat(Uint8Array.of(octets.length), octets)
}

const secondsOf = (at: EpochMs): number => Math.floor(at / 1000)

const SUBTREE_LABEL = utf8('subtree/v1\n\0')
/** So that the time in milliseconds is still a whole number. */
const SECONDS_MAX = Math.floor(Number.MAX_SAFE_INTEGER / 1000)
