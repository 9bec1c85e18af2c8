import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ctr } from '@noble/ciphers/aes.js'
import { concat, hex, type RandomSource } from '#base'
import { Keystream, simulatedRandom, systemRandom } from './mod.ts'

/** Gives keys that count up, and counts how many were drawn. */
function counting(): RandomSource & { drawn: number } {
  return {
    kind: 'simulated',
    drawn: 0,
    octets(size) {
      this.drawn++
      return new Uint8Array(size).fill(this.drawn)
    },
  }
}

test('a keystream is AES-256-CTR from counter zero under the key drawn, however it is cut', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(100), { maxLength: 8 }), (sizes) => {
      const source = counting()
      const stream = new Keystream(source)
      const got = concat(...sizes.map((size) => stream.octets(size)))
      const expected = ctr(new Uint8Array(32).fill(1), new Uint8Array(16)).encrypt(
        new Uint8Array(got.length),
      )
      assert.equal(hex(got), hex(expected))
      assert.equal(source.drawn, 1)
    }),
  )
})

test('a keystream takes a fresh key before it would give more than its bound from one', () => {
  const source = counting()
  const stream = new Keystream(source, 48)
  assert.equal(stream.kind, 'simulated')
  const first = stream.octets(48)
  assert.equal(source.drawn, 1)
  const second = stream.octets(16)
  assert.equal(source.drawn, 2)
  assert.notEqual(hex(first.subarray(0, 16)), hex(second))
  stream.octets(33)
  assert.equal(source.drawn, 3)
  assert.throws(() => stream.octets(49), { name: 'AssertionFailure' })
  assert.throws(() => new Keystream(counting()).octets(2 ** 30 + 1), { name: 'AssertionFailure' })
})

test('the system source gives what was asked for and never the same twice', () => {
  assert.equal(systemRandom.kind, 'operating-system')
  const seen = new Set<string>()
  for (let at = 0; at < 1000; at++) seen.add(hex(systemRandom.octets(16)))
  assert.equal(seen.size, 1000)
  for (const size of [0, 1, 63, 64, 65, 4096, 100_000]) {
    assert.equal(systemRandom.octets(size).length, size)
  }
  // 2,000 draws cross the border of the stock many times; a repeated or empty run would show.
  const runs = Array.from({ length: 2000 }, (_, at) => hex(systemRandom.octets(8 + (at % 57))))
  const heads = new Set(runs.map((run) => run.slice(0, 16)))
  assert.equal(heads.size, runs.length)
  assert(!heads.has('0'.repeat(16)))
})

test('a simulated source gives the same octets in whatever portions they are drawn', () => {
  const whole = simulatedRandom(new Uint8Array(32)).octets(6000)
  const portioned = simulatedRandom(new Uint8Array(32))
  let at = 0
  for (const size of [1, 0, 12, 32, 979, 3, 1500, 1024, 700, 1025, 16]) {
    const drawn = portioned.octets(size)
    assert.equal(drawn.length, size)
    assert.deepEqual(drawn, whole.slice(at, at + size))
    // What a caller does with his octets changes none that are still to come.
    drawn.fill(255)
    at += size
  }
})

test('a simulated source says so, and repeats itself for its seed', () => {
  const [one, two] = [simulatedRandom(new Uint8Array(32)), simulatedRandom(new Uint8Array(32))]
  assert.equal(one.kind, 'simulated')
  assert.deepEqual(one.octets(100), two.octets(100))
  const other = simulatedRandom(new Uint8Array(32).fill(1))
  assert.notDeepEqual(simulatedRandom(new Uint8Array(32)).octets(100), other.octets(100))
  assert.throws(() => simulatedRandom(new Uint8Array(31)), { name: 'AssertionFailure' })
})
