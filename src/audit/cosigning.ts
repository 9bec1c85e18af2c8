/**
 * The log's side of witnessing: asking, storing what was cosigned, comparing at start, and making
 * proofs for others.
 *
 * After each checkpoint the host asks every witness with `cosignRequest` and hands the answer to
 * `addCosignatures`. At start it asks them what they have seen and lets `compareWithWitness` judge:
 * a log that is behind its witness has lost entries or was restored from a copy, and must not go on.
 *
 * @see C2SP tlog-witness, tlog-proof
 * @module
 */

import { sameOctets, textOf, utf8 } from '#base'
import { verifyCheckpoint, witnessOf, type VerifiedCheckpoint } from './checkpoint.ts'
import type { NoteVerifier } from './cosignature.ts'
import type { AuditLog } from './log.ts'
import type { CosignReply, CosignRequest, SeenReply } from './messages.ts'
import { parseNote, signatureLine, signaturesOf, type Note } from './note.ts'
import { receiptText } from './receipt.ts'
import { AuditRefusal } from './refusal.ts'
import {
  octetsOf,
  putCosignature,
  selectCosignatures,
  selectCosigned,
  selectCosignedSize,
  selectEntries,
  wholeOf,
} from './tables.ts'
import { checkpointOf, consistencyPath, inclusionPath, rootAt } from './tree-store.ts'

/** What to ask a witness. */
export type CosignQuestion =
  | { readonly kind: 'request'; readonly request: CosignRequest }
  /** It has cosigned the newest checkpoint, or there is none. */
  | { readonly kind: 'nothing' }
  /** It has seen more than this log has: the log has lost entries. Stop the site. */
  | { readonly kind: 'behind'; readonly heldSize: number; readonly size: number }

/**
 * The request that asks a witness to cosign the newest checkpoint.
 *
 * @param heldSize   what the witness says it has seen (`size-other`); by default the largest
 *   checkpoint that it has cosigned here
 */
export async function cosignRequest(
  log: AuditLog,
  cosigner: string,
  heldSize?: number,
): Promise<CosignQuestion> {
  const newest = await log.newest()
  const cosigned = await cosignedSize(log, cosigner)
  const size = newest?.size ?? 0
  const oldSize = heldSize ?? cosigned
  if (oldSize > size) return { kind: 'behind', heldSize: oldSize, size }
  if (newest === undefined || cosigned === size) return { kind: 'nothing' }
  const proof = await consistencyPath(log.source, oldSize, size)
  return { kind: 'request', request: { oldSize, proof, note: utf8(newest.note) } }
}

/**
 * Stores a witness's cosignature beside its checkpoint, once both signatures are good.
 *
 * @throws AuditRefusal `AUDIT_COSIGNATURE_INVALID`, `AUDIT_NOT_FOUND`; nothing is stored
 */
export async function addCosignatures(
  log: AuditLog,
  witness: NoteVerifier,
  reply: Extract<CosignReply, { outcome: 'cosigned' }>,
): Promise<void> {
  const { site, store } = log.source
  const checkpoint = await checkpointOf(log.source, log.verifier, reply.size)
  if (checkpoint === undefined) throw notFound('checkpoint', reply.size)
  const note = parseNote(utf8(checkpoint.note + reply.lines))
  const seen = note === undefined ? undefined : witnessOf(note, checkpoint, witness)
  if (note === undefined || seen === undefined || seen === 'invalid') {
    throw new AuditRefusal('AUDIT_COSIGNATURE_INVALID', 'A cosignature does not verify', {
      facts: { cosigner: witness.name, size: reply.size },
    })
  }
  const { name } = witness
  const lines = utf8(bothLines(note, witness))
  await store.commit([putCosignature(site, { size: reply.size, cosigner: name, lines })])
}

/** The signed note of the checkpoint of exactly `size` leaves, with all cosignatures stored. */
export async function cosignedNote(log: AuditLog, size: number): Promise<string | undefined> {
  const { site, store } = log.source
  const checkpoint = await checkpointOf(log.source, log.verifier, size)
  if (checkpoint === undefined) return undefined
  const rows = await store.read(selectCosignatures(site, size, size))
  return checkpoint.note + rows.map((row) => textOf(octetsOf(row['lines']))).join('')
}

