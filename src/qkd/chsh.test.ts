/**
 * The CHSH test of a link of entangled pairs: what both ends count, what it shows, what it stops.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SeededRandom } from '#base'
import { namedLink, SimulatedFibre, type Attack, type DetectionBatch } from '#optics'
import { seededRandom } from '#world/ports'
import {
  CHSH_EPSILON,
  coincidencesOf,
  measuredChsh,
  violatesChsh,
  type ChshCounts,
} from './chsh.ts'
import { NOTHING_SEEN, Pair, pairLink, randomFrom, ROLES } from './fixture.test.ts'
import { LoopbackLink } from './loopback.ts'
import { decodeMessage, encodeMessage, type MessageOf } from './messages.ts'
import { linkParameters, parametersHash, type LinkParameters } from './parameters.ts'
import { QkdRefusal } from './refusal.ts'
import { SiftedBlock } from './sifted-block.ts'
import { acceptSifting, announce, answerSifting, checkAnnouncement } from './sifting.ts'

const PAIRS = pairLink().pulses
const testedLink = (chshProbability = 0.2): LinkParameters =>
  pairLink({ pulses: { ...PAIRS, chshProbability } })

const NONE = new Uint8Array(0)
const bitAt = (octets: Uint8Array, at: number): number => (octets[at >> 3] >> (at & 7)) & 1

/** What both devices report of `count` slots, some of them at one end only, all else by chance. */
function batchOf(count: number, seed: number): { batch: DetectionBatch; choices: Uint8Array } {
  const random = new SeededRandom(seed)
  const slots = Uint32Array.from({ length: count }, (_, at) => 3 * at)
  const outcomes = Uint8Array.from(slots, () => random.below(8))
  const choices = Uint8Array.from(slots, () =>
    random.chance(0.3) ? NOTHING_SEEN : random.below(4),
  )
  const observables = {
    clicks: [0, 0, 0, 0] as const,
    doubleClicks: 0,
    deadTimeDrops: 0,
    photocurrentUa: 0,
  }
  const head = { batch: 0, slotCount: 3 * count + 1, simulated: true }
  return { batch: { ...head, slots, outcomes, observables }, choices }
}

test('both ends count of a test what a plain loop counts, and sift what is left', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 300 }), fc.nat(), (count, seed) => {
      const { batch, choices } = batchOf(count, seed)
      const [alice, bob] = [
        new SiftedBlock(1, 'entangled-pairs', true),
        new SiftedBlock(1, 'entangled-pairs', true),
      ]
      const { announcement, outcomes } = announce(batch, true)
      checkAnnouncement(announcement, true)
      acceptSifting(outcomes, answerSifting(announcement, choices, alice), bob)
      const plain = Array.from({ length: 4 }, () => ({ same: 0, different: 0 }))
      let [key, tests, wrong] = [0, 0, 0]
      for (const [at, choice] of choices.entries()) {
        const outcome = batch.outcomes[at]
        const unlike = ((choice ^ outcome) >> 1) & 1
        if (choice === NOTHING_SEEN) continue
        if (outcome & 4) {
          const setting = (choice & 1 ? 0 : 2) + (outcome & 1)
          plain[setting][unlike ? 'different' : 'same']++
        } else if ((choice & 1) === (outcome & 1)) {
          if ((choice & 1) === 0) key++
          else tests++
          if (choice & 1) wrong += unlike
        }
      }
      for (const block of [alice, bob]) {
        assert.deepEqual(block.chsh, plain)
        assert.deepEqual(
          [block.key.length, block.testDetections[0], block.testErrors[0]],
          [key, tests, wrong],
        )
      }
    }),
    { numRuns: 200, seed: 1 },
  )
})

