/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '#world/ports'
import type { Arrival } from './arrival.ts'
import {
  arrivalsOf,
  checkedAttack,
  noAttack,
  unnoticedMeanPhotonNumber,
  type Attack,
} from './eve.ts'
import { expectLink } from './expectation.ts'
import { oneDecoy, roughLink, runSimulator, testLink, twoDecoys } from './fixtures.test.ts'
import { OpticsRefusal } from './refusal.ts'
import { BatchSimulator } from './simulate.ts'

const intercept = (fraction: number): Attack => ({ kind: 'intercept-resend', fraction })

/** Error rate in both bases, and its standard deviation. */
function errors(attack: Attack): { qber: number; sigma: number; known: number; detected: number } {
  const link = testLink({ lossDb: 6, misalignment: { Z: 0.01, X: 0.01 } })
  const seen = runSimulator({ link, attack, seed: 11, batches: 4, batchSlots: 1_000_000 })
  const sifted = seen.sum(/^bases (ZZ|XX)/)
  assert.equal(sifted, seen.truth.sifted)
  const qber = seen.sum(/^bases (ZZ|XX) wrong/) / sifted
  return {
    qber,
    sigma: Math.sqrt((qber * (1 - qber)) / sifted),
    known: seen.truth.knownToEve / sifted,
    detected: seen.sum(/^detected/),
  }
}

test('an eavesdropper on no pulse changes nothing at all', () => {
  const [with0, without] = [intercept(0), noAttack].map((attack) => {
    const random = seededRandom(1)
    const simulator = new BatchSimulator({
      link: roughLink,
      random,
      allowSimulatedRandomness: true,
    })
    simulator.setAttack(attack)
    return simulator.next(200_000)
  })
  assert.deepEqual(with0.detections, without.detections)
  assert.deepEqual(with0.record.choices, without.record.choices)
  assert.equal(with0.truth.knownToEve, 0)
})

test('intercept-resend on a fraction p raises the error rate by p/4 and tells Eve p/2 of it', () => {
  const before = errors(noAttack)
  assert.ok(Math.abs(before.qber - 0.01) < 5 * before.sigma)
  for (const fraction of [0.5, 1]) {
    const { qber, sigma, known, detected } = errors(intercept(fraction))
    // A misaligned photon of a wrong state is as likely right: e becomes e + p/4·(1 − 2e).
    const expected = 0.01 + (fraction / 4) * (1 - 0.02)
    assert.ok(Math.abs(qber - expected) < 5 * sigma, `${qber}, not ${expected}`)
    assert.ok(Math.abs(known - fraction / 2) < 5 * sigma, `${known}, not ${fraction / 2}`)
    // Left to choose, she nearly keeps the count rate: it hardly betrays her.
    assert.ok(Math.abs(detected / before.detected - 1) < 0.05)
  }
})

test('Eve comes and goes while the link runs', () => {
  const link = testLink({ lossDb: 6 })
  const random = seededRandom(5)
  const simulator = new BatchSimulator({ link, random, allowSimulatedRandomness: true })
  const rates = [noAttack, intercept(1), noAttack].map((attack) => {
    simulator.setAttack(attack)
    assert.deepEqual(simulator.attack, attack)
    const { detections, record } = simulator.next(400_000)
    const { outcomes } = detections
    let wrong = 0
    let sifted = 0
    for (const [at, outcome] of outcomes.entries()) {
      if (((outcome ^ record.choices[at]) & 1) === 1) continue
      sifted++
      if (outcome !== (record.choices[at] & 3)) wrong++
    }
    return wrong / sifted
  })
  // One slot is still drawn as before when she comes or goes.
  assert.ok(rates[0] === 0 && rates[2] < 0.001)
  assert.ok(Math.abs(rates[1] - 0.25) < 0.02)
})

