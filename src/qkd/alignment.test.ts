/**
 * Drift is aligned away; what only looks like drift is not, and never becomes the usual.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '#base'
import { AlarmBoard } from './alarm-board.ts'
import { ErrorTrend } from './alarms-trend.ts'
import { ALIGNMENTS_AN_HOUR_MAX, AlignmentWatch } from './alignment.ts'
import type { AlarmKind } from './effects.ts'
import { drawBatch, randomFrom, tinyLink, TINY_WEATHER } from './fixture.test.ts'
import { LoopbackLink } from './loopback.ts'
import { announce } from './sifting.ts'
import { TransmitterDesk } from './sifting-desk.ts'

const DETECTIONS = 20_000
const HOUR = 3_600_000

/** A watch over blocks whose error rates a test chooses, one batch a block, one second each. */
function watched() {
  const told: string[] = []
  const board = new AlarmBoard(({ kind, state }) => told.push(`${kind} ${state}`))
  const clock = { ms: 0 }
  let asked = 0
  let batch = 0
  const watch = new AlignmentWatch({
    board,
    trend: new ErrorTrend(board),
    qberMax: 0.08,
    nowMs: () => clock.ms,
    ask: (cause) => {
      asked++
      told.push(`align ${cause}`)
    },
    ended: ({ cause, outcome }) => told.push(`${cause} ${outcome}`),
  })
  const block = (rate: number, firstBatch = batch): void => {
    const errors = Math.round(rate * DETECTIONS)
    watch.block({ testErrors: [errors], testDetections: [DETECTIONS], firstBatch })
    batch++
    clock.ms += 1000
  }
  const blocks = (count: number, rate: (at: number) => number): void => {
    for (let at = 0; at < count; at++) block(rate(at))
  }
  /** The devices answer: batches from the next on, or from a later one, came after it. */
  const aligned = (later = 0): void => watch.aligned(batch + later)
  const taken = (): string[] => told.splice(0)
  return { watch, board, clock, block, blocks, aligned, taken, asked: () => asked }
}

/** A link that was aligned at its start and then ran well. */
function running() {
  const link = watched()
  link.watch.opened()
  link.aligned()
  link.blocks(8, () => 0.01)
  assert.deepEqual(link.taken(), ['align start', 'start done'])
  return link
}

const creep = (at: number): number => 0.01 + 0.001 * at

/** As `running`, with a rate that has crept up until an alignment was asked for. */
function drifting() {
  const link = running()
  const before = link.asked()
  for (let at = 0; link.asked() === before; at++) {
    assert(at < 30, 'drift is recognised')
    link.block(creep(at))
  }
  assert.deepEqual(link.taken(), ['alignment-drift raised', 'align drift'])
  return link
}

test('a link is aligned when its first session opens, not at every later one', () => {
  const { watch, taken, aligned } = watched()
  watch.opened()
  aligned()
  watch.closed()
  watch.opened()
  assert.deepEqual(taken(), ['align start', 'start done'])
})

test('an alignment that the end of a session cut short is asked for again', () => {
  const { watch, taken, aligned } = watched()
  watch.opened()
  watch.closed()
  aligned()
  watch.opened()
  assert.deepEqual(taken(), ['align start', 'start cut-short', 'align start'])
})

test('a rate that creeps up asks for one alignment; two whole blocks after it show it helped', () => {
  const { block, aligned, taken } = drifting()
  block(0.022)
  aligned(1)
  block(0.022) // Begun before the alignment was over: it says nothing of it.
  assert.deepEqual(taken(), [])
  block(0.01)
  assert.deepEqual(taken(), ['alignment-drift cleared'])
  block(0.01)
  assert.deepEqual(taken(), ['drift sound'])
})

test('a rate that an alignment does not bring back is an alarm, until it comes back by itself', () => {
  const { block, blocks, aligned, taken } = drifting()
  aligned()
  blocks(2, () => 0.022)
  assert.deepEqual(taken(), ['alignment-failed raised', 'drift failed'])
  // Nobody gets used to it: it stands however long it lasts, and whatever else creeps up.
  blocks(100, (at) => 0.022 + 0.0002 * at)
  assert.deepEqual(taken(), [])
  blocks(20, () => 0.01)
  assert.deepEqual(taken().toSorted(), ['alignment-drift cleared', 'alignment-failed cleared'])
  block(0.01)
})

test('what is nearly as good as ever is sound, and still does not become the best', () => {
  const { block, blocks, aligned, taken } = drifting()
  aligned()
  blocks(3, () => 0.014)
  assert(taken().includes('drift sound'))
  blocks(17, (at) => 0.014 + 0.001 * at)
  assert.deepEqual(taken(), ['alignment-drift raised', 'align drift'])
  aligned()
  blocks(2, () => 0.021)
  assert.deepEqual(taken(), ['alignment-failed raised', 'drift failed'])
  block(0.021)
})

