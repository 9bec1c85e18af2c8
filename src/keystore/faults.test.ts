import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PortRefusal } from '#base'
import { readActivation, type ScrubFinding } from '#keystore'
import { MemoryDisk, MemoryStore, settle as turn } from '#world/ports'
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

/** Flips one bit of a sealed segment in the database. */
async function flipSealed(end: End, segment: number): Promise<void> {
  const where = `where segment = ${segment} and sequence = 1`
  const rows = await end.store.read({
    sql: `select sealed from keystore_segment ${where}`,
    parameters: [],
  })
  const sealed = (rows[0]['sealed'] as Uint8Array).slice()
  sealed[17] ^= 1
  const sql = `update keystore_segment set sealed = ? ${where}`
  await end.store.commit([{ sql, parameters: [sealed], expectChanges: 1 }])
}

function flipSlot(end: End, segment: number, octet: number): void {
  const file = end.disk.files.get(`keys/${link}/1-1`)
  assert(file !== undefined)
  file[segment * 64 + octet] ^= 4
}

async function faults(end: End): Promise<ScrubFinding[]> {
  const found: ScrubFinding[] = []
  for await (const finding of end.keys.scrub()) if (finding.kind === 'fault') found.push(finding)
  return found
}

test('one flipped bit in any octet of a slot or of sealed octets is found and named', async () => {
  for (let octet = 0; octet < 64; octet += 3) {
    const ends = await twoEnds()
    await grow(ends, 1)
    assert.deepEqual(await faults(ends.a), [])
    flipSlot(ends.a, 3, octet)
    await flipSealed(ends.a, 4)
    const place = { kind: 'fault', link, epoch: 1, sequence: 1 } as const
    const named = [
      { ...place, segment: 3, problem: 'wrapping key slot damaged' },
      { ...place, segment: 4, problem: 'sealed octets damaged' },
    ]
    assert.deepEqual(await faults(ends.a), named)
    assert.equal(ends.a.alarms.filter(({ kind }) => kind === 'segment-damaged').length, 2)
    await ends.a.open()
    assert.deepEqual(await faults(ends.a), named)
    assert.equal(ends.a.keys.pool(cambridge).availableBits, 512)
    await sendVoids(ends.a, ends.b)
    assertCountsAgree(ends)
  }
})

test('missing rows and files are found and named', async () => {
  const ends = await twoEnds()
  await grow(ends, 1)
  await grow(ends, 2)
  const sql = 'delete from keystore_segment where segment = 2 and sequence = 1'
  await ends.a.store.commit([{ sql, parameters: [] }])
  ends.a.disk.files.delete(`keys/${link}/1-2`)
  const problems = (await faults(ends.a)).map((finding) =>
    finding.kind === 'fault' ? `${finding.sequence}.${finding.segment} ${finding.problem}` : '',
  )
  assert.equal(problems[0], '1.2 sealed octets missing')
  assert.equal(problems[1], '2.0 slot file missing')
  assert.equal(problems.length, 7)
})

test('a damaged segment of the own half is passed over, and the peer told', async () => {
  const ends = await twoEnds()
  await grow(ends, 1)
  await flipSealed(ends.a, 2)
  const made = await makeKeys(ends, { number: 2 })
  const { octets } = blockBits(1)
  assert.equal([...made.values()].join(''), octets.subarray(128, 192).toHex())
  assert.deepEqual(await fetchKeys(ends.b, [...made.keys()]), made)
  await sendVoids(ends.a, ends.b)
  assertCountsAgree(ends)
  await assert.rejects(makeKeys(ends), code('KEYSTORE_EXHAUSTED'))
})

test("a damaged segment of the peer's half is refused, and the peer stops using it", async () => {
  const ends = await twoEnds()
  const { a, b } = ends
  await grow(ends, 1)
  flipSlot(b, 2, 20)
  const reservation = await a.keys.reserve(request)
  const outcome = await b.keys.activate(bristol, readActivation(reservation.activations[0]))
  assert(outcome.kind === 'refused' && outcome.cause === 'segment-damaged')
  await a.keys.abandon(reservation, outcome.cause)
  await a.keys.exclude(cambridge, { link, ranges: outcome.unusable })
  const made = await makeKeys(ends, { number: 2 })
  assert.deepEqual(await fetchKeys(b, [...made.keys()]), made)
  await sendVoids(a, b)
  assertCountsAgree(ends)
  assert.equal(a.keys.pool(cambridge).availableBits, 0)
})

test('a key whose segment is damaged before it is fetched is not delivered', async () => {
  const ends = await twoEnds()
  await grow(ends, 1)
  const keyIds = [...(await makeKeys(ends)).keys()]
  await ends.b.open()
  await flipSealed(ends.b, 2)
  await assert.rejects(fetchKeys(ends.b, keyIds), code('KEYSTORE_SEGMENT_DAMAGED'))
  await assert.rejects(fetchKeys(ends.b, keyIds), code('KEYSTORE_SEGMENT_DAMAGED'))
  assert.equal((await ends.b.events('key.segment-quarantined')).length, 1)
})

