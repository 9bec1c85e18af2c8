import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY_MS, epochMs, SecretBytes } from '#base'
import { SEPARATE } from '../invariants.ts'
import { sealedRowMigrations } from '../sealed-rows.ts'
import { change, newPeople, staff } from './fixture.test.ts'
import { GUARDED_ROLES, PersonShape } from './person.ts'

const KIND = { kind: 'people', shape: PersonShape, octetsMax: 65_536 }

test('nothing of a person can be read in the store', async () => {
  const site = await newPeople()
  await staff(site, 'ada.l', { add: ['attending'] })
  await site.people.setPassword('ada.l', 'correct horse battery', 'operator')
  const tables = sealedRowMigrations.flatMap(({ statements }) =>
    statements.flatMap((text) => /CREATE TABLE (\w+)/.exec(text)?.[1] ?? []),
  )
  const octets: Buffer[] = []
  for (const table of [...tables, 'audit_entry']) {
    const rows = await site.store.read({ sql: `SELECT * FROM ${table}`, parameters: [] })
    assert(rows.length > 0, table)
    for (const value of rows.flatMap((row) => Object.values(row))) {
      octets.push(Buffer.from(value instanceof Uint8Array ? value : String(value)))
    }
  }
  const all = Buffer.concat(octets)
  for (const text of ['ada.l', 'ADA.L', 'attending']) assert(!all.includes(text), text)
  assert(all.includes('people.roles'))
})

test('a row that was altered, moved or made elsewhere is refused', async () => {
  const site = await newPeople()
  const [a, b] = [await staff(site, 'a.a'), await staff(site, 'b.b')]
  const set = (sql: string, ...parameters: string[]) => site.store.commit([{ sql, parameters }])
  const damaged = { code: 'ACCESS_ROW_DAMAGED' }
  await assert.rejects(site.rowsOf(KIND, SecretBytes.take(new Uint8Array(32))).get(a.id), damaged)
  const from = `(SELECT sealed FROM access_row WHERE kind = 'people' AND id = ?)`
  await set(`UPDATE access_row SET sealed = ${from} WHERE kind = 'people' AND id = ?`, a.id, b.id)
  await assert.rejects(site.reopened().named(b.id), damaged)
  assert.equal((await site.reopened().named(a.id)).login, 'a.a')
  await set(`UPDATE access_row SET version = version + 1 WHERE id = ?`, a.id)
  await assert.rejects(site.reopened().named(a.id), damaged)
})

test('a login name is one person’s, in either case', async () => {
  const site = await newPeople()
  const { id } = await staff(site, 'ada')
  assert.equal((await site.people.named('ADA')).id, id)
  await assert.rejects(site.people.add({ kind: 'person', login: 'ada', name: 'B' }, 'operator'), {
    code: 'ACCESS_PERSON_EXISTS',
  })
  await assert.rejects(site.people.named('adam'), { code: 'ACCESS_PERSON_UNKNOWN' })
})

test('roles that must be separate are never held together', async () => {
  const site = await newPeople()
  for (const [one, other] of SEPARATE) {
    await assert.rejects(
      staff(site, `p.${one}`, { add: [one, other] }),
      { code: 'ACCESS_ROLES_FORBIDDEN' },
      `${one} and ${other}`,
    )
  }
  const patient = await site.people.add({ kind: 'patient', login: 'p', name: 'P' }, 'operator')
  await assert.rejects(
    site.people.changeRoles(patient.id, change({ add: ['nurse'] }), 'operator'),
    {
      code: 'ACCESS_ROLES_FORBIDDEN',
    },
  )
})

test('a guarded role takes two, and neither is the person it is for', async () => {
  const site = await newPeople()
  const { people } = site
  const first = await staff(site, 'first', { add: ['user-administrator'] })
  assert(first.roles.includes('user-administrator'), 'the first is made by the operator')
  const nurse = await staff(site, 'nurse', { add: ['nurse'] })
  const asked = await people.changeRoles(nurse.id, change({ add: ['auditor'] }), first.id)
  assert(asked.kind === 'asked')
  assert.deepEqual((await people.named(nurse.id)).roles, ['nurse'])
  const { id } = asked.change
  const forbidden = { code: 'ACCESS_CHANGE_FORBIDDEN' }
  await assert.rejects(people.agree(id, first.id), forbidden, 'who asked')
  await assert.rejects(people.agree(id, nurse.id), forbidden, 'whom it is about')
  const other = await staff(site, 'other', { add: ['registration'] })
  await assert.rejects(people.agree(id, other.id), forbidden, 'no administrator of users')
  await assert.rejects(people.agree(id, 'operator'), { code: 'ACCESS_PERSON_UNKNOWN' })

  const second = await people.changeRoles(
    other.id,
    change({ add: ['user-administrator'] }),
    'operator',
  )
  assert(second.kind === 'asked', 'there is somebody who can agree by now')
  await people.agree(second.change.id, first.id)
  assert.deepEqual((await people.agree(id, other.id)).roles, ['nurse', 'auditor'])
  await assert.rejects(people.agree(id, other.id), { code: 'ACCESS_CHANGE_UNKNOWN' })
  const told = await people.history(nurse.id)
  assert.deepEqual(
    told.map(({ what, by }) => [what, by]),
    [
      ['added', 'operator'],
      ['roles', 'operator'],
      ['asked', first.id],
      ['roles', other.id],
    ],
  )
})