test('a cut fibre leaves dark counts, and half of their bits are wrong', () => {
  const link = testLink({ detector: { darkCountProbability: 1e-3 } })
  const attack = { kind: 'fibre-cut', lossDb: Infinity } as const
  const seen = runSimulator({ link, attack, seed: 2, batches: 10, batchSlots: 1_000_000 })
  const detected = seen.sum(/^detected/)
  assert.ok(Math.abs(detected - 1e7 * (1 - (1 - 1e-3) ** 2)) < 5 * Math.sqrt(detected))
  const sifted = seen.sum(/^bases (ZZ|XX)/)
  const qber = seen.sum(/^bases (ZZ|XX) wrong/) / sifted
  assert.ok(Math.abs(qber - 0.5) < 5 * Math.sqrt(0.25 / sifted))
})

test('a cut fibre without dark counts is silent', () => {
  const attack = { kind: 'fibre-cut', lossDb: Infinity } as const
  const seen = runSimulator({ link: testLink(), attack, seed: 2, batches: 3, batchSlots: 1e6 })
  assert.equal(seen.sum(/./), 0)
})

test('light that turns slowly raises the error rate as the angle says, and stopping undoes it', () => {
  const link = testLink({ misalignment: { Z: 0.01, X: 0.01 } })
  const simulator = new BatchSimulator({
    link,
    random: seededRandom(8),
    allowSimulatedRandomness: true,
  })
  const qber = (): { rate: number; sifted: number } => {
    const { detections, record } = simulator.next(1_000_000)
    const choiceAt = new Map([...record.slots].map((slot, at) => [slot, record.choices[at]]))
    let [sifted, wrong] = [0, 0]
    for (const [at, slot] of detections.slots.entries()) {
      const choice = choiceAt.get(slot) ?? NaN
      if (((choice ^ detections.outcomes[at]) & 1) === 1) continue
      sifted++
      if ((choice & 3) !== detections.outcomes[at]) wrong++
    }
    return { rate: wrong / sifted, sifted }
  }
  // One batch lasts a millisecond: a hundredth of a radian in each.
  simulator.setAttack({ kind: 'drift', radiansPerSecond: 10 })
  for (let batch = 1; batch <= 20; batch++) {
    const expected = Math.sin(Math.asin(0.1) + 0.01 * batch) ** 2
    const { rate, sifted } = qber()
    const sigma = Math.sqrt((expected * (1 - expected)) / sifted)
    assert.ok(Math.abs(rate - expected) < 5 * sigma, `${rate}, not ${expected}`)
  }
  simulator.setAttack(noAttack)
  assert.ok(qber().rate < 0.013)
})

test('light below the blinding power jams a receiver, above it silences it; both show', () => {
  const link = testLink({ lossDb: 10, misalignment: { Z: 0.01, X: 0.01 } })
  const currents = [0, 1e-4, 99, 101].map((powerUw) => {
    const attack = { kind: 'bright-light', powerUw } as const
    const seen = runSimulator({ link, attack, seed: 3, batches: 1, batchSlots: 200_000 })
    const sifted = seen.sum(/^bases (ZZ|XX)/)
    const qber = seen.sum(/^bases (ZZ|XX) wrong/) / sifted
    if (powerUw === 0) assert.ok(qber < 0.02)
    if (powerUw === 1e-4) assert.ok(Math.abs(qber - 0.48) < 0.03, `${qber}`)
    if (powerUw === 101) assert.equal(sifted, 0)
    return seen.photocurrentUa
  })
  assert.ok(currents[0] < currents[1] && currents[1] < currents[2])
  assert.ok(Math.abs(currents[3] - 1010) < 1)
})

test('a bent fibre loses what its loss says', () => {
  const rate = (attack: Attack): number =>
    expectLink(testLink({ lossDb: 20 }), attack).detectionProbability
  const ratio = rate({ kind: 'fibre-cut', lossDb: 3.0103 }) / rate(noAttack)
  assert.ok(Math.abs(ratio - 0.5) < 0.002)
})

