/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom } from '#crypto'
import { seededRandom } from '#world/ports'
import { ChoiceMemory } from './choice-memory.ts'
import type { DetectionBatch } from './device.ts'
import {
  CHOICE_BATCHES_MAX,
  RECEIVER_BATCHES_MAX,
  SimulatedFibre,
  type FibreOptions,
} from './fibre.ts'
import { idealDetector, roughLink, testLink } from './fixtures.test.ts'
import { RandomWords } from './random-words.ts'
import type { ChoiceRecord } from './record.ts'
import { OpticsRefusal, type OpticsRefusalCode } from './refusal.ts'
import { BatchSimulator } from './simulate.ts'

const refusedWith = (code: OpticsRefusalCode) => (error: unknown) =>
  error instanceof OpticsRefusal && error.code === code

const fibreOf = (options: Partial<FibreOptions> = {}): SimulatedFibre =>
  new SimulatedFibre({
    link: roughLink,
    random: seededRandom(1, 'fibre'),
    allowSimulatedRandomness: true,
    batchSlots: 20_000,
    ...options,
  })

/** Lets everything that waits go on. */
const settle = (): Promise<void> => new Promise((resume) => void setImmediate(resume))

/** A fibre whose receiver hands each batch to a list at once. */
function watched(options: Partial<FibreOptions> = {}): {
  fibre: SimulatedFibre
  taken: DetectionBatch[]
} {
  const fibre = fibreOf(options)
  const taken: DetectionBatch[] = []
  fibre.receiver.receive((detections) => void taken.push(detections))
  return { fibre, taken }
}

test('on a link without errors both ends share every sifted bit', async () => {
  const { fibre, taken } = watched({ link: testLink() })
  for (let batch = 0; batch < 5; batch++) fibre.produce()
  await settle()
  assert.deepEqual(
    taken.map(({ batch }) => batch),
    [0, 1, 2, 3, 4],
  )
  for (const { batch, slots, outcomes } of taken) {
    const { choices } = await fibre.transmitter.choicesAt(batch, slots)
    assert.ok(choices.length > 500)
    let sifted = 0
    for (const [at, choice] of choices.entries()) {
      if ((choice & 1) !== (outcomes[at] & 1)) continue
      sifted++
      assert.equal(choice & 3, outcomes[at])
    }
    assert.ok(sifted > choices.length / 2)
  }
})

test('choices of any slot can be asked for, detected or not, and are alike', async () => {
  const { fibre, taken } = watched({ batchSlots: 100_000 })
  fibre.produce()
  fibre.produce()
  await settle()
  const all = Uint32Array.from({ length: 100_000 }, (_, slot) => slot)
  const { choices } = await fibre.transmitter.choicesAt(0, all)
  const detected = choices.filter((_, slot) => taken[0].slots.includes(slot)).length
  assert.equal(detected, taken[0].slots.length)
  // Over all slots together the law is that of the settings, whatever was detected.
  const shares = [0, 0, 0, 0, 0, 0, 0, 0]
  for (const choice of choices) shares[choice]++
  for (const [choice, count] of shares.entries()) {
    const intensity = choice >> 2 ? 0.3 : 0.7
    const expected = 100_000 * intensity * (choice & 1 ? 0.2 : 0.8) * 0.5
    assert.ok(Math.abs(count - expected) < 5 * Math.sqrt(expected), `choice ${choice}`)
  }
  const some = Uint32Array.of(0, 99_999)
  assert.equal((await fibre.transmitter.choicesAt(1, some)).choices.length, 2)
})

test('an answer has the remembered choice exactly where something was detected', async () => {
  const options = { link: roughLink, allowSimulatedRandomness: true } as const
  const simulator = new BatchSimulator({ ...options, random: seededRandom(1, 'fibre') })
  const { record } = simulator.next(20_000)
  const fibre = fibreOf()
  fibre.produce()
  const every = Uint32Array.from({ length: 20_000 }, (_, slot) => slot)
  const { choices } = await fibre.transmitter.choicesAt(0, every)
  for (const [at, slot] of record.slots.entries()) assert.equal(choices[slot], record.choices[at])
})

test('each batch is answered once', async () => {
  const fibre = fibreOf()
  fibre.produce()
  const slots = Uint32Array.of(1, 2, 3)
  await fibre.transmitter.choicesAt(0, slots)
  await assert.rejects(fibre.transmitter.choicesAt(0, slots), refusedWith('OPTICS_BATCH_REPEATED'))
})

test('a batch that never was, is not yet, or is forgotten has no choices', async () => {
  const fibre = fibreOf({ batchesRememberedMax: 3, batchesQueuedMax: 100 })
  for (let batch = 0; batch < 5; batch++) fibre.produce()
  assert.equal(fibre.counts.batchesRemembered, 3)
  const slots = Uint32Array.of(1)
  for (const batch of [5, -1, 0.5, NaN, 2 ** 60]) {
    const refused = refusedWith('OPTICS_BATCH_UNKNOWN')
    await assert.rejects(fibre.transmitter.choicesAt(batch, slots), refused)
  }
  for (const batch of [0, 1]) {
    const refused = refusedWith('OPTICS_BATCH_FORGOTTEN')
    await assert.rejects(fibre.transmitter.choicesAt(batch, slots), refused)
  }
  for (const batch of [2, 3, 4]) await fibre.transmitter.choicesAt(batch, slots)
})

