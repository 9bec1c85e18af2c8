/**
 * The demo as a command: whatever it says was measured, so what it leaves out is what can be wrong.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { photonward } from '../support/processes.ts'
import { newFolder } from '../support/two-sites.ts'

interface Seen {
  readonly relayed: number
  readonly exposed: number
  readonly transfers: number
  readonly faultsPlanted: number
  readonly faultsFound: number
}

test('the demo ends, and has shown what it promises', { timeout: 900_000 }, async (t) => {
  const folder = join(newFolder(t), 'demo')
  const { status, stdout, stderr } = await photonward(
    ['--json', 'demo', '--patients', '8', '--folder', folder],
    { limitMs: 880_000 },
  )
  assert.equal(status, 0, stderr)
  const seen = JSON.parse(stdout) as Seen
  assert(seen.relayed >= 3, 'before Eve, round by London, and the correction')
  assert(seen.exposed >= 1 && seen.exposed < seen.relayed, 'some rest on less, not all')
  assert(seen.transfers > seen.relayed)
  assert.deepEqual([seen.faultsPlanted, seen.faultsFound], [3, 3])
  assert(!existsSync(join(folder, 'bristol', 'admin.sock')), 'every daemon has ended')
})
