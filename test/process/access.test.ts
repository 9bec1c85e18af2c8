/**
 * Who may, told by the command line of a real site: why somebody is let at a record, what the
 * policies permit, what others would, and that no glass is broken.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { AccessExplanation, GridCell, PersonView } from '#contract'
import { fetchAs, makeFhirSite } from '../support/fhir-site.ts'
import { photonward } from '../support/processes.ts'
import { newFolder } from '../support/two-sites.ts'

const POLICIES = join(import.meta.dirname, '../../src/access/policies')

test('decisions are explained and the grid is compared by the command line', async (t) => {
  const { site, base, credentials } = await makeFhirSite(t, { clients: { 'bristol.ehr': 'write' } })
  await site.daemon.start()
  const ok = async <T>(...args: readonly string[]): Promise<T> => {
    const { status, stdout, stderr } = await photonward(['--site', site.folder, '--json', ...args])
    assert.equal(status, 0, stderr)
    return JSON.parse(stdout) as T
  }
  const ask = fetchAs(t, credentials('bristol.ehr'))
  const put = async (resourceType: string, id: string, more: object = {}) => {
    const { status } = await ask(`${base}/${resourceType}/${id}`, {
      ...{ method: 'PUT', headers: { 'content-type': 'application/fhir+json' } },
      body: JSON.stringify({ resourceType, id, ...more }),
    })
    assert.equal(status, 201, id)
  }
  const named = ['--name', 'Nina Nightingale', '--reference', 'Practitioner/nina']
  const nurse = await ok<PersonView>('person', 'add', 'nina', ...named)
  await ok('person', 'role', 'nina', '--add', 'nurse')
  await put('Patient', 'known')
  await put('Patient', 'stranger')
  await put('CareTeam', 'team', {
    ...{ status: 'active', subject: { reference: 'Patient/known' } },
    participant: [{ member: { reference: 'Practitioner/nina' } }],
  })

  const explain = (...args: readonly string[]) =>
    ok<AccessExplanation>('access', 'explain', '--person', 'nina', ...args)
  const may = await explain('--patient', 'known')
  assert.deepEqual([may.permitted, may.who.id, may.who.roles], [true, nurse.person, ['nurse']])
  assert(may.ties.some(({ kind }) => kind === 'care-team'))
  assert(may.policies.some(({ id }) => id === may.rule))
  const mayNot = await explain('--patient', 'stranger')
  assert.deepEqual([mayNot.permitted, mayNot.ties], [false, []])
  assert.equal((await explain('--patient', 'known', '--act', 'delete')).permitted, false)
  assert.equal((await explain('--patient', 'known', '--purpose', 'HPAYMT')).permitted, false)

  const { cells } = await ok<{ cells: readonly GridCell[] }>('access', 'grid', '--role', 'nurse')
  assert(cells.length > 0 && cells.every(({ role }) => role === 'nurse'))
  const others = join(newFolder(t), 'policies')
  await cp(POLICIES, others, { recursive: true })
  const file = join(others, 'roles.cedar')
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.replaceAll('Role::"nurse"', 'Role::"billing"'))
  const diff = await ok<{ lines: readonly string[] }>('access', 'grid', '--diff', others)
  assert(diff.lines.some((line) => line.startsWith('-') && line.includes('nurse')))
  assert(diff.lines.some((line) => line.startsWith('+') && line.includes('billing')))
  assert.deepEqual(await ok('break-glass', 'list'), [])
})
