/**
 * MDI, twin-field and the capacity against second implementations: phases averaged by brute force,
 * and single photons followed through the beam splitter one by one.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { QkdRefusal } from '../refusal.ts'
import { secretKeyCapacity } from './capacity.ts'
import { besselI0 } from './interference.ts'
import { mdiRate, type MdiLink } from './mdi.ts'
import { twinFieldRate, type TwinFieldLink } from './twin-field.ts'

const close = (got: number, expected: number): void =>
  assert(Math.abs(got - expected) <= 1e-12 * Math.max(1, Math.abs(expected)), `${got} ${expected}`)

/** The mean over all phases: the trapezoidal rule is exact to double precision on a circle. */
function meanOverPhase(of: (cosine: number) => number): number {
  const points = 200
  let sum = 0
  for (let at = 0; at < points; at++) sum += of(Math.cos((2 * Math.PI * at) / points))
  return sum / points
}

const h = (p: number): number =>
  p <= 0 || p >= 1 ? 0 : -(p * Math.log(p) + (1 - p) * Math.log(1 - p)) / Math.LN2

/** All ways in which detectors fire, and what the relay announces of them. */
function announced(fire: readonly number[], wanted: readonly number[]): number {
  let sum = 0
  for (const pattern of wanted) {
    sum += fire.reduce((product, p, at) => product * ((pattern >> at) & 1 ? p : 1 - p), 1)
  }
  return sum
}

/** Detectors cH, dH, cV, dV: one of each polarisation is a Bell state. */
const BELL = [0b0101, 0b1001, 0b0110, 0b1010]

/**
 * Two single photons, each lost or not, on a 50:50 splitter; `same` for one polarisation, and
 * `overlap` the probability that they are told apart by nothing but their ports.
 */
function pairYield(etaA: number, etaB: number, dark: number, same: boolean): number {
  const fired = (lit: readonly number[]): number =>
    announced(
      [0, 1, 2, 3].map((at) => (lit.includes(at) ? 1 : dark)),
      BELL,
    )
  const modeB = same ? [0, 1] : [2, 3]
  let sum = (1 - etaA) * (1 - etaB) * fired([])
  for (const port of [0, 1]) {
    sum += (etaA * (1 - etaB) * fired([port])) / 2
    sum += ((1 - etaA) * etaB * fired([modeB[port]])) / 2
  }
  if (same) {
    // Hong-Ou-Mandel: both leave by one port.
    for (const port of [0, 1]) sum += (etaA * etaB * fired([port])) / 2
  } else {
    for (const a of [0, 1]) for (const b of [2, 3]) sum += (etaA * etaB * fired([a, b])) / 4
  }
  return sum
}

test('MDI: single photons yield what following them one by one yields', () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true })
  fc.assert(
    fc.property(share, share, fc.double({ min: 0, max: 0.01, noNaN: true }), (etaA, etaB, dark) => {
      const got = mdiRate({ ...mdi, transmittance: [etaA, etaB], darkCountProbability: dark })
      // Z: half the pairs have one polarisation, half have two.
      const [alike, apart] = [true, false].map((same) => pairYield(etaA, etaB, dark, same))
      close(got.singleYield, (alike + apart) / 2)
    }),
    { seed: 1 },
  )
})

test('MDI: coherent pulses gain what averaging over their phases gains', () => {
  const light = fc.double({ min: 0, max: 1, noNaN: true })
  fc.assert(
    fc.property(light, light, fc.double({ min: 0, max: 0.01, noNaN: true }), (a, b, dark) => {
      const fire = (x: number): number => 1 - (1 - dark) * Math.exp(-x)
      const apart = announced([fire(a / 2), fire(a / 2), fire(b / 2), fire(b / 2)], BELL)
      const alike = meanOverPhase((cosine) => {
        const cross = Math.sqrt(a * b) * cosine
        const [c, d] = [(a + b) / 2 + cross, (a + b) / 2 - cross]
        return announced([fire(c), fire(d), dark, dark], BELL)
      })
      const link = { ...mdi, transmittance: [1, 1], meanPhotonNumber: [a, b] } as const
      const got = mdiRate({ ...link, darkCountProbability: dark, misalignment: 0.02 })
      close(got.gainZ, (apart + alike) / 2)
      const errors = (0.02 * apart + 0.98 * alike) / 2
      if (got.gainZ > 0) close(got.errorRateZ * got.gainZ, errors)
      const hidden = got.singleProbability * got.singleYield * (1 - h(got.singleError))
      close(got.rate, Math.max(0, hidden - got.gainZ * 1.16 * h(got.errorRateZ)))
    }),
    { seed: 2 },
  )
})

test('MDI: without light or noise the phase error is the misalignment, in the dark a half', () => {
  close(mdiRate({ ...mdi, darkCountProbability: 0 }).singleError, mdi.misalignment)
  close(mdiRate({ ...mdi, transmittance: [0, 0] }).singleError, 0.5)
  assert.equal(mdiRate({ ...mdi, transmittance: [0, 0] }).rate, 0)
  assert.equal(mdiRate({ ...mdi, transmittance: [0, 0], darkCountProbability: 0 }).gainZ, 0)
})

