/**
 * A record that leaves in a file and comes back, by the command line and by another program.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Decrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import { makeFhirSite } from '../support/fhir-site.ts'
import { photonward } from '../support/processes.ts'
import { newFolder } from '../support/two-sites.ts'

test('a record is exported for an identity of age, opened by others, and taken in again', async (t) => {
  const { site } = await makeFhirSite(t, { clients: { ward: 'write' } })
  await site.daemon.start()
  const at = newFolder(t)
  const command = (...args: string[]) =>
    photonward(['--site', site.folder, '--no-input', '--json', ...args])
  const record = { resourceType: 'Patient', id: 'p1', name: [{ family: 'Featherstone' }] }
  writeFileSync(join(at, 'record.json'), JSON.stringify(record))
  const imported = await command('record', 'import', join(at, 'record.json'))
  const [patient] = (JSON.parse(imported.stdout) as { patients: string[] }).patients

  const [identity, out] = [join(at, 'identity'), join(at, 'record.age')]
  const made = await command('patient', 'identity', identity)
  const { recipient } = JSON.parse(made.stdout) as { recipient: string }
  const exported = await command('patient', 'export', patient, '--to', recipient, '--out', out)
  assert.equal(exported.status, 0, exported.stderr)
  const file = readFileSync(out)
  assert(!file.toString('latin1').includes('Featherstone'))

  const decrypter = new Decrypter()
  decrypter.addIdentity(readFileSync(identity, 'utf8').split('\n')[1])
  const bundle = JSON.parse(await decrypter.decrypt(file, 'text')) as {
    type: string
    entry: { resource: object }[]
  }
  assert.equal(bundle.type, 'history')
  assert.deepEqual(bundle.entry[0].resource, record)

  const again = await command('patient', 'import', out, '--identity', identity)
  assert.equal(again.status, 0, again.stderr)
  const { versions, proven, written } = JSON.parse(again.stdout) as Record<string, number>
  assert.deepEqual([versions, proven, written], [1, 1, 0])
  const log = await command('audit', 'tail')
  assert.match(log.stdout, /vault\.taken-out/)

  const other = await generateX25519Identity()
  const mixed = ['--to', recipient, await identityToRecipient(other)]
  const refused = join(at, 'refused.age')
  const both = await command('patient', 'export', patient, ...mixed, '--out', refused)
  assert.match(both.stderr, /RECIPIENTS_MIXED_INVALID/)
  assert(!existsSync(refused), 'nothing is left of what did not become whole')
  writeFileSync(join(at, 'other'), `${other}\n`)
  const denied = await command('patient', 'import', out, '--identity', join(at, 'other'))
  assert.equal(denied.status, 4)
  assert.match(denied.stderr, /AGE_IDENTITY_DENIED/)
})
