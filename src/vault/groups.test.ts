/** Groups of which memory keeps a hash. @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bind, type SqlValue } from '#base'
import { verifierOf } from '#crypto'
import { BRISTOL, by, newSite, resource } from './fixture.test.ts'
import { Groups } from './groups.ts'
import { idIn } from './rows.ts'

/** A stored group, and groups that keep nothing of it but a hash and count how often they verify. */
async function oneGroup() {
  const { vault, store, signer } = await newSite()
  await vault.importRecords(resource({ resourceType: 'Patient', id: 'p' }), by)
  const run = async (sql: string, ...parameters: SqlValue[]) =>
    (await store.commit([bind({ sql, parameters: [] }, ...parameters)]))[0]
  const [row] = await run('SELECT * FROM vault_group')
  const counted = { checks: 0 }
  const verifiersOf = () => {
    counted.checks++
    return [verifierOf(signer)]
  }
  const groups = new Groups({ site: BRISTOL, store }, verifiersOf, 0)
  return { groups, counted, run, row, id: idIn(row, 'group_id') }
}

test('a group is verified once, though memory keeps no more than its hash', async () => {
  const { groups, counted, id } = await oneGroup()
  for (let time = 0; time < 3; time++) await groups.verified(id)
  assert.equal(counted.checks, 1)
})

test('a row that is not the one that was verified is verified, and found changed', async () => {
  for (const column of ['statement', 'manifest', 'ml_dsa', 'ed25519']) {
    const { groups, run, row, id } = await oneGroup()
    await groups.verified(id)
    const octets = row[column]
    assert(octets instanceof Uint8Array)
    const changed = octets.with(octets.length - 1, octets[octets.length - 1] ^ 1)
    await run(`UPDATE vault_group SET ${column} = ?`, changed)
    await assert.rejects(groups.verified(id), { code: 'VAULT_DAMAGED' }, column)
    await run(`UPDATE vault_group SET ${column} = ?`, octets)
    assert.equal((await groups.verified(id)).read.group, id)
    await run('DELETE FROM vault_group')
    await assert.rejects(groups.verified(id), { code: 'VAULT_DAMAGED' }, column)
  }
})

test('what a vault has signed itself it need not verify, if it is what was stored', async () => {
  const { groups, counted, run, row, id } = await oneGroup()
  const octetsIn = (column: string): Uint8Array => {
    const octets = row[column]
    assert(octets instanceof Uint8Array)
    return octets
  }
  const signature = { mlDsa: octetsIn('ml_dsa'), ed25519: octetsIn('ed25519') }
  groups.signed(id, { statement: octetsIn('statement'), manifest: octetsIn('manifest'), signature })
  await groups.verified(id)
  assert.equal(counted.checks, 0)
  await run('UPDATE vault_group SET ed25519 = ?', new Uint8Array(64))
  await assert.rejects(groups.verified(id), { code: 'VAULT_DAMAGED' })
  assert.equal(counted.checks, 1)
})
