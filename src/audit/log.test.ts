/** Appending, reading and checkpoints, over a store that outlives the log. @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { epochMs, sameOctets, type Statement, type Store } from '#base'
import { leafHash, MerkleEdge, verifyConsistency } from '#crypto'
import { Place, eventNumber } from './fixtures.test.ts'
import { leafOf } from './event.ts'
import { AuditLog } from './log.ts'
import { consistencyPath, inclusionPath, rootAt } from './tree-store.ts'
import { verifyInclusion } from './receipt.ts'

const expectedRoot = (size: number): Uint8Array => {
  const edge = new MerkleEdge()
  for (let n = 0; n < size; n++) edge.append(leafHash(leafOf(eventNumber(n))))
  return edge.root()
}

test('entries get the indexes 0, 1, 2 … also when many share one commit', async () => {
  const place = new Place()
  const log = await place.open()
  const one = await log.record(eventNumber(0))
  await place.store.commit([1, 2, 3].map((n) => log.append(eventNumber(n))))
  const two = await log.record(eventNumber(4))
  assert.deepEqual([one, two], [0, 4])
  const entries = await log.entries()
  assert.deepEqual(
    entries.map(({ index, event }) => [index, event.facts['number']]),
    [0, 1, 2, 3, 4].map((n) => [n, n]),
  )
})

test('an entry is not written when the data it speaks of is not, and leaves no gap', async () => {
  const place = new Place()
  const log = await place.open()
  await log.record(eventNumber(0))
  const failing: Statement = {
    sql: 'update audit_entry set at = 0 where ix = 99',
    parameters: [],
    expectChanges: 1,
  }
  const both = [log.append(eventNumber(1)), failing]
  await assert.rejects(place.store.commit(both), { code: 'STORE_CONFLICT' })
  assert.equal(await log.size(), 1)
  assert.equal(await log.record(eventNumber(1)), 1)
})

test('logs of two sites in one store do not mix', async () => {
  const bristol = new Place()
  const cambridge = new Place('cambridge', 2)
  const [here, there] = [await bristol.open(), await cambridge.open(bristol.store)]
  await bristol.store.commit([here.append(eventNumber(0)), there.append(eventNumber(1))])
  assert.equal(await there.record(eventNumber(2)), 1)
  assert.equal(await here.size(), 1)
  assert.equal((await there.checkpoint()).checkpoint?.size, 2)
})

test('entries are found by kind, time and place, in pages, from either end', async () => {
  const place = new Place()
  const log = await place.filled(10, [])
  const indexes = async (...query: Parameters<typeof log.entries>): Promise<number[]> =>
    (await log.entries(...query)).map(({ index }) => index)
  assert.deepEqual(await indexes({ kind: 'key.delivered' }), [0, 3, 6, 9])
  assert.deepEqual(await indexes({ kind: 'key' }, 3), [0, 1, 2])
  assert.deepEqual(await indexes({ kind: 'ke' }), [])
  assert.deepEqual(await indexes({ kind: 'key.' }), [])
  assert.deepEqual(await indexes({ kind: "key' or 1=1 --" }), [])
  assert.deepEqual(await indexes({ after: 6 }, 2), [7, 8])
  assert.deepEqual(await indexes({ newestFirst: true }, 3), [9, 8, 7])
  assert.deepEqual(
    await indexes({ newestFirst: true, before: 7, kind: 'key.delivered' }),
    [6, 3, 0],
  )
  const since = 1_767_225_600_004
  assert.deepEqual(await indexes({ since, until: since + 2 }), [4, 5, 6])
  assert.deepEqual(await indexes({}, 0), [0])
})

test('a checkpoint covers all entries, and its root is that of RFC 9162', async () => {
  const place = new Place()
  const log = await place.open()
  assert.deepEqual(await log.checkpoint(), { kind: 'unchanged', checkpoint: undefined })
  for (const size of [1, 2, 255, 256, 257, 600]) {
    const from = await log.size()
    const events = Array.from({ length: size - from }, (_, n) => log.append(eventNumber(from + n)))
    await place.store.commit(events)
    const outcome = await log.checkpoint()
    assert(outcome.kind === 'signed')
    assert.equal(outcome.checkpoint.size, size)
    assert(sameOctets(outcome.checkpoint.root, expectedRoot(size)), `root at ${size}`)
    assert.deepEqual(await log.newest(), outcome.checkpoint)
  }
})

test('without new entries there is no new checkpoint', async () => {
  const place = new Place()
  const log = await place.filled(3)
  const { commits } = place.store
  const outcome = await log.checkpoint()
  assert.equal(outcome.kind, 'unchanged')
  assert.equal(outcome.checkpoint?.size, 3)
  assert.equal(place.store.commits, commits)
})

test('a log goes on after a restart at any size as if it had never stopped', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 4 }),
      async (runs) => {
        const place = new Place()
        let size = 0
        for (const run of runs) {
          const log = await place.open()
          const from = size
          const events = Array.from({ length: run }, (_, n) => log.append(eventNumber(from + n)))
          await place.store.commit(events)
          size += run
          const { checkpoint } = await log.checkpoint()
          assert.equal(checkpoint?.size, size)
          assert(sameOctets(checkpoint.root, expectedRoot(size)))
        }
      },
    ),
    { numRuns: 15, seed: 7 },
  )
})

test('every entry is proven in every later checkpoint, and each checkpoint in the next', async () => {
  const place = new Place()
  const sizes = [1, 2, 3, 255, 256, 257, 512, 700]
  const log = await place.filled(700, sizes)
  const { source } = log
  for (const size of sizes) {
    const head = { size, root: await rootAt(source, size) }
    assert(sameOctets(head.root, expectedRoot(size)))
    for (const index of [0, 1, 254, 255, 256, 511, 699].filter((n) => n < size)) {
      const path = await inclusionPath(source, index, size)
      const octets = leafOf(eventNumber(index))
      assert(verifyInclusion({ octets, index }, path, head), `${index} in ${size}`)
      assert(!verifyInclusion({ octets, index: index + 1 }, path, head))
    }
    for (const later of sizes.filter((n) => n >= size)) {
      const next = { size: later, root: await rootAt(source, later) }
      verifyConsistency(head, next, await consistencyPath(source, size, later))
    }
  }
})

test('checkpoints asked for at once are made one after the other', async () => {
  const place = new Place()
  const log = await place.filled(5, [])
  const outcomes = await Promise.all([
    log.checkpoint(),
    log.checkpoint(),
    log.record(eventNumber(5)),
  ])
  assert.equal(outcomes[0].kind, 'signed')
  const after = await log.checkpoint()
  assert.equal(after.checkpoint?.size, 6)
})

test('entries that come while a checkpoint is signed wait for the next one', async () => {
  const place = new Place()
  let written = 1
  const store: Store = {
    read: (statement) => place.store.read(statement),
    commit: async (statements) => {
      const rows = await place.store.commit(statements)
      // Whoever is busy appends something by the time that each commit is durable.
      if (written < 9) await place.store.commit([log.append(eventNumber(written++))])
      return rows
    },
  }
  const log = await place.open(store)
  await place.store.commit([log.append(eventNumber(0))])
  assert.equal((await log.checkpoint()).checkpoint?.size, 1)
  assert.equal(await log.size(), 2)
  const { checkpoint } = await log.checkpoint()
  assert(checkpoint?.size === 2 && sameOctets(checkpoint.root, expectedRoot(2)))
})

test('a checkpoint that cannot be stored is not made, and the next one is right', async () => {
  const place = new Place()
  let full = false
  const store: Store = {
    read: (statement) => place.store.read(statement),
    commit: (statements) =>
      full ? Promise.reject(new Error('full')) : place.store.commit(statements),
  }
  const log = await place.open(store)
  await log.record(eventNumber(0))
  await log.checkpoint()
  for (let n = 1; n < 300; n++) await log.record(eventNumber(n))
  full = true
  await assert.rejects(log.checkpoint(), /full/)
  assert.equal((await log.newest())?.size, 1)
  full = false
  await log.record(eventNumber(300))
  const { checkpoint } = await log.checkpoint()
  assert(checkpoint !== undefined && sameOctets(checkpoint.root, expectedRoot(301)))
  assert.equal(await place.faults(), 0)
})

test('a second process may have made the checkpoint before', async () => {
  const place = new Place()
  const one = await place.open()
  const other = await place.open()
  await one.record(eventNumber(0))
  await one.checkpoint()
  await other.record(eventNumber(1))
  const { checkpoint } = await other.checkpoint()
  assert(checkpoint !== undefined && sameOctets(checkpoint.root, expectedRoot(2)))
  assert.equal(await place.faults(), 0)
})

test('the time of a checkpoint never goes back, whatever the clock does', async () => {
  const place = new Place()
  const log = await place.filled(1)
  const before = await log.newest()
  const clock = place.time.view()
  clock.jump(-86_400_000)
  const { site, store, signer } = place
  const reopened = await AuditLog.open({ site, store, signer, clock })
  await reopened.record(eventNumber(1))
  const { checkpoint } = await reopened.checkpoint()
  assert.equal(checkpoint?.at, before?.at)
  assert.equal(before?.at, epochMs(1_767_225_600_000))
})

test('a log that has lost its end does not open', async () => {
  const place = new Place()
  await place.filled(5)
  await place.tamper('delete from audit_entry where ix = 4')
  await assert.rejects(place.open(), { code: 'AUDIT_LOG_TRUNCATED' })
})

test('a log whose stored tree or newest checkpoint is damaged does not open', async () => {
  const damages = [
    'update audit_tile set hashes = zeroblob(32 * 5) where level = 0',
    'delete from audit_tile',
    "update audit_checkpoint set note = x'00'",
    'update audit_checkpoint set size = 4',
  ]
  for (const damage of damages) {
    const place = new Place()
    await place.filled(5)
    await place.tamper(damage)
    await assert.rejects(place.open(), { code: 'AUDIT_LOG_DAMAGED' }, damage)
  }
})

test('a log signed with other keys does not open', async () => {
  const place = new Place()
  await place.filled(5)
  const thief = new Place('bristol', 99)
  await assert.rejects(thief.open(place.store), { code: 'AUDIT_LOG_DAMAGED' })
})

test('a gap between entries stops the checkpoint', async () => {
  const place = new Place()
  const log = await place.filled(5, [])
  await place.tamper('delete from audit_entry where ix = 2')
  await assert.rejects(log.checkpoint(), { code: 'AUDIT_LOG_DAMAGED' })
  assert.equal(await log.newest(), undefined)
})

test('an entry that cannot be read is named', async () => {
  const place = new Place()
  const log = await place.filled(3)
  await place.tamper("update audit_entry set leaf = x'ff' where ix = 1")
  await assert.rejects(log.entries(), (error: Error) => /Entry 1 of the log/.test(error.message))
})
