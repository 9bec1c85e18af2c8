/**
 * One bit of one message changed, for each message from the first hello to the last word of a
 * block.
 *
 * @module
 */

import { test } from 'node:test'
import { SeededRandom } from '#base'
import { survey } from './survey.test.ts'

test('a changed bit costs at most its block or its session', () => {
  survey('changing', (at) => (octets, index) => {
    if (index !== at) return [octets]
    const changed = new Uint8Array(octets)
    const random = new SeededRandom(at)
    changed[random.below(changed.length)] ^= 1 << random.below(8)
    return [changed]
  })
})
