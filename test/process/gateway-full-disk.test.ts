import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

interface Result {
  readonly stored: { readonly done: number; readonly code: string }
  readonly written: { readonly done: number; readonly code: string }
  readonly replaced: { readonly done: number; readonly code: string }
  readonly keptWhileFull: number
  readonly keptAfter: number
  readonly ids: readonly number[]
}

/** Runs a command with a file system of 3 MiB of its own on `folder`, gone when it ends. */
function onSmallDisk(folder: string, command: readonly string[]) {
  const mount = 'mount -t tmpfs -o size=3m,mode=0700 tmpfs "$1" && shift && exec "$@"'
  return spawnSync(
    'unshare',
    ['--user', '--map-root-user', '--mount', 'sh', '-c', mount, 'sh', folder, ...command],
    { encoding: 'utf8', timeout: 60_000 },
  )
}

test('a full disk is refused by store and disk, costs nothing that was kept, and is survived', (t) => {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'photonward-full-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  if (onSmallDisk(folder, ['true']).status !== 0) {
    t.skip('this machine lets nobody mount a file system in a namespace of its own')
    return
  }
  const child = join(import.meta.dirname, 'gateway-full-disk-child.ts')
  const { status, stdout, stderr } = onSmallDisk(folder, [process.execPath, child, folder])
  assert.equal(status, 0, stderr)
  const result = JSON.parse(stdout) as Result
  assert.equal(result.stored.code, 'STORE_FULL')
  assert(result.stored.done > 50, `only ${result.stored.done} commits fitted`)
  assert.equal(result.written.code, 'DISK_FULL')
  assert.deepEqual(result.replaced, { done: 0, code: 'DISK_FULL' })
  // The old file stood while the disk was full; the new one after space had returned.
  assert.equal(result.keptWhileFull, 100)
  assert.equal(result.keptAfter, 200)
  const acknowledged = Array.from({ length: result.stored.done }, (_, id) => id)
  assert.deepEqual(result.ids, [...acknowledged, 1_000_000])
})
