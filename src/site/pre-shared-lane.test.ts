/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bind, linkId, siteId, statement, tablesOf, toCbor } from '#base'
import type { AuditTrail } from '#audit'
import type { Keystore } from '#keystore'
import { linkOf, presetNamed } from '#optics'
import { linkParameters, parametersHash } from '#qkd'
import { MemoryLog, MemoryStore, seededRandom, SimulatedTime } from '#world/ports'
import { Alarms, alarmMigrations } from './alarms.ts'
import { answerOpening } from './link-opening.ts'
import { PskLane } from './pre-shared-lane.ts'
import type { PskMark } from './pre-shared-store.ts'

const link = linkId('bristol-cambridge')
const site = siteId('cambridge')
const leaves = tablesOf<{ leaf: { kind: string } }>()
const LEAF = statement(leaves.insertInto('leaf').values({ kind: '' }))
const tables = [...alarmMigrations, { id: 'leaf-1', statements: ['create table leaf (kind)'] }]

/** A lane over keys that are used as the marks say; `taken` are the chunks that it took. */
async function newLane(...marks: PskMark[]) {
  const time = new SimulatedTime()
  const [clock, log] = [time.view(), new MemoryLog()]
  const audit: AuditTrail = {
    append: ({ kind }) => bind(LEAF, kind),
    record: () => Promise.resolve(0),
  }
  const store = new MemoryStore(tables)
  const alarms = await Alarms.open({ site, store, clock, random: seededRandom(1), audit, log })
  const taken: string[] = []
  const preShared = {
    marks: () => Promise.resolve(marks.filter(({ next, count }) => next < count)),
    take: (_: unknown, { id, chunk }: { id: string; chunk: number }) => {
      const at = marks.findIndex((mark) => mark.id === id)
      marks[at] = { ...marks[at], next: chunk + 1 }
      taken.push(`${id}/${String(chunk)}`)
      const run = { hashKey: new Uint8Array(16), pads: new Uint8Array(16), next: 0 }
      return Promise.resolve({ id: taken[taken.length - 1], send: run, receive: run })
    },
  }
  const lane = new PskLane({ link, role: 'receiver', preShared, clock, alarms, log })
  const standing = () => alarms.standing.map(({ kind }) => kind)
  return { lane, time, taken, standing, marks }
}
const mark = (id: string, next: number, count = 64): PskMark => ({ id, next, count })

test('the first chunk is chosen that neither end has taken, of a key that both have', async () => {
  const { lane } = await newLane(mark('a', 0), mark('b', 5))
  for (const [theirs, chunk] of [
    [mark('b', 0), 5],
    [mark('b', 5), 5],
    [mark('b', 9), 9],
    [mark('b', 37), 37],
  ] as const) {
    assert.deepEqual(await lane.choose([mark('c', 0), theirs]), { id: 'b', chunk })
  }
})

test('nothing in common is no chunk, and an alarm; the first that is taken clears it', async () => {
  const { lane, standing } = await newLane(mark('a', 3), mark('b', 0, 2))
  // Another key, one used up, and cursors so far on that a single word would drain the key.
  for (const theirs of [[], [mark('c', 0)], [mark('b', 2, 2)], [mark('a', 36)]]) {
    assert.equal(await lane.choose(theirs), undefined)
    assert.deepEqual(standing(), ['link.psk-unavailable'])
  }
  await assert.rejects(lane.agree(undefined), { code: 'PSK_UNAVAILABLE' })
  const place = await lane.choose([mark('a', 35)])
  assert.deepEqual(place, { id: 'a', chunk: 35 })
  await lane.take(place)
  assert.deepEqual(standing(), [])
})

test('the transmitting end takes no chunk again on the word of the other, nor one far ahead', async () => {
  const { lane } = await newLane(mark('a', 3, 40))
  for (const chunk of [3, 4, 35]) {
    assert.deepEqual(await lane.agree({ id: 'a', chunk }), { id: 'a', chunk })
  }
  for (const chunk of [0, 2, 36, 40]) {
    await assert.rejects(lane.agree({ id: 'a', chunk }), { code: 'PSK_CHOICE_INVALID' })
  }
  await assert.rejects(lane.agree({ id: 'b', chunk: 3 }), { code: 'PSK_CHOICE_INVALID' })
})

test('an agreement takes nothing; sessions without a block take a chunk each, ever more slowly', async () => {
  const { lane, time, taken } = await newLane(mark('a', 0, 4096))
  for (let at = 0; at < 5; at++) await lane.choose([mark('a', 0)])
  assert.deepEqual([taken, lane.restMs], [[], 0])
  const begun = time.elapsedMs
  for (let at = 0; at < 20; at++) {
    const place = await lane.choose([mark('a', 0)])
    assert(place !== undefined)
    await lane.take(place)
    await assert.rejects(lane.choose([mark('a', 0)]), { code: 'PSK_TOO_SOON' })
    await time.advance(lane.restMs / 2)
  }
  assert.equal(lane.restMs, 600_000)
  assert(time.elapsedMs - begun > 3_000_000, 'a night of cut connections is some dozens of chunks')
  lane.earned()
  assert.equal(lane.restMs, 0)
  assert.notEqual(await lane.choose([mark('a', 0)]), undefined)
})

test('a key that runs low is announced, and a new one clears that', async () => {
  const { lane, standing, marks } = await newLane(mark('a', 0, 17))
  await lane.take({ id: 'a', chunk: 0 })
  assert.deepEqual([standing(), lane.left], [[], 16])
  await lane.take({ id: 'a', chunk: 1 })
  assert.deepEqual([standing(), lane.left], [['link.psk-low'], 15])
  marks.push(mark('b', 0, 2))
  await lane.take({ id: 'b', chunk: 0 })
  assert.deepEqual([standing(), lane.left], [[], 16])
})

test('ends that are configured differently part before anything is settled or taken', async () => {
  const parameters = linkParameters({
    ...{ link, transmitter: siteId('bristol'), receiver: site, bootstrap: 'psk' },
    pulses: linkOf(presetNamed('world-slow')).settings,
  })
  const signed = parametersHash(linkParameters({ ...parameters, bootstrap: 'signature' }))
  const { lane, taken } = await newLane(mark('a', 0))
  const untouched = new Proxy({}, { get: () => assert.fail('the key store is left alone') })
  const question = {
    ...{ link, parameters: signed, sources: [] },
    ...{ blocks: new Uint8Array(0), mark: new Uint8Array(1) },
  }
  const answering = answerOpening(
    { keystore: untouched as Keystore, parameters, psk: lane },
    siteId('bristol'),
    toCbor({ ...question, psk: [{ id: '0123456789abcdef', next: 0, count: 9 }] }),
    () => assert.fail('no session is prepared'),
  )
  await assert.rejects(answering, { code: 'PARAMETERS_DIFFER' })
  assert.deepEqual(taken, [])
})
