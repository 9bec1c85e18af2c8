/**
 * Signed checkpoints checked anywhere: whose they are, and which witnesses cosigned them.
 *
 * A log and a witness have two keys each, Ed25519 and ML-DSA-44, and both must have signed. Where a
 * machine cannot check one of the two, it says so and does not call it good. Stands alone, like
 * `proof-tree`.
 *
 * @see C2SP signed-note, tlog-checkpoint, tlog-cosignature
 * @module
 */

import {
  isSame,
  joined,
  octetsOfBase64,
  type NoteAlgorithm,
  type ProofPowers,
  type ProofTree,
} from './proof-tree.ts'

/** The two verifier keys of a log or of a witness, as C2SP writes them: `name+keyid+base64`. */
export interface NoteKeys {
  readonly name: string
  readonly keys: readonly NoteKey[]
}

/** One key of a log or of a witness. */
export interface NoteKey {
  readonly name: string
  /** C2SP's type octet: 1 and 4 are Ed25519, a note and a cosignature; 6 is ML-DSA-44. */
  readonly type: number
  readonly algorithm: NoteAlgorithm
  /** 4 octets. */
  readonly id: Uint8Array
  readonly octets: Uint8Array
  /** The line itself. */
  readonly text: string
}

/** What the two signatures of one signer are. */
export type SignatureState =
  /** Both good. */
  | 'good'
  /** One is good; this machine cannot check the other. */
  | 'half-checked'
  /** One is wrong, or one of two is absent. */
  | 'bad'
  | 'absent'

/** A checkpoint taken apart; nothing of it checked. */
export interface ProofNote {
  /** The three lines that are signed, with their newlines. */
  readonly text: string
  readonly origin: string
  readonly tree: ProofTree
  readonly lines: readonly SignatureLine[]
}

interface SignatureLine {
  readonly name: string
  readonly keyId: Uint8Array
  readonly signature: Uint8Array
}

/** A checkpoint and its signature lines; undefined for any other text. */
export function readNote(note: string): ProofNote | undefined {
  const split = note.lastIndexOf('\n\n')
  if (note.length > NOTE_CHARACTERS_MAX || split < 0) return undefined
  const text = note.slice(0, split + 1)
  const [origin, size, root, end, ...more] = text.split('\n')
  const hash = octetsOfBase64(root)
  if (origin === '' || end !== '' || more.length > 0 || hash?.length !== 32) return undefined
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(size) || !Number.isSafeInteger(Number(size)))
    return undefined
  const written = note.slice(split + 2).split('\n')
  if (written.pop() !== '' || written.length > SIGNATURES_MAX) return undefined
  const lines = written.map(lineOf)
  if (lines.some((line) => line === undefined)) return undefined
  const known = lines.filter((line) => line !== undefined)
  return { text, origin, tree: { size: Number(size), root: hash }, lines: known }
}

function lineOf(line: string): SignatureLine | undefined {
  const parts = /^\u2014 ([^\s+]{1,255}) (\S+)$/u.exec(line)
  if (parts === null) return undefined
  const [, name, encoded] = parts
  const octets = octetsOfBase64(encoded)
  if (octets === undefined || octets.length <= 4) return undefined
  return { name, keyId: octets.subarray(0, 4), signature: octets.subarray(4) }
}

/**
 * A verifier key of its text, its id computed anew.
 *
 * @returns undefined for any other text, and for a key of another algorithm
 */
export async function readNoteKey(
  { hash }: Pick<ProofPowers, 'hash'>,
  text: string,
): Promise<NoteKey | undefined> {
  const parts = /^([^\s+]{1,255})\+([0-9a-f]{8})\+(\S+)$/u.exec(text)
  if (parts === null) return undefined
  const [, name, id, encoded] = parts
  const octets = octetsOfBase64(encoded)
  if (octets === undefined) return undefined
  const [type, key] = [octets[0], octets.subarray(1)]
  const algorithm = type === 6 ? 'ml-dsa-44' : type === 1 || type === 4 ? 'ed25519' : undefined
  if (algorithm === undefined || key.length !== KEY_OCTETS[algorithm]) return undefined
  const named = joined(new TextEncoder().encode(`${name}\n`), octets)
  const computed = (await hash(named)).subarray(0, 4)
  if (computed.toHex() !== id) return undefined
  return { name, type, algorithm, id: computed, octets: key, text }
}

