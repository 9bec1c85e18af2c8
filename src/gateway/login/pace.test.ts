import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pace } from './pace.ts'

test('a source begins so often in a minute, and another is not in its way', () => {
  const pace = new Pace(2)
  const begun = ['a', 'a', 'a', 'b'].map((source) => pace.allows(source, 59_999))
  assert.deepEqual(begun, [true, true, false, true])
  assert.equal(pace.allows('a', 60_000), true)
})

test('many sources at once are no way around', () => {
  const pace = new Pace(2)
  for (let at = 0; at < 10_000; at++) assert(pace.allows(`s${at}`, 0))
  assert.equal(pace.allows('one more', 0), false)
  assert.equal(pace.allows('s1', 0), true)
})
