/**
 * Key streams between two KMEs: what GS QKD 004 promises, and what faults and crashes may not break.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { utf8, uuidOf } from '#base'
import { Shares } from '#kme'
import { settle } from '#world/ports'
import { STREAM_STATUS as IS } from './etsi-004.ts'
import { agreeQos } from './qos.ts'
import { keeperOf } from './stream-keeper.ts'
import {
  close,
  get,
  NO_NAME,
  OF_BRISTOL,
  OF_CAMBRIDGE,
  open,
  pair,
  stream,
  type Got,
  type Opened,
  type Wish,
} from './stream-calls.test.ts'
import { saeIn } from './streams.ts'
import {
  archive,
  bristol,
  call as call014,
  cambridge,
  clinic,
  enc,
  imaging,
  office,
  Pair,
  ward,
} from './two-kmes.test.ts'

/** Lets simulated time pass while something waits. */
async function meanwhile<T>(two: Pair, work: Promise<T>): Promise<T> {
  const over = work.then(() => true)
  for (let rounds = 0; rounds < 200; rounds++) {
    if (await Promise.race([over, settle().then(() => false)])) break
    await two.time.advance(50)
  }
  return work
}

for (const name of [undefined, OF_BRISTOL, OF_CAMBRIDGE]) {
  const who =
    name === undefined ? 'named by the KME' : `kept by ${keeperOf(name, [bristol, cambridge])}`
  test(`both ends see the same chunk at each index, whoever asks first: ${who}`, async () => {
    const two = await pair()
    const id = await stream(two, name === undefined ? {} : { name })
    const seen = new Set<string>()
    for (const index of [0, 1, 5, 3]) {
      const atA = (): Promise<Got> => get(two.a, archive, { name: id, index })
      const atB = (): Promise<Got> => get(two.b, ward, { name: id, index })
      const [one, other] =
        index % 2 === 0 ? [await atA(), await atB()] : [await atB(), await atA()].toReversed()
      assert.equal(one.status, IS.success)
      assert.equal(one.key.length, 64)
      assert.equal(one.key, other.key)
      assert.equal(one.metadata, other.metadata)
      seen.add(one.key)
      assert.deepEqual([(await atA()).status, (await atB()).status], [2, 2], 'each end has it once')
    }
    assert.equal(seen.size, 4)
    two.assertCountsAgree()
  })
}

test('both ends may ask for one chunk at the same time', async () => {
  const two = await pair()
  const name = await stream(two)
  const wanted = { name, index: 0 }
  const all = await Promise.all([
    ...[get(two.a, archive, wanted), get(two.b, ward, wanted)],
    ...[get(two.a, archive, wanted), get(two.b, ward, wanted)],
  ])
  const keys = all.filter(({ status }) => status === IS.success).map(({ key }) => key)
  assert.equal(keys.length, 2)
  assert.equal(new Set(keys).size, 1)
})

test('a stream is named by the KME where its first application does not name it', async () => {
  const two = await pair()
  const { status, name } = await open(two.a, [archive, ward])
  assert.equal(status, IS.peerNotConnected)
  assert.notEqual(name, NO_NAME)
  assert.equal(keeperOf(name, [bristol, cambridge]), bristol)
  const other = await open(two.b, [ward, archive])
  assert.equal(keeperOf(other.name, [bristol, cambridge]), cambridge)
})

test('a name is in use for the same application, and for all others', async () => {
  const two = await pair()
  for (const name of [OF_BRISTOL, OF_CAMBRIDGE]) {
    await stream(two, { name })
    assert.equal((await open(two.a, [archive, ward], { name })).status, IS.streamInUse)
    assert.equal((await open(two.b, [ward, archive], { name })).status, IS.streamInUse)
    assert.equal((await open(two.a, [imaging, ward], { name })).status, IS.streamInUse)
    assert.equal((await open(two.b, [clinic, archive], { name })).status, IS.streamInUse)
    assert.equal((await get(two.b, clinic, { name, index: 0 })).status, IS.noQkdConnection)
    assert.equal(await close(two.b, clinic, name), IS.noQkdConnection)
  }
})

