import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PortRefusal, uuid } from '#base'
import { readActivation, type ScrubFinding } from '#keystore'
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
  // With its wrapping key beside it, a segment still knows its place.
  const file = ends.a.disk.files.get(`keys/${link}/1-1`)
  file?.set([...file.subarray(192, 256), ...file.subarray(128, 192)], 128)
  await ends.a.open()
  const named = (await faults(ends.a)).map((finding) =>
    finding.kind === 'fault' ? `${finding.segment} ${finding.problem}` : '',
  )
  assert.deepEqual(named, ['2 wrapping key slot damaged', '3 wrapping key slot damaged'])
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

test('a block whose row cannot be read is voided and named, and the site starts', async () => {
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
  const place = { kind: 'fault', link, epoch: 1, sequence: 1, segment: undefined } as const
  assert.deepEqual(await faults(ends.a), [{ ...place, problem: 'row damaged' }])
  await reconnect(ends)
  assertCountsAgree(ends)
  assert.equal(ends.a.keys.pool(cambridge).availableBits, 1024)
})

test('a block with a key whose row cannot be read is voided and named', async () => {
  const ends = await twoEnds()
  await grow(ends, 1)
  await makeKeys(ends)
  const sql = 'update keystore_key set ranges = ?'
  await ends.b.store.commit([{ sql, parameters: [new Uint8Array(3)] }])
  await ends.b.open()
  assert.deepEqual(
    ends.b.alarms.map(({ kind }) => kind),
    ['block-damaged'],
  )
  const place = { kind: 'fault', link, epoch: 1, sequence: 1, segment: undefined } as const
  assert.deepEqual(await faults(ends.b), [{ ...place, problem: 'key row damaged' }])
})

