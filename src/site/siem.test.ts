import assert from 'node:assert/strict'
import { test } from 'node:test'
import { epochMs, MINUTE_MS, textOf, utf8 } from '#base'
import type { AuditEntry } from '#audit'
import { MemoryLog } from '#world/ports'
import { newDecidedServer } from './fhir-fixture.test.ts'
import { SiemKeeper } from './siem-keeper.ts'
import { ocsfEvent, syslogFrame } from './siem-message.ts'

const about = { site: 'bristol', version: '1.2.3', format: 'plain' } as const
const at = epochMs(Date.UTC(2026, 10, 21, 12))
const entry = (kind: string, facts: AuditEntry['event']['facts'] = {}, index = 7): AuditEntry => ({
  index,
  event: { kind, at, actor: 'a3', facts },
})

/** Messages of octet-counted frames (RFC 5425 §4.3). */
function messagesIn(octets: Uint8Array): readonly string[] {
  const found: string[] = []
  for (let rest = octets; rest.length > 0;) {
    const space = rest.indexOf(0x20)
    const length = Number(textOf(rest.subarray(0, space)))
    found.push(textOf(rest.subarray(space + 1, space + 1 + length)))
    rest = rest.subarray(space + 1 + length)
  }
  return found
}

test('an entry is one frame of RFC 5424, counted in octets, escaped', () => {
  const frame = syslogFrame(entry('people.signed-in', { note: 'a "b" ]\\ ü', n: 2 }), about)
  const [message] = messagesIn(frame)
  assert.equal(
    message,
    '<110>1 2026-11-21T12:00:00.000Z bristol photonward - people.signed-in ' +
      '[entry@32473 index="7" kind="people.signed-in" actor="a3" f_note="a \\"b\\" \\]\\\\ ü" f_n="2"]',
  )
  assert.equal(textOf(frame).startsWith(`${utf8(message).length} `), true)
  const critical = entry('alarm.raised', { alarm: 'log.fork', severity: 'critical' })
  assert(messagesIn(syslogFrame(critical, about))[0].startsWith('<106>1 '))
})

test('kinds are classes of OCSF, with type, activity and outcome', () => {
  const uids = (kind: string, facts = {}) => {
    const { class_uid, type_uid, status_id } = ocsfEvent(entry(kind, facts), about)
    return [class_uid, type_uid, status_id]
  }
  assert.deepEqual(uids('people.signed-in'), [3002, 300_201, 1])
  assert.deepEqual(uids('people.sign-in-denied'), [3002, 300_201, 2])
  assert.deepEqual(uids('people.signed-out'), [3002, 300_202, 1])
  assert.deepEqual(uids('people.roles'), [3001, 300_199, 1])
  assert.deepEqual(uids('alarm.raised'), [2004, 200_401, 1])
  assert.deepEqual(uids('vault.opened'), [6005, 600_501, 1])
  assert.deepEqual(uids('vault.refused'), [6003, 600_399, 2])
  assert.deepEqual(uids('key.delivered'), [6003, 600_399, 1])
  const [message] = messagesIn(syslogFrame(entry('key.delivered'), { ...about, format: 'ocsf' }))
  const json = JSON.parse(message.slice(message.indexOf('] {') + 2)) as Record<string, unknown>
  assert.deepEqual(json['time'], at)
})

/** A keeper over the log of a site, and a receiver that can be away or break. */
async function newSiem() {
  const { store, clock, time, log: audit, deciding, his } = await newDecidedServer()
  const received: string[] = []
  const wire = { isAway: false, isOpen: false, connections: 0 }
  const alarms: string[] = []
  const newKeeper = (repeatedOctets?: number) =>
    new SiemKeeper({
      ...(repeatedOctets !== undefined && { repeatedOctets }),
      ...{ site: deciding.site, store, clock, audit, about, log: new MemoryLog() },
      alarms: {
        raise: ({ kind }) => Promise.resolve(void alarms.push(`raised ${kind}`)),
        clear: (kind) => Promise.resolve(void alarms.push(`cleared ${kind}`)),
      },
      way: {
        connect: () => {
          if (wire.isAway) return Promise.reject(new Error('away'))
          const isNew = !wire.isOpen
          if (isNew) wire.connections++
          wire.isOpen = true
          return Promise.resolve(isNew)
        },
        send: (octets) => {
          if (wire.isAway || !wire.isOpen) return Promise.reject(new Error('closed'))
          received.push(...messagesIn(octets))
          return Promise.resolve()
        },
        close: () => (wire.isOpen = false),
      },
    })
  const write = async (count: number) => {
    for (let n = 0; n < count; n++) {
      await audit.record({ kind: 'test.wrote', at: clock.now(), actor: 'tester', facts: { n } })
    }
  }
  const indexes = () => received.map((one) => Number(/index="(\d+)"/.exec(one)?.[1]))
  return { audit, time, wire, alarms, newKeeper, write, received, indexes, his }
}