test('every guarded role, and every clearance, waits for the second', async () => {
  const site = await newPeople()
  await staff(site, 'first', { add: ['user-administrator'] })
  const wishes = [
    ...GUARDED_ROLES.map((role) => change({ add: [role] })),
    change({ clear: ['PSY'] }),
  ]
  for (const [at, wish] of wishes.entries()) {
    const { id } = await staff(site, `p${at}`)
    assert.equal((await site.people.changeRoles(id, wish, 'operator')).kind, 'asked')
  }
  assert.equal((await site.people.changes()).length, wishes.length)
})

test('nobody changes roles of his own, and a change not agreed to in a week is over', async () => {
  const site = await newPeople()
  const first = await staff(site, 'first', { add: ['user-administrator'] })
  await assert.rejects(site.people.changeRoles(first.id, change({ add: ['nurse'] }), first.id), {
    code: 'ACCESS_CHANGE_FORBIDDEN',
  })
  const { id } = await staff(site, 'other')
  const asked = await site.people.changeRoles(id, change({ add: ['auditor'] }), 'operator')
  assert(asked.kind === 'asked')
  await site.time.advance(7 * DAY_MS)
  assert.deepEqual(await site.people.changes(), [])
  await assert.rejects(site.people.agree(asked.change.id, first.id), {
    code: 'ACCESS_CHANGE_UNKNOWN',
  })
})

test('whoever is suspended comes back, and whoever has ended does not', async () => {
  const site = await newPeople()
  const { id, epoch } = await staff(site, 'ada', { add: ['nurse'] })
  const suspended = await site.people.setState(id, 'suspended', 'operator')
  assert.equal((await site.people.principalOf(id)).employment, 'suspended')
  assert(suspended.epoch > epoch, 'what stands ends')
  assert.equal((await site.people.setState(id, 'active', 'operator')).employment, 'active')
  const gone = await site.people.setState(id, 'ended', 'operator')
  assert.deepEqual([gone.roles, gone.password, gone.factors], [[], undefined, []])
  await assert.rejects(site.people.setState(id, 'active', 'operator'), {
    code: 'ACCESS_PERSON_INVALID',
  })
})

test('a delegation lends ties until it ends, and only of somebody who works here', async () => {
  const site = await newPeople()
  const references = ['Practitioner/d1']
  const lender = await site.people.add(
    { kind: 'person', login: 'l', name: 'L', references },
    'operator',
  )
  const locum = await staff(site, 'locum', { add: ['attending'] })
  const [notBefore, expiresAt] = [site.clock.now(), epochMs(site.clock.now() + DAY_MS)]
  const lent = { reason: 'locum', from: lender.id, notBefore, expiresAt } as const
  await site.people.delegate(locum.id, lent, 'operator')
  const froms = async () =>
    (await site.people.principalOf(locum.id)).delegations.map(({ from }) => from)
  assert.deepEqual(await froms(), [lender.id, 'Practitioner/d1'])
  await site.people.setState(lender.id, 'suspended', 'operator')
  assert.deepEqual(await froms(), [])
  const rejected = { code: 'ACCESS_PERSON_INVALID' }
  const tooLong = { ...lent, expiresAt: epochMs(expiresAt + 31 * DAY_MS) }
  await assert.rejects(site.people.delegate(locum.id, tooLong, 'operator'), rejected)
  const over = { ...lent, expiresAt: notBefore }
  await assert.rejects(site.people.delegate(locum.id, over, 'operator'), rejected)
  await assert.rejects(
    site.people.delegate(locum.id, { ...lent, reason: 'proxy', from: 'Patient/p' }, 'operator'),
    rejected,
  )
})

test('a proxy has ties to the patient, and a patient is the own one', async () => {
  const site = await newPeople()
  const references = ['Patient/m']
  const mother = await site.people.add(
    { kind: 'patient', login: 'mum', name: 'M', references },
    'operator',
  )
  const notBefore = site.clock.now()
  const expiresAt = epochMs(notBefore + DAY_MS)
  const proxy = { reason: 'proxy', from: 'Patient/child', notBefore, expiresAt } as const
  await site.people.delegate(mother.id, proxy, 'operator')
  const principal = await site.people.principalOf(mother.id)
  assert.deepEqual([principal.patient, principal.roles], ['Patient/m', ['patient', 'proxy']])
  assert.deepEqual(await site.people.tiesOf(mother.id), [
    { kind: 'proxy', patient: 'Patient/child', with: mother.id, notBefore, expiresAt },
  ])
})
