import assert from 'node:assert/strict'
import test from 'node:test'
import { encode, rfc8949EncodeOptions } from 'cborg'
import fc from 'fast-check'
import { fromCbor, fromHex, hex, toCbor, type CborValue } from './mod.ts'

const oracle = (value: CborValue): Uint8Array =>
  new Uint8Array(encode(value, { ...rfc8949EncodeOptions, ignoreUndefinedProperties: true }))

const text = fc.oneof(fc.string(), fc.string({ unit: 'grapheme', maxLength: 80 }))
const { value: anything } = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noDefaultInfinity: true, noNaN: true }),
    fc.float({ noDefaultInfinity: true, noNaN: true }),
    text,
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 30 }),
    fc.dictionary(text, fc.option(tie('value'), { nil: undefined }), { noNullPrototype: true }),
  ),
}))

test('whatever is written is what another implementation writes', () => {
  fc.assert(
    fc.property(anything, (value) => {
      assert.deepEqual(toCbor(value), oracle(value))
    }),
    { numRuns: 500 },
  )
})

test('the examples of RFC 8949, appendix A, that our profile has', () => {
  const examples: readonly (readonly [CborValue, string])[] = [
    [0, '00'],
    [23, '17'],
    [24, '1818'],
    [255, '18ff'],
    [256, '190100'],
    [1_000_000, '1a000f4240'],
    [1_000_000_000_000, '1b000000e8d4a51000'],
    [Number.MAX_SAFE_INTEGER, '1b001fffffffffffff'],
    [-1, '20'],
    [-1000, '3903e7'],
    [Number.MIN_SAFE_INTEGER, '3b001ffffffffffffe'],
    [1.5, 'f93e00'],
    [5.960464477539063e-8, 'f90001'],
    [0.00006103515625, 'f90400'],
    [-4.1, 'fbc010666666666666'],
    [3.4028234663852886e38, 'fa7f7fffff'],
    [1.1, 'fb3ff199999999999a'],
    [1e300, 'fb7e37e43c8800759c'],
    [[], '80'],
    [{}, 'a0'],
    ['\u{fc}', '62c3bc'],
    ['\u{10151}', '64f0908591'],
    [{ a: 'A', b: 'B' }, 'a2616161416162 6142'.replace(' ', '')],
  ]
  for (const [value, octets] of examples) assert.equal(hex(toCbor(value)), octets)
})

test('texts and octets of every length around a change of form are written whole', () => {
  for (const length of [0, 1, 23, 24, 63, 64, 65, 255, 256, 4095, 4096, 4097, 65_535, 65_536]) {
    const octets = new Uint8Array(length).map((_, index) => index)
    for (const value of [
      'a'.repeat(length),
      '\u{e9}'.repeat(length),
      octets,
      [octets, 1, octets],
    ]) {
      assert.deepEqual(toCbor(value), oracle(value), `${typeof value} of ${String(length)}`)
      assert.deepEqual(fromCbor(toCbor(value), 1_000_000), value)
    }
  }
})

test('octets that were written belong to the caller, and share nothing with what comes next', () => {
  const first = toCbor(['one', new Uint8Array(5000).fill(1)])
  const kept = first.slice()
  toCbor(['two', new Uint8Array(5000).fill(2)])
  assert.deepEqual(first, kept)
  assert.equal(toCbor(1).buffer.byteLength, 1)
})

test('what is no value of our profile is refused, and the next value is written as ever', () => {
  const strange: readonly unknown[] = [
    undefined,
    1n,
    Symbol('a'),
    () => 1,
    new Map(),
    new Date(0),
    [undefined],
    new Uint16Array(1),
  ]
  for (const value of strange) {
    assert.throws(() => toCbor(['kept', value] as CborValue), TypeError)
    assert.deepEqual(toCbor('next'), fromHex('646e657874'))
  }
})
