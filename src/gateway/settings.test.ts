import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { scratch } from './scratch.test.ts'
import { settingsOf } from './settings.ts'
import { initSite } from './setup.ts'

test('settings say what is written, what is left to its default, and what a restart would change', async (t) => {
  const folder = join(scratch(t), 'bristol')
  const site = { name: 'bristol', peerPort: 4001, northPort: 4002, profile: 'demo' } as const
  await initSite(folder, { ...site, passphrase: undefined })
  const settings = settingsOf(folder)
  const find = (member: string) => settings().members.find((one) => one.member === member)
  assert.deepEqual(find('peerListener/port'), {
    ...{ member: 'peerListener/port', value: '4001', isDefault: false },
  })
  assert.equal(find('logLevel')?.isDefault, true)
  assert.equal(settings().needsRestart, false)

  const file = join(folder, 'photonward.json')
  assert.equal(settings().file, file)
  const written = JSON.parse(readFileSync(file, 'utf8')) as object
  writeFileSync(file, JSON.stringify({ ...written, logLevel: 'debug' }))
  assert.deepEqual([settings().needsRestart, find('logLevel')?.isDefault], [true, false])
  writeFileSync(file, '{"site":')
  const { members, needsRestart, flaws } = settings()
  assert.deepEqual([members, needsRestart, flaws.length], [[], true, 1])
})
