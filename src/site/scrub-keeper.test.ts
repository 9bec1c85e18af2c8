/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HOUR_MS, PortRefusal } from '#base'
import type { ScrubFinding } from '#vault'
import { MemoryLog, SimulatedTime } from '#world/ports'
import { ScrubKeeper } from './scrub-keeper.ts'

const fault = {
  kind: 'fault',
  part: 'versions',
  place: 'vault_edition x 1',
  problem: 'gone',
} as const

/** A keeper over what each look finds, and what it raised and cleared. */
function kept(looks: readonly (readonly ScrubFinding[] | Error)[]) {
  const time = new SimulatedTime()
  const told: string[] = []
  let look = 0
  let besides = 0
  let sweeps = 0
  const log = new MemoryLog()
  const keeper = new ScrubKeeper({
    ...{ clock: time.view(), log },
    alarms: {
      raise: ({ kind, message }) => Promise.resolve(void told.push(`${kind}: ${message}`)),
      clear: (kind) => Promise.resolve(void told.push(`clear ${kind}`)),
    },
    // eslint-disable-next-line @typescript-eslint/require-await -- as a real scrub, which awaits
    scrub: async function* () {
      const found = looks[Math.min(look++, looks.length - 1)]
      if (found instanceof Error) throw found
      yield* found
    },
    sweep: ({ aborted }) => {
      assert(!aborted)
      sweeps++
      return sweeps === 1
        ? Promise.reject(new PortRefusal('BLOBS_UNREACHED', 'away'))
        : Promise.resolve(2)
    },
    besides: () => {
      besides++
      return besides === 2 ? Promise.reject(new Error('full')) : Promise.resolve()
    },
  })
  return {
    time,
    told,
    keeper,
    log,
    looks: () => look,
    besides: () => besides,
    sweeps: () => sweeps,
  }
}

const done = (faults: number): ScrubFinding => ({
  kind: 'done',
  faults,
  checked: { versions: 7 },
})

test('everything is verified some hours after the start, and once a day from then on', async () => {
  const { time, keeper, looks, told } = kept([[done(0)]])
  keeper.start()
  await time.advance(5 * HOUR_MS)
  assert.deepEqual([looks(), keeper.last], [0, undefined])
  await time.advance(2 * HOUR_MS)
  assert.deepEqual([looks(), keeper.last?.faults, keeper.last?.versions], [1, 0, 7])
  await time.advance(48 * HOUR_MS)
  assert.equal(looks(), 3)
  assert.deepEqual(told, Array<string>(3).fill('clear vault.doubted'))
  await keeper.stop()
  await time.advance(72 * HOUR_MS)
  assert.equal(looks(), 3)
})

test('what is wrong is an alarm that names its place, until nothing is', async () => {
  const { time, keeper, told } = kept([[fault, done(3)], [done(0)]])
  keeper.start()
  await time.advance(7 * HOUR_MS)
  assert.equal(keeper.last?.faults, 3)
  await time.advance(24 * HOUR_MS)
  assert.deepEqual(told, [
    'vault.doubted: 3 found, first vault_edition x 1: gone; see photonward audit verify',
    'clear vault.doubted',
  ])
  await keeper.stop()
})

test('a look that cannot be ended says so, and the next is made all the same', async () => {
  const { time, keeper, looks, log } = kept([new Error('The disk is away'), [done(0)]])
  keeper.start()
  await time.advance(7 * HOUR_MS)
  assert.equal(keeper.last, undefined)
  assert(log.lines.some(({ event }) => event === 'scrub.not-ended'))
  await time.advance(24 * HOUR_MS)
  assert.equal(looks(), 2)
  await keeper.stop()
})

test('files that belong to nothing are looked for at the start and after each look, for all failures', async () => {
  const { time, keeper, log, sweeps } = kept([[done(0)]])
  keeper.start()
  await time.advance(1)
  assert.equal(sweeps(), 1)
  assert.deepEqual(log.lines.at(-1)?.event, 'blobs.not-swept')
  assert.equal(log.lines.at(-1)?.facts['code'], 'BLOBS_UNREACHED')
  await time.advance(7 * HOUR_MS)
  assert.equal(sweeps(), 2)
  assert.deepEqual(
    log.lines.filter(({ event }) => event === 'blobs.swept').map(({ facts }) => facts),
    [{ files: 2 }],
  )
  await keeper.stop()
  await time.advance(72 * HOUR_MS)
  assert.equal(sweeps(), 2)
})

test('what is done besides follows each look, even one that failed, and its failure ends nothing', async () => {
  const { time, keeper, looks, log, besides } = kept([[done(0)], new Error('no')])
  keeper.start()
  await time.advance(7 * HOUR_MS)
  assert.deepEqual([looks(), besides()], [1, 1])
  await time.advance(48 * HOUR_MS)
  assert.deepEqual([looks(), besides()], [3, 3])
  assert(log.lines.some(({ event }) => event === 'scrub.besides-failed'))
  await keeper.stop()
})