test('an answer about a test that no honest end gives is refused, and the block is as it was', () => {
  const { batch, choices } = batchOf(200, 5)
  const { announcement, outcomes } = announce(batch, true)
  const answer = answerSifting(announcement, choices, new SiftedBlock(1, 'entangled-pairs', true))
  const { seen, seenBases, seenBits, ...rest } = answer
  assert(seen !== undefined && seenBases !== undefined && seenBits !== undefined)
  const sifting = { matches: rest.matches, testBits: rest.testBits }
  const longer = (octets: Uint8Array): Uint8Array => Uint8Array.of(...octets, 0)
  const marked = rest.matches.map((octet, at) => octet | (announcement.tested?.[at] ?? 0))
  for (const [name, wrong] of Object.entries({
    'no part about it': rest,
    'half of the part': { ...rest, seen },
    'too much seen': { ...answer, seen: longer(seen) },
    'nothing seen, and bases of it': { ...answer, seen: seen.map(() => 0) },
    'too many bases': { ...answer, seenBases: longer(seenBases) },
    'too few bits': { ...answer, seenBits: seenBits.subarray(1) },
    'a tested detection in the key': { ...answer, ...sifting, matches: marked },
  })) {
    const block = new SiftedBlock(1, 'entangled-pairs', true)
    assert.throws(() => acceptSifting(outcomes, wrong, block), QkdRefusal, name)
    assert.deepEqual(block, new SiftedBlock(1, 'entangled-pairs', true), name)
  }
  const plain = announce({ ...batch, outcomes: batch.outcomes.map((one) => one & 3) })
  const bare = answerSifting(plain.announcement, choices, new SiftedBlock(1))
  assert.throws(
    () => acceptSifting(plain.outcomes, { ...bare, seen: seen.slice() }, new SiftedBlock(1)),
    QkdRefusal,
    'a link without a test hears nothing of one',
  )
})

test('an announcement is refused unless it has the parts of a test just where there is one', () => {
  const { batch } = batchOf(100, 6)
  const { announcement } = announce(batch, true)
  const { tested = new Uint8Array(0), testedBits = new Uint8Array(0), ...rest } = announcement
  const refused = (wrong: typeof announcement, chsh: boolean, name: string): void =>
    assert.throws(() => checkAnnouncement(wrong, chsh), QkdRefusal, name)
  refused(announcement, false, 'a test where there is none')
  refused(rest, true, 'none where there is one')
  refused({ ...announcement, tested: tested.subarray(1) }, true, 'too few marks')
  refused({ ...announcement, testedBits: Uint8Array.of(...testedBits, 0) }, true, 'too many bits')
  refused({ ...announcement, tested: tested.map(() => 0) }, true, 'marks of nothing')
  assert.throws(() => announce(batch), QkdRefusal, 'a device that measures what it was not asked')
})

test('S, its error and its bound are those of the textbook', () => {
  const counts = (same: number, different: number) => ({ same, different })
  const perfect: ChshCounts = [counts(85, 15), counts(15, 85), counts(85, 15), counts(85, 15)]
  const measured = measuredChsh(perfect)
  assert(measured !== undefined)
  assert.deepEqual(measured.correlations, [0.7, -0.7, 0.7, 0.7])
  assert(Math.abs(measured.chsh - 2.8) < 1e-12)
  assert(Math.abs(measured.standardError - Math.sqrt((4 * 0.51) / 100)) < 1e-12)
  const deviation = Math.sqrt((2 * Math.log(2 / CHSH_EPSILON) * 4) / 100)
  assert(Math.abs(measured.lowerBound - (2.8 - deviation)) < 1e-12)
  assert(!violatesChsh(measured), 'four hundred pairs are too few')
  const many = perfect.map(({ same, different }) => counts(100 * same, 100 * different))
  const [a, b, c, d] = many
  assert(violatesChsh(measuredChsh([a, b, c, d])))
  assert.equal(coincidencesOf([a, b, c, d]), 40_000)
  assert(!violatesChsh(measuredChsh([b, b, c, d])), 'the sign of one correlation matters')
  assert.equal(measuredChsh([counts(0, 0), b, c, d]), undefined)
  assert(!violatesChsh(undefined))
})

test('the bound fails no more often than it may: S of local dice is hardly ever above 2', () => {
  // The best that shared dice do: three settings always alike, the fourth too, so S = 2.
  const random = new SeededRandom(3)
  let highest = 0
  for (let run = 0; run < 2000; run++) {
    const draw = (chance: number) => {
      let same = 0
      for (let pair = 0; pair < 50; pair++) same += random.chance(chance) ? 1 : 0
      return { same, different: 50 - same }
    }
    const measured = measuredChsh([draw(0.75), draw(0.25), draw(0.75), draw(0.75)])
    highest = Math.max(highest, measured?.lowerBound ?? 0)
  }
  assert(highest < 2, String(highest))
  assert(highest > 0, 'the bound says something')
})

