/**
 * What holds for every engine of the Store port. The tests of each engine call it.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import {
  statement,
  tablesOf,
  type Migration,
  type SqlValue,
  type Statement,
  type Store,
} from '#base'
import { WAITING_COMMITS_MAX } from './store-refusals.ts'

export const migrations: readonly Migration[] = [
  {
    id: 'test-1',
    statements: [
      'create table pot (site_id text not null, id text not null, value integer, words text, ' +
        'fraction real, octets blob, primary key (site_id, id))',
      'create table lid (site_id text not null, pot text not null, ' +
        'foreign key (site_id, pot) references pot (site_id, id))',
    ],
  },
]

export const sql = (text: string, ...parameters: readonly SqlValue[]): Statement => ({
  sql: text,
  parameters,
})
export const put = (id: string, value: SqlValue = 0, octets: SqlValue = null): Statement =>
  sql('insert into pot (site_id, id, value, octets) values (?, ?, ?, ?)', 'a', id, value, octets)
export const get = (id: string): Statement => sql('select value from pot where id = ?', id)
export const all = sql('select id from pot order by id')

/** Opens one database, again and again. */
export type Opener = (
  migrations: readonly Migration[],
) => Promise<Store & AsyncDisposable & { readonly closed: Promise<unknown> }>

export interface Engine {
  readonly name: string
  /** Why its tests cannot run on this machine. */
  readonly skip: string | false
  /** A database of its own for a test. */
  readonly fresh: (t: TestContext) => Opener | Promise<Opener>
}

/** The column for a value, as engines with types need it. */
function columnOf(value: SqlValue): string {
  if (typeof value === 'string') return 'words'
  if (typeof value === 'number') return Number.isInteger(value) ? 'value' : 'fraction'
  return 'octets'
}

