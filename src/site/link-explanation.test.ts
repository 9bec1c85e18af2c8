/** What an operator is told of a block is what its report says, and fits the contract. @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { door, linkId, siteId } from '#base'
import { ExplanationShape } from '#contract'
import {
  linkParameters,
  measuredChsh,
  wiesemann2024,
  type BlockReport,
  type LinkParameters,
} from '#qkd'
import { explanationOf } from './link-explanation.ts'
import { RECENT_BLOCKS_MAX, RecentBlocks } from './recent-blocks.ts'

const parameters = linkParameters({
  link: linkId('bristol-bath'),
  transmitter: siteId('bristol'),
  receiver: siteId('bath'),
  pulses: {
    clockHz: 1e9,
    intensities: [
      { meanPhotonNumber: 0.5, probability: 0.7 },
      { meanPhotonNumber: 0.15, probability: 0.3 },
    ],
    keyBasisProbability: { transmitter: 0.9, receiver: 0.9 },
  },
})

/** Of a device that says nothing of itself. */
const silently = (of: LinkParameters, report: BlockReport) =>
  explanationOf(of, { report, observed: undefined })

const counts = {
  key: { detections: [800_000, 90_000], errors: [8_000, 1_200] },
  test: { detections: [160_000, 18_000], errors: [1_600, 240] },
}

const report: BlockReport = {
  link: parameters.link,
  epoch: 3,
  sequence: 17,
  role: 'receiver',
  outcome: 'distilled',
  simulated: true,
  batches: 4,
  slots: 2 ** 24,
  detections: 1_200_000,
  counts,
  testErrorRate: 0.0103,
  keyErrorRate: 0.0103,
  reconciliationBits: 80_000,
  verificationBits: 128,
  disclosedFrames: 0,
  efficiency: 1.05,
  rounds: 90,
  keyLength: wiesemann2024({
    counts,
    intensities: parameters.pulses.intensities,
    epsilons: parameters.epsilons,
    leakBits: 80_000,
    verificationBits: 128,
  }),
  account: {
    siftedBits: 890_000,
    applicationBits: 200_000,
    reserveBits: 65_792,
    remainderBits: 8,
    leakBits: 80_128,
    marginBits: 544_072,
    discardedBits: 0,
  },
  epsilons: { secrecy: 1e-10, correctness: 1e-15, authentication: 1e-30 },
  padsSpent: 5,
}

const open = door(ExplanationShape, 'explanation')

test('a distilled block is explained with its counts, its bound and where its bits went', () => {
  const explanation = open(silently(parameters, report))
  assert.equal(explanation.subject, 'link bristol-bath, block 3/17')
  assert.equal(explanation.secretBits, report.keyLength?.secretBits)
  assert.equal(explanation.verdict, 'key')
  const [numbers, length, shares] = explanation.sections
  const valueOf = (name: string) => numbers.terms.find((term) => term.name === name)?.value
  assert.equal(valueOf('keyDetections2'), 90_000)
  assert.equal(valueOf('testErrors1'), 1_600)
  assert.equal(length.terms.length, Object.keys(report.keyLength?.terms ?? {}).length)
  const [whole, ...parts] = shares.terms.map(({ value }) => value)
  assert.equal(
    parts.reduce((sum, value) => sum + value, 0),
    whole,
  )
})

test('what is crossed is told of a link of three states, and of no other', () => {
  const three = linkParameters({
    ...{ link: parameters.link, transmitter: siteId('bristol'), receiver: siteId('bath') },
    pulses: { ...parameters.pulses, source: 'three-states' },
  })
  const crossed: BlockReport = { ...report, counts: { ...counts, crossedZeros: [40_000, 4500] } }
  const explanation = open(silently(three, crossed))
  assert.equal(explanation.bound, 'three-state')
  const namesOf = ({ sections }: typeof explanation) => sections[0].terms.map(({ name }) => name)
  const told = explanation.sections[0].terms.find(({ name }) => name === 'crossedZeros2')
  assert.equal(told?.value, 4500)
  const plain = open(silently(parameters, report))
  assert(namesOf(plain).every((name) => !name.startsWith('crossed')))
})

