import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { statement, tablesOf, type Migration, type SqlValue, type Statement } from '#base'
import { scratch } from './scratch.test.ts'
import { openStore, startStore, WAITING_COMMITS_MAX, type SqliteStore } from './store.ts'

const migrations: readonly Migration[] = [
  {
    id: 'test-1',
    statements: [
      'create table pot (site_id text not null, id text not null, value integer, octets blob, ' +
        'primary key (site_id, id))',
      'create table lid (site_id text not null, pot text not null, ' +
        'foreign key (site_id, pot) references pot (site_id, id))',
    ],
  },
]

const sql = (text: string, ...parameters: readonly SqlValue[]): Statement => ({
  sql: text,
  parameters,
})
const put = (id: string, value: SqlValue = 0, octets: SqlValue = null): Statement =>
  sql('insert into pot (site_id, id, value, octets) values (?, ?, ?, ?)', 'a', id, value, octets)
const get = (id: string): Statement => sql('select value from pot where id = ?', id)
const all = sql('select id from pot order by id')

async function open(t: TestContext, pagesMax?: number): Promise<SqliteStore> {
  const file = join(scratch(t), 'site.db')
  const store = await openStore({
    file,
    migrations,
    ...(pagesMax === undefined ? {} : { pagesMax }),
  })
  t.after(() => store[Symbol.asyncDispose]())
  return store
}

test('a commit is read at once, and again after the store was closed and opened', async (t) => {
  const file = join(scratch(t), 'site.db')
  {
    await using store = await openStore({ file, migrations })
    await store.commit([put('x', 5, Uint8Array.of(1, 2)), put('y', 6)])
    assert.deepEqual(await store.read(get('x')), [{ value: 5 }])
    assert.equal(statSync(file).mode & 0o777, 0o600)
  }
  await using store = await openStore({ file, migrations })
  const rows = await store.read(sql('select * from pot order by id'))
  assert.deepEqual(rows, [
    { site_id: 'a', id: 'x', value: 5, octets: Uint8Array.of(1, 2) },
    { site_id: 'a', id: 'y', value: 6, octets: null },
  ])
  for (const row of rows) assert.equal(Object.getPrototypeOf(row), Object.prototype)
})

test('a commit is all or none: a broken statement takes back those before it', async (t) => {
  const store = await open(t)
  await store.commit([put('x')])
  await assert.rejects(store.commit([put('y'), put('x')]), { code: 'STORE_FAILED' })
  await assert.rejects(store.commit([put('y'), sql('insert into nowhere values (1)')]), {
    code: 'STORE_FAILED',
  })
  assert.deepEqual(await store.read(all), [{ id: 'x' }])
})

test('a lost race undoes its own commit and none of those it shares a sync with', async (t) => {
  const store = await open(t)
  await store.commit([put('x', 1)])
  const take = (by: number): Statement => ({
    ...sql('update pot set value = ? where id = ? and value = 1', by, 'x'),
    expectChanges: 1,
  })
  // All five are called in one turn, so they are one group.
  const outcomes = await Promise.allSettled([
    store.commit([put('before')]),
    store.commit([put('winner'), take(2)]),
    store.commit([put('loser'), take(3)]),
    store.commit([put('x')]),
    store.commit([put('after')]),
  ])
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'rejected', 'fulfilled'],
  )
  const [, , lost, broken] = outcomes
  assert(lost.status === 'rejected' && broken.status === 'rejected')
  assert.equal((lost.reason as { code: string }).code, 'STORE_CONFLICT')
  assert.deepEqual((lost.reason as { facts: unknown }).facts, { expected: 1, changed: 0 })
  assert.equal((broken.reason as { code: string }).code, 'STORE_FAILED')
  const ids = (await store.read(all)).map(({ id }) => id)
  assert.deepEqual(ids, ['after', 'before', 'winner', 'x'])
  assert.deepEqual(await store.read(get('x')), [{ value: 2 }])
})

