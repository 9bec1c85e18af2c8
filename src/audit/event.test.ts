/** What an entry may say, and its one octet form. @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { epochMs, toCbor, type CborValue } from '#base'
import { eventOf, leafOf, LEAF_OCTETS_MAX } from './event.ts'
import { eventNumber } from './fixtures.test.ts'

const event = eventNumber(1)

test('an event comes back from its leaf, and the same event is always the same leaf', () => {
  const texts = fc.string({ maxLength: 40, unit: 'grapheme' })
  const facts = fc.dictionary(
    fc.stringMatching(/^[a-z][A-Za-z0-9]{0,31}$/),
    fc.oneof(texts, fc.integer(), fc.boolean(), fc.constant(null), fc.array(texts)),
    { maxKeys: 32, noNullPrototype: true },
  )
  fc.assert(
    fc.property(facts, fc.maxSafeNat(), fc.boolean(), (values, at, committed) => {
      const commitment = committed ? { commitment: new Uint8Array(32).fill(7) } : {}
      const made = { ...event, at: epochMs(at), facts: values, ...commitment }
      const leaf = leafOf(made)
      assert.deepEqual(eventOf(leaf), made)
      const reversed = Object.fromEntries(Object.entries(values).toReversed())
      assert.deepEqual(leafOf({ ...made, facts: reversed }), leaf)
    }),
    { numRuns: 200 },
  )
})

test('128 key_IDs of one request fit into one event', () => {
  const keyIds = Array.from({ length: 128 }, () => '6f1bbd9e-5a0e-4c0b-9d2e-0c5a7b1f6a10')
  assert(leafOf({ ...event, facts: { keyIds } }).length <= LEAF_OCTETS_MAX)
})

test('an event that does not fit is refused before it is written', () => {
  const refused: readonly object[] = [
    { kind: '' },
    { kind: 'Key.delivered' },
    { kind: 'key..delivered' },
    { kind: 'key.delivered.' },
    { kind: 'k'.repeat(65) },
    { actor: '' },
    { actor: 'a'.repeat(129) },
    { actor: 'sae\n1' },
    { actor: '\ud800' },
    { at: -1 },
    { at: 1.5 },
    { facts: { Number: 1 } },
    { facts: { 'a b': 1 } },
    { facts: { a: { b: 1 } } },
    { facts: { a: [1] } },
    { facts: { a: Number.NaN } },
    { facts: { a: undefined } },
    { facts: { a: ['\udfff'] } },
    { facts: { a: 'x'.repeat(1025) } },
    { facts: { a: Array.from({ length: 256 }, () => 'x'.repeat(64)) } },
    { facts: Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`a${n}`, n])) },
    { commitment: new Uint8Array(31) },
  ]
  for (const change of refused) {
    const made = { ...event, ...change }
    assert.throws(() => leafOf(made), { code: 'AUDIT_EVENT_INVALID' }, JSON.stringify(change))
  }
  assert.doesNotThrow(() => leafOf(event))
})

test('only the one deterministic form of a leaf is read', () => {
  const leaf = leafOf(event)
  const parts: Record<string, CborValue> = { v: 1, ...event }
  assert.deepEqual(toCbor(parts), leaf)
  assert.throws(() => eventOf(toCbor({ ...parts, v: 2 })), { code: 'SHAPE_INVALID' })
  assert.throws(() => eventOf(toCbor({ ...parts, extra: 1 })), { code: 'SHAPE_INVALID' })
  const padded = new Uint8Array([...leaf, 0])
  assert.throws(() => eventOf(padded), { code: 'CBOR_INVALID' })
  // The count 5 of the outer map in a longer form than needed.
  assert.equal(leaf[0], 0xa5)
  const longer = new Uint8Array([0xb8, 5, ...leaf.subarray(1)])
  assert.throws(() => eventOf(longer), { code: /CBOR/ })
})
