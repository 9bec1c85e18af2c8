/**
 * A quick look at a log: is its newest checkpoint signed, and does the stored tree lead to it.
 *
 * Reads one checkpoint and a few tiles, however long the log is. Does not look at single entries:
 * `verify-log` does.
 *
 * @module
 */

import { sameOctets, type EpochMs } from '#base'
import type { NoteVerifier } from './cosignature.ts'
import { AuditRefusal } from './refusal.ts'
import { selectSize, wholeOf } from './tables.ts'
import { newestCheckpoint, rootAt, type LogSource } from './tree-store.ts'

export type HeadCheck =
  | {
      readonly kind: 'verified'
      /** Entries under the newest checkpoint, and entries in all. */
      readonly size: number
      readonly entries: number
      readonly at: EpochMs
    }
  /** No checkpoint yet. */
  | { readonly kind: 'unsigned'; readonly entries: number }
  | { readonly kind: 'refused'; readonly problem: string }

/** Checks the newest checkpoint of a log under its public keys. */
export async function verifyHead(source: LogSource, log: NoteVerifier): Promise<HeadCheck> {
  try {
    const checkpoint = await newestCheckpoint(source, log)
    const entries = wholeOf((await source.store.read(selectSize(source.site))).at(0)?.['size'])
    if (checkpoint === undefined) return { kind: 'unsigned', entries }
    const { size, root, at } = checkpoint
    if (entries < size) {
      const problem = `${entries} entries are stored, and ${size} were signed`
      return { kind: 'refused', problem }
    }
    if (sameOctets(await rootAt(source, size), root)) return { kind: 'verified', size, entries, at }
    return { kind: 'refused', problem: 'the stored tree does not lead to the signed root' }
  } catch (error) {
    if (!(error instanceof AuditRefusal)) throw error
    return { kind: 'refused', problem: error.message }
  }
}
