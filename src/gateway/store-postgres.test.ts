import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { siteId, type Statement } from '#base'
import { PostgresCluster, withoutPostgres, type PostgresPlace } from '#world/ports'
import { SystemClock } from './clock.ts'
import { all, get, migrations, put, sql, storeLaws } from './store-laws.test.ts'
import { openPostgres, type PostgresStore } from './store-postgres.ts'

const skip = withoutPostgres()
const clock = new SystemClock()
let cluster: PostgresCluster

before(async () => {
  if (skip === false) cluster = await PostgresCluster.start()
})
after(async () => {
  if (skip === false) await cluster[Symbol.asyncDispose]()
  clock[Symbol.dispose]()
})

const open = (address: PostgresPlace, shared = false): Promise<PostgresStore> =>
  openPostgres({ address, site: siteId('bristol'), migrations, clock, shared })

storeLaws({
  name: 'PostgreSQL',
  skip,
  fresh: () => {
    const address = cluster.database()
    return (migrations) => openPostgres({ address, site: siteId('bristol'), migrations, clock })
  },
})

test('a database of another site, or of another program, is refused', { skip }, async () => {
  const address = cluster.database()
  await (await open(address))[Symbol.asyncDispose]()
  await assert.rejects(openPostgres({ address, site: siteId('cambridge'), migrations, clock }), {
    name: 'GatewayRefusal',
    code: 'STORE_OTHER_SITE',
  })
  const foreign = cluster.database()
  cluster.query(foreign.database, 'create table patients (name text)')
  await assert.rejects(open(foreign), { code: 'STORE_UNREADABLE', message: /another program/ })
})

test(
  'a database that would lose commits, or cannot hold our texts, is refused',
  { skip },
  async () => {
    const { database, ...address } = cluster.database()
    cluster.query(
      'postgres',
      "create database latin encoding 'LATIN1' locale 'C' template template0",
    )
    await assert.rejects(open({ ...address, database: 'latin' }), {
      code: 'STORE_UNSUPPORTED',
      facts: { name: 'server_encoding', setting: 'LATIN1' },
    })
    cluster.query(database, `alter database ${database} set synchronous_commit = off`)
    await using store = await open({ ...address, database })
    const [[row]] = await store.commit([sql("select current_setting('synchronous_commit') as it")])
    assert.deepEqual(row, { it: 'on' })
  },
)

test(
  'what cannot be opened is refused by what the operator can do about it',
  { skip },
  async () => {
    const address = cluster.database()
    await assert.rejects(open({ ...address, host: `${cluster.folder}/nowhere` }), {
      code: 'STORE_UNREACHABLE',
    })
    await assert.rejects(open({ ...address, database: 'missing' }), { code: 'STORE_UNREADABLE' })
    await assert.rejects(open({ ...address, user: 'stranger' }), { code: 'STORE_UNREADABLE' })
  },
)

test('a text with a NUL is refused, for PostgreSQL has none', { skip }, async () => {
  await using store = await open(cluster.database())
  await assert.rejects(store.commit([put('a\0b')]), { code: 'STORE_FAILED', message: /NUL/ })
  assert.deepEqual(await store.read(all), [])
})

test(
  'two stores that share a database write as one, and a third is refused',
  { skip },
  async () => {
    const address = cluster.database()
    await using one = await open(address, true)
    await using two = await open(address, true)
    await assert.rejects(open(address), { code: 'SITE_IN_USE' })
    await one.commit([put('x', 0)])
    const add: Statement = {
      ...sql('update pot set value = value + 1 where id = ?', 'x'),
      expectChanges: 1,
    }
    // Each finds the next number inside its transaction, as the log of a site does.
    const next = sql(
      "insert into pot (site_id, id) select 'b', max(cast(n as integer)) + 1 from (select '0' as n " +
        "union all select id from pot where site_id = 'b') as pots returning id",
    )
    const calls = Array.from({ length: 200 }, (_, at) => (at % 2 ? one : two).commit([add, next]))
    const ids = (await Promise.all(calls)).map(([, rows]) => Number(rows[0]['id']))
    assert.deepEqual(
      ids.toSorted((a, b) => a - b),
      Array.from({ length: 200 }, (_, at) => at + 1),
    )
    assert.deepEqual(await two.read(get('x')), [{ value: 200 }])
  },
)

