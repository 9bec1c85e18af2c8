/**
 * The law of every protocol: one bit of any message changed costs at most its block.
 *
 * @module
 */

import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Pair, type Weather } from './fixture.test.ts'
import type { LinkParameters } from './parameters.ts'

/**
 * Changes any bit of any message of a short run, lets both ends find out, and sees that the next
 * block is made, with equal keys.
 *
 * @param about.batches   fed while the bit is changed; more than make one block
 * @param about.again     batches of which the next block must come
 */
export function expectOneBlockLost(about: {
  readonly seed: number
  readonly parameters: LinkParameters
  readonly weather: Weather
  readonly batches: number
  readonly again: number
  readonly runs: number
}): void {
  const { seed, parameters, weather, batches, again, runs } = about
  const undisturbed = new Pair(seed, parameters)
  run(undisturbed)
  assert(undisturbed.usable().length >= 1)
  fc.assert(
    fc.property(fc.nat(undisturbed.messages - 1), fc.nat(), fc.nat(7), (which, octet, bit) => {
      const pair = new Pair(seed, parameters)
      pair.intercept = (octets, index) => {
        if (index !== which) return [octets]
        const changed = octets.slice()
        changed[octet % changed.length] ^= 1 << bit
        return [changed]
      }
      run(pair)
      for (let ticks = 0; ticks < 3; ticks++) pair.tick(parameters.stallMs)
      pair.recover()
      const before = pair.usable().length
      for (let batch = 0; batch < again && pair.usable().length === before; batch++) pair.feed()
      assert.equal(pair.usable().length, before + 1, `message ${which}, octet ${octet}, bit ${bit}`)
    }),
    { seed: 4, numRuns: runs },
  )

  function run(pair: Pair): void {
    pair.weather = weather
    pair.connect()
    for (let batch = 0; batch < batches; batch++) pair.feed()
  }
}
