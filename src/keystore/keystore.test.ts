import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readActivation, readWithdrawal, summary, type Origin } from '#keystore'
import { settle as turn } from '#world/ports'
import {
  archive,
  assertCountsAgree,
  blockBits,
  bristol,
  cambridge,
  clinic,
  code,
  fetchKeys,
  grow,
  link,
  makeKeys,
  origin,
  sendVoids,
  twoEnds,
  unknownKey,
  ward,
} from './two-ends.test.ts'

const request = {
  peer: cambridge,
  master: archive,
  slaves: [ward],
  sizeBits: 256,
  number: 1,
  lifeMs: 60_000,
}

test('a key is the same at both ends, and is fetched by its slave once', async () => {
  const ends = await twoEnds()
  await grow(ends, 1)
  const made = await makeKeys(ends, { number: 2 })
  const [first, second] = [...made.keys()]
  assert.deepEqual(await fetchKeys(ends.b, [second, first]), new Map([...made].toReversed()))
  await assert.rejects(fetchKeys(ends.b, [first]), code('KEYSTORE_KEY_UNKNOWN'))
  assert.equal(new Set(made.values()).size, 2)
  assertCountsAgree(ends)
})

test('each end gives out its own half only', async () => {
  const { a, b } = await twoEnds()
  await grow({ a, b }, 1)
  const { octets } = blockBits(1)
  const fromA = [...(await makeKeys({ a, b }, { number: 4 })).values()].join('')
  assert.equal(fromA, octets.subarray(64, 64 + 128).toHex())
  const fromB = [...(await makeKeys({ a: b, b: a }, { number: 4 })).values()].join('')
  assert.equal(fromB, octets.subarray(64 + 128, 64 + 256).toHex())
  await assert.rejects(makeKeys({ a, b }), code('KEYSTORE_EXHAUSTED'))
})

test('a block is of no use before its confirmation', async () => {
  const { a } = await twoEnds()
  await a.keys.ingest({ link, epoch: 1, sequence: 1, key: blockBits(1), provenance: origin })
  await assert.rejects(a.keys.reserve(request), code('KEYSTORE_EXHAUSTED'))
  assert.deepEqual(await a.keys.authenticationSources(link), { send: [], receive: [] })
  assert.equal(a.keys.pool(cambridge).heldBlocks, 1)
  await a.keys.confirm(link, { epoch: 1, sequence: 1 })
  await a.keys.confirm(link, { epoch: 1, sequence: 1 })
  assert.equal(a.keys.pool(cambridge).availableBits, 1024)
})

test('a block repeated changes nothing, another under its place is refused', async () => {
  const { a } = await twoEnds()
  const block = { link, epoch: 1, sequence: 1, key: blockBits(1), provenance: origin }
  const both = await Promise.all([a.keys.ingest(block), a.keys.ingest(block)])
  assert.deepEqual(both, ['stored', 'repeated'])
  await a.keys.confirm(link, block)
  assert.equal(await a.keys.ingest(block), 'repeated')
  const octets = block.key.octets.slice()
  octets[octets.length - 1] ^= 1
  const changed = { ...block, key: { length: block.key.length, octets } }
  await assert.rejects(a.keys.ingest(changed), code('KEYSTORE_BLOCK_DIFFERS'))
  const shorter = { ...block, key: blockBits(1, block.key.length - 8) }
  await assert.rejects(a.keys.ingest(shorter), code('KEYSTORE_BLOCK_DIFFERS'))
  const other: Origin = { ...origin, epsilon: 1e-3 }
  await assert.rejects(
    a.keys.ingest({ ...block, provenance: other }),
    code('KEYSTORE_BLOCK_DIFFERS'),
  )
  const tiny = { ...block, sequence: 2, key: blockBits(2, 64 * 8 + 1023) }
  await assert.rejects(a.keys.ingest(tiny), code('KEYSTORE_BLOCK_INVALID'))
})

