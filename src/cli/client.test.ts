import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { siteRoutes } from '#contract'
import { newClient } from './client.ts'

test('no question goes over a connection that the daemon may have closed meanwhile', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'photonward-client-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'admin.sock')
  let connections = 0
  const daemon = createServer((_, answer) => answer.end('[]'))
  daemon.on('connection', () => connections++)
  await new Promise<void>((listening) => daemon.listen(path, listening))
  t.after(() => daemon.close())

  const client = newClient(siteRoutes, path)
  for (let asked = 1; asked <= 3; asked++) {
    assert.deepEqual(await client.call('links', {}, null), [])
    assert.equal(connections, asked)
  }
})

test('where nothing listens, the refusal names the folder', async () => {
  const client = newClient(siteRoutes, '/nowhere/bristol/admin.sock')
  await assert.rejects(client.call('links', {}, null), {
    code: 'SITE_NOT_RUNNING',
    message: 'No daemon answers in /nowhere/bristol',
  })
})
