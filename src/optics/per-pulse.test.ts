/**
 * The simulator against one that goes through every pulse, photon by photon.
 *
 * The oracle shares no formula with `law`: it draws photon numbers, lets each photon be lost, sent
 * astray or counted, lets Eve measure photons one by one, and keeps the state of each slot in
 * plain arrays.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '#base'
import { unnoticedReplies } from './blinding.ts'
import type { Attack } from './eve.ts'
import {
  roughLink,
  runSimulator,
  sigmasApart,
  Tallies,
  testLink,
  threeStates,
  twoDecoys,
} from './fixtures.test.ts'
import { figuresOf, type OpticalLink } from './link.ts'
import { splittingPlan } from './splitting.ts'

interface Photons {
  readonly count: number
  readonly basis: number
  readonly bit: number
}

function poisson(mean: number, random: SeededRandom): number {
  const floor = Math.exp(-mean)
  let count = 0
  for (let product = random.unit(); product > floor; product *= random.unit()) count++
  return count
}

const binomial = (trials: number, probability: number, random: SeededRandom): number => {
  let successes = 0
  for (let trial = 0; trial < trials; trial++) if (random.chance(probability)) successes++
  return successes
}

/** Eve's own two detectors see every photon; two clicks leave her guessing. */
function eavesdrop(sent: Photons, resent: number, random: SeededRandom): Photons {
  const basis = random.below(2)
  let ones = 0
  for (let photon = 0; photon < sent.count; photon++) {
    ones += basis === sent.basis ? sent.bit : random.below(2)
  }
  if (sent.count === 0) return sent
  const bit = ones === 0 ? 0 : ones === sent.count ? 1 : random.below(2)
  return { count: poisson(resent, random), basis, bit }
}

/** Light of one slot, as Eve leaves it. */
interface Slot extends Photons {
  /** The channel loses nothing any more. */
  readonly lossless?: boolean
  readonly delayPs?: number
  /** A bright pulse at blinded detectors. */
  readonly bright?: boolean
}

/** Eve handles one pulse; without an attack, nothing happens to it. */
function handled(attack: Attack, sent: Photons, random: SeededRandom): Slot {
  if (attack.kind === 'blinding') {
    // An oracle for all of her replies: nothing is left of what she does not answer.
    const heard = eavesdrop(sent, 0, random)
    if (sent.count === 0 || !random.chance(REPLIES)) return { ...sent, count: 0 }
    return { ...heard, bright: true }
  }
  if (!('fraction' in attack) || !random.chance(attack.fraction)) return sent
  if (attack.kind === 'intercept-resend') {
    return eavesdrop(sent, attack.resendMeanPhotonNumber ?? NaN, random)
  }
  if (attack.kind === 'photon-number-splitting') {
    const { singles, multiples } = PLAN
    if (sent.count === 0) return sent
    if (sent.count === 1) {
      return random.chance(singles) ? { ...sent, lossless: true } : { ...sent, count: 0 }
    }
    return random.chance(multiples)
      ? { ...sent, count: sent.count - 1, lossless: true }
      : { ...sent, count: 0 }
  }
  if (attack.kind === 'time-shift') {
    const early = random.chance(attack.earlyShare ?? 0.5)
    return { ...sent, delayPs: early ? -attack.shiftPs : attack.shiftPs }
  }
  return sent
}

/** Which detectors light and noise fire in one slot: bit 0 and bit 1. */
function fire(
  { receiver, channel, settings }: OpticalLink,
  attack: Attack,
  arriving: Slot,
  basis: number,
  random: SeededRandom,
): number {
  const { misalignment, lossDb, detector } = receiver
  if (arriving.bright === true) return arriving.basis === basis ? 1 << arriving.bit : 0
  if (attack.kind === 'blinding') return 0
  const reached = binomial(arriving.count, 10 ** (-lossDb / 10), random)
  const astray = arriving.basis !== basis ? 0.5 : basis === 0 ? misalignment.Z : misalignment.X
  let fired = 0
  const meets = (detectorHit: number, delayPs: number): void => {
    const middle = (detectorHit === 0 ? -0.5 : 0.5) * detector.gateMismatchPs
    const gate = (time: number): number =>
      Math.exp(-((time - middle) ** 2) / (2 * detector.gateWidthPs ** 2))
    if (random.chance((detector.efficiency * gate(delayPs)) / gate(0))) fired |= 1 << detectorHit
  }
  for (let photon = 0; photon < reached; photon++) {
    meets(random.chance(astray) ? 1 - arriving.bit : arriving.bit, arriving.delayPs ?? 0)
  }
  if (attack.kind === 'bright-light') {
    const photons = (attack.powerUw * 1e-6) / 1.2816e-19 / settings.clockHz
    const glare = poisson(photons * 10 ** (-lossDb / 10), random)
    for (let photon = 0; photon < glare; photon++) meets(random.below(2), 0)
  }
  for (const each of [1, 2]) {
    if (random.chance(detector.darkCountProbability)) fired |= each
    if (random.chance(channel.backgroundProbability)) fired |= each
  }
  return fired
}