test('a voided block does not come back, and neither does one that was used up', async () => {
  const ends = await twoEnds({ limits: { tombstoneMs: 0, reservesKept: 0 } })
  const { a, b } = ends
  const block = { link, epoch: 1, sequence: 1, key: blockBits(1), provenance: origin }
  await a.keys.ingest(block)
  await a.keys.voidBlock({ link, position: block, cause: 'tag failed' })
  await assert.rejects(a.keys.ingest(block), code('KEYSTORE_BLOCK_SPENT'))
  await assert.rejects(a.keys.confirm(link, block), code('KEYSTORE_BLOCK_SPENT'))
  await a.keys.tend()
  await assert.rejects(a.keys.ingest(block), code('KEYSTORE_BLOCK_SPENT'))
  await grow(ends, 2)
  await fetchKeys(b, [...(await makeKeys(ends, { number: 4 })).keys()])
  await fetchKeys(a, [...(await makeKeys({ a: b, b: a }, { number: 4 })).keys()])
  await a.keys.tend()
  assert.equal(await a.count('keystore_block'), 0)
  assert.equal(await a.count('keystore_segment'), 0)
  assert.deepEqual([...a.disk.files.keys()], [])
  await assert.rejects(a.keys.ingest({ ...block, sequence: 2 }), code('KEYSTORE_BLOCK_SPENT'))
})

test('blocks that two give up at the same moment are given up once, and all of them', async () => {
  const ends = await twoEnds()
  for (const sequence of [1, 2, 3]) await grow(ends, sequence)
  const { keys } = ends.a
  const voiding = (sequence: number) =>
    keys.voidBlock({ link, position: { epoch: 1, sequence }, cause: 'discarded' })
  const whole = keys.discard({ link, cause: 'discarded' })
  await Promise.all([voiding(2), whole, voiding(2), voiding(3)])
  assert.deepEqual(
    keys.survey().map(({ state }) => state),
    ['voided', 'voided', 'voided'],
  )
  assert.equal((await ends.a.events('key.block-voided')).length, 3)
})

test('keys reach over the end of a block, so that no bit is left over', async () => {
  const ends = await twoEnds()
  await grow(ends, 1)
  await grow(ends, 2)
  // 128 octets a half: keys of 56 octets fit four times into two halves and leave 32.
  const made = await makeKeys(ends, { number: 4, sizeBits: 448 })
  assert.equal(ends.a.keys.pool(cambridge).availableBits, 256)
  const [first, second] = [blockBits(1), blockBits(2)].map(({ octets }) => octets.subarray(64, 192))
  const all = [...first, ...second].slice(0, 4 * 56)
  assert.equal([...made.values()].join(''), Uint8Array.from(all).toHex())
  assert.deepEqual(await fetchKeys(ends.b, [...made.keys()]), made)
  assertCountsAgree(ends)
})

test('a foreign caller, another master and an unknown key use nothing up', async () => {
  const ends = await twoEnds()
  await grow(ends, 1)
  const made = await makeKeys(ends, { number: 2 })
  const keyIds = [...made.keys()]
  await assert.rejects(fetchKeys(ends.b, keyIds, clinic), code('KEYSTORE_KEY_FOREIGN'))
  await assert.rejects(
    ends.b.keys.deliver({ keyIds, caller: ward, master: clinic }),
    code('KEYSTORE_KEY_UNKNOWN'),
  )
  await assert.rejects(fetchKeys(ends.b, [...keyIds, unknownKey]), code('KEYSTORE_KEY_UNKNOWN'))
  await assert.rejects(fetchKeys(ends.b, [keyIds[0], keyIds[0]]), code('KEYSTORE_REQUEST_INVALID'))
  assert.deepEqual(await fetchKeys(ends.b, keyIds), made)
})