const mdi: MdiLink = {
  transmittance: [0.1, 0.2],
  meanPhotonNumber: [0.3, 0.2],
  darkCountProbability: 1e-6,
  misalignment: 0.015,
  efficiency: 1.16,
}

const twin: TwinFieldLink = {
  armTransmittance: 0.01,
  meanPhotonNumber: 0.4,
  sendingProbability: 0.05,
  darkCountProbability: 1e-10,
  misalignment: 0.03,
  efficiency: 1.1,
}

test('twin field: announcements are what averaging over the phases gives', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 0.01, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (eta, mu, dark, send) => {
        const got = twinFieldRate({
          ...twin,
          armTransmittance: eta,
          meanPhotonNumber: mu,
          darkCountProbability: dark,
          sendingProbability: send,
        })
        const fire = (x: number): number => 1 - (1 - dark) * Math.exp(-x)
        const one = announced([fire((eta * mu) / 2), fire((eta * mu) / 2)], [0b01, 0b10])
        const both = meanOverPhase((cosine) =>
          announced([fire(eta * mu * (1 + cosine)), fire(eta * mu * (1 - cosine))], [0b01, 0b10]),
        )
        const none = announced([dark, dark], [0b01, 0b10])
        close(got.gainOne, one)
        close(got.gainBoth, both)
        close(got.gainNone, none)
        const wrong = send ** 2 * both + (1 - send) ** 2 * none
        const all = wrong + 2 * send * (1 - send) * one
        close(got.gain, all)
        // One photon in both arms at once, matched in phase: it leaves by one port.
        const right = announced([1, dark], [0b01])
        const singleYield = eta * right + (1 - eta) * none
        close(got.singleYield, singleYield)
        const errors = eta * right * 0.03 + ((1 - eta) * none) / 2
        close(got.phaseError * singleYield, errors)
        const q = all > 0 ? wrong / all : 0.5
        const e = singleYield > 0 ? errors / singleYield : 0.5
        const hidden = 2 * send * (1 - send) * mu * Math.exp(-mu) * singleYield * (1 - h(e))
        close(got.rate, Math.max(0, hidden - all * 1.1 * h(q)))
      },
    ),
    { seed: 3 },
  )
})

test('twin field: the rate falls with the square root of the channel, MDI with the channel', () => {
  const at = (km: number) => {
    const arm = 10 ** (-0.01 * km)
    const dark = { darkCountProbability: 0 }
    const field = twinFieldRate({ ...twin, ...dark, armTransmittance: arm }).rate
    const relay = mdiRate({ ...mdi, ...dark, transmittance: [arm, arm] }).rate
    return { field, relay, capacity: secretKeyCapacity(arm * arm) }
  }
  const [near, far] = [at(300), at(400)]
  // 100 km at 0.2 dB/km: a hundredth of the light in all, a tenth in each arm.
  assert(Math.abs(near.field / far.field / 10 - 1) < 0.01)
  assert(Math.abs(near.relay / far.relay / 100 - 1) < 0.01)
  assert(far.field > far.capacity && near.relay < near.capacity)
})

test('the capacity has its published values, and grows without end towards no loss', () => {
  const expected = [
    [10, 1.4381],
    [50, 0.152],
    [100, 1.45e-2],
    [200, 1.4428e-4],
  ] as const
  for (const [km, bits] of expected) {
    assert(Math.abs(secretKeyCapacity(10 ** (-0.02 * km)) / bits - 1) < 5e-5, `${km} km`)
  }
  assert.equal(secretKeyCapacity(0), 0)
  assert(secretKeyCapacity(1 - 1e-15) > 49)
  assert.throws(() => secretKeyCapacity(1), QkdRefusal)
  assert.throws(() => secretKeyCapacity(-0.1), QkdRefusal)
})

test('I₀ has its tabulated values', () => {
  // Abramowitz and Stegun, table 9.8.
  close(besselI0(0), 1)
  assert(Math.abs(besselI0(1) - 1.2660658777520084) < 1e-14)
  assert(Math.abs(besselI0(5) / 27.239871823604442 - 1) < 1e-14)
  close(
    besselI0(2.3),
    meanOverPhase((cosine) => Math.exp(2.3 * cosine)),
  )
})

test('impossible relays are refused', () => {
  assert.throws(() => mdiRate({ ...mdi, transmittance: [1.1, 0.1] }), QkdRefusal)
  assert.throws(() => mdiRate({ ...mdi, misalignment: NaN }), QkdRefusal)
  assert.throws(() => twinFieldRate({ ...twin, sendingProbability: 2 }), QkdRefusal)
  assert.throws(() => twinFieldRate({ ...twin, efficiency: 0.9 }), QkdRefusal)
})
