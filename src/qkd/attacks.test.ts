/**
 * Eve on the fibre and on the wire, and what the engines say about her.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromCbor, SeededRandom, toCbor, type CborValue } from '#base'
import { decodeMessage, encodeMessage, MESSAGE_OCTETS_MAX, type Message } from './messages.ts'
import { Pair, ROLES, smallLink, TINY_WEATHER, tinyLink } from './fixture.test.ts'

const kindOf = (octets: Uint8Array): Message['kind'] => decodeMessage(octets).message.kind

const tinyPair = (seed: number): Pair => {
  const pair = new Pair(seed, tinyLink())
  pair.weather = TINY_WEATHER
  pair.connect()
  return pair
}

test('intercept and resend shows in the test basis: no parity and no pad is spent on it', () => {
  const pair = tinyPair(1)
  pair.feed(80_000)
  assert.deepEqual(pair.fates('receiver'), ['distilled'])
  const pads = ROLES.map((role) => pair.hosts[role].engine.status().padsLeft.send)
  const kinds = new Set<string>()
  pair.intercept = (octets) => {
    kinds.add(kindOf(octets))
    return [octets]
  }
  pair.weather = { ...TINY_WEATHER, errorRate: 0.25 }
  for (let batch = 0; batch < 3; batch++) pair.feed(80_000)
  for (const role of ROLES) {
    assert.deepEqual(pair.fates(role).slice(1), Array(3).fill('qber-above-limit'))
    assert.deepEqual(pair.alarms(role), ['qber-above-limit raised'])
    assert.equal(pair.hosts[role].engine.status().account.discardedBits > 50_000, true)
  }
  assert.deepEqual(kinds, new Set(['detections', 'sifted']))
  assert.deepEqual(
    ROLES.map((role) => pair.hosts[role].engine.status().padsLeft.send),
    pads,
  )
  assert.equal(pair.usable().length, 1)

  pair.weather = TINY_WEATHER
  pair.feed(80_000)
  assert.equal(pair.usable().length, 2)
  for (const role of ROLES) assert.equal(pair.alarms(role).at(-1), 'qber-above-limit cleared')
})

test('errors in the key basis alone are found after correction, and the block is discarded', () => {
  const pair = tinyPair(2)
  pair.weather = { ...TINY_WEATHER, errorRate: 0.1, testErrorRate: 0.001 }
  pair.feed(80_000)
  for (const role of ROLES) {
    assert.deepEqual(pair.fates(role), ['qber-above-limit'])
    assert.deepEqual(pair.alarms(role), ['qber-above-limit raised'])
  }
  assert.deepEqual(pair.usable(), [])
})

test('errors in the key basis just above the limit are found by counting them all', () => {
  const pair = new Pair(2, tinyLink({ qberMax: 0.03 }))
  pair.weather = { ...TINY_WEATHER, errorRate: 0.0302, testErrorRate: 0.029 }
  pair.connect()
  pair.feed(80_000)
  for (const role of ROLES) {
    const [{ cause, keyErrorRate }] = pair.hosts[role].reports
    assert.equal(cause, 'qber-above-limit')
    assert(keyErrorRate === undefined || keyErrorRate > 0.03)
  }
})

test('photon-number splitting leaves the error rate alone, but not the decoys', () => {
  const pair = new Pair(3, smallLink())
  pair.connect()
  for (let batch = 0; batch < 9; batch++) pair.feed()
  assert.deepEqual(pair.fates('receiver'), ['distilled'])
  pair.weather = { ...pair.weather, decoysLeft: 0.26 }
  for (let batch = 0; batch < 9; batch++) pair.feed()
  for (const role of ROLES) {
    assert.deepEqual(pair.alarms(role), ['decoy-statistics raised'])
    const report = pair.hosts[role].reports.at(-1)
    assert.equal(report?.cause, 'too-short')
    assert(report.testErrorRate < 0.02)
    assert.equal(report.keyLength?.secretBits, 0)
  }
  pair.weather = { ...pair.weather, decoysLeft: 1 }
  for (let batch = 0; batch < 9; batch++) pair.feed()
  assert.equal(pair.alarms('receiver').at(-1), 'decoy-statistics cleared')
})

test('a cut fibre and blinded detectors raise their alarms once and clear them', () => {
  const pair = tinyPair(4)
  for (let batch = 0; batch < 6; batch++) pair.feed(4000)
  const { engine } = pair.hosts.receiver
  const alarmsOf = (photocurrentUa: number, detections: number, batch: number): string[] => {
    const slots = Uint32Array.from({ length: detections }, (_, at) => 60 * at)
    const quarter = 1000
    const effects = engine.step({
      kind: 'detections',
      batch: {
        batch,
        slotCount: 120_000,
        simulated: true,
        slots,
        outcomes: new Uint8Array(detections),
        observables: {
          clicks: [quarter, quarter, quarter, quarter],
          doubleClicks: 0,
          deadTimeDrops: 0,
          photocurrentUa,
        },
      },
    })
    return effects.flatMap((effect) =>
      effect.kind === 'alarm' ? [`${effect.alarm.kind} ${effect.alarm.state}`] : [],
    )
  }
  assert.deepEqual(alarmsOf(1, 2000, 100), [])
  assert.deepEqual(alarmsOf(40, 2000, 101), ['photocurrent raised'])
  assert.deepEqual(alarmsOf(40, 2000, 102), [])
  assert.deepEqual(alarmsOf(1, 10, 103), ['rate-collapse raised', 'photocurrent cleared'])
  assert.deepEqual(alarmsOf(1, 2000, 104), ['rate-collapse cleared'])
})

test('blocks of a blinded receiver are discarded at both ends, however good they look', () => {
  const pair = tinyPair(9)
  for (let batch = 0; batch < 5; batch++) pair.feed(80_000)
  assert.deepEqual(pair.fates('receiver'), Array(5).fill('distilled'))
  pair.observed = { photocurrentUa: 4000 }
  for (let batch = 0; batch < 2; batch++) pair.feed(80_000)
  for (const role of ROLES) {
    assert.deepEqual(pair.fates(role).slice(5), ['device-suspect', 'device-suspect'])
    assert.equal(pair.hosts[role].reports.at(-1)?.account.applicationBits, 0)
  }
  assert.deepEqual(pair.alarms('receiver'), ['photocurrent raised'])
  assert.deepEqual(pair.alarms('transmitter'), ['peer-device raised'])
  pair.observed = {}
  pair.feed(80_000)
  assert.equal(pair.usable().length, 6)
  assert.equal(pair.alarms('receiver').at(-1), 'photocurrent cleared')
  assert.equal(pair.alarms('transmitter').at(-1), 'peer-device cleared')
})

test('no key comes of a transmitter that is read, nor of a source that is stuck', () => {
  for (const [spoil, kind] of [
    [{ incomingLightNw: 1e6 }, 'incoming-light'],
    [{ stuck: true }, 'source-health'],
  ] as const) {
    const pair = tinyPair(10)
    pair.feed(80_000)
    pair.transmitterTrouble = spoil
    pair.feed(80_000)
    for (const role of ROLES) assert.deepEqual(pair.fates(role), ['distilled', 'device-suspect'])
    assert.deepEqual(pair.alarms('transmitter'), [`${kind} raised`])
    assert.deepEqual(pair.alarms('receiver'), ['peer-device raised'])
    assert.equal(pair.usable().length, 1)
  }
})

test('a man in the middle who cannot tag gets no block through, whatever he changes', () => {
  const lies: Partial<Record<Message['kind'], (message: never) => Message>> = {
    sifted: (message: Message & { kind: 'sifted' }) => ({
      ...message,
      testBits: flipped(message.testBits),
    }),
    parities: (message: Message & { kind: 'parities' }) => ({
      ...message,
      strips: message.strips.map((part) => ({ ...part, octets: flipped(part.octets) })),
    }),
    seed: (message: Message & { kind: 'seed' }) => ({
      ...message,
      octets: flipped(message.octets, 1),
    }),
    errors: (message: Message & { kind: 'errors' }) => ({ ...message, errors: [0, 0] }),
    plan: (message: Message & { kind: 'plan' }) => ({ ...message, keptPasses: 1 }),
  }
  for (const [kind, lie] of Object.entries(lies)) {
    const pair = tinyPair(5)
    pair.intercept = (octets) => {
      const { number, message } = decodeMessage(octets)
      return [message.kind === kind ? encodeMessage(number, lie(message as never)) : octets]
    }
    for (let batch = 0; batch < 2; batch++) pair.feed(80_000)
    assert.deepEqual(pair.usable(), [], kind)
    const raised = ROLES.flatMap((role) => pair.alarms(role))
    const told = ['authentication-failed raised', 'peer-misbehaved raised']
    assert(
      raised.some((alarm) => told.includes(alarm)),
      `${kind}: ${raised.join()}`,
    )
  }
})

const flipped = (octets: Uint8Array, at = 0): Uint8Array => {
  const changed = new Uint8Array(octets)
  changed[at] ^= 1
  return changed
}

test('three tags that do not fit end the session', () => {
  const pair = tinyPair(6)
  pair.intercept = (octets, _, from) => {
    const { number, message } = decodeMessage(octets)
    if (message.kind !== 'tag' || from === 'receiver') return [octets]
    return [encodeMessage(number, { ...message, tag: new Uint8Array(16) })]
  }
  for (let batch = 0; batch < 4; batch++) pair.feed(80_000)
  const { ended, reports } = pair.hosts.receiver
  assert.deepEqual(
    ended.map(({ code, retry }) => [code, retry]),
    [['AUTHENTICATION_FAILED', true]],
  )
  assert.equal(reports.filter(({ cause }) => cause === 'authentication-failed').length, 3)
})

test('an abort that proves nothing voids a block before it is stored, and never after', () => {
  for (const [kind, voided] of [
    ['seed', true],
    ['stored', false],
  ] as const) {
    const pair = tinyPair(7)
    let said = false
    // In place of the transmitter's word comes a forged abort; later numbers stay as they are.
    pair.intercept = (octets, _, from) => {
      const { number, message } = decodeMessage(octets)
      if (from !== 'transmitter' || message.kind !== kind || said) return [octets]
      said = true
      return [encodeMessage(number, { kind: 'abort', block: 0, cause: 'forged' })]
    }
    pair.feed(80_000)
    assert(said)
    const state = pair.hosts.receiver.held.get('1/0')?.state
    if (voided) {
      assert.equal(state, undefined)
      assert.equal(pair.fates('receiver')[0], 'aborted-by-peer')
    } else {
      assert.notEqual(state, 'void', 'the transmitter may be using it')
      pair.tick(pair.parameters.stallMs + 1)
      pair.recover()
      assert.deepEqual(pair.usable(), ['1/0'])
    }
  }
})

test('whatever a peer says in place of one message, keys stay equal and the link goes on', () => {
  fc.assert(
    fc.property(fc.nat(150), fc.nat(), fc.integer({ min: 1, max: 4 }), (at, seed, times) => {
      const pair = tinyPair(8)
      const random = new SeededRandom(seed)
      let left = times
      pair.intercept = (octets, index) => {
        if (index < at || left === 0) return [octets]
        left--
        return [mutated(octets, random)]
      }
      pair.feed(80_000)
      pair.intercept = (octets) => [octets]
      for (let ticks = 0; ticks < 3; ticks++) pair.tick(pair.parameters.stallMs)
      pair.recover()
      const before = pair.usable().length
      pair.feed(80_000)
      pair.feed(80_000)
      assert(pair.usable().length > before, 'the next block or the one after gives a key')
    }),
    { seed: 1, numRuns: 60 },
  )
})

/** The same message with one member replaced by something of its kind; the number stays. */
function mutated(octets: Uint8Array, random: SeededRandom): Uint8Array {
  const members = fromCbor(octets, MESSAGE_OCTETS_MAX) as Record<string, CborValue>
  const names = Object.keys(members).filter((name) => name !== 'n')
  const name = random.pick(names)
  return toCbor({ ...members, [name]: another(members[name], random) })
}

function another(value: CborValue, random: SeededRandom): CborValue {
  if (typeof value === 'number')
    return random.pick([0, 1, value + 1, Math.max(0, value - 1), 2 ** 20])
  if (typeof value === 'boolean') return !value
  if (typeof value === 'string') return random.pick(['abort', 'stored', 'tag', 'sifting', 'x'])
  if (value instanceof Uint8Array) {
    const changed = new Uint8Array(value)
    if (changed.length > 0) changed[random.below(changed.length)] ^= 1 << random.below(8)
    return random.pick([changed, changed.subarray(1), new Uint8Array(value.length)])
  }
  if (Array.isArray(value))
    return random.pick([[], [...(value as CborValue[]), 1], value.toReversed() as CborValue[]])
  return null
}
