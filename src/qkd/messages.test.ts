/**
 * The doors of the classical channel.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CborRefusal, fromCbor, toCbor, type CborValue } from '#base'
import { EXAMPLES } from './message-examples.test.ts'
import { decodeMessage, encodeMessage, MESSAGE_OCTETS_MAX, type Message } from './messages.ts'
import { QkdRefusal } from './refusal.ts'

test('every kind of message comes back as it was said', () => {
  for (const message of EXAMPLES) {
    const { number, message: read } = decodeMessage(encodeMessage(42, message))
    assert.equal(number, 42)
    assert.deepEqual(plain(read), plain(message))
  }
})

test('a member missing, too many, or of another kind is refused', () => {
  for (const message of EXAMPLES) {
    const members = fromCbor(encodeMessage(0, message), MESSAGE_OCTETS_MAX) as Record<
      string,
      CborValue
    >
    for (const member of Object.keys(members)) {
      if (member === 'proof') continue
      const rest = Object.fromEntries(Object.entries(members).filter(([name]) => name !== member))
      refusesCbor(rest, `${message.kind} without ${member}`)
      for (const other of [null, -1, 1.5, 'x'.repeat(300), [[]]]) {
        refusesCbor(
          { ...members, [member]: other },
          `${message.kind} with ${member} ${String(other)}`,
        )
      }
    }
    refusesCbor({ ...members, more: 1 }, `${message.kind} with a member more`)
  }
  refusesCbor({ n: 0, k: 'toString' }, 'a kind that only a prototype has')
  refusesCbor({ n: 0, k: 'greeting' }, 'an unknown kind')
  refusesCbor([], 'no map')
})

test('a message that is too large is refused before it is read', () => {
  const code = refusalOf(() => decodeMessage(new Uint8Array(MESSAGE_OCTETS_MAX + 1)))
  assert.equal(code, 'MESSAGE_TOO_LARGE')
})

test('whatever octets come, they are a message or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (given) => {
      assert.equal(refusalOf(() => decodeMessage(given)) ?? 'MESSAGE_INVALID', 'MESSAGE_INVALID')
    }),
    { seed: 1, numRuns: 2000 },
  )
  fc.assert(
    fc.property(fc.nat(EXAMPLES.length - 1), fc.nat(), fc.nat(7), (which, at, bit) => {
      const changed = new Uint8Array(encodeMessage(1, EXAMPLES[which]))
      changed[at % changed.length] ^= 1 << bit
      assert.equal(refusalOf(() => decodeMessage(changed)) ?? 'MESSAGE_INVALID', 'MESSAGE_INVALID')
    }),
    { seed: 2, numRuns: 3000 },
  )
})

function refusesCbor(value: CborValue, what: string): void {
  assert.equal(
    refusalOf(() => decodeMessage(toCbor(value))),
    'MESSAGE_INVALID',
    what,
  )
}

/** The code of the refusal, or undefined if there was none; any other error fails. */
function refusalOf(act: () => unknown): string | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    assert(error instanceof QkdRefusal, String(error))
    assert(!(error instanceof CborRefusal))
    return error.code
  }
}

/** With every octet string an ordinary array, whatever class it came in. */
const plain = (message: Message): unknown =>
  JSON.parse(
    JSON.stringify(message, (_, value: unknown) =>
      value instanceof Uint8Array ? [...value] : value,
    ),
  )