test('expected changes are counted for statements that return rows as well', async (t) => {
  const store = await open(t)
  await store.commit([put('x', 1), put('y', 1)])
  const update = sql('update pot set value = 2 where value = 1 returning id')
  await assert.rejects(store.commit([{ ...update, expectChanges: 1 }]), { code: 'STORE_CONFLICT' })
  const [rows] = await store.commit([{ ...update, expectChanges: 2 }])
  assert.deepEqual(
    rows.map(({ id }) => id),
    ['x', 'y'],
  )
})

test('commits called together take effect in the order of the calls', async (t) => {
  const store = await open(t)
  await store.commit([put('x', 0)])
  const append = (digit: number): Promise<unknown> =>
    store.commit([sql('update pot set value = value * 10 + ? where id = ?', digit, 'x')])
  await Promise.all([1, 2, 3, 4, 5, 6, 7, 8, 9].map(append))
  assert.deepEqual(await store.read(get('x')), [{ value: 123_456_789 }])
})

test('a commit resolves to the returned rows of each statement, empty for the others', async (t) => {
  const store = await open(t)
  const results = await store.commit([
    put('x', 1),
    sql('insert into pot (site_id, id, value) values (?, ?, 2) returning id, value', 'a', 'y'),
    sql('select count(*) as pots from pot'),
  ])
  assert.deepEqual(results, [[], [{ id: 'y', value: 2 }], [{ pots: 2 }]])
  assert.deepEqual(await store.commit([put('z'), put('w')]), [[], []])
  assert.deepEqual(await store.commit([]), [])
})

test('every value comes back as it went in, with its type', async (t) => {
  const store = await open(t)
  let next = 0
  const value = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((x) => !Number.isInteger(x)),
    fc.uint8Array(),
    fc.constant(null),
  )
  await fc.assert(
    fc.asyncProperty(value, async (given) => {
      const id = String(next++)
      // In a column without a type, SQLite keeps the type of what is bound.
      await store.commit([
        sql('insert into pot (site_id, id, octets) values (?, ?, ?)', 'a', id, given),
      ])
      const [row] = await store.read(sql('select octets from pot where id = ?', id))
      assert.deepEqual(row['octets'], Object.is(given, -0) ? 0 : given)
    }),
    { numRuns: 200 },
  )
})

test('a whole number is stored as one: it has no decimal point as text and divides as whole', async (t) => {
  const store = await open(t)
  await store.commit([sql('insert into pot (site_id, id) values (?, ?)', 'a', 7)])
  assert.deepEqual(await store.read(all), [{ id: '7' }])
  assert.deepEqual(await store.read(sql('select ? / 2 as half, typeof(?) as type', 7, 7)), [
    { half: 3, type: 'integer' },
  ])
})

test('values that would come back as others are refused before anything is stored', async (t) => {
  const store = await open(t)
  const bad: readonly SqlValue[] = [NaN, Infinity, 2 ** 53, 2n ** 53n, -(2n ** 53n), '\ud800']
  for (const value of bad) {
    await assert.rejects(store.commit([put('ok'), put('bad', value)]), { code: 'STORE_FAILED' })
    await assert.rejects(store.read(sql('select ? as x', value)), { code: 'STORE_FAILED' })
  }
  assert.deepEqual(await store.read(all), [])
  await store.commit([put('most', 2n ** 53n - 1n), put('least', -(2 ** 53 - 1))])
  assert.deepEqual(await store.read(get('most')), [{ value: Number.MAX_SAFE_INTEGER }])
  assert.deepEqual(await store.read(get('least')), [{ value: Number.MIN_SAFE_INTEGER }])
})

test('a whole number beyond 2^53 in the database is an error, not another number', async (t) => {
  const store = await open(t)
  await store.commit([sql("insert into pot (site_id, id, value) values ('a', 'x', 1 << 60)")])
  await assert.rejects(store.read(get('x')), { code: 'STORE_FAILED', message: /beyond 2\^53 - 1/ })
  await assert.rejects(store.commit([get('x')]), { code: 'STORE_FAILED' })
})

