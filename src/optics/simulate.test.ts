/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom } from '#crypto'
import { seededRandom } from '#world/ports'
import type { Detector } from './detector.ts'
import type { PulseSettings } from './device.ts'
import { roughLink, runSimulator, testLink, twoDecoys } from './fixtures.test.ts'
import type { OpticalLink } from './link.ts'
import { OpticsRefusal, type OpticsRefusalCode } from './refusal.ts'
import { BatchSimulator } from './simulate.ts'

const simulatorOf = (link: OpticalLink, seed: number): BatchSimulator =>
  new BatchSimulator({ link, random: seededRandom(seed), allowSimulatedRandomness: true })

const refusedWith = (code: OpticsRefusalCode) => (error: unknown) =>
  error instanceof OpticsRefusal && error.code === code

test('a random source that repeats itself is refused unless the caller allows it', () => {
  const random = seededRandom(1)
  const refused = refusedWith('OPTICS_RANDOMNESS_REFUSED')
  assert.throws(() => new BatchSimulator({ link: roughLink, random }), refused)
  assert.throws(
    () => new BatchSimulator({ link: roughLink, random, allowSimulatedRandomness: false }),
    refused,
  )
  new BatchSimulator({ link: roughLink, random, allowSimulatedRandomness: true })
  new BatchSimulator({ link: roughLink, random: systemRandom })
})

test('the same seed gives the same batches, another seed others', () => {
  const [a, b, c] = [1, 1, 2].map((seed) => {
    const simulator = simulatorOf(roughLink, seed)
    return [simulator.next(50_000), simulator.next(50_000)]
  })
  assert.deepEqual(a, b)
  assert.notDeepEqual(a[0].detections.slots, c[0].detections.slots)
  assert.notDeepEqual(a[0].detections.slots, a[1].detections.slots)
})

test('with the system’s random source no two runs are the same', () => {
  const [a, b] = [0, 1].map(() =>
    new BatchSimulator({ link: roughLink, random: systemRandom }).next(50_000),
  )
  assert.notDeepEqual(a.detections.slots, b.detections.slots)
  assert.notDeepEqual(a.record.choices, b.record.choices)
})

test('every batch keeps to the form of the device boundary', () => {
  const simulator = simulatorOf(roughLink, 3)
  let strayed = 0
  for (let batch = 0; batch < 20; batch++) {
    const slotCount = 1 + batch * 777
    const { detections, record } = simulator.next(slotCount)
    const { slots, outcomes, observables } = detections
    assert.deepEqual(
      [detections.batch, detections.slotCount, detections.simulated],
      [batch, slotCount, true],
    )
    assert.equal(outcomes.length, slots.length)
    assert.equal(record.choices.length, record.slots.length)
    const remembered = new Set(record.slots)
    assert.ok(slots.every((slot) => remembered.has(slot)))
    strayed += remembered.size - slots.length
    for (const [at, slot] of slots.entries()) {
      assert.ok(slot > (at === 0 ? -1 : slots[at - 1]) && slot < slotCount)
      assert.ok(outcomes[at] < 4 && record.choices[at] < 8)
    }
    for (const [at, slot] of record.slots.entries()) {
      assert.ok(slot > (at === 0 ? -1 : record.slots[at - 1]) && slot < slotCount)
    }
    const clicks = observables.clicks.reduce((sum, count) => sum + count, 0)
    assert.equal(clicks, slots.length + observables.doubleClicks)
    const seconds = slotCount / 1e9
    const microamps = 0.01 + ((clicks * 0.1e-12) / seconds) * 1e6
    assert.ok(Math.abs(observables.photocurrentUa / microamps - 1) < 1e-9)
  }
  assert.ok(strayed > 0, 'light stamped in another slot is remembered where it was sent')
})

test('nothing fires in the dead time of an earlier click, across batches too', () => {
  const link = testLink({ intensities: twoDecoys, lossDb: 1, detector: { deadTimePs: 7000 } })
  const simulator = simulatorOf(link, 4)
  let last = -Infinity
  let least = Infinity
  let drops = 0
  for (let batch = 0; batch < 3000; batch++) {
    const { detections } = simulator.next(5)
    drops += detections.observables.deadTimeDrops
    for (const slot of detections.slots) {
      least = Math.min(least, batch * 5 + slot - last)
      last = batch * 5 + slot
    }
  }
  // Slots 1 to 6 begin within 7 ns; slot 7 begins when they are over.
  assert.equal(least, 7)
  assert.ok(drops > 1000)
})

test('a double click is reported with a random bit, never left out', () => {
  const detector = { efficiency: 1, gateMismatchPs: 0, darkCountProbability: 0.4 }
  const link = testLink({ lossDb: 1, misalignment: { Z: 0.5, X: 0.5 }, detector })
  const { detections } = simulatorOf(link, 5).next(400_000)
  const { doubleClicks, deadTimeDrops } = detections.observables
  const ones = detections.outcomes.reduce((sum, outcome) => sum + (outcome >> 1), 0)
  assert.ok(doubleClicks > 50_000 && deadTimeDrops === 0)
  const half = detections.slots.length / 2
  assert.ok(Math.abs(ones - half) < 5 * Math.sqrt(half / 2))
})

