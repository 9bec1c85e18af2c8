import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cambridge, grow, link, makeKeys, origin, twoEnds } from './two-ends.test.ts'

test('a survey tells of each block where it comes from, what is left, and what was given out', async () => {
  const ends = await twoEnds()
  const { a, b } = ends
  await grow(ends, 1)
  const [whole] = a.keys.survey()
  assert.deepEqual([whole.link, whole.peer, whole.state], [link, cambridge, 'available'])
  assert.equal(whole.provenance.parts[0].source, origin.source)
  assert.equal(whole.givenOctets, 0)
  assert.equal(whole.freeOctets, 256)
  const made = await makeKeys(ends, { number: 2 })
  for (const end of [a, b]) {
    await end.open()
    const [block] = end.keys.survey()
    assert.equal(block.givenOctets, 64)
    assert.equal(block.freeOctets, whole.freeOctets - 64)
  }
  const at = { link, epoch: whole.epoch, sequence: whole.sequence }
  assert.deepEqual(await b.keys.keysOfBlock(at), [...made.keys()].toSorted())
  assert.deepEqual(await a.keys.keysOfBlock(at), [], 'its own keys are in the log')
  assert.deepEqual(await b.keys.keysOfBlock({ ...at, sequence: at.sequence + 1 }), [])
})

test('of a block that is voided nothing is left, and what was given out is remembered', async () => {
  const ends = await twoEnds()
  await grow(ends, 1)
  await makeKeys(ends, { number: 1 })
  const { keys } = ends.a
  const { epoch, sequence } = keys.survey()[0]
  await keys.voidBlock({ link, position: { epoch, sequence }, cause: 'test' })
  const [block] = keys.survey()
  assert.deepEqual([block.state, block.freeOctets, block.givenOctets], ['voided', 0, 32])
})
