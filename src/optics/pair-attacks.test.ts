/**
 * Attacks on the detectors of pairs: the simulator against closed forms, what Eve learns, and what
 * both ends' instruments show of her.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '#world/ports'
import type { ReceiverObservables } from './device.ts'
import { noAttack, type Attack, type AttackedSite } from './eve.ts'

import { roughLink, sigmasFrom } from './fixtures.test.ts'
import { endUnder } from './pair-attacks.ts'
import { CHSH_SETTINGS, expectPairs } from './pair-expectation.ts'
import { countSimulated, roughTested, testPairs } from './pair-fixtures.test.ts'
import { PairSimulator } from './pair-simulate.ts'
import type { PairLink } from './pairs.ts'
import { OpticsRefusal } from './refusal.ts'
import { BatchSimulator } from './simulate.ts'

const SITES: readonly AttackedSite[] = ['transmitter', 'receiver']
const gated = testPairs({ pairs: 0.05, lossDb: [1, 1], gate: 60, chsh: 0.2 })
const weak = testPairs({ pairs: 0.002, lossDb: [1, 1], gate: 60, chsh: 0.2 })
const tilted = { ...gated, misalignment: { Z: 0.02, X: 0.06 } }
/** A photon in ten slots of 1 ns. */
const JAMMING_UW = 1.6e-5

const attacks: readonly ((at: AttackedSite) => Attack)[] = [
  (at) => ({ kind: 'blinding', fraction: 1, at }),
  (at) => ({ kind: 'blinding', fraction: 0.4, at }),
  (at) => ({ kind: 'blinding', fraction: 1, powerUw: JAMMING_UW, at }),
  (at) => ({ kind: 'bright-light', powerUw: JAMMING_UW, at }),
  (at) => ({ kind: 'bright-light', powerUw: 10, at }),
  (at) => ({ kind: 'time-shift', fraction: 1, shiftPs: 60, at }),
  (at) => ({ kind: 'time-shift', fraction: 0.5, shiftPs: 80, earlyShare: 0.2, at }),
]

for (const make of attacks) {
  test(`simulated pairs keep to the closed form under ${JSON.stringify(make('receiver'))}, at either end`, () => {
    for (const [link, at] of [
      [tilted, 'transmitter'],
      [gated, 'receiver'],
      [roughTested, 'receiver'],
      [roughTested, 'transmitter'],
    ] as const) {
      const attack = make(at)
      const seen = countSimulated({ link, attack, seed: 4, batches: 5, batchSlots: 100_000 })
      const expected = expectPairs(link, attack)
      const { slots } = seen
      const test = expected.chshTest
      for (const [what, count, mean] of [
        ['singles here', seen.transmitter, expected.singles.transmitter],
        ['singles there', seen.receiver, expected.singles.receiver],
        ['coincidences', seen.coincidences, expected.coincidenceProbability],
        ['ZZ', seen.ZZ, expected.Z.gain],
        ['XX', seen.XX, expected.X.gain],
        ['wrong Z', seen.wrongZ, expected.Z.error],
        ['wrong X', seen.wrongX, expected.X.error],
        ...CHSH_SETTINGS.map(({ basis, degrees }, setting) => {
          const gain = test?.gains[setting] ?? NaN
          const wrong = (gain * (1 - (test?.correlations[setting] ?? NaN))) / 2
          return [
            `${basis} and ${degrees}°`,
            seen.different[setting],
            gain === 0 ? 0 : wrong,
          ] as const
        }),
      ] as const) {
        assert(sigmasFrom(count, slots * mean) < 5, `${at}, ${what}: ${count}, not ${slots * mean}`)
      }
    }
  })
}

test('who dictates the clicks of one end knows every bit, and S and the error rates stay', () => {
  const usual = expectPairs(weak)
  for (const at of SITES) {
    const attack: Attack = { kind: 'blinding', fraction: 1, at }
    const { singles, qber, chshTest } = expectPairs(weak, attack)
    assert(Math.abs(singles[at] / usual.singles[at] - 1) < 1e-6, 'the count rate')
    assert(Math.abs(qber.Z - usual.qber.Z) < 1e-4 && Math.abs(qber.X - usual.qber.X) < 1e-4)
    assert(Math.abs((chshTest?.chsh ?? 0) - 2 * Math.SQRT2) < 0.02, 'the test is passed')
    const seen = countSimulated({ link: weak, attack, seed: 5, batches: 20, batchSlots: 100_000 })
    assert(seen.sifted > 500)
    // Two pairs in a slot may show bits that are not the dictated one.
    assert(seen.knownToEve > 0.99 * seen.sifted, `${seen.knownToEve} of ${seen.sifted}`)
  }
})