test('with several slaves each fetches once, in any order and at the same time', async () => {
  const ends = await twoEnds()
  await grow(ends, 1)
  const made = await makeKeys(ends, { slaves: [ward, clinic] })
  const keyIds = [...made.keys()]
  const both = await Promise.all([
    fetchKeys(ends.b, keyIds, ward),
    fetchKeys(ends.b, keyIds, clinic),
  ])
  assert.deepEqual(both, [made, made])
  for (const slave of [ward, clinic]) {
    await assert.rejects(fetchKeys(ends.b, keyIds, slave), code('KEYSTORE_KEY_UNKNOWN'))
  }
  assert.equal((await ends.b.events('key.delivered')).length, 2)
})

test('of two fetches of one key at the same time exactly one succeeds', async () => {
  const ends = await twoEnds()
  await grow(ends, 1)
  const keyIds = [...(await makeKeys(ends)).keys()]
  const results = await Promise.allSettled([fetchKeys(ends.b, keyIds), fetchKeys(ends.b, keyIds)])
  assert.deepEqual(results.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
})

test('of two masters that race for the last key exactly one gets it', async () => {
  const ends = await twoEnds()
  await grow(ends, 1)
  await makeKeys(ends, { number: 3 })
  const results = await Promise.allSettled([makeKeys(ends), makeKeys(ends)])
  assert.deepEqual(results.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  const lost = results.find((result) => result.status === 'rejected')
  assert(code('KEYSTORE_EXHAUSTED')(lost?.reason))
  assertCountsAgree(ends)
})

test('a repeated activation is acknowledged, one with another content refused', async () => {
  const { a, b } = await twoEnds()
  await grow({ a, b }, 1)
  const reservation = await a.keys.reserve(request)
  const activation = readActivation(reservation.activations[0])
  const twice = await Promise.all([
    b.keys.activate(bristol, activation),
    b.keys.activate(bristol, activation),
  ])
  assert.deepEqual(twice, [{ kind: 'activated' }, { kind: 'activated' }])
  assert.equal(await b.count('keystore_key'), 1)
  const changed = { ...activation, slaves: [clinic], digest: new Uint8Array(32) }
  assert.equal(causeOf(await b.keys.activate(bristol, changed)), 'other-content')
  await a.keys.issue(reservation)
  await fetchKeys(b, activation.keyIds)
  assert.deepEqual(await b.keys.activate(bristol, activation), { kind: 'activated' })
  await assert.rejects(fetchKeys(b, activation.keyIds), code('KEYSTORE_KEY_UNKNOWN'))
  await b.open()
  assert.deepEqual(await b.keys.activate(bristol, activation), { kind: 'activated' })
  await assert.rejects(fetchKeys(b, activation.keyIds), code('KEYSTORE_KEY_UNKNOWN'))
})

test("an activation may name neither bits twice, nor bits outside the sender's half", async () => {
  const { a, b } = await twoEnds()
  await grow({ a, b }, 1)
  const reservation = await a.keys.reserve({ ...request, number: 2 })
  const good = readActivation(reservation.activations[0])
  const [range] = good.ranges
  const attempt = async (change: Partial<typeof good>) =>
    causeOf(await b.keys.activate(bristol, { ...good, ...change }))
  const shifted = (from: number) => ({ ranges: [{ ...range, from }] })
  assert.equal(await attempt(shifted(128 - 63)), 'range-outside')
  assert.equal(await attempt(shifted(2 ** 40)), 'range-outside')
  const half = { ...range, octets: 32 }
  assert.equal(await attempt({ ranges: [half, { ...half, from: 31 }] }), 'range-used')
  assert.equal(await attempt({ ranges: [{ ...range, sequence: 9 }] }), 'block-unknown')
  assert.equal(await attempt({ origins: new Uint8Array(32) }), 'origin-differs')
  assert.equal(causeOf(await b.keys.activate(cambridge, good)), 'link-foreign')
  assert.equal(await b.count('keystore_key'), 0)
  assert.deepEqual(await b.keys.activate(bristol, good), { kind: 'activated' })
  const another = { ...good, id: unknownKey as string as typeof good.id, digest: good.origins }
  assert.equal(causeOf(await b.keys.activate(bristol, another)), 'key-known')
  const stolen = { ...another, keyIds: [unknownKey], keyOctets: 32, ranges: [half] }
  assert.equal(causeOf(await b.keys.activate(bristol, stolen)), 'range-used')
})

test('an abandoned key is withdrawn, and a late activation revives nothing', async () => {
  const { a, b } = await twoEnds()
  await grow({ a, b }, 1)
  for (const arrives of ['before', 'after', 'never'] as const) {
    const reservation = await a.keys.reserve(request)
    const activation = readActivation(reservation.activations[0])
    if (arrives === 'before') await b.keys.activate(bristol, activation)
    await a.keys.abandon(reservation, 'no answer')
    await assert.rejects(a.keys.issue(reservation), code('KEYSTORE_RESERVATION_UNKNOWN'))
    assert.equal(a.keys.pool(cambridge).pendingVoids, 1)
    assert.equal(await sendVoids(a, b), 1)
    if (arrives === 'after') {
      assert.equal(causeOf(await b.keys.activate(bristol, activation)), 'range-used')
      await b.open()
      assert.equal(causeOf(await b.keys.activate(bristol, activation)), 'range-used')
    }
    await assert.rejects(fetchKeys(b, activation.keyIds), code('KEYSTORE_KEY_UNKNOWN'))
    assertCountsAgree({ a, b })
  }
  assert.equal(a.keys.pool(cambridge).pendingVoids, 0)
  assert.equal(a.keys.pool(cambridge).availableBits, 256)
})

test('a withdrawal of a key that was fetched says so, and raises an alarm', async () => {
  const { a, b } = await twoEnds()
  await grow({ a, b }, 1)
  const reservation = await a.keys.reserve(request)
  const activation = readActivation(reservation.activations[0])
  await b.keys.activate(bristol, activation)
  await fetchKeys(b, activation.keyIds)
  await a.keys.abandon(reservation, 'no answer')
  await sendVoids(a, b)
  assert.deepEqual(
    a.alarms.map(({ kind }) => kind),
    ['withdrawal-too-late'],
  )
  assertCountsAgree({ a, b })
})

test('a withdrawal that comes again and again changes nothing more', async () => {
  const { a, b } = await twoEnds()
  await grow({ a, b }, 1)
  await a.keys.abandon(await a.keys.reserve(request), 'no answer')
  const [{ message, id }] = a.keys.pendingVoids(cambridge)
  const withdrawal = readWithdrawal(message)
  const outcomes = await Promise.all([1, 2].map(() => b.keys.withdraw(bristol, withdrawal)))
  outcomes.push(await b.keys.withdraw(bristol, withdrawal))
  assert.deepEqual(outcomes, ['withdrawn', 'withdrawn', 'withdrawn'])
  await a.keys.settleVoid(id, 'withdrawn')
  await a.keys.settleVoid(id, 'withdrawn')
  assertCountsAgree({ a, b })
})

test('a key that nobody fetches expires by elapsed time, not by the wall clock', async () => {
  const ends = await twoEnds()
  const { time, b } = ends
  await grow(ends, 1)
  const early = [...(await makeKeys(ends)).keys()]
  const late = [...(await makeKeys(ends)).keys()]
  b.clock.jump(24 * 3_600_000)
  await time.advance(59_999)
  await b.keys.tend()
  await fetchKeys(b, early)
  b.clock.jump(-48 * 3_600_000)
  await time.advance(1)
  await assert.rejects(fetchKeys(b, late), code('KEYSTORE_KEY_UNKNOWN'))
  await b.keys.tend()
  assert.deepEqual(
    b.alarms.map(({ kind }) => kind),
    ['key-expired'],
  )
  assert.equal((await b.events('key.expired')).length, 1)
  assertCountsAgree(ends)
})

test('neither a restart nor a clock that went back extends the life of a key', async () => {
  const ends = await twoEnds()
  const { time, b } = ends
  await grow(ends, 1)
  const aged = [...(await makeKeys(ends)).keys()]
  await time.advance(40_000)
  await b.open()
  await time.advance(20_000)
  await assert.rejects(fetchKeys(b, aged), code('KEYSTORE_KEY_UNKNOWN'))
  const doubtful = [...(await makeKeys(ends)).keys()]
  b.clock.jump(-3_600_000)
  await b.open()
  await assert.rejects(fetchKeys(b, doubtful), code('KEYSTORE_KEY_UNKNOWN'))
})

test('what was reserved at a crash is given up at both ends and never handed out', async () => {
  const { a, b } = await twoEnds()
  await grow({ a, b }, 1)
  const unsent = await a.keys.reserve(request)
  const sent = await a.keys.reserve(request)
  await b.keys.activate(bristol, readActivation(sent.activations[0]))
  await a.open()
  assert.equal(a.keys.pool(cambridge).pendingVoids, 2)
  for (const old of [unsent, sent]) {
    await assert.rejects(a.keys.issue(old), code('KEYSTORE_RESERVATION_UNKNOWN'))
  }
  await sendVoids(a, b)
  const left = await makeKeys({ a, b }, { number: 2 })
  const { octets } = blockBits(1)
  assert.equal([...left.values()].join(''), octets.subarray(64 + 64, 64 + 128).toHex())
  await assert.rejects(fetchKeys(b, sent.keyIds), code('KEYSTORE_KEY_UNKNOWN'))
  assertCountsAgree({ a, b })
})

test('a used-up segment leaves no wrapping key, no row and nothing in memory', async () => {
  const { a, b } = await twoEnds()
  await grow({ a, b }, 1)
  const [file] = [...a.disk.files.keys()]
  const slot = (end: typeof a, segment: number) =>
    end.disk.files.get(file)?.subarray(segment * 64, segment * 64 + 64)
  // Segments: two reserves, then the two of Bristol's half, then Cambridge's.
  const made = await makeKeys({ a, b }, { number: 2 })
  await turn()
  assert(slot(a, 2)?.every((octet) => octet === 0))
  assert(slot(b, 2)?.some((octet) => octet !== 0))
  await fetchKeys(b, [...made.keys()])
  await turn()
  assert(slot(b, 2)?.every((octet) => octet === 0))
  assert(slot(b, 3)?.some((octet) => octet !== 0))
  for (const end of [a, b]) {
    assert.equal(await end.count('keystore_segment', 'segment = 2'), 0)
    assert.equal((await end.events('key.destroyed')).length, 1)
  }
})

test('no key bits stand in clear in any row or file', async () => {
  const ends = await twoEnds()
  await grow(ends, 1)
  const { octets } = blockBits(1)
  const runs = Array.from({ length: octets.length - 7 }, (_, at) =>
    octets.subarray(at, at + 8).toHex(),
  )
  await makeKeys(ends)
  for (const end of [ends.a, ends.b]) {
    const stored: string[] = [...end.disk.files.values()].map((file) => file.toHex())
    for (const table of ['block', 'segment', 'reservation', 'key', 'link']) {
      const rows = await end.store.read({
        sql: `select * from keystore_${table}`,
        parameters: [],
      })
      for (const value of rows.flatMap((row) => Object.values(row))) {
        stored.push(value instanceof Uint8Array ? value.toHex() : String(value))
      }
    }
    const text = stored.join('\n')
    assert.deepEqual(
      runs.filter((run) => text.includes(run)),
      [],
    )
  }
})

test('a key tells where each of its parts comes from, the same at both ends', async () => {
  const ends = await twoEnds()
  await grow(ends, 1)
  await grow(ends, 2)
  const { a, b } = ends
  const reservation = await a.keys.reserve({ ...request, sizeBits: 1280 })
  await b.keys.activate(bristol, readActivation(reservation.activations[0]))
  const [master] = await a.keys.issue(reservation)
  const [slave] = await b.keys.deliver({
    keyIds: [master.keyId],
    caller: ward,
    master: archive,
  })
  assert.deepEqual(master.provenance, slave.provenance)
  const { parts } = master.provenance
  assert.deepEqual(
    parts.map(({ sequence, offset, octets, from, to }) => [sequence, offset, octets, from, to]),
    [
      [1, 0, 128, bristol, cambridge],
      [2, 0, 32, bristol, cambridge],
    ],
  )
  assert.deepEqual(summary(master.provenance), {
    source: 'seeded-test',
    epsilon: 2e-9,
    seenBy: [bristol, cambridge],
    heldWrappedBy: [],
    authentication: [origin.authentication],
    links: [link],
  })
})

test('ends that tell different origins of a block never share a key of it', async () => {
  const { a, b } = await twoEnds()
  const block = { link, epoch: 1, sequence: 1, key: blockBits(1), provenance: origin }
  await a.keys.ingest(block)
  await b.keys.ingest({ ...block, provenance: { ...origin, source: 'hardware' } })
  for (const end of [a, b]) await end.keys.confirm(link, block)
  const reservation = await a.keys.reserve(request)
  const outcome = await b.keys.activate(bristol, readActivation(reservation.activations[0]))
  assert.equal(causeOf(outcome), 'origin-differs')
  await a.keys.abandon(reservation, 'origin-differs')
  if (outcome.kind === 'refused') {
    await a.keys.exclude(cambridge, { link, ranges: outcome.unusable })
  }
  assert.equal(a.keys.pool(cambridge).availableBits, 0)
  await sendVoids(a, b)
  assertCountsAgree({ a, b })
})

test('relay may use what applications must leave', async () => {
  const { a, b } = await twoEnds({ limits: { criticalBits: 512 } })
  await grow({ a, b }, 1)
  assert.equal(a.keys.storedKeys(cambridge, 256), 2)
  await makeKeys({ a, b }, { number: 2 })
  await assert.rejects(a.keys.reserve(request), code('KEYSTORE_EXHAUSTED'))
  assert.equal(a.keys.storedKeys(cambridge, 256), 0)
  const relayed = await a.keys.reserve({ ...request, number: 2, use: 'relay' })
  assert.equal(relayed.keyIds.length, 2)
})

test('requests out of range are refused and take nothing', async () => {
  const { a, b } = await twoEnds()
  await grow({ a, b }, 1)
  const wrong: readonly Partial<typeof request>[] = [
    { sizeBits: 7 },
    { sizeBits: 0 },
    { sizeBits: -8 },
    { number: 0 },
    { number: 129 },
    { number: 1.5 },
    { lifeMs: 0 },
    { slaves: [] },
    { slaves: [ward, ward] },
    { sizeBits: 2 ** 23 },
  ]
  for (const change of wrong) {
    await assert.rejects(
      a.keys.reserve({ ...request, ...change }),
      code('KEYSTORE_REQUEST_INVALID'),
    )
  }
  await assert.rejects(a.keys.reserve({ ...request, peer: bristol }), code('KEYSTORE_PEER_UNKNOWN'))
  assert.equal(a.keys.pool(cambridge).availableBits, 1024)
})

test('a closed key store gives out nothing', async () => {
  const { a, b } = await twoEnds()
  await grow({ a, b }, 1)
  await a.keys.close()
  await assert.rejects(a.keys.reserve(request), code('KEYSTORE_CLOSED'))
  assert.throws(() => a.keys.pool(cambridge), code('KEYSTORE_CLOSED'))
})

const causeOf = (outcome: { kind: string; cause?: string }): string | undefined => outcome.cause