function everyPulse(link: OpticalLink, attack: Attack, slots: number, seed: number): Tallies {
  const random = new SeededRandom(seed)
  const { settings, channel, receiver } = link
  const { detector } = receiver
  const slotPs = 1e12 / settings.clockHz
  const lossDb = channel.lengthKm * channel.attenuationDbPerKm + channel.insertionLossDb
  const stamped = new Uint8Array(slots + 2)
  const choices = new Uint8Array(slots)
  const bases = new Uint8Array(slots)
  for (let slot = 0; slot < slots; slot++) {
    let intensity = 0
    let rest = random.unit()
    while (intensity < settings.intensities.length - 1) {
      rest -= settings.intensities[intensity].probability
      if (rest < 0) break
      intensity++
    }
    const basis = random.chance(settings.keyBasisProbability.transmitter) ? 0 : 1
    const stuck = attack.kind === 'failing-source' && random.chance(attack.fraction)
    const alone = settings.source === 'three-states' && basis === 1
    const bit = stuck || alone ? 0 : random.below(2)
    choices[slot] = basis | (bit << 1) | (intensity << 2)
    bases[slot] = random.chance(settings.keyBasisProbability.receiver) ? 0 : 1
    const count = poisson(settings.intensities[intensity].meanPhotonNumber, random)
    const light = handled(attack, { count, basis, bit }, random)
    const loss = attack.kind === 'fibre-cut' ? lossDb + attack.lossDb : lossDb
    const passing = light.lossless === true ? 1 : 10 ** (-loss / 10)
    const arriving = { ...light, count: binomial(light.count, passing, random) }
    const fired = fire(link, attack, arriving, bases[slot], random)
    for (const each of [1, 2]) {
      if ((fired & each) === 0) continue
      const early = random.chance(detector.neighbourSlotProbability / 2)
      const late = random.chance(
        detector.neighbourSlotProbability / 2 / (1 - detector.neighbourSlotProbability / 2),
      )
      const stamp = early ? slot - 1 : late ? slot + 1 : slot
      if (stamp >= 0) stamped[stamp] |= each
    }
  }
  const tallies = new Tallies()
  tallies.slots = slots
  let lastClickPs = -Infinity
  for (let slot = 0; slot < slots; slot++) {
    const fired = stamped[slot]
    const dead = slot * slotPs < lastClickPs + detector.deadTimePs - 1e-6
    if (fired === 0 || dead) {
      if (fired !== 0) tallies.add('dead time drops')
      tallies.add(`unreported choice ${choices[slot]}`)
      continue
    }
    const bit = fired === 3 ? random.below(2) : fired >> 1
    tallies.detection(slot, choices[slot], bases[slot] | (bit << 1))
    tallies.neighbours(choices, slot, bases[slot] | (bit << 1))
    if (fired === 3) tallies.add('double clicks')
    lastClickPs = slot * slotPs
    for (const each of [1, 2]) {
      if ((fired & each) === 0) continue
      tallies.add(`clicks of ${'ZX'[bases[slot]]}${each - 1}`)
      if (attack.kind === 'blinding' || !random.chance(detector.afterpulseProbability)) continue
      const delayPs = -Math.log(1 - random.unit()) * detector.afterpulseDecayPs
      let release = slot + 1
      while (release * slotPs < lastClickPs + detector.deadTimePs - 1e-6) release++
      release += Math.floor(delayPs / slotPs)
      if (release < slots) stamped[release] |= each
    }
  }
  return tallies
}

/** What Eve decides on: figures of her own, which need no oracle. */
const { channelTransmittance, receiverTransmittance } = figuresOf(roughLink)
const PLAN = splittingPlan(
  roughLink.settings.intensities[0],
  channelTransmittance,
  receiverTransmittance,
)
const REPLIES = unnoticedReplies(
  roughLink.settings.intensities,
  channelTransmittance * receiverTransmittance,
)

