import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { Migration } from '#base'
import { lockFolder } from './folder.ts'
import { scratch } from './scratch.test.ts'
import { PREPARED_MAX, PreparedStatements } from './store-prepared.ts'
import { rowsOf } from './store-values.ts'
import { openWriter } from './store-schema.ts'
import { openStore } from './store.ts'

const one: Migration = { id: 'one', statements: ['create table a (x integer)'] }
const two: Migration = {
  id: 'two',
  statements: ['create table b (x integer)', 'insert into a values (2)'],
}
const three: Migration = { id: 'three', statements: ['create table c (x integer)'] }
const rows = { sql: 'select x from a', parameters: [] }

test('migrations are applied once each, in order, and new ones on the next start', async (t) => {
  const file = join(scratch(t), 'site.db')
  await (await openStore({ file, migrations: [one] }))[Symbol.asyncDispose]()
  await (await openStore({ file, migrations: [one, two] }))[Symbol.asyncDispose]()
  // A room's new migration may stand before those of the next room.
  await using store = await openStore({ file, migrations: [one, three, two] })
  assert.deepEqual(await store.read(rows), [{ x: 2 }])
  assert.deepEqual(await store.read({ sql: 'select * from c', parameters: [] }), [])
})

test('a database of a newer version is refused, and stays usable for that version', async (t) => {
  const file = join(scratch(t), 'site.db')
  await (await openStore({ file, migrations: [one, two] }))[Symbol.asyncDispose]()
  await assert.rejects(openStore({ file, migrations: [one] }), {
    name: 'GatewayRefusal',
    code: 'STORE_NEWER',
    facts: { migration: 'two', file },
  })
  await using store = await openStore({ file, migrations: [one, two] })
  assert.deepEqual(await store.read(rows), [{ x: 2 }])
})

test('a migration that was edited after it had been applied is refused', async (t) => {
  const file = join(scratch(t), 'site.db')
  await (await openStore({ file, migrations: [one] }))[Symbol.asyncDispose]()
  const edited = { ...one, statements: ['create table a (x integer, y integer)'] }
  await assert.rejects(openStore({ file, migrations: [edited] }), {
    code: 'STORE_MIGRATION_CHANGED',
  })
})

test('a failing migration leaves the database as it was', async (t) => {
  const file = join(scratch(t), 'site.db')
  await (await openStore({ file, migrations: [one] }))[Symbol.asyncDispose]()
  const broken = { id: 'broken', statements: [...three.statements, 'create table a (z)'] }
  await assert.rejects(openStore({ file, migrations: [one, two, broken] }), {
    code: 'STORE_UNREADABLE',
    message: /migration broken failed/,
  })
  await using store = await openStore({ file, migrations: [one] })
  assert.deepEqual(await store.read(rows), [])
})

test('a file that is no database, or one of another program, is refused and left alone', async (t) => {
  const folder = scratch(t)
  const file = join(folder, 'text.db')
  writeFileSync(file, 'Dear Sir, '.repeat(1000))
  await assert.rejects(openStore({ file, migrations: [] }), { code: 'STORE_UNREADABLE' })
  assert.equal(readFileSync(file, 'utf8'), 'Dear Sir, '.repeat(1000))
  const foreign = join(folder, 'foreign.db')
  new DatabaseSync(foreign).exec('create table bookmarks (url text)')
  await assert.rejects(openStore({ file: foreign, migrations: [] }), {
    code: 'STORE_UNREADABLE',
    message: /another program/,
  })
})

test('a damaged page is an error for what lies on it', async (t) => {
  const file = join(scratch(t), 'site.db')
  const fill = { sql: 'insert into a values (?)', parameters: [1] }
  {
    await using store = await openStore({ file, migrations: [one] })
    await store.commit(Array.from({ length: 5000 }, () => fill))
  }
  const octets = readFileSync(file)
  octets.fill(0xff, octets.length - 3 * 4096)
  writeFileSync(file, octets)
  await using store = await openStore({ file, migrations: [one] })
  await assert.rejects(store.read({ sql: 'select sum(x) from a', parameters: [] }), {
    code: 'STORE_FAILED',
    message: /damaged/,
  })
})

test('one folder has one daemon: a second store or lock is refused until the first is closed', async (t) => {
  const folder = scratch(t)
  const file = join(folder, 'site.db')
  const inUse = { name: 'GatewayRefusal', code: 'SITE_IN_USE', message: new RegExp(folder) }
  const first = await openStore({ file, migrations: [one] })
  await assert.rejects(openStore({ file, migrations: [one] }), inUse)
  assert.throws(() => lockFolder(folder), inUse)
  await first[Symbol.asyncDispose]()
  const lock = lockFolder(folder)
  await assert.rejects(openStore({ file, migrations: [one] }), inUse)
  lock[Symbol.dispose]()
  await (await openStore({ file, migrations: [one] }))[Symbol.asyncDispose]()
})

test('the database is durable, overwrites what is deleted, and keeps to its own files', (t) => {
  const file = join(scratch(t), 'site.db')
  const database = openWriter(file, [])
  const setting = (name: string): unknown =>
    Object.values(database.prepare(`pragma ${name}`).get() ?? {})[0]
  const settings = ['journal_mode', 'synchronous', 'secure_delete', 'foreign_keys', 'temp_store']
  // 2 is FULL and MEMORY.
  assert.deepEqual(settings.map(setting), ['wal', 2, 1, 1, 2])
  database.close()
})

test('prepared statements are bounded, and the ones in use stay', () => {
  const database = new DatabaseSync(':memory:')
  const prepared = new PreparedStatements(database)
  const first = prepared.of('select 0')
  for (let i = 1; i < 3 * PREPARED_MAX; i++) {
    prepared.of(`select ${String(i)}`)
    assert.equal(prepared.of('select 0'), first)
    assert(prepared.size <= PREPARED_MAX)
  }
  assert.deepEqual(rowsOf(prepared.of('select 1 as x'), []), [{ x: 1 }])
  database.close()
})