test(
  'of two stores that race for a row exactly one wins, and sees it at once',
  { skip },
  async () => {
    const address = cluster.database()
    await using one = await open(address, true)
    await using two = await open(address, true)
    await one.commit(Array.from({ length: 50 }, (_, at) => put(String(at), 0)))
    const take =
      (store: PostgresStore, by: number) =>
      async (id: number): Promise<number> => {
        const claim = sql('update pot set value = ? where id = ? and value = 0', by, String(id))
        try {
          await store.commit([put(`${String(by)}/${String(id)}`), { ...claim, expectChanges: 1 }])
        } catch (error) {
          assert.equal((error as { code: string }).code, 'STORE_CONFLICT')
          return 0
        }
        assert.deepEqual(await store.read(get(String(id))), [{ value: by }])
        return 1
      }
    const ids = Array.from({ length: 50 }, (_, at) => at)
    const wins = await Promise.all([...ids.map(take(one, 1)), ...ids.map(take(two, 2))])
    assert.equal(
      wins.reduce((sum, win) => sum + win, 0),
      50,
    )
    assert.equal((await one.read(all)).length, 100, 'each loser left nothing')
  },
)

const terminate = (database: string): string =>
  cluster.query(
    'postgres',
    `select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = '${database}'`,
  )

/** Commits one row after the other until told to stop; which were acknowledged and which refused. */
function writing(store: PostgresStore, writer: string) {
  const acknowledged: string[] = []
  let stopped = false
  const done = (async () => {
    for (let at = 0; !stopped; at++) {
      const id = `${writer}/${String(at)}`
      try {
        await store.commit([put(id)])
        acknowledged.push(id)
      } catch (error) {
        assert.equal((error as { code: string }).code, 'STORE_FAILED')
        await new Promise((resume) => clock.after(20, () => resume(undefined)))
      }
    }
    return acknowledged
  })()
  return { acknowledged, stop: () => ((stopped = true), done) }
}

/** Waits until each writer was acknowledged once more. */
async function moreOf(writers: readonly ReturnType<typeof writing>[]): Promise<void> {
  const before = writers.map(({ acknowledged }) => acknowledged.length)
  while (writers.some(({ acknowledged }, at) => acknowledged.length === before[at])) {
    await new Promise((resume) => clock.after(20, () => resume(undefined)))
  }
}

test(
  'while the database is down commits and reads are refused, and then work again',
  { skip },
  async () => {
    await using store = await open(cluster.database())
    await store.commit([put('before')])
    await cluster.stop()
    await assert.rejects(store.commit([put('during')]), {
      code: 'STORE_FAILED',
      message: /reached/,
    })
    await assert.rejects(store.read(all), { code: 'STORE_FAILED', message: /reached/ })
    await cluster.resume()
    const writer = writing(store, 'after')
    await moreOf([writer])
    const acknowledged = await writer.stop()
    const ids = (await store.read(all)).map(({ id }) => String(id))
    assert.deepEqual(new Set(ids), new Set(['before', ...acknowledged]))
  },
)

test(
  'however the connection is cut, what was acknowledged stands and what was refused does not',
  { skip },
  async () => {
    const address = cluster.database()
    await using store = await open(address)
    const writers = Array.from({ length: 8 }, (_, at) => writing(store, String(at)))
    for (let round = 0; round < 10; round++) {
      await moreOf(writers)
      terminate(address.database)
    }
    await moreOf(writers)
    await cluster.crash()
    await cluster.resume()
    await moreOf(writers)
    const acknowledged = (await Promise.all(writers.map((writer) => writer.stop()))).flat()
    const ids = (await store.read(all)).map(({ id }) => String(id))
    assert.deepEqual(new Set(ids), new Set(acknowledged))
  },
)

test(
  'a read on a connection that was cut since the last one is asked again on another',
  { skip },
  async () => {
    const address = cluster.database()
    await using store = await open(address)
    await store.commit([put('x')])
    for (let round = 0; round < 5; round++) {
      const reads = Array.from({ length: 4 }, () => store.read(all))
      for (const rows of await Promise.all(reads)) assert.deepEqual(rows, [{ id: 'x' }])
      terminate(address.database)
    }
    await cluster.stop()
    await assert.rejects(store.read(all), { code: 'STORE_FAILED', message: /reached/ })
    await cluster.resume()
    assert.deepEqual(await store.read(all), [{ id: 'x' }])
  },
)

test(
  'a store that was cut off while another daemon was there closes for good',
  { skip },
  async () => {
    const address = cluster.database()
    await using store = await open(address)
    terminate(address.database)
    {
      await using other = await open(address)
      await other.commit([put('x')])
      await assert.rejects(store.commit([put('y')]), { code: 'STORE_FAILED' })
    }
    const refused = await Promise.race([
      store.closed,
      (async () => {
        for (;;) {
          await store.commit([put('y')]).catch(() => undefined)
          await new Promise((resume) => clock.after(50, () => resume(undefined)))
        }
      })(),
    ])
    assert.match(String(refused), /Another daemon/)
    await using again = await open(address)
    assert.deepEqual(await again.read(all), [{ id: 'x' }])
  },
)
