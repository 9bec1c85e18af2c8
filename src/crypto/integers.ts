/**
 * Large integers from octets and back, at the speed of a copy.
 *
 * Hexadecimal text is the only way in and out that the language offers for integers of megabits, and
 * costs a third of their multiplication. The serialisation format of V8 holds the digits as they
 * are, so it is used where a known integer comes through it unchanged; else hexadecimal is.
 *
 * For hashing, not for arithmetic on secrets that must take constant time.
 *
 * @module
 */

import { deserialize, serialize } from 'node:v8'

/** The integer whose bit i is bit i mod 8 of octet ⌊i / 8⌋. */
export function integerOf(octets: Uint8Array): bigint {
  return serialisedAsKnown ? fromDigits(octets) : fromHex(octets)
}

/** The lowest `count` octets of an integer that is not negative, lowest first. */
export function octetsOf(value: bigint, count: number): Uint8Array {
  const low = BigInt.asUintN(8 * count, value)
  const out = new Uint8Array(count)
  const digits = serialisedAsKnown ? toDigits(low) : toHex(low)
  out.set(digits.subarray(0, count))
  return out
}

/** Version, tag of an integer, sign and number of octets, then 64-bit digits, lowest first. */
function fromDigits(octets: Uint8Array): bigint {
  const length = Math.ceil(octets.length / 8) * 8
  const head = headOf(length)
  const serialised = new Uint8Array(head.length + length)
  serialised.set(head)
  serialised.set(octets, head.length)
  const value = deserialize(serialised) as bigint
  serialised.fill(0)
  return value
}

function toDigits(value: bigint): Uint8Array {
  const serialised = serialize(value)
  let at = HEAD.length
  while (serialised[at] >= 0x80) at++
  return serialised.subarray(at + 1)
}

/** The number of octets is shifted for the sign, then in groups of 7 bits, lowest first. */
function headOf(length: number): Uint8Array {
  const head = [...HEAD]
  let rest = length * 2
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) head.push((rest & 0x7f) | 0x80)
  head.push(rest)
  return Uint8Array.from(head)
}

const fromHex = (octets: Uint8Array): bigint =>
  octets.length === 0 ? 0n : BigInt(`0x${octets.toReversed().toHex()}`)

function toHex(value: bigint): Uint8Array {
  const digits = value.toString(16)
  return Uint8Array.fromHex(digits.length % 2 === 0 ? digits : `0${digits}`).reverse()
}

const HEAD = [0xff, 0x0f, 0x5a]

/** Whether this V8 writes and reads integers as expected: several sizes, compared with text. */
const serialisedAsKnown = ((): boolean => {
  try {
    return [0, 1, 7, 8, 9, 100, 3000].every((size) => {
      const octets = Uint8Array.from({ length: size }, (_, at) => (at * 151 + 7) & 0xff)
      const value = fromHex(octets)
      const back = toDigits(value)
      return fromDigits(octets) === value && octets.every((octet, at) => back[at] === octet)
    })
  } catch {
    return false
  }
})()
