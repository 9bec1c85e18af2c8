/**
 * The life of a link in good and middling weather.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkId, siteId } from '#base'
import { peerOf, reserveSource, type Role } from './authentication.ts'
import type { EngineEffect } from './effects.ts'
import { LinkEngine } from './engine.ts'
import {
  Pair,
  pairedSources,
  PULSES,
  randomFrom,
  ROLES,
  smallLink,
  TINY_WEATHER,
  tinyLink,
} from './fixture.test.ts'
import { decodeMessage } from './messages.ts'
import type { LinkParameters } from './parameters.ts'
import type { BlockReport } from './report.ts'

test('two engines distil equal keys from the same detections, and report them alike', () => {
  const pair = new Pair(1)
  pair.connect()
  for (let batch = 0; batch < 40; batch++) pair.feed()
  const [a, b] = ROLES.map((role) => pair.hosts[role])
  assert(pair.usable().length >= 3)
  assert.equal(pair.usable().length, a.held.size)
  assert.deepEqual([...pair.alarms('transmitter'), ...pair.alarms('receiver')], [])
  a.reports.forEach((report, at) => {
    assert.deepEqual(sharedPart(report), sharedPart(b.reports[at]))
    assert.equal(report.outcome, 'distilled')
    assert.equal(report.padsSpent, 5, 'one tag for each phase')
    const { epsilons, authenticationCost } = report
    assert(epsilons.authentication > 0 && epsilons.authentication < 1e-33)
    assert(authenticationCost !== undefined && authenticationCost < 0.2)
    const { siftedBits, ...parts } = report.account
    assert.equal(
      Object.values(parts).reduce((sum, bits) => sum + bits),
      siftedBits,
    )
  })
})

test('a block is laid out as reserve of each direction, half of each end, and remainder', () => {
  const pair = new Pair(1)
  pair.connect()
  for (let batch = 0; batch < 10; batch++) pair.feed()
  const [name] = pair.usable()
  const block = pair.hosts.transmitter.held.get(name)
  assert(block !== undefined)
  const { layout, key, report } = block
  const reserve = pair.parameters.reserveOctets
  assert.deepEqual(layout.reserve.transmitter, { from: 0, to: reserve / 2 })
  assert.deepEqual(layout.reserve.receiver, { from: reserve / 2, to: reserve })
  assert.equal(layout.half.transmitter.from, reserve)
  assert.equal(layout.half.transmitter.to, layout.half.receiver.from)
  const sizes = ROLES.map((role) => layout.half[role].to - layout.half[role].from)
  assert.equal(sizes[0], sizes[1])
  assert.equal(8 * layout.half.receiver.to + layout.remainderBits, key.length)
  assert(layout.remainderBits < 16)
  assert.equal(report.account.applicationBits, 16 * sizes[0])
})

test('two decoys with the bound of Lim et al., and Toeplitz hashing, give keys as well', () => {
  const lim = smallLink({
    bound: 'lim-2014',
    blockBits: 200_000,
    pulses: {
      ...PULSES,
      intensities: [
        { meanPhotonNumber: 0.5, probability: 0.4 },
        { meanPhotonNumber: 0.2, probability: 0.4 },
        { meanPhotonNumber: 0.001, probability: 0.2 },
      ],
      keyBasisProbability: { transmitter: 0.5, receiver: 0.5 },
    },
  })
  for (const parameters of [
    lim,
    tinyLink({ amplification: 'toeplitz' }),
    tinyLink({ bound: 'rusca-2018' }),
  ]) {
    const pair = new Pair(2, parameters)
    pair.weather = TINY_WEATHER
    pair.connect()
    for (let batch = 0; batch < 12; batch++) pair.feed(parameters === lim ? 80_000 : 20_000)
    assert(pair.usable().length >= 1, parameters.bound)
  }
})

test('charging both directions of Cascade costs as much key again as it leaked', () => {
  const [one, two] = (['one-way', 'two-way'] as const).map((leakCharge) => {
    const pair = new Pair(1, smallLink({ leakCharge }))
    pair.connect()
    for (let batch = 0; batch < 9; batch++) pair.feed()
    return pair.hosts.receiver.reports[0]
  })
  const [full, less] = [one, two].map(({ keyLength }) => keyLength?.secretBits ?? 0)
  assert(less > 0)
  assert.equal(full + one.reconciliationBits, less + 2 * two.reconciliationBits)
})

test('the same inputs and the same random source give the same effects, octet for octet', () => {
  const [one, other] = [0, 1].map(() => {
    const pair = new Pair(3, tinyLink())
    pair.weather = TINY_WEATHER
    pair.connect()
    pair.feed(80_000)
    return ROLES.map((role) => pair.hosts[role].effects)
  })
  assert.deepEqual(one, other)
  assert(one[0].length > 50)
})

test('blocks are worked on side by side while the next is sifted', () => {
  const pair = new Pair(4, tinyLink({ batchesInFlightMax: 8 }))
  pair.weather = TINY_WEATHER
  pair.connect()
  for (let batch = 0; batch < 4; batch++) pair.offer(80_000)
  let most = 0
  pair.intercept = (octets) => {
    most = Math.max(most, pair.hosts.receiver.engine.status().blocksInFlight)
    return [octets]
  }
  pair.run()
  assert.equal(pair.usable().length, 4)
  assert(most >= 3, `${most} blocks at once`)
})

test('a block of many frames is corrected strip by strip', () => {
  const pair = new Pair(5, smallLink({ frameBits: 1024 }))
  pair.connect()
  for (let batch = 0; batch < 10; batch++) pair.feed()
  assert.equal(pair.usable().length, 1)
})

test('a receiver that is behind drops whole batches and counts them', () => {
  const pair = new Pair(6, tinyLink({ batchesInFlightMax: 2 }))
  pair.weather = TINY_WEATHER
  const { receiver } = pair.hosts
  pair.offer(1000)
  pair.run()
  assert.equal(receiver.engine.status().batchesDropped, 1, 'before the session is open')
  pair.connect()
  assert.equal(receiver.engine.busy, false)
  // Nothing is answered while messages are held back.
  const late: Uint8Array[] = []
  pair.intercept = (octets, _, from) => {
    if (from === 'transmitter') return [octets]
    late.push(octets)
    return []
  }
  for (let batch = 0; batch < 5; batch++) pair.feed(5000)
  const { batches, batchesDropped, busy } = receiver.engine.status()
  assert.deepEqual({ batches, batchesDropped, busy }, { batches: 2, batchesDropped: 4, busy: true })
  pair.intercept = (octets) => [octets]
  for (const octets of late) pair.input('transmitter', { kind: 'message', octets })
  pair.run()
  assert.equal(receiver.engine.busy, false)
  const busies = receiver.effects.flatMap((effect) => (effect.kind === 'busy' ? [effect.busy] : []))
  assert.deepEqual(busies, [false, true, false])
  assert.equal(
    receiver.engine.status().siftingBits,
    pair.hosts.transmitter.engine.status().siftingBits,
  )
})

test('a batch whose choices the device has forgotten is forgotten by both ends', () => {
  const pair = new Pair(7, tinyLink())
  pair.weather = TINY_WEATHER
  pair.connect()
  pair.feed(8000)
  pair.offer(8000)
  pair.drawnChoices.clear()
  pair.run()
  pair.feed(8000)
  const [a, b] = ROLES.map((role) => pair.hosts[role].engine.status())
  assert.equal(a.siftingBits, b.siftingBits)
  assert(Math.abs(a.siftingBits - 4000) < 300, `${a.siftingBits}`)
  pair.feed(70_000)
  assert.equal(pair.usable().length, 1)
})

test('a receiver that counts its batches anew ends the session, and the next one goes on', () => {
  const pair = new Pair(15, tinyLink())
  pair.weather = TINY_WEATHER
  pair.connect()
  pair.feed(80_000)
  pair.restartDevices()
  pair.feed(80_000)
  assert.equal(pair.hosts.receiver.ended[0].code, 'DEVICE_RESTARTED')
  pair.recover()
  pair.feed(80_000)
  assert.deepEqual(pair.usable(), ['1/0', '2/0'])
})

test('a block that one host cannot store is void at both ends', () => {
  for (const full of ROLES) {
    const pair = new Pair(8, tinyLink())
    pair.weather = TINY_WEATHER
    pair.connect()
    const { engine } = pair.hosts[full]
    const step = engine.step.bind(engine)
    engine.step = (input) => {
      if (input.kind !== 'block-stored' || input.sequence > 0) return step(input)
      return step({ ...input, kind: 'block-not-stored' })
    }
    pair.feed(80_000)
    assert.deepEqual(pair.usable(), [])
    for (const role of ROLES) assert.equal(pair.hosts[role].held.get('1/0')?.state, 'void')
    assert.equal(pair.fates(full)[0], 'not-stored')
    pair.feed(80_000)
    assert.deepEqual(pair.usable(), ['1/1'])
  }
})

test('a later session takes a higher epoch and the reserve of an earlier block', () => {
  const pair = new Pair(9, tinyLink())
  pair.weather = TINY_WEATHER
  pair.hosts.receiver.epoch = 6
  pair.connect()
  pair.feed(80_000)
  assert.deepEqual(pair.usable(), ['7/0'], 'the higher of both epochs')
  const sourceOf = (role: Role) => {
    const block = pair.hosts[role].held.get('7/0')
    assert(block !== undefined)
    const source = reserveSource('7/0', block.key.octets, { layout: block.layout, role })
    const burned = pair.hosts[role].effects.flatMap((effect) =>
      effect.kind === 'burn-pads' && effect.source === '7/0' ? [effect.to] : [],
    )
    return [{ ...source, send: { ...source.send, next: burned.at(-1) ?? 0 } }]
  }
  pair.input('transmitter', { kind: 'peer-gone' })
  pair.input('receiver', { kind: 'peer-gone' })
  pair.run()
  const wide = { transmitter: sourceOf('transmitter'), receiver: sourceOf('receiver') }
  assert.equal(wide.transmitter[0].send.next, 16, 'the small reserve was marked as used in one run')
  const rest = pairedSources(5, '7/00')
  pair.connect(0, {
    transmitter: [...wide.transmitter, rest.transmitter],
    receiver: [...wide.receiver, rest.receiver],
  })
  pair.feed(80_000)
  assert.deepEqual(pair.usable(), ['7/0', '8/0'])
})

test('an end hears of every pad of a reserve under which the peer’s tag fitted, of no other', () => {
  const pair = new Pair(9, tinyLink())
  pair.weather = TINY_WEATHER
  pair.connect()
  for (let block = 0; block < 3; block++) pair.feed(80_000)
  assert.equal(pair.usable().length, 3)
  for (const role of ROLES) {
    const accepted = pair.hosts[role].effects.flatMap((effect) =>
      effect.kind === 'pad-accepted' ? [`${effect.source} ${effect.pad}`] : [],
    )
    const said = pair.hosts[peerOf(role)].effects.flatMap((effect) => {
      if (effect.kind !== 'send') return []
      const { message } = decodeMessage(effect.octets)
      return message.kind === 'tag' ? [`${message.source} ${message.pad}`] : []
    })
    const ofReserves = said.filter((pad) => !pad.startsWith('bootstrap'))
    assert(ofReserves.length > 0 && ofReserves.length < said.length)
    assert.deepEqual(accepted, ofReserves)
  }
})

test('ends that are not each other’s, or not set alike, refuse to open', () => {
  const parameters = tinyLink()
  const cases: readonly [Partial<LinkParameters>, string][] = [
    [{ qberMax: 0.05 }, 'PARAMETERS_DIFFER'],
    [{ link: linkId('bristol-london') }, 'PARAMETERS_DIFFER'],
    [{ transmitter: siteId('london') }, 'PEER_UNEXPECTED'],
  ]
  for (const [change, code] of cases) {
    const ends = openingOf(parameters, { ...parameters, ...change })
    assert(
      ends.some((end) => end.code === code && !end.retry),
      code,
    )
  }
  const same = openingOf(parameters, parameters)
  assert.deepEqual(same, [])
  assert.throws(() => engineAt(siteId('london'), parameters))
})

test('a peer that is implausibly many epochs ahead is refused before anything is stored', () => {
  const pair = new Pair(14, tinyLink())
  pair.hosts.receiver.epoch = 2 ** 25
  pair.connect()
  assert.equal(pair.hosts.transmitter.ended[0].code, 'EPOCH_IMPLAUSIBLE')
  assert.equal(pair.hosts.transmitter.epoch, 0)
})

test('ends without a common source, or with different secrets, refuse to open', () => {
  const pair = new Pair(10, tinyLink())
  const [one, other] = [pairedSources(1, 'bootstrap-1'), pairedSources(2, 'bootstrap-2')]
  pair.connect(0, { transmitter: [one.transmitter], receiver: [other.receiver] })
  assert.equal(pair.hosts.receiver.ended[0].code, 'AUTHENTICATION_UNAVAILABLE')
  const [good, bad] = [pairedSources(1, 'bootstrap-3'), pairedSources(2, 'bootstrap-3')]
  pair.connect(0, { transmitter: [good.transmitter], receiver: [bad.receiver] })
  const codes = ROLES.flatMap((role) => pair.hosts[role].ended.map(({ code }) => code))
  assert(codes.includes('AUTHENTICATION_FAILED'))
  assert(!ROLES.some((role) => pair.hosts[role].engine.status().state === 'open'))
})

test('a link without pads ends its session instead of going on without authentication', () => {
  const pair = new Pair(11, tinyLink({ blockBits: 12_000 }))
  pair.weather = TINY_WEATHER
  // Blocks too short for a key cost tags and bring none.
  pair.connect(7)
  for (let batch = 0; batch < 12 && pair.hosts.receiver.open; batch++) pair.feed(60_000)
  const codes = ROLES.flatMap((role) => pair.hosts[role].ended.map(({ code }) => code))
  assert(codes.includes('AUTHENTICATION_EXHAUSTED'))
  assert(pair.alarms('receiver').includes('authentication-low raised'))
  assert.deepEqual(new Set(pair.fates('receiver')), new Set(['too-short', 'session-ended']))
})

test('a peer that falls silent ends the session after the agreed time, not before', () => {
  const pair = new Pair(12, tinyLink({ stallMs: 5000 }))
  pair.connect()
  pair.intercept = (octets, _, from) => (from === 'receiver' ? [] : [octets])
  pair.feed(1000)
  pair.tick(4900)
  assert.equal(pair.hosts.receiver.open, true)
  pair.tick(200)
  assert.equal(pair.hosts.receiver.ended[0].code, 'PEER_STALLED')
  const mute = new Pair(13, tinyLink({ stallMs: 5000 }))
  mute.intercept = () => []
  mute.connect()
  mute.tick(5100)
  for (const role of ROLES) assert.equal(mute.hosts[role].ended[0].code, 'PEER_STALLED')
})

/** What both ends must report alike. */
const sharedPart = (report: BlockReport): Partial<BlockReport> => ({
  ...report,
  role: 'receiver',
  epsilons: { ...report.epsilons, authentication: 0 },
})

function engineAt(site: LinkParameters['transmitter'], parameters: LinkParameters): LinkEngine {
  return new LinkEngine({ site, parameters, random: randomFrom(1) })
}

/** How two ends with these parameters end their hello. */
function openingOf(one: LinkParameters, other: LinkParameters) {
  const sources = pairedSources(1)
  const engines = {
    transmitter: engineAt(one.transmitter, one),
    receiver: engineAt(other.receiver, other),
  }
  const queue: { to: Role; octets: Uint8Array }[] = []
  const ends: (EngineEffect & { kind: 'end-session' })[] = []
  const perform = (from: Role, effects: readonly EngineEffect[]): void => {
    for (const effect of effects) {
      if (effect.kind === 'send') {
        queue.push({ to: from === 'receiver' ? 'transmitter' : 'receiver', octets: effect.octets })
      }
      if (effect.kind === 'end-session') ends.push(effect)
    }
  }
  for (const role of ROLES) {
    const started = { kind: 'started', sources: [sources[role]], nextEpoch: 1, nowMs: 0 } as const
    perform(role, engines[role].step(started))
  }
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    perform(next.to, engines[next.to].step({ kind: 'message', octets: next.octets }))
  }
  return ends
}