test('bad slots are refused, and the batch can still be asked for', async () => {
  const fibre = fibreOf({ batchSlots: 10 })
  fibre.produce()
  const bad = [
    Uint32Array.of(1, 1),
    Uint32Array.of(2, 1),
    Uint32Array.of(10),
    Uint32Array.of(2 ** 32 - 1),
    Uint32Array.from({ length: 11 }, (_, slot) => slot),
  ]
  for (const slots of bad) {
    const refused = refusedWith('OPTICS_SLOTS_INVALID')
    await assert.rejects(fibre.transmitter.choicesAt(0, slots), refused)
  }
  const all = Uint32Array.from({ length: 10 }, (_, slot) => slot)
  assert.equal((await fibre.transmitter.choicesAt(0, all)).choices.length, 10)
})

test('a receiver that nobody empties drops whole batches and counts them', async () => {
  const fibre = fibreOf({ batchesQueuedMax: 4 })
  for (let batch = 0; batch < 10; batch++) {
    assert.equal(fibre.produce() === undefined, batch >= 4)
  }
  const refused = refusedWith('OPTICS_BATCH_FORGOTTEN')
  await assert.rejects(fibre.transmitter.choicesAt(9, Uint32Array.of(1)), refused)
  assert.deepEqual(fibre.counts, {
    batches: 10,
    batchesDropped: 6,
    batchesQueued: 4,
    batchesRemembered: 4,
    alignments: 0,
  })
  const taken: number[] = []
  fibre.receiver.receive(({ batch }) => void taken.push(batch))
  await settle()
  fibre.produce()
  await settle()
  assert.deepEqual(taken, [0, 1, 2, 3, 10])
  await assert.rejects(fibre.transmitter.choicesAt(7, Uint32Array.of(1)), refused)
})

test('batches are handed over one at a time, in order', async () => {
  const fibre = fibreOf()
  const taken: number[] = []
  const waiting: (() => void)[] = []
  fibre.receiver.receive(({ batch }) => {
    taken.push(batch)
    return new Promise((resolve) => waiting.push(resolve))
  })
  for (let batch = 0; batch < 3; batch++) fibre.produce()
  for (const expected of [[0], [0, 1], [0, 1, 2]]) {
    await settle()
    assert.deepEqual(taken, expected)
    waiting.shift()?.()
  }
})

test('a receiver that connects again goes on although the old connection never answered', async () => {
  const fibre = fibreOf()
  fibre.receiver.receive(() => new Promise(() => undefined))
  fibre.produce()
  fibre.produce()
  await settle()
  const taken: number[] = []
  fibre.receiver.receive(({ batch }) => void taken.push(batch))
  fibre.produce()
  await settle()
  assert.deepEqual(taken, [1, 2])
})

test('memory is bounded however long a fibre runs', async () => {
  const { fibre } = watched({ batchSlots: 100 })
  const unwatched = fibreOf({ batchSlots: 100 })
  for (let batch = 0; batch < 1000; batch++) {
    fibre.produce()
    unwatched.produce()
    await Promise.resolve()
  }
  assert.ok(fibre.counts.batchesRemembered <= CHOICE_BATCHES_MAX)
  assert.equal(unwatched.counts.batchesQueued, RECEIVER_BATCHES_MAX)
  assert.equal(unwatched.counts.batchesRemembered, RECEIVER_BATCHES_MAX)
})

test('choices are overwritten when they are given out, forgotten or cleared', () => {
  const words = new RandomWords(seededRandom(1))
  const memory = new ChoiceMemory(2, words)
  const simulator = new BatchSimulator({
    link: roughLink,
    random: seededRandom(1),
    allowSimulatedRandomness: true,
  })
  const records: ChoiceRecord[] = []
  for (let batch = 0; batch < 4; batch++) {
    const { record } = simulator.next(5000)
    records.push(record)
    memory.remember(record)
  }
  const overwritten = (): boolean[] =>
    records.map(({ choices }) => choices.every((choice) => choice === 0))
  assert.deepEqual(overwritten(), [true, true, false, false])
  const answer = memory.answer(2, records[2].slots.slice())
  assert.deepEqual(overwritten(), [true, true, true, false])
  assert.ok(answer.choices.some((choice) => choice !== 0))
  memory.clear()
  assert.deepEqual(overwritten(), [true, true, true, true])
  assert.equal(memory.held, 0)
})

test('a closed fibre produces and answers nothing, and forgets what waits', async () => {
  const fibre = fibreOf()
  const ended = fibre.receiver.closed.then(() => 'closed')
  fibre.produce()
  fibre.transmitter.close()
  assert.equal(await ended, 'closed')
  assert.throws(() => fibre.produce(), refusedWith('OPTICS_CLOSED'))
  const refused = refusedWith('OPTICS_CLOSED')
  await assert.rejects(fibre.transmitter.choicesAt(0, Uint32Array.of(1)), refused)
  assert.deepEqual([fibre.counts.batchesQueued, fibre.counts.batchesRemembered], [0, 0])
})

test('a fibre needs a cryptographic source unless it is told otherwise', () => {
  const options = { link: roughLink, batchSlots: 1000 }
  const refused = refusedWith('OPTICS_RANDOMNESS_REFUSED')
  assert.throws(() => new SimulatedFibre({ ...options, random: seededRandom(1) }), refused)
  new SimulatedFibre({ ...options, random: systemRandom }).close()
})

test('an attack on a running fibre shows in the batches after it', async () => {
  const link = testLink({ detector: { ...idealDetector, darkCountProbability: 1e-4 } })
  const { fibre, taken } = watched({ link, batchSlots: 50_000 })
  fibre.produce()
  fibre.setAttack({ kind: 'fibre-cut', lossDb: Infinity })
  assert.equal(fibre.attack.kind, 'fibre-cut')
  fibre.produce()
  await settle()
  assert.ok(taken[0].slots.length > 1000)
  assert.ok(taken[1].slots.length < 60)
})

test('the time of a batch follows from its slots and the clock', () => {
  assert.equal(fibreOf({ batchSlots: 20_000 }).batchSeconds, 20e-6)
})