test('shifted photons tell what the gates differ by, and nothing where detectors are always on', () => {
  const shifted = (link: PairLink, at: AttackedSite): number => {
    const attack: Attack = { kind: 'time-shift', fraction: 1, shiftPs: 60, at }
    const seen = countSimulated({ link, attack, seed: 6, batches: 60, batchSlots: 100_000 })
    assert(seen.sifted > 1000)
    return seen.knownToEve / seen.sifted
  }
  // (1 − r) / (1 + r) with r = e^(−tδ/w²): gates of w = 60 ps that are δ = 20 ps apart.
  const expected = Math.tanh((60 * 20) / 60 ** 2 / 2)
  for (const at of SITES) {
    assert(Math.abs(shifted(weak, at) - expected) < 5 * Math.sqrt(expected / 1000))
    assert.equal(shifted(testPairs({ pairs: 0.002, lossDb: [1, 1] }), at), 0)
  }
})

test('a shift to one side makes bits unequal at the end it is done to, and a balanced one does not', () => {
  for (const [earlyShare, unequal] of [
    [0.5, false],
    [1, true],
  ] as const) {
    const observed = observablesUnder(gated, {
      ...{ kind: 'time-shift', fraction: 1, shiftPs: 60, earlyShare, at: 'receiver' },
    })
    const [zero, one] = observed.receiver.clicks
    assert.equal(Math.abs(zero - one) > 6 * Math.sqrt(zero + one), unequal)
  }
})

/** What the instruments of both ends show of a long batch. */
function observablesUnder(
  link: PairLink,
  attack: Attack,
): Readonly<Record<AttackedSite, ReceiverObservables>> {
  const random = seededRandom(7)
  const simulator = new PairSimulator({ link, random, allowSimulatedRandomness: true })
  simulator.setAttack(attack)
  const { detections, record } = simulator.next(500_000)
  const { detectors } = record.observables
  assert(detectors !== undefined)
  return { transmitter: detectors, receiver: detections.observables }
}

test('light shows in the current and shifts in the times of the attacked end, and not at the other', () => {
  const usual = observablesUnder(gated, noAttack)
  for (const at of SITES) {
    const other = at === 'receiver' ? 'transmitter' : 'receiver'
    const blinded = observablesUnder(gated, { kind: 'blinding', fraction: 1, at })
    assert(blinded[at].photocurrentUa > usual[at].photocurrentUa + 5)
    assert(blinded[other].photocurrentUa < 1.1 * usual[other].photocurrentUa)
    const late = observablesUnder(gated, { kind: 'time-shift', fraction: 1, shiftPs: 60, at })
    const spread = (one: ReceiverObservables): number => one.arrivals?.spreadPs ?? NaN
    assert(Math.abs(spread(late[at]) - Math.hypot(40, 60)) < 2)
    assert(Math.abs(spread(late[other]) - 40) < 1)
  }
})

test('light too weak to blind dictates nothing: it is so many photons more', () => {
  for (const kind of ['blinding', 'bright-light'] as const) {
    const end = endUnder(gated, 'receiver', { kind, fraction: 1, powerUw: JAMMING_UW })
    assert(!end.dictated && end.strayPhotons > 0.08 && end.strayPhotons < 0.11)
    const other = endUnder(gated, 'transmitter', { kind, fraction: 1, powerUw: JAMMING_UW })
    assert.equal(other.strayPhotons, 0)
  }
})

test('a transmitter of weak pulses has no detectors to attack', () => {
  const random = seededRandom(8)
  const simulator = new BatchSimulator({ link: roughLink, random, allowSimulatedRandomness: true })
  assert.throws(
    () => simulator.setAttack({ kind: 'blinding', fraction: 1, at: 'transmitter' }),
    (error) => error instanceof OpticsRefusal && error.code === 'OPTICS_ATTACK_INVALID',
  )
  simulator.setAttack({ kind: 'blinding', fraction: 1, at: 'receiver' })
})
