import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { concat, hex, newUuid, SecretBytes, siteId, type RandomSource } from '#base'
import { simulatedRandom } from '#crypto'
import {
  containerHash,
  open,
  openRange,
  openStream,
  seal,
  sealStream,
  sourceOf,
  WrapCounter,
  WrappingKey,
  type ContainerHeader,
  type ContainerSource,
  type Pieces,
} from './mod.ts'

const random = simulatedRandom(new Uint8Array(32).fill(13))
const by = new WrappingKey({
  id: newUuid(random),
  key: SecretBytes.take(random.octets(32)),
  counter: new WrapCounter(),
})
const header = { tenant: siteId('bristol'), object: newUuid(random), version: 1, contentType: 3 }
const dataKey = SecretBytes.take(random.octets(32))
const REFUSED = { name: 'EnvelopeRefusal', code: 'CONTAINER_REFUSED' }
const lengths = fc.constantFrom(0, 1, 16_383, 16_384, 40_000, 1 << 20, (1 << 20) + 1, 2_200_000)
const cuts = fc.array(fc.nat(300_000), { maxLength: 6 })

test('a stream of any pieces gives the container that one call gives, and its hash', async () => {
  await fc.assert(
    fc.asyncProperty(lengths, cuts, async (length, sizes) => {
      const plaintext = pattern(length)
      const whole = sealed(plaintext, same())
      let hash = new Uint8Array()
      const stream = sealStream({
        header: { ...header, length },
        source: cutInto(plaintext, sizes),
        dataKey,
        wrapUnder: [by],
        random: same(),
        noteHash: (noted) => (hash = noted as Uint8Array<ArrayBuffer>),
      })
      assert.equal(hex(await joined(stream)), hex(whole))
      assert.equal(hex(hash), hex(containerHash(whole)))
    }),
    { numRuns: 12 },
  )
})

test('a container in any pieces is opened to its plaintext, header and hash', async () => {
  await fc.assert(
    fc.asyncProperty(lengths, cuts, async (length, sizes) => {
      const plaintext = pattern(length)
      const container = sealed(plaintext)
      const noted: string[] = []
      const stream = openStream({
        source: cutInto(container, sizes),
        by,
        expected: header,
        noteHeader: (one: ContainerHeader) => noted.push(String(one.length)),
        noteHash: (hash) => noted.push(hex(hash)),
      })
      assert.deepEqual(await joined(stream), plaintext)
      assert.deepEqual(noted, [String(length), hex(containerHash(container))])
    }),
    { numRuns: 12 },
  )
})

test('memory stays flat: no more is taken from a source than what is being worked on', async () => {
  const length = 20 << 20
  const pieceOctets = 100_000
  let [taken, given] = [0, 0]
  let ahead = 0
  function* pieces(): Generator<Uint8Array> {
    for (let at = 0; at < length; at += pieceOctets) {
      taken += Math.min(pieceOctets, length - at)
      ahead = Math.max(ahead, taken - given)
      yield new Uint8Array(Math.min(pieceOctets, length - at))
    }
  }
  const seals = sealStream({
    header: { ...header, length },
    source: pieces(),
    dataKey,
    wrapUnder: [by],
    random,
  })
  const counted = (async function* () {
    for await (const piece of seals) yield piece
  })()
  let opened = 0
  for await (const piece of openStream({ source: counted, by, expected: header })) {
    opened += piece.length
    given = opened
    assert(piece.length <= 1 << 20)
  }
  assert.equal(opened, length)
  assert(ahead <= (2 << 20) + 3 * pieceOctets, `${ahead} octets were on their way at once`)
})

test('a source that has more or less than its header says makes no container', async () => {
  for (const [said, has] of [
    [10, 9],
    [10, 11],
    [0, 1],
    [16_384, 16_383],
    [16_384, 16_385],
    [1 << 20, (1 << 20) + 1],
  ]) {
    let hashed = false
    const stream = sealStream({
      header: { ...header, length: said },
      source: [pattern(has)],
      dataKey,
      wrapUnder: [by],
      random,
      noteHash: () => (hashed = true),
    })
    await assert.rejects(joined(stream), { code: 'LENGTH_DIFFERS' })
    assert.equal(hashed, false)
  }
})

test('a cut, lengthened or changed container ends in a refusal and never in its last piece', async () => {
  const plaintext = pattern(100_000)
  const container = sealed(plaintext)
  const changed = [
    ...[0, 3, 100, 300, 400, 20_000, container.length - 1].map((size) =>
      container.subarray(0, size),
    ),
    container.subarray(0, container.length - (100_000 % 16_384) - 16),
    concat(container, Uint8Array.of(0)),
    concat(container, new Uint8Array(16_400)),
    ...[4, 30, 120, 260, 50_000, container.length - 1].map((at) =>
      container.with(at, container[at] ^ 1),
    ),
  ]
  for (const octets of changed) {
    let got = 0
    await assert.rejects(async () => {
      for await (const piece of openStream({ source: [octets], by, expected: header })) {
        got += piece.length
      }
    }, REFUSED)
    assert(got < plaintext.length)
  }
  const stream = openStream({ source: [container], by, expected: { version: 2 } })
  await assert.rejects(joined(stream), REFUSED)
})

