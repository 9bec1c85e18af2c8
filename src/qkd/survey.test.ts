/**
 * A survey of one fault on each message from the first hello to the last word of a block.
 *
 * Whatever happens, no key is usable at one end only or differs, nothing hangs once time has
 * passed, bits are conserved, and the next block succeeds.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pair, TINY_WEATHER, tinyLink, type Interceptor } from './fixture.test.ts'
import type { LinkChoices } from './parameters.ts'

/** Detections that close one block. */
const BLOCK = 76_000

const newPair = (choices: Partial<LinkChoices> = {}): Pair => {
  const pair = new Pair(1, tinyLink(choices))
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

/** Runs the first block under a fault, cuts the connection if asked to, and runs a second block. */
export function survive(
  fault: Interceptor,
  what: string,
  options: { readonly choices?: Partial<LinkChoices>; readonly cut?: () => boolean } = {},
): Pair {
  const pair = newPair(options.choices)
  pair.intercept = fault
  pair.connect()
  pair.feed(BLOCK)
  pair.intercept = (octets) => [octets]
  for (let ticks = 0; ticks < 3; ticks++) pair.tick(pair.parameters.stallMs)
  if (options.cut?.() === true) pair.cut()
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
export function survey(kind: string, faultAt: (at: number) => Interceptor): void {
  for (let at = 0; at < messages; at++) survive(faultAt(at), `${kind} message ${at}`)
}

test('an undisturbed session gives a key in as many messages each time', () => {
  const pair = survive((octets) => [octets], 'nothing')
  assert.equal(pair.usable().length, 2)
  assert(messages > 50)
})
