/**
 * Verifies stored checkpoints and cosignatures, and hands on the heads that are signed.
 *
 * One of the walks of `verify-log`. Unlike a verifier of foreign notes, it accepts no line it does
 * not know: what is stored is exactly what this log wrote.
 *
 * @module
 */

import { concat, sameOctets, utf8, type Row } from '#base'
import { checkpointText, verifyCheckpoint, witnessOf } from './checkpoint.ts'
import type { NoteVerifier, TreeHead } from './cosignature.ts'
import type { Findings } from './findings.ts'
import { parseNote } from './note.ts'
import {
  octetsOf,
  selectAllWitnessed,
  selectCheckpoints,
  selectCosignatures,
  wholeOf,
} from './tables.ts'
import type { LogSource } from './tree-store.ts'

/** Public keys that a verification of the log needs. */
export interface LogKeys {
  readonly log: NoteVerifier
  /** Witnesses of this log, also former ones. */
  readonly witnesses: readonly NoteVerifier[]
  /** Keys of the logs that this site has witnessed. */
  readonly logOf: (origin: string) => NoteVerifier | undefined
}

/** Every valid checkpoint, smallest first; whatever is wrong with the others goes to `findings`. */
export async function* signedHeads(
  source: LogSource,
  keys: LogKeys,
  findings: Findings,
): AsyncGenerator<TreeHead> {
  let covered = 0
  for (;;) {
    const rows = await source.store.read(
      selectCheckpoints(source.site, covered, CHECKPOINTS_AT_ONCE),
    )
    const isLast = rows.length < CHECKPOINTS_AT_ONCE
    const from = covered === 0 ? 0 : covered + 1
    const heads = new Map<number, TreeHead | undefined>()
    for (const row of rows) {
      const size = wholeOf(row['size'])
      heads.set(size, checkRow(row, covered, keys, findings))
      covered = size
    }
    const to = isLast ? Number.MAX_SAFE_INTEGER : covered
    const cosignatures = await source.store.read(selectCosignatures(source.site, from, to))
    for (const row of cosignatures) checkCosignature(row, heads, keys, findings)
    for (const head of heads.values()) if (head !== undefined) yield head
    if (isLast) return
  }
}

/** Checks what this site remembers as a witness. */
export async function checkWitnessed(
  source: LogSource,
  keys: LogKeys,
  findings: Findings,
): Promise<void> {
  for (const row of await source.store.read(selectAllWitnessed(source.site))) {
    const origin = String(row['origin'])
    findings.count('witnessed')
    const log = keys.logOf(origin)
    const check = log && verifyCheckpoint(octetsOf(row['note']), { log })
    if (check?.kind === 'verified') {
      const { size, root } = check.checkpoint
      if (size === wholeOf(row['size']) && sameOctets(root, octetsOf(row['root']))) continue
    }
    const reason = check?.kind === 'refused' ? check.reason : 'other size or root'
    const problem = log === undefined ? 'is a log that is not known here' : reason
    findings.fault('witnessed', `log ${origin}`, `what was seen of it: ${problem}`)
  }
}

function checkRow(
  row: Row,
  prior: number,
  { log }: LogKeys,
  findings: Findings,
): TreeHead | undefined {
  const size = wholeOf(row['size'])
  const place = `checkpoint ${size}`
  const note = octetsOf(row['note'])
  findings.count('checkpoints')
  if (wholeOf(row['prior']) !== prior) {
    const problem = `follows checkpoint ${wholeOf(row['prior'])}, but the one before is ${prior}`
    findings.fault('checkpoints', place, problem)
  }
  const check = verifyCheckpoint(note, { log })
  if (check.kind === 'refused') {
    findings.fault('checkpoints', place, `does not verify: ${check.reason}`)
    return undefined
  }
  if (check.checkpoint.size !== size || parseNote(note)?.signatures.length !== 2) {
    findings.fault('checkpoints', place, 'is stored under another size, or with other lines')
    return undefined
  }
  return check.checkpoint
}

function checkCosignature(
  row: Row,
  heads: ReadonlyMap<number, TreeHead | undefined>,
  { witnesses }: LogKeys,
  findings: Findings,
): void {
  const size = wholeOf(row['size'])
  const name = String(row['cosigner'])
  const fault = (problem: string): void => {
    findings.fault('cosignatures', `cosignature of checkpoint ${size} by ${name}`, problem)
  }
  findings.count('cosignatures')
  const witness = witnesses.find((known) => known.name === name)
  const head = heads.get(size)
  if (!heads.has(size)) fault('its checkpoint is missing')
  else if (witness === undefined) fault('its cosigner is not known')
  // Of a checkpoint that does not verify itself, that is named, and not what stands by it.
  else if (head !== undefined && !isCosigned(head, octetsOf(row['lines']), witness)) {
    fault('does not verify')
  }
}

/** Whether these are exactly the two good lines of a witness over a checkpoint. */
function isCosigned(head: TreeHead, lines: Uint8Array, witness: NoteVerifier): boolean {
  const note = parseNote(concat(utf8(`${checkpointText(head)}\n`), lines))
  if (note?.signatures.length !== 2) return false
  const seen = witnessOf(note, head, witness)
  return seen !== undefined && seen !== 'invalid'
}

const CHECKPOINTS_AT_ONCE = 256
