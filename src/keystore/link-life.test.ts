import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readActivation } from '#keystore'
import { settle as turn } from '#world/ports'
import {
  archive,
  assertCountsAgree,
  blockBits,
  bristol,
  cambridge,
  code,
  fetchKeys,
  grow,
  link,
  makeKeys,
  origin,
  reconnect,
  sendVoids,
  twoEnds,
  ward,
  type End,
} from './two-ends.test.ts'

const request = {
  peer: cambridge,
  master: archive,
  slaves: [ward],
  sizeBits: 256,
  number: 1,
  lifeMs: 60_000,
}

test('under quarantine nothing is given out, activated or fetched; release lifts it', async () => {
  const ends = await twoEnds()
  const { a, b } = ends
  await grow(ends, 1)
  await grow(ends, 2)
  const waiting = [...(await makeKeys(ends)).keys()]
  const reserved = await a.keys.reserve(request)
  for (const end of [a, b]) {
    await end.keys.quarantine({ link, since: { epoch: 1, sequence: 1 }, cause: 'tag failed' })
    await end.open()
  }
  await grow(ends, 3)
  await assert.rejects(a.keys.reserve(request), code('KEYSTORE_QUARANTINED'))
  assert.equal(a.keys.pool(cambridge).availableBits, 0)
  assert.equal(a.keys.pool(cambridge).links[0].quarantine, 'tag failed')
  assert.deepEqual((await a.keys.authenticationSources(link)).send, [])
  await a.keys.burnPads({ link, source: '1/3', direction: 'send', from: 0, to: 1 })
  const late = readActivation(reserved.activations[0])
  const outcome = await b.keys.activate(bristol, late)
  assert(outcome.kind === 'refused' && outcome.cause === 'quarantined')
  await assert.rejects(fetchKeys(b, waiting), code('KEYSTORE_QUARANTINED'))
  for (const end of [a, b]) await end.keys.release(link, 'fibre checked')
  assert.equal((await fetchKeys(b, waiting)).size, 1)
  assert.equal(a.keys.pool(cambridge).availableBits, 3 * 1024 - 2 * 256)
  await sendVoids(a, b)
  assertCountsAgree(ends)
})

test('a quarantine stops a key between its activation and its issue', async () => {
  const ends = await twoEnds()
  const { a, b } = ends
  await grow(ends, 1)
  const reservation = await a.keys.reserve(request)
  await b.keys.activate(bristol, readActivation(reservation.activations[0]))
  await a.keys.quarantine({ link, cause: 'tag failed' })
  await assert.rejects(a.keys.issue(reservation), code('KEYSTORE_QUARANTINED'))
  await sendVoids(a, b)
  await a.keys.release(link, 'fibre checked')
  assertCountsAgree(ends)
})

test('quarantine from a place on leaves what came before; discard ends it', async () => {
  const ends = await twoEnds()
  for (const sequence of [1, 2, 3]) await grow(ends, sequence)
  const { a } = ends
  await a.keys.quarantine({ link, since: { epoch: 1, sequence: 2 }, cause: 'qber' })
  assert.equal(a.keys.pool(cambridge).availableBits, 1024)
  await a.keys.quarantine({ link, since: { epoch: 1, sequence: 3 }, cause: 'qber again' })
  assert.equal(a.keys.pool(cambridge).availableBits, 1024)
  assert.equal(await a.keys.discard({ link, since: { epoch: 1, sequence: 2 }, cause: 'qber' }), 2)
  await a.keys.release(link, 'new fibre')
  assert.equal(a.keys.pool(cambridge).availableBits, 1024)
  await reconnect(ends)
  assertCountsAgree(ends)
})

