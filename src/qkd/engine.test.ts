import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pair, ROLES } from './fixture.test.ts'

test('two engines distil equal keys from the same detections', () => {
  const pair = new Pair(1)
  pair.connect()
  for (let batch = 0; batch < 40; batch++) pair.feed()
  const [a, b] = ROLES.map((role) => pair.hosts[role])
  assert(a.held.size >= 3)
  assert.deepEqual([...a.held.keys()], [...b.held.keys()])
  for (const [name, block] of a.held) {
    assert.equal(block.state, 'usable')
    assert.deepEqual(block.key, b.held.get(name)?.key)
  }
  const alarms = [...a.effects, ...b.effects].filter(({ kind }) => kind === 'alarm')
  assert.deepEqual(alarms, [])
})
