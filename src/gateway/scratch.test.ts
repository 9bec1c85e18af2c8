/**
 * Folders for the tests of this room, gone when their test ends.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'

/** A fresh folder of mode 0700. Close what lies in it before the test ends. */
export function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'photonward-gateway-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('a scratch folder is gone after its test', async (t) => {
  let folder = ''
  await t.test('inner', (inner) => {
    folder = scratch(inner)
    assert(existsSync(folder))
  })
  assert(!existsSync(folder))
})
