import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { CommitPacker, CommitUnpacker } from './store-packing.ts'

const value = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.double(),
  fc.bigInt(),
  fc.constant(null),
  fc.uint8Array({ maxLength: 40 }),
)
const commit = fc.array(
  fc.record(
    {
      sql: fc.constantFrom('select 1', 'update pot set value = ?', 'delete from pot'),
      parameters: fc.array(value, { maxLength: 5 }),
      expectChanges: fc.nat(3),
    },
    { requiredKeys: ['sql', 'parameters'], noNullPrototype: true },
  ),
  { maxLength: 4 },
)

test('packs come out as the commits that went in, also through a structured clone', () => {
  fc.assert(
    fc.property(fc.array(fc.array(commit, { maxLength: 4 }), { maxLength: 4 }), (batches) => {
      const packer = new CommitPacker()
      const unpacker = new CommitUnpacker()
      for (const batch of batches) {
        for (const one of batch) packer.add(one)
        assert.equal(packer.isEmpty, batch.length === 0)
        assert.deepEqual(unpacker.open(structuredClone(packer.take())), batch)
        assert.equal(packer.isEmpty, true)
      }
    }),
  )
})

test('a text of SQL crosses once, and again after very many others', () => {
  const packer = new CommitPacker()
  const unpacker = new CommitUnpacker()
  const texts = (sql: string): readonly string[] => {
    packer.add([{ sql, parameters: [] }])
    const pack = packer.take()
    assert.deepEqual(unpacker.open(pack), [[{ sql, parameters: [] }]])
    return pack.texts
  }
  assert.deepEqual(texts('one'), ['one'])
  assert.deepEqual(texts('one'), [])
  for (let n = 0; n < 1100; n++) texts(`other ${String(n)}`)
  assert.deepEqual(texts('one'), ['one'])
})

test('what is added may change afterwards, however large, and the pack does not', () => {
  const packer = new CommitPacker()
  const octets = new Uint8Array(100_000).fill(7)
  packer.add([{ sql: 'one', parameters: [octets, octets.subarray(0, 3)] }])
  octets.fill(9)
  const [[{ parameters }]] = new CommitUnpacker().open(packer.take())
  assert.deepEqual(parameters, [new Uint8Array(100_000).fill(7), new Uint8Array(3).fill(7)])
})