/** What a log's own two signatures on its checkpoint are, and the time in the one of ML-DSA-44. */
export async function logSignature(
  powers: ProofPowers,
  note: ProofNote,
  keys: readonly NoteKey[],
): Promise<SignerCheck> {
  const own = keys.filter(({ name, type }) => name === note.origin && type !== 4)
  return await signerCheck(powers, note, own)
}

/** What a witness's two cosignatures are. */
export async function witnessSignature(
  powers: ProofPowers,
  note: ProofNote,
  keys: readonly NoteKey[],
  witness: string,
): Promise<SignerCheck> {
  const own = keys.filter(({ name, type }) => name === witness && type !== 1)
  return await signerCheck(powers, note, own)
}

/** What a signer's signatures are, and when it signed, by its own clock, in seconds since 1970. */
export interface SignerCheck {
  readonly state: SignatureState
  readonly seconds: number | undefined
}

async function signerCheck(
  powers: ProofPowers,
  note: ProofNote,
  keys: readonly NoteKey[],
): Promise<SignerCheck> {
  const states: ('good' | 'unchecked' | 'bad' | 'absent')[] = []
  let seconds: number | undefined
  for (const algorithm of ['ed25519', 'ml-dsa-44'] as const) {
    const key = keys.find((one) => one.algorithm === algorithm)
    const lines = key === undefined ? [] : note.lines.filter((line) => isOf(line, key))
    if (key === undefined || lines.length === 0) states.push('absent')
    for (const line of key === undefined ? [] : lines) {
      const { message, signature, at } = signedBy(note, key as NoteKey, line)
      const good = message && (await powers.verify(key as NoteKey, message, signature))
      states.push(message === undefined || good === false ? 'bad' : good ? 'good' : 'unchecked')
      if (at !== undefined) seconds = Math.max(seconds ?? 0, at)
    }
  }
  return { state: stateOf(states), seconds }
}

function stateOf(states: readonly string[]): SignatureState {
  if (states.every((state) => state === 'absent')) return 'absent'
  if (states.includes('bad') || states.includes('absent')) return 'bad'
  if (states.every((state) => state === 'good')) return 'good'
  // Nothing that was checked is good: that is no proof of anything.
  return states.includes('good') ? 'half-checked' : 'bad'
}

const isOf = (line: SignatureLine, { name, id }: NoteKey): boolean =>
  line.name === name && isSame(line.keyId, id)

/** What a line signs, with which octets, and when. A key of type 1 signs the text and no time. */
function signedBy({ text, origin, tree }: ProofNote, key: NoteKey, { signature }: SignatureLine) {
  const octets = new TextEncoder()
  if (key.type === 1) return { message: octets.encode(text), signature, at: undefined }
  if (signature.length <= 8) return { message: undefined, signature, at: undefined }
  const time = new DataView(signature.buffer, signature.byteOffset, 8).getBigUint64(0)
  const at = Number(time)
  const message =
    key.type === 4
      ? octets.encode(`cosignature/v1\ntime ${time}\n${text}`)
      : joined(
          octets.encode('subtree/v1\n\0'),
          opaque(key.name),
          uint64(at),
          opaque(origin),
          uint64(0),
          uint64(tree.size),
          tree.root,
        )
  const isTime = Number.isSafeInteger(at * 1000)
  return { message: isTime ? message : undefined, signature: signature.subarray(8), at }
}

/** `opaque<1..2^8-1>` of RFC 8446 §3.4. */
function opaque(name: string): Uint8Array {
  const octets = new TextEncoder().encode(name)
  return joined(Uint8Array.of(octets.length), octets)
}

function uint64(value: number): Uint8Array {
  const octets = new Uint8Array(8)
  new DataView(octets.buffer).setBigUint64(0, BigInt(value))
  return octets
}

const KEY_OCTETS = { ed25519: 32, 'ml-dsa-44': 1312 } as const
const NOTE_CHARACTERS_MAX = 262_144
const SIGNATURES_MAX = 64
