import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import type { Statement } from '#base'
import { scratch } from './scratch.test.ts'
import {
  GROUP_COMMITS_MAX,
  GROUP_OCTETS_MAX,
  GROUPS_MAX,
  InPlaceWriter,
  PAUSE_MS,
  SLOW_MS,
} from './store-in-place.ts'
import { all, migrations, put, sql } from './store-laws.test.ts'
import { openStore, startStore, type SqliteStore } from './store.ts'

const worker = new URL('store-worker.ts', import.meta.url).href
const dyingAtCommits = `import { parentPort } from 'node:worker_threads'
  import '${worker}'
  parentPort.on('message', ({ kind }) => { if (kind === 'commits') process.exit() })`
/** A writer thread that ends as soon as it is given a commit. */
const program = new URL(`data:text/javascript,${encodeURIComponent(dyingAtCommits)}`)

async function withoutThread(t: TestContext): Promise<SqliteStore> {
  const store = await startStore({ file: join(scratch(t), 'site.db'), migrations }, program)
  t.after(() => store[Symbol.asyncDispose]())
  return store
}

test('a small group is written without the writer thread', async (t) => {
  const store = await withoutThread(t)
  const ids = Array.from({ length: GROUP_COMMITS_MAX }, (_, at) => `pot ${String(at)}`)
  await Promise.all(ids.map((id) => store.commit([put(id)])))
  assert.deepEqual((await store.read(all)).map(({ id }) => id).toSorted(), ids.toSorted())
})

const larger: Readonly<Record<string, readonly Statement[]>> = {
  'of one commit more': Array.from({ length: GROUP_COMMITS_MAX + 1 }, (_, at) => put(`p${at}`)),
  'of more octets': [put('large', 0, new Uint8Array(GROUP_OCTETS_MAX))],
}
for (const [name, statements] of Object.entries(larger)) {
  test(`the writer thread has a group ${name}`, async (t) => {
    const store = await withoutThread(t)
    // Whether they were acknowledged before the thread ended is no matter here.
    await Promise.allSettled(statements.map((one) => store.commit([one])))
    assert.equal((await store.closed)?.code, 'STORE_FAILED')
  })
}

test('what comes while the writer thread is at work is written after that', async (t) => {
  const store = await openStore({ file: join(scratch(t), 'site.db'), migrations })
  t.after(() => store[Symbol.asyncDispose]())
  const ended: string[] = []
  const commit = (id: string, octets: number): Promise<unknown> =>
    store.commit([put(id, 0, new Uint8Array(octets))]).then(() => ended.push(id))
  const large = commit('large', 1_000_000)
  await new Promise(setImmediate)
  const after = store.commit([
    sql("update pot set value = 1 where site_id = 'a' and id = 'large'"),
    put('small'),
  ])
  await Promise.all([large, after.then(() => ended.push('small'))])
  assert.deepEqual(ended, ['large', 'small'])
  const [row] = await store.read(sql("select value from pot where id = 'large'"))
  assert.equal(row['value'], 1)
})

test('the writer thread has a group now and then, so the log of the database stays short', async (t) => {
  const file = join(scratch(t), 'site.db')
  const store = await openStore({ file, migrations })
  t.after(() => store[Symbol.asyncDispose]())
  const octets = new Uint8Array(60_000)
  for (let nth = 0; nth < 3 * GROUPS_MAX; nth++) {
    await store.commit([
      sql('delete from pot'),
      sql('insert into pot (site_id, id, octets) values (?, ?, ?)', 'a', 'x', octets),
    ])
  }
  const written = 3 * GROUPS_MAX * octets.length
  const { size } = statSync(`${file}-wal`)
  assert(size < written / 1.5, `${String(size)} octets of log after ${String(written)}`)
})

test('while groups take long, the writer thread has everything for a while', (t) => {
  const file = join(scratch(t), 'site.db')
  new DatabaseSync(file).exec('create table pot (site_id text, id text, value, octets)')
  let now = 0
  let tookMs = 0
  using writer = new InPlaceWriter(file, () => (now += tookMs))
  const one = { commits: 1, octets: 100 }
  const write = (ms: number, groups: number): void => {
    tookMs = ms
    for (let nth = 0; nth < groups; nth++) {
      assert.deepEqual(writer.commitAll([[put('x')]]), [{ kind: 'committed', rows: null }])
    }
    tookMs = 0
  }
  write(SLOW_MS, 100)
  assert(writer.takes(one), 'as long as is borne')
  write(0.1, 100)
  write(10 * SLOW_MS, 1)
  assert(writer.takes(one), 'one alone is no reason')
  write(10 * SLOW_MS, 1)
  const ended = now
  assert(!writer.takes(one))
  now = ended + PAUSE_MS - 1
  assert(!writer.takes(one))
  now = ended + PAUSE_MS
  assert(writer.takes(one))
})