test('a block given up before its bound was computed is explained by its cause', () => {
  const { keyLength, ...early } = report
  assert(keyLength !== undefined)
  const stopped: BlockReport = { ...early, outcome: 'discarded', cause: 'authentication-failed' }
  const explanation = open(silently(parameters, stopped))
  assert.equal(explanation.secretBits, 0)
  assert.equal(explanation.verdict, 'authentication-failed')
  assert.match(explanation.why, /tag did not fit/)
  assert.deepEqual(
    explanation.sections.map(({ title }) => title),
    ['Counts', 'Where the sifted bits went', 'Authentication', 'How the devices are set'],
  )
})

test('a block with a length that does not cover its reserve is too short, with its length', () => {
  const { keyLength } = report
  assert(keyLength !== undefined)
  const short: BlockReport = {
    ...report,
    outcome: 'discarded',
    cause: 'too-short',
    keyLength: { ...keyLength, secretBits: 60_000 },
  }
  const explanation = open(silently(parameters, short))
  assert.equal(explanation.verdict, 'too-short')
  assert.equal(explanation.secretBits, 60_000)
})

test('a block whose link has a CHSH test is explained with its counts and with S', () => {
  const chsh = measuredChsh([
    { same: 850, different: 150 },
    { same: 160, different: 840 },
    { same: 8400, different: 1600 },
    { same: 8500, different: 1500 },
  ])
  assert(chsh !== undefined)
  const { sections } = open(silently(parameters, { ...report, chsh }))
  const terms = sections.find(({ title }) => title === 'CHSH test')?.terms ?? []
  const valueOf = (name: string) => terms.find((term) => term.name === name)?.value
  assert.deepEqual([valueOf('same2'), valueOf('different2'), valueOf('E2')], [160, 840, -0.68])
  assert.equal(valueOf('chshMeasured'), chsh.chsh)
  assert(Math.abs(chsh.chsh - 2.76) < 1e-12)
  assert.equal(valueOf('lowerBound'), chsh.lowerBound)
  assert(!open(silently(parameters, report)).sections.some(({ title }) => title === 'CHSH test'))
})

test('tags, settings and what the device observed are told beside the bound', () => {
  const observed = {
    detectors: {
      slotCount: 4096,
      clicks: [10, 11, 2, 3],
      doubleClicks: 1,
      deadTimeDrops: 4,
      photocurrentUa: 0.5,
      arrivals: { meanPs: -1.5, spreadPs: 80 },
    },
  } as const
  const { sections } = open(explanationOf(parameters, { report, observed }))
  const terms = new Map(
    sections.flatMap((section) => section.terms).map(({ name, value }) => [name, value]),
  )
  const named = (name: string) => terms.get(name)
  assert.deepEqual(
    ['clicksZ0', 'clicksX1', 'doubleClicks', 'deadTimeDrops', 'arrivalMeanPs'].map(named),
    [10, 3, 1, 4, -1.5],
  )
  assert.equal(named('padsSpent'), report.padsSpent)
  assert.equal(named('clockHz'), 1e9)
  assert.equal(named('keyBasisReceiver'), 0.9)
  const dark = open(explanationOf(parameters, { report, observed: { incomingLightNw: 0.25 } }))
  const light = dark.sections.at(-1)?.terms.map(({ name, value }) => [name, value])
  assert.deepEqual(light, [['incomingLightNw', 0.25]])
})

test('the newest blocks are kept by name, and the oldest of them goes', () => {
  const blocks = new RecentBlocks()
  assert.deepEqual([blocks.last], [undefined])
  for (let sequence = 0; sequence <= RECENT_BLOCKS_MAX; sequence++) {
    blocks.take({ ...report, sequence }, undefined)
  }
  assert.equal(blocks.last?.report.sequence, RECENT_BLOCKS_MAX)
  assert.equal(blocks.named('3/1')?.report.sequence, 1)
  assert.equal(blocks.named('3/0'), undefined)
  assert.equal(blocks.named('4/1'), undefined)
})