test('a statement cannot leave its bounds: no transactions, schema, settings or other files', async (t) => {
  const store = await open(t)
  const forbidden = [
    'commit',
    'rollback',
    'begin',
    'savepoint mine',
    'release one',
    'drop table pot',
    'create table more (x)',
    "attach database '/tmp/photonward-elsewhere.db' as elsewhere",
    'pragma synchronous = off',
    'vacuum',
  ]
  for (const text of forbidden) {
    await assert.rejects(store.commit([put('x'), sql(text)]), { code: 'STORE_FAILED' }, text)
    await assert.rejects(store.read(sql(text)), { code: 'STORE_FAILED' }, text)
  }
  await assert.rejects(store.read(put('x')), { code: 'STORE_FAILED' })
  assert.deepEqual(await store.read(all), [])
  await store.commit([put('x')])
})

test('foreign keys hold', async (t) => {
  const store = await open(t)
  const lid = sql("insert into lid (site_id, pot) values ('a', 'x')")
  await assert.rejects(store.commit([lid]), { code: 'STORE_FAILED' })
  await store.commit([put('x'), lid])
})

test('octets may change after the call without changing what is stored', async (t) => {
  const store = await open(t)
  const large = new Uint8Array(100_000).fill(1)
  const done = store.commit([put('x', 0, large.subarray(10, 20))])
  large.fill(2)
  await done
  const [row] = await store.read(sql("select octets from pot where id = 'x'"))
  assert.deepEqual(row['octets'], new Uint8Array(10).fill(1))
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

test('more waiting commits than the bound are refused at once, and the others stand', async (t) => {
  const store = await open(t)
  const calls = Array.from({ length: WAITING_COMMITS_MAX + 10 }, (_, at) =>
    store.commit([put(String(at))]),
  )
  const outcomes = await Promise.allSettled(calls)
  const refused = outcomes.filter(({ status }) => status === 'rejected')
  assert.equal(refused.length, 10)
  for (const outcome of refused) {
    assert(outcome.status === 'rejected')
    assert.equal((outcome.reason as { code: string }).code, 'STORE_FULL')
  }
  assert.deepEqual(await store.read(sql('select count(*) as pots from pot')), [
    { pots: WAITING_COMMITS_MAX },
  ])
})

test('closing waits for every commit that was called, and refuses those after', async (t) => {
  const file = join(scratch(t), 'site.db')
  const store = await openStore({ file, migrations })
  const calls = Array.from({ length: 50 }, (_, at) => store.commit([put(String(at))]))
  await store[Symbol.asyncDispose]()
  await Promise.all(calls)
  await assert.rejects(store.commit([put('late')]), { code: 'STORE_FAILED' })
  await assert.rejects(store.read(all), { code: 'STORE_FAILED' })
  assert.equal(await store.closed, undefined)
  await store[Symbol.asyncDispose]()
  await using again = await openStore({ file, migrations })
  assert.equal((await again.read(all)).length, 50)
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

test('statements compiled by Kysely run as they are', async (t) => {
  interface Tables {
    pot: { site_id: string; id: string; value: number | null; octets: Uint8Array | null }
  }
  const tables = tablesOf<Tables>()
  const store = await open(t)
  const row = { site_id: 'a', id: 'x', value: 1, octets: null }
  const [[returned]] = await store.commit([
    statement(
      tables
        .insertInto('pot')
        .values(row)
        .onConflict((on) => on.columns(['site_id', 'id']).doUpdateSet({ value: 2 }))
        .returning('value'),
    ),
  ])
  assert.deepEqual(returned, { value: 1 })
  const found = await store.read(
    statement(tables.selectFrom('pot').selectAll().where('site_id', '=', 'a').limit(5)),
  )
  assert.deepEqual(found, [row])
})