test('an end that has closed may open again, and what it had stays its past', async () => {
  const two = await pair()
  const name = await stream(two)
  const before = await get(two.b, ward, { name, index: 0 })
  assert.equal(await close(two.b, ward, name), IS.success)
  assert.equal((await get(two.b, ward, { name, index: 1 })).status, IS.noQkdConnection)
  assert.equal((await get(two.a, archive, { name, index: 0 })).key, before.key)
  assert.equal((await get(two.a, archive, { name, index: 1 })).status, IS.getKeyPeerNotConnected)
  assert.equal((await open(two.b, [ward, archive], { name })).status, IS.success)
  assert.equal((await get(two.b, ward, { name, index: 0 })).status, IS.insufficientKey)
  assert.equal((await get(two.b, ward, { name, index: 1 })).status, IS.success)
})

test('closing both ends clears the stream; its name may be used anew, with other chunks', async () => {
  const two = await pair()
  const name = await stream(two)
  const first = await get(two.a, archive, { name, index: 0 })
  assert.deepEqual([await close(two.a, archive, name), await close(two.b, ward, name)], [0, 0])
  assert.equal(await close(two.a, archive, name), IS.noQkdConnection)
  await stream(two, { name })
  assert.notEqual((await get(two.a, archive, { name, index: 0 })).key, first.key)
})

test('GET_KEY waits for the other end, up to its Timeout', async () => {
  const two = await pair()
  const wish = { timeout: 1000, name: OF_BRISTOL }
  await open(two.a, [archive, ward], wish)
  const early = get(two.a, archive, { name: OF_BRISTOL, index: 0 })
  await two.time.advance(300)
  await open(two.b, [ward, archive], wish)
  assert.equal((await meanwhile(two, early)).status, IS.success)
  await close(two.b, ward, OF_BRISTOL)
  const began = two.time.elapsedMs
  const late = await meanwhile(two, get(two.a, archive, { name: OF_BRISTOL, index: 1 }))
  assert.equal(late.status, IS.getKeyPeerNotConnected)
  assert(two.time.elapsedMs - began <= 1100)
})

test('a pool that is used up is insufficient key, until it grows', async () => {
  const two = await pair({}, 2)
  const name = await stream(two, { timeout: 2000, chunk: 64 })
  assert.equal((await get(two.a, archive, { name, index: 0 })).status, IS.success)
  const asked = get(two.a, archive, { name, index: 1 })
  await two.time.advance(500)
  await two.grow(4)
  assert.equal((await meanwhile(two, asked)).status, IS.success)
  const dry = await stream(two, { timeout: 0, chunk: 4096 })
  assert.equal((await get(two.b, ward, { name: dry, index: 0 })).status, IS.insufficientKey)
})

test('a KME that does not answer is a timeout, and the chunk is had later by both or none', async () => {
  const two = await pair()
  const name = await stream(two, { name: OF_BRISTOL, timeout: 500 })
  for (const fault of ['lost', 'answer-lost', 'garbled'] as const) {
    two.fault = (method) => (method === 'stream' ? fault : 'none')
    const asked = await meanwhile(two, get(two.b, ward, { name, index: 0 }))
    assert.equal(asked.status, IS.timeout, fault)
  }
  two.fault = () => 'none'
  const there = await get(two.b, ward, { name, index: 0 })
  assert.equal(there.status, IS.success)
  assert.equal((await get(two.a, archive, { name, index: 0 })).key, there.key)
  two.fault = () => 'lost'
  const opening = open(two.b, [ward, archive], { name: uuidOf(new Uint8Array(16).fill(4)) })
  assert.equal((await meanwhile(two, opening)).status, IS.timeout)
})

test('no QKD connection: strangers, other sites, applications that give another name', async () => {
  const two = await pair()
  for (const other of [office, 'nobody', imaging, archive, '', 'a b']) {
    assert.equal((await open(two.a, [archive, other])).status, IS.noQkdConnection, other)
  }
  const lying = await open(two.a, [archive, ward], { from: `app://${imaging}` })
  assert.equal(lying.status, IS.noQkdConnection)
  const stranger = await open(two.a, [ward, archive])
  assert.equal(stranger.status, IS.noQkdConnection)
  const name = OF_BRISTOL
  assert.equal((await get(two.a, archive, { name, index: 0 })).status, IS.noQkdConnection)
})