test('after an alignment that helped, the rates before it are forgotten', () => {
  const { blocks, aligned, taken } = drifting()
  blocks(25, (at) => 0.02 + 0.001 * at)
  aligned()
  blocks(2, () => 0.01)
  assert.deepEqual(taken(), ['alignment-drift cleared', 'drift sound'])
  blocks(10, () => 0.01)
  assert.deepEqual(taken(), [])
})

test('a rate over the limit has an alarm of its own, and is no trend', () => {
  const { blocks, taken } = watched()
  blocks(40, (at) => 0.09 + 0.001 * at)
  assert.deepEqual(taken(), [])
})

test('a block knows the first batch that was sifted into it', () => {
  const parameters = tinyLink()
  const closed: (number | undefined)[] = []
  const desk = new TransmitterDesk({
    parameters,
    say: () => undefined,
    closed: ({ sifted }) => closed.push(sifted.firstBatch),
  })
  const random = new SeededRandom(1)
  for (let batch = 7; batch < 31; batch += 2) {
    const drawn = drawBatch(random, batch, 20_000, {
      ...{ pulses: parameters.pulses, weather: TINY_WEATHER },
    })
    const { slotCount, simulated } = drawn.detections
    const { announcement } = announce(drawn.detections)
    const message = { kind: 'detections', batch, slotCount, simulated, ...announcement } as const
    desk.announced(message, new Uint8Array(0))
    desk.chosen(drawn.choices, true)
  }
  // Four batches of 20,000 detections hold 18,000 bits of the key basis.
  assert.deepEqual(closed, [7, 15, 23])
})

test('what no alignment cured is tried again after an hour, and stays an alarm', () => {
  const { clock, blocks, aligned, taken } = drifting()
  aligned()
  blocks(2, () => 0.022)
  taken()
  clock.ms += HOUR - 10_000
  blocks(3, () => 0.022)
  assert.deepEqual(taken(), [])
  clock.ms += 10_000
  blocks(1, () => 0.022)
  assert.deepEqual(taken(), ['align drift'])
  aligned()
  blocks(2, () => 0.022)
  assert.deepEqual(taken(), ['drift failed'])
})

test('each mark of an attack forbids it: a jump, decoys, light, lost trust, a rate over the limit', () => {
  const marks: readonly AlarmKind[] = [
    ...(['qber-above-limit', 'decoy-statistics', 'rate-collapse', 'rate-surge'] as const),
    ...(['photocurrent', 'double-clicks', 'detector-balance', 'arrival-times'] as const),
    ...(['incoming-light', 'source-health', 'peer-device'] as const),
  ]
  for (const kind of marks) {
    const { board, blocks, taken } = running()
    board.condition(kind, true)
    blocks(30, creep)
    assert.deepEqual(taken(), [`${kind} raised`, 'alignment-drift raised'], kind)
    board.condition(kind, false)
    blocks(1, () => 0.039)
    assert.deepEqual(taken(), [`${kind} cleared`, 'align drift'], kind)
  }
  const { blocks, taken } = running()
  blocks(5, () => 0.03)
  blocks(5, () => 0.1)
  assert.deepEqual(taken(), ['error-step raised'])
})

test('few pads are no mark of an attack', () => {
  const { board, blocks, asked } = running()
  board.condition('authentication-low', true)
  blocks(30, creep)
  assert.equal(asked(), 2)
})

test('after a failed tag some blocks must pass before an alignment', () => {
  for (const kind of ['authentication-failed', 'peer-misbehaved'] as const) {
    const { board, block, taken } = running()
    for (let at = 0; at < 30; at++) {
      board.event(kind)
      block(creep(at))
    }
    assert(!taken().includes('align drift'))
    for (let at = 0; at < 2; at++) block(0.039)
    assert.deepEqual(taken(), [])
    block(0.039)
    assert.deepEqual(taken(), ['align drift'])
  }
})

test('a link asks for so many alignments in any hour and no more; an operator may', () => {
  const { watch, clock, blocks, aligned, asked, taken } = running()
  /** One drift, and what was asked while it lasted. */
  const once = (): number => {
    const before = asked()
    blocks(20, creep)
    aligned()
    blocks(20, () => 0.01)
    return asked() - before
  }
  // The one at the start was the first.
  for (let at = 1; at < ALIGNMENTS_AN_HOUR_MAX; at++) assert.equal(once(), 1)
  assert.equal(once(), 0)
  assert(taken().includes('alignment-drift cleared'))
  watch.askedFor()
  assert.deepEqual(taken(), ['align operator'])
  aligned()
  blocks(2, () => 0.01)
  clock.ms += HOUR
  assert.equal(once(), 1)
})

