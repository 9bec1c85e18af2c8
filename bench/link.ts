/**
 * The quantum link: simulated optics, error correction, privacy amplification, the engines.
 *
 * One core each; processor time, so that other work on the machine counts little.
 *
 * @module
 */

import { bitsOf, linkId, SeededRandom, siteId, type Bits } from '#base'
import { systemRandom } from '#crypto'
import { BatchSimulator, linkOf, presetNamed } from '#optics'
import {
  amplify,
  binaryEntropy,
  copyOfInput,
  drawSeed,
  linkParameters,
  LinkEngine,
  LoopbackLink,
  Orders,
  reconcileInProcess,
  type AmplificationFamily,
  type AmplificationShape,
  type Role,
} from '#qkd'
import { seededRandom } from '#world/ports'
import { cpuSeconds, type Benchmark, type Group } from './bench.ts'
import { oneWay } from './ldpc.ts'
import { pipelines } from './pipeline.ts'
import { choicesAt } from './replayed.ts'

export const group: Group = {
  name: 'link',
  open: () =>
    Promise.resolve({
      list: [
        ...optics(),
        ...cascade(),
        ...oneWay(),
        ...amplification(),
        ...engines(),
        ...pipelines(),
      ],
    }),
}

function optics(): readonly Benchmark[] {
  const preset = presetNamed('lab-25km')
  const run = async (count: (slots: number, clicks: number) => number): Promise<number> => {
    const simulator = new BatchSimulator({ link: linkOf(preset), random: systemRandom })
    simulator.next(preset.batchSlots)
    let clicks = 0
    const seconds = await cpuSeconds(() => {
      for (let batch = 0; batch < OPTICS_BATCHES; batch++) {
        clicks += simulator.next(preset.batchSlots).detections.slots.length
      }
    })
    simulator.clear()
    return count(OPTICS_BATCHES * preset.batchSlots, clicks) / seconds
  }
  return [
    {
      name: 'link.pulses',
      claim: 'simulated pulses, decoy BB84, 25 km, all effects',
      unit: 'Mpulse/s',
      bar: 1000,
      better: 'more',
      peer: { name: 'SeQUeNCe', value: 0.5 },
      run: () => run((slots) => slots / 1e6),
    },
    {
      name: 'link.clicks',
      claim: 'simulated clicks, the same link',
      unit: 'Mclick/s',
      bar: 10,
      better: 'more',
      run: () => run((_, clicks) => clicks / 1e6),
    },
  ]
}

function cascade(): readonly Benchmark[] {
  const peers = new Map([
    [0.01, { speed: 29, f: 1.139 }],
    [0.03, { speed: 19, f: 1.173 }],
    [0.05, { speed: 15, f: 1.183 }],
  ])
  return [...peers].flatMap(([errorRate, peer]) => {
    const percent = `${String(errorRate * 100)} %`
    return [
      {
        name: `link.cascade.speed.${String(errorRate * 100)}`,
        claim: `Cascade, both ends, n = 65,536, QBER ${percent}`,
        unit: 'Mb/s',
        bar: 30,
        better: 'more',
        peer: { name: 'cascade-cpp original', value: peer.speed },
        run: async () => {
          const input = frames(errorRate, CASCADE_FRAMES)
          const seconds = await cpuSeconds(() => void reconcile(input, errorRate))
          return input.sent.length / seconds / 1e6
        },
      },
      {
        name: `link.cascade.f.${String(errorRate * 100)}`,
        claim: `its efficiency f, leak from the transcript`,
        unit: '',
        bar: 1.055,
        better: 'less',
        peer: { name: 'cascade-cpp original', value: peer.f },
        run: () => {
          const input = frames(errorRate, CASCADE_FRAMES)
          const { leakBits } = reconcile(input, errorRate)
          return leakBits / (input.sent.length * binaryEntropy(input.flipped / input.sent.length))
        },
      },
    ] satisfies Benchmark[]
  })
}

interface Frames {
  readonly sent: Bits
  readonly received: Bits
  readonly flipped: number
}

let seed = 1
/** Kept, as a session keeps them. */
const orders = new Orders(systemRandom.octets(32))