test('QoS that cannot be kept is answered with what could be, and nothing is opened', async () => {
  const two = await pair({ growthBps: () => 1000 })
  const stored = (64 * 256) / 600
  const cases: readonly (readonly [Wish, Partial<Opened>])[] = [
    [{ chunk: 4 }, { chunk: 8 }],
    [{ chunk: 100_000 }, { chunk: 8192 }],
    [{ min: 5000 }, { min: Math.floor(1000 + stored) }],
    [
      { min: 500, max: 100 },
      { min: 100, max: 100 },
    ],
    [{ timeout: 3_600_000 }, { timeout: 60_000 }],
    [{ life: 2 ** 32 - 1 }, { life: 604_800 }],
    [{ type: 'text/xml' }, { type: 'application/json' }],
  ]
  for (const [wish, offered] of cases) {
    const answer = await open(two.a, [archive, ward], { ...wish, name: OF_BRISTOL })
    assert.equal(answer.status, IS.qosNotMet, JSON.stringify(wish))
    for (const [member, value] of Object.entries(offered)) {
      assert.equal(answer[member as keyof Opened], value, member)
    }
    assert.equal(await close(two.a, archive, OF_BRISTOL), IS.noQkdConnection)
    const { chunk, max, min, timeout, life, type } = answer
    const again = { chunk, max, min, timeout, life, type, name: OF_BRISTOL }
    assert.equal((await open(two.a, [archive, ward], again)).status, IS.peerNotConnected)
    assert.equal(await close(two.a, archive, OF_BRISTOL), IS.success)
  }
})

test('what several streams were promised cannot be promised again', async () => {
  const two = await pair({ growthBps: () => 1000 })
  const wish = { min: 800 }
  assert.equal((await open(two.a, [archive, ward], wish)).status, IS.peerNotConnected)
  const second = await open(two.a, [imaging, ward], wish)
  assert.equal(second.status, IS.qosNotMet)
  assert(second.min < 300)
})

test('the second end takes the stream as it stands, or is told how it stands', async () => {
  const two = await pair()
  const name = OF_BRISTOL
  await open(two.a, [archive, ward], { name, chunk: 64, max: 9000, life: 600 })
  const other = await open(two.b, [ward, archive], { name, chunk: 32, life: 60, max: 100 })
  const { status, chunk, max, life } = other
  assert.deepEqual({ status, chunk, max, life }, { status: 7, chunk: 64, max: 9000, life: 600 })
  const none = await open(two.b, [ward, archive], { name, chunk: 0, life: 0, type: '' })
  assert.equal(none.status, IS.success)
  assert.equal(none.chunk, 64)
  const plain = await get(two.b, ward, { name, index: 0, room: 0 })
  assert.equal(plain.status, IS.success)
  assert.equal(plain.metadata, '')
})

test('metadata says where a chunk comes from; without room for it nothing is taken', async () => {
  const two = await pair()
  for (const name of [OF_BRISTOL, OF_CAMBRIDGE]) {
    await stream(two, { name })
    const tight = await get(two.a, archive, { name, index: 0, room: 10 })
    assert.equal(tight.status, IS.metadataTooLong)
    const { metadataOctets } = tight
    const less = { name, index: 0, room: metadataOctets - 1 }
    assert.equal((await get(two.b, ward, less)).status, IS.metadataTooLong)
    for (const [site, sae] of [
      [two.a, archive],
      [two.b, ward],
    ] as const) {
      const got = await get(site, sae, { name, index: 0, room: metadataOctets })
      assert.equal(got.status, IS.success)
      assert.equal(utf8(got.metadata).length, metadataOctets)
      const told = JSON.parse(got.metadata) as { photonward_provenance: { source: string } }
      assert.equal(told.photonward_provenance.source, 'seeded-test')
    }
  }
})

test('Max_bps is not exceeded', async () => {
  const two = await pair()
  const name = await stream(two, { max: 256 })
  assert.equal((await get(two.a, archive, { name, index: 0 })).status, IS.success)
  assert.equal((await get(two.a, archive, { name, index: 1 })).status, IS.insufficientKey)
  await two.time.advance(999)
  assert.equal((await get(two.a, archive, { name, index: 1 })).status, IS.insufficientKey)
  await two.time.advance(1)
  assert.equal((await get(two.a, archive, { name, index: 1 })).status, IS.success)
})

test('indices lie in a window around the newest chunk', async () => {
  const two = await pair({}, 256)
  const name = await stream(two, { chunk: 8 })
  assert.equal((await get(two.a, archive, { name, index: 1023 })).status, IS.success)
  assert.equal((await get(two.a, archive, { name, index: 2048 })).status, IS.insufficientKey)
  assert.equal((await get(two.a, archive, { name, index: 2 ** 32 - 1 })).status, IS.insufficientKey)
  assert.equal((await get(two.a, archive, { name, index: 2047 })).status, IS.success)
  assert.equal((await get(two.b, ward, { name, index: 1023 })).status, IS.insufficientKey)
  assert.equal((await get(two.b, ward, { name, index: 2047 })).status, IS.success)
})

