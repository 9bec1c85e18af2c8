/**
 * Verifies the whole log of a site: every entry, tile, checkpoint, signature and cosignature.
 *
 * Names what is wrong: one changed octet in a row is found and its row named, as are rows removed,
 * put in, or put in another order. Reads in batches, so that memory stays flat.
 *
 * What it cannot see: a change to an entry that no checkpoint covers yet; a cosignature that is
 * gone without a trace; and a history rewritten as a whole by whoever holds disk and keys. For the
 * last there are witnesses: compare with them.
 *
 * @module
 */

import { Findings, type Finding } from './findings.ts'
import type { LogSource } from './tree-store.ts'
import { checkWitnessed, signedHeads, type LogKeys } from './verify-checkpoints.ts'
import { verifyEntries } from './verify-entries.ts'
import { verifyTiles } from './verify-tiles.ts'

/** Verifies everything stored; the last finding is `done`. Needs public keys only. */
export async function* verifyLog(source: LogSource, keys: LogKeys): AsyncGenerator<Finding> {
  const findings = new Findings()
  const heads = signedHeads(source, keys, findings)
  const entries = yield* verifyEntries(source, heads, findings)
  yield* verifyTiles(source, entries, findings)
  await checkWitnessed(source, keys, findings)
  yield* findings.take()
  yield { kind: 'done', faults: findings.faults, checked: findings.checked }
}
