/**
 * The doors of the classical channel.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CborRefusal, fromCbor, toCbor, type CborValue } from '#base'
import { decodeMessage, encodeMessage, MESSAGE_OCTETS_MAX, type Message } from './messages.ts'
import { QkdRefusal } from './refusal.ts'

const octets = (size: number): Uint8Array => new Uint8Array(size).fill(1)
const tag = { source: '1/0', pad: 3, tag: octets(16) }

/** One message of each kind, as large as it needs to be. */
const examples: readonly Message[] = [
  {
    kind: 'hello',
    version: 1,
    parameters: octets(32),
    from: 'bristol',
    role: 'transmitter',
    nonce: octets(16),
    epoch: 4,
    sources: [{ id: 'bootstrap-1', next: 0 }],
  },
  { kind: 'tag', block: 1, phase: 'sifting', ...tag },
  {
    kind: 'detections',
    batch: 5,
    slotCount: 1000,
    simulated: true,
    count: 2,
    gapWidth: 1,
    gaps: octets(2),
    bases: octets(1),
    testBits: octets(1),
  },
  {
    kind: 'sifted',
    block: 0,
    batch: 5,
    matches: octets(1),
    intensityLow: octets(1),
    intensityHigh: octets(0),
    testBits: octets(1),
  },
  { kind: 'unsifted', batch: 5 },
  { kind: 'plan', block: 0, frames: 2, frameBits: 64, blockBits: [8, 32], keptPasses: 1 },
  { kind: 'question', block: 0, strip: 0, octets: octets(5) },
  { kind: 'parities', block: 0, strip: 0, octets: octets(5) },
  { kind: 'corrected', block: 0 },
  { kind: 'hash', block: 0, key: octets(16), hash: octets(8) },
  { kind: 'verdict', block: 0, equal: false },
  { kind: 'frameHashes', block: 0, key: octets(16), hashes: octets(8) },
  { kind: 'disclose', block: 0, frames: [1] },
  { kind: 'disclosed', block: 0, octets: octets(8) },
  { kind: 'errors', block: 0, errors: [1, 2], leakBits: 3, verificationBits: 4, secretBits: 5 },
  { kind: 'length', block: 0, secretBits: 5 },
  { kind: 'seed', block: 0, octets: octets(9) },
  { kind: 'stored', block: 0 },
  { kind: 'abort', block: 0, cause: 'stalled', proof: tag },
]

test('every kind of message comes back as it was said', () => {
  for (const message of examples) {
    const { number, message: read } = decodeMessage(encodeMessage(42, message))
    assert.equal(number, 42)
    assert.deepEqual(plain(read), plain(message))
  }
})

test('a member missing, too many, or of another kind is refused', () => {
  for (const message of examples) {
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
    fc.property(fc.nat(examples.length - 1), fc.nat(), fc.nat(7), (which, at, bit) => {
      const changed = new Uint8Array(encodeMessage(1, examples[which]))
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
