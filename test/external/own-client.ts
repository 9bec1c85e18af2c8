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

const OF_THE_MACHINE: readonly string[] = ['swap', 'core files', 'time service']

/** `photonward doctor` beside running daemons, for their peers and devices are real here. */
export async function doctorFindsHealthy({ bristol, cambridge }: TwoSites): Promise<void> {
  for (const site of [bristol, cambridge]) {
    const { status, healthy, checks } = await examine(site)
    // The machine that runs the tests is what it is.
    const ours = checks.filter(({ check }) => !OF_THE_MACHINE.includes(check))
    assert.deepEqual(
      ours.filter(({ state }) => state !== 'ok'),
      [],
    )
    assert.deepEqual([status, healthy], [0, true])
    const seen = checks.map(({ check }) => check)
    const peer = site === bristol ? cambridge : bristol
    const expected = ['daemon', 'trust', 'keys', `peer ${peer.name}`, 'log']
    for (const check of [...expected, 'device fibre-bristol-cambridge']) {
      assert(seen.includes(check), `${check} in ${seen.join(', ')}`)
    }
  }
}

/** While the daemon of Cambridge does not run. */
export async function doctorFindsGone({ bristol, cambridge }: TwoSites): Promise<void> {
  const { status, checks } = await examine(bristol)
  assert.equal(status, 0)
  const peer = checks.find(({ check }) => check === 'peer cambridge')
  assert(peer?.state === 'warn')
  assert.match(peer.says, /ECONNREFUSED/)
  assert.match(peer.next ?? '', /start its daemon/)
  const own = (await examine(cambridge)).checks
  assert.equal(own.find(({ check }) => check === 'daemon')?.state, 'warn')
  assert.equal(own.find(({ check }) => check === 'log')?.state, 'ok')
}

async function examine(site: TestSite) {
  const { status, stdout } = await photonward(['--site', site.folder, '--json', 'doctor'])
  const report = JSON.parse(stdout) as {
    healthy: boolean
    checks: readonly { check: string; state: string; says: string; next: string | null }[]
  }
  return { status, ...report }
}

const codeIn = (stderr: string): string =>
  (JSON.parse(stderr) as { error: { code: string } }).error.code
