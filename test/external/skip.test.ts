/**
 * SKIP as a foreign program speaks it: curl, with certificates as `pki issue-sae` writes them,
 * against the daemons of two sites.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { run } from '../support/processes.ts'
import { startTwoSites } from '../support/two-sites.ts'
import { asMaster, asSlave, curlTool } from './stage.ts'
import { skipOf } from './tools.ts'

interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

test('curl speaks SKIP', { timeout: 120_000, skip: skipOf(curlTool) }, async (t) => {
  const sites = await startTwoSites(t, { keys: 20 })
  const page = readFileSync(resolve(import.meta.dirname, '../../docs/reference/skip.md'), 'utf8')
  const lines = (/```sh\n([\s\S]*?)```/.exec(page)?.[1] ?? '').trim().split('\n')
  const ask = async (place: typeof asMaster, line: string, more = ''): Promise<Answer> => {
    const { folder, port } = place(sites)
    const command = line
      .replace('curl …', 'curl --cert cert.pem --key key.pem --cacert ca.pem')
      .replace(/localhost:944\d/, `localhost:${String(port)}`)
      .replace('curl ', `curl -sS --disable --write-out '\\n%{http_code}' ${more} `)
    const { status: exit, stdout, stderr } = await run('sh', ['-c', command], { cwd: folder })
    assert.equal(exit, 0, stderr)
    const [body, status] = stdout.split('\n')
    return { status: Number(status), body: JSON.parse(body) as Answer['body'] }
  }
  assert.equal(lines.length, 4)
  const [capabilities, newKey, oldKey, entropy] = lines

  await t.test('the capabilities name both ends', async () => {
    const { body } = await ask(asMaster, capabilities)
    assert.equal(body['localSystemID'], 'bristol.ward')
    assert.deepEqual(body['remoteSystemID'], ['cambridge.ward'])
  })
  await t.test('a key made at one site is fetched once at the other', async () => {
    const made = await ask(asMaster, newKey)
    assert.equal(made.status, 200)
    assert.match(String(made.body['key']), /^[0-9a-f]{64}$/)
    const line = oldKey.replace('<keyId>', String(made.body['keyId']))
    assert.deepEqual(await ask(asSlave, line), made)
    assert.equal((await ask(asSlave, line)).status, 400)
  })
  await t.test('entropy differs from call to call', async () => {
    const [one, other] = [await ask(asMaster, entropy), await ask(asMaster, entropy)]
    assert.match(String(one.body['randomStr']), /^[0-9a-f]{64}$/)
    assert.notEqual(one.body['randomStr'], other.body['randomStr'])
  })
  await t.test('another verb is 405, another path 404', async () => {
    assert.equal((await ask(asMaster, newKey, '--request POST')).status, 405)
    assert.equal((await ask(asMaster, capabilities.replace('capabilities', 'x'))).status, 404)
  })
})
