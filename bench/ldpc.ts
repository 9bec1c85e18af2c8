/**
 * One-way LDPC correction: speed of decoding, and what is told.
 *
 * Frames that are not decoded count with what Cascade tells to correct them after all.
 *
 * @module
 */

import { bitsOf, SeededRandom, type Bits } from '#base'
import { systemRandom } from '#crypto'
import { binaryEntropy, correctOneWay } from '#qkd'
import { cpuSeconds, type Benchmark } from './bench.ts'

/** Speed and efficiency at QBER 1, 3 and 5 %, in blocks of a megabit. */
export function oneWay(): readonly Benchmark[] {
  return PEERS.flatMap(([errorRate, peer]) => {
    const percent = String(errorRate * 100)
    return [
      {
        name: `link.ldpc.speed.${percent}`,
        claim: `one-way LDPC, both ends, blocks of 10⁶ bits, QBER ${percent} %`,
        unit: 'Mb/s',
        bar: 3,
        better: 'more',
        peer: { name: 'LDPC4QKD', value: peer.speed },
        runs: RUNS,
        run: async () => {
          const block = blockWith(errorRate)
          const seconds = await cpuSeconds(() => void told(block, errorRate))
          return BLOCK_BITS / seconds / 1e6
        },
      },
      {
        name: `link.ldpc.f.${percent}`,
        claim: 'its efficiency f, all syndromes and Cascade where they did not suffice',
        unit: '',
        bar: 1.3,
        better: 'less',
        peer: { name: 'LDPC4QKD', value: peer.f },
        runs: RUNS,
        run: () => {
          const block = blockWith(errorRate)
          return told(block, errorRate) / (BLOCK_BITS * binaryEntropy(block.flipped / BLOCK_BITS))
        },
      },
    ] satisfies Benchmark[]
  })
}

interface Block {
  readonly sent: Bits
  readonly received: Bits
  readonly flipped: number
}

/** Bits told in all. */
function told({ sent, received }: Block, errorRate: number): number {
  const { leakBits, undecoded, frameBits } = correctOneWay({
    transmitter: sent,
    receiver: received,
    errorRate,
    sample: SAMPLE,
  })
  return leakBits + undecoded.length * frameBits * binaryEntropy(errorRate) * CASCADE_F
}

let seed = 1

function blockWith(errorRate: number): Block {
  const random = new SeededRandom(seed++)
  const sent = bitsOf(systemRandom.octets(BLOCK_BITS / 8))
  const received = bitsOf(sent.octets.slice())
  let flipped = 0
  for (let at = 0; at < BLOCK_BITS; at++) {
    if (!random.chance(errorRate)) continue
    received.octets[at >> 3] ^= 1 << (at & 7)
    flipped++
  }
  return { sent, received, flipped }
}

/** Measured with the codes of that project whose rate comes nearest; `reference` names them. */
const PEERS = [
  [0.01, { speed: 0.096, f: 1.238 }],
  [0.03, { speed: 0.069, f: 1.117 }],
  [0.05, { speed: 0.029, f: 1.08 }],
] as const
const BLOCK_BITS = 1_000_000
/** Detections of the test basis by which the rate would be known. */
const SAMPLE = 250_000
const CASCADE_F = 1.05
const RUNS = 5
