/**
 * Pre-shared keys with real daemons: drawn, carried and used by the commands that an operator types.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { photonward } from '../support/processes.ts'
import { makeTwoSites, type TestSite } from '../support/two-sites.ts'
import { until } from '../support/until.ts'

test('two sites with a couriered key grow keys; without one they wait until it is brought', async (t) => {
  const sites = await makeTwoSites(t)
  const { bristol, cambridge, folder } = sites
  for (const site of [bristol, cambridge]) {
    site.configure((value) => {
      const [link] = value['links'] as Record<string, unknown>[]
      link['bootstrap'] = 'psk'
    })
  }
  await sites.start()
  const alarms = async (site: TestSite) =>
    (await site.admin.call('alarms', {}, null)).filter(
      ({ kind, clearedAt }) => kind === 'link.psk-unavailable' && clearedAt === null,
    ).length
  for (const site of [bristol, cambridge]) {
    await until(`${site.name} says that it needs a key`, async () => (await alarms(site)) === 1)
  }
  const [file, phrase, other] = ['key.psk', 'phrase', 'other'].map((name) => join(folder, name))
  writeFileSync(phrase, 'carried by two people\n')
  writeFileSync(other, 'carried by two thieves\n')
  const [{ link }] = await bristol.admin.call('links', {}, null)
  const psk = (site: TestSite, args: readonly string[], passphrase = phrase) =>
    photonward([
      ...['--json', '--site', site.folder, 'link', 'psk', ...args],
      ...['--courier-passphrase-file', passphrase],
    ])
  const nowhere = await psk(bristol, ['create', 'bristol-london', file])
  assert.match(nowhere.stderr, /LINK_UNKNOWN/)
  assert.equal(existsSync(file), false)
  const made = await psk(bristol, ['create', link, file, '--sessions', '20'])
  assert.equal(made.status, 0, made.stderr)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.match((await psk(bristol, ['create', link, file])).stderr, /FILE_UNWRITABLE/)
  assert.match((await psk(cambridge, ['import', file], other)).stderr, /PSK_FILE_DENIED/)
  const brought = await psk(cambridge, ['import', file])
  assert.equal(brought.status, 0, brought.stderr)
  assert.match((await psk(cambridge, ['import', file])).stderr, /PSK_EXISTS/)
  await Promise.all([bristol.hasKeys(1), cambridge.hasKeys(1)])
  for (const site of [bristol, cambridge]) {
    assert.equal(await alarms(site), 0)
    const [view] = await site.admin.call('links', {}, null)
    assert.deepEqual([view.bootstrap, view.preSharedSessions], ['psk', 19])
  }
})
