import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { Statement } from '#base'
import { scratch } from './scratch.test.ts'
import { all, get, migrations, put, sql, storeLaws } from './store-laws.test.ts'
import { openStore, startStore, type SqliteStore } from './store.ts'

storeLaws({
  name: 'SQLite',
  skip: false,
  fresh: (t) => {
    const file = join(scratch(t), 'site.db')
    return (migrations) => openStore({ file, migrations })
  },
})

async function open(t: TestContext, pagesMax: number): Promise<SqliteStore> {
  const file = join(scratch(t), 'site.db')
  const store = await openStore({ file, migrations, pagesMax })
  t.after(() => store[Symbol.asyncDispose]())
  return store
}

test('a whole number is bound as one in an expression without a type', async (t) => {
  const store = await open(t, 1000)
  assert.deepEqual(await store.read(sql('select ? / 2 as half, typeof(?) as type', 7, 7)), [
    { half: 3, type: 'integer' },
  ])
})

test('a commit is read at once, and again after the store was closed and opened', async (t) => {
  const file = join(scratch(t), 'site.db')
  {
    await using store = await openStore({ file, migrations })
    await store.commit([put('x', 5, Uint8Array.of(1, 2)), put('y', 6)])
    assert.deepEqual(await store.read(get('x')), [{ value: 5 }])
    assert.equal(statSync(file).mode & 0o777, 0o600)
  }
  await using store = await openStore({ file, migrations })
  const rows = await store.read(sql('select id, value, octets from pot order by id'))
  assert.deepEqual(rows, [
    { id: 'x', value: 5, octets: Uint8Array.of(1, 2) },
    { id: 'y', value: 6, octets: null },
  ])
  for (const row of rows) assert.equal(Object.getPrototypeOf(row), Object.prototype)
})

test('a full database refuses what does not fit, keeps what fits, and recovers', async (t) => {
  const store = await open(t, 40)
  const big = (id: string): Statement => put(id, 0, new Uint8Array(200_000))
  await assert.rejects(store.commit([big('x')]), { name: 'PortRefusal', code: 'STORE_FULL' })
  // One group: the small ones must not suffer for the big one.
  const outcomes = await Promise.allSettled([
    store.commit([put('a')]),
    store.commit([put('b'), big('c')]),
    store.commit([put('d')]),
  ])
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  assert.deepEqual(
    (await store.read(all)).map(({ id }) => id),
    ['a', 'd'],
  )
  store.limitPages(1000)
  await store.commit([big('x')])
  assert.equal((await store.read(all)).length, 3)
})

test('when the writer thread dies, waiting commits are refused and the store is closed', async (t) => {
  const worker = new URL('store-worker.ts', import.meta.url).href
  const dying = `import { parentPort } from 'node:worker_threads'
    import '${worker}'
    parentPort.on('message', () => { throw new Error('struck by lightning') })`
  const program = new URL(`data:text/javascript,${encodeURIComponent(dying)}`)
  const file = join(scratch(t), 'site.db')
  const store = await startStore({ file, migrations }, program)
  const calls = await Promise.allSettled([store.commit([put('x')]), store.commit([put('y')])])
  // The first may have been acknowledged before the end; none is left hanging.
  assert.equal(calls.length, 2)
  assert.equal((await store.closed)?.code, 'STORE_FAILED')
  await assert.rejects(store.commit([put('z')]), { code: 'STORE_FAILED' })
  await assert.rejects(store.read(all), { code: 'STORE_FAILED' })
  // The lock went with it: the site can start again on the same folder.
  await using again = await openStore({ file, migrations })
  const ids = (await again.read(all)).map(({ id }) => id)
  const acknowledged = ['x', 'y'].filter((_, at) => calls[at].status === 'fulfilled')
  for (const id of acknowledged) assert(ids.includes(id))
})

test('whatever keeps a store from opening is a refusal, and its folder is free again', async (t) => {
  const file = join(scratch(t), 'site.db')
  const programs = [
    'throw new Error("struck by lightning")',
    '',
    // It says that it is ready, though there is no database to read.
    'import { parentPort } from "node:worker_threads"; parentPort.postMessage({ kind: "ready" })',
  ]
  for (const program of programs) {
    const url = new URL(`data:text/javascript,${encodeURIComponent(program)}`)
    await assert.rejects(startStore({ file, migrations }, url), { code: 'STORE_UNREADABLE' })
  }
  await using store = await openStore({ file, migrations })
  assert.deepEqual(await store.read(all), [])
})