test('a stream that nobody uses for its TTL ends, and chunks that wait longer are gone', async () => {
  const two = await pair()
  const name = await stream(two, { life: 60 })
  await get(two.b, ward, { name, index: 0 })
  await two.time.advance(40_000)
  await get(two.b, ward, { name, index: 1 })
  await two.time.advance(30_000)
  await two.a.kme.tend()
  assert.equal((await get(two.a, archive, { name, index: 0 })).status, IS.insufficientKey)
  assert.equal((await get(two.a, archive, { name, index: 1 })).status, IS.success)
  await two.time.advance(60_000)
  await two.a.kme.tend()
  assert.equal((await get(two.b, ward, { name, index: 2 })).status, IS.noQkdConnection)
  assert.equal((await open(two.b, [ward, archive], { name })).status, IS.peerNotConnected)
})

test('a KME that restarts keeps no stream: both ends open anew, and no octet comes twice', async () => {
  const two = await pair()
  for (const name of [OF_BRISTOL, OF_CAMBRIDGE]) {
    await stream(two, { name })
    const had = await get(two.a, archive, { name, index: 0 })
    const ready = await get(two.b, ward, { name, index: 1 })
    two.restartKme(bristol)
    assert.equal((await get(two.a, archive, { name, index: 0 })).status, IS.noQkdConnection)
    const again = await open(two.a, [archive, ward], { name })
    const kept = keeperOf(name, [bristol, cambridge]) === cambridge
    assert.equal(again.status, kept ? IS.success : IS.peerNotConnected)
    // Kept by the other, it goes on where it was; else the other end has to open it too.
    const there = await get(two.b, ward, { name, index: 0 })
    assert.equal(there.status, kept ? IS.success : IS.noQkdConnection)
    if (kept) {
      assert.equal(there.key, had.key)
      assert.equal((await get(two.a, archive, { name, index: 0 })).status, IS.insufficientKey)
      assert.equal((await get(two.a, archive, { name, index: 1 })).key, ready.key)
      continue
    }
    assert.equal((await open(two.b, [ward, archive], { name })).status, IS.success)
    const anew = await get(two.b, ward, { name, index: 0 })
    assert.equal((await get(two.a, archive, { name, index: 0 })).key, anew.key)
    assert(![had.key, ready.key].includes(anew.key))
  }
})

test('a stream takes no more than the share of its application, nor calls beyond its rate', async () => {
  const two = new Pair()
  const shares = new Shares(two.time.view(), { saeShare: 0.5, requestsPerSecond: 8 })
  await two.open({ kme: { shares, limitRate: shares.request } })
  await two.grow(8)
  const name = await stream(two)
  const statuses: number[] = []
  for (let index = 0; index < 5; index++) {
    statuses.push((await get(two.a, archive, { name, index })).status)
  }
  assert.deepEqual(statuses, [0, 0, 0, 0, IS.insufficientKey])
  for (let at = 0; at < 20; at++) await call014(two.a, archive, { path: enc(ward) })
  assert.equal((await get(two.a, archive, { name, index: 6 })).status, IS.timeout)
  assert.equal(await close(two.a, archive, name), IS.timeout)
})

test('an application is named by scheme and authority, by its certificate, or plainly', () => {
  for (const uri of ['client://ward.1', 'qkd://ward.1/x?y', 'photonward:sae:ward.1', 'ward.1']) {
    assert.equal(saeIn(uri), 'ward.1', uri)
  }
  for (const uri of ['', 'client://', 'client://a b', 'x/y', `client://${'a'.repeat(65)}`]) {
    assert.equal(saeIn(uri), undefined, uri)
  }
})

test('an offer of QoS is always accepted when it is asked for', () => {
  const word = fc.nat(2 ** 32 - 1)
  const qos = fc.record({
    ...{ chunkOctets: word, maxBps: word, minBps: word, jitterBps: word, priority: word },
    ...{ timeoutMs: word, lifeS: word, mimetype: fc.constantFrom('', 'application/json', 'x/y') },
  })
  fc.assert(
    fc.property(qos, fc.nat(1e6), (wished, bpsMax) => {
      const offer = agreeQos(wished, bpsMax)
      assert.deepEqual(agreeQos(offer.qos, bpsMax), { qos: offer.qos, isMet: true })
    }),
  )
})