/** Declares the tests of an engine. */
export function storeLaws({ name, skip, fresh }: Engine): void {
  const claim = (text: string, prove: (t: TestContext) => Promise<void>): void => {
    test(`${name}: ${text}`, { skip }, prove)
  }
  const open = async (t: TestContext) => {
    const store = await (await fresh(t))(migrations)
    t.after(() => store[Symbol.asyncDispose]())
    return store
  }

  claim('a commit is all or none: a broken statement takes back those before it', async (t) => {
    const store = await open(t)
    await store.commit([put('x')])
    await assert.rejects(store.commit([put('y'), put('x')]), { code: 'STORE_FAILED' })
    await assert.rejects(store.commit([put('y'), sql('insert into nowhere values (1)')]), {
      code: 'STORE_FAILED',
    })
    assert.deepEqual(await store.read(all), [{ id: 'x' }])
  })

  claim('a lost race undoes its own commit and none of those it shares a sync with', async (t) => {
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

  claim('expected changes are counted for statements that return rows as well', async (t) => {
    const store = await open(t)
    await store.commit([put('x', 1), put('y', 1)])
    const update = sql('update pot set value = 2 where value = 1 returning id')
    await assert.rejects(store.commit([{ ...update, expectChanges: 1 }]), {
      code: 'STORE_CONFLICT',
    })
    const [rows] = await store.commit([{ ...update, expectChanges: 2 }])
    assert.deepEqual(
      rows.map(({ id }) => id),
      ['x', 'y'],
    )
  })

  claim('commits called together take effect in the order of the calls', async (t) => {
    const store = await open(t)
    await store.commit([put('x', 0)])
    const append = (digit: number): Promise<unknown> =>
      store.commit([sql('update pot set value = value * 10 + ? where id = ?', digit, 'x')])
    await Promise.all([1, 2, 3, 4, 5, 6, 7, 8, 9].map(append))
    assert.deepEqual(await store.read(get('x')), [{ value: 123_456_789 }])
  })

  claim(
    'a commit resolves to the returned rows of each statement, empty for the others',
    async (t) => {
      const store = await open(t)
      const results = await store.commit([
        put('x', 1),
        sql('insert into pot (site_id, id, value) values (?, ?, 2) returning id, value', 'a', 'y'),
        sql('select count(*) as pots from pot'),
      ])
      assert.deepEqual(results, [[], [{ id: 'y', value: 2 }], [{ pots: 2 }]])
      assert.deepEqual(await store.commit([put('z'), put('w')]), [[], []])
      assert.deepEqual(await store.commit([]), [])
    },
  )

  claim('every value comes back as it went in, with its type', async (t) => {
    const store = await open(t)
    let next = 0
    const value = fc.oneof(
      fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')),
      fc.maxSafeInteger(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).filter((x) => !Number.isInteger(x)),
      fc.uint8Array(),
      fc.constant(null),
    )
    await fc.assert(
      fc.asyncProperty(value, async (given) => {
        const id = String(next++)
        const column = columnOf(given)
        await store.commit([
          sql(`insert into pot (site_id, id, ${column}) values (?, ?, ?)`, 'a', id, given),
        ])
        const [row] = await store.read(sql(`select ${column} as it from pot where id = ?`, id))
        assert.deepEqual(row['it'], Object.is(given, -0) ? 0 : given)
      }),
      { numRuns: 200 },
    )
  })

  claim(
    'a whole number is stored as one: it has no decimal point as text and divides as whole',
    async (t) => {
      const store = await open(t)
      await store.commit([sql('insert into pot (site_id, id) values (?, ?)', 'a', 7)])
      assert.deepEqual(await store.read(all), [{ id: '7' }])
      const half = sql('select value / 2 as half from pot where id = ?', '8')
      await store.commit([put('8', 7)])
      assert.deepEqual(await store.read(half), [{ half: 3 }])
    },
  )

  claim(
    'values that would come back as others are refused before anything is stored',
    async (t) => {
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
    },
  )

  claim('a whole number beyond 2^53 in the database is an error, not another number', async (t) => {
    const store = await open(t)
    await store.commit([
      sql("insert into pot (site_id, id, value) values ('a', 'x', 1152921504606846976)"),
    ])
    await assert.rejects(store.read(get('x')), {
      code: 'STORE_FAILED',
      message: /beyond 2\^53 - 1/,
    })
    await assert.rejects(store.commit([get('x')]), { code: 'STORE_FAILED' })
  })

  claim(
    'a statement cannot leave its bounds: no transactions, schema, settings or other files',
    async (t) => {
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
      const hidden = sql('with gone as (delete from pot returning id) select id from gone')
      await assert.rejects(store.read(hidden), { code: 'STORE_FAILED' })
      assert.deepEqual(await store.read(all), [])
      await store.commit([put('x')])
    },
  )

  claim('foreign keys hold', async (t) => {
    const store = await open(t)
    const lid = sql("insert into lid (site_id, pot) values ('a', 'x')")
    await assert.rejects(store.commit([lid]), { code: 'STORE_FAILED' })
    await store.commit([put('x'), lid])
  })

  claim('octets may change after the call without changing what is stored', async (t) => {
    const store = await open(t)
    const large = new Uint8Array(100_000).fill(1)
    const done = store.commit([put('x', 0, large.subarray(10, 20))])
    large.fill(2)
    await done
    const [row] = await store.read(sql("select octets from pot where id = 'x'"))
    assert.deepEqual(row['octets'], new Uint8Array(10).fill(1))
  })

  claim(
    'more waiting commits than the bound are refused at once, and the others stand',
    async (t) => {
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
    },
  )

  claim('closing waits for every commit that was called, and refuses those after', async (t) => {
    const opener = await fresh(t)
    const store = await opener(migrations)
    const calls = Array.from({ length: 50 }, (_, at) => store.commit([put(String(at))]))
    await store[Symbol.asyncDispose]()
    await Promise.all(calls)
    await assert.rejects(store.commit([put('late')]), { code: 'STORE_FAILED' })
    await assert.rejects(store.read(all), { code: 'STORE_FAILED' })
    assert.equal(await store.closed, undefined)
    await store[Symbol.asyncDispose]()
    await using again = await opener(migrations)
    assert.equal((await again.read(all)).length, 50)
  })

  claim('statements compiled by Kysely run as they are', async (t) => {
    interface Tables {
      pot: { site_id: string; id: string; value: number | null }
    }
    const tables = tablesOf<Tables>()
    const store = await open(t)
    const row = { site_id: 'a', id: 'x', value: 1 }
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
      statement(
        tables
          .selectFrom('pot')
          .select(['site_id', 'id', 'value'])
          .where('site_id', '=', 'a')
          .limit(5),
      ),
    )
    assert.deepEqual(found, [row])
  })

  claim('texts are ordered by their octets, whatever the locale', async (t) => {
    const store = await open(t)
    await store.commit(['b', 'B', 'ä', 'a', 'z', '_', '10', '9'].map((id) => put(id)))
    const ids = (await store.read(all)).map(({ id }) => id)
    assert.deepEqual(ids, ['10', '9', 'B', '_', 'a', 'b', 'z', 'ä'])
  })

  claim('a question mark in a text is not a parameter', async (t) => {
    const store = await open(t)
    const [[row]] = await store.commit([
      sql(`insert into pot (site_id, id) values ('a', 'why?''?') returning id as "id?"`),
      put('x'),
    ])
    assert.deepEqual(row, { 'id?': "why?'?" })
  })

  claim(
    'what a migration made is there at the next opening, and its edition is refused',
    async (t) => {
      const opener = await fresh(t)
      await (await opener(migrations))[Symbol.asyncDispose]()
      const more: Migration = { id: 'test-2', statements: ['create table extra (x integer)'] }
      {
        await using store = await opener([...migrations, more])
        await store.commit([put('x'), sql('insert into extra values (2)')])
      }
      await assert.rejects(opener(migrations), { code: 'STORE_NEWER' })
      const edited = { ...more, statements: ['create table extra (x integer, y integer)'] }
      await assert.rejects(opener([...migrations, edited]), { code: 'STORE_MIGRATION_CHANGED' })
      const broken: Migration = {
        id: 'test-3',
        statements: ['create table good (x integer)', 'wrong'],
      }
      await assert.rejects(opener([...migrations, more, broken]), { code: 'STORE_UNREADABLE' })
      await using store = await opener([...migrations, more])
      assert.deepEqual(await store.read(sql('select x from extra')), [{ x: 2 }])
      await assert.rejects(store.read(sql('select x from good')), { code: 'STORE_FAILED' })
    },
  )

  claim('a second opening is refused while the first lasts', async (t) => {
    const opener = await fresh(t)
    {
      await using store = await opener(migrations)
      await store.commit([put('x')])
      await assert.rejects(opener(migrations), { code: 'SITE_IN_USE' })
    }
    await using again = await opener(migrations)
    assert.deepEqual(await again.read(all), [{ id: 'x' }])
  })
}
