import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encode, rfc8949EncodeOptions } from 'cborg'
import fc from 'fast-check'
import * as base from './mod.ts'
import { epochMs, isoTime, newTimeUuid, newUuid, type RandomSource } from './mod.ts'

const counting = (): RandomSource => {
  const random = new base.SeededRandom(7)
  return { kind: 'simulated', octets: (size) => random.octets(size) }
}

test('isoTime agrees with the platform for every date we may meet', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 7_258_118_400_000 }), (ms) => {
      assert.equal(isoTime(epochMs(ms)), new Date(ms).toISOString())
    }),
  )
})

test('a UUID has its version and variant, and survives as octets', () => {
  const random = counting()
  const four = newUuid(random)
  const seven = newTimeUuid(random, epochMs(0x0123_4567_89ab))
  assert.match(four, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.match(seven, /^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.equal(base.uuidOf(base.uuidOctets(four)), four)
  assert.throws(() => base.uuid('not-a-uuid'), RangeError)
  assert.deepEqual(base.uuidOctets(four.toUpperCase()), base.uuidOctets(four))
  for (const bad of ['', four.slice(1), `${four}0`, four.replace(/.$/, 'g'), `é${four.slice(1)}`]) {
    assert.throws(() => base.uuidOctets(bad), RangeError, bad)
  }
})

test('the octets of a text are those of UTF-8, short and long, within ASCII and beyond', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary-ascii', maxLength: 80 }),
    fc.string({ unit: 'binary', maxLength: 80 }),
  )
  fc.assert(
    fc.property(text, (given) => {
      assert.deepEqual(base.utf8(given), new TextEncoder().encode(given))
    }),
    { seed: 70 },
  )
})

test('names that a path or a certificate could misread are refused', () => {
  for (const bad of ['', 'Bristol', '-a', 'a-', 'a b', 'a/b', 'a'.repeat(64), 'é']) {
    assert.throws(() => base.siteId(bad), RangeError, bad)
  }
  for (const bad of ['', 'a b', 'a/b', 'ü', 'a'.repeat(65), 'a?b']) {
    assert.throws(() => base.saeId(bad), RangeError, bad)
  }
  assert.equal(base.saeId('bristol.ward-7@nhs'), 'bristol.ward-7@nhs')
})

test('CBOR read in place is what CBOR read by copies is, but for the memory of byte strings', () => {
  const value = { a: 'text', b: Uint8Array.of(1, 2, 3), c: [new Uint8Array(300).fill(7), 5] }
  const octets = new Uint8Array(base.concat(Uint8Array.of(9), base.toCbor(value))).subarray(1)
  const read = base.fromCborInPlace(octets, 1000) as typeof value
  assert.deepEqual(read, base.fromCbor(octets, 1000))
  assert.equal(read.b.constructor, Uint8Array)
  assert.equal(read.b.buffer, octets.buffer)
  assert.notEqual((base.fromCbor(octets, 1000) as typeof value).b.buffer, octets.buffer)
  assert.throws(() => base.fromCborInPlace(octets, 10), base.CborRefusal)
})

test('CBOR is deterministic and everything outside the profile is refused', () => {
  const octets = base.toCbor({ b: 1, a: [new Uint8Array(2), 'x', null], left: undefined })
  assert.equal(base.hex(octets), 'a2616183420000617 8f6616201'.replace(' ', ''))
  assert.deepEqual(base.fromDeterministicCbor(octets, 100), {
    a: [new Uint8Array(2), 'x', null],
    b: 1,
  })
  for (const bad of [
    'a2616201616100', // keys out of order
    '1801', // not the shortest form
    'a2616101616102', // a key twice
    '9f01ff', // indefinite length
    'c100', // a tag
    '0000', // two values
    '',
  ]) {
    assert.throws(() => base.fromDeterministicCbor(base.fromHex(bad), 100), base.CborRefusal, bad)
  }
  assert.throws(() => base.fromCbor(new Uint8Array(101), 100), /at most 100 octets/)
})

