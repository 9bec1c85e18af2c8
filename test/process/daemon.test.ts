/**
 * The daemon as a process: how it starts, how it ends, and what keeps a second one out.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { freePorts } from '#cli'
import { createAuthority, initSite, issue } from '#gateway'
import { siteAdmin } from '../support/admin.ts'
import { HospitalLoad } from '../support/hospital-load.ts'
import { KeyLedger } from '../support/key-ledger.ts'
import { DaemonProcess, photonward } from '../support/processes.ts'
import { cohort, merged } from '../support/records.ts'
import { newFolder, startTwoSites } from '../support/two-sites.ts'
import { until } from '../support/until.ts'

test('a daemon under load ends with 0 at SIGTERM, and nothing acknowledged is lost', async (t) => {
  const sites = await startTwoSites(t)
  const { bristol, cambridge } = sites
  const [organisations, ...patients] = cohort(17, 60)
  for (const site of [bristol, cambridge]) await site.import(organisations)
  const bundles = Array.from({ length: 30 }, (_, at) => merged(patients.slice(2 * at, 2 * at + 2)))
  const keys = new KeyLedger()
  const load = new HospitalLoad({ site: bristol, peer: cambridge, keys, bundles })
  load.start()
  try {
    for (const site of [bristol, cambridge, bristol]) {
      const before = load.imported.length
      await until(
        'the load runs',
        () => load.imported.length > before && load.isUnderWay('sending'),
      )
      await site.daemon.kill('SIGTERM')
      const { status, stdout, stderr } = await site.daemon.ended()
      assert.deepEqual([status, stderr], [0, ''], stdout)
      await site.daemon.start()
    }
    const before = load.imported.length
    await until('the load goes on', () => load.imported.length > before)
  } finally {
    await load.stop()
  }
  assert.deepEqual(load.problems, [])
  assert.deepEqual(keys.problems, [])
  for (const { transfer } of load.sent) {
    const { state, reason } = await bristol.finished(transfer)
    assert.equal(state, 'delivered', `ended for ${reason}`)
  }
  const { patients: held } = await bristol.status()
  assert(held >= load.patients.length)
  for (const site of [bristol, cambridge]) assert.deepEqual((await site.verify()).faults, [])

  await t.test('each start and each end stands in the log of the site', async () => {
    const entries = await bristol.admin.call('entries', { limit: '1000' }, null)
    const lives = entries.filter(({ kind }) => kind.startsWith('site.')).map(({ kind }) => kind)
    const [started, ended] = ['site.started', 'site.ended']
    assert.deepEqual(lives, [started, ended, started, ended, started])
  })

  await t.test(
    'every line that it says, and every line of its log, is one JSON object',
    async () => {
      await bristol.daemon.kill('SIGTERM')
      const { stdout, stderr } = await bristol.daemon.ended()
      assert.equal(stderr, '')
      const facts = JSON.parse(stdout) as { site: string; folder: string }
      assert.deepEqual([facts.site, facts.folder], ['bristol', bristol.folder])
      const lines = readFileSync(join(bristol.folder, 'log', 'daemon.log'), 'utf8').split('\n')
      assert.equal(lines.pop(), '', 'the last line is whole')
      for (const line of lines) {
        const { at, level, event } = JSON.parse(line) as Record<string, unknown>
        assert.match(String(at), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
        assert.match(String(level), /^(debug|info|warning|error)$/)
        assert.match(String(event), /^[a-z][a-z.-]+$/)
      }
    },
  )

  await t.test('asked by the operator it ends as well', async () => {
    await bristol.daemon.start()
    const stopped = await photonward(['--site', bristol.folder, '--yes', 'stop'])
    assert.equal(stopped.status, 0, stopped.stderr)
    assert.equal((await bristol.daemon.ended()).status, 0)
  })
})

test('a second daemon on the same folder is refused, and the first serves on', async (t) => {
  const { site, daemon } = await loneSite(t)
  await daemon.start()
  for (const command of ['serve', 'audit verify --stopped']) {
    const second = await photonward(['--site', site, '--json', ...command.split(' ')])
    assert.equal(second.status, 69)
    assert.equal(
      (JSON.parse(second.stderr) as { error: { code: string } }).error.code,
      'SITE_IN_USE',
    )
  }
  assert.equal((await siteAdmin(site).call('status', {}, null)).site, 'exeter')
  // The lock is the system's: it goes with the process, however that goes.
  await daemon.kill('SIGKILL')
  await daemon.start()
  assert.equal((await siteAdmin(site).call('status', {}, null)).site, 'exeter')
  await daemon.kill('SIGINT')
  assert.equal((await daemon.ended()).status, 0)
})

test('a site under a passphrase starts with it from a file or a pipe', async (t) => {
  const passphrase = 'correct horse battery'
  const { site, folder } = await loneSite(t, passphrase)
  const file = join(folder, 'passphrase')
  writeFileSync(file, `${passphrase}\n`, { mode: 0o600 })
  for (const [from, input] of [
    [file, undefined],
    ['-', passphrase],
  ] as const) {
    const args = ['--site', site, '--json', 'serve', '--passphrase-file', from]
    const daemon = new DaemonProcess('exeter', args, input === undefined ? {} : { input })
    t.after(() => daemon.kill())
    await daemon.start()
    assert.equal((await siteAdmin(site).call('status', {}, null)).site, 'exeter')
    assert(!daemon.output.includes(passphrase))
    await daemon.kill('SIGTERM')
    assert.equal((await daemon.ended()).status, 0)
  }
  const verify = ['--site', site, 'audit', 'verify', '--stopped', '--passphrase-file', file]
  const { status, stdout } = await photonward(verify)
  assert.equal(status, 0, stdout)
})

test('a daemon that is stopped while it starts ends cleanly, and starts the next time', async (t) => {
  const { site, daemon } = await loneSite(t)
  for (const delayMs of [100, 250, 400, 600]) {
    daemon.launch()
    await pause(delayMs)
    await daemon.kill('SIGTERM')
  }
  const begun = performance.now()
  await daemon.start()
  const seconds = (performance.now() - begun) / 1000
  t.diagnostic(`cold start in ${seconds.toFixed(2)} s (bar: 3 s, on an idle machine)`)
  assert.equal((await siteAdmin(site).call('status', {}, null)).site, 'exeter')
  await daemon.kill('SIGTERM')
  assert.equal((await daemon.ended()).status, 0)
})

/** A site alone, enrolled, without a link. */
async function loneSite(t: TestContext, passphrase?: string) {
  const folder = newFolder(t)
  const [authority, site] = [join(folder, 'authority'), join(folder, 'exeter')]
  const [peerPort, northPort] = await freePorts(2)
  await createAuthority(authority)
  const secret = passphrase === undefined ? undefined : new TextEncoder().encode(passphrase)
  const options = { name: 'exeter', peerPort, northPort, profile: 'demo' } as const
  await initSite(site, { ...options, passphrase: secret })
  await issue(authority, site)
  const daemon = new DaemonProcess('exeter', ['--site', site, '--json', 'serve'])
  t.after(() => daemon.kill())
  return { folder, site, daemon }
}
