/**
 * Sizes and lengths that no honest end says: each is refused for itself, not by the tag that a man
 * in the middle cannot make, so that a peer who can make it is refused as well.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { peerOf, type Role } from './authentication.ts'
import { Pair, ROLES, TINY_WEATHER, tinyLink } from './fixture.test.ts'
import { decodeGaps } from './gaps.ts'
import { decodeMessage, encodeMessage, type Message, type MessageKind } from './messages.ts'
import { QkdRefusal } from './refusal.ts'
import { checkAnnouncement } from './sifting.ts'

type Forge = (message: Message) => Message

/** Changes the first message of a kind that is said. */
const on =
  <K extends MessageKind>(kind: K, change: (message: Message & { readonly kind: K }) => object) =>
  (message: Message): Message =>
    message.kind === kind
      ? { ...message, ...change(message as Message & { readonly kind: K }) }
      : message

/**
 * What became of the first block at each end, where one of them says something else once, and what
 * the other says next about a closed block.
 */
function fates(from: Role, forge: Forge) {
  // Of two strips, the second of few frames.
  const pair = new Pair(5, tinyLink({ frameBits: 1024, blockBits: 40_000 }))
  pair.weather = TINY_WEATHER
  let isSaid = false
  let next: MessageKind | undefined
  pair.intercept = (octets, _, by) => {
    const { number, message } = decodeMessage(octets)
    if (isSaid && by !== from && !ASIDE.has(message.kind)) next ??= message.kind
    if (isSaid || by !== from) return [octets]
    const forged = forge(message)
    if (forged === message) return [octets]
    isSaid = true
    return [encodeMessage(number, forged)]
  }
  pair.connect()
  for (let batch = 0; batch < 8 && pair.fates('receiver').length === 0; batch++) pair.feed(80_000)
  assert(isSaid, forge.toString())
  const [transmitter, receiver] = ROLES.map((role) => pair.fates(role)[0])
  return { transmitter, receiver, next }
}

/** What is said of blocks that are open, and tags that were on their way. */
const ASIDE: ReadonlySet<MessageKind> = new Set(['detections', 'sifted', 'unsifted', 'tag'])

const plan = (change: (said: Message & { readonly kind: 'plan' }) => object): Forge =>
  on('plan', change)

const FORGERIES: Readonly<Record<string, readonly [Role, Forge]>> = {
  'frames of no whole words': ['receiver', plan(({ frameBits }) => ({ frameBits: frameBits - 1 }))],
  'frames larger than agreed': ['receiver', plan(() => ({ frames: 1, frameBits: 65_536 }))],
  'a frame too many': ['receiver', plan(({ frames }) => ({ frames: frames + 1 }))],
  'a frame too few': ['receiver', plan(({ frames }) => ({ frames: frames - 1 }))],
  'a block larger than its frame': [
    'receiver',
    plan(({ frameBits, blockBits }) => ({ blockBits: [...blockBits, frameBits + 1] })),
  ],
  'smaller blocks in a later pass': [
    'receiver',
    plan(({ frameBits }) => ({ blockBits: [frameBits / 2, 32], keptPasses: 1 })),
  ],
  'more passes kept than there are': [
    'receiver',
    plan(({ blockBits }) => ({ blockBits: blockBits.slice(0, 3), keptPasses: 4 })),
  ],
  'a question of one strip twice': [
    'receiver',
    on('question', ({ strips }) => ({ strips: [strips[0], strips[0]] })),
  ],
  'questions in another order': [
    'receiver',
    on('question', ({ strips }) => ({ strips: strips.toReversed() })),
  ],
  'a question of a strip beyond the last': [
    'receiver',
    on('question', ({ strips }) => ({ strips: [{ ...strips[0], strip: strips.length }] })),
  ],
  'a question that is too short': [
    'receiver',
    on('question', ({ strips: [first] }) => ({
      strips: [{ ...first, octets: first.octets.subarray(1) }],
    })),
  ],
  'no answer for a strip': [
    'transmitter',
    on('parities', ({ strips }) => ({ strips: [{ ...strips[0], strip: 1 }] })),
  ],
  'an answer too many': [
    'transmitter',
    on('parities', ({ strips }) => ({ strips: [...strips, { ...strips[0], strip: 1 }] })),
  ],
  'an answer that is too long': [
    'transmitter',
    on('parities', ({ strips: [first] }) => ({
      strips: [{ ...first, octets: new Uint8Array([...first.octets, 0]) }],
    })),
  ],
  'a shorter hash': ['transmitter', on('hash', ({ hash }) => ({ hash: hash.subarray(1) }))],
  'a longer hash': [
    'transmitter',
    on('hash', ({ hash }) => ({ hash: new Uint8Array([...hash, 0]) })),
  ],
  'errors of an intensity too many': [
    'receiver',
    on('errors', ({ errors }) => ({ errors: [...errors, 0] })),
  ],
  'errors of an intensity too few': [
    'receiver',
    on('errors', ({ errors }) => ({ errors: errors.slice(1) })),
  ],
  'a shorter seed': ['transmitter', on('seed', ({ octets }) => ({ octets: octets.subarray(1) }))],
  'a longer seed': [
    'transmitter',
    on('seed', ({ octets }) => ({ octets: new Uint8Array([...octets, 0]) })),
  ],
  'an even multiplier': [
    'transmitter',
    on('seed', ({ octets }) => ({ octets: octets.with(0, octets[0] ^ 1) })),
  ],
}