test('a full disk or store gives nothing out, and costs only what was asked for', async () => {
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

test('a block with a damaged segment is destroyed whole once the rest is used up', async () => {
  const ends = await twoEnds({ reserveOctets: 0 })
  const { a, b } = ends
  const key = blockBits(1, 256 * 8)
  for (const end of [a, b]) {
    await end.keys.ingest({ link, epoch: 1, sequence: 1, key, provenance: origin })
    await end.keys.confirm(link, { epoch: 1, sequence: 1 })
  }
  await flipSealed(a, 0)
  await fetchKeys(b, [...(await makeKeys(ends, { number: 2 })).keys()])
  await fetchKeys(a, [...(await makeKeys({ a: b, b: a }, { number: 4 })).keys()])
  await sendVoids(a, b)
  await turn()
  for (const end of [a, b]) {
    assert.equal(await end.count('keystore_segment'), 0)
    assert.deepEqual([...end.disk.files], [])
    assert.equal(await end.count('keystore_block', "state = 'spent'"), 1)
  }
})

test('tombstones stay until the retry horizon has passed, and no longer', async () => {
  const ends = await twoEnds({ reserveOctets: 0, limits: { tombstoneMs: 10_000 } })
  const { a, b, time } = ends
  const key = blockBits(1, 256 * 8)
  for (const end of [a, b]) {
    await end.keys.ingest({ link, epoch: 1, sequence: 1, key, provenance: origin })
    await end.keys.confirm(link, { epoch: 1, sequence: 1 })
  }
  const reservation = await a.keys.reserve({ ...request, number: 4 })
  const activation = readActivation(reservation.activations[0])
  await b.keys.activate(bristol, activation)
  await a.keys.issue(reservation)
  await fetchKeys(b, activation.keyIds)
  await fetchKeys(a, [...(await makeKeys({ a: b, b: a }, { number: 4 })).keys()])
  await time.advance(9_999)
  await b.keys.tend()
  assert.deepEqual(await b.keys.activate(bristol, activation), { kind: 'activated' })
  await assert.rejects(fetchKeys(b, activation.keyIds), code('KEYSTORE_KEY_UNKNOWN'))
  await time.advance(1)
  await b.keys.tend()
  assert.equal(await b.count('keystore_key'), 0)
  assert.equal(await b.count('keystore_block'), 0)
  const late = await b.keys.activate(bristol, activation)
  assert(late.kind === 'refused' && late.cause === 'block-unknown')
})

test('blocks that are over are forgotten many to a commit, and none before an older one', async () => {
  const { a, time } = await twoEnds({ reserveOctets: 0, limits: { tombstoneMs: 10_000 } })
  const numbers = Array.from({ length: 20 }, (_, at) => at + 1)
  const voided = async (some: readonly number[]): Promise<void> => {
    for (const sequence of some) {
      await a.keys.voidBlock({ link, position: { epoch: 1, sequence }, cause: 'a test' })
    }
    await turn()
  }
  for (const sequence of numbers) {
    const block = { link, epoch: 1, sequence, key: blockBits(sequence), provenance: origin }
    await a.keys.ingest(block)
    await a.keys.confirm(link, block)
  }
  await voided(numbers.filter((sequence) => sequence !== 19))
  await time.advance(10_000)
  const before = a.store.commits
  await a.keys.tend()
  assert.equal(a.store.commits - before, 4)
  assert.equal(await a.count('keystore_block'), 2)
  const again = { link, epoch: 1, sequence: 18, key: blockBits(18), provenance: origin }
  await assert.rejects(a.keys.ingest(again), code('KEYSTORE_BLOCK_SPENT'))
  await voided([19])
  await a.keys.tend()
  assert.equal(await a.count('keystore_block'), 2)
  await time.advance(10_000)
  await a.keys.tend()
  assert.equal(await a.count('keystore_block'), 0)
})

test('a key that is being withdrawn cannot be fetched any more', async () => {
  const ends = await twoEnds()
  const { a, b } = ends
  await grow(ends, 1)
  const reservation = await a.keys.reserve(request)
  await b.keys.activate(bristol, readActivation(reservation.activations[0]))
  await a.keys.abandon(reservation, 'no answer')
  const commit = b.store.commit.bind(b.store)
  const fetches: Promise<unknown>[] = []
  b.store.commit = (statements) => {
    b.store.commit = commit
    fetches.push(fetchKeys(b, reservation.keyIds).catch((error: unknown) => error))
    return commit(statements)
  }
  await sendVoids(a, b)
  assert.equal(fetches.length, 1)
  assert(code('KEYSTORE_KEY_UNKNOWN')(await fetches[0]))
  assertCountsAgree(ends)
})

test('withdrawals of bits that were used already change nothing', async () => {
  const ends = await twoEnds()
  const { a, b } = ends
  await grow(ends, 1)
  const made = await makeKeys(ends)
  await fetchKeys(b, [...made.keys()])
  const forged = {
    id: uuid('00000000-0000-4000-8000-0000000000aa'),
    link,
    keyIds: [],
    keyOctets: 0,
    ranges: [{ epoch: 1, sequence: 1, from: 16, octets: 32 }],
  }
  const id = uuid('00000000-0000-4000-8000-0000000000bb')
  const beyond = { ...forged, id, ranges: [{ epoch: 1, sequence: 1, from: 120, octets: 32 }] }
  for (const one of [forged, beyond]) assert.equal(await b.keys.withdraw(bristol, one), 'withdrawn')
  await b.open()
  assertCountsAgree(ends)
  await assert.rejects(b.keys.withdraw(cambridge, forged), code('KEYSTORE_MESSAGE_INVALID'))
  assert.equal((await fetchKeys(b, [...(await makeKeys(ends)).keys()])).size, 1)
  assert.equal(a.keys.pool(cambridge).availableBits, 512)
})

test('where the store knows better than the memory, nothing is given out', async () => {
  const ends = await twoEnds()
  const { a, b } = ends
  await grow(ends, 1)
  const keyIds = [...(await makeKeys(ends)).keys()]
  const taken = "update keystore_key set state = 'delivered'"
  await b.store.commit([{ sql: taken, parameters: [], expectChanges: 1 }])
  await assert.rejects(fetchKeys(b, keyIds), code('STORE_CONFLICT'))
  await assert.rejects(fetchKeys(b, keyIds), code('KEYSTORE_KEY_UNKNOWN'))
  const ahead = 'update keystore_block set allocated = 96'
  await a.store.commit([{ sql: ahead, parameters: [], expectChanges: 1 }])
  await assert.rejects(a.keys.reserve(request), code('STORE_CONFLICT'))
})

test('the slot files of another site open nothing', async () => {
  const ends = await twoEnds()
  await grow(ends, 1)
  for (const [name, file] of ends.b.disk.files) ends.a.disk.files.set(name, file)
  await ends.a.open()
  assert.equal((await faults(ends.a)).length, 6)
})

test('segments that a key straddles are destroyed, also when a restart comes between', async () => {
  const ends = await twoEnds({ reserveOctets: 0 })
  const { a, b } = ends
  const key = blockBits(1, 256 * 8)
  for (const end of [a, b]) {
    await end.keys.ingest({ link, epoch: 1, sequence: 1, key, provenance: origin })
    await end.keys.confirm(link, { epoch: 1, sequence: 1 })
  }
  // 48 octets in segments of 64: the second key lies in two of them.
  for (const restart of [false, true]) {
    await fetchKeys(b, [...(await makeKeys(ends, { sizeBits: 384 })).keys()])
    await turn()
    if (restart) for (const end of [a, b]) await end.open()
  }
  await fetchKeys(b, [...(await makeKeys(ends)).keys()])
  await turn()
  for (const end of [a, b]) assert.equal(await end.count('keystore_segment'), 2)
  assertCountsAgree(ends)
})