test('reserves are the same at both ends, crosswise, and each pad is burned once', async () => {
  const { a, b } = await twoEnds({ reserveOctets: 128 })
  for (const end of [a, b]) {
    const key = blockBits(1, 128 * 8 + 2 * 128 * 8)
    await end.keys.ingest({ link, epoch: 1, sequence: 1, key, provenance: origin })
    await end.keys.confirm(link, { epoch: 1, sequence: 1 })
  }
  const here = await a.keys.authenticationSources(link)
  const there = await b.keys.authenticationSources(link)
  assert.deepEqual(here.send, there.receive)
  assert.deepEqual(here.receive, there.send)
  const { octets } = blockBits(1, 128 * 8 + 2 * 128 * 8)
  assert.deepEqual(here.send, [
    {
      id: '1/1',
      hashKey: octets.slice(0, 16),
      pads: octets.slice(16, 64),
      next: 0,
      count: 3,
    },
  ])
  const burn = (from: number, to: number, direction: 'send' | 'receive' = 'send') =>
    a.keys.burnPads({ link, source: '1/1', direction, from, to })
  await burn(0, 2)
  await assert.rejects(burn(1, 3), code('KEYSTORE_PADS_INVALID'))
  await assert.rejects(burn(2, 2), code('KEYSTORE_PADS_INVALID'))
  await assert.rejects(burn(2, 4), code('KEYSTORE_PADS_INVALID'))
  await burn(1, 2, 'receive')
  await assert.rejects(burn(0, 1, 'receive'), code('KEYSTORE_PADS_INVALID'))
  await a.open()
  const [left] = (await a.keys.authenticationSources(link)).send
  assert.equal(left.next, 2)
  assert.deepEqual(left.pads.subarray(0, 32), new Uint8Array(32))
  await burn(2, 3)
  await turn()
  assert.deepEqual((await a.keys.authenticationSources(link)).send, [])
  await assert.rejects(burn(3, 4), code('KEYSTORE_SOURCE_UNKNOWN'))
  assert.equal(await a.count('keystore_segment', 'segment = 0'), 0)
})

test('only the reserves of the newest blocks are kept', async () => {
  const ends = await twoEnds({ limits: { reservesKept: 2 } })
  for (const sequence of [1, 2, 3, 4]) await grow(ends, sequence)
  await turn()
  const { send } = await ends.a.keys.authenticationSources(link)
  assert.deepEqual(
    send.map(({ id }) => id),
    ['1/4', '1/3'],
  )
  assert.equal(await ends.a.count('keystore_segment', 'segment < 2'), 4)
})

test('blocks that only one end has stored are voided, those that both have are used', async () => {
  const { a, b } = await twoEnds()
  const block = (sequence: number) => {
    return { link, epoch: 1, sequence, key: blockBits(sequence), provenance: origin }
  }
  for (const sequence of [1, 2, 4]) await a.keys.ingest(block(sequence))
  for (const sequence of [1, 3, 4]) await b.keys.ingest(block(sequence))
  await b.keys.confirm(link, block(4))
  await b.open()
  const reports = [a.keys.blockReport(link), b.keys.blockReport(link)]
  assert.deepEqual(await a.keys.settle(link, reports[1]), { confirmed: 2, voided: 1 })
  assert.deepEqual(await b.keys.settle(link, reports[0]), { confirmed: 1, voided: 1 })
  for (const end of [a, b]) {
    assert.equal(end.keys.pool(end.peer).availableBits, 2048)
    assert.equal(end.keys.pool(end.peer).heldBlocks, 0)
  }
  assertCountsAgree({ a, b })
})

/** A copy of what a site holds on disk, as a backup would make one. */
async function backup(end: End): Promise<() => Promise<void>> {
  const tables = ['link', 'block', 'segment', 'reservation', 'key'].map((one) => `keystore_${one}`)
  const files = new Map([...end.disk.files].map(([name, file]) => [name, file.slice()]))
  const rows = new Map<string, readonly Readonly<Record<string, unknown>>[]>()
  for (const table of tables) {
    rows.set(table, await end.store.read({ sql: `select * from ${table}`, parameters: [] }))
  }
  return async () => {
    end.disk.files.clear()
    for (const [name, file] of files) end.disk.files.set(name, file)
    for (const [table, content] of rows) {
      await end.store.commit([{ sql: `delete from ${table}`, parameters: [] }])
      for (const row of content) {
        const names = Object.keys(row)
        const marks = names.map(() => '?').join(', ')
        const sql = `insert into ${table} (${names.join(', ')}) values (${marks})`
        await end.store.commit([{ sql, parameters: Object.values(row) as never }])
      }
    }
    await end.open()
  }
}