for (const [what, [from, forge]] of Object.entries(FORGERIES)) {
  test(`${what}: refused by whoever hears it`, () => {
    const end = fates(from, forge)
    assert.equal(end[peerOf(from)], 'message-refused')
    assert.equal(end.next, 'abort')
    for (const role of ROLES) assert.notEqual(end[role], 'distilled')
  })
}

test('an announcement has one basis for each detection, and one bit for each of the test basis', () => {
  const sound = { count: 2, gapWidth: 1, gaps: Uint8Array.of(1, 1) }
  const [bases, testBits] = [Uint8Array.of(0b10), Uint8Array.of(1)]
  checkAnnouncement({ ...sound, bases, testBits })
  const none = new Uint8Array(0)
  for (const changed of [
    { bases: Uint8Array.of(0b10, 0), testBits },
    { bases: none, testBits: none },
    { bases: Uint8Array.of(0b110), testBits },
    { bases, testBits: Uint8Array.of(1, 0) },
    { bases, testBits: none },
    { bases, testBits: Uint8Array.of(0b11) },
  ]) {
    assert.throws(() => checkAnnouncement({ ...sound, ...changed }), isInvalid)
  }
})

test('gaps of no width, without an end or of more octets than there may be are refused', () => {
  const many = new Uint8Array(2 ** 23).fill(255)
  many[many.length - 1] = 0
  for (const [width, octets, count] of [
    [0, new Uint8Array(2), 2],
    [5, new Uint8Array(10), 2],
    [1, Uint8Array.of(3, 255, 7, 0, 255), 3],
    [1, many, 1],
  ] as const) {
    assert.throws(() => decodeGaps({ width, octets }, count, 2 ** 32 - 1), isInvalid)
  }
  const fewer = many.subarray(1)
  assert.equal(decodeGaps({ width: 1, octets: fewer }, 1, 2 ** 32 - 1)[0], 255 * (2 ** 23 - 2))
})

const isInvalid = (error: unknown): boolean =>
  error instanceof QkdRefusal && error.code === 'MESSAGE_INVALID'

test('fewer octets than gaps are refused at every width', () => {
  for (const width of [1, 2, 3, 4]) {
    const octets = new Uint8Array(2 * width).fill(1)
    assert.equal(decodeGaps({ width, octets }, 2, 2 ** 31).length, 2)
    for (const [count, given] of [
      [3, octets],
      [2, octets.subarray(1)],
      [1, new Uint8Array(0)],
      [1, octets],
    ] as const) {
      assert.throws(() => decodeGaps({ width, octets: given }, count, 2 ** 31), isInvalid)
    }
  }
})
