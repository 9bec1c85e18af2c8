import assert from 'node:assert/strict'
import { test } from 'node:test'
import { siteId, utf8, textOf, Refusal } from '#base'
import { MemoryLog, settle, SimulatedNetwork, SimulatedTime } from '#world/ports'
import { Peers } from './peers.ts'

const bristol = siteId('bristol')
const cambridge = siteId('cambridge')

function pair() {
  const time = new SimulatedTime()
  const wires = new SimulatedNetwork(time)
  const log = new MemoryLog()
  const make = (own: typeof bristol, other: typeof bristol): Peers =>
    new Peers({ network: wires.of(own), clock: time.view(), log, peers: [other] })
  return { time, wires, log, a: make(bristol, cambridge), b: make(cambridge, bristol) }
}

test('a question is answered, and the handler knows who asked', async () => {
  const { time, a, b } = pair()
  b.serve('greet', (from, payload) => Promise.resolve(utf8(`${from}: ${textOf(payload)}`)))
  b.start()
  const answer = a.request(cambridge, 'greet', utf8('hello'))
  await time.advance(10)
  assert.equal(textOf(await answer), 'bristol: hello')
  assert(a.isConnected(cambridge))
})

test('a refusal crosses with its code; an internal failure crosses without its text', async () => {
  class Refused extends Refusal<'POOL_EMPTY'> {}
  const { time, log, a, b } = pair()
  b.serve('refuse', () => Promise.reject(new Refused('POOL_EMPTY', 'No key is left')))
  b.serve('break', () => Promise.reject(new Error('secret inner state')))
  b.start()
  const failures = ['refuse', 'break', 'unknown'].map(async (method) =>
    a.request(cambridge, method, utf8('')).catch((error: unknown) => error as Refusal),
  )
  await time.advance(10)
  const [refused, broken, unknown] = (await Promise.all(failures)) as Refusal[]
  assert.equal(refused.code, 'POOL_EMPTY')
  assert.equal(refused.message, 'No key is left')
  assert.equal(broken.code, 'INTERNAL')
  assert(!broken.message.includes('secret'))
  assert.equal(unknown.code, 'PEER_METHOD_UNKNOWN')
  assert.equal(log.lines.filter(({ event }) => event === 'peer.handler-failed').length, 1)
})

test('a lost answer ends in a timeout, and the next question is heard', async () => {
  const { time, wires, a, b } = pair()
  b.serve('echo', (_, payload) => Promise.resolve(payload))
  b.start()
  wires.weather = ({ from, octets }) => (from === cambridge ? [] : [{ delayMs: 1, octets }])
  const lost = a.request(cambridge, 'echo', utf8('one')).catch((error: unknown) => error as Refusal)
  await time.advance(10_100)
  assert.equal(((await lost) as Refusal).code, 'PEER_TIMEOUT')
  wires.weather = ({ octets }) => [{ delayMs: 1, octets }]
  const heard = a.request(cambridge, 'echo', utf8('two'))
  await time.advance(10)
  assert.equal(textOf(await heard), 'two')
})

test('duplicated and reordered messages find the right question', async () => {
  const { time, wires, a, b } = pair()
  let calls = 0
  b.serve('echo', (_, payload) => {
    calls++
    return Promise.resolve(payload)
  })
  b.start()
  let flip = 0
  wires.weather = ({ octets }) => [
    { delayMs: (flip++ % 5) + 1, octets },
    { delayMs: 7, octets },
  ]
  const answers = Array.from({ length: 20 }, (_, i) =>
    a.request(cambridge, 'echo', utf8(String(i))),
  )
  await time.advance(30)
  assert.deepEqual(
    (await Promise.all(answers)).map(textOf),
    Array.from({ length: 20 }, (_, i) => String(i)),
  )
  assert.equal(calls, 40)
})

test('a cut wire fails what waits and what follows, until it is mended', async () => {
  const { time, wires, a, b } = pair()
  b.serve('slow', () => new Promise(() => undefined))
  b.serve('echo', (_, payload) => Promise.resolve(payload))
  b.start()
  const waiting = a.request(cambridge, 'slow', utf8('')).catch((error: unknown) => error as Refusal)
  await time.advance(5)
  wires.setCut(bristol, cambridge, true)
  await settle()
  assert.equal(((await waiting) as Refusal).code, 'NETWORK_CLOSED')
  const refused = a.request(cambridge, 'echo', utf8('')).catch((error: unknown) => error as Refusal)
  await time.advance(5)
  assert.equal(((await refused) as Refusal).code, 'NETWORK_UNREACHABLE')
  assert(!a.isConnected(cambridge))
  wires.setCut(bristol, cambridge, false)
  const healed = a.request(cambridge, 'echo', utf8('again'))
  await time.advance(5)
  assert.equal(textOf(await healed), 'again')
})

test('malformed messages end the connection and nothing else', async () => {
  const { time, wires, log, a, b } = pair()
  b.serve('echo', (_, payload) => Promise.resolve(payload))
  b.start()
  const raw = wires.of(bristol).dial(cambridge, 'peer')
  await time.advance(2)
  const connection = await raw
  await connection.send(utf8('not cbor'))
  await time.advance(2)
  await connection.closed
  assert.deepEqual(
    log.lines.map(({ event }) => event),
    ['peer.question-invalid'],
  )
  const answer = a.request(cambridge, 'echo', utf8('ok'))
  await time.advance(5)
  assert.equal(textOf(await answer), 'ok')
})

test('a peer that asks without end waits, and no other peer with it', async () => {
  const { time, wires, log } = pair()
  const [ipswich, derby] = [siteId('ipswich'), siteId('derby')]
  const of = (own: typeof bristol, ...peers: (typeof bristol)[]): Peers =>
    new Peers({ network: wires.of(own), clock: time.view(), log, peers })
  const c = of(derby, bristol, ipswich)
  let begun = 0
  const { promise: open, resolve: release } = Promise.withResolvers<undefined>()
  c.serve('slow', async () => {
    begun++
    await open
    return utf8('')
  })
  c.serve('echo', (_, payload) => Promise.resolve(payload))
  c.start()
  const asker = of(bristol, derby)
  const asked = Array.from({ length: 500 }, () => asker.request(derby, 'slow', utf8(''), 60_000))
  await time.advance(100)
  assert(begun >= 64 && begun <= 65, `${begun} were begun at once`)
  const answer = of(ipswich, derby).request(derby, 'echo', utf8('still here'))
  await time.advance(10)
  assert.equal(textOf(await answer), 'still here')
  release(undefined)
  await time.advance(100)
  await Promise.all(asked)
  assert.equal(begun, 500)
})
