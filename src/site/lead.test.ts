import assert from 'node:assert/strict'
import { test } from 'node:test'
import { siteId, statement, tablesOf, type PortRefusal } from '#base'
import { MemoryDisk, MemoryStore, SimulatedTime } from '#world/ports'
import { daemonMigrations, daemonsOf, Presence } from './daemons.ts'
import { Lead, leadMigrations, leadOf } from './lead.ts'

const site = siteId('bristol')
const LEASE_MS = 5000
const notes = tablesOf<{ note: { says: string } }>()
const note = (says: string) => statement(notes.insertInto('note').values({ says }))
const noteTable = { id: 'note-1', statements: ['create table note (says text not null)'] }

/** Daemons of one site over one database. */
function shared() {
  const time = new SimulatedTime()
  const clock = time.view()
  const store = new MemoryStore([...leadMigrations, ...daemonMigrations, noteTable])
  const about = (run: string) => ({ site, store, clock, run, leaseMs: LEASE_MS })
  const said = async (): Promise<string[]> => {
    const rows = await store.read(statement(notes.selectFrom('note').selectAll()))
    return rows.map((row) => String(row['says']))
  }
  return { time, store, take: (run: string) => Lead.take(about(run)), about, said }
}

const STORE_FAILED = { name: 'PortRefusal', code: 'STORE_FAILED', message: /leads now/ }

test('one daemon leads, until it gives the lease back or is silent for as long as it lasts', async () => {
  const { time, store, take } = shared()
  const first = await take('one')
  assert(first !== undefined)
  assert.equal(await take('two'), undefined)
  await time.advance(3 * LEASE_MS)
  assert.equal(await take('two'), undefined, 'it renews its lease by itself')
  await first.release()
  const second = await take('two')
  assert(second !== undefined)
  assert.equal(second.epoch, 2)
  assert.equal((await leadOf(store, site))?.run, 'two')
  await second.release()
})

test('whoever was replaced stores nothing, changes no file, and is told so', async () => {
  const { time, store, take, said } = shared()
  const old = await take('one')
  assert(old !== undefined)
  const disk = new MemoryDisk()
  await disk.write('keys/slot', new Uint8Array([1, 2, 3]))
  await old.store.commit([note('while it led')])
  // As a process that stands still: its timers do not run, time does.
  await old.release()
  await time.advance(LEASE_MS)
  const heir = await take('two')
  assert(heir !== undefined)
  await assert.rejects(old.store.commit([note('after that')]), STORE_FAILED)
  await assert.rejects(old.disk(disk).overwrite('keys/slot', 0, new Uint8Array(3)), STORE_FAILED)
  await assert.rejects(old.disk(disk).write('keys/other', new Uint8Array(3)), STORE_FAILED)
  await assert.rejects(old.disk(disk).remove('keys/slot'), STORE_FAILED)
  const lost: PortRefusal = await old.lost
  assert.equal(lost.code, 'STORE_FAILED')
  await heir.store.commit([note('by the heir')])
  await heir.disk(disk).overwrite('keys/slot', 0, new Uint8Array([9]))
  assert.deepEqual(await said(), ['while it led', 'by the heir'])
  assert.deepEqual([...((await disk.read('keys/slot')) ?? [])], [9, 2, 3])
  assert.equal((await leadOf(store, site))?.run, 'two')
  await heir.release()
})

test('a conflict of a commit by itself does not cost the lead', async () => {
  const { take, said } = shared()
  const lead = await take('one')
  assert(lead !== undefined)
  const wrong = { ...note('twice'), expectChanges: 2 }
  await assert.rejects(lead.store.commit([wrong]), { code: 'STORE_CONFLICT' })
  await lead.store.commit([note('still there')])
  assert.deepEqual(await said(), ['still there'])
  await lead.release()
})

test('daemons say that they are there until they leave or fall silent', async () => {
  const { time, store, about } = shared()
  const names = async (): Promise<string[]> => {
    const now = time.view().now()
    return (await daemonsOf(store, site)).filter(({ until }) => until > now).map(({ run }) => run)
  }
  const a = await Presence.start({ ...about('one'), name: 'a' })
  const b = await Presence.start({ ...about('two'), name: 'b' })
  await time.advance(3 * LEASE_MS)
  assert.deepEqual(await names(), ['one', 'two'])
  const again = await Presence.start({ ...about('three'), name: 'a' })
  assert.deepEqual(await names(), ['three', 'two'], 'a new start takes the place of the old')
  await b.stop()
  assert.deepEqual(await names(), ['three'])
  await a.stop()
  assert.deepEqual(await names(), ['three'], 'the old start does not take the new one along')
  await again.stop()
})
