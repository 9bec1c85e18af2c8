/**
 * Signed notes: a text, an empty line, and one signature line for each key.
 *
 * The outermost form of checkpoints and cosignatures. A signature line carries the signer's name and
 * four octets of key ID, neither of which is signed: both only say which key to try. Lines of keys
 * we do not know are ignored, as the format demands, so whoever needs *all* lines to be known
 * compares them himself.
 *
 * @see C2SP signed-note v1.0.0
 * @module
 */

import { base64, concat, fromBase64, sameOctets, textOf, utf8 } from '#base'
import { sha256 } from '#crypto'

/** Signature type identifier bytes assigned by C2SP signed-note and tlog-cosignature. */
export type SignatureType = 0x01 | 0x04 | 0x06

/** One signature line, taken apart. */
export interface NoteSignature {
  readonly name: string
  /** 4 octets. */
  readonly keyId: Uint8Array
  /** What follows the key ID: a bare signature, or a timestamp and a signature. */
  readonly signature: Uint8Array
}

export interface Note {
  /** With its final newline, without the empty line. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

/** Key ID of a note key: SHA-256(name ‖ LF ‖ type ‖ public key), its first four octets. */
export const keyIdOf = (name: string, type: SignatureType, publicKey: Uint8Array): Uint8Array =>
  sha256(utf8(`${name}\n`), Uint8Array.of(type), publicKey).slice(0, 4)

/** The verifier key of a note key, `name+keyid+base64`, as Go's sumdb and C2SP tools read it. */
export function vkeyOf(name: string, type: SignatureType, publicKey: Uint8Array): string {
  const keyId = keyIdOf(name, type, publicKey).toHex()
  return `${name}+${keyId}+${base64(concat(Uint8Array.of(type), publicKey))}`
}

/** A signature line with its newline. */
export const signatureLine = ({ name, keyId, signature }: NoteSignature): string =>
  `\u2014 ${name} ${base64(concat(keyId, signature))}\n`

/** A note of its text (with final newline) and signature lines (each with newline). */
export const noteOf = (text: string, lines: readonly string[]): string =>
  `${text}\n${lines.join('')}`

/** Takes a note apart, or says undefined if it is not one. */
export function parseNote(octets: Uint8Array): Note | undefined {
  const note = noteText(octets)
  if (note === undefined) return undefined
  const split = note.lastIndexOf('\n\n')
  if (split < 0) return undefined
  const lines = note.slice(split + 2).split('\n')
  if (lines.pop() !== '' || lines.length === 0 || lines.length > NOTE_SIGNATURES_MAX) {
    return undefined
  }
  const signatures: NoteSignature[] = []
  for (const line of lines) {
    const signature = parseSignatureLine(line)
    if (signature === undefined) return undefined
    signatures.push(signature)
  }
  return { text: note.slice(0, split + 1), signatures }
}

/** Takes one signature line (without newline) apart, or says undefined if it is not one. */
export function parseSignatureLine(line: string): NoteSignature | undefined {
  const parts = line.split(' ')
  const [dash, name, encoded] = parts
  if (parts.length !== 3 || dash !== '\u2014') return undefined
  if (!isKeyName(name)) return undefined
  const octets = canonicalBase64(encoded)
  if (octets === undefined || octets.length <= 4) return undefined
  return { name, keyId: octets.subarray(0, 4), signature: octets.subarray(4) }
}

/** Whether a text may name a key: not empty, no space of any kind, no plus, no control character. */
export const isKeyName = (name: string): boolean => KEY_NAME.test(name)

/** All signature lines of this key: by the format there is one, but nothing stops a second. */
export function signaturesOf(
  signatures: readonly NoteSignature[],
  key: { readonly name: string; readonly type: SignatureType; readonly publicKey: Uint8Array },
): readonly NoteSignature[] {
  const keyId = keyIdOf(key.name, key.type, key.publicKey)
  return signatures.filter((line) => line.name === key.name && sameOctets(line.keyId, keyId))
}

/** Octets of base64 in its one canonical spelling, else undefined. */
export function canonicalBase64(text: string): Uint8Array | undefined {
  if (!BASE64.test(text)) return undefined
  try {
    return fromBase64(text)
  } catch {
    return undefined
  }
}

function noteText(octets: Uint8Array): string | undefined {
  if (octets.length > NOTE_OCTETS_MAX) return undefined
  for (const octet of octets) if (octet < 0x20 && octet !== 0x0a) return undefined
  try {
    return textOf(octets)
  } catch {
    return undefined
  }
}

/** Octets of one note: sixty-four signatures of ML-DSA-44 and a text. */
export const NOTE_OCTETS_MAX = 262_144
const NOTE_SIGNATURES_MAX = 64
const KEY_NAME = /^[^\p{White_Space}\p{Cc}+]{1,255}$/u
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/
