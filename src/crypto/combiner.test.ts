import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hkdf as nobleHkdf } from '@noble/hashes/hkdf.js'
import { sha384 as noble384 } from '@noble/hashes/sha2.js'
import { hex, utf8 } from '#base'
import { catKdf, type CombinerInput } from './mod.ts'

const exactly = (size: number) => fc.uint8Array({ minLength: size, maxLength: size })
const inputs: fc.Arbitrary<CombinerInput> = fc.record({
  psk: fc.nat(3).chain((keys) => exactly(32 * keys)),
  classical: exactly(32),
  postQuantum: exactly(32),
  label: fc.stringMatching(/^[!-~]{1,128}$/),
  context: fc.uint8Array({ maxLength: 60 }),
  messageA: fc.uint8Array({ maxLength: 60 }),
  messageB: fc.uint8Array({ maxLength: 60 }),
  length: fc.integer({ min: 1, max: 200 }),
})

test('CatKDF agrees with the formulas of TS 103 744 written over another library', () => {
  fc.assert(
    fc.property(inputs, (input) => {
      assert.deepEqual(catKdf(input), written(input))
    }),
  )
})

test('the key changes with every single input', () => {
  const base = { ...sample, psk: new Uint8Array(64) }
  const keys = new Set([hex(catKdf(base))])
  const others: Partial<CombinerInput>[] = [
    { psk: changed(base.psk, 0) },
    { psk: changed(base.psk, 63) },
    { psk: new Uint8Array(32) },
    { psk: new Uint8Array(0) },
    { classical: changed(base.classical, 31) },
    { postQuantum: changed(base.postQuantum, 31) },
    { label: 'photonward/tesu' },
    { context: changed(base.context, 0) },
    { messageA: changed(base.messageA, 0) },
    { messageB: changed(base.messageB, 0) },
    { messageA: base.messageB, messageB: base.messageA },
    { classical: base.postQuantum, postQuantum: base.classical },
  ]
  for (const other of others) keys.add(hex(catKdf({ ...base, ...other })))
  assert.equal(keys.size, others.length + 1)
})

test('an octet moved across the border of two fields gives another key', () => {
  const key = (context: string, messageA: string, messageB: string): string =>
    hex(
      catKdf({
        ...sample,
        context: utf8(context),
        messageA: utf8(messageA),
        messageB: utf8(messageB),
      }),
    )
  const keys = [key('ab', 'cd', 'ef'), key('a', 'bcd', 'ef'), key('abc', 'd', 'ef')]
  keys.push(key('ab', 'cde', 'f'), key('ab', '', 'cdef'), key('', 'abcdef', ''))
  assert.equal(new Set(keys).size, keys.length)
})

test('secrets of another length and labels that HMAC could confuse are bugs', () => {
  const wrong: Partial<CombinerInput>[] = [
    { psk: new Uint8Array(16) },
    { psk: new Uint8Array(33) },
    { classical: new Uint8Array(31) },
    { classical: new Uint8Array(64), postQuantum: new Uint8Array(0) },
    { postQuantum: new Uint8Array(33) },
    { label: '' },
    { label: 'photonward/test\0' },
    { label: 'a b' },
    { label: 'é' },
    { label: 'a'.repeat(129) },
  ]
  for (const one of wrong) {
    assert.throws(() => catKdf({ ...sample, ...one }), { name: 'AssertionFailure' })
  }
})

test('the inputs stay as they were: their owner clears them', () => {
  const input = { ...sample, psk: new Uint8Array(32).fill(9) }
  catKdf(input)
  assert.deepEqual(input.psk, new Uint8Array(32).fill(9))
  assert.deepEqual(input.classical, sample.classical)
})

function written(input: CombinerInput): Uint8Array {
  const framed = [input.context, input.messageA, input.messageB].flatMap((field) => {
    const size = Buffer.alloc(4)
    size.writeUInt32BE(field.length)
    return [size, field]
  })
  const secret = Buffer.concat([input.psk, input.classical, input.postQuantum])
  const info = noble384(Uint8Array.from(Buffer.concat(framed)))
  const salt = new TextEncoder().encode(input.label)
  return nobleHkdf(noble384, Uint8Array.from(secret), salt, info, input.length)
}

function changed(octets: Uint8Array, at: number): Uint8Array {
  return octets.with(at, octets[at] ^ 1)
}

const sample: CombinerInput = {
  psk: new Uint8Array(0),
  classical: new Uint8Array(32).fill(1),
  postQuantum: new Uint8Array(32).fill(2),
  label: 'photonward/test',
  context: utf8('context'),
  messageA: utf8('message A'),
  messageB: utf8('message B'),
  length: 48,
}
