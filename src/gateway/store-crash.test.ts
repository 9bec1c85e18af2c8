/**
 * What is left of the store when its process is killed: a process of its own, killed for real.
 *
 * The process is this file, started with the word `write`: it stores pairs of rows from 16 callers
 * at once from the word on its standard input until it is killed, and prints the number of each pair
 * once it was acknowledged.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { SeededRandom, siteId, type Migration, type Row, type Statement, type Store } from '#base'
import type { PostgresPlace } from '#world/ports'
import { SystemClock } from './clock.ts'
import { openPostgres } from './store-postgres.ts'
import { openStore } from './store.ts'

const ROUNDS = 20
const HALVES = ['left_half', 'right_half'] as const

const migrations: readonly Migration[] = HALVES.map((half) => ({
  id: half,
  statements: [
    `create table ${half} (site_id text not null, id integer not null, octets blob, ` +
      'primary key (site_id, id))',
  ],
}))

const octets = new Uint8Array(700).fill(7)
const pair = (id: number): readonly Statement[] =>
  HALVES.map((half) => ({
    sql: `insert into ${half} (site_id, id, octets) values (?, ?, ?)`,
    parameters: ['a', id, octets],
  }))
const wholeIn = (half: (typeof HALVES)[number]): Statement => ({
  sql: `select id from ${half} where length(octets) = 700 order by id`,
  parameters: [],
})

/** The file of the embedded engine, or where PostgreSQL keeps the database. */
type Place = string | PostgresPlace

const open = (place: Place): Promise<Store & AsyncDisposable> =>
  typeof place === 'string'
    ? openStore({ file: place, migrations })
    : openPostgres({ address: place, site: siteId('a'), migrations, clock: new SystemClock() })

if (process.argv[2] === 'write')
  await writeUntilKilled(JSON.parse(process.argv[3]) as Place, Number(process.argv[4]))
// Not loaded by the writer: it has a test, whose report would be printed among the numbers.
else {
  const { PostgresCluster, withoutPostgres } = await import('#world/ports')
  const { scratch } = await import('./scratch.test.ts')
  crashTests({ scratch, skip: withoutPostgres(), start: () => PostgresCluster.start() })
}

async function writeUntilKilled(place: Place, first: number): Promise<void> {
  await new Promise((told) => process.stdin.once('data', told))
  const store = await open(place)
  let next = first
  const write = async (): Promise<never> => {
    for (;;) {
      const number = next++
      await store.commit(pair(number))
      say(`${String(number)}\n`)
    }
  }
  await Promise.all(Array.from({ length: 16 }, write))
}

/** Straight to the pipe: what is printed was acknowledged before the process was killed. */
function say(line: string): void {
  for (;;) {
    try {
      writeSync(1, line)
      return
    } catch (error) {
      // The pipe is full because the reader is slow; a short line is written whole or not at all.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}

type Writer = ChildProcessByStdio<Writable, Readable, null>

const startWriter = (place: Place, first: number): Writer =>
  spawn(process.execPath, [import.meta.filename, 'write', JSON.stringify(place), String(first)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })

/** Lets a writer begin and kills it after so many acknowledgements; which they were. */
async function killAfter(writer: Writer, count: number): Promise<number[]> {
  const acknowledged: number[] = []
  const ended = new Promise((done) => writer.once('exit', done))
  writer.stdin.write('go')
  for await (const line of createInterface({ input: writer.stdout })) {
    acknowledged.push(Number(line))
    if (acknowledged.length === count) writer.kill('SIGKILL')
  }
  await ended
  assert.equal(writer.signalCode, 'SIGKILL')
  return acknowledged
}

interface Machines {
  readonly scratch: (t: TestContext) => string
  readonly skip: string | false
  readonly start: () => Promise<AsyncDisposable & { database(): PostgresPlace }>
}

function crashTests({ scratch, skip, start }: Machines): void {
  test('however often a daemon is killed, no acknowledged commit is lost and none is halved', (t) =>
    surviveKills(t, join(scratch(t), 'site.db')))

  test('over PostgreSQL as well, none is lost and none is halved', { skip }, async (t) => {
    await using cluster = await start()
    await surviveKills(t, cluster.database())
  })

  test('a second daemon is refused while the first lives, and not after its death', (t) =>
    refuseSecond(t, join(scratch(t), 'site.db')))

  test('a second daemon on the same PostgreSQL is refused as well', { skip }, async (t) => {
    await using cluster = await start()
    await refuseSecond(t, cluster.database())
  })
}

async function surviveKills(t: TestContext, place: Place): Promise<void> {
  const random = new SeededRandom(20_261_120)
  const acknowledged: number[] = []
  let next = startWriter(place, 0)
  t.after(() => next.kill('SIGKILL'))
  for (let round = 0; round < ROUNDS; round++) {
    const writer = next
    // Loads its program while the present one writes.
    next = startWriter(place, (round + 1) * 1e6)
    acknowledged.push(...(await killAfter(writer, 1 + random.below(300))))
    await using store = await open(place)
    const [left, right] = await Promise.all(HALVES.map((half) => store.read(wholeIn(half))))
    assert.deepEqual(left, right, 'a commit was halved')
    const kept = new Set(left.map(({ id }: Row) => id))
    const lost = acknowledged.filter((id) => !kept.has(id))
    assert.deepEqual(lost, [], `lost in round ${String(round)}`)
  }
  assert(acknowledged.length > ROUNDS)
}

async function refuseSecond(t: TestContext, place: Place): Promise<void> {
  const writer = startWriter(place, 0)
  t.after(() => writer.kill('SIGKILL'))
  writer.stdin.write('go')
  await new Promise((acknowledged) => writer.stdout.once('data', acknowledged))
  await assert.rejects(open(place), { code: 'SITE_IN_USE' })
  await killAfter(writer, 1)
  await using store = await open(place)
  assert((await store.read(wholeIn('left_half'))).length > 0)
}
