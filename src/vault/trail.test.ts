import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Uuid } from '#base'
import { accountOf, eventOfParts } from '#audit'
import type { Vault } from '#vault'
import { by, newSite, resource, type TestSite } from './fixture.test.ts'

const deed = { actor: 'auditor', act: 'find', told: { account: accountOf('auditor') } } as const
const patient = (id: string, number: string): Uint8Array =>
  resource({
    ...{ resourceType: 'Patient', id, birthDate: '1970-01-01' },
    identifier: [{ system: 'https://fhir.nhs.uk/Id/nhs-number', value: number }],
  })
const read = (vault: Vault, id: string) =>
  vault.readRecord({ type: 'Patient', id }, { actor: `reader-of-${id}` })

async function twoPatients(): Promise<TestSite & { readonly ids: readonly [Uuid, Uuid] }> {
  const site = await newSite()
  const { vault } = site
  const [a] = (await vault.importRecords(patient('a', '9990000018'), by)).patients
  const [b] = (await vault.importRecords(patient('b', '9990000026'), by)).patients
  await read(vault, 'a')
  await read(vault, 'b')
  return { ...site, ids: [a, b] }
}

test('events are found by patient and by who did it, and pages go on where they end', async () => {
  const { vault, ids } = await twoPatients()
  const own = await vault.events({ patient: ids[0], limit: 10 }, deed)
  assert.deepEqual(own.events.map(({ kind, actor }) => [kind, actor]).slice(1), [
    ['vault.opened', 'reader-of-a'],
    ['vault.filed', 'tester'],
  ])
  assert.equal(own.next, undefined)
  const { events } = await vault.events({ actor: 'reader-of-b', limit: 10 }, deed)
  assert.deepEqual(
    events.map(({ holder }) => holder),
    [ids[1]],
  )
  const all: number[] = []
  let before: number | undefined
  for (;;) {
    const page = await vault.events({ limit: 2, before, actor: 'tester' }, deed)
    all.push(...page.events.map(({ index }) => index))
    if ((before = page.next) === undefined) break
  }
  assert.equal(new Set(all).size, 2)
})

test('once the key of a patient is destroyed, who looked is still proven, at whom is not', async () => {
  const { vault, ids } = await twoPatients()
  const { events: before } = await vault.events({ actor: 'reader-of-a', limit: 1 }, deed)
  assert.deepEqual(before[0].about?.data, ['Patient/a/_history/1'])
  await vault.erase(ids[0], { ...by, cause: 'wish' })
  const { events: after } = await vault.events({ actor: 'reader-of-a', limit: 1 }, deed)
  assert.equal(after[0].about, undefined)
  assert.equal(after[0].particular, undefined)
  assert.equal(after[0].general.text, before[0].general.text)
  assert(!JSON.stringify(eventOfParts(after[0].general.text, undefined)).includes('Patient/a'))
  const { events: other } = await vault.events({ actor: 'reader-of-b', limit: 1 }, deed)
  assert.notEqual(other[0].about, undefined)
})

test('whatever is changed or swapped beside entries is named when it is read', async () => {
  const swaps = [
    'update audit_entry set who = (select who from audit_entry where ix = 4) where ix = 5',
    'update audit_entry set whom = (select whom from audit_entry where ix = 4) where ix = 5',
    "update audit_entry set who = x'00' where ix = 5",
  ]
  for (const sql of swaps) {
    const { vault, store, log } = await twoPatients()
    const [{ index }] = (await log.entries({ kind: 'vault.opened' })).slice(-1)
    assert.equal(index, 5)
    await store.commit([{ sql, parameters: [] }])
    const asked = vault.events({ index: 5, limit: 1 }, deed)
    await assert.rejects(asked, { code: 'VAULT_DAMAGED', message: /^audit_entry 5: / })
  }
})

test('nothing of whom or what stands in a row in clear, and no tag lasts longer than a day', async () => {
  const { store, time, vault, ids } = await twoPatients()
  await time.advance(86_400_000)
  await read(vault, 'a')
  const rows = await store.read({
    sql: 'select about, doer, who, whom, leaf from audit_entry where about is not null',
    parameters: [],
  })
  const clear = rows
    .flatMap((row) => Object.values(row))
    .map((value) => {
      assert(value instanceof Uint8Array)
      return Buffer.from(value).toString('latin1')
    })
  for (const secret of ['Patient', '9990000018', 'AuditEvent', ids[0]]) {
    assert(!clear.some((text) => text.includes(secret)), secret)
  }
  const tags = rows.map((row) => Buffer.from(row['about'] as Uint8Array).toString('hex'))
  // Two patients on the first day, one of them again on the second.
  assert.equal(new Set(tags).size, 3)
})
