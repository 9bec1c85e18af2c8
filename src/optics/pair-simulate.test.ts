/**
 * The two devices of a simulated link of entangled pairs, and what they refuse.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom } from '#crypto'
import { seededRandom } from '#world/ports'
import { CHSH_OUTCOME, NOTHING_SEEN } from './device.ts'
import type { Attack } from './eve.ts'
import { SimulatedFibre } from './fibre.ts'
import { isPairLink, linkNames, namedLink, pathOf } from './named-link.ts'
import { expectPairs } from './pair-expectation.ts'
import { countSimulated, roughPairs, testPairs } from './pair-fixtures.test.ts'
import { PAIR_PRESETS } from './pair-preset.ts'
import { PairSimulator } from './pair-simulate.ts'
import type { PairLink } from './pairs.ts'
import { presetNames } from './preset.ts'
import { OpticsRefusal, type OpticsRefusalCode } from './refusal.ts'

const simulatorOf = (link: PairLink, seed: number): PairSimulator =>
  new PairSimulator({ link, random: seededRandom(seed), allowSimulatedRandomness: true })

const refusedWith = (code: OpticsRefusalCode) => (error: unknown) =>
  error instanceof OpticsRefusal && error.code === code

test('on a link without errors both ends share every sifted bit', async () => {
  const fibre = new SimulatedFibre({
    link: testPairs({ pairs: 0.001, lossDb: [3, 3] }),
    random: seededRandom(1),
    allowSimulatedRandomness: true,
    batchSlots: 2 ** 20,
  })
  const taken = new Promise<{ slots: Uint32Array; outcomes: Uint8Array }>((resolve) => {
    fibre.receiver.receive(resolve)
  })
  fibre.produce()
  const { slots, outcomes } = await taken
  const { choices, observables } = await fibre.transmitter.choicesAt(0, slots)
  assert.equal(observables?.incomingLightNw, undefined, 'a receiver has no watchdog')
  assert.equal(observables?.detectors?.slotCount, 2 ** 20)
  let sifted = 0
  let ones = 0
  let missed = 0
  let wrong = 0
  for (const [at, choice] of choices.entries()) {
    if (choice === NOTHING_SEEN) missed++
    else if ((choice & 1) === (outcomes[at] & 1)) {
      sifted++
      ones += choice >> 1
      wrong += choice === outcomes[at] ? 0 : 1
    }
  }
  assert(sifted > 80 && missed > sifted)
  // Two pairs in one slot are the only way to differ: one in a thousand, at most.
  assert(wrong <= 2, `${wrong} of ${sifted}`)
  assert(Math.abs(ones - sifted / 2) < 5 * Math.sqrt(sifted / 4))
  await assert.rejects(fibre.transmitter.choicesAt(0, slots), refusedWith('OPTICS_BATCH_REPEATED'))
})

test('in slots where the transmitter’s end clicked it says what, and nothing anywhere else', async () => {
  const options = { link: roughPairs, allowSimulatedRandomness: true } as const
  const { record } = new PairSimulator({ ...options, random: seededRandom(2) }).next(20_000)
  const fibre = new SimulatedFibre({ ...options, random: seededRandom(2), batchSlots: 20_000 })
  fibre.produce()
  const every = Uint32Array.from({ length: 20_000 }, (_, slot) => slot)
  const { choices } = await fibre.transmitter.choicesAt(0, every)
  const seen = new Map([...record.slots].map((slot, at) => [slot, record.choices[at]]))
  assert(seen.size > 500)
  for (const [slot, choice] of choices.entries()) {
    assert.equal(choice, seen.get(slot) ?? NOTHING_SEEN)
    assert(choice < 4 || choice === NOTHING_SEEN)
  }
})

test('every batch keeps to the form of the device boundary', () => {
  const simulator = simulatorOf(roughPairs, 3)
  for (let batch = 0; batch < 20; batch++) {
    const slotCount = 1 + batch * 777
    const { detections, record } = simulator.next(slotCount)
    assert.deepEqual([detections.batch, detections.slotCount], [batch, slotCount])
    assert.equal(detections.simulated, true)
    for (const { slots, values } of [
      { slots: detections.slots, values: detections.outcomes },
      { slots: record.slots, values: record.choices },
    ]) {
      assert.equal(slots.length, values.length)
      for (const [at, slot] of slots.entries()) {
        assert(slot > (at === 0 ? -1 : slots[at - 1]) && slot < slotCount && values[at] < 4)
      }
    }
    const { clicks, doubleClicks, photocurrentUa } = detections.observables
    const all = clicks.reduce((sum, count) => sum + count, 0)
    assert(all >= detections.slots.length + doubleClicks)
    const microamps = 0.01 + (all * 0.1e-12 * 1e6) / (slotCount / 1e9)
    assert(Math.abs(photocurrentUa / microamps - 1) < 1e-9)
  }
})

test('after a click all four detectors of that end are dead, across batches too, and only there', () => {
  const simulator = simulatorOf(testPairs({ pairs: 0.5, deadSlots: [6, 0] }), 4)
  let last = -Infinity
  let least = Infinity
  let neighbours = 0
  for (let batch = 0; batch < 3000; batch++) {
    const { detections, record } = simulator.next(5)
    for (const slot of record.slots) {
      least = Math.min(least, batch * 5 + slot - last)
      last = batch * 5 + slot
    }
    neighbours += detections.slots.filter(
      (slot, at) => slot === detections.slots[at - 1] + 1,
    ).length
  }
  assert.equal(least, 7)
  assert(neighbours > 100, 'the other end sees two slots in a row')
})

test('several clicks are one report with a random bit, in the basis that clicked', () => {
  const dark = { pairs: 0, dark: 0.4, keyBasis: [0.5, 0.9] as const }
  const { detections } = simulatorOf(testPairs(dark), 5).next(200_000)
  const { doubleClicks } = detections.observables
  assert(doubleClicks > 80_000)
  const count = detections.slots.length
  const ones = detections.outcomes.filter((outcome) => outcome >> 1).length
  assert(Math.abs(ones - count / 2) < 5 * Math.sqrt(count / 4))
  // Of detectors that fire alike, one basis alone is as likely as the other; both go by the odds.
  const none = 0.6 ** 2
  const cross = (1 - none) ** 2
  const expected = (none * (1 - none) + cross * 0.1) / (1 - none ** 2)
  const inX = detections.outcomes.filter((outcome) => outcome & 1).length
  assert(Math.abs(inX - count * expected) < 5 * Math.sqrt(count * expected))
})

test('the same seed gives the same batches, another seed others; cuts change no statistics', () => {
  const [a, b, c] = [1, 1, 2].map((seed) => {
    const simulator = simulatorOf(roughPairs, seed)
    return [simulator.next(50_000), simulator.next(50_000)]
  })
  assert.deepEqual(a, b)
  assert.notDeepEqual(a[0].record.choices, c[0].record.choices)
  const long = countSimulated({ link: roughPairs, seed: 6, batches: 4, batchSlots: 250_000 })
  const short = countSimulated({ link: roughPairs, seed: 6, batches: 100_000, batchSlots: 10 })
  for (const name of ['transmitter', 'receiver', 'ZZ', 'XX', 'wrongZ'] as const) {
    const [one, other] = [long[name], short[name]]
    assert(one > 50 && Math.abs(one - other) < 5 * Math.sqrt(one + other), name)
  }
})

test('arrays handed out are not shared with later calls, and a skipped batch leaves no trace', () => {
  const [kept, spoiled] = [simulatorOf(roughPairs, 7), simulatorOf(roughPairs, 7)]
  for (let batch = 0; batch < 5; batch++) {
    const [a, b] = [kept.next(3000), spoiled.next(3000)]
    assert.deepEqual(a, b)
    for (const octets of [b.detections.outcomes, b.record.choices]) octets.fill(9)
    for (const slots of [b.detections.slots, b.record.slots]) slots.fill(7)
  }
  const slow = testPairs({ pairs: 1, lossDb: [1, 1], deadSlots: [1000, 1000] })
  const simulator = simulatorOf(slow, 8)
  assert.equal(simulator.next(100).detections.slots.length, 1)
  assert.equal(simulator.next(100).detections.slots.length, 0)
  simulator.skip()
  const { detections } = simulator.next(100)
  assert.deepEqual([detections.batch, detections.slots.length], [3, 1])
})

test('a fibre that turns the light makes more and more errors, as far as it has turned', () => {
  const link = testPairs({ pairs: 0.01, misalignment: { Z: 0.01, X: 0.01 } })
  const simulator = simulatorOf(link, 9)
  simulator.setAttack({ kind: 'drift', radiansPerSecond: 10 })
  const shares: number[] = []
  for (let part = 0; part < 2; part++) {
    let [wrong, alike] = [0, 0]
    for (let batch = 0; batch < 10; batch++) {
      const { detections, record } = simulator.next(2 ** 20)
      const seen = new Map([...record.slots].map((slot, at) => [slot, record.choices[at]]))
      for (const [at, slot] of detections.slots.entries()) {
        const choice = seen.get(slot)
        if (choice === undefined || ((choice ^ detections.outcomes[at]) & 1) !== 0) continue
        alike++
        wrong += choice === detections.outcomes[at] ? 0 : 1
      }
    }
    shares.push(wrong / alike)
  }
  assert(shares[1] > shares[0] + 0.01, shares.join(' '))
  simulator.setAttack({ kind: 'none' })
})

test('where the light has a CHSH test, the receiver says angle and bit of it, the other end nothing new', () => {
  const { detections, record } = simulatorOf(testPairs({ chsh: 0.3 }), 13).next(200_000)
  const tested = detections.outcomes.filter((outcome) => (outcome & CHSH_OUTCOME) !== 0)
  assert(Math.abs(tested.length / detections.slots.length - 0.3) < 0.05)
  for (const bit of [0, 1]) {
    const ones = tested.filter((outcome) => (outcome >> bit) & 1).length
    assert(Math.abs(ones - tested.length / 2) < 5 * Math.sqrt(tested.length / 4))
  }
  assert(record.choices.every((choice) => choice < 4))
})

const attacksElsewhere: readonly Attack[] = [
  { kind: 'photon-number-splitting', fraction: 1 },
  { kind: 'beam-splitting', fraction: 1 },
  { kind: 'trojan-horse', powerUw: 1 },
  { kind: 'failing-source', fraction: 0.5 },
  { kind: 'intercept-resend', fraction: 0.5, resendMeanPhotonNumber: 2 },
  { kind: 'intercept-resend', fraction: 0.5, stealth: 0.5 },
  { kind: 'intercept-resend', fraction: 1.5 },
]

test('attacks on weak pulses and on transmitters are refused, and leave what was', () => {
  const simulator = simulatorOf(roughPairs, 10)
  for (const attack of attacksElsewhere) {
    assert.throws(() => simulator.setAttack(attack), refusedWith('OPTICS_ATTACK_INVALID'))
  }
  assert.equal(simulator.attack.kind, 'none')
  simulator.setAttack({ kind: 'intercept-resend', fraction: 0.5 })
  assert.equal(simulator.attack.kind, 'intercept-resend')
})

const settings = (change: object): PairLink => ({
  ...roughPairs,
  settings: { ...roughPairs.settings, ...change },
})
const { clockHz, intensities, keyBasisProbability } = roughPairs.settings
const unsaid = { clockHz, intensities, keyBasisProbability }
const half = { meanPhotonNumber: 0.1, probability: 0.5 }
const invalid: readonly (readonly [string, PairLink])[] = [
  ['weak pulses', { ...roughPairs, settings: unsaid }],
  ['weak pulses for a CHSH test', { ...roughPairs, settings: { ...unsaid, chshProbability: 0.1 } }],
  ['no clock', settings({ clockHz: 0 })],
  ['two intensities', settings({ intensities: [half, { ...half, meanPhotonNumber: 0.05 }] })],
  ['more than a pair in each slot', testPairs({ pairs: 1.01 })],
  ['a negative loss', testPairs({ lossDb: [0, 3] })],
  ['misalignment above a half', testPairs({ misalignment: { Z: 0, X: 0.51 } })],
  ['a slot share above 1', testPairs({ slotShare: 1.1 })],
  ['efficiency above 1', testPairs({ efficiency: 1.01 })],
  ['a NaN of dark counts', testPairs({ dark: NaN })],
  ['a NaN of a splitter', testPairs({ keyBasis: [NaN, 0.5] })],
  ['a CHSH test with more than half of the light', testPairs({ chsh: 0.51 })],
  ['a CHSH test with no light', testPairs({ chsh: 0 })],
  ['dead for ever', testPairs({ deadSlots: [0, 2 ** 24 + 1] })],
]
for (const [name, link] of invalid) {
  test(`a link of pairs is refused: ${name}`, () => {
    assert.throws(() => simulatorOf(link, 1), refusedWith('OPTICS_LINK_INVALID'))
  })
}

test('a random source that repeats itself is refused unless the caller allows it', () => {
  const refused = refusedWith('OPTICS_RANDOMNESS_REFUSED')
  assert.throws(() => new PairSimulator({ link: roughPairs, random: seededRandom(1) }), refused)
  assert(new PairSimulator({ link: roughPairs, random: systemRandom }).next(10_000))
})

test('links that never click and links that always do are drawn too', () => {
  const never = simulatorOf(testPairs({ pairs: 0 }), 11).next(10_000)
  assert.equal(never.detections.slots.length + never.record.slots.length, 0)
  const always = simulatorOf(testPairs({ pairs: 1, dark: 0.5, lossDb: [1, 1] }), 11).next(10_000)
  assert(always.detections.slots.length > 9000)
})

test('every named link says what it is, and the pairs report what their closed form says', () => {
  assert.deepEqual(
    linkNames().filter((name) => isPairLink(namedLink(name).link)),
    PAIR_PRESETS.map(({ name }) => name),
  )
  assert.equal(new Set(linkNames()).size, presetNames().length + PAIR_PRESETS.length)
  for (const { name, batchSlots } of PAIR_PRESETS) {
    const { link, blockBits = 0 } = namedLink(name)
    assert(isPairLink(link) && blockBits > 0)
    const seen = countSimulated({ link, seed: 12, batches: 8, batchSlots })
    const { singles, Z, X } = expectPairs(link)
    const off = (count: number, mean: number): number => Math.abs(count - mean) / Math.sqrt(mean)
    assert(off(seen.receiver, seen.slots * singles.receiver) < 5, name)
    assert(off(seen.sifted, seen.slots * (Z.gain + X.gain)) < 5, name)
    assert(off(seen.wrongZ + seen.wrongX, seen.slots * (Z.error + X.error)) < 5, name)
  }
  assert.throws(() => namedLink('moon'), refusedWith('OPTICS_PRESET_UNKNOWN'))
})

test('the link of Thuringia has the length, loss and error rate that were published', () => {
  const { link } = namedLink('thuringia-69km')
  assert(isPairLink(link))
  const { lengthKm, lossDb } = pathOf(link)
  assert.equal(lengthKm, 69)
  assert(Math.abs(lossDb - 21) < 1e-9)
  const { qber } = expectPairs(link)
  assert(Math.abs(qber.Z - 0.061) < 1e-3 && Math.abs(qber.X - 0.061) < 1e-3)
  const slow = namedLink('thuringia-69km', 1e6)
  assert.equal(slow.link.settings.clockHz, 1e6)
})
