/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HandedShares } from '#contract'
import { MemoryDisk, MemoryLog, seededRandom, SimulatedTime } from '#world/ports'
import { protectRootKey } from './changing.ts'
import { createRootKey } from './root-key.ts'
import { openUnsealing } from './unsealing.ts'

test('shares are given one at a time, by whoever has one, until they are enough', async () => {
  const { unsealing, lines, secret } = await sealed()
  assert.deepEqual((await unsealing.offer(lines[4])).given, [5])
  const view = await unsealing.offer(lines[0])
  assert.deepEqual([view.state, view.given, view.threshold, view.shares], ['sealed', [1, 5], 3, 5])
  assert.equal((await unsealing.offer(lines[2])).state, 'opening')
  const { root, form, refused } = await unsealing.opened
  assert.deepEqual([form, refused], ['shares', 0])
  assert.deepEqual(root.secret.reveal(), secret)
  // Whoever comes late is told so.
  assert.equal((await unsealing.offer(lines[1])).state, 'opening')
})

test('a wrong share is named and its answer comes late, later each time', async () => {
  const { unsealing, lines, time, log } = await sealed()
  const foreign = (await sealed(7)).lines[0]
  await unsealing.offer(lines[0])
  for (const [wrong, code, delayMs] of [
    [foreign, 'SHARE_FOREIGN_DENIED', 1000],
    [lines[0], 'SHARE_REPEATED_DENIED', 2000],
    [lines[1].slice(0, -1), 'SHARE_INVALID', 4000],
    ['correct horse battery', 'SHARE_INVALID', 8000],
  ] as const) {
    let isAnswered = false
    const refused = assert.rejects(unsealing.offer(wrong), { code }).finally(() => {
      isAnswered = true
    })
    await time.advance(delayMs - 1)
    assert(!isAnswered, `${code} is answered after ${delayMs} ms`)
    await time.advance(1)
    await refused
  }
  const { given, refused } = unsealing.view
  assert.deepEqual([given, refused], [[1], 4], 'the good one still counts')
  assert.equal(log.lines.filter(({ event }) => event === 'unseal-refused').length, 4)
  assert(!JSON.stringify(log.lines).includes(lines[0].slice(10)))
})

test('shares that wait too long for others are forgotten', async () => {
  const { unsealing, lines, time } = await sealed()
  await unsealing.offer(lines[0])
  await unsealing.offer(lines[1])
  await time.advance(15 * 60_000 + 1)
  assert.deepEqual(unsealing.view.given, [])
  assert.equal((await unsealing.offer(lines[2])).state, 'sealed')
})

test('only so many may wait for their turn', async () => {
  const { unsealing, lines } = await sealed()
  const offers = Array.from({ length: 9 }, () => unsealing.offer('wrong'))
  await assert.rejects(offers[8], { code: 'UNSEAL_TRY_AGAIN' })
  void Promise.allSettled(offers)
  assert.equal(lines.length, 5)
})

async function sealed(seed = 1) {
  const disk = new MemoryDisk()
  using root = await createRootKey(disk, seededRandom(seed), undefined)
  const secret = new Uint8Array(root.secret.reveal())
  const handed: HandedShares[] = []
  const handOut = (shares: HandedShares): Promise<void> => Promise.resolve(void handed.push(shares))
  const next = { form: 'shares', counts: { shares: 5, threshold: 3 }, handOut } as const
  await protectRootKey(disk, seededRandom(seed + 1), { present: undefined, next })
  const time = new SimulatedTime()
  const log = new MemoryLog()
  const unsealing = await openUnsealing({ disk, log, clock: time.view() })
  return { unsealing, lines: handed[0].lines, secret, time, log }
}