test('an operator may align whatever the signs; what was a jump then ends', () => {
  const { watch, blocks, aligned, taken } = running()
  blocks(3, () => 0.05)
  watch.askedFor()
  watch.askedFor()
  aligned()
  blocks(2, () => 0.01)
  assert.deepEqual(taken(), [
    ...['error-step raised', 'align operator', 'error-step cleared', 'operator sound'],
  ])
})

test('a device that refuses leaves the drift an alarm, and is asked again', () => {
  const { watch, blocks, taken } = drifting()
  watch.refused()
  blocks(1, () => 0.022)
  assert.deepEqual(taken(), ['drift refused', 'align drift'])
})

test('the end that has no device to align never asks', () => {
  const told: string[] = []
  const board = new AlarmBoard(({ kind }) => told.push(kind))
  const watch = new AlignmentWatch({
    ...{ board, trend: new ErrorTrend(board), qberMax: 0.08, ask: undefined, nowMs: () => 0 },
    ended: () => assert.fail('there was no alignment'),
  })
  watch.opened()
  watch.askedFor()
  for (let at = 0; at < 40; at++) {
    const testErrors = [Math.round(creep(at) * DETECTIONS)]
    watch.block({ testErrors, testDetections: [DETECTIONS], firstBatch: at })
  }
  assert.deepEqual(told, ['alignment-drift'])
})

/** Two engines over light that turns a little with each batch, and devices that can undo that. */
function turningLink(options: { readonly aligns: boolean; readonly seed: number }) {
  const parameters = tinyLink({ qberMax: 0.2 })
  const random = new SeededRandom(options.seed)
  const light = { radians: 0, eavesdropped: 0 }
  let batch = 0
  const link = new LoopbackLink({
    parameters,
    random: {
      ...{ transmitter: randomFrom(1), receiver: randomFrom(2), bootstrap: randomFrom(3) },
    },
    ...(options.aligns
      ? {
          align: () => {
            light.radians = 0
            return batch
          },
        }
      : {}),
  })
  const send = (radiansMore: number, eavesdroppedMore = 0): void => {
    light.radians += radiansMore
    light.eavesdropped = Math.min(1, light.eavesdropped + eavesdroppedMore)
    const turned = Math.sin(light.radians) ** 2
    const errorRate = Math.max(TINY_WEATHER.errorRate, turned) + light.eavesdropped / 4
    const weather = { ...TINY_WEATHER, errorRate }
    const { detections, choices } = drawBatch(random, batch, 20_000, {
      ...{ pulses: parameters.pulses, weather },
    })
    batch++
    link.feed(detections, choices)
  }
  const { reports, alarms, alignments } = link.ends.receiver
  const told = () => alarms.map(({ kind, state }) => `${kind} ${state}`)
  const lengths = () => reports.map(({ keyLength }) => keyLength?.secretBits ?? 0)
  return { send, reports, alignments, told, lengths }
}

test('light that turns slowly goes on making keys where the devices align, and none where not', () => {
  const [with_, without] = [true, false].map((aligns) => {
    const link = turningLink({ aligns, seed: 5 })
    for (let batch = 0; batch < 160; batch++) link.send(0.0022)
    return link
  })
  assert(
    without
      .lengths()
      .slice(-10)
      .every((bits) => bits === 0),
  )
  assert(without.told().includes('alignment-drift raised'))
  assert(with_.lengths().every((bits) => bits > 3000))
  assert(with_.alignments.filter(({ outcome }) => outcome === 'sound').length >= 2)
  assert(!with_.told().includes('alignment-failed raised'))
})

test('Eve who listens to a little more with each block is not aligned away, and gets what the counts say', () => {
  const feigned = turningLink({ aligns: true, seed: 6 })
  for (let batch = 0; batch < 120; batch++) feigned.send(0, 0.003)
  assert.deepEqual(
    feigned.alignments.map(({ cause, outcome }) => `${cause} ${outcome}`),
    ['start done', 'drift failed'],
  )
  const told = feigned.told()
  assert(told.indexOf('alignment-failed raised') > told.indexOf('alignment-drift raised'))
  assert(!told.includes('alignment-failed cleared') && !told.includes('alignment-drift cleared'))
  // The same light without any alignment: each block is worth the same, bit for bit.
  const left = turningLink({ aligns: false, seed: 6 })
  for (let batch = 0; batch < 120; batch++) left.send(0, 0.003)
  assert.deepEqual(feigned.lengths(), left.lengths())
  assert(feigned.lengths()[0] > 0 && feigned.lengths().at(-1) === 0)
})
