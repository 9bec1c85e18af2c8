/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '#world/ports'
import { BATCH_SLOTS_MAX, type DetectionBatch } from './device.ts'
import { roughPairs, testPairs } from './pair-fixtures.test.ts'
import { roughLink } from './fixtures.test.ts'
import { OpticsRefusal } from './refusal.ts'
import { BatchSimulator } from './simulate.ts'
import {
  decodeDeviceMessage,
  DEVICE_MESSAGE_OCTETS_MAX,
  encodeDeviceMessage,
  type DeviceMessage,
} from './wire.ts'

const batchNumber = fc.oneof(fc.nat(100), fc.constantFrom(2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1))
const gap = fc.oneof(fc.nat(2), fc.integer({ min: 25, max: 140 }), fc.nat(5000), fc.nat(700_000))
const uint32 = fc.nat(2 ** 32 - 1)

/** Slots as gaps; their sum stays below `BATCH_SLOTS_MAX`. */
const slotList = fc.array(gap, { maxLength: 20 }).map((gaps) => {
  let slot = -1
  return Uint32Array.from(gaps, (each) => (slot += 1 + each))
})

const detections: fc.Arbitrary<DeviceMessage> = fc
  .record({
    batch: batchNumber,
    slots: slotList,
    spare: fc.nat(1000),
    simulated: fc.boolean(),
    clicks: fc.tuple(uint32, uint32, uint32, uint32),
    doubleClicks: uint32,
    deadTimeDrops: uint32,
    photocurrentUa: fc.double({ min: 0, max: 1e9, noNaN: true }),
    arrivals: fc.record({
      meanPs: fc.double({ min: -1e3, max: 1e3, noNaN: true }),
      spreadPs: fc.double({ min: 0, max: 1e3, noNaN: true }),
    }),
    seed: fc.nat(),
  })
  .map(({ batch, slots, spare, simulated, seed, arrivals, ...rest }) => {
    const observables = seed % 2 === 0 ? rest : { ...rest, arrivals: { ...arrivals } }
    const most = seed % 3 === 0 ? 7 : 3
    const outcomes = Uint8Array.from(slots, (slot) => (slot * 2654435761 + seed) & most)
    const slotCount = (slots.at(-1) ?? 0) + 1 + spare
    return {
      kind: 'detections',
      detections: { batch, slotCount, simulated, slots, outcomes, observables },
    }
  })

const request: fc.Arbitrary<DeviceMessage> = fc
  .record({ batch: batchNumber, slots: slotList })
  .map((asked) => ({ kind: 'choice-request', request: { ...asked } }))

const detectorsOf = (seed: number) => ({
  slotCount: 1 + (seed % BATCH_SLOTS_MAX),
  clicks: [seed % 1000, 2, 3, 4] as const,
  doubleClicks: 5,
  deadTimeDrops: seed % 77,
  photocurrentUa: seed / 3,
})

const choices: fc.Arbitrary<DeviceMessage> = fc
  .record({ batch: batchNumber, choices: fc.uint8Array({ max: 15, maxLength: 40 }) })
  .chain((given) =>
    fc.constantFrom(
      { ...given },
      { ...given, observables: { incomingLightNw: given.batch / 7 } },
      { ...given, observables: { detectors: detectorsOf(given.batch) } },
      {
        ...given,
        observables: {
          incomingLightNw: 0,
          detectors: { ...detectorsOf(1), arrivals: { meanPs: -3, spreadPs: given.batch } },
        },
      },
    ),
  )
  .map((given) => ({ kind: 'choices', choices: given }))

const settings: fc.Arbitrary<DeviceMessage> = fc
  .constantFrom(roughLink, roughPairs, testPairs({ chsh: 0.1 }))
  .map((link) => ({
    kind: 'settings',
    settings: link.settings,
  }))

const refusal: fc.Arbitrary<DeviceMessage> = fc
  .record({ batch: batchNumber, code: fc.string({ maxLength: 30 }), message: fc.string() })
  .map((given) => ({ kind: 'refusal', refusal: { ...given } }))

const taken: fc.Arbitrary<DeviceMessage> = batchNumber.map((batch) => ({ kind: 'taken', batch }))

const alignments: fc.Arbitrary<DeviceMessage> = fc.oneof(
  fc.constant({ kind: 'align' } as const),
  fc
    .record({ firstBatch: batchNumber, slots: batchNumber })
    .map((alignment) => ({ kind: 'aligned', alignment: { ...alignment } }) as const),
  fc
    .record({ code: fc.string({ maxLength: 30 }), message: fc.string() })
    .map((given) => ({ kind: 'not-aligned', refusal: { ...given } }) as const),
)

