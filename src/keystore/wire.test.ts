import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromCbor, keyId, linkId, Refusal, saeId, toCbor, uuid, type CborValue } from '#base'
import {
  activationOctets,
  blockNotesOctets,
  highWaterOctets,
  rangesOctets,
  rangesOfKey,
  readActivation,
  readBlockNotes,
  readHighWater,
  readRanges,
  readWithdrawal,
  withdrawalOctets,
  type Activation,
} from './wire.ts'

const id = uuid('5f4d2c3e-8f1a-4c5b-9d6e-7f8a9b0c1d2e')
const link = linkId('bristol-cambridge')
const activation: Activation = {
  id,
  link,
  keyIds: [keyId('00000000-0000-4000-8000-000000000001'), keyId(id)],
  keyOctets: 32,
  ranges: [
    { epoch: 3, sequence: 9, from: 96, octets: 40 },
    { epoch: 3, sequence: 11, from: 0, octets: 24 },
  ],
  master: saeId('archive.bristol'),
  slaves: [saeId('ward.cambridge'), saeId('clinic.cambridge')],
  lifeMs: 60_000,
  origins: new Uint8Array(32).fill(7),
}
const octets = activationOctets(activation)
const readers = [readActivation, readWithdrawal, readBlockNotes, readHighWater, readRanges]

test('an activation says the same after its journey, and serves as its own withdrawal', () => {
  const { digest, ...read } = readActivation(octets)
  assert.deepEqual(read, activation)
  assert.equal(digest.length, 32)
  const { keyIds, keyOctets, ranges } = activation
  assert.deepEqual(readWithdrawal(octets), { id, link, keyIds, keyOctets, ranges })
})

test('a withdrawal, a report and a mark say the same after their journey', () => {
  const { ranges } = activation
  assert.deepEqual(readWithdrawal(withdrawalOctets({ id, link, ranges })), {
    id,
    link,
    keyIds: [],
    keyOctets: 0,
    ranges,
  })
  const notes = [
    { epoch: 1, sequence: 2, state: 'held' as const },
    { epoch: 1, sequence: 1, state: 'available' as const },
  ]
  assert.deepEqual(readBlockNotes(blockNotesOctets(notes)), notes)
  const mark = {
    link,
    run: new Uint8Array(16),
    mark: 5,
    seen: 0,
    seenRun: null,
    allocated: { epoch: 1, sequence: 2, from: 0, octets: 8 },
    activated: null,
  }
  assert.deepEqual(readHighWater(highWaterOctets(mark)), mark)
  assert.deepEqual(readRanges(rangesOctets(ranges)), ranges)
})

test('each key of an activation has its octets, none shared, none left', () => {
  assert.deepEqual(rangesOfKey(activation, 0), [{ epoch: 3, sequence: 9, from: 96, octets: 32 }])
  assert.deepEqual(rangesOfKey(activation, 1), [
    { epoch: 3, sequence: 9, from: 128, octets: 8 },
    { epoch: 3, sequence: 11, from: 0, octets: 24 },
  ])
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 30 }),
      (sizes, keyOctets) => {
        const ranges = sizes.map((size, sequence) => {
          return { epoch: 1, sequence, from: sequence, octets: size }
        })
        const number = Math.floor(sizes.reduce((sum, size) => sum + size, 0) / keyOctets)
        const all = Array.from({ length: number }, (_, at) =>
          rangesOfKey({ ranges, keyOctets }, at),
        )
        const listed = all.map((own) => own.flatMap(positions))
        for (const own of listed) assert.equal(own.length, keyOctets)
        assert.deepEqual(listed.flat(), ranges.flatMap(positions).slice(0, number * keyOctets))
      },
    ),
  )
})

const positions = (range: { sequence: number; from: number; octets: number }): string[] =>
  Array.from({ length: range.octets }, (_, at) => `${range.sequence}:${range.from + at}`)

test('whatever is wrong with an activation, it is refused', () => {
  const good = fromCbor(octets, 4096) as Record<string, CborValue>
  const use = good['for'] as Record<string, CborValue>
  const keys = good['keys'] as Uint8Array
  const range = [3, 9, 96, 40]
  const wrong: Readonly<Record<string, CborValue>>[] = [
    { ...good, v: 2 },
    { ...good, id: new Uint8Array(15) },
    { ...good, link: 'Bristol' },
    { ...good, keys: keys.subarray(0, 31) },
    { ...good, keys: keys.subarray(0, 16) },
    { ...good, keys: new Uint8Array(32) },
    { ...good, keys: new Uint8Array(16 * 129) },
    { ...good, keys: new Uint8Array(0), size: 0 },
    { ...good, size: 31 },
    { ...good, size: -1 },
    { ...good, ranges: [] },
    { ...good, ranges: [range] },
    { ...good, ranges: [range, [3, 11, 0, 25]] },
    { ...good, ranges: [range, [3, 11, 0, 24], [3, 12, 0, 0]] },
    { ...good, ranges: [range, [3, 11, -1, 24]] },
    { ...good, ranges: [range, [3, 11, 0.5, 24]] },
    { ...good, for: { ...use, slaves: [] } },
    { ...good, for: { ...use, slaves: ['a', 'a'] } },
    { ...good, for: { ...use, slaves: ['a b'] } },
    { ...good, for: { ...use, master: '' } },
    { ...good, for: { ...use, life: 0 } },
    { ...good, for: { ...use, life: 2 ** 40 } },
    { ...good, for: { ...use, origins: new Uint8Array(31) } },
    { ...good, more: 1 },
  ]
  for (const one of wrong) {
    assert.throws(() => readActivation(toCbor(one)), Refusal, JSON.stringify(one).slice(0, 200))
  }
  assert.throws(() => readActivation(toCbor({ ...good, for: undefined })), Refusal)
  assert.doesNotThrow(() => readActivation(toCbor(good)))
})

test('no octets make a reader do anything but read or refuse', () => {
  const changed = fc.tuple(fc.nat(octets.length - 1), fc.nat(255)).map(([at, octet]) => {
    const copy = octets.slice()
    copy[at] = octet
    return copy
  })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), changed), (any) => {
      for (const read of readers) {
        try {
          read(any)
        } catch (error) {
          assert(error instanceof Refusal, String(error))
        }
      }
    }),
    { numRuns: 2000 },
  )
})