/** Random bits and a copy with independent errors. */
function frames(errorRate: number, count: number): Frames {
  const random = new SeededRandom(seed++)
  const sent = bitsOf(systemRandom.octets((count * FRAME_BITS) / 8))
  const received = bitsOf(sent.octets.slice())
  let flipped = 0
  for (let at = gap(random, errorRate); at < sent.length; at += 1 + gap(random, errorRate)) {
    received.octets[at >> 3] ^= 1 << (at & 7)
    flipped++
  }
  return { sent, received, flipped }
}

const gap = (random: SeededRandom, chance: number): number =>
  Math.floor(Math.log(1 - random.unit()) / Math.log(1 - chance))

const reconcile = ({ sent, received }: Frames, errorRate: number) =>
  reconcileInProcess({
    transmitter: sent,
    receiver: received,
    errorRate,
    frameBits: FRAME_BITS,
    orders,
  })

function amplification(): readonly Benchmark[] {
  const one = (family: AmplificationFamily, inputBits: number, bar: number | null): Benchmark => {
    const size = inputBits >= MEGABIT ? `${inputBits / MEGABIT} Mbit` : `${inputBits / 1024} kbit`
    const shape: AmplificationShape = {
      family,
      inputBits,
      secretBits: Math.floor(inputBits * 0.35),
    }
    return {
      name: `link.amplification.${family}.${size.replace(' ', '')}`,
      claim: `privacy amplification, ${family}, blocks of ${size}`,
      unit: 'Mb/s',
      bar,
      better: 'more',
      peer: { name: 'Toshiba module', value: 108 },
      runs: inputBits > 64 * MEGABIT ? 3 : 5,
      run: async () => {
        const bits = bitsOf(systemRandom.octets(inputBits / 8))
        const drawn = drawSeed(shape, systemRandom)
        const rounds = Math.max(1, Math.round((16 * MEGABIT) / inputBits))
        const seconds = await cpuSeconds(() => {
          for (let round = 0; round < rounds; round++) amplify(shape, bits, drawn)
        })
        return (rounds * inputBits) / seconds / 1e6
      },
    }
  }
  return [
    one('modular', MEGABIT, 150),
    one('modular', 16 * MEGABIT, null),
    one('modular', 128 * MEGABIT, 100),
    one('toeplitz', 256 * 1024, 20),
  ]
}

/** One end by itself, fed with what it was fed in a run of both. */
function engines(): readonly Benchmark[] {
  const one = (role: Role): Benchmark => ({
    name: `link.engine.${role}`,
    claim: `whole ${role} end: sifting to key, QBER 1 %, one core`,
    unit: 'Mb/s sifted',
    bar: null,
    better: 'more',
    runs: 3,
    run: () => replay(role),
  })
  return [one('transmitter'), one('receiver')]
}

async function replay(role: Role): Promise<number> {
  const preset = presetNamed('cambridge-metro')
  const link = linkOf(preset)
  const parameters = linkParameters({
    link: linkId('bench'),
    transmitter: siteId('alice'),
    receiver: siteId('bob'),
    pulses: link.settings,
    blockBits: 1_000_000,
    batchesInFlightMax: 32,
  })
  const random = (name: string) => seededRandom(1, name)
  const pair = new LoopbackLink({
    parameters,
    random: {
      transmitter: random('alice'),
      receiver: random('bob'),
      bootstrap: random('bootstrap'),
    },
    record: true,
  })
  const simulator = new BatchSimulator({ link, random: systemRandom })
  for (let batch = 0; batch < ENGINE_BATCHES; batch++) {
    const { detections, record } = simulator.next(preset.batchSlots)
    const choices = choicesAt(record, detections.slots)
    pair.feed(detections, { batch: detections.batch, choices })
  }
  const { inputs } = pair.ends[role]
  const copies = inputs.map(copyOfInput)
  const name = role === 'transmitter' ? 'alice' : 'bob'
  const alone = new LinkEngine({ site: parameters[role], parameters, random: random(name) })
  const seconds = await cpuSeconds(() => {
    for (const input of copies) alone.step(input)
  })
  const { siftedBits } = alone.status().account
  return siftedBits / seconds / 1e6
}

const MEGABIT = 2 ** 20
const FRAME_BITS = 65_536
const CASCADE_FRAMES = 128
const OPTICS_BATCHES = 120
const ENGINE_BATCHES = 400