const message = fc.oneof(detections, request, choices, settings, refusal, taken, alignments)

/** Decodes octets that may be anything. What is accepted must be in its one encoding. */
function decodeAnything(octets: Uint8Array): boolean {
  try {
    const decoded = decodeDeviceMessage(octets)
    assert.deepEqual(encodeDeviceMessage(decoded), octets)
    if (decoded.kind === 'detections') requireForm(decoded.detections)
    return true
  } catch (error) {
    if (!(error instanceof OpticsRefusal)) throw error
    assert.equal(error.code, 'OPTICS_MESSAGE_INVALID')
    return false
  }
}

function requireForm({ slots, outcomes, slotCount, observables }: DetectionBatch): void {
  assert.ok(slotCount >= 1 && slotCount <= BATCH_SLOTS_MAX)
  assert.equal(slots.length, outcomes.length)
  for (const [at, slot] of slots.entries()) {
    assert.ok(slot < slotCount && slot > (at === 0 ? -1 : slots[at - 1]))
    assert.ok(outcomes[at] < 8)
  }
  assert.ok(Number.isFinite(observables.photocurrentUa))
}

test('every message survives the wire', () => {
  fc.assert(
    fc.property(message, (sent) => {
      assert.deepEqual(decodeDeviceMessage(encodeDeviceMessage(sent)), sent)
    }),
    { numRuns: 500, seed: 1 },
  )
})

test('a simulated batch survives the wire in less than two octets a detection', () => {
  const random = seededRandom(1)
  const simulator = new BatchSimulator({ link: roughLink, random, allowSimulatedRandomness: true })
  const { detections: batch } = simulator.next(500_000)
  const octets = encodeDeviceMessage({ kind: 'detections', detections: batch })
  assert.deepEqual(decodeDeviceMessage(octets), { kind: 'detections', detections: batch })
  assert.ok(octets.length < 2 * batch.slots.length)
})

test('random octets are refused, or are the one encoding of a message', () => {
  const octets = fc
    .tuple(fc.nat(7), fc.uint8Array({ maxLength: 80 }))
    .map(([kind, body]) => Uint8Array.of(kind, ...body))
  fc.assert(
    fc.property(octets, (any) => void decodeAnything(any)),
    { numRuns: 3000, seed: 2 },
  )
})

test('a message with any octet changed, cut off or added is refused or another whole message', () => {
  const mutation = fc.record({
    at: fc.nat(),
    xor: fc.integer({ min: 1, max: 255 }),
    cut: fc.nat(5),
    add: fc.uint8Array({ maxLength: 3 }),
  })
  let refused = 0
  fc.assert(
    fc.property(message, mutation, (sent, { at, xor, cut, add }) => {
      const octets = encodeDeviceMessage(sent)
      octets[at % octets.length] ^= xor
      const kept = octets.subarray(0, octets.length - Math.min(cut, octets.length))
      if (!decodeAnything(Uint8Array.of(...kept, ...add))) refused++
    }),
    { numRuns: 3000, seed: 2 },
  )
  assert.ok(refused > 1000)
})

test('a message one octet short or long is refused', () => {
  fc.assert(
    fc.property(message, (sent) => {
      const octets = encodeDeviceMessage(sent)
      assert.equal(decodeAnything(octets.subarray(0, octets.length - 1)), false)
      assert.equal(decodeAnything(Uint8Array.of(...octets, 0)), false)
    }),
    { numRuns: 300, seed: 3 },
  )
})

/** A message of one detection in slot 3 of 10, to be spoiled. */
const oneDetection = (): Uint8Array =>
  encodeDeviceMessage({
    kind: 'detections',
    detections: {
      batch: 1,
      slotCount: 10,
      simulated: true,
      slots: Uint32Array.of(3),
      outcomes: Uint8Array.of(2),
      observables: {
        clicks: [0, 1, 0, 0],
        doubleClicks: 0,
        deadTimeDrops: 0,
        photocurrentUa: 1,
      },
    },
  })

