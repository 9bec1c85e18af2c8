/**
 * A link that corrects its errors one way.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Role } from './authentication.ts'
import { Pair, ROLES, smallLink } from './fixture.test.ts'
import { decodeMessage, encodeMessage, type Message } from './messages.ts'
import type { LinkChoices } from './parameters.ts'

const oneWay = (choices: Partial<LinkChoices> = {}) =>
  smallLink({ correction: 'ldpc', blockBits: 100_000, ...choices })

test('syndromes alone give equal keys, and the receiver asks nothing', () => {
  const pair = new Pair(1, oneWay())
  pair.connect()
  const kinds = heard(pair)
  for (let batch = 0; batch < 8; batch++) pair.feed(60_000)
  assert(pair.usable().length >= 1)
  const [a, b] = ROLES.map((role) => pair.hosts[role].reports)
  const kept = b.filter(({ undecodedFrames }) => undecodedFrames === 0)
  assert(kept.length >= 1)
  for (const [at, report] of b.entries()) {
    assert.equal(report.outcome, 'distilled')
    assert.equal(a[at].reconciliationBits, report.reconciliationBits)
    assert.equal(a[at].undecodedFrames, report.undecodedFrames)
    assert.equal(report.rounds, 0)
    assert(report.efficiency !== undefined && report.efficiency < 1.8)
  }
  const told = kinds.transmitter.filter(({ kind }) => kind === 'syndrome')
  assert.equal(told.length, b.length, 'one frame a block')
  assert.equal(kinds.receiver.filter(({ kind }) => kind === 'question').length, 0)
})

test('every bit of every syndrome is leak, at both ends', () => {
  const pair = new Pair(1, oneWay())
  pair.connect()
  const kinds = heard(pair)
  for (let batch = 0; batch < 5; batch++) pair.feed(60_000)
  const codes = kinds.transmitter.filter((message) => message.kind === 'code')
  assert(codes.length >= 1)
  for (const { block, frames, checks } of codes) {
    for (const role of ROLES) {
      const report = pair.hosts[role].reports.find(({ sequence }) => sequence === block)
      assert.equal(report?.reconciliationBits, frames * checks)
    }
  }
})

test('a frame that is not decoded is corrected by Cascade, and both leaks count', () => {
  const pair = new Pair(1, oneWay())
  // The test basis promises fewer errors than the key basis has.
  pair.weather = { errorRate: 0.02, testErrorRate: 0.008, transmission: 0.1 }
  pair.connect()
  const kinds = heard(pair)
  for (let batch = 0; batch < 5; batch++) pair.feed(60_000)
  const [code] = kinds.transmitter.filter((message) => message.kind === 'code')
  for (const role of ROLES) {
    const report = pair.hosts[role].reports[0]
    assert.equal(report.outcome, 'distilled')
    assert.equal(report.undecodedFrames, 1)
    assert(report.rounds > 10)
    assert(report.reconciliationBits > code.frames * code.checks + 0.14 * report.account.siftedBits)
    const { siftedBits, ...parts } = report.account
    assert.equal(
      Object.values(parts).reduce((sum, bits) => sum + bits),
      siftedBits,
    )
  }
  assert.equal(pair.usable().length, pair.hosts.receiver.held.size)
})

test('charging both directions charges the questions again, and no syndrome', () => {
  for (const testErrorRate of [0.01, 0.002]) {
    const [one, two] = (['one-way', 'two-way'] as const).map((leakCharge) => {
      const pair = new Pair(1, oneWay({ leakCharge }))
      pair.weather = { errorRate: 0.01, testErrorRate, transmission: 0.1 }
      pair.connect()
      const kinds = heard(pair)
      for (let batch = 0; batch < 5; batch++) pair.feed(60_000)
      const [code] = kinds.transmitter.filter((message) => message.kind === 'code')
      const report = pair.hosts.receiver.reports[0]
      return { report, asked: report.reconciliationBits - code.frames * code.checks }
    })
    const [full, less] = [one, two].map(({ report }) => report.keyLength?.secretBits ?? 0)
    assert(less > 0)
    assert.equal(one.asked > 0, testErrorRate === 0.002)
    assert.equal(full + one.asked, less + 2 * two.asked)
  }
})

test('a block of small frames and one of several frames come through alike', () => {
  for (const [blockBits, batches] of [
    [30_000, 2],
    [300_000, 11],
  ]) {
    const pair = new Pair(2, oneWay({ blockBits, epsilons: { secrecy: 0.1, correctness: 1e-6 } }))
    pair.weather = { errorRate: 0.004, transmission: 0.1 }
    pair.connect()
    const kinds = heard(pair)
    for (let batch = 0; batch < batches; batch++) pair.feed(80_000)
    assert(pair.usable().length >= 1, `${blockBits} bits`)
    const [code] = kinds.transmitter.filter((message) => message.kind === 'code')
    assert.equal(code.frames, Math.ceil(blockBits / 131_072))
  }
})

test('a bit of a syndrome changed on its way voids the block, and no key differs', () => {
  const pair = new Pair(1, oneWay())
  pair.connect()
  const changed = changing(pair, 'transmitter', (message) => {
    if (message.kind !== 'syndrome') return message
    const octets = message.octets.slice()
    octets[5] ^= 16
    return { ...message, octets }
  })
  for (let batch = 0; batch < 5; batch++) pair.feed(60_000)
  assert(changed() >= 1)
  assert.deepEqual(pair.usable(), [])
  assert(pair.alarms('transmitter').concat(pair.alarms('receiver')).length > 0)
})

test('what no honest end says about a coded block voids it', () => {
  const forgeries: readonly (readonly [Role, (message: Message) => Message])[] = [
    ['transmitter', on('code', (message) => ({ ...message, frames: 2 }))],
    ['transmitter', on('code', (message) => ({ ...message, frameBits: message.frameBits + 1 }))],
    ['transmitter', on('code', (message) => ({ ...message, checks: 1 }))],
    ['transmitter', on('syndrome', (message) => ({ ...message, frame: 1 }))],
    ['transmitter', on('syndrome', (message) => ({ ...message, octets: new Uint8Array(9) }))],
    ['transmitter', on('syndrome', ({ block }) => ({ kind: 'hash', block, key, hash: key }))],
    ['receiver', on('corrected', ({ block }) => ({ kind: 'undecoded', block, frames: [1] }))],
    ['receiver', on('corrected', ({ block }) => ({ kind: 'undecoded', block, frames: [0, 0] }))],
    ['receiver', on('corrected', ({ block }) => plan(block))],
    [
      'receiver',
      on('corrected', ({ block }) => ({
        kind: 'question',
        block,
        strips: [{ strip: 0, octets: key }],
      })),
    ],
  ]
  for (const [from, forge] of forgeries) {
    const pair = new Pair(1, oneWay())
    pair.connect()
    const changed = changing(pair, from, forge)
    for (let batch = 0; batch < 5; batch++) pair.feed(60_000)
    const name = forge.toString()
    assert(changed() >= 1, name)
    assert.deepEqual(pair.usable(), [], name)
    const end = from === 'transmitter' ? 'receiver' : 'transmitter'
    assert.equal(pair.fates(end)[0], 'message-refused', name)
  }
})

test('a syndrome behind the last, while Cascade repairs what was not decoded, is refused', () => {
  const pair = new Pair(1, oneWay())
  pair.weather = { errorRate: 0.02, testErrorRate: 0.008, transmission: 0.1 }
  pair.connect()
  let octets = new Uint8Array(0)
  const changed = changing(pair, 'transmitter', (message) => {
    if (message.kind === 'syndrome') octets = message.octets.slice()
    if (message.kind !== 'parities') return message
    return { kind: 'syndrome', block: message.block, frame: 1, octets }
  })
  for (let batch = 0; batch < 5; batch++) pair.feed(60_000)
  assert(changed() >= 1)
  assert.deepEqual(pair.usable(), [])
  const told = pair.hosts.receiver.effects.flatMap((effect) =>
    effect.kind === 'alarm' && effect.alarm.kind === 'peer-misbehaved'
      ? [effect.alarm.facts['code']]
      : [],
  )
  assert(told.length > 0 && told.every((code) => code === 'MESSAGE_OUT_OF_PHASE'), String(told))
})

test('an end that corrects by questions refuses syndromes, and undecoded frames', () => {
  for (const [from, kind, forged] of [
    [
      'transmitter',
      'parities',
      { kind: 'code', block: 0, frames: 1, frameBits: 60_000, checks: 9000 },
    ],
    ['receiver', 'plan', { kind: 'undecoded', block: 0, frames: [0] }],
  ] as const) {
    const pair = new Pair(1)
    pair.connect()
    const changed = changing(
      pair,
      from,
      on(kind, ({ block }) => ({ ...forged, block }) as Message),
    )
    for (let batch = 0; batch < 10; batch++) pair.feed()
    assert(changed() >= 1)
    assert.deepEqual(pair.usable(), [])
  }
})

const key = new Uint8Array(16)

const plan = (block: number): Message => ({
  kind: 'plan',
  block,
  frames: 1,
  frameBits: 16_384,
  blockBits: [64, 512],
  keptPasses: 2,
})

/** Changes messages of one kind. */
const on =
  <K extends Message['kind']>(
    kind: K,
    change: (message: Message & { readonly kind: K }) => Message,
  ) =>
  (message: Message): Message =>
    message.kind === kind ? change(message as Message & { readonly kind: K }) : message

/** Everything that is said from now on. */
function heard(pair: Pair): Readonly<Record<Role, Message[]>> {
  const kinds = { transmitter: [] as Message[], receiver: [] as Message[] }
  pair.intercept = (octets, _, from) => {
    kinds[from].push(decodeMessage(octets).message)
    return [octets]
  }
  return kinds
}

/** Changes what one end says; returns how many messages were changed so far. */
function changing(pair: Pair, end: Role, change: (message: Message) => Message): () => number {
  let changed = 0
  pair.intercept = (octets, _, from) => {
    if (from !== end) return [octets]
    const { number, message } = decodeMessage(octets)
    const forged = change(message)
    if (forged === message) return [octets]
    changed++
    return [encodeMessage(number, forged)]
  }
  return () => changed
}