test('deeply nested CBOR is refused, not a crash', () => {
  const bomb = new Uint8Array(1_000_000).fill(0x81)
  assert.throws(() => base.fromCbor(bomb, 2_000_000), base.CborRefusal)
})

test('a door names the wrong member and never its value', () => {
  const open = base.door(
    base.Exactly({ name: base.Text(3), size: base.Whole(1, 9), mode: base.OneOf('a', 'b') }),
    'ticket',
  )
  assert.deepEqual(open({ name: 'abc', size: 1, mode: 'a' }), { name: 'abc', size: 1, mode: 'a' })
  const secret = 'Ottoline'
  const refusals: readonly (readonly [unknown, RegExp])[] = [
    [{ name: secret, size: 1, mode: 'a' }, /^Invalid ticket: name: /],
    [{ name: 'abc', size: 0, mode: 'a' }, /^Invalid ticket: size: /],
    [{ name: 'abc', size: 1, mode: secret }, /^Invalid ticket: mode: /],
    [{ name: 'abc', size: 1, mode: 'a', extra: 1 }, /^Invalid ticket: extra: /],
    [secret, /^Invalid ticket: the whole: /],
  ]
  for (const [value, expected] of refusals) {
    assert.throws(() => open(value), { name: 'ShapeRefusal', message: expected })
    assert.throws(
      () => open(value),
      (error: Error) => !error.message.includes(secret),
    )
  }
})

test('a secret is zeroed, and has no text or JSON form', () => {
  const octets = Uint8Array.of(1, 2, 3)
  const secret = base.SecretBytes.take(octets)
  assert.throws(() => JSON.stringify({ secret }), TypeError)
  assert.throws(() => String(secret), TypeError)
  secret[Symbol.dispose]()
  assert.deepEqual([...octets], [0, 0, 0])
  assert.throws(() => secret.reveal(), base.AssertionFailure)
})

test('a seeded generator repeats itself, covers its range, and forks independently', () => {
  const draw = (seed: number): number[] => {
    const random = new base.SeededRandom(seed)
    return Array.from({ length: 4 }, () => random.uint32())
  }
  assert.deepEqual(draw(5), draw(5))
  assert.notDeepEqual(draw(5), draw(6))
  assert.notDeepEqual(draw(5), draw(5 + 2 ** 33))
  const random = new base.SeededRandom(1)
  const counts = new Uint32Array(10)
  for (let i = 0; i < 100_000; i++) counts[random.below(10)]++
  for (const count of counts) assert(Math.abs(count - 10_000) < 5 * Math.sqrt(9000))
})

test('length-prefixed lists never collide', () => {
  const { lengthPrefixed, utf8, sameOctets } = base
  assert(!sameOctets(lengthPrefixed(utf8('ab'), utf8('c')), lengthPrefixed(utf8('a'), utf8('bc'))))
  assert(!sameOctets(lengthPrefixed(utf8('')), lengthPrefixed()))
})

test('whole numbers are the octets that a view writes, and a list is its lengths and parts', () => {
  const { concat, lengthPrefixed, uint32, uint64 } = base
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 32 - 1 }), fc.maxSafeNat(), (small, large) => {
      const view = new DataView(new ArrayBuffer(12))
      view.setUint32(0, small)
      view.setBigUint64(4, BigInt(large))
      const expected = new Uint8Array(view.buffer)
      assert.deepEqual(concat(uint32(small), uint64(large)), expected)
    }),
  )
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }), (parts) => {
      const expected = concat(...parts.flatMap((part) => [uint32(part.length), part]))
      assert.deepEqual(lengthPrefixed(...parts), expected)
    }),
  )
  assert.throws(() => uint64(2 ** 53), RangeError)
})

test('map keys of any script are in the one order of their encodings', () => {
  const key = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('a', 'aa', 'é', 'z'),
  )
  fc.assert(
    fc.property(fc.dictionary(key, fc.nat(5), { noNullPrototype: true }), (value) => {
      const octets = base.toCbor(value)
      assert.deepEqual(octets, encode(value, rfc8949EncodeOptions))
      assert.deepEqual(base.fromDeterministicCbor(octets, 100_000), value)
    }),
  )
})
