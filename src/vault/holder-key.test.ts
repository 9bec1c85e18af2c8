/** Holder keys that stay are lent only against the row from which they were opened. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { epochMs, newUuid, SecretBytes, siteId, type Row } from '#base'
import { WrapCounter } from '#envelope'
import { seededRandom, SimulatedTime } from '#world/ports'
import { KeptKeys } from './holder-key.ts'

const random = seededRandom(1)
const site = siteId('bristol')
const id = newUuid(random)
const holder = { id, kind: 'patient', origin: site, since: epochMs(5), kek: 1 } as const
const ROW: Row = {
  ...{ wrapped: new Uint8Array(60).fill(1), kek: 1, kind: 3, made_at: 5, origin: 'bristol' },
}

function newKeys() {
  const time = new SimulatedTime()
  const kept = new KeptKeys({ site, clock: time.view() })
  let opened = 0
  const open = () => {
    opened++
    return { holder, key: SecretBytes.copyOf(new Uint8Array(32).fill(7)) }
  }
  const lend = (row: Row = ROW, counter?: WrapCounter) => kept.lend(id, row, { counter, open })
  return { time, kept, lend, opened: () => opened }
}

test('a key is opened once for as long as its row stays as it is', () => {
  const { lend, opened } = newKeys()
  for (let times = 0; times < 3; times++) lend()[Symbol.dispose]()
  assert.equal(opened(), 1)
  for (const changed of [
    { wrapped: new Uint8Array(60).fill(1).with(59, 2) },
    { kek: 2 },
    { kind: 1 },
    { made_at: 6 },
    { origin: 'cambridge' },
  ]) {
    const before = opened()
    lend({ ...ROW, ...changed })[Symbol.dispose]()
    assert.equal(opened(), before + 1, JSON.stringify(Object.keys(changed)))
  }
})

test('a key does not stay for longer than some minutes, nor once it is forgotten', async () => {
  const { lend, opened, kept, time } = newKeys()
  lend()[Symbol.dispose]()
  await time.advance(5 * 60_000)
  lend()[Symbol.dispose]()
  assert.equal(opened(), 2)
  kept.forget(id)
  lend()[Symbol.dispose]()
  assert.equal(opened(), 3)
})

test('a key that is lent works until it comes back, and not a moment longer', () => {
  const { lend, kept } = newKeys()
  const [one, other] = [lend(), lend()]
  const { wrapping } = other
  kept.forget(id)
  one[Symbol.dispose]()
  one[Symbol.dispose]()
  assert.throws(() => one.trail, { name: 'AssertionFailure' })
  assert.equal(other.trail.tag(epochMs(0)).length, 16)
  other[Symbol.dispose]()
  assert.throws(() => other.chart, { name: 'AssertionFailure' })
  const wrap = { keyId: new Uint8Array(16), nonce: new Uint8Array(12) }
  const sealed = { commitment: new Uint8Array(32), sealed: new Uint8Array(48) }
  assert.throws(() => wrapping.unwrap({ ...wrap, ...sealed }, new Uint8Array(64)), {
    name: 'AssertionFailure',
  })
})

test('a key that only opens is never lent to who wraps', () => {
  const { lend, opened } = newKeys()
  lend()[Symbol.dispose]()
  const counter = new WrapCounter(3)
  const writing = lend(ROW, counter)
  assert.equal(writing.wrapping.counter, counter)
  const reading = lend()
  assert.equal(reading.wrapping.counter, counter)
  assert.equal(opened(), 2)
  const [writingOn, anew] = [lend(ROW, counter), lend(ROW, new WrapCounter(9))]
  assert.equal(writingOn.wrapping.counter, counter)
  assert.equal(anew.wrapping.counter?.used, 9)
  assert.equal(opened(), 3)
  for (const key of [writing, reading, writingOn, anew]) key[Symbol.dispose]()
})