/** A restored key store must be found, must void what it holds, and must be of use again after. */
async function assertRollBackFound(ends: Awaited<ReturnType<typeof twoEnds>>): Promise<void> {
  const { a, b } = ends
  assert.equal(a.keys.pool(cambridge).availableBits, 2048)
  await reconnect(ends)
  assert.deepEqual(
    a.alarms.map(({ kind }) => kind),
    ['own-roll-back'],
  )
  for (const end of [a, b]) assert.equal(end.keys.pool(end.peer).availableBits, 0)
  await reconnect(ends)
  await grow(ends, 3)
  await reconnect(ends)
  const made = await makeKeys(ends)
  assert.deepEqual(await fetchKeys(b, [...made.keys()]), made)
  assert.equal(a.alarms.length, 1)
  assertCountsAgree(ends)
}

test('a backup that forgot what was given out is found by what the peer knows', async () => {
  const ends = await twoEnds()
  const { a, b } = ends
  await grow(ends, 1)
  await grow(ends, 2)
  await reconnect(ends)
  const restore = await backup(a)
  const before = await makeKeys(ends)
  await restore()
  await assertRollBackFound(ends)
  await assert.rejects(fetchKeys(b, [...before.keys()]), code('KEYSTORE_KEY_UNKNOWN'))
})

test('a backup that forgot what was fetched is found by marks made since', async () => {
  const ends = await twoEnds()
  const { a, b } = ends
  await grow(ends, 1)
  await grow(ends, 2)
  await reconnect(ends)
  const made = await makeKeys({ a: b, b: a })
  const restore = await backup(a)
  await fetchKeys(a, [...made.keys()])
  await reconnect(ends)
  await restore()
  await assertRollBackFound(ends)
  assert.deepEqual(
    b.alarms.map(({ kind }) => kind),
    ['peer-roll-back'],
  )
  await assert.rejects(fetchKeys(a, [...made.keys()]), code('KEYSTORE_KEY_UNKNOWN'))
})

test('restarts, repeated marks and late ones are no roll-back', async () => {
  const ends = await twoEnds()
  const { a, b } = ends
  await grow(ends, 1)
  const first = await a.keys.highWater(link)
  const second = await a.keys.highWater(link)
  const compare = async (mark: Uint8Array) => (await b.keys.compareHighWater(bristol, mark)).kind
  assert.equal(await compare(second), 'agreed')
  assert.equal(await compare(second), 'repeated')
  assert.equal(await compare(first), 'stale')
  await a.open()
  assert.equal(await compare(await a.keys.highWater(link)), 'agreed')
  assert.equal(await compare(second), 'stale')
  for (const end of [a, b, a]) {
    await makeKeys(ends)
    await end.open()
    await sendVoids(a, b)
    await reconnect(ends)
  }
  assert.deepEqual([...a.alarms, ...b.alarms], [])
  assert.equal(a.keys.pool(cambridge).availableBits, 256)
  await assert.rejects(b.keys.compareHighWater(cambridge, second), code('KEYSTORE_MESSAGE_INVALID'))
})

test('the number of held blocks and the octets of a link have limits', async () => {
  const { a } = await twoEnds({ limits: { heldBlocksMax: 2 } })
  const block = (sequence: number) => {
    return { link, epoch: 1, sequence, key: blockBits(sequence), provenance: origin }
  }
  await a.keys.ingest(block(1))
  await a.keys.ingest(block(2))
  await assert.rejects(a.keys.ingest(block(3)), code('KEYSTORE_FULL'))
  await a.keys.confirm(link, block(1))
  await a.keys.ingest(block(3))
  const small = await twoEnds({ limits: { linkOctetsMax: 256 } })
  await grow(small, 1)
  await assert.rejects(small.a.keys.ingest(block(2)), code('KEYSTORE_FULL'))
})

test('an epoch begins once, above every earlier one, and survives a restart', async () => {
  const { a } = await twoEnds()
  assert.equal(a.keys.epoch(link), 0)
  await a.keys.beginEpoch(link, 4)
  await assert.rejects(a.keys.beginEpoch(link, 4), code('KEYSTORE_EPOCH_PASSED'))
  await a.open()
  assert.equal(a.keys.epoch(link), 4)
  const key = blockBits(1)
  await a.keys.ingest({ link, epoch: 6, sequence: 0, key, provenance: origin })
  assert.equal(a.keys.epoch(link), 6)
  await a.open()
  assert.equal(a.keys.epoch(link), 6)
})