/** How a log stands against what a witness has seen of it. */
export type WitnessComparison =
  /** Everything the witness saw is a beginning of this log; undefined: it has seen nothing. */
  | { readonly kind: 'consistent'; readonly seen: VerifiedCheckpoint | undefined }
  /** The witness saw more: entries are lost, or the store is an old copy. Do not go on. */
  | { readonly kind: 'behind'; readonly seen: VerifiedCheckpoint; readonly size: number }
  /** The witness saw another history: this log was rewritten. Do not go on. */
  | { readonly kind: 'forked'; readonly seen: VerifiedCheckpoint }
  /** What the witness shows was not signed by this log: the witness errs or lies. */
  | { readonly kind: 'unproven' }

/**
 * Judges the answer of a witness at start.
 *
 * A witness cannot stop a site by an invented size: it must show a checkpoint with the log's own two
 * signatures.
 */
export async function compareWithWitness(
  log: AuditLog,
  { note }: SeenReply,
): Promise<WitnessComparison> {
  if (note === null) return { kind: 'consistent', seen: undefined }
  const check = verifyCheckpoint(note, { log: log.verifier })
  if (check.kind === 'refused') return { kind: 'unproven' }
  const seen = check.checkpoint
  const size = (await log.newest())?.size ?? 0
  if (seen.size > size) return { kind: 'behind', seen, size }
  const root = await rootAt(log.source, seen.size)
  return sameOctets(root, seen.root) ? { kind: 'consistent', seen } : { kind: 'forked', seen }
}

export type Receipt =
  | { readonly kind: 'receipt'; readonly text: string; readonly size: number }
  /** No checkpoint with so many witnesses covers the entry yet. */
  | { readonly kind: 'pending' }

/**
 * The receipt of an entry: an offline proof under the newest checkpoint that covers it and that at
 * least `witnessesLeast` sites have cosigned.
 *
 * @throws AuditRefusal `AUDIT_NOT_FOUND` if there is no such entry
 */
export async function receiptOf(
  log: AuditLog,
  index: number,
  witnessesLeast: number,
): Promise<Receipt> {
  const { site, store } = log.source
  const row = (await store.read(selectEntries(site, index, 1))).at(0)
  if (row === undefined || wholeOf(row['ix']) !== index) throw notFound('entry', index)
  const size = await provingSize(log, index, witnessesLeast)
  if (size === undefined) return { kind: 'pending' }
  const checkpoint = await cosignedNote(log, size)
  if (checkpoint === undefined) throw notFound('checkpoint', size)
  const path = await inclusionPath(log.source, index, size)
  const leaf = octetsOf(row['leaf'])
  return { kind: 'receipt', size, text: receiptText({ leaf, index, path, checkpoint }) }
}

/** The two lines of a witness, and nothing else that came with them. */
function bothLines({ signatures }: Note, { name, ed25519, mlDsa44 }: NoteVerifier): string {
  const [classical] = signaturesOf(signatures, { name, type: 0x04, publicKey: ed25519 })
  const [postQuantum] = signaturesOf(signatures, { name, type: 0x06, publicKey: mlDsa44 })
  return signatureLine(classical) + signatureLine(postQuantum)
}

async function provingSize(
  log: AuditLog,
  index: number,
  witnessesLeast: number,
): Promise<number | undefined> {
  if (witnessesLeast > 0) {
    const { site, store } = log.source
    const row = (await store.read(selectCosignedSize(site, index, witnessesLeast))).at(0)
    return row === undefined ? undefined : wholeOf(row['size'])
  }
  const newest = await log.newest()
  return newest !== undefined && newest.size > index ? newest.size : undefined
}

async function cosignedSize({ source }: AuditLog, cosigner: string): Promise<number> {
  const rows = await source.store.read(selectCosigned(source.site))
  return wholeOf(rows.find((row) => row['cosigner'] === cosigner)?.['size'] ?? 0)
}

const notFound = (what: string, place: number): AuditRefusal =>
  new AuditRefusal('AUDIT_NOT_FOUND', `The log has no ${what} ${place}`, { facts: { place } })
