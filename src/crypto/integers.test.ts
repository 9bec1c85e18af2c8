/** Integers and octets. @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { integerOf, octetsOf } from './integers.ts'

const octetArrays = fc.uint8Array({ maxLength: 300 })

test('an integer is the sum of its octets by place', () => {
  fc.assert(
    fc.property(octetArrays, (octets) => {
      const sum = octets.reduce((total, octet, at) => total + (BigInt(octet) << BigInt(8 * at)), 0n)
      assert.equal(integerOf(octets), sum)
    }),
  )
})

test('octets come back from their integer, filled up or cut to the count', () => {
  fc.assert(
    fc.property(octetArrays, fc.nat(400), (octets, count) => {
      const wanted = new Uint8Array(count)
      wanted.set(octets.subarray(0, count))
      assert.deepEqual(octetsOf(integerOf(octets), count), wanted)
    }),
  )
})

test('octets of a view are those of the view, and stay as they were', () => {
  const whole = Uint8Array.of(9, 1, 2, 3, 9)
  assert.equal(integerOf(whole.subarray(1, 4)), 0x030201n)
  assert.deepEqual(whole, Uint8Array.of(9, 1, 2, 3, 9))
})

test('a megabit and one octet more are no different', () => {
  const octets = Uint8Array.from({ length: 2 ** 17 + 1 }, (_, at) => (at * 7919) & 0xff)
  assert.deepEqual(octetsOf(integerOf(octets), octets.length), octets)
})
