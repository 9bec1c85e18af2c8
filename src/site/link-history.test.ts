/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkId, PortRefusal, siteId, type Statement, type Store } from '#base'
import type { BlockReport, DiscardCause } from '#qkd'
import { MemoryLog, MemoryStore } from '#world/ports'
import { HISTORY_ENTRIES_MAX, LinkHistory, linkHistoryMigrations } from './link-history.ts'

const site = siteId('bristol')
const link = linkId('bristol-cambridge')

/** A store that can be full, and that counts its commits. */
class Shelf implements Store {
  readonly memory = new MemoryStore(linkHistoryMigrations)
  isFull = false
  commits = 0
  read(wanted: Statement) {
    return this.memory.read(wanted)
  }
  commit(statements: readonly Statement[]) {
    this.commits++
    if (this.isFull) return Promise.reject(new PortRefusal('STORE_FULL', 'The disk is full'))
    return this.memory.commit(statements)
  }
  open(of = link) {
    return LinkHistory.open({ site, link: of, store: this, log: new MemoryLog() })
  }
}

const report = (sequence: number, cause?: DiscardCause): BlockReport =>
  ({
    ...{ link, epoch: 1, sequence, outcome: cause === undefined ? 'distilled' : 'discarded' },
    ...(cause && { cause }),
    testErrorRate: 0.02,
    ...(cause === undefined && { keyErrorRate: 0.01, efficiency: 1.05 }),
    account: { siftedBits: 1000, applicationBits: cause === undefined ? 300 : 0, leakBits: 90 },
    epsilons: { secrecy: 2 ** -30, correctness: 2 ** -40, authentication: 2 ** -50 },
  }) as unknown as BlockReport
const EPSILON = 2 ** -30 + 2 ** -40 + 2 ** -50

test('sums are those of all blocks, survive a restart, and count ε of keys only', async () => {
  const shelf = new Shelf()
  const before = await shelf.open()
  before.block(report(0), 2, 1000)
  before.block(report(1, 'too-short'), 2, 2000)
  before.turn({ kind: 'alarm', at: 2500, alarm: 'error-step', change: 'raised' })
  before.turn({ kind: 'alarm', at: 2600, alarm: 'error-step', change: 'cleared' })
  const rates = { before: 0.03, after: 0.01 }
  before.turn({ kind: 'alignment', at: 2700, cause: 'drift', outcome: 'sound', ...rates })
  await before.settled()
  const after = await shelf.open()
  after.block(report(2, 'too-short'), 2, 3000)
  after.block(report(3), 2, 4000)
  after.block(report(4, 'stalled'), 2, 5000)
  assert.deepEqual(after.totals, {
    since: 1000,
    blocksDistilled: 2,
    blocksDiscarded: { 'too-short': 2, stalled: 1 },
    siftedBits: 5000,
    secretBits: 600,
    leakBits: 450,
    epsilonSpent: 2 * EPSILON,
    alarms: 1,
    alignments: 1,
  })
  const spent = (await after.entries(0, 100)).flatMap((entry) =>
    entry.kind === 'block' ? [entry.epsilonSpent / EPSILON] : [],
  )
  assert.deepEqual(spent, [1, 1, 1, 2, 2])
})

test('the ε of a key that the peer may have counts, though this end has not', async () => {
  const history = await new Shelf().open()
  history.block({ ...report(0), outcome: 'undecided' }, 1, 0)
  assert.equal(history.totals.epsilonSpent, EPSILON)
  await history.settled()
})

test('entries come oldest first, from a time on, and the newest of them', async () => {
  const history = await new Shelf().open()
  for (let at = 0; at < 10; at++) history.block(report(at), 1, 1000 * at)
  const times = async (since: number, limit: number) =>
    (await history.entries(since, limit)).map(({ at }) => at)
  assert.deepEqual(await times(7000, 100), [7000, 8000, 9000])
  assert.deepEqual(await times(7001, 100), [8000, 9000])
  assert.deepEqual(await times(0, 2), [8000, 9000])
})

test('the oldest entries make place for new ones; their sums stay', async () => {
  const shelf = new Shelf()
  let history = await shelf.open()
  const [count, rest] = [HISTORY_ENTRIES_MAX + 7, 250]
  for (let at = 0; at < count; at++) {
    history.block(report(at), 1, at)
    if (at % rest === 0) await history.settled()
  }
  await history.settled()
  history = await shelf.open()
  const entries = await history.entries(0, 2 * count)
  assert.equal(entries.length, HISTORY_ENTRIES_MAX)
  assert.deepEqual([entries[0].at, entries.at(-1)?.at], [7, count - 1])
  assert.equal(history.totals.blocksDistilled, count)
})

test('blocks that end together are one commit', async () => {
  const shelf = new Shelf()
  const history = await shelf.open()
  for (let at = 0; at < 50; at++) history.block(report(at), 1, at)
  await history.settled()
  assert(shelf.commits <= 2, `${shelf.commits} commits`)
})

test('a store that is full for a while loses nothing of a few entries', async () => {
  const shelf = new Shelf()
  const history = await shelf.open()
  shelf.isFull = true
  history.block(report(0), 1, 0)
  history.block(report(1), 1, 1)
  await history.settled()
  assert.deepEqual(await history.entries(0, 10), [])
  shelf.isFull = false
  history.block(report(2), 1, 2)
  assert.deepEqual(
    (await history.entries(0, 10)).map(({ at }) => at),
    [0, 1, 2],
  )
  assert.equal((await shelf.open()).totals.blocksDistilled, 3)
})

test('each link has a history of its own', async () => {
  const shelf = new Shelf()
  const [one, other] = [await shelf.open(), await shelf.open(linkId('bristol-bath'))]
  one.block(report(0), 1, 0)
  assert.equal((await one.entries(0, 10)).length, 1)
  assert.deepEqual(await other.entries(0, 10), [])
})
