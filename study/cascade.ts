/**
 * Efficiency of our Cascade beside published variants: bits leaked over n·h(Q), errors drawn at
 * random. The one study that draws instead of computing.
 *
 * @module
 */

import { bitsOf, SeededRandom, type Bits } from '#base'
import { binaryEntropy, Orders, reconcileInProcess } from '#qkd'
import { seededRandom } from '#world/ports'
import type { Comparison, Study, StudyResult } from './study.ts'

export const study: Study = { run }

const RATES = [0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.11]

/** Means of 1,000 (n = 10⁴) and 100 (10⁵) runs of cascade-cpp, measured on a machine like this. */
const peers = [
  { name: 'original, n = 10⁴', hue: 1, f: [1.143, 1.174, 1.185, 1.217, 1.241] },
  { name: 'biconf, n = 10⁴', hue: 2, f: [1.101, 1.085, 1.093, 1.106, 1.114] },
  { name: 'yanetal, n = 10⁴', hue: 3, f: [1.094, 1.078, 1.077, 1.097, 1.096] },
  { name: 'option 4, n = 10⁴', hue: 4, f: [1.114, 1.091, 1.106, 1.115, 1.129] },
  { name: 'option 7, n = 10⁴', hue: 5, f: [1.121, 1.157, 1.113, 1.096, 1.156] },
  { name: 'yanetal, n = 10⁵', hue: 6, f: [1.057, 1.061, 1.065] },
  { name: 'option 4, n = 10⁵', hue: 7, f: [1.068, 1.072, 1.094] },
]
const PEER_RATES = [0.01, 0.03, 0.05, 0.08, 0.11]

interface Sample {
  readonly sent: Bits
  readonly received: Bits
  readonly flipped: number
}

function sample(bits: number, errorRate: number, seed: number): Sample {
  const random = new SeededRandom(seed)
  const sent = bitsOf(seededRandom(seed).octets(bits / 8))
  const octets = sent.octets.slice()
  let flipped = 0
  // Gaps between errors are geometric.
  const decay = Math.log1p(-errorRate)
  for (let at = -1; ; flipped++) {
    at += 1 + Math.floor(Math.log1p(-random.unit()) / decay)
    if (at >= bits) break
    octets[at >> 3] ^= 1 << (at & 7)
  }
  return { sent, received: bitsOf(octets), flipped }
}

interface Point {
  readonly errorRate: number
  readonly f: number
  readonly rounds: number
  readonly frames: number
  readonly failed: number
}

function measure(frameBits: number, errorRate: number, bits: number): Point {
  const { sent, received, flipped } = sample(bits, errorRate, Math.round(errorRate * 1e4))
  const orders = new Orders(seededRandom(frameBits).octets(32))
  const got = reconcileInProcess({
    transmitter: sent,
    receiver: received,
    errorRate,
    frameBits,
    orders,
  })
  let failed = 0
  const octetsOfFrame = got.frameBits / 8
  for (let frame = 0; frame < got.frames; frame++) {
    const [from, to] = [frame * octetsOfFrame, (frame + 1) * octetsOfFrame]
    const mine = got.corrected.octets.subarray(from, to)
    if (Buffer.compare(mine, sent.octets.subarray(from, to)) !== 0) failed++
  }
  const f = got.leakBits / (bits * binaryEntropy(flipped / bits))
  return { errorRate, f, rounds: got.rounds, frames: got.frames, failed }
}

function run(): StudyResult {
  const large = RATES.map((rate) => measure(65_536, rate, 2 ** 23))
  const small = RATES.map((rate) => measure(10_240, rate, 10_240 * 400))
  const at = (points: readonly Point[], rate: number): Point =>
    points.find(({ errorRate }) => errorRate === rate)!
  const comparisons = [0.01, 0.03, 0.05].flatMap((rate, which): Comparison[] => [
    {
      what: `f at Q = ${String(rate * 100)} %, frames of 65,536`,
      unit: '',
      ours: at(large, rate).f,
      published: peers[5].f[which],
      source: 'cascade-cpp yanetal, n = 10⁵',
    },
    {
      what: `f at Q = ${String(rate * 100)} %, frames of 10,240`,
      unit: '',
      ours: at(small, rate).f,
      published: peers[2].f[which],
      source: 'cascade-cpp yanetal, n = 10⁴',
    },
  ])
  const frames = [...large, ...small].reduce((sum, point) => sum + point.frames, 0)
  const failed = [...large, ...small].reduce((sum, point) => sum + point.failed, 0)
  comparisons.push({
    what: 'frames left with errors, all together',
    unit: `of ${String(frames)}`,
    ours: failed,
    published: null,
    source: 'ours; cascade-cpp 0 to 5·10⁻³ of them, by variant',
  })
  return {
    comparisons,
    plots: [
      {
        name: 'cascade',
        title: 'Cascade: what is leaked over the least that could be',
        subtitle:
          'Ours: both ends in one process, errors drawn at random, every parity counted; frames as ' +
          'the link uses them. Dashed: variants of cascade-cpp, means of 100 to 1,000 runs.',
        x: { label: 'error rate Q', min: 0, max: 0.12 },
        y: { label: 'efficiency f', min: 1, max: 1.26 },
        series: [
          {
            name: 'ours, frames of 65,536',
            style: 'line',
            hue: 0,
            points: large.map(({ errorRate, f }) => [errorRate, f]),
          },
          {
            name: 'ours, frames of 10,240',
            style: 'dotted',
            hue: 0,
            points: small.map(({ errorRate, f }) => [errorRate, f]),
          },
          ...peers.map(({ name, hue, f }) => ({
            name,
            hue,
            style: 'dashed' as const,
            points: f.map((value, which) => [PEER_RATES[which], value] as const),
          })),
        ],
      },
    ],
    remarks: [
      `2²³ bits for each point of 65,536, ${String(10_240 * 400)} for each of 10,240; seeded`,
      `rounds of the strip that asked most: ${large.map(({ rounds }) => String(rounds)).join(', ')}`,
    ],
  }
}
