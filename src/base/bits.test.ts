import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bitAt, bitsOf, distance, packBits, sliceBits, unpackBits, weight } from './bits.ts'

const unpackedBits = fc.array(fc.integer({ min: 0, max: 1 })).map((bits) => Uint8Array.from(bits))

test('packing and unpacking bits is a round trip', () => {
  fc.assert(
    fc.property(unpackedBits, (unpacked) => {
      assert.deepEqual(unpackBits(packBits(unpacked)), unpacked)
    }),
  )
})

test('a slice is the bits from one place on, with zeros beyond the end', () => {
  fc.assert(
    fc.property(unpackedBits, fc.nat(40), fc.nat(40), (unpacked, from, length) => {
      const { octets } = packBits(unpacked)
      const expected = Uint8Array.from({ length }, (_, at) => unpacked[from + at] ?? 0)
      const slice = sliceBits(octets, from, length)
      assert.deepEqual(slice, packBits(expected))
    }),
  )
})

test('packing a range takes exactly that range', () => {
  fc.assert(
    fc.property(unpackedBits, fc.nat(), fc.nat(), (unpacked, a, b) => {
      const [from, to] = [a % (unpacked.length + 1), b % (unpacked.length + 1)].toSorted(
        (x, y) => x - y,
      )
      assert.deepEqual(unpackBits(packBits(unpacked, from, to)), unpacked.slice(from, to))
    }),
  )
})

test('weight counts ones and distance counts differences', () => {
  fc.assert(
    fc.property(unpackedBits, (unpacked) => {
      const bits = packBits(unpacked)
      assert.equal(
        weight(bits),
        unpacked.reduce((sum, bit) => sum + bit, 0),
      )
      const flipped = packBits(unpacked.map((bit) => 1 - bit))
      assert.equal(distance(bits, flipped), bits.length)
      assert.equal(distance(bits, bits), 0)
    }),
  )
})

test('the unused bits of the last octet are cleared', () => {
  const bits = bitsOf(Uint8Array.of(0xff, 0xff), 11)
  assert.deepEqual([...bits.octets], [0xff, 0x07])
  assert.equal(bitAt(bits, 10), 1)
  assert.throws(() => bitsOf(new Uint8Array(3), 11))
})