const spoil: readonly (readonly [string, (octets: Uint8Array, view: DataView) => void])[] = [
  ['a batch number beyond 2⁵³', (octets) => void (octets[7] = 0x20)],
  ['an unknown flag', (octets) => void (octets[9] |= 4)],
  ['arrival times that it says it has not', (_, view) => view.setFloat64(50, 1, true)],
  ['no slots at all', (_, view) => view.setUint32(10, 0, true)],
  ['too many slots', (_, view) => view.setUint32(10, BATCH_SLOTS_MAX + 1, true)],
  ['a slot beyond the last', (_, view) => view.setUint32(10, 3, true)],
  ['more detections than octets', (_, view) => view.setUint32(14, 2, true)],
  ['four thousand million detections', (_, view) => view.setUint32(14, 2 ** 32 - 1, true)],
  ['a photocurrent that is no number', (_, view) => view.setFloat64(42, NaN, true)],
  ['an infinite photocurrent', (_, view) => view.setFloat64(42, Infinity, true)],
  ['a negative photocurrent', (_, view) => view.setFloat64(42, -1, true)],
]
for (const [name, change] of spoil) {
  test(`a batch is refused: ${name}`, () => {
    const octets = oneDetection()
    assert.equal(decodeAnything(octets), true)
    change(octets, new DataView(octets.buffer, octets.byteOffset, octets.byteLength))
    assert.equal(decodeAnything(octets), false)
  })
}

test('a gap in a longer form than needed is refused', () => {
  const octets = oneDetection()
  const last = octets[octets.length - 1]
  const long = Uint8Array.of(...octets.subarray(0, -1), last | 128, 0)
  assert.equal(decodeAnything(long), false)
  const endless = Uint8Array.of(...octets.subarray(0, -1), 255, 255, 255, 255, 1)
  assert.equal(decodeAnything(endless), false)
})

test('settings that no device may run with are refused', () => {
  const { settings: good } = roughLink
  const bad = { ...good, intensities: good.intensities.toReversed() }
  const octets = encodeDeviceMessage({ kind: 'settings', settings: bad })
  assert.equal(decodeAnything(octets), false)
})

test('a message above the limit is refused before it is read', () => {
  assert.equal(decodeAnything(new Uint8Array(DEVICE_MESSAGE_OCTETS_MAX + 1).fill(1)), false)
  assert.equal(decodeAnything(new Uint8Array(0)), false)
})

test('a batch with a detection in every slot fits into the limit', () => {
  const slots = Uint32Array.from({ length: 100_000 }, (_, slot) => slot)
  const outcomes = new Uint8Array(100_000).fill(3)
  const observables = {
    clicks: [0, 0, 0, 0],
    doubleClicks: 0,
    deadTimeDrops: 0,
    photocurrentUa: 0,
  } as const
  const full = { batch: 0, slotCount: 100_000, simulated: true, slots, outcomes, observables }
  const octets = encodeDeviceMessage({ kind: 'detections', detections: full })
  assert.ok(octets.length <= 80 + 100_000)
  assert.equal(decodeAnything(octets), true)
})

test('what is not in order is a bug of ours and is never sent', () => {
  const slots = Uint32Array.of(5, 5)
  const asked = { kind: 'choice-request', request: { batch: 0, slots } } as const
  assert.throws(() => encodeDeviceMessage(asked), { name: 'AssertionFailure' })
  const given = { kind: 'choices', choices: { batch: 0, choices: Uint8Array.of(16) } } as const
  assert.throws(() => encodeDeviceMessage(given), { name: 'AssertionFailure' })
})

test('marks of a CHSH test have one spelling: none where nothing is marked, none behind the end', () => {
  const batch: DetectionBatch = {
    batch: 1,
    slotCount: 100,
    simulated: true,
    slots: Uint32Array.of(3, 5, 9),
    outcomes: Uint8Array.of(1, 0b110, 2),
    observables: {
      clicks: [1, 0, 1, 0],
      doubleClicks: 0,
      deadTimeDrops: 0,
      photocurrentUa: 1,
    },
  }
  const plain = encodeDeviceMessage({
    kind: 'detections',
    detections: { ...batch, outcomes: Uint8Array.of(1, 0b010, 2) },
  })
  const octets = encodeDeviceMessage({ kind: 'detections', detections: batch })
  assert.equal(octets.length, plain.length + 1)
  assert.equal(octets.at(-1), 0b010)
  for (const marks of [0b000, 0b1010, 0b1000_0010]) {
    const changed = octets.slice()
    changed[changed.length - 1] = marks
    assert.equal(decodeAnything(changed), false, marks.toString(2))
  }
  const unmarked = plain.slice()
  unmarked[9] |= 4
  assert.equal(decodeAnything(unmarked), false)
})