test('a stream that is given up lets go of its source', async () => {
  let closed = 0
  function* source(): Generator<Uint8Array> {
    try {
      for (;;) yield new Uint8Array(1000)
    } finally {
      closed++
    }
  }
  const input = { header: { ...header, length: 5 << 20 }, dataKey, wrapUnder: [by], random }
  for await (const piece of sealStream({ ...input, source: source() })) {
    if (piece.length > 1000) break
  }
  await assert.rejects(joined(openStream({ source: source(), by, expected: {} })), REFUSED)
  assert.equal(closed, 2)
})

test('a range of the plaintext is what a slice of it is', async () => {
  const plaintext = pattern(100_000)
  const source = sourceOf(sealed(plaintext))
  const ends = fc.tuple(fc.nat(100_000), fc.nat(100_000))
  await fc.assert(
    fc.asyncProperty(ends, async ([a, b]) => {
      const [from, to] = [Math.min(a, b), Math.max(a, b)]
      const range = await openRange({ source, by, expected: header, from, to })
      assert.deepEqual(range, plaintext.slice(from, to))
    }),
  )
  for (const length of [0, 16_384, 16_385, 32_768]) {
    const text = pattern(length)
    const input = { source: sourceOf(sealed(text)), by, expected: {} }
    for (const at of [0, 1, 16_383, 16_384, 16_385, 32_768].filter((one) => one <= length)) {
      assert.deepEqual(await openRange({ ...input, from: 0, to: at }), text.slice(0, at))
      assert.deepEqual(await openRange({ ...input, from: at, to: length }), text.slice(at))
      assert.deepEqual(await openRange({ ...input, from: at, to: at }), new Uint8Array(0))
    }
  }
})

test('a range reads the beginning and its own chunks, not the rest', async () => {
  const container = sealed(pattern(1_000_000))
  const read: number[] = []
  const source: ContainerSource = {
    size: container.length,
    read: (from, to) => {
      read.push(to - from)
      return Promise.resolve(container.slice(from, to))
    },
  }
  await openRange({ source, by, expected: {}, from: 500_000, to: 500_010 })
  assert.equal(read.length, 2)
  assert(read[0] < 8192)
  assert.equal(read[1], 16_400)
})

test('a range outside the plaintext is refused, and says so', async () => {
  const source = sourceOf(sealed(pattern(1000)))
  for (const [from, to] of [
    [-1, 5],
    [0, 1001],
    [5, 4],
    [0.5, 2],
    [0, Number.NaN],
  ]) {
    const range = openRange({ source, by, expected: {}, from, to })
    await assert.rejects(range, { code: 'RANGE_INVALID' })
  }
})

test('a range of a changed chunk, of a cut container or of another object is refused', async () => {
  const container = sealed(pattern(60_000))
  const range = { by, expected: header, from: 20_000, to: 20_100 }
  const inside = container.length - 60_000 + 20_050
  const cases = [
    sourceOf(container.with(inside, container[inside] ^ 1)),
    sourceOf(container.subarray(0, -1)),
    sourceOf(concat(container, Uint8Array.of(0))),
    { ...sourceOf(container.subarray(0, 20_000)), size: container.length },
  ]
  for (const source of cases) await assert.rejects(openRange({ ...range, source }), REFUSED)
  const source = sourceOf(container)
  await assert.rejects(openRange({ ...range, source, expected: { version: 9 } }), REFUSED)
  assert.deepEqual(await openRange({ ...range, source }), pattern(60_000).slice(20_000, 20_100))
})

/** A source that gives the same octets each time, so that two ways of sealing can be compared. */
function same(): RandomSource {
  return simulatedRandom(new Uint8Array(32).fill(77))
}

function sealed(plaintext: Uint8Array, source: RandomSource = random): Uint8Array {
  const container = seal({ header, plaintext, dataKey, wrapUnder: [by], random: source })
  assert.deepEqual(open({ container, by, expected: header }).plaintext, plaintext)
  return container
}

function* cutInto(octets: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  let at = 0
  for (const size of sizes) {
    yield octets.slice(at, at + size)
    at += size
  }
  yield octets.slice(at)
}

async function joined(pieces: Pieces): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return concat(...all)
}

function pattern(size: number): Uint8Array {
  const octets = new Uint8Array(size)
  for (let at = 0; at < size; at++) octets[at] = (at * 31) >> 3
  return octets
}
