/**
 * What encryption costs: the same build with an AEAD that copies instead of sealing.
 *
 * Charts of a patient and five observations are written, read and searched in a process of its own,
 * once with each; the index tags, hashes, signatures and the log are the same in both.
 *
 * @module
 */

import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Benchmark } from './bench.ts'

export const encryptionCost: Benchmark = {
  name: 'vault.encryption',
  claim: 'processor time of charts written, read, searched, over that unsealed',
  ...{ unit: '×', bar: 1.3, better: 'less', runs: 3 },
  run: async () => {
    const plain = await chartCost(['--import', resolve(import.meta.dirname, 'null/hooks.ts')])
    return (await chartCost([])) / plain
  },
}

/** Processor milliseconds of a chart. */
async function chartCost(flags: readonly string[]): Promise<number> {
  const file = resolve(import.meta.dirname, 'encryption-end.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...[...process.execArgv, ...flags, file],
  ])
  return (JSON.parse(stdout) as { readonly cpuMs: number }).cpuMs
}
