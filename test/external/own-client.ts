/**
 * `photonward key` against the KMEs of two sites, with curl at the other end.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { photonward } from '../support/processes.ts'
import type { TestSite, TwoSites } from '../support/two-sites.ts'
import { curl } from './curl.ts'
import { asMaster, asSlave, keysIn, type Served, type Status } from './stage.ts'

/** `photonward key` is a client like any other: what it makes, curl fetches, and the other way. */
export async function ownClientTests(t: TestContext, sites: TwoSites): Promise<void> {
  const file = join(sites.folder, 'keys.json')
  const key = (site: TestSite, ...args: string[]) =>
    photonward(['--site', site.folder, '--json', 'key', ...args])
  const ward = (site: TestSite): string[] => ['--as', join(sites.folder, `${site.name}.ward`)]
  const { bristol, cambridge } = sites

  await t.test(
    'photonward key request writes keys that curl fetches, and prints none',
    async () => {
      const args = ['cambridge.ward', ...ward(bristol), '--number', '2', '--output', file]
      const { status, stdout, stderr } = await key(bristol, 'request', ...args)
      assert.equal(status, 0, stderr)
      const { keys } = JSON.parse(readFileSync(file, 'utf8')) as { keys: readonly Served[] }
      assert.equal(statSync(file).mode & 0o777, 0o600)
      for (const one of keys) {
        assert(!stdout.includes(one.key) && !stderr.includes(one.key))
        assert(stdout.includes(one.key_ID))
        const fetch = `bristol.ward/dec_keys?key_ID=${one.key_ID}`
        assert.deepEqual(keysIn(await curl(asSlave(sites), fetch)), [one])
      }
      const again = await key(bristol, 'request', ...args)
      assert.equal(again.status, 2)
      assert.match(again.stderr, /FILE_UNWRITABLE/)
    },
  )

  await t.test('photonward key get reveals a key of curl if asked, once', async () => {
    const [made] = keysIn(await curl(asMaster(sites), 'cambridge.ward/enc_keys'))
    const url = ['--kme', `https://localhost:${String(cambridge.northPort)}`]
    const args = ['get', 'bristol.ward', made.key_ID, ...ward(cambridge), ...url, '--reveal']
    const { status, stdout } = await key(bristol, ...args)
    assert.equal(status, 0)
    assert.deepEqual(JSON.parse(stdout), { keys: [made] })
    const again = await key(bristol, ...args)
    assert.equal(again.status, 3)
    assert.match(again.stderr, /KME_KEY_NOT_FOUND/)
  })

  await t.test('photonward key status says what an application can get, or why not', async () => {
    const { status, stdout } = await key(bristol, 'status', 'cambridge.ward', ...ward(bristol))
    assert.equal(status, 0)
    assert.equal((JSON.parse(stdout) as Status).source_KME_ID, 'kme.bristol')
    const stranger = await key(bristol, 'status', 'cambridge.lab', ...ward(cambridge))
    assert.deepEqual([stranger.status, codeIn(stranger.stderr)], [4, 'KME_DENIED'])
    const nobody = await key(bristol, 'status', 'nobody', ...ward(bristol))
    assert.deepEqual([nobody.status, codeIn(nobody.stderr)], [2, 'KME_REQUEST_INVALID'])
    const nowhere = ['--kme', 'https://localhost:1']
    const absent = await key(bristol, 'status', 'cambridge.ward', ...ward(bristol), ...nowhere)
    assert.deepEqual([absent.status, codeIn(absent.stderr)], [69, 'KME_UNREACHABLE'])
  })
}

const codeIn = (stderr: string): string =>
  (JSON.parse(stderr) as { error: { code: string } }).error.code
