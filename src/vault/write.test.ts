import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PortRefusal } from '#base'
import type { JsonObject } from '#health'
import { VaultRefusal, type Change, type Vault } from '#vault'
import { by, CAMBRIDGE, faultsOf, importCohort, newSite, send, textsOf } from './fixture.test.ts'

const code = (expected: string) => (error: unknown) =>
  error instanceof VaultRefusal && error.code === expected
const patient = (id: string, more: object = {}): JsonObject => ({
  ...{ resourceType: 'Patient', id },
  ...more,
})
const flag = (id: string, about: string): JsonObject => ({
  ...{ resourceType: 'Flag', id, status: 'active', code: { text: 'x' } },
  subject: { reference: about },
})
const put = (value: JsonObject): Change => {
  const [type, id] = [value['resourceType'] as string, value['id'] as string]
  return { kind: 'put', type, id, value }
}
const write = (vault: Vault, ...changes: readonly Change[]) =>
  vault.write({ ...by, act: 'next', names: changes, plan: () => changes })
const asked = { ...by, act: 'open', judge: () => true } as const
const label = [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason', code: 'HTEST' }]

test('units under way together share a group; one that is refused leaves the others alone', async () => {
  const { vault, store } = await newSite()
  await write(vault, put(patient('here')))
  const units = [
    write(vault, put(patient('a'))),
    write(vault, { ...put(patient('here', { active: true })), expect: 7 }),
    vault.write({ ...by, names: [], plan: () => Promise.reject(new Error('no')) }),
    write(vault, put(patient('b')), put(flag('f', 'Patient/b'))),
  ]
  const [a, wrong, thrown, b] = await Promise.allSettled(units)
  assert.equal(a.status, 'fulfilled')
  assert.equal(b.status, 'fulfilled')
  assert(wrong.status === 'rejected' && code('VAULT_VERSION_OTHER')(wrong.reason))
  assert(thrown.status === 'rejected')
  const groups = await store.read({ sql: 'select group_id from vault_group', parameters: [] })
  assert(groups.length <= 3)
  assert.deepEqual(await faultsOf(vault), [])
})

test('two units that change one resource follow each other', async () => {
  const { vault } = await newSite()
  const genders = ['male', 'female', 'other', 'unknown']
  const all = await Promise.all(
    genders.map((gender) => write(vault, put(patient('p', { gender })))),
  )
  assert.deepEqual(
    all.flat().map(({ version }) => version),
    [1, 2, 3, 4],
  )
})

test('where the store fails, every unit of the group is told, and nothing is written', async () => {
  const { vault, rig } = await newSite()
  rig(() => Promise.reject(new PortRefusal('DISK_FULL', 'No space is left on the disk')))
  const units = await Promise.allSettled([
    write(vault, put(patient('a'))),
    write(vault, put(patient('b'))),
  ])
  assert.deepEqual(
    units.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  rig(undefined)
  assert.equal((await write(vault, put(patient('a'))))[0].deed, 'made')
})

test('a group that loses a race to another process is tried again, unit by unit', async () => {
  const { vault, store, rig } = await newSite()
  const begun = Promise.withResolvers<undefined>()
  const gate = Promise.withResolvers<undefined>()
  let commits = 0
  rig(async (statements) => {
    commits++
    begun.resolve(undefined)
    if (commits === 1) await gate.promise
    if (commits === 2) throw new PortRefusal('STORE_CONFLICT', 'The rows were not as expected')
    return await store.commit(statements)
  })
  const first = write(vault, put(patient('a')))
  await begun.promise
  const others = [write(vault, put(patient('b'))), write(vault, put(patient('c')))]
  gate.resolve(undefined)
  const made = (await Promise.all([first, ...others])).flat()
  assert.deepEqual(
    made.map(({ deed }) => deed),
    ['made', 'made', 'made'],
  )
  assert.equal(commits, 4)
  rig(undefined)
  assert.deepEqual(await faultsOf(vault), [])
})

test('the demo profile refuses a unit about somebody unknown, and takes the others', async () => {
  const { vault } = await newSite(undefined, { synthetic: true })
  const known = patient('p', { meta: { security: label } })
  const [unknown, both] = await Promise.allSettled([
    write(vault, put(flag('stray', 'Patient/stranger'))),
    write(vault, put(known), put(flag('f', 'Patient/p'))),
  ])
  assert(unknown.status === 'rejected' && code('VAULT_NOT_SYNTHETIC')(unknown.reason))
  assert.equal(both.status, 'fulfilled')
  assert.deepEqual(await vault.count(), { patients: 1, items: 2 })
  assert.deepEqual(await faultsOf(vault), [])
})

test('what is removed is found by nobody, opens in its history, and stays removed after a restart', async () => {
  const { vault, reopen } = await newSite()
  await write(vault, put(patient('p')), put(flag('f', 'Patient/p')))
  const [{ deed, version }] = await write(vault, { kind: 'remove', type: 'Flag', id: 'f' })
  assert.deepEqual([deed, version], ['removed', 2])
  const [again] = await write(vault, { kind: 'remove', type: 'Flag', id: 'f' })
  assert.deepEqual([again.deed, again.version], ['kept', 2])
  await assert.rejects(vault.readRecord({ type: 'Flag', id: 'f' }, by), code('VAULT_NOT_FOUND'))
  const [{ patient: holder }] = await vault.patients()
  assert.deepEqual([...(await textsOf(vault, holder)).keys()], ['Patient/p'])
  const restarted = await reopen()
  const gone = await restarted.consult({ type: 'Flag', id: 'f' }, asked)
  assert.deepEqual([gone?.isGone, gone?.value['id']], [true, 'f'])
  const before = await restarted.consult({ type: 'Flag', id: 'f', version: 1 }, asked)
  assert.equal(before?.isGone, false)
  assert.deepEqual(await faultsOf(restarted), [])
})

test('a removal travels: what another site has of it ends there, and what it never had is nothing', async () => {
  const bristol = await newSite()
  const cambridge = await newSite(CAMBRIDGE)
  await write(bristol.vault, put(patient('p')), put(flag('f', 'Patient/p')))
  const [{ patient: holder }] = await bristol.vault.patients()
  await send(bristol, cambridge, holder)
  await write(bristol.vault, put(flag('never', 'Patient/p')))
  for (const id of ['f', 'never']) await write(bristol.vault, { kind: 'remove', type: 'Flag', id })
  const staged = await send(bristol, cambridge, holder)
  assert.equal(staged.written, 1)
  const [{ patient: there }] = await cambridge.vault.patients()
  assert.deepEqual([...(await textsOf(cambridge.vault, there)).keys()], ['Patient/p'])
  assert.equal((await send(bristol, cambridge, holder)).written, 0)
  assert.deepEqual([await faultsOf(bristol.vault), await faultsOf(cambridge.vault)], [[], []])
})

test('a store from before there was a roll gets one when it opens', async () => {
  const { vault, store, reopen } = await newSite()
  await importCohort(vault, 2)
  const history = async (of: Vault) =>
    (await of.past({ type: 'Patient', limit: 100 }, asked)).versions.map(({ id }) => id)
  const before = await history(vault)
  assert.equal(before.length, 2)
  await store.commit(
    ['vault_roll', 'vault_upto'].map((table) => ({ sql: `delete from ${table}`, parameters: [] })),
  )
  const reopened = await reopen()
  assert.deepEqual((await history(reopened)).toSorted(), before.toSorted())
  assert.deepEqual(await faultsOf(reopened), [])
})
