/**
 * One message lost or said twice, for each message from the first hello to the last word of a
 * block.
 *
 * @module
 */

import { test } from 'node:test'
import { survey } from './survey.test.ts'

test('a lost message costs at most its block or its session', () => {
  survey('losing', (at) => (octets, index) => (index === at ? [] : [octets]))
})

test('a message that comes twice costs at most its block or its session', () => {
  survey('doubling', (at) => (octets, index) => (index === at ? [octets, octets] : [octets]))
})
