/**
 * People of a real site, by the command line: added, given roles by two, signed for, suspended and
 * ended; remembered over a kill, and nothing of them readable in the folder.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PersonView } from '#contract'
import { totpCode } from '#access'
import { makeFhirSite } from '../support/fhir-site.ts'
import { NeedleSearch } from '../support/needles.ts'
import { photonward } from '../support/processes.ts'
import { readable } from '../support/readable.ts'
import { secretOf } from '../support/totp.ts'

const PASSWORDS = { ada: 'correct horse battery', bob: 'staple of the ward' } as const

test('people are added, given roles by two, remembered and ended by the command line', async (t) => {
  const { site } = await makeFhirSite(t, { clients: { 'bristol.ward': 'read' } })
  await site.daemon.start()
  const run = async (args: readonly string[], input?: string) => {
    const options = input === undefined ? {} : { input }
    return await photonward(['--site', site.folder, '--json', 'person', ...args], options)
  }
  const ok = async <T>(args: readonly string[], input?: string): Promise<T> => {
    const { status, stdout, stderr } = await run(args, input)
    assert.equal(status, 0, stderr)
    return JSON.parse(stdout) as T
  }
  const refused = async (code: string, status: number, args: readonly string[], input?: string) => {
    const ended = await run(args, input)
    const { error } = JSON.parse(ended.stderr) as { error: { code: string } }
    assert.deepEqual([error.code, ended.status], [code, status], args.join(' '))
  }
  const { admin } = site
  const denied = async (code: string, asked: Promise<unknown>) =>
    await assert.rejects(asked, { name: 'AdminError', code })
  const reference = ['--reference', 'Practitioner/dr-lovelace']
  const ada = await ok<PersonView>(['add', 'ada.l', '--name', 'Ada Lovelace', ...reference])
  const bob = { kind: 'person', login: 'bob.b', name: 'Robert Browning' } as const
  await admin.call('addPerson', {}, { ...bob, department: 'Ward Nightingale' })
  await denied('ACCESS_PERSON_EXISTS', admin.call('addPerson', {}, bob))
  await denied('SHAPE_INVALID', admin.call('addPerson', {}, { ...bob, login: 'Bob B' }))
  await ok(['password', 'ada.l', '--password-file', '-'], PASSWORDS.ada)
  await refused(
    'ACCESS_PASSWORD_INVALID',
    2,
    ['password', 'bob.b', '--password-file', '-'],
    'short',
  )

  const role = (person: string, ...add: string[]) =>
    admin.call('changeRoles', { person }, { add, remove: [], clear: [], unclear: [] })
  assert.equal((await role('ada.l', 'user-administrator')).outcome, 'changed')
  assert.equal((await role('bob.b', 'nurse')).outcome, 'changed')
  const wish = ['role', 'bob.b', '--add', 'privacy-officer']
  const { outcome, change } = await ok<{ outcome: string; change: string }>(wish)
  assert.equal(outcome, 'asked')
  await denied('ACCESS_ROLES_FORBIDDEN', role('ada.l', 'auditor'))
  await denied('ACCESS_PERSON_UNKNOWN', role('carol', 'nurse'))
  await denied('SHAPE_INVALID', role('bob.b', 'emperor'))
  const waiting = await admin.call('roleChanges', {}, null)
  assert.deepEqual(
    waiting.map((one) => [one.change, one.add, one.askedBy]),
    [[change, ['privacy-officer'], 'operator']],
  )

  const agree = (code: string) =>
    admin.call(
      'agreeToChange',
      { change },
      { as: { login: 'ada.l', password: PASSWORDS.ada, code } },
    )
  await denied('ACCESS_SECOND_FACTOR_DENIED', agree(''))
  const { uri } = await admin.call('addTotp', { person: 'ada.l' }, null)
  const codeNow = () => totpCode(secretOf(uri), Math.floor(Date.now() / 30_000))
  await denied('ACCESS_SIGN_IN_DENIED', agree('000000'))
  const asAda = ['--as', 'ada.l', '--password-file', '-', '--code', codeNow()]
  const agreed = await ok<PersonView>(['agree', change, ...asAda], PASSWORDS.ada)
  assert.deepEqual(agreed.roles, ['nurse', 'privacy-officer'])
  await denied('ACCESS_CHANGE_FORBIDDEN', admin.call('agreeToChange', { change }, {}))

  await ok(['suspend', 'bob.b'])
  await site.daemon.kill('SIGKILL')
  const texts = ['Lovelace', 'Browning', 'Nightingale', 'ada.l', 'privacy-officer', PASSWORDS.ada]
  assert.deepEqual(readable(site, new NeedleSearch(texts)), [])
  await site.daemon.start()
  const people = await admin.call('people', {}, null)
  assert.deepEqual(
    people.map(({ login, employment, roles }) => [login, employment, roles]).toSorted(),
    [
      ['ada.l', 'active', ['user-administrator']],
      ['bob.b', 'suspended', ['nurse', 'privacy-officer']],
    ],
  )
  await admin.call('setPersonState', { person: 'bob.b' }, { state: 'active' })
  await refused('CONFIRMATION_NEEDED', 2, ['end', 'bob.b'])
  assert.equal((await ok<PersonView>(['end', 'bob.b', '--yes'])).employment, 'ended')
  const { history } = await ok<{ history: { what: string; by: string }[] }>(['show', 'bob.b'])
  assert(history.some(({ what, by }) => what === 'roles' && by === ada.person))
  assert.deepEqual(history.at(-1)?.what, 'ended')
})
