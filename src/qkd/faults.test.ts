/**
 * One fault on one message, for each message from the first hello to the last word of a block.
 *
 * Whatever happens, no key is usable at one end only or differs, nothing hangs once time has passed,
 * and the next block succeeds.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '#base'
import type { Role } from './authentication.ts'
import { Pair, TINY_WEATHER, tinyLink, type Interceptor } from './fixture.test.ts'

/** Detections that close one block. */
const BLOCK = 76_000

const newPair = (): Pair => {
  const pair = new Pair(1, tinyLink())
  pair.weather = TINY_WEATHER
  return pair
}

/** Messages of an undisturbed session up to its first usable block. */
const messages = (() => {
  const pair = newPair()
  pair.connect()
  pair.feed(BLOCK)
  assert.equal(pair.usable().length, 1)
  return pair.messages
})()

/** Runs the first block under a fault and a second one without. */
function survive(fault: Interceptor, what: string): Pair {
  const pair = newPair()
  pair.intercept = fault
  pair.connect()
  pair.feed(BLOCK)
  pair.intercept = (octets) => [octets]
  for (let ticks = 0; ticks < 3; ticks++) pair.tick(pair.parameters.stallMs)
  pair.recover()
  const before = pair.usable().length
  for (let batches = 0; batches < 2 && pair.usable().length === before; batches++) pair.feed(BLOCK)
  assert.equal(pair.usable().length, before + 1, `${what}: the next block gives a key`)
  for (const { engine } of Object.values(pair.hosts)) {
    const { account, blocksInFlight } = engine.status()
    assert.equal(blocksInFlight, 0, `${what}: nothing is left in flight`)
    const { siftedBits, ...parts } = account
    const sum = Object.values(parts).reduce((total, bits) => total + bits, 0)
    assert.equal(sum, siftedBits, `${what}: bits are conserved`)
  }
  return pair
}

/** A survey of one kind of fault over all messages. */
function survey(kind: string, faultAt: (at: number) => Interceptor): void {
  for (let at = 0; at < messages; at++) survive(faultAt(at), `${kind} message ${at}`)
}

test('a lost message costs at most its block or its session', () => {
  survey('losing', (at) => (octets, index) => (index === at ? [] : [octets]))
})

test('a message that comes twice costs at most its block or its session', () => {
  survey('doubling', (at) => (octets, index) => (index === at ? [octets, octets] : [octets]))
})

test('two messages in the wrong order cost at most their block or their session', () => {
  survey('swapping', (at) => {
    let held: { readonly octets: Uint8Array; readonly from: Role } | undefined
    return (octets, index, from) => {
      if (index === at) {
        held = { octets, from }
        return []
      }
      if (held?.from !== from) return [octets]
      const late = held.octets
      held = undefined
      return [octets, late]
    }
  })
})

test('an older message said again costs at most its block or its session', () => {
  survey('replaying', (at) => {
    const said: Record<Role, Uint8Array[]> = { transmitter: [], receiver: [] }
    return (octets, index, from) => {
      const older = said[from].at(-3)
      said[from].push(octets.slice())
      return index === at && older !== undefined ? [octets, older] : [octets]
    }
  })
})

test('a changed bit costs at most its block or its session', () => {
  survey('changing', (at) => (octets, index) => {
    if (index !== at) return [octets]
    const changed = new Uint8Array(octets)
    const random = new SeededRandom(at)
    changed[random.below(changed.length)] ^= 1 << random.below(8)
    return [changed]
  })
})