test('how slots are cut into batches does not change the statistics', () => {
  const runs = [
    { batches: 4, batchSlots: 250_000 },
    { batches: 100_000, batchSlots: 10 },
  ]
  const [long, short] = runs.map((run) => runSimulator({ link: roughLink, seed: 6, ...run }))
  for (const pattern of [/^detected/, /^bases ZZ wrong/, /same bit$/, /^gap 2\^2 /, /drops/]) {
    const [a, b] = [long.sum(pattern), short.sum(pattern)]
    assert.ok(a > 500 && Math.abs(a - b) < 5 * Math.sqrt(a + b), `${pattern.source}: ${a} and ${b}`)
  }
})

test('arrays handed out are not shared with later calls', () => {
  const [kept, spoiled] = [simulatorOf(roughLink, 7), simulatorOf(roughLink, 7)]
  for (let batch = 0; batch < 5; batch++) {
    const [a, b] = [kept.next(3000), spoiled.next(3000)]
    assert.deepEqual(a, b)
    assert.notEqual(b.record.slots.buffer, b.detections.slots.buffer)
    b.detections.slots.fill(77)
    b.detections.outcomes.fill(3)
    b.record.choices.fill(9)
    b.record.slots.fill(5)
  }
})

test('a skipped batch uses its number and nothing of an earlier one reaches the next', () => {
  const link = testLink({ lossDb: 1, detector: { deadTimePs: 1e9, darkCountProbability: 0.5 } })
  const simulator = simulatorOf(link, 8)
  assert.equal(simulator.next(100).detections.slots.length, 1)
  assert.equal(simulator.next(100).detections.slots.length, 0)
  simulator.skip()
  assert.equal(simulator.batch, 3)
  const { detections } = simulator.next(100)
  assert.equal(detections.batch, 3)
  assert.equal(detections.slots.length, 1)
})

test('a batch of no, too many or half slots is refused', () => {
  const simulator = simulatorOf(roughLink, 9)
  for (const slotCount of [0, -1, 2 ** 24 + 1, 10.5, NaN, Infinity]) {
    assert.throws(() => simulator.next(slotCount), refusedWith('OPTICS_SLOTS_INVALID'))
  }
  assert.equal(simulator.next(1).detections.batch, 0)
})

test('links that fire always or never are drawn too', () => {
  const blinding: Partial<Detector> = {
    efficiency: 1,
    gateMismatchPs: 0,
    darkCountProbability: 0.5,
    neighbourSlotProbability: 0.5,
    afterpulseProbability: 0.5,
  }
  const intensities = [{ meanPhotonNumber: 10, probability: 1 }]
  const always = testLink({ lossDb: 1, background: 0.5, intensities, detector: blinding })
  const { detections, record } = simulatorOf(always, 11).next(10_000)
  assert.ok(detections.slots.length > 9000 && record.slots.length > 9990)
  const never = testLink({ detector: { efficiency: 0 } })
  assert.equal(simulatorOf(never, 11).next(10_000).detections.slots.length, 0)
})

test('a full batch of the greatest size is drawn', () => {
  const detector: Partial<Detector> = { darkCountProbability: 1e-6, efficiency: 1e-4 }
  const { detections } = simulatorOf(testLink({ detector }), 10).next(2 ** 24)
  assert.ok(detections.slots.length > 100)
  assert.ok(detections.slots[detections.slots.length - 1] > 2 ** 23)
})

const withSettings = (settings: Partial<PulseSettings>): OpticalLink => ({
  ...roughLink,
  settings: { ...roughLink.settings, ...settings },
})
const withDetector = (detector: Partial<Detector>): OpticalLink => testLink({ detector })
const equal = { meanPhotonNumber: 0.5, probability: 0.5 }

const invalid: readonly (readonly [string, OpticalLink])[] = [
  ['no clock', withSettings({ clockHz: 0 })],
  ['no intensity', withSettings({ intensities: [] })],
  ['equal intensities', withSettings({ intensities: [equal, equal] })],
  ['dimmest first', withSettings({ intensities: twoDecoys.toReversed() })],
  ['probabilities not 1 in all', withSettings({ intensities: twoDecoys.slice(0, 2) })],
  ['bright light', withSettings({ intensities: [{ meanPhotonNumber: 11, probability: 1 }] })],
  ['NaN for a basis', withSettings({ keyBasisProbability: { transmitter: NaN, receiver: 0.5 } })],
  ['a negative loss', testLink({ lossDb: -5 })],
  ['misalignment above a half', testLink({ misalignment: { Z: 0.51, X: 0 } })],
  ['efficiency above 1', withDetector({ efficiency: 1.01 })],
  ['efficiency above 1 in the middle of a gate', withDetector({ efficiency: 0.99 })],
  ['a NaN of dark counts', withDetector({ darkCountProbability: NaN })],
  ['jitter above a half', withDetector({ neighbourSlotProbability: 0.6 })],
  ['certain afterpulses', withDetector({ afterpulseProbability: 1 })],
  [
    'carriers trapped for ever',
    withDetector({ afterpulseProbability: 0.5, afterpulseDecayPs: 100_000 }),
  ],
]
for (const [name, link] of invalid) {
  test(`a link is refused: ${name}`, () => {
    assert.throws(() => simulatorOf(link, 1), refusedWith('OPTICS_LINK_INVALID'))
  })
}