test('every entry arrives once and in order over one connection, page after page', async () => {
  const { audit, time, wire, newKeeper, write, indexes } = await newSiem()
  await write(450)
  const keeper = newKeeper()
  keeper.start()
  await time.advance(2000)
  await write(3)
  await time.advance(2000)
  assert.deepEqual(indexes(), [...Array(await audit.size()).keys()])
  assert.equal(wire.connections, 1)
  await keeper.stop()
})

test('while nobody answers nothing is lost, an alarm stands, and a new start goes on', async () => {
  const { audit, time, wire, alarms, newKeeper, write, indexes } = await newSiem()
  await write(5)
  const keeper = newKeeper()
  wire.isAway = true
  keeper.start()
  await time.advance(10 * MINUTE_MS)
  assert.deepEqual([alarms, indexes()], [['raised siem.unreachable'], []])
  await write(5)
  wire.isAway = false
  await time.advance(10 * MINUTE_MS)
  assert.deepEqual(alarms, ['raised siem.unreachable', 'cleared siem.unreachable'])
  assert.deepEqual(indexes(), [...Array(await audit.size()).keys()])
  await keeper.stop()
  const again = newKeeper()
  again.start()
  await time.advance(2000)
  const before = indexes().length
  assert.equal(before, await audit.size(), 'nothing new: nothing is sent')
  await write(1)
  await time.advance(2000)
  assert.equal(indexes().at(-1), (await audit.size()) - 1)
  assert.equal(new Set(indexes()).size, await audit.size())
  await again.stop()
})

test('what a broken connection may have lost is sent again', async () => {
  const { audit, time, wire, newKeeper, write, indexes, received } = await newSiem()
  await write(20)
  const keeper = newKeeper()
  keeper.start()
  await time.advance(2000)
  received.length = 0
  wire.isOpen = false
  await write(1)
  await time.advance(2000)
  assert.deepEqual(indexes(), [...Array(await audit.size()).keys()])
  await keeper.stop()
})

test('all that may lie in buffers is sent again, over pages, and not what is older', async () => {
  const { audit, time, wire, newKeeper, write, indexes, received } = await newSiem()
  await write(450)
  const keeper = newKeeper(1024 * 1024)
  keeper.start()
  await time.advance(2000)
  const [size, long] = [await audit.size(), 'x'.repeat(1000)]
  received.length = 0
  wire.isOpen = false
  await write(1)
  await time.advance(2000)
  assert.deepEqual(indexes(), [...Array(size + 1).keys()])
  // Some 3 MB more: the first entries are no longer in any buffer.
  for (let n = 0; n < 400; n++) {
    const facts = { a: long, b: long, c: long, d: long, e: long, f: long, g: long }
    await audit.record({ kind: 'test.wrote', at, actor: 'tester', facts })
  }
  await time.advance(20_000)
  const all = await audit.size()
  assert.equal(indexes().at(-1), all - 1)
  received.length = 0
  wire.isOpen = false
  await write(1)
  await time.advance(20_000)
  const octets = received.reduce((sum, { length }) => sum + length, 0)
  assert.equal(indexes().at(-1), all)
  assert.deepEqual(
    indexes(),
    [...indexes().keys()].map((n) => n + indexes()[0]),
  )
  assert(indexes()[0] > 0 && octets > 1024 * 1024 && octets < 3 * 1024 * 1024, `${octets}`)
  await keeper.stop()
})

test('nothing of a patient leaves', async () => {
  const { time, newKeeper, received, his } = await newSiem()
  const name = [{ family: 'Wintergreen' }]
  await his('PUT /Patient/p77', { body: { resourceType: 'Patient', id: 'p77', name } })
  await his('GET /Patient?name=Wintergreen')
  const keeper = newKeeper()
  keeper.start()
  await time.advance(2000)
  const text = received.join('\n')
  assert(text.includes('vault.filed') && text.includes('vault.sought'))
  for (const secret of ['Wintergreen', 'p77', 'Patient']) assert(!text.includes(secret), secret)
  await keeper.stop()
})