test('what may arrive in place of a pulse has probability 1 in all', () => {
  const sent = fc.record({
    meanPhotonNumber: fc.double({ min: 0, max: 10, noNaN: true }),
    basis: fc.constantFrom('Z' as const, 'X' as const),
    bit: fc.constantFrom(0 as const, 1 as const),
  })
  const attacks = fc.oneof(
    fc.constant(noAttack),
    fc.double({ min: 0, max: 1, noNaN: true }).map(intercept),
    fc.double({ min: 0, noNaN: true }).map((lossDb) => ({ kind: 'fibre-cut' as const, lossDb })),
    fc
      .double({ min: 0, max: 1, noNaN: true })
      .chain((fraction) =>
        fc.constantFrom<Attack>(
          { kind: 'photon-number-splitting', fraction },
          { kind: 'beam-splitting', fraction },
          { kind: 'blinding', fraction },
          { kind: 'time-shift', fraction, shiftPs: 70, earlyShare: 0.3 },
          { kind: 'failing-source', fraction },
          { kind: 'bright-light', powerUw: fraction },
          { kind: 'trojan-horse', powerUw: 1e6 * fraction },
        ),
      ),
  )
  fc.assert(
    fc.property(sent, attacks, (pulse, attack) => {
      const arrivals = arrivalsOf(checkedAttack(attack), pulse, testLink())
      const sum = arrivals.reduce((total, { probability }) => total + probability, 0)
      assert.ok(Math.abs(sum - 1) < 1e-12)
      for (const { known, basis, bit } of arrivals) {
        if (known) assert.deepEqual([basis, bit], [pulse.basis, pulse.bit])
      }
    }),
    { seed: 1 },
  )
})

/** Mean number of photons that an arrival adds to all. */
const meanPhotons = ({ probability, light }: Arrival): number => {
  if (light.kind === 'faked') return NaN
  return probability * (light.kind === 'coherent' ? light.meanPhotonNumber : light.count)
}

test('what Eve resends keeps the mean photon number on the fibre', () => {
  for (const intensities of [oneDecoy, twoDecoys]) {
    const resent = unnoticedMeanPhotonNumber(intensities)
    const [before, after] = [0, 1].map((fraction) =>
      intensities.reduce((sum, { meanPhotonNumber, probability }) => {
        const sent = { meanPhotonNumber, basis: 'Z', bit: 0 } as const
        const link = testLink({ intensities, lossDb: 1 })
        const photons = arrivalsOf(intercept(fraction), sent, link).map(meanPhotons)
        return sum + probability * photons.reduce((a, b) => a + b, 0)
      }, 0),
    )
    assert.ok(Math.abs(before - after) < 1e-12)
    assert.ok(resent > 0)
  }
  assert.equal(unnoticedMeanPhotonNumber([{ meanPhotonNumber: 0, probability: 1 }]), 0)
})

test('an attack outside its range is refused and changes nothing', () => {
  const random = seededRandom(1)
  const simulator = new BatchSimulator({ link: roughLink, random, allowSimulatedRandomness: true })
  const wrong: readonly Attack[] = [
    intercept(-0.01),
    intercept(1.01),
    intercept(NaN),
    { ...intercept(0.5), resendMeanPhotonNumber: -1 } as Attack,
    { kind: 'fibre-cut', lossDb: -1 },
    { kind: 'fibre-cut', lossDb: NaN },
    { kind: 'photon-number-splitting', fraction: 1.01 },
    { kind: 'photon-number-splitting', fraction: 1, stealth: 1.01 },
    { ...intercept(0.5), stealth: -0.01 } as Attack,
    { kind: 'beam-splitting', fraction: -1 },
    { kind: 'blinding', fraction: 1, powerUw: -1 },
    { kind: 'bright-light', powerUw: Infinity },
    { kind: 'time-shift', fraction: 1, shiftPs: NaN },
    { kind: 'time-shift', fraction: 1, shiftPs: 50, earlyShare: 1.1 },
    { kind: 'trojan-horse', powerUw: 1e9 },
    { kind: 'failing-source', fraction: 2 },
    { kind: 'drift', radiansPerSecond: -1 },
  ]
  for (const attack of wrong) {
    assert.throws(
      () => simulator.setAttack(attack),
      (error) => error instanceof OpticsRefusal && error.code === 'OPTICS_ATTACK_INVALID',
    )
  }
  assert.deepEqual(simulator.attack, noAttack)
})