test('a link with a test distils equal keys, and reports S with what it rests on', () => {
  const pair = new Pair(31, testedLink())
  pair.weather = { errorRate: 0.02, transmission: 0.1, visibility: 0.96 }
  pair.connect()
  for (let batch = 0; batch < 20; batch++) pair.feed()
  assert(pair.usable().length >= 2)
  assert.deepEqual([...pair.alarms('transmitter'), ...pair.alarms('receiver')], [])
  const [a, b] = ROLES.map((role) => pair.hosts[role].reports)
  for (const [at, { chsh, keyLength }] of a.entries()) {
    assert.deepEqual(chsh, b[at].chsh)
    assert(chsh !== undefined)
    assert(Math.abs(chsh.chsh - 2 * Math.SQRT2 * 0.96) < 5 * chsh.standardError)
    assert(chsh.lowerBound > 2 && chsh.lowerBound < chsh.chsh)
    assert.deepEqual(keyLength, b[at].keyLength)
  }
})

test('where S is too low or pairs are too few no key comes, whatever the error rates say', () => {
  for (const [probability, visibility] of [
    [0.2, 0.65],
    [0.001, 1],
  ]) {
    const pair = new Pair(32, testedLink(probability))
    pair.weather = { errorRate: 0.01, transmission: 0.1, visibility }
    pair.connect()
    for (let batch = 0; batch < 8; batch++) pair.feed()
    assert.deepEqual(pair.usable(), [])
    for (const role of ROLES) {
      assert(pair.fates(role).length > 0)
      assert(pair.fates(role).every((fate) => fate === 'chsh-not-violated'))
      assert.deepEqual(pair.alarms(role), ['chsh-not-violated raised'])
    }
  }
})

test('the alarm of a test ends with the first block that passes it', () => {
  const pair = new Pair(33, testedLink())
  pair.connect()
  pair.weather = { errorRate: 0.01, transmission: 0.1, visibility: 0.6 }
  for (let batch = 0; batch < 6; batch++) pair.feed()
  pair.weather = { errorRate: 0.01, transmission: 0.1, visibility: 1 }
  for (let batch = 0; batch < 12; batch++) pair.feed()
  assert.deepEqual(pair.alarms('receiver'), [
    'chsh-not-violated raised',
    'chsh-not-violated cleared',
  ])
  assert(pair.usable().length > 0)
})

/** Both engines over simulated devices: what one block of them reports. */
async function blockUnder(attack: Attack, blockBits = 40_000) {
  const { link } = namedLink('metro-bbm92-chsh')
  const fibre = new SimulatedFibre({
    link: { ...link, settings: { ...link.settings, chshProbability: 0.3 } },
    random: seededRandom(1),
    allowSimulatedRandomness: true,
    batchSlots: 2 ** 21,
  })
  fibre.setAttack(attack)
  const parameters = pairLink({ pulses: fibre.link.settings, blockBits, qberMax: 0.11 })
  const random = { transmitter: randomFrom(1), receiver: randomFrom(2), bootstrap: randomFrom(3) }
  const loop = new LoopbackLink({ parameters, random })
  const keys: Uint8Array[] = []
  for (const role of ROLES) loop.ends[role].stored = ({ key }) => keys.push(key.octets.slice())
  const waiting: DetectionBatch[] = []
  let wake: () => void = () => undefined
  fibre.receiver.receive((batch) => {
    waiting.push(batch)
    wake()
  })
  while (loop.ends.receiver.reports.length === 0) {
    const came = new Promise<void>((resolve) => (wake = resolve))
    fibre.produce()
    await came
    for (const batch of waiting.splice(0)) {
      loop.feed(batch, await fibre.transmitter.choicesAt(batch.batch, batch.slots))
    }
  }
  fibre.close()
  const { alarms, reports } = loop.ends.receiver
  return { report: reports[0], alarms: alarms.map(({ kind }) => kind), keys }
}

test('simulated pairs pass the test and grow keys; Eve who intercepts brings S below 2', async () => {
  const good = await blockUnder({ kind: 'none' })
  assert.equal(good.report.outcome, 'distilled')
  assert.deepEqual(good.keys[0], good.keys[1])
  assert((good.report.chsh?.lowerBound ?? 0) > 2)

  const half = await blockUnder({ kind: 'intercept-resend', fraction: 0.3 })
  const all = await blockUnder({ kind: 'intercept-resend', fraction: 1 })
  const clean = good.report.chsh?.chsh ?? NaN
  for (const [{ report }, fraction] of [
    [half, 0.3],
    [all, 1],
  ] as const) {
    const { chsh = NaN, standardError = NaN } = report.chsh ?? {}
    const expected = clean * (1 - fraction / 2)
    assert(Math.abs(chsh - expected) < 5 * Math.SQRT2 * standardError, `${chsh}, not ${expected}`)
  }
  assert.equal(all.report.cause, 'qber-above-limit', 'the error rate speaks first')
  assert((all.report.chsh?.chsh ?? NaN) < 2)
  assert(all.alarms.includes('chsh-not-violated') && all.alarms.includes('qber-above-limit'))
  assert.deepEqual(all.keys, [])
})

