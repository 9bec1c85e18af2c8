/**
 * One message out of order or out of time, for each message from the first hello to the last word
 * of a block.
 *
 * @module
 */

import { test } from 'node:test'
import type { Role } from './authentication.ts'
import { survey } from './survey.test.ts'

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
