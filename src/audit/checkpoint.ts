/**
 * Checkpoints: the signed size and root of a log, and what proves them good.
 *
 * A checkpoint is a signed note of three lines: origin, size, root. The log signs it with Ed25519
 * (type 0x01, which every C2SP tool reads) and with ML-DSA-44 (type 0x06); both are required here.
 * Witnesses add their cosignatures as further lines. Verification needs public keys only.
 *
 * A checkpoint without witnesses binds the log to nothing: whoever holds the disk and the log's keys
 * can sign another history.
 *
 * @see C2SP tlog-checkpoint, signed-note, tlog-cosignature
 * @module
 */

import { base64, utf8, type EpochMs } from '#base'
import { signBareEd25519, verifyBareEd25519 } from '#crypto'
import {
  checkEd25519Lines,
  checkMlDsaLines,
  mlDsaLine,
  type NoteSigner,
  type NoteVerifier,
  type TreeHead,
} from './cosignature.ts'
import {
  canonicalBase64,
  keyIdOf,
  noteOf,
  parseNote,
  signatureLine,
  signaturesOf,
  type Note,
} from './note.ts'

/** Whose signatures a checkpoint must carry. */
export interface CheckpointPolicy {
  readonly log: NoteVerifier
  /** Witnesses whose cosignatures count; lines of others are ignored. */
  readonly witnesses?: readonly NoteVerifier[]
  /** How many of them must have cosigned, each with both signatures. Default 0. */
  readonly witnessesLeast?: number
}

/** A witness that cosigned, and when, by its own clock, in whole seconds. */
export interface Witnessed {
  readonly name: string
  readonly at: EpochMs
}

export interface VerifiedCheckpoint extends TreeHead {
  /** Time in the log's own signature, in whole seconds. Its own claim: witnesses say more. */
  readonly at: EpochMs
  readonly witnesses: readonly Witnessed[]
}

export type CheckpointRefusal =
  /** Not a signed note with the three lines of a checkpoint. */
  | 'note-malformed'
  /** Of another log. */
  | 'origin-other'
  /** One of the log's two signatures is absent. */
  | 'signature-missing'
  /** One of the log's two signatures is wrong. */
  | 'signature-invalid'
  /** A known witness's cosignature is wrong, or one of its two is absent. */
  | 'cosignature-invalid'
  | 'witnesses-too-few'

export type CheckpointCheck =
  | { readonly kind: 'verified'; readonly checkpoint: VerifiedCheckpoint }
  | { readonly kind: 'refused'; readonly reason: CheckpointRefusal }

/** The note text of a tree head: three lines, no extension. */
export const checkpointText = ({ origin, size, root }: TreeHead): string =>
  `${origin}\n${size}\n${base64(root)}\n`

/** The checkpoint of a tree head, signed with both keys of the log whose origin is `signer.name`. */
export function signCheckpoint(signer: NoteSigner, head: TreeHead, at: EpochMs): string {
  const text = checkpointText(head)
  const ed25519 = signatureLine({
    name: signer.name,
    keyId: keyIdOf(signer.name, 0x01, signer.ed25519.publicKey),
    signature: signBareEd25519(signer.ed25519, utf8(text)),
  })
  return noteOf(text, [ed25519, mlDsaLine(signer, head, at)])
}

/** Checks a checkpoint against a policy. Pure; needs no log and no network. */
export function verifyCheckpoint(note: Uint8Array, policy: CheckpointPolicy): CheckpointCheck {
  const parsed = parseNote(note)
  const head = parsed === undefined ? undefined : treeHeadOf(parsed.text)
  if (parsed === undefined || head === undefined) return refused('note-malformed')
  if (head.origin !== policy.log.name) return refused('origin-other')
  const own = ownSignatures(parsed, head, policy.log)
  if (typeof own === 'string') return refused(own)
  const witnesses: Witnessed[] = []
  for (const witness of policy.witnesses ?? []) {
    const seen = witnessOf(parsed, head, witness)
    if (seen === 'invalid') return refused('cosignature-invalid')
    if (seen !== undefined) witnesses.push(seen)
  }
  if (witnesses.length < (policy.witnessesLeast ?? 0)) return refused('witnesses-too-few')
  return { kind: 'verified', checkpoint: { ...head, at: own.at, witnesses } }
}

/** The tree head of a checkpoint's text; undefined for any other text, and for extension lines. */
export function treeHeadOf(text: string): TreeHead | undefined {
  const [origin, size, root, end, ...more] = text.split('\n')
  if (origin === '' || end !== '' || more.length > 0 || !SIZE.test(size)) return undefined
  const octets = canonicalBase64(root)
  if (octets?.length !== 32 || !Number.isSafeInteger(Number(size))) return undefined
  return { origin, size: Number(size), root: octets }
}

/** What a witness said of a checkpoint: nothing, both signatures good, or something wrong. */
export function witnessOf(
  note: Note,
  head: TreeHead,
  witness: NoteVerifier,
): Witnessed | 'invalid' | undefined {
  const classical = checkEd25519Lines(witness, note.text, note.signatures)
  const postQuantum = checkMlDsaLines(witness, head, note.signatures)
  if (classical.kind === 'absent' && postQuantum.kind === 'absent') return undefined
  if (classical.kind !== 'good' || postQuantum.kind !== 'good') return 'invalid'
  return { name: witness.name, at: postQuantum.at }
}

function ownSignatures(
  note: Note,
  head: TreeHead,
  log: NoteVerifier,
): { readonly at: EpochMs } | CheckpointRefusal {
  const ed25519 = { name: log.name, type: 0x01, publicKey: log.ed25519 } as const
  const lines = signaturesOf(note.signatures, ed25519)
  const postQuantum = checkMlDsaLines(log, head, note.signatures)
  if (lines.length === 0 || postQuantum.kind === 'absent') return 'signature-missing'
  const text = utf8(note.text)
  const good = lines.every(({ signature }) => verifyBareEd25519(log.ed25519, text, signature))
  if (!good || postQuantum.kind === 'bad') return 'signature-invalid'
  return { at: postQuantum.at }
}

const refused = (reason: CheckpointRefusal): CheckpointCheck => ({ kind: 'refused', reason })

const SIZE = /^(?:0|[1-9][0-9]{0,15})$/