test('segments cannot be moved, and a block cannot be relabelled', async () => {
  const ends = await twoEnds()
  await grow(ends, 1)
  await ends.a.store.commit([
    { sql: 'update keystore_segment set segment = 99 where segment = 2', parameters: [] },
    { sql: 'update keystore_segment set segment = 2 where segment = 3', parameters: [] },
    { sql: 'update keystore_segment set segment = 3 where segment = 99', parameters: [] },
  ])
  assert.equal((await faults(ends.a)).length, 2)
  const rows = await ends.b.store.read({
    sql: 'select origin from keystore_block',
    parameters: [],
  })
  const text = (rows[0]['origin'] as Uint8Array).toHex()
  const seeded = Buffer.from('seeded-test').toString('hex')
  const better = Buffer.from('\x68hardware').toString('hex')
  const forged = Uint8Array.fromHex(text.replace(`6b${seeded}`, better))
  const sql = 'update keystore_block set origin = ?'
  await ends.b.store.commit([{ sql, parameters: [forged] }])
  await ends.b.open()
  assert.equal((await faults(ends.b)).length, 6)
})

test('a block whose row cannot be read is voided, and the site starts', async () => {
  const ends = await twoEnds()
  await grow(ends, 1)
  await grow(ends, 2)
  const sql = 'update keystore_block set origin = ? where sequence = 1'
  await ends.a.store.commit([{ sql, parameters: [new Uint8Array(3)] }])
  await ends.a.open()
  assert.deepEqual(
    ends.a.alarms.map(({ kind }) => kind),
    ['block-damaged'],
  )
  await reconnect(ends)
  assertCountsAgree(ends)
  assert.equal(ends.a.keys.pool(cambridge).availableBits, 1024)
})

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

test('a quarantine that comes while a key is being activated stops it before it is issued', async () => {
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

test('quarantine from a place on leaves what came before; discard ends what follows it', async () => {
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

for (const seen of ['by an exchange of marks', 'by bits given out since'] as const) {
  test(`a restored backup is found ${seen}, and its keys are voided at both ends`, async () => {
    const ends = await twoEnds()
    const { a, b } = ends
    await grow(ends, 1)
    await grow(ends, 2)
    await reconnect(ends)
    const restore = await backup(a)
    const before = await makeKeys(ends)
    if (seen === 'by an exchange of marks') await reconnect(ends)
    await restore()
    assert.equal(a.keys.pool(cambridge).availableBits, 2048)
    await reconnect(ends)
    assert.deepEqual(
      a.alarms.map(({ kind }) => kind),
      ['own-roll-back'],
    )
    for (const end of [a, b]) assert.equal(end.keys.pool(end.peer).availableBits, 0)
    await assert.rejects(fetchKeys(b, [...before.keys()]), code('KEYSTORE_KEY_UNKNOWN'))
    await reconnect(ends)
    await grow(ends, 3)
    await reconnect(ends)
    const made = await makeKeys(ends)
    assert.deepEqual(await fetchKeys(b, [...made.keys()]), made)
    assert.equal(a.alarms.length, 1)
    assertCountsAgree(ends)
  })
}

test('restarts, repeated marks and late ones are no roll-back', async () => {
  const ends = await twoEnds()
  const { a, b } = ends
  await grow(ends, 1)
  const first = await a.keys.highWater(link)
  const second = await a.keys.highWater(link)
  const compare = async (mark: Uint8Array) => (await b.keys.compareHighWater(bristol, mark)).kind
  assert.equal(await compare(second), 'agreed')
  assert.equal(await compare(second), 'agreed')
  assert.equal(await compare(first), 'stale')
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

test('a full disk or store refuses, gives nothing out, and costs only what was asked for', async () => {
  const ends = await twoEnds()
  const { a, b } = ends
  await grow(ends, 1)
  a.refuse(1, 2, 3)
  await assert.rejects(a.keys.reserve(request), PortRefusal)
  await assert.rejects(a.keys.reserve(request), PortRefusal)
  await assert.rejects(a.keys.reserve(request), PortRefusal)
  assert.equal(a.keys.pool(cambridge).pendingVoids, 1)
  assert.equal(a.keys.pool(cambridge).availableBits, 768)
  const made = await makeKeys(ends)
  await sendVoids(a, b)
  assertCountsAgree(ends)
  b.refuse(1)
  await assert.rejects(fetchKeys(b, [...made.keys()]), PortRefusal)
  assert.deepEqual(await fetchKeys(b, [...made.keys()]), made)
  a.disk.octetsMax = 0
  const block = { link, epoch: 1, sequence: 2, key: blockBits(2), provenance: origin }
  await assert.rejects(a.keys.ingest(block), PortRefusal)
  assert.equal(a.keys.pool(cambridge).heldBlocks, 0)
  a.disk.octetsMax = Infinity
  assert.equal(await a.keys.ingest(block), 'stored')
})

test('a destruction that the disk refuses is tried again', async () => {
  const ends = await twoEnds()
  await grow(ends, 1)
  const made = await makeKeys(ends, { number: 2 })
  ends.b.refuse(2)
  await fetchKeys(ends.b, [...made.keys()])
  await turn()
  assert.equal(ends.b.alarms[0].kind, 'destruction-failed')
  assert.equal(await ends.b.count('keystore_segment', 'segment = 2'), 1)
  ends.b.refuse()
  await ends.b.keys.tend()
  assert.equal(await ends.b.count('keystore_segment', 'segment = 2'), 0)
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

test('a store and a disk of another site or another root open nothing', async () => {
  const ends = await twoEnds()
  await grow(ends, 1)
  const { a, b } = ends
  const [disk, store] = [a.disk.files, await backup(a)]
  assert(disk.size === 1 && b.disk instanceof MemoryDisk && b.store instanceof MemoryStore)
  await store()
  for (const [name, file] of b.disk.files) a.disk.files.set(name, file)
  assert.equal((await faults(a)).length, 6)
})
