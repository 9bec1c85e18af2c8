import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EpochMs } from '#base'
import { MemoryStore } from '#world/ports'
import { after, ELSEWHERE, HERE, NOW } from './fixture.test.ts'
import { onceMigrations, onceOnlyIn } from './once.ts'

function memory(store = new MemoryStore(onceMigrations)) {
  let at: EpochMs = NOW
  const now = () => at
  const pass = (ms: number) => {
    at = after(ms)
  }
  return { store, pass, once: onceOnlyIn({ store, site: HERE, now }) }
}

test('an identifier is taken once, by whichever daemon comes first', async () => {
  const { store, once } = memory()
  const other = memory(store).once
  const taken = await Promise.all([
    once.take('a', after(1000)),
    other.take('a', after(1000)),
    once.take('b', after(1000)),
  ])
  assert.deepEqual(taken.toSorted(), [false, true, true])
  assert.equal(await other.take('b', after(1000)), false)
})

test('another site has a memory of its own', async () => {
  const { store, once } = memory()
  const other = onceOnlyIn({ store, site: ELSEWHERE, now: () => NOW })
  assert.equal(await once.take('a', after(1000)), true)
  assert.equal(await other.take('a', after(1000)), true)
})

test('what has ended is forgotten, and not before', async () => {
  const { store, pass, once } = memory()
  const rows = async () => {
    const sql = 'select count(*) as count from access_once'
    return (await store.read({ sql, parameters: [] })).at(0)?.['count']
  }
  await once.take('a', after(1000))
  pass(999)
  await once.take('b', after(2000))
  assert.equal(await rows(), 2)
  assert.equal(await once.take('a', after(1000)), false)
  pass(1000)
  await once.take('c', after(3000))
  assert.equal(await rows(), 2)
})

test('a store that fails is no leave', async () => {
  const { once } = memory(new MemoryStore())
  await assert.rejects(once.take('a', after(1000)), { code: 'STORE_FAILED' })
})