test('one bit of the messages that sift a test changed costs at most its block', () => {
  const parameters = testedLink()
  const weather = { errorRate: 0.01, transmission: 0.1 }
  const undisturbed = new Pair(34, parameters)
  undisturbed.weather = weather
  const sifting: number[] = []
  undisturbed.intercept = (octets, index) => {
    const { kind } = decodeMessage(octets).message
    if (kind === 'detections' || kind === 'sifted') sifting.push(index)
    return [octets]
  }
  undisturbed.connect()
  for (let batch = 0; batch < 4; batch++) undisturbed.feed()
  fc.assert(
    fc.property(fc.constantFrom(...sifting), fc.nat(), fc.nat(7), (which, octet, bit) => {
      const pair = new Pair(34, parameters)
      pair.weather = weather
      pair.intercept = (octets, index) => {
        if (index !== which) return [octets]
        const changed = octets.slice()
        changed[octet % changed.length] ^= 1 << bit
        return [changed]
      }
      pair.connect()
      for (let batch = 0; batch < 6; batch++) pair.feed()
      for (let ticks = 0; ticks < 3; ticks++) pair.tick(parameters.stallMs)
      pair.recover()
      const before = pair.usable().length
      for (let batch = 0; batch < 12 && pair.usable().length === before; batch++) pair.feed()
      assert(pair.usable().length > before, `message ${which}, octet ${octet}, bit ${bit}`)
    }),
    { seed: 5, numRuns: 20 },
  )
})

/** An answer whose bits agree with what the receiver announced as well as entangled ones could. */
function flattering(
  announced: MessageOf<'detections'>,
  answer: MessageOf<'sifted'>,
): MessageOf<'sifted'> {
  const { tested = NONE, testedBits = NONE, bases, count } = announced
  const { seen = NONE, seenBases = NONE, seenBits = NONE } = answer
  const forged = seenBits.map(() => 0)
  let [ofTested, ofSeen] = [0, 0]
  for (let at = 0; at < count; at++) {
    if (bitAt(tested, at) === 0) continue
    if (bitAt(seen, ofTested) === 1) {
      const unlike = bitAt(seenBases, ofSeen) & bitAt(bases, at)
      const bit = bitAt(testedBits, ofTested) ^ unlike
      forged[ofSeen >> 3] |= bit << (ofSeen & 7)
      ofSeen++
    }
    ofTested++
  }
  return { ...answer, seenBits: forged }
}

test('who flatters S on the wire deceives one end only, and no block comes of it', () => {
  const pair = new Pair(35, testedLink())
  pair.weather = { errorRate: 0.01, transmission: 0.1, visibility: 0.6 }
  let announced: MessageOf<'detections'> | undefined
  pair.intercept = (octets, _, from) => {
    const { number, message } = decodeMessage(octets)
    if (message.kind === 'detections') announced = message
    if (message.kind !== 'sifted' || from !== 'transmitter' || announced === undefined) {
      return [octets]
    }
    return [encodeMessage(number, flattering(announced, message))]
  }
  pair.connect()
  for (let batch = 0; batch < 8; batch++) pair.feed()
  for (let ticks = 0; ticks < 3; ticks++) pair.tick(pair.parameters.stallMs)
  assert.deepEqual(pair.usable(), [])
  assert.deepEqual(pair.fates('transmitter'), ['chsh-not-violated'])
  assert.deepEqual(pair.fates('receiver'), ['stalled'], 'this end was deceived, and got no tag')
  const [{ chsh }] = pair.hosts.receiver.reports
  assert.equal(chsh?.chsh, 4, 'by more than nature allows')
})

test('the test is part of the parameters: hashed where there is one, refused of weak pulses', () => {
  const hash = (parameters: LinkParameters): string =>
    Buffer.from(parametersHash(parameters)).toString('hex')
  assert.notEqual(hash(testedLink()), hash(pairLink()))
  assert.notEqual(hash(testedLink(0.1)), hash(testedLink(0.2)))
  const { clockHz, intensities, keyBasisProbability } = PAIRS
  const weak = { clockHz, intensities, keyBasisProbability }
  const refused = (pulses: LinkParameters['pulses']): void =>
    assert.throws(() => linkParameters({ ...pairLink(), pulses }), QkdRefusal)
  refused({ ...weak, chshProbability: 0.1 })
  refused({ ...PAIRS, chshProbability: 0.51 })
  refused({ ...PAIRS, chshProbability: 0 })
})