const intercept: Attack = {
  kind: 'intercept-resend',
  fraction: 0.4,
  resendMeanPhotonNumber: 0.8,
}

const cases: readonly { name: string; link: OpticalLink; attack: Attack; rare?: boolean }[] = [
  { name: 'one decoy, all effects', link: roughLink, attack: { kind: 'none' } },
  {
    name: 'two decoys, bright, no dead time',
    link: testLink({
      intensities: twoDecoys,
      lossDb: 1,
      detector: {
        efficiency: 0.9,
        darkCountProbability: 0.01,
        neighbourSlotProbability: 0.1,
        afterpulseProbability: 0.1,
      },
      misalignment: { Z: 0.05, X: 0.01 },
    }),
    attack: { kind: 'none' },
  },
  {
    name: 'long dead time, slow afterpulses',
    link: testLink({
      detector: { deadTimePs: 20_500, afterpulseProbability: 0.3, afterpulseDecayPs: 60_000 },
    }),
    attack: { kind: 'none' },
  },
  { name: 'all effects, and Eve', link: roughLink, attack: intercept },
  { name: 'all effects, fibre bent', link: roughLink, attack: { kind: 'fibre-cut', lossDb: 6 } },
  {
    name: 'all effects, photon numbers split',
    link: roughLink,
    attack: { kind: 'photon-number-splitting', fraction: 0.8 },
  },
  {
    name: 'all effects, detectors blinded',
    link: roughLink,
    attack: { kind: 'blinding', fraction: 1 },
  },
  {
    name: 'all effects, pulses shifted, early more often than late',
    link: roughLink,
    attack: { kind: 'time-shift', fraction: 0.9, shiftPs: 50, earlyShare: 0.8 },
  },
  { name: 'all effects, three states', link: threeStates(roughLink), attack: { kind: 'none' } },
  { name: 'all effects, three states, and Eve', link: threeStates(roughLink), attack: intercept },
  {
    name: 'all effects, three states, pulses shifted',
    link: threeStates(roughLink),
    attack: { kind: 'time-shift', fraction: 0.9, shiftPs: 50, earlyShare: 0.8 },
  },
  {
    name: 'all effects, jammed with light',
    link: roughLink,
    attack: { kind: 'bright-light', powerUw: 1e-5 },
  },
  {
    name: 'all effects, source failing',
    link: roughLink,
    attack: { kind: 'failing-source', fraction: 0.2 },
  },
]

for (const [seed, { name, link, attack }] of cases.entries()) {
  test(`drawing detections only equals going through every pulse: ${name}`, () => {
    const slots = 800_000
    const expected = everyPulse(link, attack, slots, seed)
    const batchSlots = 20_000
    const batches = slots / batchSlots
    const seen = runSimulator({ link, attack, seed, batches, batchSlots, everyChoice: true })
    const kinds = new Set([...expected.counts.keys(), ...seen.counts.keys()])
    assert.ok(kinds.size > (attack.kind === 'blinding' ? 30 : 40), 'many figures are compared')
    for (const kind of kinds) {
      const [ours, theirs] = [seen.of(kind), expected.of(kind)]
      assert.ok(sigmasApart(ours, theirs) < 5, `${kind}: ${ours} drawn, ${theirs} gone through`)
    }
  })
}

test('the comparison would notice a wrong intensity, basis or dead time', () => {
  const slots = 800_000
  const expected = everyPulse(roughLink, { kind: 'none' }, slots, 1)
  const { settings, receiver } = roughLink
  const { detector } = receiver
  const wrong: readonly OpticalLink[] = [
    { ...roughLink, receiver: { ...receiver, misalignment: { Z: 0.04, X: 0.06 } } },
    {
      ...roughLink,
      settings: { ...settings, keyBasisProbability: { transmitter: 0.77, receiver: 0.7 } },
    },
    { ...roughLink, receiver: { ...receiver, detector: { ...detector, deadTimePs: 5000 } } },
    {
      ...roughLink,
      receiver: { ...receiver, detector: { ...detector, afterpulseProbability: 0.03 } },
    },
    {
      ...roughLink,
      receiver: { ...receiver, detector: { ...detector, neighbourSlotProbability: 0.08 } },
    },
  ]
  for (const link of wrong) {
    const seen = runSimulator({ link, seed: 1, batches: 40, batchSlots: 20_000 })
    const apart = [...seen.counts.keys()].map((kind) =>
      sigmasApart(seen.of(kind), expected.of(kind)),
    )
    assert.ok(Math.max(...apart) > 5, JSON.stringify(link))
  }
})
