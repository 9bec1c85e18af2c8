/**
 * A structured fuzzer of the classical channel: every kind of message, at both ends of a running
 * link, before and after it has authenticated itself.
 *
 * Nothing throws out of a step; what cannot be read ends the session by a code at the end that
 * reads it; whatever else happens, blocks are discarded for a cause, keys are equal, and the next
 * session gives one. A change that goes on numbers the messages after it anew, as a peer that lies
 * would, so that it is not the count alone that gives it away.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromCbor, sameOctets, SeededRandom, toCbor, type CborValue } from '#base'
import { hostile } from '#world/ports'
import { peerOf, type Role } from './authentication.ts'
import { ROLES, type Interceptor, type Pair } from './fixture.test.ts'
import { EXAMPLES } from './message-examples.test.ts'
import { decodeMessage, encodeMessage, MESSAGE_OCTETS_MAX, type MessageKind } from './messages.ts'
import type { LinkChoices } from './parameters.ts'
import { survive } from './survey.test.ts'

/** What a hostile end does at one message: what it says instead, numbered from that message on. */
type Attack = (octets: Uint8Array, random: SeededRandom) => readonly Uint8Array[]

/** Something that passes the door of its kind, and is not what was said. */
function plausible(octets: Uint8Array, random: SeededRandom): Uint8Array {
  for (let tries = 0; tries < 200; tries++) {
    const changed = hostile(octets, random)
    if (changed.length < 100_000 && isReadable(changed) && !sameOctets(changed, octets)) {
      return changed
    }
  }
  return octets
}

const ATTACKS: readonly Attack[] = [
  (octets, random) => [hostile(octets, random)],
  (octets, random) => [plausible(octets, random)],
  (octets, random) => [plausible(octets, random)],
  (octets, random) => [plausible(octets, random)],
  (octets, random) => [plausible(octets, random), octets],
  (octets) => [octets, octets],
  () => [],
  (octets, random) => [encodeMessage(0, EXAMPLES[random.below(EXAMPLES.length)]), octets],
  (octets, random) => [
    hostile(encodeMessage(0, EXAMPLES[random.below(EXAMPLES.length)]), random),
    octets,
  ],
  (octets, random) => [octets, hostile(octets, random)],
]

/** The same message under another number, unless it is none at all. */
function numbered(octets: Uint8Array, number: number): Uint8Array {
  try {
    const members = fromCbor(octets, MESSAGE_OCTETS_MAX) as Record<string, CborValue>
    if (typeof members['n'] !== 'number') return octets
    // A number that was changed stays changed.
    return members['n'] >= 0 && members['n'] < 1e6 ? toCbor({ ...members, n: number }) : octets
  } catch {
    return octets
  }
}

const isReadable = (octets: Uint8Array): boolean => {
  try {
    decodeMessage(octets)
    return true
  } catch {
    return false
  }
}

/** One end of a session that lies once. */
class Liar {
  /** Whom something unreadable was said to. */
  readonly unreadableTo: Role[] = []
  /** How often each kind was said. */
  readonly said = new Map<MessageKind, number>()
  readonly #attack: Attack
  readonly #place: { readonly kind: MessageKind; readonly nth: number }
  readonly #random: SeededRandom
  readonly #numbers: Record<Role, number> = { transmitter: 0, receiver: 0 }
  #isOver = false
  #shift = 0

  constructor(
    place: { readonly kind: MessageKind; readonly nth: number },
    attack: Attack,
    random: SeededRandom,
  ) {
    this.#place = place
    this.#attack = attack
    this.#random = random
  }

  /** Whether it has changed the count of messages: its own tags fit nothing from then on. */
  readonly isCounted = (): boolean => this.#shift !== 0

  /** Says everything as it is, and once something else. */
  readonly speak: Interceptor = (octets, _, from) => {
    const { kind } = decodeMessage(octets).message
    const nth = this.said.get(kind) ?? 0
    this.said.set(kind, nth + 1)
    if (kind === 'hello') this.#numbers[from] = 0
    const isIt = !this.#isOver && kind === this.#place.kind && nth === this.#place.nth
    this.#isOver ||= isIt
    const instead = isIt ? this.#attack(octets, this.#random) : [octets]
    this.#shift += instead.length - 1
    return instead.map((one) => {
      const sent = numbered(one, this.#numbers[from]++)
      if (!isReadable(sent)) this.unreadableTo.push(peerOf(from))
      return sent
    })
  }
}

/** What must be so of every end, whatever was said to it. */
function expectSound(pair: Pair, { unreadableTo }: Liar, what: string): void {
  for (const role of ROLES) {
    const { ended, reports, effects } = pair.hosts[role]
    for (const { code } of ended) assert.match(code, /^[A-Z_]+$/, what)
    for (const { outcome, cause } of reports) {
      assert(outcome !== 'discarded' || cause !== undefined, `${what}: discarded for a cause`)
    }
    const octets = effects.reduce(
      (sum, one) => sum + (one.kind === 'send' ? one.octets.length : 0),
      0,
    )
    assert(octets < SAID_OCTETS_MAX, `${what}: an end said ${octets} octets`)
  }
  for (const role of unreadableTo) {
    const codes = pair.hosts[role].ended.map(({ code }) => code)
    assert(codes.includes('STREAM_BROKEN'), `${what}: nothing unreadable is passed over`)
  }
}

/** Kinds that the first block of such a link says, and how often. */
function kindsOf(choices: Partial<LinkChoices>): readonly (readonly [MessageKind, number])[] {
  const place = { kind: 'abort', nth: 0 } as const
  const honest = new Liar(place, (octets) => [octets], new SeededRandom(0))
  const pair = survive(honest.speak, 'nothing', { choices })
  assert.deepEqual(pair.fates('transmitter'), ['distilled', 'distilled'])
  return [...honest.said]
}

for (const [name, choices, numRuns] of [
  ['Cascade', {}, 350],
  ['codes', { correction: 'ldpc' }, 150],
] as const) {
  test(`whatever a hostile end says costs a block or a session, with ${name}`, () => {
    const kinds = kindsOf(choices)
    assert(kinds.length >= 13)
    let run = 0
    fc.assert(
      fc.property(fc.nat(), fc.nat(ATTACKS.length - 1), fc.nat(), (at, which, seed) => {
        // Every kind in turn: most messages of a session are of two of them.
        const [kind, count] = kinds[run++ % kinds.length]
        const place = { kind, nth: at % count }
        const liar = new Liar(place, ATTACKS[which], new SeededRandom(seed))
        const what = `${kind} ${place.nth}, attack ${which}, seed ${seed}`
        expectSound(survive(liar.speak, what, { choices, cut: liar.isCounted }), liar, what)
      }),
      { seed: 30, numRuns, endOnFailure: true },
    )
  })
}

test('a message larger than any is refused before it is read', () => {
  const attack: Attack = () => [new Uint8Array(MESSAGE_OCTETS_MAX + 1)]
  for (const kind of ['hello', 'detections', 'seed'] as const) {
    const liar = new Liar({ kind, nth: 0 }, attack, new SeededRandom(0))
    expectSound(survive(liar.speak, kind, { cut: liar.isCounted }), liar, kind)
    assert.equal(liar.unreadableTo.length, 1)
  }
})

/** An undisturbed run says a tenth of it. */
const SAID_OCTETS_MAX = 4 * 2 ** 20
